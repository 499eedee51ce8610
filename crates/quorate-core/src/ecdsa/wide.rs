//! Long integers whose reduction waits: an inner product costs one reduction, and not one for each of its terms.
//!
//! Little-endian words of 64 bits. Loops have fixed bounds and no branch looks at a word, so that everything runs in constant time.
#![expect(clippy::indexing_slicing, reason = "loops with fixed bounds over arrays of fixed length")]

use core::hint::black_box;

use zeroize::Zeroize;

use crate::curve::Curve;

/// A scalar below q.
pub(crate) type Words = [u64; 4];
/// 48 bytes of a pad.
pub(crate) type PadWords = [u64; 6];
/// What a pad and a scalar or two add up to.
pub(crate) type Short = [u64; 7];

/// An integer of L words. Eleven have room for 2⁶² products of a scalar and 385 bits, nine for the same with 128 bits.
#[doc(hidden)]
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "holds secrets")]
pub struct Wide<const L: usize>(pub(crate) [u64; L]);

impl<const L: usize> Wide<L> {
    pub(crate) const ZERO: Self = Self([0; L]);

    /// Adds `number`.
    pub(crate) fn add<const N: usize>(&mut self, number: &[u64; N]) {
        let mut carry = false;
        for (word, term) in self.0.iter_mut().zip(number) {
            (*word, carry) = word.carrying_add(*term, carry);
        }
        for word in &mut self.0[N..] {
            (*word, carry) = word.carrying_add(0, carry);
        }
    }

    /// Adds `factor · number`, K + N ≤ L.
    pub(crate) fn add_product<const K: usize, const N: usize>(&mut self, factor: &[u64; K], number: &[u64; N]) {
        let mut product = [0; L];
        for i in 0..K {
            let mut carry = 0;
            for j in 0..N {
                (product[i + j], carry) = factor[i].carrying_mul_add(number[j], product[i + j], carry);
            }
            product[i + N] = carry;
        }
        let mut carry = false;
        for (word, term) in self.0.iter_mut().zip(product) {
            (*word, carry) = word.carrying_add(term, carry);
        }
    }
}

impl<const L: usize> Zeroize for Wide<L> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// `zero − one + added + 2¹²⁹·q`: the same mod q as without the last term, never negative, and below 2³⁸⁷.
pub(crate) fn masked(zero: &PadWords, one: &PadWords, added: &Words, order_shifted: &Short) -> Short {
    let mut sum = *order_shifted;
    let (mut carry, mut carry_added, mut borrow) = (false, false, false);
    for i in 0..7 {
        let (zero, one) = if i < 6 { (zero[i], one[i]) } else { (0, 0) };
        let added = if i < 4 { added[i] } else { 0 };
        (sum[i], carry) = sum[i].carrying_add(zero, carry);
        (sum[i], carry_added) = sum[i].carrying_add(added, carry_added);
        (sum[i], borrow) = sum[i].borrowing_sub(one, borrow);
    }
    sum
}

/// `pad + scalar` if `chosen` is all ones, `pad` if it is zero.
pub(crate) fn add_chosen(pad: &PadWords, scalar: &Words, chosen: u64) -> Short {
    let mut sum = [0; 7];
    let mut carry = false;
    for i in 0..6 {
        let term = if i < 4 { scalar[i] & chosen } else { 0 };
        (sum[i], carry) = pad[i].carrying_add(term, carry);
    }
    sum[6] = u64::from(carry);
    sum
}

/// q · 2¹²⁹, from 2²⁵⁶ − q.
pub(crate) fn order_shifted(complement: &Words) -> Short {
    let order = negate(complement);
    let mut shifted = [0; 7];
    for i in 0..4 {
        shifted[i + 2] |= order[i] << 1;
        shifted[i + 3] = order[i] >> 63;
    }
    shifted
}

/// 2²⁵⁶ − `number`.
pub(crate) fn negate(number: &Words) -> Words {
    let (mut negated, mut carry) = ([0; 4], true);
    for i in 0..4 {
        (negated[i], carry) = (!number[i]).carrying_add(0, carry);
    }
    negated
}

