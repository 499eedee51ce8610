//! Machines of ours that answer each other on one thread, and what they send.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
};

use quorate_core::{
    Identifier,
    machine::{Machine, OutgoingMessage, Protocol},
};

use crate::Outcome;

/// What a run ended with.
pub struct Ended<T> {
    pub outputs: BTreeMap<Identifier, T>,
    /// Of all participants together, frames and all.
    pub bytes: usize,
}

/// Runs the machines in turn, round by round, to their results. A message that is ignored is an error here: all are honest.
pub fn run<P: Protocol>(mut machines: BTreeMap<Identifier, Machine<P>>) -> Outcome<Ended<P::Output>> {
    let mut under_way: VecDeque<(Identifier, OutgoingMessage)> = VecDeque::new();
    let mut bytes = 0;
    for (id, machine) in &mut machines {
        bytes += collect(*id, machine, &mut under_way)?;
    }
    while let Some((from, mut message)) = under_way.pop_front() {
        let machine = machines.get_mut(&message.to).ok_or("a message to a stranger")?;
        machine.handle_owned(from, mem::take(&mut message.bytes))?;
        bytes += collect(message.to, machine, &mut under_way)?;
    }
    let mut outputs = BTreeMap::new();
    for (id, mut machine) in machines {
        if !machine.ignored().is_empty() {
            return Err(format!("a machine ignored messages: {:?}", machine.ignored()).into());
        }
        outputs.insert(id, machine.take_output().ok_or("a machine ended without a result")?);
    }
    Ok(Ended { outputs, bytes })
}

/// Puts what a machine wants to send under way; what it wants to store counts as stored.
fn collect<P: Protocol>(
    id: Identifier,
    machine: &mut Machine<P>,
    under_way: &mut VecDeque<(Identifier, OutgoingMessage)>,
) -> Outcome<usize> {
    if let Some(pending) = machine.pending() {
        pending.stored()?;
    }
    let mut bytes = 0;
    while let Some(message) = machine.next_outgoing() {
        bytes += message.bytes.len();
        under_way.push_back((id, message));
    }
    Ok(bytes)
}
