//! Verifying keys as chains see them: a curve, and an encoding that was checked.

use core::fmt;

use k256::elliptic_curve::sec1::ToSec1Point as _;

use crate::error::KeyError;

/// A curve together with the signature scheme that its keys are for.
///
/// secp256k1 is here twice: a key that signs with ECDSA and one that signs with BIP-340 are not interchangeable, and coins at an address
/// of the wrong one are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Curve {
    /// ECDSA over secp256k1.
    Secp256k1,
    /// Schnorr signatures of BIP-340 over secp256k1; keys are x coordinates.
    Bip340,
    /// Ed25519 of RFC 8032.
    Ed25519,
    /// ECDSA over P-256.
    P256,
    /// Schnorr signatures of schnorrkel over ristretto255. Quorate makes no such keys.
    Sr25519,
}

impl Curve {
    /// The name that tables and commands show.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secp256k1 => "secp256k1",
            Self::Bip340 => "BIP-340",
            Self::Ed25519 => "Ed25519",
            Self::P256 => "P-256",
            Self::Sr25519 => "sr25519",
        }
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A public key, of one curve and scheme.
///
/// What is on a Weierstrass curve was decompressed once, so that an address is never that of no key. The bytes of an Ed25519 or sr25519
/// key are taken as they are: no address needs their point, and keys from quorate-core were checked there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey(Form);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The last is how the key was given: chains that hash the key's encoding, hash that one.
    Secp256k1 {
        compressed: [u8; 33],
        uncompressed: [u8; 65],
        is_compressed: bool,
    },
    Bip340([u8; 32]),
    Ed25519([u8; 32]),
    P256 {
        compressed: [u8; 33],
        uncompressed: [u8; 65],
    },
    Sr25519([u8; 32]),
}

impl VerifyingKey {
    /// An ECDSA key on secp256k1, as SEC 1 encodes it: 33 bytes, or 65.
    ///
    /// The long form counts only where Bitcoin's first addresses hash it; elsewhere it is refused or means the same key.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if it is not such an encoding.
    pub fn secp256k1(bytes: &[u8]) -> Result<Self, KeyError> {
        let curve = Curve::Secp256k1;
        let is_compressed = sec1_is_compressed(curve, bytes)?;
        let key = k256::PublicKey::from_sec1_bytes(bytes).map_err(|_| KeyError::NotOnCurve { curve })?;
        Ok(Self::of_secp256k1(key.as_affine(), is_compressed))
    }

    pub(crate) fn of_secp256k1(point: &k256::AffinePoint, is_compressed: bool) -> Self {
        let [compressed, uncompressed] = [true, false].map(|short| point.to_sec1_point(short));
        let (compressed, uncompressed) = (copied(compressed.as_bytes()), copied(uncompressed.as_bytes()));
        Self(Form::Secp256k1 { compressed, uncompressed, is_compressed })
    }

    /// A BIP-340 key: an x coordinate of 32 bytes. The 33 bytes of the whole point are accepted, and the sign of y dropped.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if no point has that coordinate.
    pub fn bip340(bytes: &[u8]) -> Result<Self, KeyError> {
        let curve = Curve::Bip340;
        let x = match (bytes.len(), bytes.split_first()) {
            (32, _) => bytes,
            (33, Some((2 | 3, x))) => x,
            _ => return Err(KeyError::Length { curve, length: bytes.len() }),
        };
        let x: [u8; 32] = fixed(curve, x)?;
        crate::taproot::lift_x(&x).ok_or(KeyError::NotOnCurve { curve })?;
        Ok(Self(Form::Bip340(x)))
    }

    /// An Ed25519 key: 32 bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError::Length`].
    pub fn ed25519(bytes: &[u8]) -> Result<Self, KeyError> {
        fixed(Curve::Ed25519, bytes).map(Form::Ed25519).map(Self)
    }

    /// An ECDSA key on P-256, as SEC 1 encodes it: 33 bytes, or 65.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if it is not such an encoding.
    pub fn p256(bytes: &[u8]) -> Result<Self, KeyError> {
        let curve = Curve::P256;
        sec1_is_compressed(curve, bytes)?;
        let key = p256::PublicKey::from_sec1_bytes(bytes).map_err(|_| KeyError::NotOnCurve { curve })?;
        Ok(Self::of_p256(key.as_affine()))
    }