/// Adds `complement` = 2²⁵⁶ − q; the carry says whether `words` was q or more.
fn less_order(words: &Words, complement: &Words) -> (Words, bool) {
    let (mut sum, mut carry) = ([0; 4], false);
    for i in 0..4 {
        (sum[i], carry) = words[i].carrying_add(complement[i], carry);
    }
    (sum, carry)
}

/// The words of 32 big-endian bytes if they are below q. The bytes may be public.
pub(crate) fn canonical(bytes: &[u8; 32], complement: &Words) -> Option<Words> {
    let words = words(bytes);
    let (_, too_large) = less_order(&words, complement);
    (!too_large).then_some(words)
}

/// The words of 32 big-endian bytes, whatever their value.
pub(crate) fn words(bytes: &[u8; 32]) -> Words {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().rev().zip(bytes.as_chunks().0) {
        *word = u64::from_be_bytes(*bytes);
    }
    words
}

/// 48 big-endian bytes.
pub(crate) fn pad_words(bytes: &[u8; 48]) -> PadWords {
    let mut words = [0; 6];
    for (word, bytes) in words.iter_mut().rev().zip(bytes.as_chunks().0) {
        *word = u64::from_be_bytes(*bytes);
    }
    words
}

/// The two words of a short factor.
pub(crate) fn halves(number: u128) -> [u64; 2] {
    let mut words = [0; 2];
    for (word, bytes) in words.iter_mut().zip(number.to_le_bytes().as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    words
}

/// 32 big-endian bytes.
pub(crate) fn to_bytes(words: &Words) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words.iter().rev()) {
        *bytes = word.to_be_bytes();
    }
    bytes
}

/// A scalar's words.
pub(crate) fn of<C: Curve>(scalar: &C::Scalar) -> Words {
    let mut bytes = C::encode_scalar(scalar);
    let words = words(&bytes);
    bytes.zeroize();
    words
}

/// The scalar of words below q.
pub(crate) fn scalar<C: Curve>(words: &Words) -> C::Scalar {
    let mut wide = [0; 64];
    wide[32..].copy_from_slice(&to_bytes(words));
    let scalar = C::scalar_from_wide(&wide);
    wide.zeroize();
    scalar
}

/// The residue mod q, by the scalar type's own reduction of 512 bits.
pub(crate) fn reduce<C: Curve>(wide: &Wide<11>) -> Words {
    let [low @ .., a, b, c] = wide.0;
    let mut bytes = [0; 64];
    for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(low.iter().rev()) {
        *bytes = word.to_be_bytes();
    }
    let two_to_256 = C::Scalar::from(u64::MAX) + C::Scalar::from(1);
    let two_to_256 = ff::Field::square(&ff::Field::square(&two_to_256));
    let mut sum = C::scalar_from_wide(&bytes) + scalar::<C>(&[a, b, c, 0]) * two_to_256 * two_to_256;
    let words = of::<C>(&sum);
    bytes.zeroize();
    sum.zeroize();
    words
}

/// The residue mod q where 2²⁵⁶ − q is `low` + 2¹²⁸: folding puts 2²⁵⁶ − q in the place of 2²⁵⁶ until 256 bits are left.
pub(crate) fn reduce_by_folding(wide: &Wide<11>, low: [u64; 2]) -> Words {
    let once: [u64; 10] = fold::<11, 10>(&wide.0, low); // below 2⁵⁷⁸
    let twice: [u64; 8] = fold::<10, 8>(&once, low); // below 2⁴⁵²
    let thrice: [u64; 6] = fold::<8, 6>(&twice, low); // below 2³²⁶
    finish_folding(&fold::<6, 5>(&thrice, low), low)
}

/// As [`reduce_by_folding`], for numbers below 2⁵⁷⁰.
pub(crate) fn reduce_medium_by_folding(medium: &Wide<9>, low: [u64; 2]) -> Words {
    reduce_short_by_folding(&fold::<9, 7>(&medium.0, low), low) // below 2⁴⁴³
}

