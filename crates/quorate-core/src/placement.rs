//! Which provider can reach which share, and the rule that no provider may reach the key.
//!
//! A share falls to a set of breached domains if they hold its operator, its deployer, its runtime, its store with all its key services,
//! or one of its backups with that backup's key. [`Placement`] is the evidence that no single domain makes `min_signers` shares fall:
//! no constructor and no decoder makes one that breaks the rule. Key generation and resharing take a placement, and its digest is bound
//! into the key.
//!
//! ```text
//!   Exposure per participant ─┐
//!   Waiver per exempt domain ─┼─> PlacementBuilder::build ──> Placement ──> digest(), explain(), Keygen, Reshare
//!   Threshold, Counting ──────┘         the rule
//! ```
//!
//! # Security
//!
//! A placement checks what is declared, not what is true: every participant must approve its own row before key generation. Domains
//! with two names are two domains here, so a team must agree on the names of its providers.

mod amended;
mod breach;
mod encoding;
mod error;
mod explain;
mod exposure;
mod path;
mod rule;
mod table;
mod waiver;

use alloc::{collections::BTreeSet, vec::Vec};
use core::fmt;

use crate::{
    domain,
    identifier::{Identifier, ParticipantSet},
    threshold::Threshold,
    transcript::Hash,
    wire::Encoding,
};

pub use amended::{AmendedPlacement, MAX_AMENDMENTS};
pub use breach::Breach;
pub use error::PlacementError;
pub use explain::{Explanation, Loss};
pub use exposure::{Backup, Exposure, MAX_BACKUPS, MAX_KEY_SERVICES, Storage};
pub use path::{DomainPath, DomainPathError, MAX_PATH, MAX_SEGMENT, MAX_SEGMENTS};
pub use waiver::{Date, MAX_REASON, Waiver};

/// The most waivers of one placement.
pub const MAX_WAIVERS: usize = 64;
/// The most different domains that the rows and waivers of one placement can name.
pub const MAX_DOMAINS: usize = 65_535;

/// What it takes to read a share at rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Counting {
    /// The store alone counts as the share, and so does each key service alone: a wrapped share that leaks today falls with its
    /// key service tomorrow.
    #[default]
    Strict,
    /// The share at rest falls only to whoever holds the store and all its key services together.
    Joint,
}

/// Which failure domains can reach which share of a key, checked: no single one can reach `min_signers` of them.
///
/// # Examples
///
/// ```
/// use quorate_core::{Identifier, Placement, Threshold};
/// use quorate_core::placement::{Exposure, PlacementError, Storage};
///
/// let row = |operator: &str, cloud: &str, kms: &str| -> Result<Exposure, PlacementError> {
///     Ok(Exposure::new(operator.parse()?, cloud.parse()?, Storage::new(cloud.parse()?, [kms.parse()?])?))
/// };
/// let id = |number| Identifier::new(number);
/// let rows = [
///     (id(1)?, row("alice", "aws/1234/eu-west-1", "aws/1234/eu-west-1")?),
///     (id(2)?, row("bob", "gcp/wallet/europe-west4", "gcp/wallet/europe-west4")?),
///     (id(3)?, row("carol", "hetzner/77", "vault-at-carol")?),
/// ];
/// let placement = Placement::new(Threshold::new(2, 3)?, rows.clone())?;
/// assert_eq!(placement.explain().breach().size(), Some(2));
///
/// let [first, second, _] = rows;
/// let same_cloud = (id(3)?, row("carol", "aws/9999/us-east-1", "vault-at-carol")?);
/// let error = Placement::new(Threshold::new(2, 3)?, [first, second, same_cloud]).unwrap_err();
/// assert!(error.to_string().contains("whoever controls aws reaches the shares of participants 1 and 3"));
/// # Ok::<(), quorate_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Placement {
    threshold: Threshold,
    participants: ParticipantSet,
    content: Content,
}

#[derive(Clone, PartialEq, Eq)]
enum Content {
    /// Nothing is known, and nothing was checked.
    Unchecked,
    Checked(Rows),
}

/// Invariant: one row for each participant, in the participants' order, under the rule.
#[derive(Clone, PartialEq, Eq)]
struct Rows {
    counting: Counting,
    rows: Vec<Exposure>,
    /// Ascending by domain.
    waivers: Vec<Waiver>,
}

