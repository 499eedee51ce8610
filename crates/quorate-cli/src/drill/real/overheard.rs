//! What the operator of a NATS server hears, and says once more.

use core::time::Duration;
use std::{
    sync::{Mutex, PoisonError},
    thread,
};

use quorate_services::{NatsMessage, NatsOperator};

use crate::drill::{team::Team, trouble::Trouble};

/// How long an answer is waited for. A cosigner that is fooled answers at once.
const ANSWER: Duration = Duration::from_millis(400);

/// A subscription to everything.
#[derive(Debug)]
pub(in crate::drill) struct Overheard(Mutex<NatsOperator>);

impl Overheard {
    pub(super) const fn new(operator: NatsOperator) -> Self {
        Self(Mutex::new(operator))
    }

    /// All messages so far; not those that the operator says itself.
    pub(in crate::drill) fn messages(&self) -> Vec<NatsMessage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).heard()
    }

    /// Says every message once more, in its sender's name, to everybody but the thief's own cosigner. Gives their number and bytes.
    pub(in crate::drill) fn replay(&self, team: &Team, thief: &str) -> Result<(usize, usize), Trouble> {
        let own = format!(".{}.", team.member(thief)?.entry.identity);
        let messages: Vec<_> = self.messages().into_iter().filter(|message| !message.subject.contains(&own)).collect();
        if messages.len() < 10 {
            return Err(Trouble::Broken("there is nothing to replay"));
        }
        let mut operator = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for message in &messages {
            operator.publish(&message.subject, &message.payload);
        }
        thread::sleep(ANSWER);
        Ok((messages.len(), messages.iter().map(|message| message.payload.len()).sum()))
    }
}
