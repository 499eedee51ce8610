//! Telling the others: every freeze, whoever said it, its author included, and every approval of this cosigner's operator, until each has
//! acknowledged it; anew to every peer that restarted, and after a restart of this cosigner. A refusal is no acknowledgement.

use core::time::Duration;
use std::{collections::BTreeSet, sync::Arc};

use quorate_core::{
    DecodeError, PeerId,
    wire::{Encoding, Reader, Writer},
};
use tokio::{task::JoinSet, time::Instant};

use super::{
    Held, Statement,
    state::{Source, Taken},
};
use crate::{
    ceremony::message::Message,
    cosigner::{Shared, describe},
    error::CosignerError,
};

/// How often it is looked whether a link ended.
const PAUSE: Duration = Duration::from_millis(500);
/// After how long it is told again, doubled up to the longest.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// After how long what a peer did not take is told again, if nothing changes before.
const REFUSED: Duration = Duration::from_secs(5 * 60);
/// How long those who will hold shares of a frozen key have to answer before it is dealt.
const WITHIN: Duration = Duration::from_secs(10);

/// What was told: the freeze of that id, or an approval of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    Freeze([u8; 32]),
    Resume([u8; 32]),
}

/// What a peer said to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Noted,
    /// It has nothing to do with the key, or not yet; or it does not count the author; or it knows that it is over.
    Refused(Instant),
}

impl Answer {
    /// Whether it need not be told now.
    fn holds(self) -> bool {
        match self {
            Self::Noted => true,
            Self::Refused(at) => at.elapsed() < REFUSED,
        }
    }
}

/// A message about freezes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FreezeMessage {
    /// "This is frozen."
    Freeze { statement: Statement, signature: [u8; 64] },
    /// "I know": frozen, or not, for a reason that telling again does not change soon.
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
                out.raw(signature);
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
            20 => Self::Freeze { statement: Statement::read(input)?, signature: input.array()? },
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
        let answers = self.freezes.answers();
        let open = |topic: Topic| !answers.get(&(peer, topic)).is_some_and(|answer| answer.holds());
        let mut messages = Vec::new();
        for Held { statement, signature, approvals, over, .. } in held {
            let id = statement.id();
            // Also to its author, whose store may have lost it.
            if !over && open(Topic::Freeze(id)) {
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
        self.freezes.answers().retain(|(by, _), _| *by != peer);
        self.freezes.changed.send_replace(());
    }

    /// Whether a peer did not take a freeze.
    #[cfg(test)]
    pub(crate) fn freezes_refused_by(&self, peer: PeerId) -> bool {
        self.freezes.answers().iter().any(|((by, _), answer)| *by == peer && *answer != Answer::Noted)
    }

    /// What a peer did not take it may take now.
    pub(super) fn forget_refusals(&self) {
        self.freezes.answers().retain(|_, answer| *answer == Answer::Noted);
        self.freezes.changed.send_replace(());
    }

    /// Has all who will hold shares of these keys answer to their freezes, before anything is dealt to them: a cosigner that becomes a
    /// holder must not sign with what is frozen because nobody told it. They have promised to join, and so they take them.
    ///
    /// # Errors
    ///
    /// [`CosignerError::Unavailable`] with those who do not answer.
    pub(crate) async fn freezes_known(&self, keys: &[[u8; 32]], to: &[PeerId]) -> Result<(), CosignerError> {
        let told: Vec<FreezeMessage> = {
            let held = self.freezes.held();
            let open = held.values().filter(|held| !held.over && keys.iter().any(|key_id| held.may_freeze(key_id)));
            open.map(|held| FreezeMessage::Freeze { statement: held.statement.clone(), signature: held.signature }).collect()
        };
        let topic = |message: &FreezeMessage| match message {
            FreezeMessage::Freeze { statement, .. } => Some(Topic::Freeze(statement.id())),
            FreezeMessage::Known { .. } | FreezeMessage::Resume { .. } | FreezeMessage::Noted { .. } => None,
        };
        let mut open: Vec<_> =
            to.iter().filter(|peer| **peer != self.me).flat_map(|peer| told.iter().map(move |m| (*peer, m))).collect();
        {
            // A no from before the promise says nothing.
            let mut answers = self.freezes.answers();
            answers.retain(|(peer, _), answer| *answer == Answer::Noted || !to.contains(peer));
        }
        let until = Instant::now() + WITHIN.min(self.deadline);
        loop {
            let mut answered = core::pin::pin!(self.freezes.answered.notified());
            answered.as_mut().enable();
            {
                let answers = self.freezes.answers();
                open.retain(|(peer, message)| topic(message).is_some_and(|topic| !answers.contains_key(&(*peer, topic))));
            }
            if open.is_empty() {
                return Ok(());
            }
            if Instant::now() >= until {
                let silent: BTreeSet<_> = open.iter().map(|(peer, _)| self.name_of(*peer)).collect();
                return Err(CosignerError::Unavailable { names: silent.into_iter().collect() });
            }
            for (peer, message) in &open {
                // Unheard, it is told again.
                let _told = self.tell(*peer, &Message::Freeze((*message).clone()));
            }
            let _pause = tokio::time::timeout(PAUSE, answered).await;
        }
    }

    fn acknowledge(&self, peer: PeerId, topic: Topic, answer: Answer) {
        let known: BTreeSet<[u8; 32]> = self.freezes.held().values().map(|held| held.statement.id()).collect();
        let id = |topic: Topic| match topic {
            Topic::Freeze(id) | Topic::Resume(id) => id,
        };
        {
            let mut answers = self.freezes.answers();
            // What was replaced meanwhile is told nobody any more.
            answers.retain(|(_, topic), _| known.contains(&id(*topic)));
            if known.contains(&id(topic)) {
                answers.insert((peer, topic), answer);
            }
        }
        self.freezes.answered.notify_waiters();
    }

    /// What another cosigner says about freezes.
    pub(crate) async fn hear_freeze(&self, from: PeerId, message: FreezeMessage) {
        let answer = match message {
            FreezeMessage::Known { id, stands } => {
                if !stands {
                    tracing::info!(peer = self.name_of(from), freeze = hex::encode(id), "it does not take this freeze");
                }
                let answer = if stands { Answer::Noted } else { Answer::Refused(Instant::now()) };
                return self.acknowledge(from, Topic::Freeze(id), answer);
            }
            FreezeMessage::Noted { id } => return self.acknowledge(from, Topic::Resume(id), Answer::Noted),
            FreezeMessage::Freeze { statement, signature } => {
                let id = statement.id();
                match self.take_freeze(Source::Link(from), statement, signature).await {
                    Ok(Taken::Stands) => {
                        // Whoever tells it knows it.
                        self.acknowledge(from, Topic::Freeze(id), Answer::Noted);
                        FreezeMessage::Known { id, stands: true }
                    }
                    Ok(Taken::Old) => FreezeMessage::Known { id, stands: false },
                    Err(error) => {
                        let reason = describe(&error);
                        tracing::warn!(target: "quorate::audit", peer = self.name_of(from), reason, "a freeze was not taken");
                        // What the vault did not take is told again.
                        if matches!(error, CosignerError::Vault(_)) {
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
