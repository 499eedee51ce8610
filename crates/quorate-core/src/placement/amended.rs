//! A placement, and what was amended since: where shares rest now, and where copies of them may still be.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{
    Content, Explanation, Exposure, MAX_BACKUPS, Placement, PlacementError, Rows, View, check_limits, path::DomainPath, rule,
};
use crate::identifier::Identifier;

/// The most amendments of one share's row in one epoch.
pub const MAX_AMENDMENTS: usize = 16;

/// The placement of a key's epoch with all rows that its shares have had since.
///
/// Every row counts until the next reshare, because nobody can know that nothing is left at an old place: the rule holds over all of
/// them together. Rows are only ever added, so that the order in which participants learn of them does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmendedPlacement {
    base: Placement,
    /// By number, for each participant.
    later: BTreeMap<Identifier, BTreeMap<u32, Exposure>>,
}

impl AmendedPlacement {
    /// Without amendments.
    #[must_use]
    pub const fn new(base: Placement) -> Self {
        Self { base, later: BTreeMap::new() }
    }

    /// The placement that the key was made with.
    #[must_use]
    pub const fn base(&self) -> &Placement {
        &self.base
    }

    /// The number of a participant's next amendment.
    #[must_use]
    pub fn next_number(&self, participant: Identifier) -> u32 {
        self.later.get(&participant).and_then(|rows| rows.last_key_value()).map_or(1, |(number, _)| number.saturating_add(1))
    }

    /// The row that a participant has now; none for a stranger, or if the placement is unchecked.
    #[must_use]
    pub fn exposure(&self, participant: Identifier) -> Option<&Exposure> {
        let later = self.later.get(&participant).and_then(|rows| rows.last_key_value());
        later.map(|(_, row)| row).or_else(|| self.base.exposure(participant))
    }

