//! A key generation of ours for one measured participant, with all the others behind one curtain.
//!
//! Every message in a real run depends on everyone's earlier ones, so n whole machines would have to run for each sample: hours at
//! 667-of-1000. Instead the others run once, as real machines, up to their reveals. For each sample their frames get the echo of
//! that sample, and their confirmations are signed here with their shares of the key, which the curtain knows: the sum of what was
//! dealt to each. The measured machine cannot tell the difference; if it could, it would end with a fault and no figure.

use std::{collections::BTreeMap, time::Duration};

use ff::{Field, PrimeField};
use getrandom::SysRng;
use quorate_core::{
    Identifier, PeerId, Peers, Placement, Session, SessionId,
    curve::Curve,
    domain,
    keygen::Keygen as Machine,
    machine::{Ignored, OutgoingMessage},
    transcript::HashToScalar,
};

use crate::{Outcome, ours::placement, sample::processor_timed};

/// Version, protocol, round; 16 bytes of context; then 32 bytes of echo.
const ECHO: std::ops::Range<usize> = 19..51;

pub struct Keygen<C: Curve> {
    session: Session,
    placement: Placement,
    me: Identifier,
    commits: Vec<(Identifier, Vec<u8>)>,
    reveals: Vec<(Identifier, Vec<u8>)>,
    /// What everyone but the measured participant dealt to each.
    dealt: BTreeMap<Identifier, C::Scalar>,
}

impl<C: Curve> Keygen<C> {
    pub fn new((t, n): (u16, u16)) -> Outcome<Self> {
        let placement = placement((t, n))?;
        let everyone: Vec<_> = placement.participants().iter().collect();
        let peer = |id: Identifier| {
            let mut key = [0; 32];
            key[..2].copy_from_slice(&id.to_u16().to_be_bytes());
            PeerId::new(key)
        };
        let session = Session::new(SessionId::new([1; 32]), Peers::new(everyone.iter().map(|id| (*id, peer(*id))))?);
        let mut machines = Vec::new();
        let mut commits = Vec::new();
        for id in &everyone {
            let mut machine = Machine::<C>::start(&session, placement.clone(), *id, &mut SysRng)?;
            commits.push((*id, sent_one(&mut machine).ok_or("no commitment")?.bytes.to_vec()));
            machines.push((*id, machine));
        }
        let me = everyone[0];
        let mut reveals = Vec::new();
        let mut dealt: BTreeMap<_, _> = everyone.iter().map(|id| (*id, C::Scalar::ZERO)).collect();
        for (id, mut machine) in machines.drain(1..) {
            deliver(&mut machine, bytes_of(&commits).filter(|(from, _)| *from != id))?;
            let mut shares = Vec::new();
            for message in sent(&mut machine) {
                let share = private_share::<C>(&message)?;
                *dealt.get_mut(&message.to).ok_or("a stranger")? += share;
                shares.push((message.to, share));
                if message.to == me {
                    reveals.push((id, message.bytes.to_vec()));
                }
            }
            *dealt.get_mut(&id).ok_or("a stranger")? += interpolate(&shares[..t.into()], id);
        }
        commits.remove(0);
        Ok(Self { session, placement, me, commits, reveals, dealt })
    }

    /// One participant's own work, from nothing to its certified key share.
    pub fn run(&self) -> Outcome<Duration> {
        let (first, machine) =
            processor_timed(|| Machine::<C>::start(&self.session, self.placement.clone(), self.me, &mut SysRng));
        let mut machine = machine?;
        let (second, sent) = processor_timed(|| {
            let _commits: Vec<_> = sent(&mut machine).collect();
            deliver(&mut machine, bytes_of(&self.commits))?;
            // One by one, as a driver that sends them would: a thousand reveals of a thousand participants are many megabytes.
            let part = |message: OutgoingMessage| Ok((message.to, private_share::<C>(&message)?, echo(&message)?));
            sent(&mut machine).map(part).collect::<Outcome<Vec<_>>>()
        });
        let sent = sent?;
        let (.., echo) = sent.first().ok_or("no reveal")?;
        let mut third = Duration::ZERO;
        for (from, bytes) in &self.reveals {
            let mut bytes = bytes.clone();
            bytes[ECHO].copy_from_slice(echo);
            let (took, outcome) = processor_timed(|| deliver(&mut machine, core::iter::once((*from, bytes.as_slice()))));
            outcome?;
            third += took;
        }
        let record = machine.pending().ok_or("nothing to store")?.value()?.to_secret_bytes();
        let digest = *machine.pending().ok_or("nothing to store")?.value()?.package().digest();
        let (fourth, confirmation) = processor_timed(|| {
            machine.pending().map(quorate_core::machine::Pending::stored);
            sent_one(&mut machine)
        });
        let transcript = record.iter().rev().skip(C::POINT_BYTES + 32).take(32).rev().copied().collect::<Vec<_>>();
        let head = &confirmation.ok_or("no confirmation")?.bytes[..ECHO.end];
        let confirmations = self.confirmations(head, &transcript, &digest, &sent)?;
        let (fifth, outcome) =
            processor_timed(|| deliver(&mut machine, bytes_of(&confirmations)).map(|()| machine.take_output()));
        outcome?.ok_or("no key share")?;
        Ok(first + second + third + fourth + fifth)
    }