impl Placement {
    /// Checks the rows under the strict counting, without waivers.
    ///
    /// # Errors
    ///
    /// [`PlacementError::OneDomainReachesTheKey`] if a domain does, and the errors of a wrong number of rows.
    pub fn new(threshold: Threshold, rows: impl IntoIterator<Item = (Identifier, Exposure)>) -> Result<Self, PlacementError> {
        // One row too many is enough to refuse the rows, even if they never end.
        let rows = rows.into_iter().take(usize::from(threshold.max_signers()) + 1).collect();
        PlacementBuilder { rows, ..Self::builder(threshold) }.build()
    }

    /// Starts a placement to which waivers can be added.
    pub const fn builder(threshold: Threshold) -> PlacementBuilder {
        PlacementBuilder { threshold, rows: Vec::new(), waivers: Vec::new(), counting: Counting::Strict }
    }

    pub(crate) const fn unchecked(threshold: Threshold, participants: ParticipantSet) -> Self {
        Self { threshold, participants, content: Content::Unchecked }
    }

    /// How many of the shares sign.
    #[must_use]
    pub const fn threshold(&self) -> Threshold {
        self.threshold
    }

    /// Who holds a share.
    #[must_use]
    pub const fn participants(&self) -> &ParticipantSet {
        &self.participants
    }

    /// The row of one participant; none for a stranger, or if the placement is unchecked.
    #[must_use]
    pub fn exposure(&self, participant: Identifier) -> Option<&Exposure> {
        self.checked()?.rows.get(self.participants.position(participant)?)
    }

    /// All rows in ascending order of participants; none if the placement is unchecked.
    pub fn rows(&self) -> impl Iterator<Item = (Identifier, &Exposure)> + '_ {
        self.participants.iter().zip(self.checked().map_or(&[][..], |checked| &checked.rows))
    }

    /// The domains that are exempt from the rule, ascending.
    #[must_use]
    pub fn waivers(&self) -> &[Waiver] {
        self.checked().map_or(&[], |checked| &checked.waivers)
    }

    /// What counts as reading a share at rest; none if the placement is unchecked.
    #[must_use]
    pub fn counting(&self) -> Option<Counting> {
        self.checked().map(|checked| checked.counting)
    }

    /// Whether nothing was declared and nothing checked: see [`danger::unchecked_placement`](crate::danger::unchecked_placement).
    #[must_use]
    pub const fn is_unchecked(&self) -> bool {
        matches!(self.content, Content::Unchecked)
    }

    /// Whose shares fall to someone who holds all of `breached`, ascending. Of an unchecked placement, everyone's.
    #[must_use]
    pub fn fallen(&self, breached: &[DomainPath]) -> Vec<Identifier> {
        match &self.content {
            Content::Unchecked => self.participants.as_slice().to_vec(),
            Content::Checked(Rows { counting, .. }) => {
                self.rows().filter(|(_, row)| row.falls_to(breached, *counting)).map(|(participant, _)| participant).collect()
            }
        }
    }

    /// The digest that keys and sessions bind: of every row, default and waiver.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Hash::new(domain::PLACEMENT).field(&self.to_bytes()).finish()
    }

    /// Works out, in words and data, what it takes to steal the key and what each loss does to signing.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        Explanation::new(&self.view())
    }

    fn view(&self) -> View<'_> {
        let rows = self.rows().map(|(participant, row)| (participant, alloc::vec![row])).collect();
        View { threshold: self.threshold, counting: self.counting(), waivers: self.waivers(), rows }
    }

    const fn checked(&self) -> Option<&Rows> {
        match &self.content {
            Content::Unchecked => None,
            Content::Checked(rows) => Some(rows),
        }
    }
}

/// What there is to explain.
struct View<'a> {
    threshold: Threshold,
    /// None if nothing was declared.
    counting: Option<Counting>,
    waivers: &'a [Waiver],
    /// For each share the rows that it has had, the latest one last.
    rows: Vec<(Identifier, Vec<&'a Exposure>)>,
}

