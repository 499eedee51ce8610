//! Amendments of a key's placement: a share that moves to another store, is wrapped by other key services, or is backed up.
//!
//! Only its own participant amends a row, and every participant approves with its share, after it has remembered the row durably and
//! found the rule to hold over all rows that it remembers. Rows are only ever added within an epoch, so that it does not matter in which
//! order cosigners hear of them: of two that break the rule together, everyone refuses the one that it hears of later.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use quorate_core::{
    DecodeError, Identifier, PeerId, Placement, PlacementError, SuiteId,
    amend::Amendment,
    placement::{AmendedPlacement, Exposure},
    wire::{Encoding, Reader, Writer},
};
use quorate_storage::{
    AuditKind,
    vault::{Change, Shelf},
};

use super::{ANSWER_WITHIN, Cosigner, Shared, answer::describe, fresh};
use crate::{
    audit,
    ceremony::message::{MAX_RECORD, Message},
    error::{CosignerError, RequestError},
    share::{AnyKeyShare, Stored, key_name},
};

/// The most amendments of all participants together that are remembered for a key.
pub(crate) const MAX_KNOWN: usize = 256;
/// The most bytes of them: a note must hold them.
const MAX_KNOWN_BYTES: usize = 512 << 10;
const VERSION: u8 = 1;

/// One amendment of a key's epoch, as this cosigner knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownAmendment {
    pub(crate) amendment: Amendment,
    /// Everyone's approvals; empty as long as they are not known here.
    pub(crate) record: Vec<u8>,
}

/// All that are remembered, those of former epochs too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amendments(Vec<KnownAmendment>);

impl Encoding for KnownAmendment {
    fn write(&self, out: &mut Writer) {
        self.amendment.write(out);
        out.bytes(&self.record);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { amendment: Amendment::read(input)?, record: input.bytes(MAX_RECORD)?.to_vec() })
    }
}

impl Encoding for Amendments {
    fn write(&self, out: &mut Writer) {
        out.u8(VERSION);
        out.sequence(&self.0);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = input.u8()?;
        if version != VERSION {
            return Err(DecodeError::UnsupportedVersion { found: version });
        }
        Ok(Self(input.sequence(MAX_KNOWN, 64)?))
    }
}

impl Amendments {
    /// Those of the epoch with this package.
    pub(crate) fn of(note: Option<&[u8]>, package: &[u8; 32]) -> Result<Self, DecodeError> {
        let mut known = note.map_or_else(|| Ok(Self::default()), Self::from_bytes)?;
        known.0.retain(|known| known.amendment.package_digest() == package);
        Ok(known)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &KnownAmendment> {
        self.0.iter()
    }

    /// What everyone has approved.
    pub(crate) fn approved(&self) -> impl Iterator<Item = &KnownAmendment> {
        self.0.iter().filter(|known| !known.record.is_empty())
    }

    /// The placement with what everyone has approved.
    pub(crate) fn agreed(&self, base: &Placement) -> AmendedPlacement {
        amended(base, self.approved())
    }

    /// The placement with all that this cosigner has approved.
    pub(crate) fn all(&self, base: &Placement) -> AmendedPlacement {
        amended(base, self.approved().chain(self.0.iter().filter(|known| known.record.is_empty())))
    }

    /// Adds one, or the approvals of one that is there. Gives whether anything changed.
    fn add(&mut self, base: &Placement, new: KnownAmendment) -> Result<bool, PlacementError> {
        let same = |known: &&mut KnownAmendment| known.amendment == new.amendment;
        if let Some(known) = self.0.iter_mut().find(same) {
            let news = known.record.is_empty() && !new.record.is_empty();
            if news {
                known.record = new.record;
            }
            return Ok(news);
        }
        let amendment = &new.amendment;
        // What all have approved stands; this cosigner has forgotten that it approved it, too.
        let mut placement = if new.record.is_empty() { self.all(base) } else { self.agreed(base) };
        placement.amend(amendment.participant(), amendment.number(), amendment.row().clone())?;
        self.0.push(new);
        let size = self.to_bytes().len();
        if self.0.len() > MAX_KNOWN || size > MAX_KNOWN_BYTES {
            return Err(PlacementError::TooMany { what: "amendments of one key; reshare it", limit: MAX_KNOWN });
        }
        Ok(true)
    }
}

fn amended<'a>(base: &Placement, known: impl Iterator<Item = &'a KnownAmendment>) -> AmendedPlacement {
    let mut placement = AmendedPlacement::new(base.clone());
    for known in known {
        let (participant, number) = (known.amendment.participant(), known.amendment.number());
        if let Err(error) = placement.amend(participant, number, known.amendment.row().clone()) {
            // Only a store that went back in time gets here: what it had approved, it approved against something else.
            tracing::error!(target: "quorate::audit", %error, "two amendments that were approved break the rule together; reshare the key");
        }
    }
    placement
}

