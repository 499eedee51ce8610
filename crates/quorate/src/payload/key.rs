//! What a payload needs to know of a key, and the way the request wants to use it.

use core::fmt;
use std::sync::OnceLock;

use bitcoin::{
    Address, CompressedPublicKey, KnownHrp, TapNodeHash, XOnlyPublicKey,
    hashes::Hash as _,
    key::{TapTweak as _, TweakedPublicKey},
    secp256k1::{PublicKey, Secp256k1, VerifyOnly},
};
use quorate_core::SuiteId;

use super::{PayloadError, ecdsa};

/// A key as payloads see it: its suite and its non-hardened children, public parts only.
///
/// An implementation derives from the root public key and its 32-byte chain code, with the same functions with which the
/// participants derive when they sign.
pub trait KeyView: Send + Sync {
    /// The suite that the key belongs to for life.
    fn suite(&self) -> SuiteId;

    /// The public key at the end of a path of non-hardened steps, in its suite's encoding: 33 bytes (compressed) for a BIP-340 or
    /// ECDSA key, 32 for Ed25519. For BIP-340 it is the internal key of a Taproot output, not the output key.
    ///
    /// # Errors
    ///
    /// [`PayloadError::Derivation`] for a hardened step, a path that is too long or one of the few that give no key.
    fn child_public_key(&self, path: &[u32]) -> Result<Vec<u8>, PayloadError>;

    /// The x-only key that a Taproot output of the child has, BIP-341; without a script tree, BIP-86.
    ///
    /// # Errors
    ///
    /// As [`child_public_key`](Self::child_public_key), and [`PayloadError::UnsupportedSuite`] if the key is not a BIP-340 key.
    fn taproot_output_key(&self, path: &[u32], merkle_root: Option<&[u8; 32]>) -> Result<[u8; 32], PayloadError> {
        Ok(output_key(internal_key(self, path)?, merkle_root).serialize())
    }
}

/// The network whose addresses are shown. A signature is the same on all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Network {
    /// Money.
    #[default]
    Bitcoin,
    /// The test networks, signet among them: their addresses look alike.
    Testnet,
    /// A network of one's own.
    Regtest,
}

impl From<Network> for KnownHrp {
    fn from(network: Network) -> Self {
        match network {
            Network::Bitcoin => Self::Mainnet,
            Network::Testnet => Self::Testnets,
            Network::Regtest => Self::Regtest,
        }
    }
}

/// A kind of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AddressKind {
    /// Bitcoin: a Taproot output without scripts, BIP-86 (`bc1p…`). For BIP-340 keys.
    Taproot,
    /// Bitcoin: pay to witness public key hash, as in BIP-84 (`bc1q…`). For ECDSA keys over secp256k1.
    P2wpkh,
    /// Ethereum and the chains that are like it, with the checksum of EIP-55 (`0x…`). For ECDSA keys over secp256k1.
    Ethereum,
    /// Solana: the key itself in base58. For Ed25519 keys.
    Solana,
}

impl AddressKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Taproot, Self::P2wpkh, Self::Ethereum, Self::Solana];

    /// The kinds of addresses that keys of a suite have.
    #[must_use]
    pub const fn of_suite(suite: SuiteId) -> &'static [Self] {
        match suite {
            SuiteId::Bip340 => &[Self::Taproot],
            SuiteId::EcdsaSecp256k1 => &[Self::Ethereum, Self::P2wpkh],
            SuiteId::Ed25519 => &[Self::Solana],
            SuiteId::Ristretto255 | SuiteId::Secp256k1 | SuiteId::P256 | SuiteId::EcdsaP256 | _ => &[],
        }
    }

    /// The name in command lines and listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Taproot => "taproot",
            Self::P2wpkh => "p2wpkh",
            Self::Ethereum => "ethereum",
            Self::Solana => "solana",
        }
    }
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A key, the path that the request names, and the network it is about.
#[derive(Clone, Copy)]
pub struct KeyUse<'a> {
    pub(super) key: &'a dyn KeyView,
    pub(super) path: &'a [u32],
    pub(super) network: Network,
}

