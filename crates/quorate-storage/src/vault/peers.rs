//! What a cosigner remembers of others that broke a protocol: how often, and when last. Nothing of it is secret.
//!
//! The record is public and authenticated, like the boots'. It is deleted when an operator forgives.

use core::time::Duration;

use quorate_core::{
    DecodeError, PeerId,
    wire::{Encoding, Reader, Writer},
};

use super::{Vault, VaultError};
use crate::{
    epoch_key::hex,
    store::{RecordName, StoreError, Stored},
};

const FIRST_WAIT: u64 = 60;
const LONGEST_WAIT: u64 = 24 * 60 * 60;
const WEEK: u64 = 7 * 24 * 60 * 60;
/// How often a change is tried against other changes of the same record.
const TRIES: usize = 8;

/// The faults of one other cosigner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerFaults {
    /// How many; halved for each week without one.
    pub count: u32,
    /// When the last one was, in seconds of Unix time.
    pub last: u64,
}

impl PeerFaults {
    /// What is left of them at `now`, in seconds of Unix time: half for each whole week since the last one.
    #[must_use]
    pub fn at(self, now: u64) -> Self {
        let weeks = now.saturating_sub(self.last) / WEEK;
        let count = u32::try_from(weeks).ok().and_then(|weeks| self.count.checked_shr(weeks)).unwrap_or(0);
        Self { count, ..self }
    }

    /// How long to wait from `now` on before this cosigner gets another chance: a minute after one fault, doubled by each further
    /// one, a day at most, counted from the last.
    ///
    /// If the clock went backwards, the whole time counts from now.
    #[must_use]
    pub fn wait(self, now: u64) -> Duration {
        let Some(doublings) = self.at(now).count.checked_sub(1) else { return Duration::ZERO };
        let wait = FIRST_WAIT.checked_shl(doublings.min(32)).map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT));
        Duration::from_secs(wait.saturating_sub(now.saturating_sub(self.last)))
    }

    fn and_one_more(self, now: u64) -> Self {
        Self { count: self.at(now).count.saturating_add(1), last: now }
    }
}

impl Encoding for PeerFaults {
    fn write(&self, out: &mut Writer) {
        out.u32(self.count);
        out.u64(self.last);
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { count: input.u32()?, last: input.u64()? })
    }
}

impl Vault {
    /// The faults of another cosigner, none if it has none. `now` is in seconds of Unix time.
    ///
    /// If the last one lies in the future, the clock went backwards: it is moved to `now`, durably, so that the wait ends one day.
    ///
    /// # Errors
    ///
    /// [`VaultError::Damaged`], and those of the store.
    pub async fn faults(&self, peer: &PeerId, now: u64) -> Result<PeerFaults, VaultError> {
        match self.read_faults(peer).await? {
            None => Ok(PeerFaults::default()),
            Some((_, faults)) if faults.last <= now => Ok(faults),
            Some(_) => self.change_faults(peer, |faults| PeerFaults { last: faults.last.min(now), ..faults }).await,
        }
    }

    /// Counts a fault of another cosigner, durably, and gives what there is now.
    ///
    /// # Errors
    ///
    /// [`VaultError::Damaged`], and those of the store; it may or may not be counted then.
    pub async fn add_fault(&self, peer: &PeerId, now: u64) -> Result<PeerFaults, VaultError> {
        self.change_faults(peer, |faults| faults.and_one_more(now)).await
    }

    /// Forgets the faults of another cosigner; for an operator who knows why. A damaged record is forgotten too.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn forgive_faults(&self, peer: &PeerId) -> Result<(), VaultError> {
        let name = record_name(peer)?;
        for _ in 0..TRIES {
            let Some(stored) = self.store.read(&name).await? else { return Ok(()) };
            match self.store.delete(&name, &stored.version).await {
                Err(StoreError::Conflict { .. }) => {}
                deleted => return Ok(deleted?),
            }
        }
        Err(StoreError::Conflict { name }.into())
    }

    async fn read_faults(&self, peer: &PeerId) -> Result<Option<(Stored, PeerFaults)>, VaultError> {
        let Some(stored) = self.store.read(&record_name(peer)?).await? else { return Ok(None) };
        let faults = self.authentic(&stored)?;
        Ok(Some((stored, faults)))
    }

    /// Changes the record; when it changes in between, again from what it is then.
    async fn change_faults(
        &self,
        peer: &PeerId,
        change: impl Fn(PeerFaults) -> PeerFaults + Send,
    ) -> Result<PeerFaults, VaultError> {
        let name = record_name(peer)?;
        for _ in 0..TRIES {
            let found = self.read_faults(peer).await?;
            let changed = change(found.as_ref().map(|(_, faults)| *faults).unwrap_or_default());
            let value = self.authenticate(&name, changed.to_bytes());
            let written = match &found {
                None => self.store.create(&name, &value).await,
                Some((stored, _)) => self.store.compare_and_swap(&name, &stored.version, &value).await,
            };
            match written {
                Err(StoreError::AlreadyExists { .. } | StoreError::Conflict { .. }) => {}
                written => return written.map(|_| changed).map_err(VaultError::from),
            }
        }
        Err(StoreError::Conflict { name }.into())
    }
}

fn record_name(peer: &PeerId) -> Result<RecordName, StoreError> {
    RecordName::new(&format!("peers/{}", hex(peer.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(count: u32, last: u64) -> PeerFaults {
        PeerFaults { count, last }
    }

    #[test]
    fn wait_doubles_up_to_a_day_and_is_counted_from_the_last_fault() {
        let wait = |count, now| faults(count, 1000).wait(now).as_secs();
        assert_eq!(
            [0, 1, 2, 3, 11, 12, 40, u32::MAX].map(|count| wait(count, 1000)),
            [0, 60, 120, 240, 61_440, 86_400, 86_400, 86_400]
        );
        assert_eq!([wait(1, 1059), wait(1, 1060), wait(2, 1060)], [1, 0, 60]);
    }

    #[test]
    fn clock_that_went_backwards_shortens_no_wait() {
        assert_eq!(faults(2, 1_000_000).wait(5).as_secs(), 120);
    }

    #[test]
    fn count_halves_with_each_week_without_a_fault() {
        let left = |weeks: u64| faults(9, 7).at(7 + weeks * WEEK).count;
        assert_eq!([0, 1, 2, 3, 4, 31, 32, 1 << 40].map(left), [9, 4, 2, 1, 0, 0, 0, 0]);
        assert_eq!(faults(9, 7).at(7 + WEEK - 1).count, 9);
        assert_eq!(faults(9, 0).and_one_more(2 * WEEK), faults(3, 2 * WEEK));
    }
}
