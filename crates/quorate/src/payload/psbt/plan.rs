//! What a PSBT means for one key: which inputs it signs, with which child, and which outputs come back to it.

use std::collections::BTreeMap;

use bitcoin::{
    PublicKey as AnyPublicKey, ScriptBuf, TapSighashType, TxOut, XOnlyPublicKey,
    bip32::{ChildNumber, DerivationPath, Fingerprint},
    hashes::Hash as _,
    key::TweakedPublicKey,
    psbt::{Input, Output, Psbt, PsbtSighashType},
    secp256k1::PublicKey,
    sighash::EcdsaSighashType,
    taproot::TapLeafHash,
};
use quorate_core::SuiteId;

use super::{
    super::{KeyUse, PayloadError, ecdsa, key},
    PsbtError, check,
};

/// The longest path that an input or output may name; five steps are usual.
const MAX_STEPS: usize = 8;

/// How many keys of an input's scripts are looked at; each can cost a derivation.
const MAX_ORIGINS: usize = 64;

/// What a PSBT means for a key.
pub(super) struct Plan {
    /// What each input spends.
    pub(super) prevouts: Vec<TxOut>,
    /// The inputs that this key signs.
    pub(super) own: Vec<OwnInput>,
    /// The inputs in whose scripts this key is; it does not sign there.
    pub(super) in_scripts: Vec<usize>,
    /// For each output, the path of the child that it returns to.
    pub(super) returns: Vec<Option<Vec<u32>>>,
}

/// An input that this key signs.
pub(super) struct OwnInput {
    pub(super) index: usize,
    pub(super) path: Vec<u32>,
    pub(super) lock: Lock,
}

/// What a signature of ours has to open.
pub(super) enum Lock {
    /// A Taproot output, by its key path.
    Taproot { merkle_root: Option<[u8; 32]>, sighash: TapSighashType, output_key: XOnlyPublicKey },
    /// Pay to witness public key hash, with the signature hash type `ALL`.
    Wpkh { public: PublicKey },
}

impl OwnInput {
    /// Whether a Taproot signature ends with a byte that names its hash type.
    pub(super) fn names_sighash(&self) -> bool {
        matches!(self.lock, Lock::Taproot { sighash, .. } if sighash != TapSighashType::Default)
    }
}

type TaprootOrigins = BTreeMap<XOnlyPublicKey, (Vec<TapLeafHash>, (Fingerprint, DerivationPath))>;
type Origins = BTreeMap<PublicKey, (Fingerprint, DerivationPath)>;

impl Plan {
    /// Works it out.
    ///
    /// # Errors
    ///
    /// [`PsbtError::NothingToSign`], [`PsbtError::ScriptPath`], [`PsbtError::SighashType`], [`PsbtError::AlreadySigned`] or
    /// [`PsbtError::NoPreviousTransaction`], and what the key view says.
    pub(super) fn new(psbt: &Psbt, usage: &KeyUse<'_>) -> Result<Self, PayloadError> {
        let finder = Finder::new(usage)?;
        let prevouts = Vec::with_capacity(psbt.inputs.len());
        let mut plan = Self { prevouts, own: Vec::new(), in_scripts: Vec::new(), returns: Vec::new() };
        for (index, input) in psbt.inputs.iter().enumerate() {
            let prevout = check::prevout(index, input)?;
            plan.own.extend(finder.own_input(index, input, prevout)?);
            if finder.is_in_a_script(input) {
                plan.in_scripts.push(index);
            }
            plan.prevouts.push(prevout.clone());
        }
        if plan.own.is_empty() {
            let in_script = plan.in_scripts.first().map(|input| PsbtError::ScriptPath { input: *input });
            return Err(in_script.unwrap_or(PsbtError::NothingToSign).into());
        }
        if matches!(finder.requested, Requested::Wpkh(_)) {
            check::check_previous(psbt)?;
        }
        for (output, psbt_output) in psbt.unsigned_tx.output.iter().zip(&psbt.outputs) {
            plan.returns.push(finder.return_path(output, psbt_output));
        }
        Ok(plan)
    }

