//! What a PSBT means for one key: which inputs it signs, with which child, and which outputs come back to it.

use std::collections::BTreeMap;

use bitcoin::{
    ScriptBuf, TapSighashType, TxOut, XOnlyPublicKey,
    bip32::{ChildNumber, DerivationPath, Fingerprint},
    hashes::Hash as _,
    key::TweakedPublicKey,
    psbt::{Input, Output, Psbt, PsbtSighashType},
    taproot::TapLeafHash,
};

use super::{
    super::{KeyUse, PayloadError, key},
    PsbtError, check,
};

/// The longest path that an input or output may name; five steps are usual.
const MAX_STEPS: usize = 8;

/// What a PSBT means for a key.
pub(super) struct Plan {
    /// What each input spends.
    pub(super) prevouts: Vec<TxOut>,
    /// The inputs that this key signs.
    pub(super) own: Vec<OwnInput>,
    /// For each output, the path of the child that it returns to.
    pub(super) returns: Vec<Option<Vec<u32>>>,
}

/// An input that this key signs.
pub(super) struct OwnInput {
    pub(super) index: usize,
    pub(super) path: Vec<u32>,
    pub(super) merkle_root: Option<[u8; 32]>,
    pub(super) sighash: TapSighashType,
    pub(super) output_key: XOnlyPublicKey,
}

impl OwnInput {
    /// Whether the signature ends with a byte that names its hash type.
    pub(super) fn names_sighash(&self) -> bool {
        self.sighash != TapSighashType::Default
    }
}

type Origins = BTreeMap<XOnlyPublicKey, (Vec<TapLeafHash>, (Fingerprint, DerivationPath))>;

impl Plan {
    /// Works it out.
    ///
    /// # Errors
    ///
    /// [`PsbtError::NothingToSign`], [`PsbtError::SighashType`] or [`PsbtError::AlreadySigned`], and what the key view says.
    pub(super) fn new(psbt: &Psbt, usage: &KeyUse<'_>) -> Result<Self, PayloadError> {
        let requested = key::internal_key(usage.key, usage.path).map_err(|error| named(error, usage))?;
        let finder = Finder { usage, requested };
        let mut plan = Self { prevouts: Vec::with_capacity(psbt.inputs.len()), own: Vec::new(), returns: Vec::new() };
        for (index, input) in psbt.inputs.iter().enumerate() {
            let prevout = check::prevout(index, input)?;
            plan.own.extend(finder.own_input(index, input, prevout)?);
            plan.prevouts.push(prevout.clone());
        }
        if plan.own.is_empty() {
            return Err(PsbtError::NothingToSign.into());
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

/// Tells the kind of payload that the suite does not sign.
fn named(error: PayloadError, usage: &KeyUse<'_>) -> PayloadError {
    if matches!(error, PayloadError::UnsupportedSuite { .. }) { usage.unsupported(super::kind::PSBT) } else { error }
}

/// Recognises the key's scripts.
struct Finder<'a> {
    usage: &'a KeyUse<'a>,
    requested: XOnlyPublicKey,
}

impl Finder<'_> {
    fn own_input(&self, index: usize, input: &Input, prevout: &TxOut) -> Result<Option<OwnInput>, PayloadError> {
        let merkle_root = input.tap_merkle_root.map(|root| root.to_byte_array());
        let found = self.child_of(&prevout.script_pubkey, merkle_root, input.tap_internal_key, &input.tap_key_origins);
        let Some((path, output_key)) = found else { return Ok(None) };
        if input.tap_key_sig.is_some() || input.final_script_witness.is_some() || input.final_script_sig.is_some() {
            return Err(PsbtError::AlreadySigned { input: index }.into());
        }
        let sighash = accepted_sighash(index, input.sighash_type)?;
        Ok(Some(OwnInput { index, path, merkle_root, sighash, output_key }))
    }

    /// The child whose BIP-86 output this is. A script tree, if the PSBT tells of one, does not help: such an output is not ours alone.
    fn return_path(&self, output: &TxOut, psbt_output: &Output) -> Option<Vec<u32>> {
        let found = self.child_of(&output.script_pubkey, None, psbt_output.tap_internal_key, &psbt_output.tap_key_origins);
        found.map(|(path, _)| path)
    }

    /// The child whose output the script is: the one that the request names, or the one that the PSBT names and that really is
    /// this key's. Fingerprints are not asked: the derived key either is the internal key or is not.
    fn child_of(
        &self,
        script: &ScriptBuf,
        merkle_root: Option<[u8; 32]>,
        internal: Option<XOnlyPublicKey>,
        origins: &Origins,
    ) -> Option<(Vec<u32>, XOnlyPublicKey)> {
        if !script.is_p2tr() {
            return None;
        }
        if let Some(output_key) = self.matching(script, self.requested, merkle_root) {
            return Some((self.usage.path.to_vec(), output_key));
        }
        let internal = internal?;
        let output_key = self.matching(script, internal, merkle_root)?;
        let (_, (_, path)) = origins.get(&internal)?;
        let path = plain_steps(path)?;
        let derived = key::internal_key(self.usage.key, &path).ok()?;
        (derived == internal).then_some((path, output_key))
    }

    fn matching(&self, script: &ScriptBuf, internal: XOnlyPublicKey, merkle_root: Option<[u8; 32]>) -> Option<XOnlyPublicKey> {
        let output_key = key::output_key(internal, merkle_root.as_ref());
        let expected = ScriptBuf::new_p2tr_tweaked(TweakedPublicKey::dangerous_assume_tweaked(output_key));
        (*script == expected).then_some(output_key)
    }
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
