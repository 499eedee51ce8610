//! What may happen. Every action makes at most one durable write; what is sent, is sent by an action of its own after it, so that a
//! crash may come between any two writes, and between a write and the message after it.

use stateright::{Model, Property};

use crate::{
    properties,
    scenario::{Mutation, Plan, Scenario},
    set::Set,
    state::{Phase, State},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Everyone told its highest number; the attempt gets one above all.
    Propose { attempt: u8 },
    /// Durable: the promise. Then the acceptance, and what a dealer sends.
    Join { node: u8, attempt: u8 },
    /// Durable: the pending share.
    PutPending { node: u8 },
    /// The confirmation leaves.
    Confirm { node: u8 },
    /// Durable: a share whose confirmation never left is given up.
    Abort { node: u8 },
    /// All confirmations are there. Durable: promote, or retire.
    Complete { node: u8, attempt: u8 },
    /// A certificate is handed over. Durable: promote, or retire.
    Certificate { from: u8, node: u8, attempt: u8 },
    /// Durable: dead epoch keys are destroyed. Then the word that they are.
    Forget { node: u8 },
    /// A crash and a restart, or a timeout: what is volatile is lost.
    Crash { node: u8 },
    /// The withholder, who alone can complete a certificate, hands it to one cosigner.
    Leak { node: u8, attempt: u8 },
    /// The withholder says that it destroyed what it keeps.
    Lie { attempt: u8 },
    /// A confirmed share is dropped: only where that is broken on purpose.
    Drop { node: u8, attempt: u8 },
}

