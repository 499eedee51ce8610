//! The public part of a key, as a cosigner tells of it: children are derived here, on this machine.

use quorate_core::{
    DecodeError, SuiteId,
    curve::Curve as _,
    derive::{ChainCode, Derivable, DerivationPath, derive},
    ecdsa::EcdsaSecp256k1,
    frost::{Bip340, Ed25519},
    keys::VerifyingKey,
};

use crate::{
    WalletKey,
    control::api::KeyInfo,
    payload::{KeyView, PayloadError},
};

/// The public part of a key: who has it can list and link all the key's addresses, and sign nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    wallet: String,
    key_id: String,
    suite: SuiteId,
    public: Vec<u8>,
    chain_code: [u8; 32],
}

impl PublicKey {
    /// The wallet.
    #[must_use]
    pub fn wallet(&self) -> &str {
        &self.wallet
    }

    /// The key's name for life, 64 hexadecimal digits.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The root public key, in its suite's encoding.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.public
    }

    /// What children are derived with, beside the public key.
    #[must_use]
    pub const fn chain_code(&self) -> &[u8; 32] {
        &self.chain_code
    }

    fn child<C: Derivable>(&self, path: &DerivationPath) -> Result<Vec<u8>, PayloadError> {
        let root = VerifyingKey::<C>::from_bytes(&self.public).map_err(|_| PayloadError::KeyEncoding)?;
        let child = derive::<C>(&root.to_point(), &ChainCode::new(self.chain_code), path)?;
        Ok(C::encode_point(&child.public).as_ref().to_vec())
    }
}

impl TryFrom<&KeyInfo> for PublicKey {
    type Error = DecodeError;

    /// Reads what a cosigner tells over its control API.
    fn try_from(info: &KeyInfo) -> Result<Self, DecodeError> {
        let unreadable = DecodeError::InvalidValue;
        let suite = SuiteId::from_name(&info.suite).ok_or(unreadable("suite"))?;
        let public = hex::decode(&info.public_key).map_err(|_| unreadable("public key"))?;
        let mut chain_code = [0; 32];
        hex::decode_to_slice(&info.chain_code, &mut chain_code).map_err(|_| unreadable("chain code"))?;
        let key = Self { wallet: info.wallet.clone(), key_id: info.key_id.clone(), suite, public, chain_code };
        key.child_public_key(&[]).map_err(|_| unreadable("public key"))?;
        Ok(key)
    }
}

impl From<&WalletKey> for PublicKey {
    fn from(key: &WalletKey) -> Self {
        Self {
            wallet: key.wallet.clone(),
            key_id: key.share.key_id().to_string(),
            suite: key.share.suite(),
            public: key.share.public_key(),
            chain_code: *key.share.chain_code().as_bytes(),
        }
    }
}

impl KeyView for PublicKey {
    fn suite(&self) -> SuiteId {
        self.suite
    }

    fn child_public_key(&self, path: &[u32]) -> Result<Vec<u8>, PayloadError> {
        let path = DerivationPath::new(path.iter().copied())?;
        match self.suite {
            Bip340::SUITE => self.child::<Bip340>(&path),
            Ed25519::SUITE => self.child::<Ed25519>(&path),
            EcdsaSecp256k1::SUITE => self.child::<EcdsaSecp256k1>(&path),
            SuiteId::Ristretto255 | SuiteId::Secp256k1 | SuiteId::P256 | SuiteId::EcdsaP256 | _ => Err(PayloadError::KeyEncoding),
        }
    }
}
