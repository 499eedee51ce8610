//! The inbox of a protocol machine: an honest participant among honest ones, and a wire on which the input adds what it likes.
//!
//! The input's steps hand honest frames and forged ones to the victim, in any order; in the end all honest frames come. Then there is a
//! right result, or an error that blames nobody who sent honest frames only.

use std::collections::{BTreeMap, BTreeSet};

use quorate_core::{
    Error, FaultKind, Identifier, ParticipantSet,
    frost::{Bip340, Ed25519, FrostSuite, P256, Ristretto255, Secp256k1, Signing, Target},
    keygen::Keygen,
    machine::{Handled, Machine, Protocol},
};

use crate::{
    cursor::Cursor,
    keys::{id, rng, session, shares, unchecked},
};

/// Version, protocol, round, context and echo.
const HEAD: usize = 3 + 16 + 32;
const MESSAGE: &[u8] = b"a transaction";

struct Attack<P: Protocol> {
    victim: Machine<P>,
    others: BTreeMap<Identifier, Machine<P>>,
    /// The honest frames for the victim so far.
    frames: Vec<(Identifier, Vec<u8>)>,
    /// Who also sent something else.
    tainted: BTreeSet<Identifier>,
}

impl<P: Protocol> Attack<P> {
    /// The first machine is the victim.
    fn new(mut machines: BTreeMap<Identifier, Machine<P>>) -> Self {
        let (_, victim) = machines.pop_first().unwrap();
        let mut attack = Self { victim, others: machines, frames: Vec::new(), tainted: BTreeSet::new() };
        attack.exchange();
        attack
    }

    /// Everyone else goes on as far as they can. They fail only if the victim did something wrong, because it was told wrong things.
    fn exchange(&mut self) {
        let mut letters: Vec<_> = core::iter::from_fn(|| self.victim.next_outgoing()).map(|letter| (id(1), letter)).collect();
        loop {
            for (from, machine) in &mut self.others {
                let stored = machine.pending().map_or(Ok(()), |pending| pending.stored());
                assert!(stored.is_ok() || !self.tainted.is_empty(), "{stored:?}");
                letters.extend(core::iter::from_fn(|| machine.next_outgoing()).map(|letter| (*from, letter)));
            }
            if letters.is_empty() {
                return;
            }
            for (from, letter) in letters.drain(..) {
                match self.others.get_mut(&letter.to) {
                    None => self.frames.push((from, letter.bytes.to_vec())),
                    Some(machine) => {
                        let handled = machine.handle(from, &letter.bytes);
                        assert!(handled.is_ok() || !self.tainted.is_empty(), "{handled:?}");
                    }
                }
            }
        }
    }

    fn handle(&mut self, from: Identifier, bytes: &[u8]) -> Result<(), Error> {
        if !self.frames.iter().any(|(sender, frame)| *sender == from && frame == bytes) {
            self.tainted.insert(from);
        }
        let round = self.victim.round();
        if matches!(self.victim.handle(from, bytes)?, Handled::Ignored(_)) {
            assert_eq!(self.victim.round(), round, "an ignored frame moved the machine");
        }
        self.exchange();
        Ok(())
    }

    fn store(&mut self) -> Result<(), Error> {
        let stored = self.victim.pending().map_or(Ok(()), |pending| pending.stored());
        self.exchange();
        stored
    }

    fn step(&mut self, input: &mut Cursor<'_>) -> Result<(), Error> {
        let op = input.byte();
        let from = id(1 + u16::from(op >> 4) % 5);
        let (sender, mut frame) = self.frames[input.below(self.frames.len())].clone();
        match op & 7 {
            0 => return self.handle(from, input.short()),
            1 => {
                frame.truncate(HEAD);
                for part in [input.long(), input.short()] {
                    frame.extend((part.len() as u32).to_be_bytes());
                    frame.extend(part);
                }
            }
            2 => input.mutate(&mut frame),
            3 => {}
            4 => {
                frame.truncate(19);
                frame.extend(input.long());
            }
            5 => frame[2] = input.byte(),
            6 => return self.store(),
            _ => return self.handle(sender, &frame),
        }
        self.handle(from, &frame)
    }

