//! 128 oblivious transfers on Ristretto255: "Endemic OT" of Masny and Rindal (ePrint 2019/706), all on one point A.
//!
//! ```text
//! R (offers)                                   S (chooses c, for τ = 0 … 127)
//! a random, A = a·B                 ── A ──▶   R_{1−c} random, R_c = y·B − Hg(τ, c, R_{1−c})
//!                              ◀── R_0, R_1 ──
//! X_b = R_b + Hg(τ, b, R_{1−b})
//! key_b = KDF(τ, b, A, R_0, R_1, a·X_b)        key_c = KDF(τ, c, A, R_0, R_1, y·A)
//! ```
//!
//! R learns nothing about c: both points are uniform. S knows the discrete logarithm of one X at most, since the other one contains a
//! hash of what it chose first. Since all transfers share A, a key binds its index and both points: without them, a sender that sends
//! the same points twice could make two keys equal.

use alloc::{boxed::Box, vec};

use curve25519_dalek::{RistrettoPoint, Scalar, ristretto::CompressedRistretto, traits::IsIdentity};
use sha2::{Sha256, Sha512};
use subtle::{Choice, ConditionallySelectable};
use zeroize::{Zeroize, Zeroizing};

use super::{
    direction::Direction,
    seeds::{Seed, TREES},
    tree::LEVELS,
};
use crate::{curve::Ed25519, domain, randomness::Hedged, secret::Secret, transcript::Hash};

/// Transfers in one direction: one for each bit of Δ.
pub(super) const TRANSFERS: usize = TREES * LEVELS;
/// A compressed point.
pub(super) type PointBytes = [u8; 32];
/// `R_0` and `R_1` of each transfer.
pub(super) type Points = [[PointBytes; 2]; TRANSFERS];

/// What R offers: a random point, and its logarithm.
pub(super) struct Offer {
    secret: Secret<Scalar>,
    public: PointBytes,
}

impl Offer {
    /// A point that was never used before.
    pub(super) fn draw(hedged: &mut Hedged) -> Self {
        let mut secret = Secret::new(Scalar::ZERO);
        // Ristretto255 and edwards25519 have the same scalars. The scalar is not zero, so the point is not the identity.
        *secret.expose_mut() = hedged.scalar::<Ed25519>();
        let public = RistrettoPoint::mul_base(secret.expose()).compress().to_bytes();
        Self { secret, public }
    }

    /// A, as it is sent.
    pub(super) const fn public(&self) -> &PointBytes {
        &self.public
    }

    /// Both keys of every transfer; `None` if a point of S is not canonical, or the identity.
    pub(super) fn keys(&self, direction: &Direction, points: &Points) -> Option<Secret<[[Seed; 2]; TRANSFERS]>> {
        let prefix = key_prefix(direction, &self.public);
        let mut keys = Secret::new([[Seed::default(); 2]; TRANSFERS]);
        for ((transfer, pair), keys) in (0..).zip(points).zip(keys.expose_mut()) {
            let [zero, one] = pair;
            let [key_zero, key_one] = keys;
            for (choice, mine, other, key) in [(0, zero, one, key_zero), (1, one, zero, key_one)] {
                let base = decode(mine)? + hash_to_point(direction, transfer, choice, other);
                *key = derive(&prefix, transfer, choice, pair, Zeroizing::new(base * self.secret.expose()));
            }
        }
        Some(keys)
    }
}

/// What S chose, and the one key of every transfer that it may know.
pub(super) struct Chosen {
    /// The nibbles of Δ. The choice in transfer τ = 4·tree + level is NOT bit 3 − level of the tree's nibble.
    pub(super) delta: Secret<[u8; TREES]>,
    pub(super) keys: Secret<[Seed; TRANSFERS]>,
}

