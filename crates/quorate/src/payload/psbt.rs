//! Bitcoin transactions: PSBTs of which a BIP-340 key spends Taproot inputs by the key path, and an ECDSA key P2WPKH inputs.
//!
//! BIP-174 (version 0) with the fields of BIP-371; [`version2`] makes it of BIP-370. What can be checked without the key is checked when a
//! PSBT is read ([`check`], and [`scripts`] for Taproot's scripts); what it means for a key is worked out by [`plan`]; [`describe`] tells it.
//! Inputs of other keys may be there, also those of the same wallet's key of the other suite; script paths and other ECDSA inputs are not
//! signed: a BIP-340 key of this library signs with the tweak of an output key alone, and what is in a script is the bare key.

use core::fmt;

use bitcoin::{
    Psbt as Inner, ScriptBuf, Transaction, Witness,
    base64::{Engine as _, prelude::BASE64_STANDARD},
    consensus,
    hashes::Hash as _,
    sighash::{EcdsaSighashType, Prevouts, SighashCache},
    taproot,
};
use quorate_core::SuiteId;

use super::{Description, KeyUse, MAX_PAYLOAD, Payload, PayloadError, Taproot, ToSign, check_count, digest, ecdsa, kind};

mod check;
mod describe;
mod error;
mod plan;
mod scripts;
mod version2;

pub use describe::{InputDetails, OutputDetails, PsbtDetails};
pub use error::PsbtError;
use plan::{Lock, OwnInput, Plan};

/// A partially signed Bitcoin transaction, in which this key spends Taproot outputs (BIP-340 keys) or P2WPKH outputs
/// (ECDSA keys).
///
/// # Security
///
/// Every input needs its `witness_utxo`, also those of others: the Taproot signature commits to the amounts and scripts of all
/// inputs, so that a signature made over a false amount is worthless. A P2WPKH signature (BIP-143) commits to the amount of its own input
/// alone. So an ECDSA key signs a transaction of several inputs only if each of them, those of others too, brings its
/// `non_witness_utxo`, whose hash proves what is spent (CVE-2020-14199). Only the signature hash types `ALL` and, for Taproot, `DEFAULT`
/// are signed, for the others leave parts of the transaction open. An output counts as returning to this key only if it is the BIP-86
/// output, or the P2WPKH output, of one of its children: an output with the same internal key and a script tree belongs to whoever
/// knows a script.
#[derive(Clone, PartialEq, Eq)]
pub struct Psbt(Inner);

impl fmt::Debug for Psbt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Psbt({})", self.0.unsigned_tx.compute_txid())
    }
}

impl Psbt {
    /// Reads a PSBT of version 0 or 2 in binary or base64. From there on it is one of version 0.
    ///
    /// # Errors
    ///
    /// [`PayloadError::TooLong`], and [`PsbtError`] for what no key would sign.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        if bytes.len() > MAX_PAYLOAD.saturating_mul(4) / 3 {
            return Err(PayloadError::TooLong { limit: MAX_PAYLOAD });
        }
        let psbt = parse(bytes)?;
        check::check(&psbt)?;
        scripts::check(&psbt)?;
        // Others may write the same PSBT shorter or longer than we do.
        if psbt.serialize().len() > MAX_PAYLOAD {
            return Err(PayloadError::TooLong { limit: MAX_PAYLOAD });
        }
        Ok(Self(psbt))
    }

    /// The PSBT in base64, as other programs print it.
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(self.0.serialize())
    }

    pub(super) const fn inner(&self) -> &Inner {
        &self.0
    }

    /// The signature hashes of our inputs, BIP-341 or BIP-143.
    fn sighashes(&self, plan: &Plan) -> Result<Vec<[u8; 32]>, PayloadError> {
        let prevouts = plan.prevouts.as_slice();
        let mut cache = SighashCache::new(&self.0.unsigned_tx);
        let mut sighash = |own: &OwnInput| match &own.lock {
            Lock::Taproot { sighash, .. } => {
                let hash = cache.taproot_key_spend_signature_hash(own.index, &Prevouts::All(prevouts), *sighash);
                hash.ok().map(|hash| hash.to_byte_array())
            }
            Lock::Wpkh { .. } => {
                let prevout = prevouts.get(own.index)?;
                let hash = cache.p2wpkh_signature_hash(own.index, &prevout.script_pubkey, prevout.value, EcdsaSighashType::All);
                hash.ok().map(|hash| hash.to_byte_array())
            }
        };
        let hashed = |own| sighash(own).ok_or_else(|| PsbtError::NoSignatureHash { input: own.index }.into());
        plan.own.iter().map(hashed).collect()
    }
}

