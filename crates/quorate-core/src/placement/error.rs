//! Why a placement is refused, and what to do about it.

use alloc::vec::Vec;
use core::fmt;

use super::path::{DomainPath, DomainPathError};
use crate::{error::DecodeError, identifier::Identifier, threshold::Threshold};

/// Why a placement is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlacementError {
    /// One domain could take the key.
    #[error(
        "the placement is refused: whoever controls {domain} reaches the {} of {}, and {} shares of this {threshold} key are enough to sign; \
         move {} of these shares away from {domain} (operator, deployer, runtime, store, key services and backups), or waive {domain} with a \
         reason and a date{}",
        Shares(participants.len()), People(participants), threshold.min_signers(), Excess(participants.len(), *threshold), Others(others)
    )]
    OneDomainReachesTheKey {
        /// The domain that reaches most shares; of equals the one highest up.
        domain: DomainPath,
        /// Whose shares it reaches, ascending.
        participants: Vec<Identifier>,
        /// The key's threshold.
        threshold: Threshold,
        /// Other domains that break the rule as well, the worst first, at most 15.
        others: Vec<DomainPath>,
    },
    /// A waiver for a domain that does not break the rule.
    #[error(
        "the waiver of {domain} waives nothing: the domain reaches {} {}, fewer than the {} that sign a {threshold} key; remove the waiver",
        participants.len(), Shares(participants.len()), threshold.min_signers()
    )]
    UselessWaiver {
        /// The domain of the waiver.
        domain: DomainPath,
        /// Whose shares it reaches, ascending; perhaps none.
        participants: Vec<Identifier>,
        /// The key's threshold.
        threshold: Threshold,
    },
    /// Two waivers for one domain.
    #[error("{domain} is waived twice; keep one waiver")]
    DuplicateWaiver {
        /// The domain of both.
        domain: DomainPath,
    },
    /// Not one row for each share.
    #[error("a {threshold} key needs {} rows, one for each participant, but there are {}", threshold.max_signers(), Rows(*rows, *threshold))]
    RowCount {
        /// How many rows there are; one more than `max_signers` stands for any larger number.
        rows: usize,
        /// The key's threshold.
        threshold: Threshold,
    },
    /// Two rows for one participant.
    #[error("participant {participant} has two rows; give each participant one")]
    DuplicateParticipant {
        /// The participant.
        participant: Identifier,
    },
    /// An amendment for one that holds no share, or of a placement in which nothing was declared.
    #[error("participant {participant} has no row in this placement that could be amended")]
    Stranger {
        /// The participant.
        participant: Identifier,
    },
    /// An amendment that changes more than places at rest.
    #[error(
        "the operator, the deployer and the runtime of participant {participant} are what the key was made with, and a copy of its share may \
         be left there; reshare the key to change them"
    )]
    NeedsReshare {
        /// The participant.
        participant: Identifier,
    },
    /// An amendment with the number of another one.
    #[error("amendment {number} of participant {participant} is another one; take the next number")]
    OtherAmendment {
        /// The participant.
        participant: Identifier,
        /// The number.
        number: u32,
    },
    /// A store without a key service.
    #[error("a share at rest needs at least one key service that wraps it; a store alone would hold it in the clear")]
    NoKeyService,
    /// More than a placement can hold.
    #[error("too many {what}: the limit is {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A waiver's reason that is blank, too long, or could disguise a listing.
    #[error("a waiver needs a reason of 1 to 500 bytes in one line of printable text")]
    InvalidReason,
    /// A waiver's date that the calendar does not have.
    #[error("a waiver needs a date of the form 2026-01-31")]
    InvalidDate,
    /// A text that is not a domain path.
    #[error(transparent)]
    InvalidPath {
        /// What is wrong with it.
        #[from]
        source: DomainPathError,
    },
}

impl From<PlacementError> for DecodeError {
    fn from(error: PlacementError) -> Self {
        Self::InvalidValue(match error {
            PlacementError::OneDomainReachesTheKey { .. } => "placement: one domain reaches the key",
            PlacementError::UselessWaiver { .. } | PlacementError::DuplicateWaiver { .. } => "placement: a waiver waives nothing",
            PlacementError::RowCount { .. } | PlacementError::DuplicateParticipant { .. } => {
                "placement: not one row per participant"
            }
            PlacementError::Stranger { .. } | PlacementError::NeedsReshare { .. } | PlacementError::OtherAmendment { .. } => {
                "placement: an amendment"
            }
            PlacementError::NoKeyService | PlacementError::TooMany { .. } => "placement: a row",
            PlacementError::InvalidReason | PlacementError::InvalidDate => "placement: a waiver",
            PlacementError::InvalidPath { .. } => "domain path",
        })
    }
}

/// How many participants a sentence names one by one.
const NAMED: usize = 24;

/// Names participants in a sentence.
pub(super) struct People<'a>(pub(super) &'a [Identifier]);

impl fmt::Display for People<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.len() == 1 { "participant " } else { "participants " })?;
        for (place, participant) in self.0.iter().take(NAMED).enumerate() {
            let last = place + 1 == self.0.len();
            f.write_str(if place == 0 {
                ""
            } else if last {
                " and "
            } else {
                ", "
            })?;
            write!(f, "{participant}")?;
        }
        if self.0.len() > NAMED { write!(f, " and {} more", self.0.len() - NAMED) } else { Ok(()) }
    }
}

struct Shares(usize);

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 == 1 { "share" } else { "shares" })
    }
}

/// How many shares must move before the rule holds.
struct Excess(usize, Threshold);

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 + 1).saturating_sub(self.1.min_signers().into()) {
            1 => f.write_str("one"),
            more => write!(f, "{more}"),
        }
    }
}

struct Rows(usize, Threshold);

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > usize::from(self.1.max_signers()) { f.write_str("more") } else { write!(f, "{}", self.0) }
    }
}

struct Others<'a>(&'a [DomainPath]);

impl fmt::Display for Others<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, rest)) = self.0.split_first() else { return Ok(()) };
        write!(f, " (these break the rule as well: {first}")?;
        rest.iter().try_for_each(|domain| write!(f, ", {domain}"))?;
        f.write_str(")")
    }
}
