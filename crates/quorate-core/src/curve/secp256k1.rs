//! Sums of public multiples of points of secp256k1, by signed digits of half the length.
//!
//! The endomorphism (x, y) ↦ (β·x, y) multiplies by λ, a cube root of one mod q. A scalar k is k₁ + k₂·λ with halves of 128 bits (Gallant,
//! Lambert, Vanstone), so that a sum of products takes 128 doublings. `k256` does the same, but makes a table of the generator
//! each time, and makes the endomorphism's by additions and not by multiplications by β.

use alloc::vec::Vec;

use ff::PrimeField;
use k256::{AffinePoint, ProjectivePoint, Scalar, elliptic_curve::BatchNormalize};
use spin::Once;

#[cfg(feature = "tables")]
pub(super) use super::comb::mul_generator;

/// `scalar · B`, in constant time.
#[cfg(not(feature = "tables"))]
pub(super) fn mul_generator(scalar: &Scalar) -> ProjectivePoint {
    ProjectivePoint::mul_by_generator(scalar)
}

/// λ.
const LAMBDA: Words = [0xdf02_967c_1b23_bd72, 0x122e_22ea_2081_6678, 0xa526_1c02_8812_645a, 0x5363_ad4c_c05c_30e0];
/// −b₁ and b₂ of the reduced basis (a₁, b₁), (a₂, b₂) of the pairs with a + b·λ = 0; 128 bits.
const MINUS_B1: Words = [0x6f54_7fa9_0abf_e4c3, 0xe443_7ed6_010e_8828, 0, 0];
const B2: Words = [0xe86c_90e4_9284_eb15, 0x3086_d221_a7d4_6bcd, 0, 0];
/// b₂·2³⁸⁴/q and −b₁·2³⁸⁴/q, rounded.
const G1: Words = [0xe893_209a_45db_b031, 0x3daa_8a14_71e8_ca7f, 0xe86c_90e4_9284_eb15, 0x3086_d221_a7d4_6bcd];
const G2: Words = [0x1571_b4ae_8ac4_7f71, 0x2212_08ac_9df5_06c6, 0x6f54_7fa9_0abf_e4c4, 0xe443_7ed6_010e_8828];

/// Least significant word first.
type Words = [u64; 4];

/// Bits of a digit: of points that come once, and of the generator.
const WIDTH: u32 = 5;
const GENERATOR_WIDTH: u32 = 8;
/// Odd multiples of a point up to 2^(width − 1).
const MULTIPLES: usize = 1 << (WIDTH - 2);
const GENERATOR_MULTIPLES: usize = 1 << (GENERATOR_WIDTH - 2);

/// Σ `scalarsᵢ · pointsᵢ`, for public inputs only.
pub(super) fn multiscalar_mul_vartime(scalars: &[Scalar], points: &[ProjectivePoint]) -> ProjectivePoint {
    let mut terms = Vec::with_capacity(2 * points.len());
    let mut fixed = Vec::new();
    for (scalar, point) in scalars.iter().zip(points) {
        let halves = split(scalar);
        if *point == ProjectivePoint::GENERATOR {
            let [plain, turned] = generator_multiples();
            fixed.extend(halves.iter().zip([plain, turned]).map(|(half, table)| (half.digits(GENERATOR_WIDTH), table)));
        } else {
            let table = odd_multiples(point);
            let turned = if halves[1].is_zero() { table } else { table.map(|point| point.endomorphism()) };
            terms.extend(halves.iter().zip([table, turned]).map(|(half, table)| (half.digits(WIDTH), table)));
        }
    }
    let lengths = terms.iter().map(|(digits, _)| digits.len).chain(fixed.iter().map(|(digits, _)| digits.len));
    let mut sum = ProjectivePoint::IDENTITY;
    for place in (0..lengths.max().unwrap_or_default()).rev() {
        sum = sum.double();
        for (digits, table) in &terms {
            match digits.at(place) {
                Some((false, multiple)) => table.get(multiple).into_iter().for_each(|point| sum += point),
                Some((true, multiple)) => table.get(multiple).into_iter().for_each(|point| sum -= point),
                None => {}
            }
        }
        for (digits, table) in &fixed {
            match digits.at(place) {
                Some((false, multiple)) => table.get(multiple).into_iter().for_each(|point| sum += point),
                Some((true, multiple)) => table.get(multiple).into_iter().for_each(|point| sum -= point),
                None => {}
            }
        }
    }
    sum
}

