//! Multi-scalar multiplication by buckets, after Pippenger, for public inputs.
//!
//! The secp256k1 and P-256 crates sum wNAF tables, which costs the same for every point and the same for short scalars as for long
//! ones. With buckets the cost of a point falls as their number grows, and the 128-bit weights of a batch verification cost half.
//! Ed25519 needs none of this: its crate has both.

use alloc::{vec, vec::Vec};

use group::Group;

use super::Curve;

/// Whether this beats the curve crates' own; measured.
pub(super) fn pay<C: Curve>(scalars: &[C::Scalar]) -> bool {
    scalars.len() >= 120 || scalars.len() >= 32 && scalars.iter().all(is_short::<C>)
}

/// Whether a scalar has at most 128 bits.
fn is_short<C: Curve>(scalar: &C::Scalar) -> bool {
    let bytes = C::encode_scalar(scalar);
    let high = if C::SCALARS_ARE_LITTLE_ENDIAN { bytes.last_chunk::<16>() } else { bytes.first_chunk::<16>() };
    high == Some(&[0; 16])
}

/// Σ `scalarsᵢ · pointsᵢ`.
pub(super) fn multiscalar_mul_vartime<C: Curve>(scalars: &[C::Scalar], points: &[C::Point]) -> C::Point {
    let width = window_width(points.len());
    let digits: Vec<Vec<i32>> = scalars.iter().map(|scalar| signed_digits::<C>(scalar, width)).collect();
    let windows = digits.iter().map(Vec::len).max().unwrap_or_default();
    let mut buckets = vec![C::Point::identity(); 1 << (width - 1)];
    let mut sum = C::Point::identity();
    for window in (0..windows).rev() {
        (0..width).for_each(|_| sum = sum.double());
        for (digits, point) in digits.iter().zip(points) {
            let digit = digits.get(window).copied().unwrap_or_default();
            let bucket = usize::try_from(digit.unsigned_abs()).ok().and_then(|size| size.checked_sub(1));
            if let Some(bucket) = bucket.and_then(|index| buckets.get_mut(index)) {
                if digit < 0 { *bucket -= point } else { *bucket += point }
            }
        }
        sum += empty(&mut buckets);
    }
    sum
}

/// Σ (k + 1) · `buckets`[k], by running sums; leaves the buckets empty.
fn empty<P: Group>(buckets: &mut [P]) -> P {
    let (mut running, mut sum) = (P::identity(), P::identity());
    for bucket in buckets.iter_mut().rev() {
        running += core::mem::replace(bucket, P::identity());
        sum += running;
    }
    sum
}

/// Bits a window, so that adding the points and emptying the buckets cost about the same.
const fn window_width(points: usize) -> u32 {
    match points {
        ..48 => 4,
        48..120 => 5,
        120..350 => 6,
        350..900 => 7,
        900..2200 => 8,
        2200.. => 9,
    }
}

/// Digits from −2ʷ⁻¹ + 1 to 2ʷ⁻¹, the lowest first; no zeros at the end.
fn signed_digits<C: Curve>(scalar: &C::Scalar, width: u32) -> Vec<i32> {
    let mut bytes = C::encode_scalar(scalar);
    if !C::SCALARS_ARE_LITTLE_ENDIAN {
        bytes.reverse();
    }
    let (mut digits, mut pool, mut bits) = (Vec::with_capacity(66), 0i32, 0u32);
    let (mask, half) = ((1i32 << width) - 1, 1i32 << (width - 1));
    // Two more bytes push the last bits and the last carry out.
    for byte in bytes.into_iter().chain([0; 2]) {
        pool += i32::from(byte) << bits;
        bits += 8;
        while bits >= width {
            let digit = pool & mask;
            pool >>= width;
            bits -= width;
            if digit > half {
                digits.push(digit - mask - 1);
                pool += 1;
            } else {
                digits.push(digit);
            }
        }
    }
    digits.truncate(digits.iter().rposition(|digit| *digit != 0).map_or(0, |last| last + 1));
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::Bip340;
    use ff::Field;
    use proptest::prelude::*;

    type Scalar = <Bip340 as Curve>::Scalar;

    fn agrees(scalars: &[Scalar]) {
        let points: Vec<_> = (1u64..).take(scalars.len()).map(|k| Bip340::mul_generator(&Scalar::from(k * k))).collect();
        let expected: <Bip340 as Curve>::Point = points.iter().zip(scalars).map(|(point, scalar)| *point * scalar).sum();
        assert_eq!(multiscalar_mul_vartime::<Bip340>(scalars, &points), expected);
        assert_eq!(Bip340::multiscalar_mul_vartime(scalars, &points), expected);
    }

    #[test]
    fn extreme_scalars_and_every_window_width_agree_with_single_multiplications() {
        for count in [0, 1, 2, 32, 48, 120, 350, 900] {
            let one = Scalar::ONE;
            agrees(
                &(0..count)
                    .map(|k| [-one, one, Scalar::ZERO, -one.double(), Scalar::from(1u64 << 63)][k % 5])
                    .collect::<Vec<_>>(),
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn random_scalars_agree_with_single_multiplications(wide in prop::collection::vec(prop::array::uniform32(any::<u8>()), 1..60)) {
            let scalars = wide.iter().map(|bytes| Bip340::scalar_from_wide(&[*bytes, *bytes].concat().try_into().unwrap()));
            agrees(&scalars.collect::<Vec<_>>());
        }
    }
}