/// As [`reduce_by_folding`], for numbers below 2⁴⁴⁷.
pub(crate) fn reduce_short_by_folding(short: &Short, low: [u64; 2]) -> Words {
    finish_folding(&fold::<7, 5>(short, low), low) // below 2³²⁰
}

/// Folding the fifth word leaves 256 bits and a carry; where there is one, the 256 bits are below 2¹⁹³. Then, and where q or more is left,
/// adding 2²⁵⁶ − q is all that remains to be done.
#[inline]
fn finish_folding(folded: &[u64; 5], low: [u64; 2]) -> Words {
    let [words @ .., carry]: [u64; 5] = fold::<5, 5>(folded, low);
    let (less, at_least_order) = less_order(&words, &[low[0], low[1], 1, 0]);
    let mask = black_box((carry | u64::from(at_least_order)).wrapping_neg());
    let mut reduced = [0; 4];
    for i in 0..4 {
        reduced[i] = (less[i] & mask) | (words[i] & !mask);
    }
    reduced
}

/// `x mod 2²⁵⁶ + (x >> 256) · (low + 2¹²⁸)`, which must fit M words, N − 2 at least.
#[inline]
fn fold<const N: usize, const M: usize>(x: &[u64; N], low: [u64; 2]) -> [u64; M] {
    let mut sum = [0; M];
    sum[..4].copy_from_slice(&x[..4]);
    for (offset, factor) in low.into_iter().enumerate() {
        let mut carry = 0;
        for i in 4..N {
            (sum[i - 4 + offset], carry) = x[i].carrying_mul_add(factor, sum[i - 4 + offset], carry);
        }
        let mut overflow = false;
        for word in &mut sum[N - 4 + offset..] {
            (*word, overflow) = word.carrying_add(carry, overflow);
            carry = 0;
        }
    }
    let mut overflow = false;
    for i in 4..N {
        (sum[i - 2], overflow) = sum[i - 2].carrying_add(x[i], overflow);
    }
    for word in &mut sum[N - 2..] {
        (*word, overflow) = word.carrying_add(0, overflow);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        curve::EcdsaSecp256k1 as K,
        ecdsa::{EcdsaSuite, tests::random},
    };
    use proptest::prelude::*;

    fn number(words: &[u64]) -> k256::Scalar {
        let two_to_64 = k256::Scalar::from(u64::MAX) + k256::Scalar::ONE;
        words.iter().rev().fold(k256::Scalar::ZERO, |sum, word| sum * two_to_64 + k256::Scalar::from(*word))
    }

    fn agree(wide: Wide<11>) {
        let expected = of::<K>(&number(&wide.0));
        assert_eq!(K::reduce(&wide), expected, "{:x?}", wide.0);
        assert_eq!(reduce::<K>(&wide), expected, "{:x?}", wide.0);
    }

    #[test]
    fn reductions_agree_at_the_edges() {
        let order = negate(&K::COMPLEMENT);
        let [a, b, c, d] = order;
        let mut cases =
            [[0; 11], [u64::MAX; 11], [a, b, c, d, 0, 0, 0, 0, 0, 0, 0], [a - 1, b, c, d, 0, 0, 0, 0, 0, 0, 0]].to_vec();
        for length in 1..=11 {
            let mut ones = [0; 11];
            ones[..length].fill(u64::MAX);
            let mut one = [0; 11];
            one[length - 1] = 1;
            let mut order_high = [0; 11];
            order_high.iter_mut().rev().zip(order.iter().rev()).for_each(|(to, from)| *to = *from);
            cases.extend([ones, one, order_high]);
        }
        let (mut medium, mut short) = ([u64::MAX; 9], [u64::MAX; 7]);
        (medium[8], short[6]) = (u64::MAX >> 6, u64::MAX >> 1);
        assert_eq!(K::reduce_medium(&Wide(medium)), of::<K>(&number(&medium)));
        assert_eq!(K::reduce_short(&short), of::<K>(&number(&short)));
        // Just below and above 2²⁵⁷ after the folding.
        cases.extend((0..4).map(|high| [u64::MAX, u64::MAX, u64::MAX, u64::MAX, high, 0, 0, 0, 0, 0, 0]));
        cases.into_iter().for_each(|words| agree(Wide(words)));
    }

    proptest! {
        #[test]
        fn reductions_agree(words: [u64; 11]) {
            agree(Wide(words));
        }

        #[test]
        fn shorter_reductions_agree(mut words: [u64; 11]) {
            words[8] >>= 6;
            let medium: [u64; 9] = words[..9].try_into().unwrap();
            prop_assert_eq!(K::reduce_medium(&Wide(medium)), of::<K>(&number(&medium)));
            words[6] >>= 1;
            let short: Short = words[..7].try_into().unwrap();
            prop_assert_eq!(K::reduce_short(&short), of::<K>(&number(&short)));
        }

        #[test]
        fn products_and_sums_are_those_of_integers(a: [u64; 4], b: [u64; 6], c: [u64; 7], d: [u64; 4], e: u128) {
            let mut sum = Wide::<11>::ZERO;
            sum.add(&c);
            sum.add_product(&a, &b);
            sum.add_product(&halves(e), &c);
            sum.add_product(&d, &c);
            prop_assert_eq!(scalar::<K>(&K::reduce(&sum)), number(&c) + number(&a) * number(&b) + number(&halves(e)) * number(&c) + number(&d) * number(&c));
        }

        #[test]
        fn masked_value_is_a_difference(zero: [u64; 6], one: [u64; 6], added: [u64; 4], chosen: bool) {
            let wide = masked(&zero, &one, &added, &order_shifted(&K::COMPLEMENT));
            prop_assert_eq!(scalar::<K>(&K::reduce_short(&wide)), number(&zero) - number(&one) + number(&added));
            let mask = if chosen { u64::MAX } else { 0 };
            let expected = number(&zero) + if chosen { number(&added) } else { k256::Scalar::ZERO };
            prop_assert_eq!(number(&add_chosen(&zero, &added, mask)), expected);
        }
    }

    #[test]
    fn difference_of_extremes_does_not_wrap() {
        let shifted = order_shifted(&K::COMPLEMENT);
        let wide = masked(&[0; 6], &[u64::MAX; 6], &[0; 4], &shifted);
        assert_eq!(scalar::<K>(&K::reduce_short(&wide)), -number(&[u64::MAX; 6]));
        let most = masked(&[u64::MAX; 6], &[0; 6], &[u64::MAX; 4], &shifted);
        assert_eq!(scalar::<K>(&K::reduce_short(&most)), number(&[u64::MAX; 6]) + number(&[u64::MAX; 4]));
        assert!(most[6] < 8);
        assert_eq!(
            number(&add_chosen(&[u64::MAX; 6], &[u64::MAX; 4], u64::MAX)),
            number(&[u64::MAX; 6]) + number(&[u64::MAX; 4])
        );
    }

    #[test]
    fn only_scalars_below_the_order_are_canonical() {
        let order = negate(&K::COMPLEMENT);
        assert_eq!(canonical(&to_bytes(&order), &K::COMPLEMENT), None);
        assert_eq!(canonical(&[0xff; 32], &K::COMPLEMENT), None);
        let less = of::<K>(&-k256::Scalar::ONE);
        assert_eq!(canonical(&to_bytes(&less), &K::COMPLEMENT), Some(less));
        let bytes = random::<32>();
        assert_eq!(to_bytes(&words(&bytes)), bytes);
    }

    #[cfg(feature = "p256")]
    #[test]
    fn complements_are_those_of_the_orders() {
        use crate::curve::{Curve, EcdsaP256};
        let last = of::<EcdsaP256>(&-<EcdsaP256 as Curve>::Scalar::from(1u64));
        assert_eq!(less_order(&last, &EcdsaP256::COMPLEMENT), ([u64::MAX; 4], false));
        let last = of::<K>(&-k256::Scalar::ONE);
        assert_eq!(less_order(&last, &K::COMPLEMENT), ([u64::MAX; 4], false));
    }
}
