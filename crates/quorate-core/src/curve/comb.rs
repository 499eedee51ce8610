//! Multiples of secp256k1's generator from a table of all digits at all places: 43 additions and no doubling.
//!
//! `k256` takes digits of four bits, which makes 65 additions. Wider digits pay only if the table is searched quickly: here it holds
//! plain words, of which all are looked at, and the point that comes out is checked to be on the curve like any other.

use alloc::vec::Vec;
use core::hint::black_box;

use ff::PrimeField;
use k256::{
    AffinePoint, ProjectivePoint, Scalar,
    elliptic_curve::{
        BatchNormalize,
        point::AffineCoordinates,
        subtle::{Choice, ConditionallySelectable},
    },
};
use spin::Once;
use zeroize::Zeroizing;

/// Bits of a digit.
const WIDTH: u32 = 6;
const PLACES: usize = 43;
/// 1, 3, … 63 times 64^place · B.
const MULTIPLES: usize = 1 << (WIDTH - 1);

/// x and y, as words of their encodings.
type Entry = [u64; 8];

fn table() -> &'static [[Entry; MULTIPLES]] {
    static TABLE: Once<Vec<[Entry; MULTIPLES]>> = Once::new();
    TABLE.call_once(|| {
        let mut base = ProjectivePoint::GENERATOR;
        let mut points = Vec::with_capacity(PLACES * MULTIPLES);
        for _ in 0..PLACES {
            let twice = base.double();
            points.extend(core::iter::successors(Some(base), |point| Some(point + &twice)).take(MULTIPLES));
            (0..WIDTH).for_each(|_| base = base.double());
        }
        let entries: Vec<_> = ProjectivePoint::batch_normalize(points.as_slice()).iter().map(entry).collect();
        entries.as_chunks().0.to_vec()
    })
}

fn entry(point: &AffinePoint) -> Entry {
    let mut entry = [0; 8];
    let (x, y) = (<[u8; 32]>::from(point.x()), <[u8; 32]>::from(point.y()));
    let words = x.as_chunks().0.iter().chain(y.as_chunks().0);
    entry.iter_mut().zip(words).for_each(|(word, bytes)| *word = u64::from_le_bytes(*bytes));
    entry
}

fn point(entry: &Entry) -> AffinePoint {
    let (mut x, mut y) = ([0; 32], [0; 32]);
    let words = x.as_chunks_mut().0.iter_mut().chain(y.as_chunks_mut().0);
    words.zip(entry).for_each(|(bytes, word)| *bytes = word.to_le_bytes());
    AffinePoint::from_coordinates(&x.into(), &y.into()).unwrap_or(AffinePoint::IDENTITY)
}

/// `scalar · B`, in constant time.
pub(super) fn mul_generator(scalar: &Scalar) -> ProjectivePoint {
    let (digits, negated) = digits(scalar);
    let (mut masks, mut chosen) = (Zeroizing::new([0; MULTIPLES]), Zeroizing::new([0; 8]));
    let mut sum = ProjectivePoint::IDENTITY;
    for (digit, multiples) in digits.iter().zip(table()) {
        sum += &select(*digit, multiples, &mut masks, &mut chosen);
    }
    let opposite = -sum;
    sum.conditional_assign(&opposite, negated);
    // Zero alone has no odd digits, nor has what is opposite to it.
    sum.conditional_assign(&ProjectivePoint::IDENTITY, scalar.is_zero());
    sum
}

/// `scalar · B`, for a scalar that may be known.
pub(crate) fn mul_generator_vartime(scalar: &Scalar) -> ProjectivePoint {
    if bool::from(scalar.is_zero()) {
        return ProjectivePoint::IDENTITY;
    }
    let (digits, negated) = digits(scalar);
    let mut sum = ProjectivePoint::IDENTITY;
    for (digit, multiples) in digits.iter().zip(table()) {
        let found = multiples.get(usize::from(digit.unsigned_abs() >> 1)).map_or(AffinePoint::IDENTITY, point);
        if *digit < 0 { sum -= &found } else { sum += &found }
    }
    if bool::from(negated) { -sum } else { sum }
}

