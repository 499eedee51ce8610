//! Taproot's other way, BIP-342: inputs that are spent by a script, and outputs that have scripts beside their key.
//!
//! Nothing is signed here for a script. What is in a script is the bare key, and a BIP-340 key of this library signs with the tweak of an
//! output key alone. But a transaction can have such inputs, of others or of this key, and such outputs: each script that the PSBT tells of
//! is shown, after it was checked that the output really commits to it.

use bitcoin::{
    Psbt, Script, TxOut, XOnlyPublicKey,
    psbt::Input,
    taproot::{ControlBlock, LeafVersion},
};

use super::{super::key, PsbtError, check::prevout};
use crate::payload::description::hex;

/// How many scripts are checked and shown of a whole PSBT; each costs a multiplication.
const MAX_SCRIPTS: usize = 64;
/// Scripts up to that length, in bytes, are shown as words; of longer ones, the first bytes.
const SHOWN: usize = 128;

/// Checks every script that inputs and outputs tell of.
///
/// # Errors
///
/// [`PsbtError::InputScript`] and [`PsbtError::OutputScript`] if an output does not commit to it, [`PsbtError::TooManyScripts`].
pub(super) fn check(psbt: &Psbt) -> Result<(), PsbtError> {
    let of_inputs =
        psbt.inputs.iter().map(|input| input.tap_scripts.len().saturating_add(usize::from(is_spent_by_script(input))));
    let of_outputs = psbt.outputs.iter().filter_map(|output| output.tap_tree.as_ref()).map(|tree| tree.script_leaves().count());
    if of_inputs.chain(of_outputs).fold(0, usize::saturating_add) > MAX_SCRIPTS {
        return Err(PsbtError::TooManyScripts { limit: MAX_SCRIPTS });
    }
    for (index, input) in psbt.inputs.iter().enumerate() {
        let output_key = output_key(prevout(index, input)?);
        for (block, (script, version)) in &input.tap_scripts {
            let commits = output_key.is_some_and(|key| commits(block, script, *version, key));
            commits.then_some(()).ok_or(PsbtError::InputScript { input: index })?;
        }
        if is_spent_by_script(input) && !output_key.is_some_and(|key| is_spent_by_its_script(input, key)) {
            return Err(PsbtError::InputScript { input: index });
        }
    }
    for (index, (output, told)) in psbt.unsigned_tx.output.iter().zip(&psbt.outputs).enumerate() {
        let Some(tree) = &told.tap_tree else { continue };
        let root = bitcoin::hashes::Hash::to_byte_array(tree.root_hash());
        let expected = told.tap_internal_key.map(|internal| key::output_key(internal, Some(&root)));
        if expected.is_none() || output_key(output) != expected {
            return Err(PsbtError::OutputScript { output: index });
        }
    }
    Ok(())
}

/// The scripts by which an input can be spent, or was, in words.
pub(super) fn of_input(input: &Input) -> Vec<String> {
    let told = input.tap_scripts.values().map(|(script, version)| words(script, *version));
    let spent = input.final_script_witness.as_ref().filter(|_| is_spent_by_script(input));
    let spent = spent.and_then(|witness| witness.taproot_leaf_script());
    told.chain(spent.map(|leaf| format!("{} (with a witness, which is not checked here)", words(leaf.script, leaf.version))))
        .collect()
}

/// The scripts by which an output can be spent, beside its key.
pub(super) fn of_output(output: &bitcoin::psbt::Output) -> Vec<String> {
    let tree = output.tap_tree.as_ref();
    tree.iter().flat_map(|tree| tree.script_leaves()).map(|leaf| words(leaf.script(), leaf.version())).collect()
}

pub(super) fn is_spent_by_script(input: &Input) -> bool {
    let is_taproot = input.witness_utxo.as_ref().is_some_and(|utxo| utxo.script_pubkey.is_p2tr());
    is_taproot && input.final_script_witness.as_ref().is_some_and(|witness| witness.taproot_leaf_script().is_some())
}

fn is_spent_by_its_script(input: &Input, output_key: XOnlyPublicKey) -> bool {
    let witness = input.final_script_witness.as_ref();
    let block = witness.and_then(|witness| ControlBlock::decode(witness.taproot_control_block()?).ok());
    let leaf = witness.and_then(|witness| witness.taproot_leaf_script());
    block.zip(leaf).is_some_and(|(block, leaf)| commits(&block, leaf.script, leaf.version, output_key))
}

/// BIP-341: the control block leads from the script to the output key.
fn commits(block: &ControlBlock, script: &Script, version: LeafVersion, output_key: XOnlyPublicKey) -> bool {
    block.leaf_version == version && block.verify_taproot_commitment(key::secp(), output_key, script)
}

/// The key of a Taproot output.
fn output_key(output: &TxOut) -> Option<XOnlyPublicKey> {
    let script = Some(&output.script_pubkey).filter(|script| script.is_p2tr())?;
    // OP_1 and a push of 32 bytes.
    script.as_bytes().get(2..).and_then(|key| XOnlyPublicKey::from_slice(key).ok())
}

fn words(script: &Script, version: LeafVersion) -> String {
    let bytes = script.as_bytes();
    let text = match bytes.get(..SHOWN) {
        Some(first) if bytes.len() > SHOWN => format!("{} bytes, {}…", bytes.len(), hex(first)),
        _ => script.to_asm_string(),
    };
    match version {
        LeafVersion::TapScript => text,
        LeafVersion::Future(_) => format!("of an unknown version, which anybody may spend today: {text}"),
    }
}