impl<'a> View<'a> {
    /// All rows, those of a participant side by side.
    fn all(&self) -> impl Iterator<Item = (Identifier, &'a Exposure)> {
        self.rows.iter().flat_map(|(participant, rows)| rows.iter().map(|row| (*participant, *row)))
    }

    /// The row that each participant has now.
    fn latest(&self) -> impl Iterator<Item = (Identifier, &'a Exposure)> {
        self.rows.iter().filter_map(|(participant, rows)| Some((*participant, *rows.last()?)))
    }
}

/// Collects rows and waivers for a [`Placement`].
#[derive(Clone, Debug)]
#[must_use]
pub struct PlacementBuilder {
    threshold: Threshold,
    rows: Vec<(Identifier, Exposure)>,
    waivers: Vec<Waiver>,
    counting: Counting,
}

impl PlacementBuilder {
    /// Adds a participant's row.
    pub fn participant(mut self, participant: Identifier, exposure: Exposure) -> Self {
        self.rows.push((participant, exposure));
        self
    }

    /// Exempts one domain from the rule.
    pub fn waive(mut self, waiver: Waiver) -> Self {
        self.waivers.push(waiver);
        self
    }

    /// Chooses what counts as reading a share at rest. [`Counting::Strict`] unless this says otherwise.
    pub const fn counting(mut self, counting: Counting) -> Self {
        self.counting = counting;
        self
    }

    /// Checks the rule.
    ///
    /// # Errors
    ///
    /// [`PlacementError::OneDomainReachesTheKey`] if a domain that is not waived does; [`PlacementError::UselessWaiver`] if a waived one
    /// does not; and the errors of a wrong number of rows, backups, domains or waivers.
    pub fn build(self) -> Result<Placement, PlacementError> {
        let Self { threshold, mut rows, mut waivers, counting } = self;
        if rows.len() != usize::from(threshold.max_signers()) {
            return Err(PlacementError::RowCount { rows: rows.len(), threshold });
        }
        rows.sort_by_key(|(participant, _)| *participant);
        if let Some([(participant, _), _]) = rows.array_windows().find(|[(a, _), (b, _)]| a == b) {
            return Err(PlacementError::DuplicateParticipant { participant: *participant });
        }
        waivers.sort_by(|a, b| a.domain().cmp(b.domain()));
        if let Some([twice, _]) = waivers.array_windows().find(|[a, b]| a.domain() == b.domain()) {
            return Err(PlacementError::DuplicateWaiver { domain: twice.domain().clone() });
        }
        check_limits(&rows, &waivers)?;
        let reach = rule::reach(rows.iter().map(|(participant, row)| (*participant, row)), counting);
        rule::check(threshold, &reach, &waivers)?;
        let (participants, rows): (Vec<_>, _) = rows.into_iter().unzip();
        // Invariant: a threshold allows 2 to MAX_PARTICIPANTS rows, and no participant has two.
        let participants = ParticipantSet::new(participants)
            .map_err(|_| PlacementError::RowCount { rows: threshold.max_signers().into(), threshold })?;
        Ok(Placement { threshold, participants, content: Content::Checked(Rows { counting, rows, waivers }) })
    }
}

fn check_limits(rows: &[(Identifier, Exposure)], waivers: &[Waiver]) -> Result<(), PlacementError> {
    let too_many = |what, limit| Err(PlacementError::TooMany { what, limit });
    if waivers.len() > MAX_WAIVERS {
        return too_many("waivers", MAX_WAIVERS);
    }
    if rows.iter().any(|(_, row)| row.backups().len() > MAX_BACKUPS) {
        return too_many("backups of one share", MAX_BACKUPS);
    }
    let paths = rows.iter().flat_map(|(_, row)| row.paths()).chain(waivers.iter().map(Waiver::domain));
    if paths.collect::<BTreeSet<_>>().len() > MAX_DOMAINS {
        return too_many("different domains", MAX_DOMAINS);
    }
    Ok(())
}

impl fmt::Debug for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct(if self.is_unchecked() { "Placement(UNCHECKED)" } else { "Placement" });
        if let Some(Rows { counting, rows, waivers }) = self.checked() {
            fields.field("waivers", waivers).field("counting", counting).field("rows", rows);
        }
        fields.field("threshold", &self.threshold).field("participants", &self.participants).finish()
    }
}
