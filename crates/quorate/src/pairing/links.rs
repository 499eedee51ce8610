//! Boots: told at every new link, so that a restart is known before anybody signs; and the clearing away of what is too old.

use core::time::Duration;
use std::sync::Arc;

use quorate_core::{PeerId, ecdsa::Boot};
use tokio::{task::JoinSet, time::Instant};

use super::message::PairMessage;
use crate::{ceremony::message::Message, cosigner::Shared};

/// How often it is looked for links that ended, and for pairings that are too old.
const PAUSE: Duration = Duration::from_millis(500);
/// How often it is looked whether a pairing is missing.
const AHEAD: Duration = Duration::from_secs(10);

/// Tells this cosigner's boot at every new link, and pairs. Runs until the network is shut down, or it is aborted.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut links = JoinSet::new();
    for peer in shared.roster.iter().map(|entry| entry.identity).filter(|peer| *peer != shared.me) {
        let shared = Arc::clone(&shared);
        links.spawn(async move {
            while shared.network.connected(peer).await {
                greet(&shared, peer);
                let mut next = Instant::now();
                while shared.network.is_connected(peer) {
                    if Instant::now() >= next {
                        pair_ahead(&shared, peer).await;
                        next = Instant::now() + AHEAD;
                    }
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

/// Pairs before there is a need, so that the first signature does not wait for it; also when the pairing before was too old. One side
/// begins. A cosigner that keeps nothing ahead in memory pairs on need alone.
async fn pair_ahead(shared: &Arc<Shared>, peer: PeerId) {
    if shared.pool.depth() == 0 || shared.me > peer || shared.pairings.has(peer) {
        return;
    }
    if let Err(error) = shared.pairing(peer).await {
        tracing::debug!(peer = shared.name_of(peer), %error, "not paired ahead");
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
            self.forget_acknowledgements(peer);
            greet(self, peer);
        }
    }
}
