//! Keys and signatures made by the machines, for tests that are about something else.
//!
//! A seed fixes the randomness of the caller and the order of delivery. Keys still differ from run to run: a counter of the process
//! hedges them.

use std::{collections::BTreeMap, sync::Arc};

use quorate_core::{
    Identifier, ParticipantSet,
    curve::Curve,
    danger,
    frost::{FrostSuite, Signature, Signing, Target},
    keygen::Keygen,
    keys::KeyShare,
};
use rand::{SeedableRng, rngs::StdRng};

use crate::network::{Network, session, set, threshold};

pub(crate) type Shares<C> = BTreeMap<Identifier, Arc<KeyShare<C>>>;

/// A fresh key of these participants.
pub(crate) fn keygen<C: Curve>(min_signers: u16, participants: &[u16], seed: u64) -> Shares<C> {
    let participants = set(participants);
    let placement = danger::unchecked_placement(threshold(min_signers, &participants), participants.clone());
    let (session, mut rng) = (session(&participants, seed), StdRng::seed_from_u64(seed));
    let start = |me| (me, Keygen::<C>::start(&session, placement.clone(), me, &mut rng).unwrap());
    let shares = Network::new(participants.iter().map(start).collect::<Vec<_>>(), seed).run();
    shares.into_iter().map(|(id, share)| (id, Arc::new(share))).collect()
}

/// One signature, made by `signers` among themselves; all of them must end with the same.
pub(crate) fn sign<C: FrostSuite>(
    shares: &Shares<C>,
    signers: &ParticipantSet,
    message: &[u8],
    target: &Target,
    seed: u64,
) -> Signature<C> {
    let (session, mut rng) = (session(signers, seed), StdRng::seed_from_u64(seed));
    let start = |me| (me, Signing::start(&session, &shares[&me], signers, message, target, &mut rng).unwrap());
    let signatures = Network::new(signers.iter().map(start).collect::<Vec<_>>(), seed).run();
    let signature = *signatures.values().next().unwrap();
    assert!(signatures.len() == signers.len() && signatures.values().all(|other| *other == signature));
    signature
}

/// All sets of `size` of the participants.
pub(crate) fn subsets(participants: &[u16], size: usize) -> Vec<ParticipantSet> {
    (0..1u32 << participants.len())
        .filter(|mask| mask.count_ones() == u32::try_from(size).unwrap())
        .map(|mask| set(&(0..participants.len()).filter(|i| mask >> i & 1 == 1).map(|i| participants[i]).collect::<Vec<_>>()))
        .collect()
}
