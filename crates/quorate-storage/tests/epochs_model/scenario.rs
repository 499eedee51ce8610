//! What is checked: who holds the key at first, which attempts may be made, which faults may happen, and what is broken on purpose.

use crate::set::Set;

/// An epoch of the key, or an attempt at one. Its place in [`Scenario::plans`] is its name; 0 is key generation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Whose shares the dealers deal.
    pub(crate) base: u8,
    pub(crate) dealers: Set,
    /// Who holds the new shares.
    pub(crate) receivers: Set,
    pub(crate) min_signers: usize,
    /// Whom the proposal suspects, as in an eviction: their word on destruction is not counted.
    pub(crate) suspects: Set,
}

impl Plan {
    pub(crate) const fn participants(&self) -> Set {
        self.dealers.or(self.receivers)
    }

    /// How many holders may be lost.
    pub(crate) const fn spare(&self) -> usize {
        self.receivers.len() - self.min_signers
    }
}

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mutation {
    None,
    /// The confirmation leaves before the pending share is durable.
    ConfirmBeforePutPending,
    /// A confirmed pending share is dropped on timeout.
    DropOnTimeout,
    /// An attempt takes the number after its base's, and nobody looks whether it was used.
    ReuseNumbers,
    /// A certificate below one that was acted on is accepted.
    AcceptLowerLate,
    /// A cosigner promotes when it has confirmed, without the others' confirmations.
    PromoteBeforeCertificate,
    /// A dealer that gets no new share forgets an attempt's number in a crash.
    ForgetPromise,
    /// Epochs are compared by their numbers alone, although attempts that know nothing of each other may have the same.
    OrderByNumberAlone,
    /// Who retires keeps the certificate in memory only.
    RetireWithoutCertificate,
    /// Who has no record of the key writes none when it sees a certificate that does without it, and gives its word all the same.
    RetireNoStranger,
    /// An epoch counts as effective when enough holders of its base destroyed their shares, whatever other attempts there were.
    CountBaseOnly,
    /// The word of the evicted is counted.
    CountEvicted,
}

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) nodes: u8,
    pub(crate) plans: Vec<Plan>,
    /// Who withholds its confirmations, keeps every share, lies about destruction, and hands out certificates as it likes.
    pub(crate) withholder: Option<u8>,
    /// How many may crash for ever, never more than every epoch can spare.
    pub(crate) deaths: usize,
    /// Of two epochs of one number, whose package digest is higher: the later attempt's, or the earlier one's.
    pub(crate) earlier_wins: bool,
    pub(crate) mutation: Mutation,
}

impl Scenario {
    /// Cosigners `1..=nodes`, of which `holders` hold epoch 0, and any `min_signers` of these sign.
    pub(crate) fn new(name: &'static str, nodes: u8, holders: &[u8], min_signers: usize) -> Self {
        let receivers = Set::of(holders);
        let (dealers, suspects) = (Set::EMPTY, Set::EMPTY);
        let genesis = Plan { base: 0, dealers, receivers, min_signers, suspects };
        Self { name, nodes, plans: vec![genesis], withholder: None, deaths: 0, earlier_wins: false, mutation: Mutation::None }
    }

    /// An attempt: dealers of epoch `base` give shares to `receivers`.
    pub(crate) fn attempt(mut self, base: u8, dealers: &[u8], receivers: &[u8], min_signers: usize) -> Self {
        assert!(dealers.len() >= self.plan(base).min_signers && self.plan(base).receivers.covers(Set::of(dealers)));
        let suspects = Set::EMPTY;
        let (dealers, receivers) = (Set::of(dealers), Set::of(receivers));
        self.plans.push(Plan { base, dealers, receivers, min_signers, suspects });
        self
    }

    pub(crate) fn plan(&self, attempt: u8) -> &Plan {
        &self.plans[usize::from(attempt)]
    }

    /// The attempts beside key generation.
    pub(crate) fn attempts(&self) -> core::ops::Range<u8> {
        1..u8::try_from(self.plans.len()).unwrap()
    }

    /// Says whom the last attempt suspects.
    pub(crate) fn suspecting(mut self, suspect: u8) -> Self {
        self.plans.last_mut().unwrap().suspects = Set::of(&[suspect]);
        self
    }

    pub(crate) fn withholding(self, withholder: u8) -> Self {
        Self { withholder: Some(withholder), ..self }
    }

    pub(crate) fn earlier_wins(self) -> Self {
        Self { earlier_wins: true, ..self }
    }

    pub(crate) fn deaths(self, deaths: usize) -> Self {
        Self { deaths, ..self }
    }

    pub(crate) fn broken(self, mutation: Mutation) -> Self {
        Self { mutation, ..self }
    }
}