/// Looks at every entry, whatever the digit. The buffers are the caller's, to be wiped once.
fn select(digit: i8, multiples: &[Entry; MULTIPLES], masks: &mut [u64; MULTIPLES], chosen: &mut Entry) -> AffinePoint {
    let sign = digit >> 7;
    let wanted = u64::from(((digit ^ sign) - sign).cast_unsigned() >> 1);
    masks.iter_mut().zip(0u64..).for_each(|(mask, number)| *mask = ((wanted ^ number).wrapping_sub(1) >> 63).wrapping_neg());
    // Opaque to the compiler, which could make an index of them.
    let masks = black_box(masks);
    *chosen = [0; 8];
    for (entry, mask) in multiples.iter().zip(masks) {
        chosen.iter_mut().zip(entry).for_each(|(to, word)| *to |= word & *mask);
    }
    let mut found = point(chosen);
    let negated = -found;
    found.conditional_assign(&negated, Choice::from(sign.cast_unsigned() & 1));
    found
}

/// Odd digits from −63 to 63, the lowest first, of a scalar that is not zero or, if that is even, of what is opposite to it; and which of the two. In
/// constant time.
fn digits(scalar: &Scalar) -> (Zeroizing<[i8; PLACES]>, Choice) {
    let opposite = Zeroizing::new(-*scalar);
    let even = !scalar.is_odd();
    let odd = Zeroizing::new(Scalar::conditional_select(scalar, &opposite, even));
    let bytes = Zeroizing::new(<[u8; 32]>::from(odd.to_repr()));
    let mut digits = Zeroizing::new([0; PLACES]);
    let (mut pool, mut bits, mut bytes) = (0u32, 0, bytes.iter().rev());
    for (place, digit) in digits.iter_mut().enumerate() {
        // When bytes are wanted and when they run out is the same for all scalars. One more bit is looked at than is taken away: what
        // remains after a digit is always odd.
        if bits <= WIDTH {
            pool |= u32::from(bytes.next().copied().unwrap_or_default()) << bits;
            bits += 8;
        }
        let window = i32::try_from(pool & 127 | 1).unwrap_or_default();
        let value = if place + 1 < PLACES { window - 64 } else { window };
        *digit = i8::try_from(value).unwrap_or_default();
        pool >>= WIDTH;
        bits -= WIDTH;
    }
    (digits, even)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ff::Field;
    use proptest::prelude::*;

    fn agree(scalar: &Scalar) {
        let expected = ProjectivePoint::GENERATOR * scalar;
        assert_eq!(mul_generator(scalar), expected, "{scalar:?}");
        assert_eq!(mul_generator_vartime(scalar), expected, "{scalar:?}");
    }

    #[test]
    fn extreme_scalars_multiply_right() {
        for small in 0..200u64 {
            agree(&Scalar::from(small));
            agree(&-Scalar::from(small));
        }
        for bits in 0..256 {
            let power = Scalar::from(2u64).pow([bits]);
            agree(&power);
            agree(&(power - Scalar::ONE));
            agree(&-power);
        }
        for word in [u64::MAX, 0x5555_5555_5555_5555, 0xaaaa_aaaa_aaaa_aaaa, 0x7df7_df7d_f7df_7df7, 0x8208_2082_0820_8208] {
            agree(&(0..4).fold(Scalar::ZERO, |sum, _| sum * Scalar::from(2u64).pow([64]) + Scalar::from(word)));
        }
    }

    #[test]
    fn every_entry_of_the_table_is_the_multiple_of_its_place() {
        for (place, multiples) in (0u64..).zip(table()) {
            for (index, multiple) in (0u64..).zip(multiples) {
                let expected = Scalar::from(2u64).pow([6 * place]) * Scalar::from(2 * index + 1);
                assert_eq!(ProjectivePoint::from(point(multiple)), ProjectivePoint::GENERATOR * expected);
            }
        }
    }

    #[test]
    fn selection_finds_every_digit() {
        let multiples = &table()[7];
        for size in (1..64i8).step_by(2) {
            let expected = point(&multiples[usize::from(size.unsigned_abs()) / 2]);
            assert_eq!(select(size, multiples, &mut [0; MULTIPLES], &mut [0; 8]), expected);
            assert_eq!(select(-size, multiples, &mut [0; MULTIPLES], &mut [0; 8]), -expected);
        }
    }

    proptest! {
        #[test]
        fn random_scalars_multiply_right(number: [u64; 4]) {
            agree(&number.into_iter().fold(Scalar::ZERO, |sum, word| sum * Scalar::from(2u64).pow([64]) + Scalar::from(word)));
        }
    }
}
