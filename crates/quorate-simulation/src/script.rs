//! What a seed chooses, all of it before the run: sizes, steps, and what goes wrong in each.
//!
//! Numbers of cosigners in a script are taken modulo those that there are when the step comes, so that a script does not depend on what
//! happens.

use quorate::storage::Torn;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{gate::Fault, world::Time};

/// One seed's choices.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) cosigners: usize,
    pub(crate) times: Vec<Time>,
    pub(crate) holders: usize,
    pub(crate) min_signers: u16,
    pub(crate) all_suites: bool,
    pub(crate) slow: (u64, u64),
    pub(crate) entropy: u64,
    pub(crate) steps: Vec<Step>,
    /// What the end needs of chance.
    pub(crate) last: usize,
}

/// What is done at one time.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) care: Vec<Care>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) disturbances: Vec<Disturbance>,
}

/// What operators do before a step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Care {
    Heal,
    StartAll,
    StartOne(usize, Fault),
    Stop(usize),
    Wait(u64),
    Copy(usize),
    Restore(usize),
    Rejoin,
}

/// What somebody asks a cosigner for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Sign { by: usize, others: usize, named: bool },
    TooFew { by: usize },
    Again { which: usize, by: usize },
    Refresh { by: usize },
    Change(Change),
    Keygen { by: usize, others: usize, min_signers: usize },
}

/// Another set of holders, or another threshold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub(crate) by: usize,
    pub(crate) remove: Option<usize>,
    pub(crate) add: Option<usize>,
    pub(crate) min_signers: Option<usize>,
    /// Whose operator does not consent.
    pub(crate) withheld: Option<usize>,
}

/// What goes wrong meanwhile; times are milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Disturbance {
    Store { who: usize, fault: Fault },
    Kill { who: usize, after: u64 },
    Cut { one: usize, other: usize, after: u64 },
    Part { side: usize, after: u64 },
    Wire { lost: u16, twice: u16, late: u16, bent: u16 },
}

impl Script {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice(StdRng::seed_from_u64(seed));
        // The more there are, the longer a run takes, and the less often.
        let cosigners = 3 + [0, 0, 0, 1, 1, 1, 2, 2, 3, 4][dice.below(10)];
        let holders = dice.below(cosigners - 1) + 2;
        let min_signers = u16::try_from(dice.below(holders - 1) + 2).unwrap_or(2);
        // Pairings and presignatures take most of the time, and more with each cosigner.
        let all_suites = dice.one_in(30) && cosigners <= 4;
        let slow = if dice.one_in(4) { (0, 0) } else { (dice.number(30), dice.number(5)) };
        let entropy = dice.number(u64::MAX - 1);
        let steps = (0..dice.below(10) + 6).map(|_| dice.step()).collect();
        let last = dice.below(1000);
        let wrong = dice.one_in(3);
        let times = (0..cosigners).map(|_| if wrong { dice.time() } else { Time { ahead: 0, pace: 100 } }).collect();
        Self { cosigners, times, holders, min_signers, all_suites, slow, entropy, steps, last }
    }
}

struct Dice(StdRng);

impl Dice {
    fn number(&mut self, most: u64) -> u64 {
        self.0.random_range(0..=most)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0.random_range(0..limit.max(1))
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.number(chances - 1) == 0
    }

    /// A clock that is wrong by up to ten minutes, and too slow or too fast by up to a half.
    fn time(&mut self) -> Time {
        Time { ahead: i64::try_from(self.number(1200)).unwrap_or(0) - 600, pace: 50 + self.number(100) }
    }

    fn any(&mut self) -> usize {
        self.below(1000)
    }

    fn step(&mut self) -> Step {
        let mut care = if self.one_in(2) { vec![Care::Heal, Care::StartAll] } else { Vec::new() };
        for _ in 0..self.below(3) {
            care.push(self.care());
        }
        let mut operations = vec![self.operation()];
        if self.one_in(5) {
            operations.push(if self.one_in(2) { Operation::Refresh { by: self.any() } } else { self.operation() });
        }
        let disturbances = if self.one_in(3) { Vec::new() } else { (0..self.below(3)).map(|_| self.disturbance()).collect() };
        Step { care, operations, disturbances }
    }

    fn care(&mut self) -> Care {
        match self.below(20) {
            0..=5 => Care::Heal,
            6..=11 => Care::StartAll,
            12 => Care::StartOne(self.any(), self.fault(12)),
            13 => Care::Stop(self.any()),
            14..=15 => Care::Wait(self.number(20_000)),
            16..=17 => Care::Copy(self.any()),
            18 => Care::Restore(self.any()),
            _ => Care::Rejoin,
        }
    }

    fn operation(&mut self) -> Operation {
        match self.below(20) {
            0..=5 => Operation::Sign { by: self.any(), others: self.any(), named: self.one_in(2) },
            6 => Operation::TooFew { by: self.any() },
            7 => Operation::Again { which: self.any(), by: self.any() },
            8..=12 => Operation::Refresh { by: self.any() },
            13..=18 => Operation::Change(self.change()),
            _ => Operation::Keygen { by: self.any(), others: self.any(), min_signers: self.any() },
        }
    }

    fn change(&mut self) -> Change {
        let kind = self.below(4);
        let remove = (kind != 1 && kind != 3).then(|| self.any());
        let add = (kind <= 1).then(|| self.any());
        let min_signers = (kind == 3 || self.one_in(4)).then(|| self.any());
        Change { by: self.any(), remove, add, min_signers, withheld: self.one_in(6).then(|| self.any()) }
    }

    fn fault(&mut self, most: u64) -> Fault {
        let torn = if self.one_in(2) { Torn::Before } else { Torn::After };
        Fault { at: self.number(most), torn, crash: !self.one_in(4) }
    }

    fn disturbance(&mut self) -> Disturbance {
        let rate = |dice: &mut Self| u16::try_from(dice.number(300)).unwrap_or(0);
        match self.below(10) {
            0..=3 => Disturbance::Store { who: self.any(), fault: self.fault(40) },
            4..=5 => Disturbance::Kill { who: self.any(), after: self.number(1500) },
            6 => Disturbance::Cut { one: self.any(), other: self.any(), after: self.number(1500) },
            7 => Disturbance::Part { side: self.any(), after: self.number(1500) },
            _ => Disturbance::Wire { lost: rate(self), twice: rate(self), late: rate(self), bent: rate(self) },
        }
    }
}