/// 1, 3, 5, … times a point.
fn odd_multiples(point: &ProjectivePoint) -> [ProjectivePoint; MULTIPLES] {
    let twice = point.double();
    let mut next = *point;
    core::array::from_fn(|_| {
        let multiple = next;
        next += twice;
        multiple
    })
}

/// The generator's odd multiples, and λ times those.
fn generator_multiples() -> &'static [Vec<AffinePoint>; 2] {
    static MULTIPLES: Once<[Vec<AffinePoint>; 2]> = Once::new();
    MULTIPLES.call_once(|| {
        let twice = ProjectivePoint::GENERATOR.double();
        let multiples = core::iter::successors(Some(ProjectivePoint::GENERATOR), |point| Some(point + &twice));
        let plain: Vec<_> = multiples.take(GENERATOR_MULTIPLES).collect();
        let turned: Vec<_> = plain.iter().map(ProjectivePoint::endomorphism).collect();
        [plain, turned].map(|points| ProjectivePoint::batch_normalize(points.as_slice()))
    })
}

/// Half of a scalar: a number of mostly 128 bits, with its sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Half {
    negative: bool,
    size: Words,
}

impl Half {
    fn of(scalar: &Scalar) -> Self {
        let negated = words(&-*scalar);
        let size = words(scalar);
        let negative = size.iter().rev().gt(negated.iter().rev());
        Self { negative, size: if negative { negated } else { size } }
    }

    fn is_zero(&self) -> bool {
        self.size == [0; 4]
    }

    /// Digits of `width` bits, odd or zero, of which `width` in a row have at most one that is not zero.
    fn digits(&self, width: u32) -> Digits {
        let mut digits = Digits { digits: [0; DIGITS], len: 0 };
        let (mut place, mut carry) = (0, 0);
        while place < DIGITS {
            let window = self.bits(place) & ((1 << width) - 1);
            if window & 1 == carry {
                place += 1;
                continue;
            }
            let window = i16::try_from(window + carry).unwrap_or_default();
            carry = u64::from(window >> (width - 1) != 0);
            let value = if carry == 1 { window - (1 << width) } else { window };
            if let Some(digit) = digits.digits.get_mut(place) {
                *digit = i8::try_from(if self.negative { -value } else { value }).unwrap_or_default();
            }
            digits.len = place + 1;
            place += usize::try_from(width).unwrap_or(1);
        }
        digits
    }

    /// 64 bits from a place on.
    fn bits(&self, place: usize) -> u64 {
        let word = |index| self.size.get(index).copied().unwrap_or_default();
        let (index, shift) = (place / 64, place % 64);
        let high = if shift == 0 { 0 } else { word(index + 1) << (64 - shift) };
        word(index) >> shift | high
    }
}

/// A half has at most 255 bits, and one more place for what a negative digit carries.
const DIGITS: usize = 257;

struct Digits {
    digits: [i8; DIGITS],
    len: usize,
}

impl Digits {
    /// Whether the digit of a place is negative, and which odd multiple it takes; `None` for zero.
    fn at(&self, place: usize) -> Option<(bool, usize)> {
        let digit = self.digits.get(place).copied().filter(|digit| *digit != 0)?;
        Some((digit < 0, usize::from(digit.unsigned_abs() >> 1)))
    }
}

/// k₁ and k₂ with k₁ + k₂·λ = k. A k below 2¹²⁸ stays as it is, and so do the halves of one that was put together from 64 bits each.
fn split(scalar: &Scalar) -> [Half; 2] {
    let number = words(scalar);
    if number[2..] == [0; 2] {
        return [Half { negative: false, size: number }, Half { negative: false, size: [0; 4] }];
    }
    // The nearest pair with a + b·λ = 0, to be taken away.
    let c1 = scalar_of(product_shifted(&number, &G1));
    let c2 = scalar_of(product_shifted(&number, &G2));
    let second = c1 * scalar_of(MINUS_B1) - c2 * scalar_of(B2);
    let first = scalar - &(second * lambda());
    [Half::of(&first), Half::of(&second)]
}