/// A key whose participants have agreed on where this cosigner's share rests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AmendedKey {
    /// The wallet.
    pub wallet: String,
    /// The key.
    pub key_id: [u8; 32],
    /// Its suite.
    pub suite: SuiteId,
    /// The number of the amendment; nothing if the placement says so already.
    pub number: Option<u32>,
}

impl Cosigner {
    /// Has all participants of a key, or of all keys of a wallet, agree that this cosigner's share is where its configuration says: in
    /// another store, under other key services, with other backups. Old places count until the next reshare.
    ///
    /// **Do it before anything is moved**: restart the cosigner with the new row, amend, and move then.
    ///
    /// # Errors
    ///
    /// [`CosignerError::Placement`] if one domain could reach `min_signers` shares, over old and new places together, or if operator,
    /// deployer or runtime are others; [`CosignerError::Unavailable`] and [`CosignerError::Refused`] with names: all participants must
    /// approve. The same may be asked for again after any of them, and after a crash.
    pub async fn amend(&self, key: &str, suite: Option<SuiteId>) -> Result<Vec<AmendedKey>, CosignerError> {
        let mut amended = Vec::new();
        for stored in self.shared().find_all(key, suite).await? {
            amended.push(amend(self.shared(), &stored).await?);
        }
        Ok(amended)
    }

    /// A key's placement with all amendments that this cosigner has approved since its last reshare.
    ///
    /// # Errors
    ///
    /// [`CosignerError::Vault`].
    pub async fn amended_placement(&self, key: &AnyKeyShare) -> Result<AmendedPlacement, CosignerError> {
        let known = self.shared().amendments(key.key_id().as_bytes(), &key.package_digest()).await?;
        Ok(known.all(key.placement()))
    }
}

impl Shared {
    /// The amendments of the epoch with this package that this cosigner knows of.
    pub(crate) async fn amendments(&self, key_id: &[u8; 32], package: &[u8; 32]) -> Result<Amendments, CosignerError> {
        let note = self.vault.note(Shelf::Amendments, &hex::encode(key_id)).await?;
        Amendments::of(note.as_deref(), package).map_err(|error| CosignerError::Protocol(error.into()))
    }

    /// Remembers an amendment durably, if it is in order.
    pub(super) async fn remember_amendment(&self, key: &Stored<AnyKeyShare>, new: KnownAmendment) -> Result<(), CosignerError> {
        // The key must not get another epoch meanwhile, to which it would mean nothing.
        let _one_at_a_time = self.reshares.changing.lock().await;
        let (key_id, package) = (*key.share.key_id().as_bytes(), key.share.package_digest());
        if self.load(&key_id).await?.share.package_digest() != package {
            return Err(RequestError::EpochChanged { key: hex::encode(key_id) }.into());
        }
        let mut outcome = Ok(());
        let change = |note: Option<&[u8]>| {
            let mut known = match Amendments::of(note, &package) {
                Ok(known) => known,
                Err(error) => {
                    outcome = Err(CosignerError::Protocol(error.into()));
                    return Change::Keep;
                }
            };
            match known.add(key.share.placement(), new.clone()) {
                Ok(true) => Change::Write(known.to_bytes()),
                Ok(false) => Change::Keep,
                Err(error) => {
                    outcome = Err(CosignerError::Placement(error));
                    Change::Keep
                }
            }
        };
        self.vault.change_note(Shelf::Amendments, &hex::encode(key_id), change).await?;
        outcome
    }