    fn run(&mut self, mut input: Cursor<'_>) -> Result<P::Output, Error> {
        for _ in 0..64 {
            if !input.is_empty() {
                self.step(&mut input)?;
            }
        }
        let mut next = 0;
        while let Some((from, frame)) = self.frames.get(next).cloned() {
            self.handle(from, &frame)?;
            self.store()?;
            next += 1;
        }
        Ok(self.victim.take_output().expect("all honest frames came, and there is neither a result nor an error"))
    }
}

/// The victim's result and that of the second participant, unless the victim had good reason to fail.
pub(crate) fn attack<P: Protocol>(
    machines: BTreeMap<Identifier, Machine<P>>,
    input: Cursor<'_>,
) -> Option<(P::Output, P::Output)> {
    let mut attack = Attack::new(machines);
    let error = match attack.run(input) {
        Ok(output) => return Some((output, attack.others.get_mut(&id(2))?.take_output().expect("the others have no result"))),
        Err(error) => error,
    };
    let Error::Fault(fault) = &error else { panic!("an inbox fails with faults only, not {error:?}") };
    assert!(!attack.tainted.is_empty(), "{fault}, and all frames were honest");
    assert!(fault.culprits.iter().all(|culprit| attack.tainted.contains(culprit)), "{fault} blames the honest");
    // What shows in a sum alone names nobody if there are several.
    let in_a_sum =
        [FaultKind::Equivocation, FaultKind::DifferentRequest, FaultKind::WrongPublicShares, FaultKind::WrongSignature];
    assert!(!fault.culprits.is_empty() || in_a_sum.contains(&fault.kind), "{fault} blames nobody");
    assert_eq!(attack.victim.handle(id(2), b"more"), Err(error), "the dead stay dead");
    assert!(attack.victim.next_outgoing().is_none() && attack.victim.take_output().is_none());
    None
}

/// Suite and number of participants, then steps.
pub(crate) fn keygen(data: &[u8]) {
    let mut input = Cursor::new(data);
    match input.below(5) {
        0 => keygen_of::<Ed25519>(input),
        1 => keygen_of::<Bip340>(input),
        2 => keygen_of::<Ristretto255>(input),
        3 => keygen_of::<Secp256k1>(input),
        _ => keygen_of::<P256>(input),
    }
}

fn keygen_of<C: FrostSuite>(mut input: Cursor<'_>) {
    let count = 2 + u16::from(input.byte() & 1);
    let start = |me| (id(me), Keygen::<C>::start(&session(count), unchecked(2, count), id(me), &mut rng(me as u8)).unwrap());
    if let Some((share, other)) = attack((1..=count).map(start).collect(), input) {
        assert_eq!(share.package(), other.package(), "a key that the others do not have");
        assert_eq!((share.identifier(), share.certificate()), (id(1), other.certificate()));
    }
}

/// Suite and number of signers, then steps.
pub(crate) fn signing(data: &[u8]) {
    let mut input = Cursor::new(data);
    match input.below(5) {
        0 => signing_of::<Ed25519>(input),
        1 => signing_of::<Bip340>(input),
        2 => signing_of::<Ristretto255>(input),
        3 => signing_of::<Secp256k1>(input),
        _ => signing_of::<P256>(input),
    }
}

fn signing_of<C: FrostSuite>(mut input: Cursor<'_>) {
    let count = 2 + u16::from(input.byte() & 1);
    let signers = ParticipantSet::first(count).unwrap();
    let start = |me: u16| {
        let share = &shares::<C>()[usize::from(me) - 1];
        (id(me), Signing::start(&session(3), share, &signers, MESSAGE, &Target::default(), &mut rng(me as u8)).unwrap())
    };
    if let Some((signature, other)) = attack((1..=count).map(start).collect(), input) {
        assert!(
            shares::<C>()[0].package().verifying_key().verify(MESSAGE, &signature).is_ok(),
            "a wrong signature left the machine"
        );
        assert_eq!(signature, other);
    }
}