    /// The input at an index, if this key signs it.
    pub(super) fn own_input(&self, index: usize) -> Option<&OwnInput> {
        self.own.iter().find(|own| own.index == index)
    }
}

/// Recognises the key's scripts.
struct Finder<'a> {
    usage: &'a KeyUse<'a>,
    requested: Requested,
}

/// The key at the path that the request names.
enum Requested {
    Taproot(XOnlyPublicKey),
    Wpkh(PublicKey),
}

impl<'a> Finder<'a> {
    fn new(usage: &'a KeyUse<'a>) -> Result<Self, PayloadError> {
        let requested = match usage.key.suite() {
            SuiteId::Bip340 => Requested::Taproot(key::internal_key(usage.key, usage.path)?),
            SuiteId::EcdsaSecp256k1 => Requested::Wpkh(ecdsa::public_key(usage.key, usage.path)?),
            SuiteId::Ed25519 | SuiteId::Ristretto255 | SuiteId::Secp256k1 | SuiteId::P256 | SuiteId::EcdsaP256 | _ => {
                return Err(usage.unsupported(super::kind::PSBT));
            }
        };
        Ok(Self { usage, requested })
    }

    fn own_input(&self, index: usize, input: &Input, prevout: &TxOut) -> Result<Option<OwnInput>, PayloadError> {
        let script = &prevout.script_pubkey;
        match &self.requested {
            Requested::Taproot(requested) => {
                let merkle_root = input.tap_merkle_root.map(|root| root.to_byte_array());
                let found = self.taproot(*requested, script, merkle_root, (input.tap_internal_key, &input.tap_key_origins));
                let Some((path, output_key)) = found else { return Ok(None) };
                check_unsigned(index, input, input.tap_key_sig.is_some())?;
                let sighash = accepted_sighash(index, input.sighash_type)?;
                Ok(Some(OwnInput { index, path, lock: Lock::Taproot { merkle_root, sighash, output_key } }))
            }
            Requested::Wpkh(requested) => {
                let Some((path, public)) = self.wpkh(*requested, script, &input.bip32_derivation) else { return Ok(None) };
                check_unsigned(index, input, input.partial_sigs.contains_key(&AnyPublicKey::new(public)))?;
                accepted_ecdsa_sighash(index, input.sighash_type)?;
                Ok(Some(OwnInput { index, path, lock: Lock::Wpkh { public } }))
            }
        }
    }

    /// Whether the PSBT says that this key is in a script of the input that it shows. Of absurdly many keys, only the first are looked at.
    fn is_in_a_script(&self, input: &Input) -> bool {
        let Requested::Taproot(requested) = &self.requested else { return false };
        if input.tap_scripts.is_empty() {
            return false;
        }
        let origins = input.tap_key_origins.iter().filter(|(_, (leaves, _))| !leaves.is_empty());
        origins.take(MAX_ORIGINS).any(|(named, (_, (_, path)))| {
            let derived = || plain_steps(path).and_then(|path| key::internal_key(self.usage.key, &path).ok());
            named == requested || derived() == Some(*named)
        })
    }

    /// The child whose BIP-86 output, or P2WPKH output, this is. A script tree, if the PSBT tells of one, does not help: such an output
    /// is not ours alone.
    fn return_path(&self, output: &TxOut, hints: &Output) -> Option<Vec<u32>> {
        let script = &output.script_pubkey;
        match &self.requested {
            Requested::Taproot(requested) => {
                let hints = (hints.tap_internal_key, &hints.tap_key_origins);
                self.taproot(*requested, script, None, hints).map(|(path, _)| path)
            }
            Requested::Wpkh(requested) => self.wpkh(*requested, script, &hints.bip32_derivation).map(|(path, _)| path),
        }
    }

