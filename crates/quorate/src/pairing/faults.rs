//! Faults of peers that cost a pairing: each may have told the peer one bit about a secret that is gone now. They are counted in the
//! vault, so that no restart gives a peer more tries.

use core::time::Duration;
use std::sync::Arc;

use quorate_core::{Error, FaultKind, PeerId, Peers, error::Response};
use quorate_storage::AuditKind;

use super::Peer;
use crate::{
    audit::{self, now},
    cosigner::Shared,
    error::CosignerError,
};

impl Shared {
    /// Draws the conclusions from how a session on pairings ended: faults that cost a pairing are counted, and one that the two sides
    /// do not share is dropped.
    pub(crate) async fn conclude(self: &Arc<Self>, error: &Error, peers: &Peers) {
        let Error::Fault(fault) = error else { return };
        let culprits = fault.culprits.iter().filter_map(|culprit| peers.peer(*culprit));
        if fault.response() == Response::DropPairing {
            for peer in culprits {
                self.count_fault(peer).await;
            }
        } else if fault.kind == FaultKind::DifferentPairing {
            culprits.for_each(|peer| self.pairings.drop_one(peer));
        }
        self.pool.retain_live();
    }

    /// Counts a fault, and ends the pairing. What the vault does not take is counted before the next pairing is made.
    pub(super) async fn count_fault(self: &Arc<Self>, peer: PeerId) {
        self.pairings.drop_one(peer);
        let Ok(entry) = self.pairings.peer(peer) else { return };
        {
            let mut state = entry.state();
            state.unsaved = state.unsaved.saturating_add(1);
        }
        tracing::warn!(target: "quorate::audit", name = self.name_of(peer), "a fault cost the pairing");
        self.audit.note(audit::entry(AuditKind::PairingFault).peer(peer)).await;
        // To its end, also if whoever waits for it does not any more.
        let shared = Arc::clone(self);
        let saved = tokio::spawn(async move {
            let entry = shared.pairings.peer(peer)?;
            let _ledger = entry.ledger.lock().await;
            shared.save_faults(peer, entry).await
        });
        if let Ok(Err(error)) = saved.await {
            let (name, reason) = (self.name_of(peer), crate::cosigner::describe(&error));
            tracing::error!(name, reason, "a fault could not be stored; until it is, there is no pairing with this peer");
        }
    }

    /// Refuses a peer that has to wait.
    pub(super) async fn admit(&self, peer: PeerId) -> Result<(), CosignerError> {
        let entry = self.pairings.peer(peer)?;
        self.trust(peer).await?;
        let _ledger = entry.ledger.lock().await;
        self.save_faults(peer, entry).await?;
        let now = now();
        let wait = self.vault.faults(&peer, now).await?.wait(now);
        if wait.is_zero() { Ok(()) } else { Err(CosignerError::BackOff { name: self.name_of(peer), seconds: wait.as_secs() }) }
    }

    /// How many faults count against a peer, and how long it has to wait.
    pub(crate) async fn faults_of(&self, peer: PeerId) -> Result<(u32, Duration), CosignerError> {
        let entry = self.pairings.peer(peer)?;
        let _ledger = entry.ledger.lock().await;
        let now = now();
        let faults = self.vault.faults(&peer, now).await?.at(now);
        Ok((faults.count.saturating_add(entry.state().unsaved), faults.wait(now)))
    }

    /// Forgets the faults of a peer.
    pub(crate) async fn forgive(&self, peer: PeerId) -> Result<(), CosignerError> {
        let entry = self.pairings.peer(peer)?;
        let _ledger = entry.ledger.lock().await;
        self.vault.forgive_faults(&peer).await?;
        entry.state().unsaved = 0;
        tracing::info!(target: "quorate::audit", name = self.name_of(peer), "its faults are forgiven");
        self.audit.note(audit::entry(AuditKind::Forgiven).peer(peer)).await;
        Ok(())
    }

    /// Call it with the ledger in hand.
    async fn save_faults(&self, peer: PeerId, entry: &Peer) -> Result<(), CosignerError> {
        while entry.state().unsaved > 0 {
            self.vault.add_fault(&peer, now()).await?;
            let mut state = entry.state();
            state.unsaved = state.unsaved.saturating_sub(1);
        }
        Ok(())
    }
}
