//! What a cosigner remembers of a key's epochs beside its shares, so that no order of crashes and attempts loses a key: docs/epochs.md.
//!
//! A number is promised, durably, before an attempt is joined, by dealers too. The certificate by which a share was given up is kept
//! and handed on. The holders of every epoch that may ever have been dealt are remembered, so that "nobody can sign with an old share"
//! is said only when it is so.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use quorate_core::{
    DecodeError, PeerId, Peers,
    identifier::MAX_PARTICIPANTS,
    wire::{Encoding, Reader, Writer},
};
use quorate_storage::{
    KeySummary, VaultError,
    vault::{Change, Shelf, VaultInputError},
};

use super::Shared;
use crate::{
    error::{CosignerError, Lack},
    share::{AnyCertified, AnyKeyShare, AnyPendingShare, Stored},
};

mod retire;
#[cfg(test)]
mod tests;

/// How far the number of a refresh may be above what this cosigner has seen, so that nobody uses them up: as many durable writes as it
/// takes to get past [`LONG_STEP`] by these are more than anyone can have made.
pub(super) const SHORT_STEP: u64 = 1 << 20;
/// How far that of a change may be that operators consented to. It gets over whatever refreshes that came to nothing did to the numbers.
pub(crate) const LONG_STEP: u64 = 1 << 56;
/// The most sets of holders that are remembered for a key.
pub(crate) const MAX_SETS: usize = 64;
/// The most bytes of them: there must be room for the certificate by which a share is given up.
const MAX_SET_BYTES: usize = 128 << 10;
/// From so many pending shares on only an attempt that an operator consented to is joined: whoever withholds its confirmations must
/// not be able to fill the vault and with it keep out its own eviction.
const HALF_OF_PENDING: usize = 8;
const VERSION: u8 = 1;
const MAX_CERTIFICATE: usize = 1 << 20;

/// The holders of an epoch, and how many of them sign.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HolderSet {
    min_signers: u16,
    holders: BTreeSet<PeerId>,
}

impl HolderSet {
    pub(crate) fn new(peers: &Peers, min_signers: u16) -> Self {
        Self { min_signers, holders: peers.iter().map(|(_, peer)| peer).collect() }
    }

    pub(crate) fn holders(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.holders.iter().copied()
    }

    /// Whether all of them are of `those`.
    pub(crate) fn are_among(&self, mut those: impl FnMut(PeerId) -> bool) -> bool {
        self.holders.iter().all(|peer| those(*peer))
    }

    /// How many bytes a note needs for it.
    pub(super) fn size(&self) -> usize {
        self.holders.len().saturating_mul(32).saturating_add(16)
    }

    /// How many more of `gone` have no share than is needed for the rest not to sign; nothing if they are too few.
    pub(crate) fn margin(&self, gone: &BTreeSet<PeerId>) -> Option<usize> {
        let left = self.holders.difference(gone).count();
        usize::from(self.min_signers).checked_sub(left.checked_add(1)?)
    }
}

impl Encoding for HolderSet {
    fn write(&self, out: &mut Writer) {
        out.u16(self.min_signers);
        out.length(self.holders.len());
        self.holders.iter().for_each(|peer| peer.write(out));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (min_signers, peers) = (input.u16()?, input.sequence::<PeerId>(MAX_PARTICIPANTS, 32)?);
        let holders: BTreeSet<_> = peers.iter().copied().collect();
        if holders.iter().copied().eq(peers) { Ok(Self { min_signers, holders }) } else { Err(DecodeError::NotCanonical) }
    }
}

/// The certificate by which a share was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Retired {
    epoch: u64,
    digest: [u8; 32],
    pub(crate) record: Vec<u8>,
}

/// One key's note.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EpochNote {
    /// The highest number of an attempt that was joined.
    promised: Option<u64>,
    /// The holders of the attempts that were joined since the last epoch that is known to be effective, and of the epochs that these
    /// dealt; each with the highest number of such an attempt.
    sets: BTreeMap<HolderSet, u64>,
    /// The highest epoch that is known to be effective: so many shares of all before it are destroyed that the rest cannot sign.
    effective: Option<u64>,
    /// What stays the same of the key.
    pub(crate) key_print: Option<[u8; 32]>,
    /// Whether there were more sets than are remembered.
    overflowed: bool,
    pub(crate) retired: Option<Retired>,
}

impl EpochNote {
    fn decode(bytes: Option<&[u8]>) -> Result<Self, DecodeError> {
        bytes.map_or_else(|| Ok(Self::default()), Self::from_bytes)
    }

