//! The signer: one PSBT, the wallet's two kinds of keys.

use std::sync::Arc;

use bitcoin::{
    NetworkKind, Psbt,
    bip32::{ChainCode, ChildNumber, Fingerprint, Xpub},
    secp256k1::PublicKey,
};
use quorate::{
    ask::{Ask, AskError, KeyHandle},
    core::{SuiteId, derive::DerivationPath},
    payload::{AddressKind, AnyPayload, PayloadError, Psbt as Payload, PsbtError},
};

/// The keys of a wallet that own coins: BIP-340 for Taproot, ECDSA for P2WPKH, either or both.
#[derive(Clone, Debug)]
pub struct PsbtSigner {
    keys: Vec<KeyHandle>,
}

impl PsbtSigner {
    /// Asks a cosigner for a wallet's keys: the BIP-340 key, the ECDSA key, or both.
    ///
    /// # Security
    ///
    /// The cosigner says which keys they are: compare an address with what your other cosigners show.
    ///
    /// # Errors
    ///
    /// [`AskError::UnknownKey`] if the wallet has neither, and what the cosigner says.
    pub async fn find(cosigner: Arc<dyn Ask>, wallet: &str) -> Result<Self, AskError> {
        let mut keys = Vec::new();
        let mut missing = None;
        for suite in [SuiteId::Bip340, SuiteId::EcdsaSecp256k1] {
            match KeyHandle::find(Arc::clone(&cosigner), wallet, suite).await {
                Ok(key) => keys.push(key),
                Err(error @ AskError::UnknownKey { .. }) => missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        match missing {
            Some(error) if keys.is_empty() => Err(error),
            _ => Ok(Self { keys }),
        }
    }

    /// Makes a signer of keys that were found already, BIP-340 or ECDSA.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = KeyHandle>) -> Self {
        Self { keys: keys.into_iter().collect() }
    }

    /// The children at that path. Needed for inputs of which the PSBT does not say whose they are; those of which it does are found by
    /// their own paths.
    ///
    /// # Errors
    ///
    /// [`AskError::Payload`] if there are no such children.
    pub fn at(self, path: &DerivationPath) -> Result<Self, AskError> {
        let keys = self.keys.into_iter().map(|key| key.at(path.clone())).collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }

    /// The keys that sign.
    #[must_use]
    pub fn keys(&self) -> &[KeyHandle] {
        &self.keys
    }

    /// The extended public key of a kind of address, for descriptors: a wallet that watches derives the children that the cosigners do.
    ///
    /// It is the root key's, at depth 0 and without an origin, whatever the path of this signer is. Who has it can list and link all
    /// addresses of the wallet.
    ///
    /// # Errors
    ///
    /// [`AskError::Payload`] if the wallet has no key with such addresses.
    pub fn xpub(&self, kind: AddressKind, network: impl Into<NetworkKind>) -> Result<Xpub, AskError> {
        let suite = match kind {
            AddressKind::Taproot => SuiteId::Bip340,
            AddressKind::P2wpkh | AddressKind::Ethereum => SuiteId::EcdsaSecp256k1,
            AddressKind::Solana | _ => SuiteId::Ed25519,
        };
        let key = self.keys.iter().map(KeyHandle::key).find(|key| quorate::payload::KeyView::suite(*key) == suite);
        let key = key.ok_or(PayloadError::NoSuchAddress { address: kind, suite })?;
        let public_key = PublicKey::from_slice(key.as_bytes()).map_err(|_| PayloadError::KeyEncoding)?;
        Ok(Xpub {
            network: network.into(),
            depth: 0,
            parent_fingerprint: Fingerprint::default(),
            child_number: ChildNumber::Normal { index: 0 },
            public_key,
            chain_code: ChainCode::from(*key.chain_code()),
        })
    }

    /// Has every input of the wallet signed and made final, in place, and says which: numbers from 0.
    ///
    /// Taproot inputs are one request to the cosigners, and P2WPKH inputs another. If one of them is refused, the PSBT stays as it was.
    ///
    /// # Errors
    ///
    /// [`AskError::Payload`] with a [`PsbtError`] before anybody is asked: no input is of these keys, a signature hash type leaves parts
    /// open, an input is signed already, or does not prove what it spends; and the words of the policy or the cosigner that says no.
    pub async fn sign(&self, psbt: &mut Psbt) -> Result<Vec<usize>, AskError> {
        let mut bytes = psbt.serialize();
        let (mut asked, mut refused) = (false, PsbtError::NothingToSign);
        for key in &self.keys {
            let payload = AnyPayload::new(Payload::parse(&bytes)?);
            match key.messages(&payload) {
                Ok(_) => {}
                // Nothing for this key. An input that it could only spend by a script is no reason not to sign the others.
                Err(AskError::Payload(PayloadError::Psbt(PsbtError::NothingToSign))) => continue,
                Err(AskError::Payload(PayloadError::Psbt(error @ PsbtError::ScriptPath { .. }))) => {
                    refused = error;
                    continue;
                }
                Err(error) => return Err(error),
            }
            bytes = key.sign(payload).await?.document;
            asked = true;
        }
        if !asked {
            return Err(PayloadError::from(refused).into());
        }
        let signed = Psbt::deserialize(&bytes)
            .map_err(|error| PayloadError::from(PsbtError::Malformed { at: None, source: Box::new(error) }))?;
        let is_final = |input: &bitcoin::psbt::Input| input.final_script_witness.is_some();
        let pairs = psbt.inputs.iter().zip(&signed.inputs).enumerate();
        let inputs = pairs.filter(|(_, (before, after))| is_final(after) && !is_final(before)).map(|(index, _)| index).collect();
        *psbt = signed;
        Ok(inputs)
    }
}
