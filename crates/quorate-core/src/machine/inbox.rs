//! The messages of one round, until all of them are here.

use alloc::collections::BTreeMap;

use crate::identifier::Identifier;

/// What has arrived in one round, by sender.
pub(super) struct Inbox<M> {
    pub(super) messages: BTreeMap<Identifier, M>,
    /// Digests of the broadcasts, this participant's own among them.
    pub(super) broadcasts: BTreeMap<Identifier, [u8; 32]>,
    /// Not compared yet.
    pub(super) echoes: BTreeMap<Identifier, [u8; 32]>,
    pub(super) fingerprints: BTreeMap<Identifier, [u8; 32]>,
}

impl<M> Default for Inbox<M> {
    fn default() -> Self {
        Self { messages: BTreeMap::new(), broadcasts: BTreeMap::new(), echoes: BTreeMap::new(), fingerprints: BTreeMap::new() }
    }
}

impl<M> Inbox<M> {
    /// Keeps a message that was found to belong.
    pub(super) fn insert(&mut self, from: Identifier, message: M, broadcast: [u8; 32], echo: [u8; 32], fingerprint: [u8; 32]) {
        self.fingerprints.insert(from, fingerprint);
        self.broadcasts.insert(from, broadcast);
        self.echoes.insert(from, echo);
        self.messages.insert(from, message);
    }
}
