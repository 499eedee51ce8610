//! Hedged randomness: a broken generator alone must not leak a share.
//!
//! Every secret that a protocol draws is a hash of 32 bytes from the caller's generator, the participant's own secret where there is
//! one, the session's context, a per-process counter, and the message where there is one. With a good generator this is as good as
//! the generator; with one that is stuck, distinct inputs still give distinct nonces.

use core::sync::atomic::{AtomicUsize, Ordering};

use ff::Field;
use rand_core::TryCryptoRng;
use sha2::Sha512;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    curve::Curve,
    domain,
    error::Error,
    secret::Secret,
    transcript::{Hash, Transcript},
};

static DRAWS: AtomicUsize = AtomicUsize::new(0);

/// A stream of secret bytes, bound to what it is for.
pub(crate) struct Hedged {
    seed: Secret<[u8; 32]>,
    blocks: u64,
}

impl Hedged {
    /// Draws 32 bytes and binds them to `purpose`, `secret` and `context`.
    pub(crate) fn draw(
        rng: &mut impl TryCryptoRng,
        purpose: &[u8],
        secret: Option<&[u8]>,
        context: &[&[u8]],
    ) -> Result<Self, Error> {
        let mut entropy = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(entropy.as_mut_slice()).map_err(|_| Error::Randomness)?;
        let counter = DRAWS.fetch_add(1, Ordering::Relaxed);
        let mut hash = Hash::new(domain::HEDGE)
            .field(purpose)
            .field(entropy.as_slice())
            .optional(secret)
            .field(&counter.to_be_bytes())
            .list(context.len());
        context.iter().for_each(|field| hash.append(field));
        Ok(Self { seed: Secret::new(hash.finish()), blocks: 0 })
    }

    /// Binds what follows to a secret and a context that were not known at the draw: a state that was copied, and is run on again
    /// with other inputs, then comes to other values.
    pub(crate) fn bind(&mut self, secret: &[u8], context: &[&[u8]]) {
        let mut hash = Hash::new(domain::HEDGE).field(self.seed.expose()).number(self.blocks).field(secret).list(context.len());
        context.iter().for_each(|field| hash.append(field));
        self.seed = Secret::new(hash.finish());
    }

    /// The same values in every test.
    #[cfg(test)]
    pub(crate) fn fixed(seed: [u8; 32]) -> Self {
        Self { seed: Secret::new(seed), blocks: 0 }
    }

    /// 64 secret bytes.
    pub(crate) fn wide(&mut self) -> Zeroizing<[u8; 64]> {
        self.blocks = self.blocks.wrapping_add(1);
        let block = Transcript::<Sha512>::new(domain::HEDGE_EXPAND).field(self.seed.expose()).number(self.blocks);
        Zeroizing::new(block.finish_wide())
    }

    /// 32 secret bytes.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        let mut wide = self.wide();
        let mut bytes = [0; 32];
        wide.iter().zip(bytes.iter_mut()).for_each(|(from, to)| *to = *from);
        wide.zeroize();
        bytes
    }

    /// 32 secret bytes twice.
    pub(crate) fn pair(&mut self) -> [Zeroizing<[u8; 32]>; 2] {
        let wide = self.wide();
        let half = |bytes: Option<&[u8; 32]>| Zeroizing::new(bytes.copied().unwrap_or_default());
        [half(wide.first_chunk()), half(wide.last_chunk())]
    }

    /// A uniform scalar that is not zero.
    pub(crate) fn scalar<C: Curve>(&mut self) -> C::Scalar {
        loop {
            let scalar = C::scalar_from_wide(&self.wide());
            // Zero has a probability of 2⁻²⁵²; the loop is there so that no caller has to think of it.
            if !bool::from(scalar.is_zero()) {
                return scalar;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{curve::Ed25519, stuck::Stuck};

    #[test]
    fn stuck_generator_still_gives_distinct_values() {
        let draw = |message: &[u8]| Hedged::draw(&mut Stuck, b"test", Some(b"share"), &[message]).unwrap().scalar::<Ed25519>();
        let (a, b, c) = (draw(b"a"), draw(b"b"), draw(b"a"));
        assert!(a != b && b != c && a != c);
    }

    #[test]
    fn copied_state_with_other_inputs_gives_other_values() {
        let copy = |seed: [u8; 32]| Hedged { seed: Secret::new(seed), blocks: 3 };
        let value = |secret: &[u8], context: &[u8]| {
            let mut hedged = copy([7; 32]);
            hedged.bind(secret, &[context]);
            hedged.scalar::<Ed25519>()
        };
        assert_eq!(value(b"s", b"a"), value(b"s", b"a"));
        assert!(value(b"s", b"a") != value(b"s", b"b") && value(b"s", b"a") != value(b"t", b"a"));
        assert_ne!(value(b"s", b"a"), copy([7; 32]).scalar::<Ed25519>());
    }

    #[test]
    fn one_draw_gives_distinct_scalars() {
        let mut hedged = Hedged::draw(&mut Stuck, b"test", None, &[]).unwrap();
        assert_ne!(hedged.scalar::<Ed25519>(), hedged.scalar::<Ed25519>());
        assert_ne!(hedged.bytes(), hedged.bytes());
        let [first, second] = hedged.pair();
        assert_ne!(first, second);
    }
}
