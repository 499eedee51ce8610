//! What there is: each cosigner's durable and volatile state, and what was ever sent.
//!
//! Messages are facts that stay: whatever was sent may be delivered at any time, in any order, again, or never. A message to several
//! receivers may so reach some of them only.

use quorate_core::Identifier;
use quorate_storage::vault::fuzz_api::{Epochs, Step};

use crate::{
    scenario::{Mutation, Scenario},
    set::{Set, Table},
};

pub(crate) const NODES: usize = 6;
pub(crate) const ATTEMPTS: usize = 5;

/// How far a cosigner is in its open attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// Promised, and accepted.
    Joined,
    /// The pending share is durable.
    Held,
    /// The confirmation left.
    Confirmed,
    /// It left, and nothing is durable: only where that is broken on purpose.
    Unstored,
}

/// A cosigner. Attempts are named by their place in the scenario, `highest` and `promised` are epoch numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    // Durable: the record of the key.
    pub(crate) highest: Option<u8>,
    pub(crate) active: Option<u8>,
    pub(crate) pending: Set,
    // Durable: the epoch keys. A share can be read while its key is there.
    pub(crate) keys: Set,
    // Durable: what was promised. The last number, and all attempts that it took part in.
    pub(crate) promised: u8,
    pub(crate) joined: Set,
    // Durable: the certificate by which it retired.
    pub(crate) certificate: Option<u8>,
    // Volatile: a certificate in memory, the open attempt.
    pub(crate) heard: Option<u8>,
    pub(crate) session: Option<(u8, Phase)>,
}

/// An attempt, as the messages about it tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub(crate) struct Attempt {
    /// Its epoch number, once it is proposed.
    pub(crate) number: Option<u8>,
    pub(crate) accepted: Set,
    pub(crate) confirmed: Set,
    /// Who confirmed that all below is destroyed.
    pub(crate) destroyed: Set,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) nodes: Table<Node, NODES>,
    pub(crate) attempts: Table<Attempt, ATTEMPTS>,
}

impl Node {
    const NEW: Self = Self {
        highest: None,
        active: None,
        pending: Set::EMPTY,
        keys: Set::EMPTY,
        promised: 0,
        joined: Set::EMPTY,
        certificate: None,
        heard: None,
        session: None,
    };

    /// The highest number that it knows of.
    pub(crate) fn seen(&self) -> u8 {
        self.promised.max(self.highest.unwrap_or(0))
    }

    pub(crate) fn slots(&self) -> Set {
        self.active.map_or(self.pending, |active| self.pending.with(active))
    }

    /// Whether it can use its share of an epoch.
    pub(crate) fn holds(&self, epoch: u8) -> bool {
        self.slots().has(epoch) && self.keys.has(epoch)
    }

    pub(crate) fn knows(&self, epoch: u8) -> bool {
        [self.active, self.certificate, self.heard].contains(&Some(epoch))
    }
}

impl State {
    pub(crate) fn first(scenario: &Scenario) -> Self {
        let mut state = Self { nodes: Table([Node::NEW; NODES]), attempts: Table([Attempt::default(); ATTEMPTS]) };
        state.attempts[0].number = Some(0);
        for holder in scenario.plan(0).receivers.iter() {
            let node = &mut state.nodes[holder];
            (node.highest, node.active, node.keys) = (Some(0), Some(0), Set::of(&[0]));
        }
        state
    }

    pub(crate) fn number(&self, attempt: u8) -> u8 {
        self.attempts[attempt].number.expect("it was proposed")
    }

    /// What epochs are compared by: the number, then the digest of the package.
    pub(crate) fn rank(&self, scenario: &Scenario, attempt: u8) -> (u8, u8) {
        let digest = match scenario.mutation {
            Mutation::OrderByNumberAlone | Mutation::ReuseNumbers => 0,
            _ if scenario.earlier_wins => u8::MAX - attempt,
            _ => attempt,
        };
        (self.number(attempt), digest)
    }

    /// The attempts that were proposed, with key generation.
    pub(crate) fn proposed(&self) -> impl Iterator<Item = u8> {
        (0..5).filter(|attempt| self.attempts[*attempt].number.is_some())
    }

    /// The highest certificate that a cosigner has.
    pub(crate) fn best(&self, scenario: &Scenario, node: u8) -> Option<u8> {
        let node = &self.nodes[node];
        [node.active, node.certificate, node.heard].into_iter().flatten().max_by_key(|known| self.rank(scenario, *known))
    }

    /// A cosigner's record, as the vault has it.
    fn record(&self, node: u8) -> Epochs {
        let number = |attempt: u8| u64::from(self.number(attempt));
        let at = &self.nodes[node];
        let mut pending: Vec<_> = at.pending.iter().map(number).collect();
        pending.sort_unstable();
        let participant = Identifier::new(node.into()).unwrap();
        Epochs::new(participant, at.highest.map(u64::from), at.active.map(number), pending)
    }

