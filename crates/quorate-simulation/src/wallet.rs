//! What the simulation itself knows of a wallet, to compare with what the cosigners do.

use std::collections::{BTreeMap, BTreeSet};

use quorate::core::SuiteId;

/// One key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) suite: SuiteId,
    pub(crate) id: [u8; 32],
    pub(crate) public: Vec<u8>,
    /// Which attempts may be the ones that made an epoch, by its number.
    pub(crate) attempts: BTreeMap<u64, BTreeSet<usize>>,
    /// The epochs of which it is certain.
    pub(crate) certain: BTreeSet<u64>,
    /// The highest epoch that was reported as effective.
    pub(crate) effective: u64,
    /// The highest epoch that each cosigner had active.
    pub(crate) reached: BTreeMap<usize, u64>,
    /// The numbers that each cosigner had a share of.
    pub(crate) held: BTreeSet<(usize, u64)>,
}

/// One key generation or reshare that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) step: usize,
    pub(crate) holders: BTreeSet<usize>,
    pub(crate) min_signers: usize,
}

/// One wallet.
#[derive(Clone, Debug)]
pub(crate) struct Wallet {
    pub(crate) name: String,
    pub(crate) keys: Vec<Key>,
    pub(crate) attempts: Vec<Attempt>,
    /// Who holds shares now, as far as is known, and how many sign.
    pub(crate) holders: BTreeSet<usize>,
    pub(crate) min_signers: usize,
}

impl Wallet {
    /// How many signers an epoch needs at most, as far as is known.
    pub(crate) fn needed(&self, key: &Key, epoch: u64) -> usize {
        let candidates = key.attempts.get(&epoch).into_iter().flatten();
        candidates.filter_map(|attempt| self.attempts.get(*attempt)).map(|attempt| attempt.min_signers).max().unwrap_or(2)
    }

    /// Takes the holders of the highest epoch that any cosigner has active, if it is known which attempt that was: it may be one whose
    /// proposer heard of no success.
    pub(crate) fn catch_up(&mut self) {
        let Some(key) = self.keys.first() else { return };
        let Some(highest) = key.reached.values().max() else { return };
        let candidates: Vec<_> = key.attempts.get(highest).into_iter().flatten().collect();
        if let [attempt] = candidates.as_slice()
            && let Some(made) = self.attempts.get(**attempt)
        {
            (self.holders, self.min_signers) = (made.holders.clone(), made.min_signers);
        }
    }

    /// Whether one more lost share leaves enough, whatever attempt is the one that counts.
    pub(crate) fn spares(&self, lost: &BTreeSet<usize>) -> bool {
        self.attempts.iter().all(|attempt| {
            let left = attempt.holders.difference(lost).count();
            left >= attempt.min_signers
        })
    }
}
