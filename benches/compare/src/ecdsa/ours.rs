//! Quorate, through its public interface, all participants in this process.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use getrandom::SysRng;
use k256::ecdsa::VerifyingKey;
use quorate_core::{
    Error, Identifier, ParticipantSet, PeerId, Peers, Session, SessionId,
    ecdsa::{Boot, EcdsaSecp256k1, OnlineSigning, Pairing, Pairings, Presignature, Presigning, Request, Signing},
    keygen::Keygen,
    keys::KeyShare,
    machine::{Machine, Protocol},
};

use super::{
    DIGEST, Team,
    machines::{self, Ended},
    verify,
};
use crate::{Outcome, Size, ours::placement, sample::Stopwatch};

type Shares = BTreeMap<Identifier, KeyShare<EcdsaSecp256k1>>;
/// Presignatures, by their signers.
type Made = BTreeMap<Identifier, Vec<Presignature<EcdsaSecp256k1>>>;

/// A key whose first t participants sign, paired with each other.
pub struct Ours {
    signers: ParticipantSet,
    shares: BTreeMap<Identifier, Arc<KeyShare<EcdsaSecp256k1>>>,
    pairings: BTreeMap<Identifier, Pairings>,
    key: VerifyingKey,
}

/// A key generation whose cosigners are paired already: all participants' time, and their shares.
pub fn generate(size: Size) -> Outcome<(Duration, Shares)> {
    let placement = placement(size)?;
    let start = Stopwatch::start();
    let session = session(placement.participants().iter())?;
    let mut running = BTreeMap::new();
    for id in placement.participants().iter() {
        running.insert(id, Keygen::<EcdsaSecp256k1>::start(&session, placement.clone(), id, &mut SysRng)?);
    }
    let Ended { outputs, .. } = machines::run(running)?;
    Ok((start.elapsed(), outputs))
}

/// Pairs everyone with everyone: all participants' time, and each one's pairings.
pub fn pair(participants: &ParticipantSet) -> Outcome<(Duration, BTreeMap<Identifier, Pairings>)> {
    let boot = |id: Identifier| Boot::new(1, [id.to_u16().to_be_bytes()[1]; 16]);
    let mut all: BTreeMap<_, Pairings> = BTreeMap::new();
    let start = Stopwatch::start();
    for one in participants.iter() {
        for other in participants.iter().filter(|other| *other > one) {
            let session = session([one, other].into_iter())?;
            let first = Pairing::start(&session, one, [boot(one), boot(other)], &mut SysRng)?;
            let second = Pairing::start(&session, other, [boot(other), boot(one)], &mut SysRng)?;
            let Ended { outputs, .. } = machines::run(BTreeMap::from([(one, first), (other, second)]))?;
            for (me, pairing) in outputs {
                let peer = if me == one { other } else { one };
                all.entry(me).or_default().insert(peer, Arc::new(pairing));
            }
        }
    }
    Ok((start.elapsed(), all))
}

/// A key generation and the first pairings of all its participants: their time.
pub fn generate_and_pair(size: Size) -> Outcome<Duration> {
    Ok(generate(size)?.0 + pair(&ParticipantSet::first(size.1)?)?.0)
}

impl Ours {
    /// Runs one machine for each signer; what the whole run took.
    fn run<P: Protocol>(
        &self,
        mut machine: impl FnMut(&Session, Identifier) -> Result<Machine<P>, Error>,
    ) -> Outcome<(Duration, Ended<P::Output>)> {
        let start = Stopwatch::start();
        let session = session(self.signers.iter())?;
        let mut running = BTreeMap::new();
        for id in self.signers.iter() {
            running.insert(id, machine(&session, id)?);
        }
        let ended = machines::run(running)?;
        Ok((start.elapsed(), ended))
    }

    fn run_signing(&self) -> Outcome<(Duration, usize)> {
        let request = Request::new(DIGEST);
        let (took, Ended { outputs, bytes }) = self.run(|session, id| {
            Signing::start(session, &self.shares[&id], &self.signers, &self.pairings[&id], &request, &mut SysRng)
        })?;
        outputs.values().try_for_each(|signature| verify(&self.key, &signature.to_bytes()))?;
        Ok((took, bytes))
    }

    fn run_presigning(&self, batch: usize) -> Outcome<(Duration, Made)> {
        let (took, ended) = self.run(|session, id| {
            Presigning::start(session, &self.shares[&id], &self.signers, &self.pairings[&id], batch, &mut SysRng)
        })?;
        if ended.outputs.values().any(|made| made.len() != batch) {
            return Err("presignatures are missing".into());
        }
        Ok((took, ended.outputs))
    }

    /// Presignatures ahead, by all signers: what one of the batch took.
    pub fn presign(&self, batch: u16) -> Outcome<Duration> {
        Ok(self.run_presigning(batch.into())?.0 / u32::from(batch))
    }

    /// One signature by all signers with a presignature that is there already.
    pub fn sign_online(&self) -> Outcome<Duration> {
        let (_, mut ready) = self.run_presigning(1)?;
        let request = Request::new(DIGEST);
        let (took, ended) = self.run(|session, id| {
            let presignature =
                ready.remove(&id).and_then(|mut made| made.pop()).ok_or(Error::Bug("a presignature is missing"))?;
            OnlineSigning::start(session, presignature, &request)
        })?;
        ended.outputs.values().try_for_each(|signature| verify(&self.key, &signature.to_bytes()))?;
        Ok(took)
    }
}

impl Team for Ours {
    fn ready(size: Size) -> Outcome<Self> {
        let signers = ParticipantSet::first(size.0)?;
        let (_, shares) = generate(size)?;
        let (_, pairings) = pair(&signers)?;
        let shares: BTreeMap<_, _> = shares.into_iter().map(|(id, share)| (id, Arc::new(share))).collect();
        let share = shares.values().next().ok_or("no shares")?;
        let key = VerifyingKey::from_sec1_bytes(share.package().verifying_key().to_bytes().as_ref())?;
        Ok(Self { signers, shares, pairings, key })
    }

    fn sign(&self) -> Outcome<Duration> {
        Ok(self.run_signing()?.0)
    }

    fn bytes_sent(&self) -> Outcome<usize> {
        Ok(self.run_signing()?.1 / self.signers.len())
    }

    fn key_share_bytes(&self) -> Outcome<usize> {
        Ok(self.shares.values().next().ok_or("no shares")?.to_secret_bytes().len())
    }
}

fn session(participants: impl Iterator<Item = Identifier>) -> Outcome<Session> {
    let mut id = [0; 32];
    getrandom::fill(&mut id)?;
    Ok(Session::new(SessionId::new(id), Peers::new(participants.map(|id| (id, peer(id))))?))
}

fn peer(id: Identifier) -> PeerId {
    let mut key = [0; 32];
    key[..2].copy_from_slice(&id.to_u16().to_be_bytes());
    PeerId::new(key)
}
