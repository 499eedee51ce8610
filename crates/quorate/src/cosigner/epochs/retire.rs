//! Giving up shares by the certificate of an epoch in which this cosigner has none.

use quorate_core::wire::Encoding;
use quorate_storage::{AuditKind, KeyRef, vault::Shelf};

use super::{EpochNote, Retired};
use crate::{audit, cosigner::Shared, error::CosignerError, share::AnyCertified};

impl Shared {
    /// Destroys this cosigner's shares of all lower epochs, by the certificate of one in which it has none. The certificate is durable
    /// first, to be handed on: nobody else may have it.
    pub(in crate::cosigner) async fn retire(&self, certified: &AnyCertified, record: &[u8]) -> Result<(), CosignerError> {
        self.retire_now(certified, record).await.inspect_err(|_| self.try_again(certified))
    }

    /// Has what a certificate says done later, because it failed now.
    pub(in crate::cosigner) fn try_again(&self, certified: &AnyCertified) {
        let Some(any) = certified.placement().participants().iter().next() else { return };
        let key = KeyRef::new(*certified.key_id().as_bytes(), certified.epoch(), any, certified.suite());
        // A cosigner that stops does it at its next start.
        let _stopping = self.interrupted.send(key);
    }

    async fn retire_now(&self, certified: &AnyCertified, record: &[u8]) -> Result<(), CosignerError> {
        let _one_at_a_time = self.reshares.changing.lock().await;
        let (key_id, epoch, digest) = (*certified.key_id().as_bytes(), certified.epoch(), certified.package_digest());
        // All of it is looked at before anything is written: what was true when the certificate came may be so no longer.
        let summary = self.summary(&key_id).await?;
        let held = self.digest_at(&key_id, epoch).await?;
        let active = summary.as_ref().and_then(|summary| summary.active);
        // Its own share of this very epoch is here, perhaps since a moment ago, or it has gone on to a higher one.
        if held == Some(digest) || active.is_some_and(|slot| slot.epoch > epoch || slot.epoch == epoch && held > Some(digest)) {
            return Ok(());
        }
        let note = self.epoch_note(&key_id).await?;
        if note.retired_at() < Some((epoch, digest)) {
            let retired = Retired { epoch, digest, record: record.to_vec() };
            self.change_epoch_note(&key_id, |note| note.retired = Some(retired.clone())).await?;
        }
        let Some(summary) = summary else { return self.destroy_orphan(&key_id, certified.key_print(), epoch).await };
        // A share of the same number and a higher package survives: epochs are ordered by both.
        let through = if held > Some(digest) { epoch.checked_sub(1) } else { Some(epoch) };
        let Some(through) = through else { return Ok(()) };
        let loses = summary.active.iter().chain(&summary.pending).any(|slot| slot.epoch <= through);
        self.vault.retire(&key_id, through).await?;
        if loses {
            self.audit.note(audit::entry(AuditKind::ShareRetired).key(key_id).epoch(epoch)).await;
        }
        Ok(())
    }

    /// Destroys the epoch keys of a key of which the store knows nothing, below an epoch whose certificate came, if they are of the certified
    /// key. That of the epoch itself stays: whose store is put in place again may be one of its holders. Nothing is written down, so that it
    /// is still a key that this cosigner knows nothing of.
    pub(in crate::cosigner) async fn retire_orphan(&self, certified: &AnyCertified) -> Result<(), CosignerError> {
        let _one_at_a_time = self.reshares.changing.lock().await;
        self.destroy_orphan(certified.key_id().as_bytes(), certified.key_print(), certified.epoch()).await
    }

    async fn destroy_orphan(&self, key_id: &[u8; 32], print: [u8; 32], below: u64) -> Result<(), CosignerError> {
        if self.vault.destroy_orphan(key_id, print, below).await? {
            let key = hex::encode(key_id);
            tracing::warn!(target: "quorate::audit", key, below, "the key has moved on; what was left of it beside the store is destroyed");
            self.audit.note(audit::entry(AuditKind::ShareRetired).key(*key_id).epoch(below)).await;
        }
        Ok(())
    }

    /// Whether this cosigner has a share of an epoch below one, or the key of such an epoch alone, and has not given it up.
    pub(in crate::cosigner) async fn holds_below(&self, key_id: &[u8; 32], epoch: u64) -> Result<bool, CosignerError> {
        let retired = self.epoch_note(key_id).await?.retired_at();
        let Some(summary) = self.summary(key_id).await? else {
            let orphan = self.vault.orphan(key_id).await?;
            return Ok(orphan.is_some_and(|orphan| orphan.lowest < epoch && retired.is_none_or(|(retired, _)| retired < epoch)));
        };
        let is_active = summary.active.is_some_and(|slot| slot.epoch >= epoch);
        let lower = summary.active.iter().chain(&summary.pending).any(|slot| slot.epoch < epoch);
        Ok(lower && !is_active && retired.is_none_or(|(retired, _)| retired < epoch))
    }

    /// Writes the note, and dies.
    #[cfg(test)]
    pub(in crate::cosigner) async fn note_retired(&self, certified: &AnyCertified, record: &[u8]) -> Result<(), CosignerError> {
        let (epoch, digest) = (certified.epoch(), certified.package_digest());
        let retired = Retired { epoch, digest, record: record.to_vec() };
        Ok(self.change_epoch_note(certified.key_id().as_bytes(), |note| note.retired = Some(retired.clone())).await?)
    }

    /// Destroys what the certificate by which a share was given up says is destroyed: a crash may have come between the two.
    pub(in crate::cosigner) async fn finish_retirement(&self, key_id: &[u8; 32]) -> Result<(), CosignerError> {
        let _one_at_a_time = self.reshares.changing.lock().await;
        let note = self.epoch_note(key_id).await?;
        let Some((epoch, digest)) = note.retired_at() else { return Ok(()) };
        let Some(summary) = self.summary(key_id).await? else {
            let Some(print) = note.key_print else { return Ok(()) };
            return self.destroy_orphan(key_id, print, epoch).await;
        };
        let through = match self.digest_at(key_id, epoch).await? {
            Some(held) if held >= digest => epoch.checked_sub(1),
            _ => Some(epoch),
        };
        let Some(through) = through else { return Ok(()) };
        if summary.active.iter().chain(&summary.pending).any(|slot| slot.epoch <= through) {
            self.vault.retire(key_id, through).await?;
            self.audit.note(audit::entry(AuditKind::ShareRetired).key(*key_id).epoch(epoch)).await;
        } else {
            self.vault.finish_destruction(key_id).await?;
        }
        Ok(())
    }

    /// The same, and what is left of an epoch that a promotion ended. When this returns, nothing can be opened below the active epoch.
    pub(in crate::cosigner) async fn finish_destruction(&self, key_id: &[u8; 32]) -> Result<(), CosignerError> {
        if self.summary(key_id).await?.is_some() {
            self.vault.finish_destruction(key_id).await?;
        }
        self.finish_retirement(key_id).await
    }

    /// Finishes the retirements of all keys, at the start.
    pub(in crate::cosigner) async fn finish_retirements(&self) -> Result<(), CosignerError> {
        let mut after = None;
        loop {
            let page = self.vault.notes(Shelf::Epochs, after.as_deref()).await?;
            for (name, note) in &page.notes {
                let key_id = hex::decode(name).ok().and_then(|key_id| <[u8; 32]>::try_from(key_id).ok());
                if let (Some(key_id), Ok(note)) = (key_id, EpochNote::from_bytes(note))
                    && note.retired.is_some()
                {
                    self.finish_retirement(&key_id).await?;
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }
}
