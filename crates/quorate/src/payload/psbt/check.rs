//! What must hold for a PSBT whoever's key signs it.

use std::collections::BTreeSet;

use bitcoin::{Amount, OutPoint, Psbt, TxOut, psbt::Input};

use super::PsbtError;

/// The most inputs, and the most outputs: about what a standard transaction of 100 000 virtual bytes can hold.
pub(super) const MAX_PARTS: usize = 2_000;

/// Checks sizes, the statements about what is spent, and the amounts.
pub(super) fn check(psbt: &Psbt) -> Result<(), PsbtError> {
    let transaction = &psbt.unsigned_tx;
    if transaction.input.len().max(transaction.output.len()) > MAX_PARTS {
        return Err(PsbtError::TooMany { limit: MAX_PARTS });
    }
    if transaction.input.is_empty() {
        return Err(PsbtError::NothingToSign);
    }
    let mut seen = BTreeSet::new();
    for (index, (spent, input)) in transaction.input.iter().zip(&psbt.inputs).enumerate() {
        check_utxo(index, spent.previous_output, input)?;
        if !seen.insert(spent.previous_output) {
            return Err(PsbtError::DuplicateInput { input: index });
        }
    }
    fee(psbt).map(|_| ())
}

/// What an input spends.
pub(super) fn prevout(index: usize, input: &Input) -> Result<&TxOut, PsbtError> {
    input.witness_utxo.as_ref().ok_or(PsbtError::NoWitnessUtxo { input: index })
}

/// Checks that every input brings its whole previous transaction, or is the only one.
///
/// Unlike a Taproot signature, one of BIP-143 commits to the amount of its own input alone. Whoever makes the PSBT could ask twice for the
/// same transaction, each time with one amount told too low, and have all inputs signed for a loss that nobody was shown
/// (CVE-2020-14199). The previous transaction's hash is the outpoint, so it cannot lie. Of a single input, the amount is the one that is
/// signed. That an input of ours is not recognised, for want of a path, is met elsewhere: it lowers no loss (`PsbtDetails::spent`).
pub(super) fn check_previous(psbt: &Psbt) -> Result<(), PsbtError> {
    if psbt.inputs.len() == 1 {
        return Ok(());
    }
    match psbt.inputs.iter().position(|input| input.non_witness_utxo.is_none()) {
        Some(input) => Err(PsbtError::NoPreviousTransaction { input }),
        None => Ok(()),
    }
}

/// The inputs less the outputs.
pub(super) fn fee(psbt: &Psbt) -> Result<Amount, PsbtError> {
    let spent: Result<Vec<&TxOut>, PsbtError> =
        psbt.inputs.iter().enumerate().map(|(index, input)| prevout(index, input)).collect();
    let given = sum(spent?.into_iter())?;
    let taken = sum(psbt.unsigned_tx.output.iter())?;
    given.checked_sub(taken).ok_or(PsbtError::Amounts)
}

fn sum<'a>(outputs: impl Iterator<Item = &'a TxOut>) -> Result<Amount, PsbtError> {
    outputs
        .map(|output| output.value)
        .try_fold(Amount::ZERO, |sum, value| sum.checked_add(value).filter(|sum| *sum <= Amount::MAX_MONEY))
        .ok_or(PsbtError::Amounts)
}

fn check_utxo(index: usize, outpoint: OutPoint, input: &Input) -> Result<(), PsbtError> {
    let claimed = prevout(index, input)?;
    let Some(previous) = &input.non_witness_utxo else { return Ok(()) };
    let position = usize::try_from(outpoint.vout).unwrap_or(usize::MAX);
    if previous.compute_txid() == outpoint.txid && previous.output.get(position) == Some(claimed) {
        Ok(())
    } else {
        Err(PsbtError::ContradictingUtxo { input: index })
    }
}
