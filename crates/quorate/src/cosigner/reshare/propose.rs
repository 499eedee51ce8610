//! How a proposal comes about: the holders to be, what everyone knows of the keys' epochs, and who deals.

use core::time::Duration;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use quorate_core::{Identifier, ParticipantSet, PeerId, Peers, Placement, Threshold};

use super::ReshareRequest;
use crate::{
    ceremony::message::{KeyEpochs, Message, ReshareKey, ReshareProposal},
    cosigner::{
        ANSWER_WITHIN, Shared,
        epochs::MAX_SETS,
        fresh,
        keygen::exposures,
        recover::{self, epochs_of},
    },
    error::{CosignerError, RequestError},
    share::{AnyKeyShare, Stored},
};

/// The most bytes of packages that a proposal carries for those who hold no share.
const MAX_PACKAGES: usize = 2 << 20;
/// How far the number that another cosigner has seen may be above what this one has seen, to be believed. Much less than what is joined,
/// so that a liar does not soon bring one that was away so far behind that it joins nothing any more.
const MAX_LEAD: u64 = 1 << 16;

/// Who will hold shares, and where.
pub(super) async fn new_holders(
    shared: &Arc<Shared>,
    old: &Stored<AnyKeyShare>,
    request: &ReshareRequest,
) -> Result<(Peers, Placement), CosignerError> {
    let placement = old.share.placement();
    if request.is_refresh() {
        return Ok((old.peers.clone(), placement.clone()));
    }
    let peer = |name: &String| {
        let unknown = || RequestError::UnknownCosigner { name: name.clone() };
        shared.roster.peer(name).map(|entry| entry.identity).ok_or_else(unknown)
    };
    let removed = request.remove.iter().map(peer).collect::<Result<BTreeSet<_>, _>>()?;
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
    let count = u16::try_from(peers.iter().len()).map_err(|_| RequestError::DuplicateParticipant)?;
    let min_signers = request.min_signers.unwrap_or_else(|| placement.threshold().min_signers());
    let mut new = Placement::builder(Threshold::new(min_signers, count)?).counting(placement.counting().unwrap_or_default());
    new = rows.into_iter().fold(new, |new, (identifier, row)| new.participant(identifier, row));
    new = placement.waivers().iter().cloned().fold(new, quorate_core::placement::PlacementBuilder::waive);
    Ok((peers, new.build()?))
}

/// What everyone who can be reached knows of the keys' epochs.
pub(super) async fn ask_epochs(
    shared: &Arc<Shared>,
    keys: &[Stored<AnyKeyShare>],
    everyone: &BTreeSet<PeerId>,
) -> Result<BTreeMap<PeerId, Vec<KeyEpochs>>, CosignerError> {
    let ids: Vec<_> = keys.iter().map(|key| *key.share.key_id().as_bytes()).collect();
    ask_which(shared, ids, everyone, ANSWER_WITHIN.min(shared.deadline)).await
}

pub(super) async fn ask_which(
    shared: &Arc<Shared>,
    ids: Vec<[u8; 32]>,
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
        asked += usize::from(shared.tell(peer, &Message::AskEpochs { question, keys: ids.clone() }).is_ok());
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

/// Puts the proposal together: epochs above all that anybody has seen, and the dealers.
pub(super) async fn propose(
    shared: &Arc<Shared>,
    keys: &[Stored<AnyKeyShare>],
    (receivers, placement): (Peers, Placement),
    epochs: &BTreeMap<PeerId, Vec<KeyEpochs>>,
) -> Result<ReshareProposal, CosignerError> {
    let mut list = Vec::new();
    let mut has_all: BTreeMap<PeerId, bool> = BTreeMap::new();
    for (index, key) in keys.iter().enumerate() {
        let of = |peer: &PeerId| epochs.get(peer).and_then(|epochs| epochs.get(index));
        for peer in epochs.keys() {
            let active = of(peer).and_then(|epochs| epochs.active);
            if active > Some(key.share.epoch()) {
                // This cosigner is behind. The next request deals the epoch that there is.
                recover::catch_up(shared, key.share.key_id().as_bytes(), key.share.suite(), key.share.epoch() + 1, *peer).await?;
                return Err(RequestError::EpochChanged { key: key.share.key_id().to_string() }.into());
            }
            *has_all.entry(*peer).or_insert(true) &= active == Some(key.share.epoch());
        }
        let own = of(&shared.me).and_then(|own| own.highest).unwrap_or(0).max(key.share.epoch());
        // Whoever names a number out of all reason is not believed: nobody would join what is above it.
        let credible = |number: &u64| number.saturating_sub(own) <= MAX_LEAD;
        let highest = epochs.keys().filter_map(|peer| of(peer)?.highest).filter(credible).max().unwrap_or(0).max(own);
        list.push(ReshareKey {
            wallet: key.wallet.clone(),
            key_id: *key.share.key_id().as_bytes(),
            suite: key.share.suite(),
            epoch: key.share.epoch(),
            digest: key.share.package_digest(),
            new_epoch: highest
                .checked_add(1)
                .ok_or_else(|| RequestError::NoMoreEpochs { key: key.share.key_id().to_string() })?,
            old: Vec::new(),
        });
    }
    let first = keys.first().ok_or(CosignerError::Bug("no keys"))?;
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
    let lacking = receivers.iter().any(|(_, peer)| !holds(&peer));
    if lacking {
        list.iter_mut().zip(keys).for_each(|(item, key)| item.old = key.share.certified_record());
    }
    if list.iter().map(|item| item.old.len()).sum::<usize>() > MAX_PACKAGES {
        return Err(RequestError::TooManyKeys.into());
    }
    let mut former = BTreeSet::new();
    for key in keys {
        former.extend(shared.known_sets(key.share.key_id().as_bytes(), key.share.epoch()).await?);
    }
    if former.len() > MAX_SETS {
        return Err(RequestError::TooManyKeys.into());
    }
    let peers = Peers::new(dealers.iter().copied().filter(|(_, peer)| !stays(*peer)).chain(receivers.iter()))?;
    let dealers = ParticipantSet::new(dealers.into_iter().map(|(identifier, _)| identifier))?;
    Ok(ReshareProposal { keys: list, dealers, placement, peers, former: former.into_iter().collect() })
}
