//! Checks a backup: with its public part alone, and with the recipient's key also every share.

use std::io::Read;

use quorate_core::{
    Error, PeerId, SuiteId, Threshold,
    amend::Approved,
    attest::Attestation,
    curve::Curve,
    ecdsa::EcdsaSecp256k1,
    frost::{Bip340, Ed25519},
    keys::{Certificate, KeyId, PublicKeyPackage},
    placement::Exposure,
    wire::Encoding,
};
use quorate_storage::{
    KeyExport, Record,
    backup::{BackupError, BackupReader, Entry, OpenedKey, OpeningKeys, Preamble, PublicSlot, ReadChunk},
};

use super::declares;
use crate::{
    cosigner::epochs::LONG_STEP,
    share::{AnyKeyShare, AnyPendingShare, IdentityRecord, Stored, is_wallet_name},
};

/// Why a backup is not one to rely on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The file itself.
    #[error(transparent)]
    Format(#[from] BackupError),
    /// What it holds of one key.
    #[error("what the backup holds of the key {key} does not stand")]
    Key {
        /// The key.
        key: KeyId,
        /// Why.
        source: KeyProblem,
    },
    /// The identity key in it is not that of the cosigner that it names.
    #[error("the identity key in the backup is not that of the cosigner that the backup names")]
    Identity,
}

/// What does not stand of a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyProblem {
    /// The package, the certificate, the proof or the share.
    #[error(transparent)]
    Protocol(#[from] Error),
    /// The package is another key's, or another epoch's.
    #[error("its public key package is another key's, or another epoch's")]
    OtherPackage,
    /// The placement does not declare this backup.
    #[error("its placement does not declare this backup: the backup should not exist")]
    Undeclared,
    /// It says that far higher epochs were seen than it holds shares of.
    #[error("it names an epoch as seen that is too far above all that it holds")]
    HighestEpoch,
    /// What was encrypted is another share than the public part says.
    #[error("the encrypted share is another one than the public part says")]
    OtherShare,
    /// A suite that cosigners do not hold.
    #[error("cosigners hold no keys of the suite {suite}")]
    Suite {
        /// The suite.
        suite: SuiteId,
    },
}

/// What a backup holds of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyReport {
    /// The key.
    pub key_id: [u8; 32],
    /// What it is for.
    pub suite: SuiteId,
    /// The group's public key, encoded.
    pub public_key: Vec<u8>,
    /// How many sign, of how many.
    pub threshold: Threshold,
    /// Whose share it is.
    pub participant: u16,
    /// The epoch of the certified share.
    pub epoch: Option<u64>,
    /// The epochs of the shares that wait for their certificate.
    pub pending: Vec<u64>,
    /// The wallet; known only if the backup was opened.
    pub wallet: Option<String>,
}

/// What a backup is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupReport {
    /// Its beginning.
    pub preamble: Preamble,
    /// How many certified shares are in it.
    pub active: usize,
    /// How many shares that wait for their certificate.
    pub pending: usize,
    /// Whether the encrypted part was opened, and every share checked.
    pub opened: bool,
}

/// Checks a backup, and every share in it if the recipient's key is at hand. Tells each key to `each`, in the order of their ids.
///
/// Rely on what was told only if the whole succeeds. The module says what is proved and what is not.
///
/// # Errors
///
/// [`CheckError::Format`] if the file is not a whole backup, [`CheckError::Key`] if a certificate, a proof, a placement or a share does
/// not stand.
pub fn verify(input: impl Read, keys: Option<&OpeningKeys>, mut each: impl FnMut(KeyReport)) -> Result<BackupReport, CheckError> {
    let mut reader = BackupReader::new(input)?;
    let mut report = BackupReport { preamble: reader.preamble().clone(), active: 0, pending: 0, opened: keys.is_some() };
    while let Some(chunk) = reader.next_chunk()? {
        for checked in check_chunk(&report.preamble, &chunk, keys)?.keys {
            report.active = report.active.saturating_add(checked.report.epoch.iter().len());
            report.pending = report.pending.saturating_add(checked.report.pending.len());
            each(checked.report);
        }
    }
    Ok(report)
}

/// A chunk that stands.
pub(crate) struct Checked {
    /// The cosigner's identity key.
    pub(crate) identity: Option<IdentityRecord>,
    pub(crate) keys: Vec<CheckedKey>,
}

/// A key that stands.
pub(crate) struct CheckedKey {
    pub(crate) report: KeyReport,
    /// Its shares, if the chunk was opened.
    pub(crate) export: Option<KeyExport<Stored<AnyKeyShare>, Stored<AnyPendingShare>>>,
}

pub(crate) fn check_chunk(preamble: &Preamble, chunk: &ReadChunk, keys: Option<&OpeningKeys>) -> Result<Checked, CheckError> {
    let mut proofs = chunk.proofs().iter();
    let mut checked = Checked { identity: None, keys: Vec::new() };
    for entry in chunk.entries() {
        let report = check_entry(preamble, chunk, entry, &mut proofs);
        checked.keys.push(CheckedKey { report: report.map_err(|source| failed(entry, source))?, export: None });
    }
    let Some(keys) = keys else { return Ok(checked) };
    let opened = chunk.open(keys)?;
    checked.identity = opened.identity.map(IdentityRecord);
    if checked.identity.as_ref().is_some_and(|identity| identity.identity().peer_id() != preamble.cosigner) {
        return Err(CheckError::Identity);
    }
    for ((key, entry), opened) in checked.keys.iter_mut().zip(chunk.entries()).zip(opened.keys) {
        let export = open_entry(preamble.cosigner, entry, opened).map_err(|source| failed(entry, source))?;
        let wallets = export.active.iter().map(|(_, stored)| &stored.wallet);
        key.report.wallet = wallets.chain(export.pending.iter().map(|(_, stored)| &stored.wallet)).next().cloned();
        key.export = Some(export);
    }
    Ok(checked)
}

