//! What a vault holds, without opening a secret: one read of a page, no key service involved.

use core::fmt;

use quorate_core::{Identifier, SuiteId};

use super::{
    Vault, VaultError,
    key_record::{KeyRecord, Slot},
    shares::{key_id_of, key_name},
};
use crate::{epoch_key::hex, store::RecordName};

/// Where a key's share is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyState {
    /// There is a certified share; also if a newer one is pending.
    Active,
    /// There are only shares that are not certified.
    Pending,
    /// There is no share any more.
    Destroyed,
}

/// One share's public data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlotInfo {
    /// The epoch.
    pub epoch: u64,
    /// Whose share it is.
    pub participant: Identifier,
}

/// One key's public data.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySummary {
    /// The key.
    pub key_id: [u8; 32],
    /// What it is for.
    pub suite: SuiteId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The highest epoch that this vault has seen. New ones are above it.
    pub highest_epoch: u64,
    /// The certified share.
    pub active: Option<SlotInfo>,
    /// The shares that are not certified, by ascending epoch.
    pub pending: Vec<SlotInfo>,
}

impl KeySummary {
    /// Where the key's share is on its way.
    #[must_use]
    pub const fn state(&self) -> KeyState {
        match (&self.active, self.pending.is_empty()) {
            (Some(_), _) => KeyState::Active,
            (None, false) => KeyState::Pending,
            (None, true) => KeyState::Destroyed,
        }
    }

    fn new(key_id: [u8; 32], record: &KeyRecord) -> Self {
        Self {
            key_id,
            suite: record.suite,
            name: record.name.as_ref().map(|name| name.as_str().to_owned()),
            highest_epoch: record.highest,
            active: record.active.as_ref().map(SlotInfo::new),
            pending: record.pending.iter().map(SlotInfo::new).collect(),
        }
    }
}

impl fmt::Debug for KeySummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySummary")
            .field("key_id", &hex(&self.key_id))
            .field("suite", &self.suite)
            .field("name", &self.name)
            .field("highest_epoch", &self.highest_epoch)
            .field("active", &self.active)
            .field("pending", &self.pending)
            .finish()
    }
}

impl SlotInfo {
    const fn new(slot: &Slot) -> Self {
        Self { epoch: slot.epoch, participant: slot.participant }
    }
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyPage {
    /// The keys, by ascending id.
    pub keys: Vec<KeySummary>,
    /// Records below `keys/` that are not what this vault wrote. They do not hide the others.
    pub damaged: Vec<RecordName>,
    /// Where the next page starts; nothing if this is the last.
    pub next: Option<[u8; 32]>,
}

impl Vault {
    /// Lists keys behind `after`, at most `limit` (clamped to 1..=256) a page, destroyed ones too.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn list(&self, after: Option<&[u8; 32]>, limit: usize) -> Result<KeyPage, VaultError> {
        let keys = RecordName::new("keys")?;
        let mut after = after.map(key_name).transpose()?;
        let mut listing = KeyPage::default();
        loop {
            let page = self.store.scan(Some(&keys), after.as_ref(), limit).await?;
            for stored in &page.records {
                match (key_id_of(&stored.name), self.authentic::<KeyRecord>(stored)) {
                    (Some(key_id), Ok(record)) => listing.keys.push(KeySummary::new(key_id, &record)),
                    _ => listing.damaged.push(stored.name.clone()),
                }
            }
            let Some(last) = page.records.last().filter(|_| page.more) else { break };
            listing.next = key_id_of(&last.name);
            if listing.next.is_some() {
                break;
            }
            // A page that ends on a record which is no key's must not hide the keys behind it.
            after = Some(last.name.clone());
        }
        Ok(listing)
    }

    /// One key's public data.
    ///
    /// # Errors
    ///
    /// [`super::VaultInputError::UnknownKey`], [`VaultError::Damaged`], and those of the store.
    pub async fn summary(&self, key_id: &[u8; 32]) -> Result<KeySummary, VaultError> {
        let (_, record) = self.known_key(key_id).await?;
        Ok(KeySummary::new(*key_id, &record))
    }
}