impl Model for Scenario {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for attempt in self.attempts() {
            if state.attempts[attempt].number.is_none() {
                actions.push(Action::Propose { attempt });
                continue;
            }
            actions.extend(self.withholder.map(|_| Action::Lie { attempt }));
            for node in 1..=self.nodes {
                actions.push(Action::Join { node, attempt });
                if self.can_complete(state, node, attempt) {
                    actions.push(Action::Complete { node, attempt });
                }
                if self.withholder_has(state, attempt) && self.news(state, node, attempt) {
                    actions.push(Action::Leak { node, attempt });
                }
                if self.mutation == Mutation::DropOnTimeout {
                    actions.push(Action::Drop { node, attempt });
                }
                let hands_over = |from: &u8| self.can_hand_over(state, *from, node, attempt);
                actions.extend((1..=self.nodes).filter(hands_over).map(|from| Action::Certificate { from, node, attempt }));
            }
        }
        for node in 1..=self.nodes {
            if state.nodes[node].session.is_some() || !self.honest(node) {
                actions.extend([Action::PutPending { node }, Action::Confirm { node }, Action::Abort { node }]);
            }
            actions.push(Action::Crash { node });
            if self.can_forget(state, node) {
                actions.push(Action::Forget { node });
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = *state;
        let taken = match action {
            Action::Propose { attempt } => self.propose(&mut next, attempt),
            Action::Join { node, attempt } => self.join(&mut next, node, attempt),
            Action::PutPending { node } => self.put_pending(&mut next, node),
            Action::Confirm { node } => self.confirm(&mut next, node),
            Action::Abort { node } => self.abort(&mut next, node),
            Action::Complete { node, attempt } | Action::Certificate { node, attempt, .. } | Action::Leak { node, attempt } => {
                next.learn(node, attempt, self)
            }
            Action::Forget { node } => self.forget(&mut next, node),
            Action::Crash { node } => self.crash(&mut next, node),
            Action::Lie { attempt } => self.lie(&mut next, attempt),
            Action::Drop { node, attempt } => self.drop_confirmed(&mut next, node, attempt),
        };
        (taken && next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

impl Scenario {
    pub(crate) fn honest(&self, node: u8) -> bool {
        self.withholder != Some(node)
    }

    fn propose(&self, state: &mut State, attempt: u8) -> bool {
        let plan = self.plan(attempt);
        if state.attempts[attempt].number.is_some() || state.attempts[plan.base].number.is_none() {
            return false;
        }
        let highest = plan.participants().iter().map(|node| state.nodes[node].seen()).max().unwrap();
        state.attempts[attempt].number = Some(match self.mutation {
            Mutation::ReuseNumbers => state.number(plan.base) + 1,
            _ => highest + 1,
        });
        true
    }

    fn join(&self, state: &mut State, node: u8, attempt: u8) -> bool {
        let Plan { base, dealers, .. } = *self.plan(attempt);
        let Some(number) = state.attempts[attempt].number else { return false };
        let accepted = state.attempts[attempt].accepted;
        // An attempt that a participant left is dead: nobody begins it. Whoever joined it late would only have lost a number.
        let left =
            accepted.iter().any(|other| self.honest(other) && state.nodes[other].session.is_none_or(|open| open.0 != attempt));
        if !self.plan(attempt).participants().has(node) || accepted.has(node) || left {
            return false;
        }
        let at = &mut state.nodes[node];
        if self.honest(node) {
            let able = !dealers.has(node) || (at.active == Some(base) && at.keys.has(base));
            let new = number > at.seen() || self.mutation == Mutation::ReuseNumbers;
            if at.session.is_some() || !able || !new {
                return false;
            }
            (at.promised, at.joined) = (number, at.joined.with(attempt));
            if self.mutation != Mutation::ForgetPromise {
                // The promise makes the record.
                at.highest = at.highest.or(Some(0));
            }
            at.session = Some((attempt, Phase::Joined));
        } else if dealers.has(node) && !at.keys.has(base) {
            return false;
        }
        state.attempts[attempt].accepted = state.attempts[attempt].accepted.with(node);
        true
    }

    /// The reveals of all dealers are there when all participants accepted.
    fn dealt(&self, state: &State, attempt: u8) -> bool {
        state.attempts[attempt].accepted.covers(self.plan(attempt).participants())
    }

    fn put_pending(&self, state: &mut State, node: u8) -> bool {
        if !self.honest(node) {
            let dealt = self.attempts().filter(|attempt| self.dealt(state, *attempt));
            let new = dealt.filter(|attempt| self.plan(*attempt).receivers.has(node)).fold(Set::EMPTY, Set::with);
            state.nodes[node].keys = state.nodes[node].keys.or(new);
            return true;
        }
        let Some((attempt, phase)) = state.nodes[node].session else { return false };
        let after = match (phase, self.mutation) {
            (Phase::Joined, Mutation::ConfirmBeforePutPending) | (Phase::Held | Phase::Confirmed, _) => return false,
            (Phase::Joined, _) => Phase::Held,
            (Phase::Unstored, _) => Phase::Confirmed,
        };
        if !self.plan(attempt).receivers.has(node) || !self.dealt(state, attempt) {
            return false;
        }
        let stored = state.put_pending(node, attempt, self);
        state.nodes[node].session = stored.then_some((attempt, after));
        true
    }

    fn confirm(&self, state: &mut State, node: u8) -> bool {
        let Some((attempt, phase)) = state.nodes[node].session else { return false };
        let after = match (phase, self.mutation) {
            (Phase::Held, _) => Phase::Confirmed,
            (Phase::Joined, Mutation::ConfirmBeforePutPending) if self.dealt(state, attempt) => Phase::Unstored,
            _ => return false,
        };
        if !self.plan(attempt).receivers.has(node) {
            return false;
        }
        state.nodes[node].session = Some((attempt, after));
        state.attempts[attempt].confirmed = state.attempts[attempt].confirmed.with(node);
        true
    }

    fn abort(&self, state: &mut State, node: u8) -> bool {
        let Some((attempt, Phase::Held)) = state.nodes[node].session else { return false };
        state.nodes[node].session = None;
        state.remove(node, attempt)
    }

    fn drop_confirmed(&self, state: &mut State, node: u8, attempt: u8) -> bool {
        let unconfirmed = state.nodes[node].session == Some((attempt, Phase::Held));
        state.nodes[node].pending.has(attempt) && !unconfirmed && state.remove(node, attempt)
    }

    /// Whether a certificate tells a cosigner something.
    fn news(&self, state: &State, node: u8, attempt: u8) -> bool {
        if state.attempts[attempt].number.is_none() {
            return false;
        }
        let higher = state.best(self, node).is_none_or(|best| state.rank(self, attempt) > state.rank(self, best));
        let known = state.nodes[node].knows(attempt);
        let late = self.mutation == Mutation::AcceptLowerLate && state.nodes[node].pending.has(attempt);
        self.honest(node) && !known && (higher || late)
    }

    /// Whether a participant may have all confirmations. Those of a pending share are sent again after a restart.
    pub(crate) fn can_complete(&self, state: &State, node: u8, attempt: u8) -> bool {
        let at = &state.nodes[node];
        let open = at.pending.has(attempt) || at.session.is_some_and(|(open, _)| open == attempt);
        let confirmed = state.attempts[attempt].confirmed;
        let complete = match self.mutation {
            Mutation::PromoteBeforeCertificate => confirmed.has(node),
            _ => confirmed.covers(self.plan(attempt).receivers),
        };
        open && complete && self.news(state, node, attempt)
    }

    /// Whether `from` has the certificate as its highest, and one of the two knows that the other is concerned.
    pub(crate) fn can_hand_over(&self, state: &State, from: u8, node: u8, attempt: u8) -> bool {
        let has = self.honest(from) && state.best(self, from) == Some(attempt);
        has && self.news(state, node, attempt)
            && (self.concerned(state, from, attempt).has(node) || self.concerned(state, node, attempt).has(from))
    }

    /// All participants of the attempts that a cosigner knows of: its own, those that it was told of by who destroyed, their bases.
    fn concerned(&self, state: &State, node: u8, attempt: u8) -> Set {
        let told = state.attempts[attempt].destroyed.iter().map(|other| state.nodes[other].joined);
        let mine = state.nodes[node].joined.or(state.nodes[node].slots());
        let mine = if state.nodes[node].knows(attempt) { told.fold(mine, Set::or).with(attempt) } else { mine };
        self.with_bases(mine).iter().map(|attempt| self.plan(attempt).participants()).fold(Set::EMPTY, Set::or)
    }

    pub(crate) fn with_bases(&self, attempts: Set) -> Set {
        // A base comes before what is built on it.
        self.attempts().rev().fold(
            attempts,
            |set, attempt| {
                if set.has(attempt) { set.with(self.plan(attempt).base) } else { set }
            },
        )
    }

    pub(crate) fn can_forget(&self, state: &State, node: u8) -> bool {
        let untold = state.best(self, node).is_some_and(|best| best != 0 && !state.attempts[best].destroyed.has(node));
        self.honest(node) && (!state.dead_keys(node).is_empty() || untold)
    }

    fn forget(&self, state: &mut State, node: u8) -> bool {
        state.forget(node, self);
        if let Some(best) = state.best(self, node) {
            state.attempts[best].destroyed = state.attempts[best].destroyed.with(node);
        }
        true
    }

    fn crash(&self, state: &mut State, node: u8) -> bool {
        let at = &mut state.nodes[node];
        if let (Some((attempt, Phase::Joined)), Mutation::ForgetPromise) = (at.session, self.mutation) {
            (at.joined, at.promised) = (at.joined.without(attempt), 0);
        }
        (at.session, at.heard) = (None, None);
        true
    }

    /// Whether the withholder can complete a certificate, with its own confirmation that nobody else has.
    pub(crate) fn withholder_has(&self, state: &State, attempt: u8) -> bool {
        self.withholder.is_some_and(|withholder| {
            state.nodes[withholder].keys.has(attempt)
                && self.plan(attempt).receivers.has(withholder)
                && state.attempts[attempt].confirmed.with(withholder).covers(self.plan(attempt).receivers)
        })
    }

    fn lie(&self, state: &mut State, attempt: u8) -> bool {
        let Some(withholder) = self.withholder else { return false };
        let seen = (1..=self.nodes).any(|node| self.honest(node) && state.nodes[node].knows(attempt));
        state.attempts[attempt].destroyed = state.attempts[attempt].destroyed.with(withholder);
        attempt != 0 && seen
    }
}