    /// Everyone else's confirmation: a Schnorr signature with its new share (docs/protocols.md, section 1).
    fn confirmations(
        &self,
        head: &[u8],
        transcript: &[u8],
        digest: &[u8; 32],
        mine: &[(Identifier, C::Scalar, [u8; 32])],
    ) -> Outcome<Vec<(Identifier, Vec<u8>)>> {
        let length = u32::try_from(C::POINT_BYTES + 32)?.to_be_bytes();
        let mut confirmations = Vec::new();
        for (to, mine, _) in mine {
            let share = self.dealt[to] + mine;
            let nonce = share.square();
            let r = C::encode_point(&C::mul_generator(&nonce));
            let challenge = HashToScalar::new(domain::DEALING_CONFIRM)
                .field(r.as_ref())
                .identifier(*to)
                .field(transcript)
                .field(digest)
                .finish_scalar::<C>();
            let response = C::encode_scalar(&(nonce + challenge * share));
            let frame = [head, &length, r.as_ref(), &response, &[0; 4]].concat();
            confirmations.push((*to, frame));
        }
        Ok(confirmations)
    }
}

fn sent<C: Curve>(machine: &mut Machine<C>) -> impl Iterator<Item = OutgoingMessage> {
    std::iter::from_fn(|| machine.next_outgoing())
}

/// The first of equal messages; the others are taken out too.
fn sent_one<C: Curve>(machine: &mut Machine<C>) -> Option<OutgoingMessage> {
    sent(machine).reduce(|first, _| first)
}

fn bytes_of(messages: &[(Identifier, Vec<u8>)]) -> impl Iterator<Item = (Identifier, &[u8])> {
    messages.iter().map(|(from, bytes)| (*from, bytes.as_slice()))
}

fn deliver<'a, C: Curve>(machine: &mut Machine<C>, messages: impl Iterator<Item = (Identifier, &'a [u8])>) -> Outcome<()> {
    for (from, bytes) in messages {
        machine.handle(from, bytes)?;
    }
    let ignored: &BTreeMap<Ignored, u64> = machine.ignored();
    if ignored.is_empty() { Ok(()) } else { Err(format!("the machine ignored messages: {ignored:?}").into()) }
}

fn echo(message: &OutgoingMessage) -> Outcome<[u8; 32]> {
    Ok(message.bytes.get(ECHO).ok_or("a short frame")?.try_into()?)
}

/// The private part of a reveal is its last 32 bytes.
fn private_share<C: Curve>(message: &OutgoingMessage) -> Outcome<C::Scalar> {
    let bytes = message.bytes.last_chunk().ok_or("a short frame")?;
    Ok(C::decode_scalar(bytes)?)
}

/// f(at) from t values of f: what a dealer keeps for itself.
fn interpolate<F: PrimeField + From<u64>>(values: &[(Identifier, F)], at: Identifier) -> F {
    let scalar = |id: Identifier| F::from(u64::from(id.to_u16()));
    let at = scalar(at);
    let (mut tops, mut bottoms) = (Vec::new(), Vec::new());
    let all: F = values.iter().map(|(k, _)| at - scalar(*k)).product();
    for (k, _) in values {
        let x = scalar(*k);
        let others = values.iter().filter(|(other, _)| other != k);
        bottoms.push((at - x) * others.fold(F::ONE, |product, (other, _)| product * (x - scalar(*other))));
        tops.push(all);
    }
    ff::BatchInvert::batch_invert(bottoms.iter_mut());
    values.iter().zip(tops.iter().zip(&bottoms)).map(|((_, value), (top, bottom))| *value * top * bottom).sum()
}
