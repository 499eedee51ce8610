//! Whole networks over wires: every message of a session arrives, once, as it was sent, and from whom it says.

use std::{collections::BTreeSet, sync::Arc};

use quorate_core::{PeerId, SessionId};
use tokio::time::timeout;

use super::{SESSION_PATIENCE, Violation};
use crate::{identity::Identity, node::Network, roster::Roster, session::FRAGMENT, wire::Wire};

/// From one byte to some fragments.
const LENGTHS: [usize; 5] = [1, 1000, FRAGMENT, FRAGMENT + 1, 4 * FRAGMENT + 7];

/// Has all these cosigners, who are those of the roster, send each other messages of many lengths in one session, and checks what arrives.
///
/// The wires may be as bad as [`Faulty`](super::Faulty) makes them: sessions send again until a peer has it. Each network is started on its
/// wire and shut down in the end; a wire is of no more use then.
///
/// # Errors
///
/// [`Violation::SessionStalls`], [`Violation::SessionChanged`], or [`Violation::Failed`] if a network does not start or ends too early.
pub async fn check_sessions(cosigners: Vec<(Identity, Arc<dyn Wire>)>, roster: &Roster) -> Result<(), Violation> {
    let peers: Vec<_> = cosigners.iter().map(|(identity, _)| identity.peer_id()).collect();
    let start = |(identity, wire)| Network::start(identity, roster, wire).map(Arc::new).map_err(|_| Violation::Failed);
    let networks: Vec<_> = cosigners.into_iter().map(start).collect::<Result<_, _>>()?;
    let exchanges: Vec<_> = networks.iter().map(|network| tokio::spawn(exchange(Arc::clone(network), peers.clone()))).collect();
    let mut outcome = Ok(());
    for exchanging in exchanges {
        let ended = exchanging.await.unwrap_or(Err(Violation::Failed));
        outcome = outcome.and(ended);
    }
    for network in networks {
        network.shutdown().await;
    }
    outcome
}

/// What `from` sends to `to`, which nobody else sends.
fn message(from: PeerId, to: PeerId, length: usize) -> Vec<u8> {
    let pattern: Vec<u8> = from.as_bytes().iter().zip(to.as_bytes()).map(|(from, to)| from ^ to.rotate_left(3)).collect();
    pattern.iter().copied().cycle().take(length).collect()
}

async fn exchange(network: Arc<Network>, peers: Vec<PeerId>) -> Result<(), Violation> {
    let (me, session) = (network.peer_id(), SessionId::new([0x5e; 32]));
    let mut incoming = network.open(session, SESSION_PATIENCE.saturating_mul(2)).map_err(|_| Violation::Failed)?;
    let others: Vec<_> = peers.into_iter().filter(|peer| *peer != me).collect();
    let mut missing = BTreeSet::new();
    for peer in others {
        for length in LENGTHS {
            network.send(session, peer, message(me, peer, length)).map_err(|_| Violation::Failed)?;
            missing.insert((length, peer));
        }
    }
    while let Some((length, _)) = missing.first().copied() {
        let received = timeout(SESSION_PATIENCE, incoming.recv()).await.map_err(|_| Violation::SessionStalls { length })?;
        let (from, bytes) = received.ok_or(Violation::SessionStalls { length })?;
        // Each is expected once: a second one is not missing any more.
        if *bytes != message(from, me, bytes.len()) || !missing.remove(&(bytes.len(), from)) {
            return Err(Violation::SessionChanged);
        }
    }
    // What comes now was sent twice, and so does no harm to wait for: a link answers acknowledgements in the meantime.
    match timeout(core::time::Duration::from_millis(200), incoming.recv()).await {
        Ok(Some(_)) => Err(Violation::SessionChanged),
        Ok(None) | Err(_) => Ok(()),
    }
}
