//! How a proposal comes about: the holders to be, what everyone knows of the keys' epochs, and who deals.

use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use quorate_core::{Identifier, ParticipantSet, PeerId, Peers, Placement};

use super::ReshareRequest;
use crate::{
    ceremony::message::{KeyEpochs, Message, ReshareKey, ReshareProposal},
    cosigner::{
        ANSWER_WITHIN, Shared,
        epochs::{LONG_STEP, MAX_SETS, SHORT_STEP},
        fresh,
        keygen::{exposures, placed},
        recover::{self, epochs_of},
    },
    error::{CosignerError, RequestError},
    share::{AnyKeyShare, Stored},
};

/// The most bytes of packages that a proposal carries for those who hold no share.
const MAX_PACKAGES: usize = 2 << 20;

/// Who will hold shares, and where.
pub(super) async fn new_holders(
    shared: &Arc<Shared>,
    old: &Stored<AnyKeyShare>,
    request: &ReshareRequest,
) -> Result<(Peers, Placement), CosignerError> {
    let placement = old.share.placement();
    if request.is_refresh() {
        return Ok((old.peers.clone(), latest(shared, old).await?));
    }
    let peer = |name: &String| {
        let unknown = || RequestError::UnknownCosigner { name: name.clone() };
        shared.roster.peer(name).map(|entry| entry.identity).ok_or_else(unknown)
    };
    // One that is to leave may be off the roster already; its identity names it then.
    let holder = |name: &String| {
        let former = old.peers.iter().map(|(_, peer)| peer).find(|peer| peer.to_string() == *name);
        former.map_or_else(|| peer(name), Ok)
    };
    let removed = request.remove.iter().map(holder).collect::<Result<BTreeSet<_>, _>>()?;
    if let Some(stranger) = removed.iter().find(|peer| old.peers.identifier(**peer).is_none()) {
        return Err(RequestError::UnknownCosigner { name: shared.name_of(*stranger) }.into());
    }
    let mut holders: Vec<_> = old.peers.iter().filter(|(_, peer)| !removed.contains(peer)).collect();
    // A number is never another cosigner's again while the key remembers it.
    let highest = old.peers.iter().map(|(identifier, _)| identifier.to_u16()).max().unwrap_or(0);
    for (offset, name) in (1u16..).zip(&request.add) {
        let number = highest.checked_add(offset).ok_or(RequestError::DuplicateParticipant)?;
        holders.push((Identifier::new(number)?, peer(name)?));
    }
    let peers = Peers::new(holders).map_err(|_| RequestError::DuplicateParticipant)?;
    let me = peers.identifier(shared.me).ok_or(RequestError::NotParticipating)?;
    let others: Vec<_> = peers.iter().filter(|(_, peer)| *peer != shared.me).collect();
    let rows = exposures(shared, me, &others).await?;
    let min_signers = request.min_signers.unwrap_or_else(|| placement.threshold().min_signers());
    let (counting, waivers) = (placement.counting().unwrap_or_default(), placement.waivers().iter().cloned());
    Ok((peers, placed(min_signers, rows, counting, waivers)?))
}

/// The placement of a key with its shares where everyone has agreed that they are now.
pub(super) async fn latest(shared: &Shared, key: &Stored<AnyKeyShare>) -> Result<Placement, CosignerError> {
    let known = shared.amendments(key.share.key_id().as_bytes(), &key.share.package_digest()).await?;
    Ok(known.agreed(key.share.placement()).latest())
}