    /// Takes over what everyone has approved.
    async fn learn_amendment(&self, key: &Stored<AnyKeyShare>, record: Vec<u8>) -> Result<(), CosignerError> {
        let amendment = key.share.read_approved(&record).map_err(CosignerError::Protocol)?;
        self.remember_amendment(key, KnownAmendment { amendment, record }).await
    }
}

/// One key, at the participant whose row it is.
async fn amend(shared: &Arc<Shared>, key: &Stored<AnyKeyShare>) -> Result<AmendedKey, CosignerError> {
    let (key_id, suite, me) = (*key.share.key_id().as_bytes(), key.share.suite(), key.share.identifier());
    let others: Vec<_> = key.peers.iter().filter(|(_, peer)| *peer != shared.me).collect();
    let known = shared.amendments(&key_id, &key.share.package_digest()).await?;
    let mut amended = AmendedKey { wallet: key.wallet.clone(), key_id, suite, number: None };
    let agreed = known.agreed(key.share.placement());
    if agreed.exposure(me) == Some(&shared.exposure) {
        // Somebody may not have heard of it.
        known.approved().for_each(|known| tell_amended(shared, &others, key_id, &known.record));
        return Ok(amended);
    }
    let number = number(&known, me, &known.all(key.share.placement()), &shared.exposure);
    let amendment = key.share.amendment(number, shared.exposure.clone());
    shared.trust_all(others.iter().map(|(_, peer)| *peer).collect()).await?;
    shared.remember_amendment(key, KnownAmendment { amendment: amendment.clone(), record: Vec::new() }).await?;
    let mut approvals = ask(shared, key, &others, (&amendment, &known)).await?;
    approvals.insert(me, key.share.approve(&amendment).map_err(CosignerError::Protocol)?);
    let record = key.share.approved(amendment.clone(), &approvals).map_err(CosignerError::Protocol)?;
    shared.learn_amendment(key, record.clone()).await?;
    // Asked once more, with what everyone has approved: whoever answers has heard of it, also where this cosigner stops at once.
    let known = shared.amendments(&key_id, &key.share.package_digest()).await?;
    if ask(shared, key, &others, (&amendment, &known)).await.is_err() {
        tell_amended(shared, &others, key_id, &record);
    }
    note_amended(shared, key, &describe_row(number, &shared.exposure)).await;
    amended.number = Some(number);
    Ok(amended)
}

/// The number of an attempt at the same row that came to nothing, or else the next one.
fn number(known: &Amendments, me: Identifier, placement: &AmendedPlacement, row: &Exposure) -> u32 {
    let mine = known.0.iter().map(|known| &known.amendment).filter(|amendment| amendment.participant() == me);
    let last = mine.max_by_key(|amendment| amendment.number());
    last.filter(|last| last.row() == row).map_or_else(|| placement.next_number(me), Amendment::number)
}

/// Everyone's approvals.
async fn ask(
    shared: &Arc<Shared>,
    key: &Stored<AnyKeyShare>,
    others: &[(Identifier, PeerId)],
    (amendment, known): (&Amendment, &Amendments),
) -> Result<BTreeMap<Identifier, Vec<u8>>, CosignerError> {
    let question = fresh()?;
    let mut answers = shared.expect(shared.me, question, others.iter().map(|(_, peer)| *peer))?;
    let known = known.approved().map(|known| known.record.clone()).collect();
    let ask = Message::AskApproval { question, key_id: *key.share.key_id().as_bytes(), amendment: amendment.clone(), known };
    let mut open: BTreeSet<_> = others.iter().map(|(_, peer)| *peer).collect();
    for (_, peer) in others {
        // One that cannot be told is named below.
        let _told = shared.tell(*peer, &ask);
    }
    let mut approvals = BTreeMap::new();
    let collect = async {
        while !open.is_empty() {
            let Some((from, message)) = answers.next().await else { break };
            let (Some(identifier), Message::Approval { record, reason, .. }) = (key.peers.identifier(from), message) else {
                continue;
            };
            if record.is_empty() {
                return Err(CosignerError::Refused { name: shared.name_of(from), reason });
            }
            let checked = key.share.check_approval(identifier, amendment, &record);
            checked.map_err(|error| CosignerError::Refused { name: shared.name_of(from), reason: error.to_string() })?;
            approvals.insert(identifier, record);
            open.remove(&from);
        }
        Ok(())
    };
    if let Ok(ended) = tokio::time::timeout(ANSWER_WITHIN, collect).await {
        ended?;
    }
    if open.is_empty() {
        return Ok(approvals);
    }
    Err(CosignerError::Unavailable { names: open.into_iter().map(|peer| shared.name_of(peer)).collect() })
}

