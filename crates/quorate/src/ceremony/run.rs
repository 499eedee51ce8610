//! Drives a machine over a network session. The only place where a protocol waits.

use core::time::Duration;

use quorate_core::{
    Error, Fault, Identifier, Peers, SessionId,
    machine::{Machine, Protocol},
};
use quorate_transport::{Incoming, Network, NetworkError, SendError};
use tokio::time::Instant;

use crate::error::CosignerError;

/// Pause before sending again to a peer for whom too much waits.
const BACKPRESSURE_PAUSE: Duration = Duration::from_millis(20);

/// A machine with the session that carries its messages.
pub(crate) struct Drive<'a, P: Protocol> {
    pub(crate) machine: Machine<P>,
    network: &'a Network,
    incoming: Incoming,
    session: SessionId,
    peers: &'a Peers,
    /// Nothing if that is farther away than clocks can say.
    until: Option<Instant>,
    /// Where the end of the first message goes: in a signature by FROST, the commitments of the nonces.
    #[cfg(any(test, feature = "fuzz-api"))]
    nonces: Option<&'a std::sync::Mutex<Vec<Vec<u8>>>>,
}

/// Why the driving stopped.
pub(crate) enum Stop<T> {
    /// Something must be stored: see [`Machine::pending`]. Then drive on.
    Hold,
    /// The protocol is over.
    Done(T),
}

impl<'a, P: Protocol> Drive<'a, P> {
    /// Opens the session for at most `within`.
    pub(crate) fn open(
        machine: Machine<P>,
        network: &'a Network,
        session: SessionId,
        peers: &'a Peers,
        within: Duration,
    ) -> Result<Self, CosignerError> {
        let incoming = network.open(session, within)?;
        Ok(Self {
            machine,
            network,
            incoming,
            session,
            peers,
            until: Instant::now().checked_add(within),
            #[cfg(any(test, feature = "fuzz-api"))]
            nonces: None,
        })
    }

    /// Writes down the end of the first message that leaves.
    #[cfg(any(test, feature = "fuzz-api"))]
    pub(crate) const fn note_nonces(&mut self, nonces: &'a std::sync::Mutex<Vec<Vec<u8>>>) {
        self.nonces = Some(nonces);
    }

    /// Carries messages until something must be stored or the protocol is over.
    pub(crate) async fn drive(&mut self) -> Result<Stop<P::Output>, DriveError> {
        loop {
            if self.machine.pending().is_some() {
                return Ok(Stop::Hold);
            }
            while let Some(message) = self.machine.next_outgoing() {
                #[cfg(any(test, feature = "fuzz-api"))]
                if let Some(nonces) = self.nonces.take() {
                    let end = message.bytes.len().saturating_sub(64);
                    let commitments = message.bytes.get(end..).unwrap_or_default().to_vec();
                    nonces.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(commitments);
                }
                self.send(message.to, &message.bytes).await?;
            }
            if let Some(output) = self.machine.take_output() {
                return Ok(Stop::Done(output));
            }
            let Some((from, bytes)) = self.incoming.recv().await else {
                return Err(DriveError::Silent(self.machine.missing()));
            };
            // The identity comes from the encrypted link; one that takes no part here is not even looked at.
            if let Some(from) = self.peers.identifier(from) {
                self.machine.handle_owned(from, bytes).map_err(DriveError::Protocol)?;
            }
        }
    }

    async fn send(&self, to: Identifier, bytes: &[u8]) -> Result<(), DriveError> {
        let peer = self.peers.peer(to).ok_or(DriveError::Protocol(Error::Bug("a message to nobody")))?;
        #[cfg(test)]
        let altered = cheat::altered(self.network.peer_id(), bytes.to_vec());
        #[cfg(test)]
        let bytes = altered.as_slice();
        loop {
            // The network wipes its copy.
            match self.network.send(self.session, peer, bytes.to_vec()) {
                // One that takes nothing must not hold the session open for ever.
                Err(NetworkError::Send(SendError::Backpressure { .. }))
                    if self.until.is_some_and(|until| Instant::now() >= until) =>
                {
                    return Err(DriveError::Silent(vec![to]));
                }
                Err(NetworkError::Send(SendError::Backpressure { .. })) => tokio::time::sleep(BACKPRESSURE_PAUSE).await,
                other => return other.map_err(DriveError::Network),
            }
        }
    }
}

/// Why a session ended without a result.
#[derive(Debug)]
pub(crate) enum DriveError {
    /// These participants did not answer before the deadline.
    Silent(Vec<Identifier>),
    Protocol(Error),
    Network(NetworkError),
    Cosigner(CosignerError),
}

impl From<Error> for DriveError {
    fn from(error: Error) -> Self {
        Self::Protocol(error)
    }
}

impl From<CosignerError> for DriveError {
    fn from(error: CosignerError) -> Self {
        Self::Cosigner(error)
    }
}

impl DriveError {
    /// Puts names to the identifiers.
    pub(crate) fn named(self, name: impl Fn(Identifier) -> String) -> CosignerError {
        match self {
            Self::Silent(missing) => CosignerError::Unavailable { names: missing.into_iter().map(name).collect() },
            Self::Protocol(Error::Fault(fault)) => named_fault(fault, name),
            Self::Protocol(error) => CosignerError::Protocol(error),
            Self::Network(error) => error.into(),
            Self::Cosigner(error) => error,
        }
    }
}

fn named_fault(fault: Fault, name: impl Fn(Identifier) -> String) -> CosignerError {
    CosignerError::Fault { names: fault.culprits.iter().map(|culprit| name(*culprit)).collect(), fault }
}

/// Cosigners of tests that break the protocol.
#[cfg(test)]
pub(crate) mod cheat {
    use std::{
        collections::BTreeMap,
        sync::{Mutex, PoisonError},
    };

    use quorate_core::{PeerId, session::ProtocolId};

    /// In messages of this protocol and round, one bit of the byte at this place, counted from the end, is another.
    pub(crate) type Cheat = (ProtocolId, u8, usize);

    static CHEATS: Mutex<BTreeMap<PeerId, Cheat>> = Mutex::new(BTreeMap::new());

    pub(crate) fn set(peer: PeerId, cheat: Option<Cheat>) {
        let mut cheats = CHEATS.lock().unwrap_or_else(PoisonError::into_inner);
        match cheat {
            Some(cheat) => cheats.insert(peer, cheat),
            None => cheats.remove(&peer),
        };
    }

    pub(super) fn altered(peer: PeerId, mut bytes: Vec<u8>) -> Vec<u8> {
        let cheat = CHEATS.lock().unwrap_or_else(PoisonError::into_inner).get(&peer).copied();
        if let Some((protocol, round, place)) = cheat
            && bytes[1..3] == [protocol.to_u8(), round]
        {
            let index = bytes.len() - place;
            bytes[index] ^= 1;
        }
        bytes
    }
}