    /// The child whose output the script is: the one that the request names, or the one that the PSBT names and that really is
    /// this key's. Fingerprints are not asked: the derived key either is the internal key or is not.
    fn taproot(
        &self,
        requested: XOnlyPublicKey,
        script: &ScriptBuf,
        merkle_root: Option<[u8; 32]>,
        (internal, origins): (Option<XOnlyPublicKey>, &TaprootOrigins),
    ) -> Option<(Vec<u32>, XOnlyPublicKey)> {
        if !script.is_p2tr() {
            return None;
        }
        if let Some(output_key) = matching(script, requested, merkle_root) {
            return Some((self.usage.path.to_vec(), output_key));
        }
        let internal = internal?;
        let output_key = matching(script, internal, merkle_root)?;
        let (_, (_, path)) = origins.get(&internal)?;
        let path = plain_steps(path)?;
        let derived = key::internal_key(self.usage.key, &path).ok()?;
        (derived == internal).then_some((path, output_key))
    }

    /// The same for a P2WPKH output, and the key that it wants to see.
    fn wpkh(&self, requested: PublicKey, script: &ScriptBuf, origins: &Origins) -> Option<(Vec<u32>, PublicKey)> {
        if !script.is_p2wpkh() {
            return None;
        }
        let pays = |public: &PublicKey| *script == ScriptBuf::new_p2wpkh(&ecdsa::witness_hash(public));
        if pays(&requested) {
            return Some((self.usage.path.to_vec(), requested));
        }
        let (public, (_, path)) = origins.iter().find(|(public, _)| pays(public))?;
        let path = plain_steps(path)?;
        let derived = ecdsa::public_key(self.usage.key, &path).ok()?;
        (derived == *public).then_some((path, derived))
    }
}

fn matching(script: &ScriptBuf, internal: XOnlyPublicKey, merkle_root: Option<[u8; 32]>) -> Option<XOnlyPublicKey> {
    let output_key = key::output_key(internal, merkle_root.as_ref());
    let expected = ScriptBuf::new_p2tr_tweaked(TweakedPublicKey::dangerous_assume_tweaked(output_key));
    (*script == expected).then_some(output_key)
}

fn check_unsigned(index: usize, input: &Input, has_signature: bool) -> Result<(), PsbtError> {
    if has_signature || input.final_script_witness.is_some() || input.final_script_sig.is_some() {
        return Err(PsbtError::AlreadySigned { input: index });
    }
    Ok(())
}

/// The steps of a path, if none is hardened (such a child is not this key's) and it is not absurdly long.
fn plain_steps(path: &DerivationPath) -> Option<Vec<u32>> {
    if path.len() > MAX_STEPS {
        return None;
    }
    let step = |step: &ChildNumber| match step {
        ChildNumber::Normal { index } => Some(*index),
        ChildNumber::Hardened { .. } => None,
    };
    path.into_iter().map(step).collect()
}

fn accepted_sighash(index: usize, asked: Option<PsbtSighashType>) -> Result<TapSighashType, PsbtError> {
    let Some(asked) = asked else { return Ok(TapSighashType::Default) };
    match asked.taproot_hash_ty() {
        Ok(accepted @ (TapSighashType::Default | TapSighashType::All)) => Ok(accepted),
        _ => Err(PsbtError::SighashType { input: index, sighash: asked }),
    }
}

/// BIP-143: everything is signed, or nothing is.
fn accepted_ecdsa_sighash(index: usize, asked: Option<PsbtSighashType>) -> Result<(), PsbtError> {
    match asked.map(|asked| (asked, asked.ecdsa_hash_ty())) {
        None | Some((_, Ok(EcdsaSighashType::All))) => Ok(()),
        Some((sighash, _)) => Err(PsbtError::SighashType { input: index, sighash }),
    }
}