/// What everyone who can be reached knows of the keys' epochs. Whoever leaves is asked only if too few others are there to deal: it
/// need not be waited for, nor believed.
pub(super) async fn ask_epochs(
    shared: &Arc<Shared>,
    keys: &[Stored<AnyKeyShare>],
    (old, new): (&Peers, &Peers),
) -> Result<BTreeMap<PeerId, Vec<KeyEpochs>>, CosignerError> {
    let first = keys.first().ok_or(CosignerError::Bug("no keys"))?;
    let there = |peer: PeerId| peer == shared.me || shared.network.is_connected(peer);
    let staying = old.iter().filter(|(_, peer)| new.identifier(*peer).is_some() && there(*peer)).count();
    let few = staying < usize::from(first.share.placement().threshold().min_signers());
    let leaving = old.iter().filter(|(_, peer)| few && new.identifier(*peer).is_none());
    let everyone: BTreeSet<_> = new.iter().chain(leaving).map(|(_, peer)| peer).collect();
    let ids: Vec<_> = keys.iter().map(|key| *key.share.key_id().as_bytes()).collect();
    ask_which(shared, (ids, false), &everyone, ANSWER_WITHIN.min(shared.deadline)).await
}

pub(in crate::cosigner) async fn ask_which(
    shared: &Arc<Shared>,
    (ids, former): (Vec<[u8; 32]>, bool),
    everyone: &BTreeSet<PeerId>,
    within: Duration,
) -> Result<BTreeMap<PeerId, Vec<KeyEpochs>>, CosignerError> {
    let mut found = BTreeMap::new();
    let mut own = Vec::new();
    for id in &ids {
        own.push(epochs_of(shared, id).await);
    }
    found.insert(shared.me, own);
    let question = fresh()?;
    // Whoever is not there is not waited for.
    let there: Vec<_> =
        everyone.iter().copied().filter(|peer| *peer != shared.me && shared.network.is_connected(*peer)).collect();
    let others = || there.iter().copied();
    let mut answers = shared.expect(shared.me, question, others())?;
    let mut asked = 0usize;
    for peer in others() {
        asked += usize::from(shared.tell(peer, &Message::AskEpochs { question, former, keys: ids.clone() }).is_ok());
    }
    let collect = async {
        while found.len() <= asked {
            let Some((from, message)) = answers.next().await else { return };
            if let Message::Epochs { epochs, .. } = message
                && epochs.iter().map(|key| key.key_id).eq(ids.iter().copied())
            {
                found.insert(from, epochs);
            }
        }
    };
    // One that is to be evicted need not answer: whoever is needed is missed later.
    let _complete = tokio::time::timeout(within, collect).await;
    Ok(found)
}

/// Whether this cosigner was behind a peer that says that it has a later epoch. The next request deals the epoch that there is. Whoever
/// says so and has no certificate of one is not believed: it could keep out its own eviction.
async fn is_behind(shared: &Arc<Shared>, key: &Stored<AnyKeyShare>, peer: PeerId) -> Result<bool, CosignerError> {
    let (key_id, epoch) = (*key.share.key_id().as_bytes(), key.share.epoch());
    let _answered = recover::catch_up(shared, &key_id, key.share.suite(), epoch.saturating_add(1), peer).await?;
    // It may have gone on without this cosigner, too.
    Ok(epochs_of(shared, &key_id).await.active != Some(epoch))
}

/// The number of the next attempt: above all that those who take part have seen. Whoever names one out of all reason is not believed,
/// because nobody would join what is above it.
fn next_number(own: u64, change: bool, seen: impl Iterator<Item = u64>) -> Option<u64> {
    let step = if change { LONG_STEP } else { SHORT_STEP };
    seen.filter(|number| number.saturating_sub(own) < step).fold(own, u64::max).checked_add(1)
}

