//! Epoch keys of keys that the store knows nothing of: they go when the key has moved on.
//!
//! A store that is put back to before a key knows nothing of it, and the epoch key of its share is still there, since epoch keys are never
//! put back. With a newer copy of the store it opens the share. It is not destroyed at once, since that copy may be put in place again;
//! a certificate of a higher epoch says that nobody needs it.

use std::sync::Arc;

use quorate_core::PeerId;
use quorate_storage::VaultError;

use super::{
    Shared,
    recover::{Known, LONGEST_PAUSE, LOOK_EVERY, catch_up_keys, others},
};
use crate::error::CosignerError;

/// Asks everyone, once it is there, whether keys have moved on of which there are epoch keys alone, since the store was put back to before
/// them. What is left of these is destroyed then.
pub(super) async fn forget_all(shared: Arc<Shared>) {
    let orphans = loop {
        match orphans(&shared).await {
            Ok(orphans) => break orphans,
            Err(error) => {
                let reason = super::answer::describe(&error);
                tracing::warn!(reason, "epoch keys cannot be listed; whether there are some of unknown keys is looked at again");
                tokio::time::sleep(LONGEST_PAUSE).await;
            }
        }
    };
    let mut open = others(&shared);
    while !open.is_empty() && !orphans.is_empty() {
        for peer in core::mem::take(&mut open) {
            if !shared.network.is_connected(peer) || forget_with(&shared, peer, &orphans).await.is_err() {
                open.push(peer);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn forget_with(shared: &Arc<Shared>, peer: PeerId, orphans: &[Known]) -> Result<(), CosignerError> {
    for page in orphans.chunks(256) {
        catch_up_keys(shared, peer, page).await?;
    }
    Ok(())
}

/// The keys without a record that say by their epoch keys what they are.
async fn orphans(shared: &Shared) -> Result<Vec<Known>, CosignerError> {
    let mut left = shared.vault.keys_with_epochs().await?;
    let mut after = None;
    loop {
        let page = shared.vault.list(after.as_ref(), 256).await?;
        for key in &page.keys {
            left.remove(&key.key_id);
        }
        after = page.next;
        if left.is_empty() || after.is_none() {
            break;
        }
        // A store may never wait, and others want to run.
        tokio::task::yield_now().await;
    }
    let mut orphans = Vec::new();
    for key_id in left {
        match shared.vault.orphan(&key_id).await {
            Ok(orphan) => orphans.extend(orphan.map(|orphan| (key_id, orphan.suite, orphan.lowest))),
            // Its record is not what this vault wrote, and is shown elsewhere.
            Err(VaultError::Damaged { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(orphans)
}
