//! Telling the others: every freeze of this cosigner's own or of a credential, and every approval of its operator, until each has
//! acknowledged it; anew to every peer that restarted, and after a restart of this cosigner.

use core::time::Duration;
use std::{collections::BTreeSet, sync::Arc};

use quorate_core::{
    DecodeError, PeerId,
    wire::{Encoding, Reader, Writer},
};
use tokio::{task::JoinSet, time::Instant};

use super::{
    Author, Held, Statement, read_signature,
    state::{Source, Taken},
    write_signature,
};
use crate::{
    ceremony::message::Message,
    cosigner::{Shared, describe},
};

/// How often it is looked whether a link ended.
const PAUSE: Duration = Duration::from_millis(500);
/// After how long it is told again, doubled up to the longest.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// What was told: the freeze of that id, or an approval of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    Freeze([u8; 32]),
    Resume([u8; 32]),
}

/// A message about freezes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FreezeMessage {
    /// "This is frozen."
    Freeze { statement: Statement, signature: Option<[u8; 64]> },
    /// "I know": frozen, or not for a reason that telling again does not change.
    Known { id: [u8; 32], stands: bool },
    /// "My operator wants the freeze of that id to end."
    Resume { id: [u8; 32] },
    /// "I took note."
    Noted { id: [u8; 32] },
}

impl FreezeMessage {
    /// Writes the number of the message and what follows it.
    pub(crate) fn write(&self, out: &mut Writer) {
        match self {
            Self::Freeze { statement, signature } => {
                out.u8(20);
                statement.write(out);
                write_signature(signature.as_ref(), out);
            }
            Self::Known { id, stands } => {
                out.u8(21);
                out.raw(id);
                out.u8(u8::from(*stands));
            }
            Self::Resume { id } => {
                out.u8(22);
                out.raw(id);
            }
            Self::Noted { id } => {
                out.u8(23);
                out.raw(id);
            }
        }
    }

    /// Reads what follows the number.
    pub(crate) fn read(number: u8, input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match number {
            20 => Self::Freeze { statement: Statement::read(input)?, signature: read_signature(input)? },
            21 => {
                let id = input.array()?;
                match input.u8()? {
                    0 => Self::Known { id, stands: false },
                    1 => Self::Known { id, stands: true },
                    _ => return Err(DecodeError::NotCanonical),
                }
            }
            22 => Self::Resume { id: input.array()? },
            23 => Self::Noted { id: input.array()? },
            _ => return Err(DecodeError::InvalidValue("message kind")),
        })
    }
}

impl Shared {
    /// What a peer has not acknowledged yet.
    fn untold(&self, peer: PeerId) -> Vec<FreezeMessage> {
        let held: Vec<Held> = self.freezes.held().values().cloned().collect();
        let acknowledged = self.freezes.acknowledged();
        let open = |topic: Topic| !acknowledged.contains(&(peer, topic));
        let mut messages = Vec::new();
        for Held { statement, signature, approvals, over, .. } in held {
            let id = statement.id();
            // Those of others are theirs to tell: nobody could know that they said it.
            let mine = match statement.author {
                Author::Cosigner(author) => author == self.me,
                Author::Credential(_) => true,
            };
            if mine && !over && statement.author != Author::Cosigner(peer) && open(Topic::Freeze(id)) {
                messages.push(FreezeMessage::Freeze { statement, signature });
            }
            if approvals.contains(&self.me) && open(Topic::Resume(id)) {
                messages.push(FreezeMessage::Resume { id });
            }
        }
        messages
    }

    /// A peer that restarted may have lost what it acknowledged.
    pub(crate) fn forget_acknowledgements(&self, peer: PeerId) {
        self.freezes.acknowledged().retain(|(by, _)| *by != peer);
        self.freezes.changed.send_replace(());
    }

    fn acknowledge(&self, peer: PeerId, topic: Topic) {
        let known: BTreeSet<[u8; 32]> = self.freezes.held().values().map(|held| held.statement.id()).collect();
        let id = |topic: Topic| match topic {
            Topic::Freeze(id) | Topic::Resume(id) => id,
        };
        let mut acknowledged = self.freezes.acknowledged();
        // What was replaced meanwhile is told nobody any more.
        acknowledged.retain(|(_, topic)| known.contains(&id(*topic)));
        if known.contains(&id(topic)) {
            acknowledged.insert((peer, topic));
        }
    }

    /// What another cosigner says about freezes.
    pub(crate) async fn hear_freeze(&self, from: PeerId, message: FreezeMessage) {
        let answer = match message {
            FreezeMessage::Known { id, stands } => {
                if !stands {
                    tracing::warn!(peer = self.name_of(from), freeze = hex::encode(id), "it does not take this freeze");
                }
                return self.acknowledge(from, Topic::Freeze(id));
            }
            FreezeMessage::Noted { id } => return self.acknowledge(from, Topic::Resume(id)),
            FreezeMessage::Freeze { statement, signature } => {
                let id = statement.id();
                match self.take_freeze(Source::Link(from), statement, signature).await {
                    Ok(taken) => FreezeMessage::Known { id, stands: taken == Taken::Stands },
                    Err(error) => {
                        let reason = describe(&error);
                        tracing::warn!(target: "quorate::audit", peer = self.name_of(from), reason, "a freeze was not taken");
                        // What the vault did not take is told again.
                        if matches!(error, crate::CosignerError::Vault(_)) {
                            return;
                        }
                        FreezeMessage::Known { id, stands: false }
                    }
                }
            }
            FreezeMessage::Resume { id } => match self.take_approval(from, &id).await {
                Ok(true) => FreezeMessage::Noted { id },
                // It comes again, and so may the freeze.
                Ok(false) => return,
                Err(error) => return tracing::warn!(reason = describe(&error), "an approval was not stored; it is told again"),
            },
        };
        // Unheard, the question comes again.
        let _told = self.tell(from, &Message::Freeze(answer));
    }
}

/// Tells all others. Runs until the network is shut down, or it is aborted.
pub(crate) async fn tell_all(shared: Arc<Shared>) {
    let mut links = JoinSet::new();
    for peer in shared.roster.iter().map(|entry| entry.identity).filter(|peer| *peer != shared.me) {
        let shared = Arc::clone(&shared);
        links.spawn(async move {
            while shared.network.connected(peer).await {
                tell(&shared, peer).await;
            }
        });
    }
    while links.join_next().await.is_some() {}
}

/// Tells one peer what it has not acknowledged, as long as there is a link.
async fn tell(shared: &Shared, peer: PeerId) {
    let mut changed = shared.freezes.changed.subscribe();
    let (mut wait, mut next) = (FIRST, Instant::now());
    while shared.network.is_connected(peer) {
        if Instant::now() >= next {
            for message in shared.untold(peer) {
                // Unheard, it is told again.
                let _told = shared.tell(peer, &Message::Freeze(message));
            }
            next = Instant::now() + wait;
            wait = wait.saturating_mul(2).min(LONGEST);
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE.min(next.saturating_duration_since(Instant::now()))) => {}
            news = changed.changed() => {
                if news.is_err() {
                    return;
                }
                (wait, next) = (FIRST, Instant::now());
            }
        }
    }
}
