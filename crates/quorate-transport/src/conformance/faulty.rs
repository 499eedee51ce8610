//! Any wire, with faults that a seed repeats.

use core::fmt;
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use quorate_core::PeerId;

use crate::{
    wire::{BoxFuture, Wire, WireError},
    wires::{Faults, faults::Dice},
};

/// The most datagrams that are late; more are not delayed.
const MAX_LATE: usize = 256;

struct Late {
    countdown: u64,
    to: PeerId,
    bytes: Vec<u8>,
}

struct State {
    dice: Dice,
    faults: Faults,
    late: VecDeque<Late>,
}

/// A wire that loses, repeats, delays and alters some of what is sent over another one.
///
/// Late datagrams leave when others have passed them, so that the last ones may wait until somebody sends again, as sessions do. `Debug`
/// shows the seed: a test should print it. What is beneath adds faults and an order of its own.
pub struct Faulty<W> {
    inner: W,
    seed: u64,
    state: Mutex<State>,
}

impl<W: Wire> Faulty<W> {
    /// Wraps a wire.
    #[must_use]
    pub fn new(inner: W, seed: u64, faults: Faults) -> Self {
        Self { inner, seed, state: Mutex::new(State { dice: Dice::new(seed), faults, late: VecDeque::new() }) }
    }

    /// The wire beneath.
    #[must_use]
    pub const fn inner(&self) -> &W {
        &self.inner
    }

    /// Changes the faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).faults = faults;
    }
}

impl State {
    /// What leaves now that this datagram is sent.
    fn pass(&mut self, to: PeerId, mut bytes: Vec<u8>) -> Vec<(PeerId, Vec<u8>)> {
        let (faults, dice) = (self.faults, &mut self.dice);
        let (lost, twice, late) = (dice.happens(faults.drop), dice.happens(faults.duplicate), dice.happens(faults.delay));
        let countdown = dice.passes();
        dice.corrupt(faults.corrupt, &mut bytes);
        self.late.iter_mut().for_each(|late| late.countdown = late.countdown.saturating_sub(1));
        let (arrived, waiting): (VecDeque<_>, VecDeque<_>) =
            core::mem::take(&mut self.late).into_iter().partition(|late| late.countdown == 0);
        self.late = waiting;
        let mut leaving: Vec<_> = arrived.into_iter().map(|late| (late.to, late.bytes)).collect();
        if twice {
            leaving.push((to, bytes.clone()));
        }
        match (lost, late && self.late.len() < MAX_LATE) {
            (true, _) => {}
            (false, true) => self.late.push_back(Late { countdown, to, bytes }),
            (false, false) => leaving.push((to, bytes)),
        }
        leaving
    }
}

impl<W: Wire> Wire for Faulty<W> {
    fn send(&self, to: PeerId, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), WireError>> {
        Box::pin(async move {
            if bytes.len() > crate::link::MAX_DATAGRAM {
                return self.inner.send(to, bytes).await;
            }
            let leaving = self.state.lock().unwrap_or_else(PoisonError::into_inner).pass(to, bytes);
            for (to, bytes) in leaving {
                self.inner.send(to, bytes).await?;
            }
            Ok(())
        })
    }

    fn recv(&self) -> BoxFuture<'_, Result<(PeerId, Vec<u8>), WireError>> {
        self.inner.recv()
    }
}

impl<W> fmt::Debug for Faulty<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("seed", &self.seed).finish_non_exhaustive()
    }
}
