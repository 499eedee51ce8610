//! Questions that wait for answers, and proposals that may be called off while they are looked at.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, MutexGuard, PoisonError},
};

use quorate_core::PeerId;
use tokio::sync::mpsc;

use super::Shared;
use crate::{ceremony::message::Message, error::RequestError};

/// How many answers of one peer to one question wait to be read. No honest peer gives more.
pub(super) const MAX_ANSWERS: usize = 4;
/// What a question waits for: the digest of a proposal, or the fresh value that the question carried.
pub(crate) type Topic = [u8; 32];

/// Where an answer goes: by who asked or proposes, so that nobody's repetition of another's proposal gets in its way.
pub(super) type Asked = (PeerId, Topic);

/// Who may still answer a question, and how often.
pub(super) struct Waiting {
    sender: mpsc::Sender<(PeerId, Message)>,
    left: BTreeMap<PeerId, usize>,
}

impl Shared {
    /// Registers for the answers of `peers` to what `asker` asks or proposes; they end when the returned value is dropped.
    pub(crate) fn expect(
        self: &Arc<Self>,
        asker: PeerId,
        topic: Topic,
        peers: impl IntoIterator<Item = PeerId>,
    ) -> Result<Answers, RequestError> {
        let left: BTreeMap<_, _> = peers.into_iter().map(|peer| (peer, MAX_ANSWERS)).collect();
        let (sender, receiver) = mpsc::channel(left.len().saturating_mul(MAX_ANSWERS).max(1));
        match self.topics().entry((asker, topic)) {
            Entry::Occupied(_) => Err(RequestError::InProgress),
            Entry::Vacant(vacant) => {
                vacant.insert(Waiting { sender, left });
                Ok(Answers { shared: Arc::clone(self), asked: (asker, topic), receiver })
            }
        }
    }

    /// Hands an answer to whoever waits for it. What nobody waits for, or nobody asked this peer, is dropped.
    pub(super) fn route(&self, asked: Asked, from: PeerId, message: Message) {
        let mut topics = self.topics();
        let Some(waiting) = topics.get_mut(&asked) else {
            if matches!(message, Message::Cancel { .. })
                && let Some(cancelled) = self.looked_at().get_mut(&asked)
            {
                *cancelled = true;
            }
            return;
        };
        let Some(left) = waiting.left.get_mut(&from).filter(|left| **left > 0) else { return };
        *left -= 1;
        // There is room for all that everyone may say.
        drop(waiting.sender.try_send((from, message)));
    }

    /// Begins to look at a proposal, so that calling it off is heard from now on.
    pub(super) fn look_at(&self, asked: Asked) {
        self.looked_at().insert(asked, false);
    }

    /// Ends looking at it.
    pub(super) fn look_away(&self, asked: &Asked) {
        self.looked_at().remove(asked);
    }

    /// Whether a proposal was called off while it was looked at.
    pub(crate) fn was_cancelled(&self, proposer: PeerId, topic: Topic) -> bool {
        self.looked_at().get(&(proposer, topic)).copied().unwrap_or(false)
    }

    fn looked_at(&self) -> MutexGuard<'_, BTreeMap<Asked, bool>> {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn topics(&self) -> MutexGuard<'_, BTreeMap<Asked, Waiting>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers to one question.
pub(crate) struct Answers {
    shared: Arc<Shared>,
    asked: Asked,
    receiver: mpsc::Receiver<(PeerId, Message)>,
}

impl Answers {
    pub(crate) async fn next(&mut self) -> Option<(PeerId, Message)> {
        self.receiver.recv().await
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.shared.topics().remove(&self.asked);
    }
}