fn lambda() -> Scalar {
    scalar_of(LAMBDA)
}

/// A scalar of 128 bits' choice by which a point is multiplied with 64 doublings: a + b·λ. No two pairs give the same.
pub(crate) fn short_scalar(bytes: [u8; 16]) -> Scalar {
    let halves = bytes.as_chunks().0;
    let [first, second] =
        [halves.first(), halves.last()].map(|half| Scalar::from(half.map_or(0, |half| u64::from_be_bytes(*half))));
    first + second * lambda()
}

/// `a · b / 2³⁸⁴`, rounded.
fn product_shifted(a: &Words, b: &Words) -> Words {
    let mut product = [0; 8];
    for (i, a) in a.iter().enumerate() {
        let mut carry = 0;
        let (low, high) = product.split_at_mut(i + 4);
        for (word, b) in low.iter_mut().skip(i).zip(b) {
            (*word, carry) = a.carrying_mul_add(*b, *word, carry);
        }
        high.iter_mut().take(1).for_each(|word| *word = carry);
    }
    let [.., below, low, high] = product;
    let (low, carry) = low.carrying_add(0, below >> 63 == 1);
    [low, high.wrapping_add(u64::from(carry)), 0, 0]
}

fn words(scalar: &Scalar) -> Words {
    let bytes: [u8; 32] = scalar.to_repr().into();
    let mut words = [0; 4];
    words.iter_mut().rev().zip(bytes.as_chunks().0).for_each(|(word, bytes)| *word = u64::from_be_bytes(*bytes));
    words
}