/// Puts the proposal together: epochs above all that anybody has seen, and the dealers.
pub(super) async fn propose(
    shared: &Arc<Shared>,
    keys: &[Stored<AnyKeyShare>],
    (receivers, placement): (Peers, Placement),
    change: bool,
    epochs: &BTreeMap<PeerId, Vec<KeyEpochs>>,
) -> Result<ReshareProposal, CosignerError> {
    let first = keys.first().ok_or(CosignerError::Bug("no keys"))?;
    let mut has_all: BTreeMap<PeerId, bool> = epochs.keys().map(|peer| (*peer, true)).collect();
    for (index, key) in keys.iter().enumerate() {
        for (peer, has_all) in &mut has_all {
            let active = epochs.get(peer).and_then(|epochs| epochs.get(index)?.active);
            if *has_all && active > Some(key.share.epoch()) && is_behind(shared, key, *peer).await? {
                return Err(RequestError::EpochChanged { key: key.share.key_id().to_string() }.into());
            }
            *has_all &= active == Some(key.share.epoch());
        }
    }
    let holds = |peer: &PeerId| has_all.get(peer).copied().unwrap_or(false);
    let stays = |peer: PeerId| receivers.identifier(peer).is_some();
    // Whoever stays deals; whoever leaves only if there are too few others.
    let mut dealers: Vec<_> = first.peers.iter().filter(|(_, peer)| holds(peer) && stays(*peer)).collect();
    let needed = usize::from(first.share.placement().threshold().min_signers());
    let leaving = first.peers.iter().filter(|(_, peer)| holds(peer) && !stays(*peer));
    dealers.extend(leaving.take(needed.saturating_sub(dealers.len())));
    if dealers.len() < needed {
        return Err(RequestError::TooFewSigners { needed, given: dealers.len() }.into());
    }
    let believed = |peer: PeerId| stays(peer) || dealers.iter().any(|(_, dealer)| *dealer == peer);
    let mut list = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        let seen = |peer: &PeerId| epochs.get(peer).and_then(|epochs| epochs.get(index)?.highest);
        let own = seen(&shared.me).unwrap_or(0).max(key.share.epoch());
        list.push(ReshareKey {
            wallet: key.wallet.clone(),
            key_id: *key.share.key_id().as_bytes(),
            suite: key.share.suite(),
            epoch: key.share.epoch(),
            digest: key.share.package_digest(),
            new_epoch: next_number(own, change, epochs.keys().filter(|peer| believed(**peer)).filter_map(seen))
                .ok_or_else(|| RequestError::NoMoreEpochs { key: key.share.key_id().to_string() })?,
            old: Vec::new(),
        });
    }
    let lacking = receivers.iter().any(|(_, peer)| !holds(&peer));
    if lacking {
        list.iter_mut().zip(keys).for_each(|(item, key)| item.old = key.share.certified_record());
    }
    if list.iter().map(|item| item.old.len()).sum::<usize>() > MAX_PACKAGES {
        return Err(RequestError::TooManyKeys.into());
    }
    // A hint for those who were not there. What it leaves out, the words of those who were will say.
    let mut former = BTreeSet::new();
    for key in keys {
        former.extend(shared.former(key.share.key_id().as_bytes()).await?.unwrap_or_default());
    }
    let former: BTreeSet<_> = former.into_iter().take(MAX_SETS).collect();
    let peers = Peers::new(dealers.iter().copied().filter(|(_, peer)| !stays(*peer)).chain(receivers.iter()))?;
    let dealers = ParticipantSet::new(dealers.into_iter().map(|(identifier, _)| identifier))?;
    Ok(ReshareProposal { keys: list, dealers, placement, peers, former: former.into_iter().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_above_all_that_is_credible() {
        let next = |own, change, seen: &[u64]| next_number(own, change, seen.iter().copied());
        assert_eq!(next(3, false, &[1, 7, 5]), Some(8));
        assert_eq!(next(3, false, &[]), Some(4));
        assert_eq!(next(3, false, &[u64::MAX, 4]), Some(5));
        assert_eq!(next(3, false, &[3 + SHORT_STEP]), Some(4));
        assert_eq!(next(3, false, &[2 + SHORT_STEP]), Some(3 + SHORT_STEP));
        assert_eq!(next(3, true, &[3 + SHORT_STEP, u64::MAX]), Some(4 + SHORT_STEP));
        assert_eq!(next(u64::MAX, true, &[]), None);
    }
}