    fn add(&mut self, set: HolderSet, number: u64) {
        let size = self.sets.keys().map(HolderSet::size).fold(set.size(), usize::saturating_add);
        if self.sets.contains_key(&set) || self.sets.len() < MAX_SETS && size <= MAX_SET_BYTES {
            let known = self.sets.entry(set).or_default();
            *known = number.max(*known);
        } else {
            self.overflowed = true;
        }
    }

    /// Forgets what was joined up to an epoch that is effective: shares of it are harmless.
    fn forget_through(&mut self, epoch: u64) {
        self.sets.retain(|_, number| *number > epoch);
        self.overflowed &= !self.sets.is_empty();
        self.effective = self.effective.max(Some(epoch));
    }

    /// The holders of all that may have shares still; nothing if they are more than are remembered.
    fn former(&self) -> Former {
        (!self.overflowed).then(|| self.sets.keys().cloned().collect())
    }

    /// The highest epoch by which a share was given up.
    fn retired_at(&self) -> Option<(u64, [u8; 32])> {
        self.retired.as_ref().map(|retired| (retired.epoch, retired.digest))
    }
}

impl Encoding for EpochNote {
    fn write(&self, out: &mut Writer) {
        out.u8(VERSION);
        out.option(self.promised.as_ref());
        out.option(self.key_print.as_ref());
        out.option(self.effective.as_ref());
        out.u8(u8::from(self.overflowed));
        out.length(self.sets.len());
        for (set, number) in &self.sets {
            out.u64(*number);
            set.write(out);
        }
        out.u8(u8::from(self.retired.is_some()));
        if let Some(retired) = &self.retired {
            out.u64(retired.epoch);
            out.raw(&retired.digest);
            out.bytes(&retired.record);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = input.u8()?;
        if version != VERSION {
            return Err(DecodeError::UnsupportedVersion { found: version });
        }
        let (promised, key_print, effective, overflowed) = (input.option()?, input.option()?, input.option()?, input.flag()?);
        let mut sets = BTreeMap::new();
        for _ in 0..input.length(MAX_SETS)? {
            let (number, set) = (input.u64()?, HolderSet::read(input)?);
            if sets.last_key_value().is_some_and(|(last, _)| *last >= set) {
                return Err(DecodeError::NotCanonical);
            }
            sets.insert(set, number);
        }
        let retired = if input.flag()? {
            Some(Retired { epoch: input.u64()?, digest: input.array()?, record: input.bytes(MAX_CERTIFICATE)?.to_vec() })
        } else {
            None
        };
        Ok(Self { promised, sets, effective, key_print, overflowed, retired })
    }
}

/// An attempt that a cosigner is asked to join.
pub(crate) struct Attempt<'a> {
    pub(crate) key_id: &'a [u8; 32],
    pub(crate) epoch: u64,
    pub(crate) key_print: [u8; 32],
    /// The holders of the epoch that is dealt, if they are known here, and those of the epoch to be.
    pub(crate) base: Option<HolderSet>,
    pub(crate) to: HolderSet,
    /// What the proposer knows of former ones.
    pub(crate) former: &'a [HolderSet],
    /// Whether it changes nothing but the polynomial.
    pub(crate) refresh: bool,
}

/// The holders of the epoch that is dealt, and of all attempts to deal it before, as far as this cosigner knows; nothing if it knows of
/// more than it remembers.
pub(crate) type Former = Option<BTreeSet<HolderSet>>;

impl Shared {
    pub(crate) async fn epoch_note(&self, key_id: &[u8; 32]) -> Result<EpochNote, VaultError> {
        let name = hex::encode(key_id);
        let note = self.vault.note(Shelf::Epochs, &name).await?;
        EpochNote::decode(note.as_deref()).map_err(|_| self.vault.damaged_note(Shelf::Epochs, &name))
    }

    async fn change_epoch_note(
        &self,
        key_id: &[u8; 32],
        change: impl Fn(&mut EpochNote) + Send + Sync,
    ) -> Result<(), VaultError> {
        let name = hex::encode(key_id);
        let mut damaged = false;
        let changed = self.vault.change_note(Shelf::Epochs, &name, |note| {
            let Ok(mut note) = EpochNote::decode(note) else {
                damaged = true;
                return Change::Keep;
            };
            change(&mut note);
            Change::Write(note.to_bytes())
        });
        changed.await?;
        if damaged { Err(self.vault.damaged_note(Shelf::Epochs, &name)) } else { Ok(()) }
    }