fn tell_amended(shared: &Shared, others: &[(Identifier, PeerId)], key_id: [u8; 32], record: &[u8]) {
    for (_, peer) in others {
        // One that cannot be told has approved it, and counts it all the same.
        let _told = shared.tell(*peer, &Message::Amended { key_id, record: record.to_vec() });
    }
}

/// Approves what another participant says of its own share, or says why not.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    from: PeerId,
    (question, key_id): ([u8; 32], [u8; 32]),
    amendment: Amendment,
    known: Vec<Vec<u8>>,
) {
    let (record, reason) = match approve(shared, from, &key_id, amendment, known).await {
        Ok(record) => (record, String::new()),
        Err(error) => {
            let reason = describe(&error);
            tracing::warn!(target: "quorate::audit", key = hex::encode(key_id), from = %shared.name_of(from), reason, "an amendment was refused");
            // What is wrong with the vault, and where it is, is the operator's concern and not the proposer's.
            (Vec::new(), if matches!(error, CosignerError::Vault(_)) { error.to_string() } else { reason })
        }
    };
    let _told = shared.tell(from, &Message::Approval { question, record, reason });
}

pub(super) async fn approve(
    shared: &Arc<Shared>,
    from: PeerId,
    key_id: &[u8; 32],
    amendment: Amendment,
    known: Vec<Vec<u8>>,
) -> Result<Vec<u8>, CosignerError> {
    shared.trust(from).await?;
    let key = shared.load(key_id).await?;
    if key.peers.identifier(from) != Some(amendment.participant()) {
        return Err(CosignerError::Denied { reason: "a participant amends its own row alone".to_owned() });
    }
    for record in known {
        shared.learn_amendment(&key, record).await?;
    }
    shared.remember_amendment(&key, KnownAmendment { amendment: amendment.clone(), record: Vec::new() }).await?;
    let name = shared.name_of(from);
    let record = key.share.approve(&amendment).map_err(CosignerError::Protocol)?;
    let known = shared.amendments(key_id, &key.share.package_digest()).await?;
    if known.approved().any(|known| known.amendment == amendment) {
        // It was written down before everyone had approved it.
        return Ok(record);
    }
    let entry = audit::entry(AuditKind::PlacementAmended).key(*key_id).epoch(key.share.epoch()).peer(from);
    let words = format!("{name}: {}", describe_row(amendment.number(), amendment.row()));
    shared.audit.note(entry.reason(&words)).await;
    Ok(record)
}

/// Hears what everyone has approved.
pub(super) async fn hear(shared: &Arc<Shared>, from: PeerId, key_id: &[u8; 32], record: Vec<u8>) {
    let heard = match shared.load(key_id).await {
        Ok(key) => shared.learn_amendment(&key, record).await,
        Err(error) => Err(error),
    };
    if let Err(error) = heard {
        let reason = describe(&error);
        tracing::warn!(key = hex::encode(key_id), from = %shared.name_of(from), reason, "an amendment could not be taken over");
    }
}

async fn note_amended(shared: &Shared, key: &Stored<AnyKeyShare>, words: &str) {
    let entry = audit::entry(AuditKind::PlacementAmended).key(*key.share.key_id().as_bytes()).epoch(key.share.epoch());
    let name = key_name(&key.wallet, key.share.suite());
    shared.audit.note(entry.reason(&format!("{name}, approved by all: {words}"))).await;
    tracing::info!(target: "quorate::audit", key = %key.share.key_id(), words, "placement amended");
}

fn describe_row(number: u32, row: &Exposure) -> String {
    let services: Vec<_> = row.storage().key_services().iter().map(ToString::to_string).collect();
    let backups: Vec<_> = row.backups().iter().map(|backup| backup.location().to_string()).collect();
    let backups = if backups.is_empty() { "none".to_owned() } else { backups.join(", ") };
    format!("amendment {number}: store {}, key services {}, backups {backups}", row.storage().store(), services.join(", "))
}