    pub(crate) fn of_p256(point: &p256::AffinePoint) -> Self {
        let [compressed, uncompressed] = [true, false].map(|short| point.to_sec1_point(short));
        Self(Form::P256 { compressed: copied(compressed.as_bytes()), uncompressed: copied(uncompressed.as_bytes()) })
    }

    /// The x coordinate of a point.
    #[cfg(feature = "core")]
    pub(crate) fn of_bip340(point: &k256::AffinePoint) -> Self {
        Self(Form::Bip340(copied(point.to_sec1_point(true).as_bytes().get(1..).unwrap_or_default())))
    }

    #[cfg(feature = "core")]
    pub(crate) const fn of_ed25519(bytes: [u8; 32]) -> Self {
        Self(Form::Ed25519(bytes))
    }

    /// An sr25519 key: 32 bytes. Quorate makes none; Substrate's chains also have Ed25519 accounts, of which it does.
    ///
    /// # Errors
    ///
    /// [`KeyError::Length`].
    pub fn sr25519(bytes: &[u8]) -> Result<Self, KeyError> {
        fixed(Curve::Sr25519, bytes).map(Form::Sr25519).map(Self)
    }

    /// A key of that curve.
    ///
    /// # Errors
    ///
    /// [`KeyError`] as the curve's own constructor gives it.
    pub fn new(curve: Curve, bytes: &[u8]) -> Result<Self, KeyError> {
        match curve {
            Curve::Secp256k1 => Self::secp256k1(bytes),
            Curve::Bip340 => Self::bip340(bytes),
            Curve::Ed25519 => Self::ed25519(bytes),
            Curve::P256 => Self::p256(bytes),
            Curve::Sr25519 => Self::sr25519(bytes),
        }
    }

    /// The curve and scheme that the key is for.
    #[must_use]
    pub const fn curve(&self) -> Curve {
        match self.0 {
            Form::Secp256k1 { .. } => Curve::Secp256k1,
            Form::Bip340(_) => Curve::Bip340,
            Form::Ed25519(_) => Curve::Ed25519,
            Form::P256 { .. } => Curve::P256,
            Form::Sr25519(_) => Curve::Sr25519,
        }
    }

    /// The short encoding: 33 bytes of ECDSA keys, 32 of all others.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Secp256k1 { compressed, .. } | Form::P256 { compressed, .. } => compressed,
            Form::Bip340(x) | Form::Ed25519(x) | Form::Sr25519(x) => x,
        }
    }

    /// The encoding that the key was given in.
    pub(crate) const fn as_given(&self) -> &[u8] {
        match &self.0 {
            Form::Secp256k1 { uncompressed, is_compressed: false, .. } => uncompressed,
            Form::Secp256k1 { .. } | Form::P256 { .. } | Form::Bip340(_) | Form::Ed25519(_) | Form::Sr25519(_) => self.as_bytes(),
        }
    }

    /// The long encoding of an ECDSA key, 65 bytes; the only one of other keys.
    pub(crate) const fn as_uncompressed(&self) -> &[u8] {
        match &self.0 {
            Form::Secp256k1 { uncompressed, .. } | Form::P256 { uncompressed, .. } => uncompressed,
            Form::Bip340(x) | Form::Ed25519(x) | Form::Sr25519(x) => x,
        }
    }

    /// x and y of an ECDSA key.
    pub(crate) fn coordinates(&self) -> &[u8] {
        self.as_uncompressed().strip_prefix(&[4]).unwrap_or(self.as_bytes())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({}, ", self.curve())?;
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

fn sec1_is_compressed(curve: Curve, bytes: &[u8]) -> Result<bool, KeyError> {
    match (bytes.len(), bytes.first()) {
        (33, Some(2 | 3)) => Ok(true),
        (65, Some(4)) => Ok(false),
        (33 | 65, _) => Err(KeyError::NotOnCurve { curve }),
        (length, _) => Err(KeyError::Length { curve, length }),
    }
}

/// An encoding that has as many bytes.
fn copied<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

fn fixed<const N: usize>(curve: Curve, bytes: &[u8]) -> Result<[u8; N], KeyError> {
    bytes.try_into().map_err(|_| KeyError::Length { curve, length: bytes.len() })
}
