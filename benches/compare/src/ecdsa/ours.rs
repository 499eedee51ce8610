//! Quorate, through its public interface, all participants in this process.

use std::{collections::BTreeMap, time::Duration};

use getrandom::SysRng;
use quorate_core::{Identifier, PeerId, Peers, Session, SessionId, ecdsa::EcdsaSecp256k1, keygen::Keygen, keys::KeyShare};

use super::machines::{self, Ended};
use crate::{Outcome, Size, ours::placement, sample::Stopwatch};

type Shares = BTreeMap<Identifier, KeyShare<EcdsaSecp256k1>>;

/// A key generation whose cosigners are paired already: all participants' time, and their shares.
pub fn generate(size: Size) -> Outcome<(Duration, Shares)> {
    let placement = placement(size)?;
    let session = session(placement.participants().iter())?;
    let start = Stopwatch::start();
    let mut running = BTreeMap::new();
    for id in placement.participants().iter() {
        running.insert(id, Keygen::<EcdsaSecp256k1>::start(&session, placement.clone(), id, &mut SysRng)?);
    }
    let Ended { outputs, .. } = machines::run(running)?;
    Ok((start.elapsed(), outputs))
}

/// The bytes of one participant's record, before it is sealed.
pub fn key_share_bytes(shares: &Shares) -> Outcome<usize> {
    Ok(shares.values().next().ok_or("no shares")?.to_secret_bytes().len())
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
