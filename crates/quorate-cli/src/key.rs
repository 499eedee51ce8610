//! A key as a cosigner tells of it, for payloads: children are derived here, on this machine.

use quorate::{
    control::{Client, api::KeyInfo},
    core::{
        SuiteId,
        curve::Curve as _,
        derive::{ChainCode, Derivable, DerivationPath, derive},
        ecdsa::EcdsaSecp256k1,
        frost::{Bip340, Ed25519},
        keys::VerifyingKey,
    },
    payload::{KeyView, PayloadError},
};

use crate::failure::Failure;

/// The public part of a key.
#[derive(Clone, Debug)]
pub(crate) struct PublicKey {
    suite: SuiteId,
    public: Vec<u8>,
    chain_code: ChainCode,
}

impl PublicKey {
    /// Reads what a cosigner tells.
    pub(crate) fn new(info: &KeyInfo) -> Result<Self, Failure> {
        let unreadable = |what| Failure::KeyInfo(quorate::core::DecodeError::InvalidValue(what));
        let suite = SuiteId::from_name(&info.suite).ok_or_else(|| unreadable("suite"))?;
        let public = hex::decode(&info.public_key).map_err(|_| unreadable("public key"))?;
        let mut chain_code = [0; 32];
        hex::decode_to_slice(&info.chain_code, &mut chain_code).map_err(|_| unreadable("chain code"))?;
        let key = Self { suite, public, chain_code: ChainCode::new(chain_code) };
        key.child_public_key(&[])?;
        Ok(key)
    }

    fn child<C: Derivable>(&self, path: &DerivationPath) -> Result<Vec<u8>, PayloadError> {
        let root = VerifyingKey::<C>::from_bytes(&self.public).map_err(|_| PayloadError::KeyEncoding)?;
        let child = derive::<C>(&root.to_point(), &self.chain_code, path)?;
        Ok(C::encode_point(&child.public).as_ref().to_vec())
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

/// The keys of a wallet, or the key of that id.
pub(crate) fn find(client: &Client, key: &str, suite: Option<&str>) -> Result<Vec<KeyInfo>, Failure> {
    let mut keys = client.keys()?;
    keys.retain(|info| (info.wallet == key || info.key_id == key) && suite.is_none_or(|suite| info.suite == suite));
    if keys.is_empty() {
        return Err(Failure::UnknownKey { key: key.to_owned(), suite: suite.map(str::to_owned) });
    }
    Ok(keys)
}

/// The one key that is meant.
pub(crate) fn find_one(client: &Client, key: &str, suite: Option<&str>) -> Result<KeyInfo, Failure> {
    let mut keys = find(client, key, suite)?;
    match (keys.pop(), keys.is_empty()) {
        (Some(info), true) => Ok(info),
        _ => Err(Failure::SeveralKeys { key: key.to_owned() }),
    }
}

/// The steps of a path.
pub(crate) fn steps(path: &str) -> Result<Vec<u32>, Failure> {
    Ok(path.parse::<DerivationPath>()?.iter().collect())
}
