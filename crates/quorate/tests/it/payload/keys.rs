//! Whole keys, as only tests may have them, behind the view that payloads take.

use bitcoin::{
    NetworkKind, TapNodeHash,
    bip32::{ChildNumber, Xpriv, Xpub},
    hashes::Hash as _,
    key::TapTweak as _,
    secp256k1::{All, Keypair, Message, PublicKey, Secp256k1, SecretKey},
};
use ed25519_dalek::{Signer as _, SigningKey};
use quorate::payload::{KeyView, PayloadError, Taproot, ToSign};
use quorate_core::{InputError, SuiteId};

pub(crate) struct Bip340Key {
    secp: Secp256k1<All>,
    root: Xpriv,
}

impl Bip340Key {
    pub(crate) fn new(seed: u8) -> Self {
        Self { secp: Secp256k1::new(), root: Xpriv::new_master(NetworkKind::Main, &[seed; 32]).unwrap() }
    }

    pub(crate) fn keypair(&self, path: &[u32]) -> Keypair {
        self.root.derive_priv(&self.secp, &steps(path).unwrap()).unwrap().to_keypair(&self.secp)
    }

    /// Signs as the participants of the key together would.
    pub(crate) fn sign(&self, to_sign: &ToSign) -> Vec<u8> {
        let Taproot::KeyPath { merkle_root } = to_sign.taproot() else { panic!("a BIP-340 key signs tweaked") };
        let root = merkle_root.map(TapNodeHash::from_byte_array);
        let tweaked = self.keypair(to_sign.path()).tap_tweak(&self.secp, root).to_keypair();
        let message = Message::from_digest_slice(to_sign.message()).unwrap();
        self.secp.sign_schnorr_no_aux_rand(&message, &tweaked).serialize().to_vec()
    }
}

impl KeyView for Bip340Key {
    fn suite(&self) -> SuiteId {
        SuiteId::Bip340
    }

    fn child_public_key(&self, path: &[u32]) -> Result<Vec<u8>, PayloadError> {
        let root = Xpub::from_priv(&self.secp, &self.root);
        Ok(root.derive_pub(&self.secp, &steps(path)?).unwrap().public_key.serialize().to_vec())
    }
}

/// An ECDSA key with children.
pub(crate) struct EcdsaKey {
    secp: Secp256k1<All>,
    root: Xpriv,
}

impl EcdsaKey {
    pub(crate) fn new(seed: u8) -> Self {
        Self { secp: Secp256k1::new(), root: Xpriv::new_master(NetworkKind::Main, &[seed; 32]).unwrap() }
    }

    /// A key with a known root.
    pub(crate) fn with_secret(digits: &str) -> Self {
        let mut key = Self::new(0);
        key.root.private_key = digits.parse().unwrap();
        key
    }

    pub(crate) fn secret(&self, path: &[u32]) -> SecretKey {
        self.root.derive_priv(&self.secp, &steps(path).unwrap()).unwrap().private_key
    }

    pub(crate) fn public(&self, path: &[u32]) -> PublicKey {
        self.secret(path).public_key(&self.secp)
    }

    /// Signs as the participants of the key together would: r, s, recovery id.
    pub(crate) fn sign(&self, to_sign: &ToSign) -> Vec<u8> {
        let ToSign::Ecdsa { digest, path } = to_sign else { panic!("an ECDSA key signs digests") };
        let signature = self.secp.sign_ecdsa_recoverable(&Message::from_digest(*digest), &self.secret(path));
        let (recovery, compact) = signature.serialize_compact();
        [&compact[..], &[recovery.to_i32() as u8]].concat()
    }
}

impl KeyView for EcdsaKey {
    fn suite(&self) -> SuiteId {
        SuiteId::EcdsaSecp256k1
    }

    fn child_public_key(&self, path: &[u32]) -> Result<Vec<u8>, PayloadError> {
        let root = Xpub::from_priv(&self.secp, &self.root);
        Ok(root.derive_pub(&self.secp, &steps(path)?).unwrap().public_key.serialize().to_vec())
    }
}

fn steps(path: &[u32]) -> Result<Vec<ChildNumber>, PayloadError> {
    path.iter()
        .map(|step| ChildNumber::from_normal_idx(*step).map_err(|_| InputError::HardenedDerivation(*step).into()))
        .collect()
}

/// Any 32 bytes and suite; children are not derived.
pub(crate) struct PlainKey {
    pub(crate) suite: SuiteId,
    pub(crate) public: Vec<u8>,
}

impl KeyView for PlainKey {
    fn suite(&self) -> SuiteId {
        self.suite
    }

    fn child_public_key(&self, path: &[u32]) -> Result<Vec<u8>, PayloadError> {
        if path.is_empty() { Ok(self.public.clone()) } else { Err(InputError::DerivationPath.into()) }
    }
}

pub(crate) struct Ed25519Key(pub(crate) SigningKey);

impl Ed25519Key {
    pub(crate) fn new(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    pub(crate) fn sign(&self, to_sign: &ToSign) -> Vec<u8> {
        assert_eq!(to_sign.taproot(), Taproot::None);
        self.0.sign(to_sign.message()).to_bytes().to_vec()
    }
}

impl KeyView for Ed25519Key {
    fn suite(&self) -> SuiteId {
        SuiteId::Ed25519
    }

    fn child_public_key(&self, path: &[u32]) -> Result<Vec<u8>, PayloadError> {
        if path.is_empty() { Ok(self.public().to_vec()) } else { Err(InputError::DerivationPath.into()) }
    }
}