    /// All rows that a participant has had, the first one first.
    pub fn exposures(&self, participant: Identifier) -> impl Iterator<Item = &Exposure> + '_ {
        self.base.exposure(participant).into_iter().chain(self.later.get(&participant).into_iter().flat_map(BTreeMap::values))
    }

    /// Adds a later row of a participant. The same one again changes nothing.
    ///
    /// # Errors
    ///
    /// [`PlacementError::OneDomainReachesTheKey`] if one does, over all rows together; [`PlacementError::NeedsReshare`] for another
    /// operator, deployer or runtime; [`PlacementError::TooMany`]; [`PlacementError::OtherAmendment`] if the number stands for another
    /// row; [`PlacementError::Stranger`] for one that holds no share, or if the placement is unchecked. Nothing is added then.
    pub fn amend(&mut self, participant: Identifier, number: u32, row: Exposure) -> Result<(), PlacementError> {
        let first = self.base.exposure(participant).ok_or(PlacementError::Stranger { participant })?;
        if first.operator() != row.operator() || first.deployer() != row.deployer() || first.runtime() != row.runtime() {
            return Err(PlacementError::NeedsReshare { participant });
        }
        let known = self.later.get(&participant);
        if let Some(known) = known.and_then(|rows| rows.get(&number)) {
            return if *known == row { Ok(()) } else { Err(PlacementError::OtherAmendment { participant, number }) };
        }
        if known.is_some_and(|rows| rows.len() >= MAX_AMENDMENTS) {
            return Err(PlacementError::TooMany { what: "amendments of one row; reshare the key", limit: MAX_AMENDMENTS });
        }
        if row.backups().len() > MAX_BACKUPS {
            return Err(PlacementError::TooMany { what: "backups of one share", limit: MAX_BACKUPS });
        }
        let mut amended = self.clone();
        amended.later.entry(participant).or_default().insert(number, row);
        amended.check()?;
        *self = amended;
        Ok(())
    }

    /// The rule, over all rows. Waivers stand: more rows reach no less.
    fn check(&self) -> Result<(), PlacementError> {
        let view = self.view();
        let rows: Vec<_> = view.all().map(|(participant, row)| (participant, row.clone())).collect();
        check_limits(&rows, self.base.waivers())?;
        let counting = self.base.counting().unwrap_or_default();
        rule::check(self.base.threshold(), &rule::reach(view.all(), counting), self.base.waivers())
    }

    /// The placement of the next epoch, if every share stays where it is now: the latest rows. Waivers that nothing needs any more
    /// lapse.
    #[must_use]
    pub fn latest(&self) -> Placement {
        let Content::Checked(Rows { counting, waivers, .. }) = &self.base.content else { return self.base.clone() };
        let view = self.view();
        let reach = rule::reach(view.latest(), *counting);
        let needed = usize::from(self.base.threshold().min_signers());
        let waivers = waivers.iter().filter(|waiver| reach.get(waiver.domain().as_str()).is_some_and(|of| of.len() >= needed));
        // Invariant: the rule held over more rows than these.
        let rows = view.latest().map(|(_, row)| row.clone()).collect();
        let rows = Rows { counting: *counting, rows, waivers: waivers.cloned().collect() };
        Placement { content: Content::Checked(rows), ..self.base.clone() }
    }

    /// Whose shares fall to someone who holds all of `breached`, now or at a place that they were at, ascending.
    #[must_use]
    pub fn fallen(&self, breached: &[DomainPath]) -> Vec<Identifier> {
        let Some(counting) = self.base.counting() else { return self.base.fallen(breached) };
        let falls = |participant: &Identifier| self.exposures(*participant).any(|row| row.falls_to(breached, counting));
        self.base.participants().iter().filter(falls).collect()
    }

    /// Works out what it takes to steal the key, over all rows, and what each loss does to signing, over the latest ones.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        Explanation::new(&self.view())
    }

    fn view(&self) -> View<'_> {
        let rows = self.base.participants().iter();
        let rows = rows.map(|participant| (participant, self.exposures(participant).collect())).collect();
        View { threshold: self.base.threshold(), counting: self.base.counting(), waivers: self.base.waivers(), rows }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::{
        placement::{Backup, Counting, Storage, Waiver},
        threshold::Threshold,
    };

    fn path(text: &str) -> DomainPath {
        text.parse().unwrap()
    }

    fn id(number: u16) -> Identifier {
        Identifier::new(number).unwrap()
    }

    fn row(name: &str, store: &str, key: &str) -> Exposure {
        Exposure::new(path(name), path(&alloc::format!("{name}-cloud")), Storage::new(path(store), [path(key)]).unwrap())
    }

    fn rows() -> [(Identifier, Exposure); 3] {
        [(1, "alice"), (2, "bob"), (3, "carol")]
            .map(|(number, name)| (id(number), row(name, &alloc::format!("{name}-store"), name)))
    }

    fn three() -> AmendedPlacement {
        AmendedPlacement::new(Placement::new(Threshold::new(2, 3).unwrap(), rows()).unwrap())
    }

    #[test]
    fn old_places_count_until_the_next_reshare() {
        let mut amended = three();
        amended.amend(id(1), 1, row("alice", "aws/1", "alice")).unwrap();
        assert_eq!(amended.exposure(id(1)).unwrap().storage().store(), &path("aws/1"));
        assert_eq!((amended.next_number(id(1)), amended.next_number(id(2))), (2, 1));
        // Alice moves on, and her copy at aws may be there for ever.
        amended.amend(id(1), 2, row("alice", "gcp/1", "alice")).unwrap();
        let before = amended.clone();
        let refused = amended.amend(id(2), 1, row("bob", "aws/2", "bob")).unwrap_err();
        assert!(refused.to_string().contains("whoever controls aws reaches the shares of participants 1 and 2"), "{refused}");
        assert_eq!(amended, before);
        assert_eq!(amended.fallen(&[path("aws"), path("alice-store"), path("gcp")]), [id(1)]);
        assert_eq!(amended.exposures(id(1)).count(), 3);
        // A reshare forgets it.
        let mut next = AmendedPlacement::new(amended.latest());
        next.amend(id(2), 1, row("bob", "aws/2", "bob")).unwrap();
        let [_, second, third] = rows();
        let expected = Placement::new(Threshold::new(2, 3).unwrap(), [(id(1), row("alice", "gcp/1", "alice")), second, third]);
        assert_eq!(amended.latest(), expected.unwrap());
        assert_eq!(amended.latest().digest(), Placement::decode_again(&amended.latest()).digest());
    }

    impl Placement {
        fn decode_again(placement: &Self) -> Self {
            use crate::wire::Encoding as _;
            Self::from_bytes(&placement.to_bytes()).unwrap()
        }
    }

    #[test]
    fn order_does_not_matter_and_repeats_change_nothing() {
        let changes = [(1, 2, "gcp/1"), (2, 1, "aws/2"), (1, 1, "aws/1")];
        let amend = |amended: &mut AmendedPlacement, (participant, number, store): (u16, u32, &str)| {
            let name = if participant == 1 { "alice" } else { "bob" };
            amended.amend(id(participant), number, row(name, store, name))
        };
        let (mut one, mut other) = (three(), three());
        // aws would reach two shares, in whatever order they come.
        assert_eq!(changes.map(|change| amend(&mut one, change).is_ok()), [true, true, false]);
        assert_eq!([2, 1, 0].map(|index: usize| amend(&mut other, changes[index]).is_ok()), [true, false, true]);
        let known = one.clone();
        amend(&mut one, changes[0]).unwrap();
        assert_eq!(one, known);
        let other = amend(&mut one, (1, 2, "hetzner/1")).unwrap_err();
        assert_eq!(other, PlacementError::OtherAmendment { participant: id(1), number: 2 });
    }

    #[test]
    fn who_runs_a_share_and_where_needs_a_reshare() {
        let mut amended = three();
        let storage = || Storage::new(path("alice-store"), [path("alice")]).unwrap();
        let others = [
            Exposure::new(path("mallory"), path("alice-cloud"), storage()),
            Exposure::new(path("alice"), path("mallory-cloud"), storage()),
            Exposure::new(path("alice"), path("alice-cloud"), storage()).with_deployer(path("mallory")),
        ];
        for other in others {
            assert_eq!(amended.amend(id(1), 1, other).unwrap_err(), PlacementError::NeedsReshare { participant: id(1) });
        }
        let stranger = amended.amend(id(4), 1, row("dave", "dave", "dave")).unwrap_err();
        assert_eq!(stranger, PlacementError::Stranger { participant: id(4) });
        let unchecked = crate::danger::unchecked_placement(Threshold::new(2, 3).unwrap(), amended.base().participants().clone());
        let mut unchecked = AmendedPlacement::new(unchecked);
        assert!(unchecked.amend(id(1), 1, row("alice", "aws/1", "alice")).is_err());
        assert!(unchecked.latest().is_unchecked() && unchecked.explain().is_unchecked());
    }

    #[test]
    fn backups_and_their_keys_are_counted_and_amendments_bounded() {
        let mut amended = three();
        let backup = |name: &str| {
            let backup = Backup::new(path("ice/1")).with_key(path("ice/2"));
            row(name, &alloc::format!("{name}-store"), name).with_backup(backup)
        };
        amended.amend(id(1), 1, backup("alice")).unwrap();
        assert!(matches!(amended.amend(id(2), 1, backup("bob")), Err(PlacementError::OneDomainReachesTheKey { .. })));
        assert_eq!(amended.explain().breach().size(), Some(2));
        for number in 2..=16 {
            amended.amend(id(1), number, backup("alice")).unwrap();
        }
        assert!(matches!(amended.amend(id(1), 17, backup("alice")), Err(PlacementError::TooMany { .. })));
    }

    #[test]
    fn waivers_stand_as_long_as_something_needs_them() {
        let waiver = Waiver::new(path("aws"), "one cloud for now", "2026-11-23").unwrap();
        let rows = [("alice", "aws/1"), ("bob", "aws/2"), ("carol", "carol-store")];
        let rows = rows.iter().zip(1..).map(|((name, store), number)| (id(number), row(name, store, name)));
        let builder = Placement::builder(Threshold::new(2, 3).unwrap()).counting(Counting::Joint);
        assert!(rows.clone().fold(builder.clone(), |builder, (id, row)| builder.participant(id, row)).build().is_ok());
        let builder = builder.counting(Counting::Strict).waive(waiver);
        let base = rows.fold(builder, |builder, (id, row)| builder.participant(id, row)).build().unwrap();
        let mut amended = AmendedPlacement::new(base);
        amended.amend(id(1), 1, row("alice", "gcp/1", "alice")).unwrap();
        assert_eq!(amended.explain().waivers().len(), 1);
        assert!(amended.latest().waivers().is_empty());
        assert_eq!(Placement::decode_again(&amended.latest()), amended.latest());
    }
}