impl Payload for Psbt {
    fn kind(&self) -> &'static str {
        kind::PSBT
    }

    fn encode(&self) -> Vec<u8> {
        self.0.serialize()
    }

    /// That of its inputs, if they are all of one kind.
    fn suite(&self) -> Option<SuiteId> {
        let mut scripts = self.0.inputs.iter().filter_map(|input| input.witness_utxo.as_ref()).map(|utxo| &utxo.script_pubkey);
        let (taproot, wpkh) = (scripts.clone().any(|script| script.is_p2tr()), scripts.any(|script| script.is_p2wpkh()));
        match (taproot, wpkh) {
            (true, false) => Some(SuiteId::Bip340),
            (false, true) => Some(SuiteId::EcdsaSecp256k1),
            _ => None,
        }
    }

    fn describe(&self, usage: &KeyUse<'_>) -> Result<Description, PayloadError> {
        Ok(describe::describe(&self.0, &Plan::new(&self.0, usage)?, usage))
    }

    fn messages(&self, usage: &KeyUse<'_>) -> Result<Vec<ToSign>, PayloadError> {
        let plan = Plan::new(&self.0, usage)?;
        let sighashes = self.sighashes(&plan)?;
        let to_sign = |(own, sighash): (&OwnInput, &[u8; 32])| match own.lock {
            Lock::Taproot { merkle_root, .. } => {
                ToSign::schnorr(sighash.to_vec(), own.path.clone(), Taproot::KeyPath { merkle_root })
            }
            Lock::Wpkh { .. } => ToSign::ecdsa(*sighash, own.path.clone()),
        };
        Ok(plan.own.iter().zip(&sighashes).map(to_sign).collect())
    }

    /// The PSBT with our inputs final: each has the witness that the network wants. Inputs of others stay as they were.
    fn attach(&self, usage: &KeyUse<'_>, signatures: &[Vec<u8>]) -> Result<Vec<u8>, PayloadError> {
        let plan = Plan::new(&self.0, usage)?;
        check_count(plan.own.len(), signatures)?;
        let sighashes = self.sighashes(&plan)?;
        let mut psbt = self.0.clone();
        for (index, ((own, sighash), bytes)) in plan.own.iter().zip(&sighashes).zip(signatures).enumerate() {
            let invalid = || PayloadError::InvalidSignature { index };
            let witness = witness(&own.lock, bytes, *sighash).ok_or_else(invalid)?;
            finalize(psbt.inputs.get_mut(own.index).ok_or_else(invalid)?, witness);
        }
        Ok(psbt.serialize())
    }
}

/// What the network wants to see, if the signature verifies.
fn witness(lock: &Lock, signature: &[u8], digest: [u8; 32]) -> Option<Witness> {
    match lock {
        Lock::Taproot { output_key, sighash, .. } => {
            let signature = digest::verified(signature, digest, output_key)?;
            Some(Witness::p2tr_key_spend(&taproot::Signature { signature, sighash_type: *sighash }))
        }
        Lock::Wpkh { public } => {
            let signature = ecdsa::verified(signature, digest, public)?.signature;
            Some(Witness::p2wpkh(&bitcoin::ecdsa::Signature { signature, sighash_type: EcdsaSighashType::All }, public))
        }
    }
}

/// The finalizer of BIP-174 and BIP-371: the witness, and nothing that only signers needed.
fn finalize(input: &mut bitcoin::psbt::Input, witness: Witness) {
    *input = bitcoin::psbt::Input {
        witness_utxo: input.witness_utxo.take(),
        non_witness_utxo: input.non_witness_utxo.take(),
        final_script_witness: Some(witness),
        proprietary: core::mem::take(&mut input.proprietary),
        unknown: core::mem::take(&mut input.unknown),
        ..bitcoin::psbt::Input::default()
    };
}

/// Takes the transaction out of a PSBT in which every input is final, as bytes for the network.
///
/// # Errors
///
/// [`PsbtError`] if it is no such PSBT; [`PsbtError::NotFinal`] names the first input that waits for a signature of others.
pub fn extract_transaction(signed: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let psbt = Psbt::parse(signed)?.0;
    let mut transaction: Transaction = psbt.unsigned_tx;
    for (index, (slot, input)) in transaction.input.iter_mut().zip(psbt.inputs).enumerate() {
        if input.final_script_witness.is_none() && input.final_script_sig.is_none() {
            return Err(PsbtError::NotFinal { input: index }.into());
        }
        slot.witness = input.final_script_witness.unwrap_or_default();
        slot.script_sig = input.final_script_sig.unwrap_or_else(ScriptBuf::new);
    }
    Ok(consensus::serialize(&transaction))
}

/// Reads exactly one PSBT.
fn parse(bytes: &[u8]) -> Result<Inner, PsbtError> {
    let decoded = if bytes.starts_with(b"psbt") {
        bytes.to_vec()
    } else {
        BASE64_STANDARD.decode(bytes.trim_ascii()).map_err(|_| PsbtError::NotBase64)?
    };
    let is_version_2 = version2::is_version_2(&decoded);
    let decoded = if is_version_2 { version2::to_version_0(&decoded)? } else { decoded };
    let mut rest = decoded.as_slice();
    let read = Inner::deserialize_from_reader(&mut rest);
    let at = decoded.len().saturating_sub(rest.len());
    // Of version 2 these are other bytes than were given.
    let psbt = read.map_err(|error| PsbtError::Malformed { at: (!is_version_2).then_some(at), source: Box::new(error) })?;
    if version2::is_mixed(&psbt) {
        return Err(PsbtError::Version2 { part: "version: it has fields of both, and it" });
    }
    if rest.is_empty() { Ok(psbt) } else { Err(PsbtError::TrailingBytes { at }) }
}