impl fmt::Debug for KeyUse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyUse({} {} {:?})", self.key.suite(), format_path(self.path), self.network)
    }
}

impl<'a> KeyUse<'a> {
    /// Uses `key` at `path`, with addresses of the Bitcoin main network.
    #[must_use]
    pub fn new(key: &'a dyn KeyView, path: &'a [u32]) -> Self {
        Self { key, path, network: Network::Bitcoin }
    }

    /// Shows addresses of another network.
    #[must_use]
    pub const fn on(self, network: Network) -> Self {
        Self { network, ..self }
    }

    /// The address of that kind of the key at the path.
    ///
    /// # Errors
    ///
    /// As [`KeyView::child_public_key`], and [`PayloadError::NoSuchAddress`] if keys of the suite have no such address.
    pub fn address(&self, kind: AddressKind) -> Result<String, PayloadError> {
        let suite = self.key.suite();
        if !AddressKind::of_suite(suite).contains(&kind) {
            return Err(PayloadError::NoSuchAddress { address: kind, suite });
        }
        Ok(match kind {
            AddressKind::Taproot => {
                let output = output_key(internal_key(self.key, self.path)?, None);
                let output = TweakedPublicKey::dangerous_assume_tweaked(output);
                Address::p2tr_tweaked(output, KnownHrp::from(self.network)).to_string()
            }
            AddressKind::P2wpkh => {
                let public = CompressedPublicKey(ecdsa::public_key(self.key, self.path)?);
                Address::p2wpkh(&public, KnownHrp::from(self.network)).to_string()
            }
            AddressKind::Ethereum => ecdsa::ethereum_address(&ecdsa::public_key(self.key, self.path)?).to_checksum(None),
            AddressKind::Solana => bs58::encode(ed25519_key(self.key, self.path)?).into_string(),
        })
    }

    /// All addresses of the key at the path; none for keys of suites that have no addresses.
    ///
    /// # Errors
    ///
    /// As [`KeyView::child_public_key`].
    pub fn addresses(&self) -> Result<Vec<(AddressKind, String)>, PayloadError> {
        let kinds = AddressKind::of_suite(self.key.suite()).iter();
        kinds.map(|kind| Ok((*kind, self.address(*kind)?))).collect()
    }

    pub(super) fn unsupported(&self, kind: &'static str) -> PayloadError {
        PayloadError::UnsupportedSuite { kind, suite: self.key.suite() }
    }
}

/// Writes a path of non-hardened steps as `m/0/7`.
#[must_use]
pub fn format_path(path: &[u32]) -> String {
    path.iter().fold(String::from("m"), |text, step| format!("{text}/{step}"))
}

pub(super) fn secp() -> &'static Secp256k1<VerifyOnly> {
    static CONTEXT: OnceLock<Secp256k1<VerifyOnly>> = OnceLock::new();
    CONTEXT.get_or_init(Secp256k1::verification_only)
}

/// The child's key as BIP-341 wants it inside.
pub(super) fn internal_key(key: &(impl KeyView + ?Sized), path: &[u32]) -> Result<XOnlyPublicKey, PayloadError> {
    if key.suite() != SuiteId::Bip340 {
        return Err(PayloadError::UnsupportedSuite { kind: "taproot", suite: key.suite() });
    }
    let bytes = key.child_public_key(path)?;
    let point = PublicKey::from_slice(&bytes).map_err(|_| PayloadError::KeyEncoding)?;
    Ok(point.x_only_public_key().0)
}

pub(super) fn output_key(internal: XOnlyPublicKey, merkle_root: Option<&[u8; 32]>) -> XOnlyPublicKey {
    let root = merkle_root.map(|root| TapNodeHash::from_byte_array(*root));
    internal.tap_tweak(secp(), root).0.to_x_only_public_key()
}

pub(super) fn ed25519_key(key: &dyn KeyView, path: &[u32]) -> Result<[u8; 32], PayloadError> {
    key.child_public_key(path)?.try_into().map_err(|_| PayloadError::KeyEncoding)
}
