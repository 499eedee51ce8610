//! Boots: told at every new link, so that a restart is known before anybody signs; and the clearing away of what is too old.

use core::time::Duration;
use std::sync::Arc;

use quorate_core::{PeerId, ecdsa::Boot};
use tokio::task::JoinSet;

use super::message::PairMessage;
use crate::{ceremony::message::Message, cosigner::Shared};

/// How often it is looked for links that ended, and for pairings that are too old.
const PAUSE: Duration = Duration::from_millis(500);

/// Tells this cosigner's boot at every new link. Runs until the network is shut down, or it is aborted.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut links = JoinSet::new();
    for peer in shared.roster.iter().map(|entry| entry.identity).filter(|peer| *peer != shared.me) {
        let shared = Arc::clone(&shared);
        links.spawn(async move {
            while shared.network.connected(peer).await {
                greet(&shared, peer);
                while shared.network.is_connected(peer) {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        });
    }
    loop {
        tokio::time::sleep(PAUSE).await;
        shared.pairings.expire();
        shared.pool.retain_live();
    }
}

/// Tells a peer this cosigner's boot.
pub(crate) fn greet(shared: &Shared, peer: PeerId) {
    // A peer that cannot be told now is told with the first offer.
    let _told = shared.tell(peer, &Message::Pair(PairMessage::Hello { boot: shared.pairings.boot }));
}

impl Shared {
    /// Takes note of a peer's boot; a new one is answered with this cosigner's own, which the peer may not know.
    pub(crate) fn learn_boot(&self, peer: PeerId, boot: Boot) {
        if self.pairings.learn(peer, boot) {
            self.pool.retain_live();
            greet(self, peer);
        }
    }
}