    /// The highest number that this cosigner has seen of a key, in a share or in a promise.
    pub(super) async fn seen(&self, key_id: &[u8; 32]) -> Result<Option<u64>, CosignerError> {
        let note = self.epoch_note(key_id).await?;
        let highest = self.summary(key_id).await?.map(|summary| summary.highest_epoch);
        Ok(highest.max(note.promised).max(note.retired.map(|retired| retired.epoch)))
    }

    /// Joins an attempt: its number is durable when this returns. Gives the holders of all that was before.
    pub(super) async fn promise(&self, attempt: Attempt<'_>) -> Result<Former, CosignerError> {
        let _one_at_a_time = self.reshares.changing.lock().await;
        let denied = |reason: &str| CosignerError::Denied { reason: reason.to_owned() };
        let seen = self.seen(attempt.key_id).await?;
        if Some(attempt.epoch) <= seen {
            return Err(CosignerError::Lacking { name: self.name.clone(), lack: Lack::Number });
        }
        let step = if attempt.refresh { SHORT_STEP } else { LONG_STEP };
        if attempt.epoch.saturating_sub(seen.unwrap_or(0)) > step {
            return Err(denied(
                "that epoch's number is too far above what I have seen: somebody wasted numbers; a change that operators consent to, such as \
                 `quorate reshare --moved`, gets over it",
            ));
        }
        let pending = self.vault.summary(attempt.key_id).await.map_or(0, |summary| summary.pending.len());
        if attempt.refresh && pending >= HALF_OF_PENDING {
            return Err(denied(
                "so many attempts for this key were left unconfirmed by somebody that I join no further refresh; evict whoever does not confirm",
            ));
        }
        let mut before = self.epoch_note(attempt.key_id).await?;
        if before.key_print.is_some_and(|print| print != attempt.key_print) {
            if self.has_record(attempt.key_id).await? {
                return Err(denied("I know another key by that name"));
            }
            before = EpochNote { promised: before.promised, ..EpochNote::default() };
        }
        attempt.base.iter().chain(attempt.former).cloned().for_each(|set| before.add(set, attempt.epoch));
        self.change_epoch_note(attempt.key_id, |note| {
            note.promised = Some(attempt.epoch);
            note.key_print = Some(attempt.key_print);
            note.overflowed = before.overflowed;
            note.sets = before.sets.clone();
            note.effective = before.effective;
            note.retired = before.retired.clone();
            note.add(attempt.to.clone(), attempt.epoch);
        })
        .await?;
        Ok(before.former())
    }

    /// Joins an attempt to deal a key of another cosigner anew, and goes no further.
    #[cfg(test)]
    pub(crate) async fn promise_only(&self, key: &Stored<AnyKeyShare>, epoch: u64) {
        let (key_id, former) = (key.share.key_id(), &[]);
        let to = HolderSet::new(&key.peers, key.share.placement().threshold().min_signers());
        let key_print = key.share.key_print();
        let attempt = Attempt { key_id: key_id.as_bytes(), epoch, key_print, base: None, to, former, refresh: false };
        self.promise(attempt).await.unwrap();
    }

    /// The holders of all that was joined since the last epoch that is known to be effective.
    pub(super) async fn former(&self, key_id: &[u8; 32]) -> Result<Former, VaultError> {
        Ok(self.epoch_note(key_id).await?.former())
    }

    /// Remembers that an epoch is effective. It is written only where it changes what is asked of later ones: who held shares before
    /// beside `holders`, who hold the epoch itself.
    pub(super) async fn note_effective(&self, key_id: &[u8; 32], epoch: u64, holders: &HolderSet) -> Result<(), CosignerError> {
        let _one_at_a_time = self.reshares.changing.lock().await;
        let note = self.epoch_note(key_id).await?;
        let other = |(set, number): (&HolderSet, &u64)| *number <= epoch && set != holders;
        if note.overflowed || note.sets.iter().any(other) {
            self.change_epoch_note(key_id, |note| note.forget_through(epoch)).await?;
        }
        Ok(())
    }