    /// What the vault makes of it: the code itself.
    fn vault(&mut self, node: u8, step: Step) -> bool {
        let Ok(after) = self.record(node).step(step) else { return false };
        let number = |attempt: u8| u64::from(self.number(attempt));
        let at = &self.nodes[node];
        // A cosigner never has shares of two attempts of one number.
        let named = |epoch: u64, among: Set| among.iter().find(|attempt| number(*attempt) == epoch);
        let added = if let Step::PutPending(_) = step { at.session.map(|(attempt, _)| attempt) } else { None };
        let among = added.map_or(at.slots(), |added| at.slots().with(added));
        let pending = after.pending.iter().map(|epoch| named(*epoch, among).unwrap()).fold(Set::EMPTY, Set::with);
        let active = after.active.map(|epoch| named(epoch, among).unwrap());
        let highest = after.highest.map(|highest| u8::try_from(highest).unwrap());
        let at = &mut self.nodes[node];
        (at.highest, at.active, at.pending) = (highest, active, pending);
        true
    }

    /// The epoch keys that the record no longer names.
    pub(crate) fn dead_keys(&self, node: u8) -> Set {
        self.nodes[node].keys.minus(self.nodes[node].slots())
    }

    /// Destroys them, as the vault decides it.
    pub(crate) fn forget(&mut self, node: u8, scenario: &Scenario) {
        let dead = self.dead_keys(node);
        if !matches!(scenario.mutation, Mutation::ReuseNumbers | Mutation::AcceptLowerLate) {
            let record = self.record(node);
            let by_the_vault = self.nodes[node].keys.iter().filter(|epoch| record.is_dead(self.number(*epoch).into()));
            assert_eq!(by_the_vault.fold(Set::EMPTY, Set::with), dead);
        }
        self.nodes[node].keys = self.nodes[node].keys.minus(dead);
    }

    /// Writes the pending share of the open attempt.
    pub(crate) fn put_pending(&mut self, node: u8, attempt: u8, scenario: &Scenario) -> bool {
        let number = self.number(attempt);
        if scenario.mutation == Mutation::ReuseNumbers {
            let at = &mut self.nodes[node];
            at.pending = at.pending.with(attempt);
            at.highest = at.highest.max(Some(number));
        } else if !self.vault(node, Step::PutPending(number.into())) {
            return false;
        }
        self.nodes[node].keys = self.nodes[node].keys.with(attempt);
        true
    }

    /// Gives up a pending share.
    pub(crate) fn remove(&mut self, node: u8, attempt: u8) -> bool {
        self.vault(node, Step::Remove(self.number(attempt).into()))
    }

    /// Acts on a complete certificate: promotes, or retires. One write.
    pub(crate) fn learn(&mut self, node: u8, attempt: u8, scenario: &Scenario) -> bool {
        let number = self.number(attempt);
        if scenario.plan(attempt).receivers.has(node) {
            if !self.nodes[node].pending.has(attempt) {
                return false;
            }
            match scenario.mutation {
                Mutation::ReuseNumbers => self.promote_by_number(node, attempt),
                Mutation::AcceptLowerLate => {
                    let at = &mut self.nodes[node];
                    (at.active, at.pending) = (Some(attempt), at.pending.without(attempt));
                }
                _ if self.vault(node, Step::Promote(number.into())) => {}
                _ => return false,
            }
        } else {
            // A share of the same number and a higher digest stays.
            let rank = self.rank(scenario, attempt);
            let stays = |held: u8| self.number(held) == number && self.rank(scenario, held) > rank;
            let through = if self.nodes[node].slots().iter().any(stays) { number - 1 } else { number };
            if scenario.mutation != Mutation::RetireNoStranger {
                // Who has no record yet makes one: else it could take part in a lower attempt afterwards.
                self.nodes[node].highest = self.nodes[node].highest.or(Some(0));
            }
            let retired = self.vault(node, Step::Retire(through.into()));
            if retired && scenario.mutation != Mutation::RetireWithoutCertificate {
                self.nodes[node].certificate = Some(attempt);
            } else {
                self.nodes[node].heard = Some(attempt);
            }
        }
        let lower = |open: u8| self.rank(scenario, open) <= self.rank(scenario, attempt);
        if self.nodes[node].session.is_some_and(|(open, _)| lower(open)) {
            self.nodes[node].session = None;
        }
        true
    }

    /// What promotion does to attempts that share their number.
    fn promote_by_number(&mut self, node: u8, attempt: u8) {
        let kept = self.nodes[node].pending.iter().filter(|other| self.number(*other) > self.number(attempt));
        let kept = kept.fold(Set::EMPTY, Set::with);
        (self.nodes[node].active, self.nodes[node].pending) = (Some(attempt), kept);
    }
}