const fn failed(entry: &Entry, source: KeyProblem) -> CheckError {
    CheckError::Key { key: KeyId::new(entry.key_id), source }
}

/// Checks what is in clear.
fn check_entry<'a>(
    preamble: &Preamble,
    chunk: &ReadChunk,
    entry: &Entry,
    proofs: &mut impl Iterator<Item = &'a Vec<u8>>,
) -> Result<KeyReport, KeyProblem> {
    let mut report = None;
    // It closes all lower epochs to the vault that it is restored into.
    let last = entry.slots().map(|slot| slot.epoch).max().unwrap_or_default();
    if entry.highest_epoch.saturating_sub(last) > LONG_STEP {
        return Err(KeyProblem::HighestEpoch);
    }
    for slot in entry.slots() {
        // The reader took one for each share.
        let proof = proofs.next().map(Vec::as_slice).unwrap_or_default();
        let found = match entry.suite {
            SuiteId::Ed25519 => check_slot::<Ed25519>(preamble, chunk, entry, slot, proof),
            SuiteId::Bip340 => check_slot::<Bip340>(preamble, chunk, entry, slot, proof),
            SuiteId::EcdsaSecp256k1 => check_slot::<EcdsaSecp256k1>(preamble, chunk, entry, slot, proof),
            suite @ (SuiteId::Ristretto255 | SuiteId::Secp256k1 | SuiteId::P256 | SuiteId::EcdsaP256 | _) => {
                Err(KeyProblem::Suite { suite })
            }
        }?;
        report.get_or_insert(found);
    }
    // An entry without shares is not canonical.
    report.ok_or(KeyProblem::OtherPackage)
}

fn check_slot<C: Curve>(
    preamble: &Preamble,
    chunk: &ReadChunk,
    entry: &Entry,
    slot: &PublicSlot,
    proof: &[u8],
) -> Result<KeyReport, KeyProblem> {
    let package = PublicKeyPackage::<C>::from_bytes(&slot.package).map_err(Error::from)?;
    if *package.key_id().as_bytes() != entry.key_id || package.epoch() != slot.epoch {
        return Err(KeyProblem::OtherPackage);
    }
    if !slot.certificate.is_empty() {
        Certificate::<C>::from_bytes(&slot.certificate).map_err(Error::from)?.verify(&package)?;
    }
    let attestation = Attestation::<C>::from_bytes(proof).map_err(Error::from)?;
    attestation.verify(&package, slot.participant, PeerId::new(*chunk.statement()), &preamble.id)?;
    let declared = |row: &Exposure| declares(row, &preamble.location, &preamble.key);
    if !package.placement().exposure(slot.participant).is_some_and(declared) {
        if entry.amendment.is_empty() {
            return Err(KeyProblem::Undeclared);
        }
        // It is of one epoch: another slot's package is not what it was approved for.
        let approved = Approved::<C>::from_record(&entry.amendment, &package)?;
        if approved.amendment().participant() != slot.participant || !declared(approved.amendment().row()) {
            return Err(KeyProblem::Undeclared);
        }
    }
    Ok(KeyReport {
        key_id: entry.key_id,
        suite: entry.suite,
        public_key: package.verifying_key().to_bytes().as_ref().to_vec(),
        threshold: package.threshold(),
        participant: slot.participant.to_u16(),
        epoch: entry.active.as_ref().map(|slot| slot.epoch),
        pending: entry.pending.iter().map(|slot| slot.epoch).collect(),
        wallet: None,
    })
}

/// Checks what was encrypted, and that it is what the public part says.
fn open_entry(
    cosigner: PeerId,
    entry: &Entry,
    opened: OpenedKey,
) -> Result<KeyExport<Stored<AnyKeyShare>, Stored<AnyPendingShare>>, KeyProblem> {
    let mut export = KeyExport::new(entry.key_id, entry.suite, entry.highest_epoch);
    export.name = Some(opened.name).filter(|name| !name.is_empty());
    for (slot, record) in entry.slots().zip(&opened.records) {
        let key = entry.key_ref(slot);
        // A wallet's name is shown: it must not be anything else.
        let (same, named, peers) = if slot.certificate.is_empty() {
            let stored = Stored::<AnyPendingShare>::from_secret_bytes(record, Some(&key))?;
            let same = stored.share.package_record() == slot.package;
            let (named, peers) = (is_wallet_name(&stored.wallet), stored.peers.clone());
            export.pending.push((key, stored));
            (same, named, peers)
        } else {
            let stored = Stored::<AnyKeyShare>::from_secret_bytes(record, Some(&key))?;
            let same = stored.share.package_record() == slot.package && stored.share.certificate_record() == slot.certificate;
            let (named, peers) = (is_wallet_name(&stored.wallet), stored.peers.clone());
            export.active = Some((key, stored));
            (same, named, peers)
        };
        // Nor is it another cosigner's share.
        if !(same && named && peers.identifier(cosigner) == Some(slot.participant)) {
            return Err(KeyProblem::OtherShare);
        }
    }
    Ok(export)
}