impl Chosen {
    /// Draws Δ and chooses by it; `None` if `offer` is not canonical, or the identity.
    pub(super) fn draw(direction: &Direction, offer: &PointBytes, hedged: &mut Hedged) -> Option<(Self, Box<Points>)> {
        let table = Table::new(decode(offer)?);
        let prefix = key_prefix(direction, offer);
        let mut delta = Secret::new([0; TREES]);
        *delta.expose_mut() = hedged.bytes();
        delta.expose_mut().iter_mut().for_each(|nibble| *nibble &= 0x0f);
        let mut keys = Secret::new([Seed::default(); TRANSFERS]);
        let mut points = zero_points();
        let outputs = keys.expose_mut().iter_mut().zip(points.iter_mut());
        for ((transfer, bit), (key, pair)) in (0..).zip(bits(delta.expose())).zip(outputs) {
            let choice = !bit;
            let c = choice.unwrap_u8();
            let other = RistrettoPoint::from_uniform_bytes(&hedged.wide()).compress().to_bytes();
            let secret = Zeroizing::new(hedged.scalar::<Ed25519>());
            let chosen = RistrettoPoint::mul_base(&secret) - hash_to_point(direction, transfer, c, &other);
            let chosen = chosen.compress().to_bytes();
            *pair = [select(&chosen, &other, choice), select(&other, &chosen, choice)];
            *key = derive(&prefix, transfer, c, pair, Zeroizing::new(table.mul(&secret)));
        }
        Some((Self { delta, keys }, points))
    }
}

/// The bits of Δ in the order of the transfers: from each nibble's most significant one.
pub(super) fn bits(delta: &[u8; TREES]) -> impl Iterator<Item = Choice> + '_ {
    delta.iter().flat_map(|nibble| [3, 2, 1, 0].map(|shift| Choice::from((nibble >> shift) & 1)))
}

/// A point as the peer sent it: canonical, and not the identity.
pub(super) fn decode(bytes: &PointBytes) -> Option<RistrettoPoint> {
    CompressedRistretto(*bytes).decompress().filter(|point| !point.is_identity())
}

/// Room for the points of one direction.
pub(super) fn zero_points() -> Box<Points> {
    // The conversion cannot fail: the vector has this length.
    vec![[[0; 32]; 2]; TRANSFERS].into_boxed_slice().try_into().unwrap_or_else(|_| Box::new([[[0; 32]; 2]; TRANSFERS]))
}

/// `Hg`: nobody knows the discrete logarithm of what comes out.
fn hash_to_point(direction: &Direction, transfer: u8, choice: u8, other: &PointBytes) -> RistrettoPoint {
    let hash = direction.transcript::<Sha512>(domain::PAIRING_POINT).field(&[transfer, choice]).field(other);
    RistrettoPoint::from_uniform_bytes(&hash.finish_wide())
}

fn key_prefix(direction: &Direction, offer: &PointBytes) -> Hash {
    direction.transcript::<Sha256>(domain::PAIRING_KEY).field(offer)
}

/// The key of one choice. It is as long as a leaf: at the first level of a tree it is a node, and 128 bits are what Δ has, too.
fn derive(prefix: &Hash, transfer: u8, choice: u8, [zero, one]: &[PointBytes; 2], shared: Zeroizing<RistrettoPoint>) -> Seed {
    let shared = Zeroizing::new(shared.compress().to_bytes());
    let hash = prefix.clone().field(&[transfer, choice]).field(zero).field(one).field(shared.as_slice());
    let mut wide = hash.finish();
    let key = wide.first_chunk().copied().unwrap_or_default();
    wide.zeroize();
    key
}

/// The second of two values if `choice` is set, in constant time.
fn select<const N: usize>(a: &[u8; N], b: &[u8; N], choice: Choice) -> [u8; N] {
    let mut out = *a;
    out.iter_mut().zip(b).for_each(|(out, b)| out.conditional_assign(b, choice));
    out
}

/// Multiples of A.
#[cfg(feature = "tables")]
struct Table(Box<curve25519_dalek::ristretto::RistrettoBasepointTable>);

#[cfg(feature = "tables")]
impl Table {
    fn new(point: RistrettoPoint) -> Self {
        Self(Box::new(curve25519_dalek::ristretto::RistrettoBasepointTable::create(&point)))
    }

    fn mul(&self, scalar: &Scalar) -> RistrettoPoint {
        &*self.0 * scalar
    }
}

#[cfg(not(feature = "tables"))]
struct Table(RistrettoPoint);

#[cfg(not(feature = "tables"))]
impl Table {
    const fn new(point: RistrettoPoint) -> Self {
        Self(point)
    }

    fn mul(&self, scalar: &Scalar) -> RistrettoPoint {
        self.0 * scalar
    }
}