    /// Stores a share that is not certified, unless a higher epoch was acted on meanwhile.
    pub(super) async fn hold(&self, record: &Stored<AnyPendingShare>) -> Result<(), CosignerError> {
        let _one_at_a_time = self.reshares.changing.lock().await;
        let key = record.share.key_ref();
        let (this, print) = (Some((key.epoch(), record.share.package_digest())), record.share.key_print());
        let note = self.epoch_note(key.key_id()).await?;
        if note.retired_at() >= this {
            return Err(CosignerError::Denied { reason: "the key has a higher epoch by now".to_owned() });
        }
        if note.key_print.is_some_and(|known| known != print) {
            return Err(CosignerError::Denied { reason: "I know another key by that name".to_owned() });
        }
        if note.key_print.is_none() {
            // Also who cannot open its share any more knows of which key it was, and takes no other for it.
            self.change_epoch_note(key.key_id(), |note| note.key_print = Some(print)).await?;
        }
        Ok(self.vault.put_pending(&key, record).await?)
    }

    /// Makes a certified share the active one, and destroys all lower ones, unless a higher epoch was acted on meanwhile.
    pub(super) async fn promote(&self, record: &Stored<AnyKeyShare>) -> Result<(), CosignerError> {
        let _one_at_a_time = self.reshares.changing.lock().await;
        let key = record.share.key_ref();
        let this = Some((key.epoch(), record.share.package_digest()));
        if self.epoch_note(key.key_id()).await?.retired_at() >= this {
            return Err(CosignerError::Denied { reason: "the key has a higher epoch by now".to_owned() });
        }
        Ok(self.vault.promote(&key, record).await?)
    }

    /// What the vault has of a key; nothing if it never held a share.
    pub(super) async fn summary(&self, key_id: &[u8; 32]) -> Result<Option<KeySummary>, VaultError> {
        match self.vault.summary(key_id).await {
            Ok(summary) => Ok(Some(summary)),
            Err(VaultError::Input(VaultInputError::UnknownKey)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the vault has ever held a share of a key.
    pub(super) async fn has_record(&self, key_id: &[u8; 32]) -> Result<bool, VaultError> {
        Ok(self.summary(key_id).await?.is_some())
    }

    /// The package of the share that this cosigner holds of this number, pending or active.
    async fn digest_at(&self, key_id: &[u8; 32], epoch: u64) -> Result<Option<[u8; 32]>, CosignerError> {
        let Some(summary) = self.summary(key_id).await? else { return Ok(None) };
        if summary.active.is_some_and(|slot| slot.epoch == epoch) {
            return Ok(Some(self.load(key_id).await?.share.package_digest()));
        }
        if summary.pending.iter().any(|slot| slot.epoch == epoch) {
            let (_, pending) = self.vault.load_pending::<Stored<AnyPendingShare>>(key_id, epoch).await?;
            return Ok(Some(pending.share.package_digest()));
        }
        Ok(None)
    }

    /// Whether this cosigner has acted on this epoch of a key, or a higher one.
    pub(super) async fn is_past(&self, certified: &AnyCertified) -> Result<bool, CosignerError> {
        let key_id = certified.key_id();
        let this = (certified.epoch(), certified.package_digest());
        if self.epoch_note(key_id.as_bytes()).await?.retired_at() >= Some(this) {
            return Ok(true);
        }
        let active = self.summary(key_id.as_bytes()).await?.and_then(|summary| summary.active);
        let Some(slot) = active.filter(|slot| slot.epoch >= this.0) else { return Ok(false) };
        Ok(slot.epoch > this.0 || self.load(key_id.as_bytes()).await?.share.package_digest() >= this.1)
    }

    /// What stays the same of a key that this cosigner holds a share of, or has promised to take one of.
    pub(super) async fn print_of(&self, key_id: &[u8; 32]) -> Result<Option<[u8; 32]>, CosignerError> {
        if let Some(print) = self.epoch_note(key_id).await?.key_print {
            return Ok(Some(print));
        }
        let Some(summary) = self.summary(key_id).await? else { return Ok(None) };
        if summary.active.is_some() {
            return Ok(Some(self.load(key_id).await?.share.key_print()));
        }
        let Some(slot) = summary.pending.first() else { return Ok(None) };
        let (_, pending) = self.vault.load_pending::<Stored<AnyPendingShare>>(key_id, slot.epoch).await?;
        Ok(Some(pending.share.key_print()))
    }

    /// The certificate of this epoch or a higher one.
    pub(super) async fn certificate_from(self: &Arc<Self>, key_id: &[u8; 32], epoch: u64) -> Option<Vec<u8>> {
        if let Ok(key) = self.load(key_id).await
            && key.share.epoch() >= epoch
        {
            return Some(key.share.certified_record());
        }
        let retired = self.epoch_note(key_id).await.ok()?.retired?;
        (retired.epoch >= epoch).then_some(retired.record)
    }
}