fn scalar_of(words: Words) -> Scalar {
    let mut bytes = [0; 32];
    bytes.as_chunks_mut().0.iter_mut().zip(words.iter().rev()).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
    Option::from(Scalar::from_repr(bytes.into())).unwrap_or(Scalar::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ff::Field;
    use group::Group;
    use k256::elliptic_curve::ops::LinearCombination;
    use proptest::prelude::*;

    fn scalar(words: Words) -> Scalar {
        let two_to_64 = Scalar::from(u64::MAX) + Scalar::ONE;
        words.iter().rev().fold(Scalar::ZERO, |sum, word| sum * two_to_64 + Scalar::from(*word))
    }

    /// Scalars at whose ends the recodings could go wrong.
    fn extremes() -> Vec<Scalar> {
        let ones = (0..256).map(|bits| Scalar::from(2u64).pow([bits]) - Scalar::ONE);
        let powers = (0..256).map(|bits| Scalar::from(2u64).pow([bits]));
        let sizes = [0u64, 1, 2, 15, 16, 17, 31, 32, 33].map(Scalar::from);
        let repeated = [0x1084_2108_4210_8421u64, 0x8421_0842_1084_2108, 0x5555_5555_5555_5555, u64::MAX << 63];
        let repeated = repeated.map(|word| scalar([word; 4]));
        let all: Vec<_> = ones.chain(powers).chain(sizes).chain(repeated).chain([lambda(), lambda().square()]).collect();
        all.iter().flat_map(|scalar| [*scalar, -*scalar, *scalar * lambda()]).collect()
    }

    fn value(half: &Half) -> Scalar {
        if half.negative { -scalar(half.size) } else { scalar(half.size) }
    }

    fn check_split(number: &Scalar) {
        let [first, second] = split(number);
        assert_eq!(value(&first) + value(&second) * lambda(), *number);
        assert_eq!((&first.size[2..], &second.size[2..]), (&[0; 2][..], &[0; 2][..]), "{number:?}");
        for width in [WIDTH, GENERATOR_WIDTH] {
            check_digits(&first, width);
            check_digits(&second, width);
        }
    }

    fn check_digits(half: &Half, width: u32) {
        let digits = half.digits(width);
        let sum = (0..DIGITS).rev().fold(Scalar::ZERO, |sum, place| {
            let digit = digits.at(place).map_or(Scalar::ZERO, |(negative, multiple)| {
                assert!(place < digits.len && multiple < 1 << (width - 2));
                let size = Scalar::from(u64::try_from(2 * multiple + 1).unwrap());
                if negative { -size } else { size }
            });
            sum.double() + digit
        });
        assert_eq!(sum, value(half));
    }

    fn agree(number: &Scalar) {
        let expected = ProjectivePoint::GENERATOR * number;
        let other = ProjectivePoint::GENERATOR.double().double() + ProjectivePoint::GENERATOR;
        assert_eq!(multiscalar_mul_vartime(&[*number], &[other]), other * number);
        assert_eq!(
            multiscalar_mul_vartime(&[*number, -*number], &[other, ProjectivePoint::GENERATOR]),
            other * number - expected
        );
    }

    #[test]
    fn lambda_is_what_the_endomorphism_multiplies_by() {
        assert_eq!(ProjectivePoint::GENERATOR.endomorphism(), ProjectivePoint::GENERATOR * lambda());
        assert_eq!(lambda().square() + lambda() + Scalar::ONE, Scalar::ZERO);
    }

    /// b₁ and b₂ belong to pairs that vanish, with a₁ = b₂ and a₂ = a₁ − b₁; and q is the determinant.
    #[test]
    fn basis_vanishes_and_spans_every_pair_that_does() {
        let (minus_b1, b2) = (scalar(MINUS_B1), scalar(B2));
        assert_eq!(b2 - minus_b1 * lambda(), Scalar::ZERO);
        assert_eq!(b2 + minus_b1 + b2 * lambda(), Scalar::ZERO);
        assert_eq!(b2.square() + minus_b1 * (b2 + minus_b1), Scalar::ZERO);
    }

    #[test]
    fn extreme_scalars_split_and_multiply_right() {
        extremes().iter().for_each(check_split);
        extremes().iter().step_by(7).for_each(agree);
        [0u64, 1, 2, 16, 17, 31, 32].iter().for_each(|small| agree(&Scalar::from(*small)));
        agree(&-Scalar::ONE);
    }

    #[test]
    fn halves_of_64_bits_are_found_again() {
        for (a, b) in [(1, 1), (u64::MAX, u64::MAX), (0, u64::MAX), (u64::MAX, 0), (1 << 63, 12345)] {
            let bytes = [a.to_be_bytes(), b.to_be_bytes()].concat().try_into().unwrap();
            let [first, second] = split(&short_scalar(bytes));
            assert_eq!([first.size, second.size], [[a, 0, 0, 0], [b, 0, 0, 0]]);
            assert!(!first.negative && !second.negative);
        }
    }

    #[test]
    fn identity_doubles_and_negatives_add_up_right() {
        let point = ProjectivePoint::GENERATOR.double();
        let one = Scalar::ONE;
        assert_eq!(multiscalar_mul_vartime(&[], &[]), ProjectivePoint::IDENTITY);
        assert_eq!(multiscalar_mul_vartime(&[one, -one], &[point, point]), ProjectivePoint::IDENTITY);
        assert_eq!(multiscalar_mul_vartime(&[one, one], &[point, point]), point.double());
        assert_eq!(multiscalar_mul_vartime(&[one.double()], &[ProjectivePoint::IDENTITY]), ProjectivePoint::IDENTITY);
        assert_eq!(multiscalar_mul_vartime(&[Scalar::ZERO], &[point]), ProjectivePoint::IDENTITY);
    }

    proptest! {
        #[test]
        fn random_scalars_split_right(number: [u64; 4]) {
            check_split(&scalar(number));
        }

        #[test]
        fn random_sums_are_those_of_the_crate(numbers in prop::collection::vec(any::<[u64; 4]>(), 1..5), with_generator: bool) {
            let mut terms: Vec<_> = numbers.iter().map(|number| {
                let scalar = scalar(*number);
                (ProjectivePoint::GENERATOR * scalar.cube(), scalar)
            }).collect();
            if with_generator {
                terms[0].0 = ProjectivePoint::generator();
            }
            let (points, scalars): (Vec<_>, Vec<_>) = terms.iter().copied().unzip();
            prop_assert_eq!(multiscalar_mul_vartime(&scalars, &points), ProjectivePoint::lincomb_vartime(terms.as_slice()));
            agree(&scalars[0]);
        }
    }
}
