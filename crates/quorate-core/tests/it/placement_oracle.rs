//! Random placements against a second, naive reading of the rule: every set of domains, every row, string by string.

use std::collections::BTreeSet;

use proptest::{prelude::*, sample::Index};
use quorate_core::{
    Identifier, Placement, PlacementError, Threshold,
    placement::{Backup, Breach, Counting, Exposure, PlacementBuilder, Storage, Waiver},
    wire::Encoding,
};

/// Every path is here with each of its ancestors.
const POOL: [&str; 8] = ["a", "a/x", "a/x/1", "a/y", "b", "b/x", "c", "d"];

#[derive(Clone, Debug)]
struct Row {
    operator: &'static str,
    runtime: &'static str,
    store: &'static str,
    key_services: Vec<&'static str>,
    deployer: Option<&'static str>,
    backups: Vec<(&'static str, Option<&'static str>)>,
    relay: Option<&'static str>,
}

impl Row {
    fn exposure(&self) -> Exposure {
        let path = |text: &str| text.parse().unwrap();
        let storage = Storage::new(path(self.store), self.key_services.iter().map(|text| path(text))).unwrap();
        let mut row = Exposure::new(path(self.operator), path(self.runtime), storage);
        if let Some(deployer) = self.deployer {
            row = row.with_deployer(path(deployer));
        }
        if let Some(relay) = self.relay {
            row = row.with_relay(path(relay));
        }
        for (location, key) in &self.backups {
            let backup = Backup::new(path(location));
            row = row.with_backup(key.map_or(backup.clone(), |key| backup.with_key(path(key))));
        }
        row
    }

    /// "A share falls if operator ∨ deployer ∨ runtime ∨ (store ∧ all its key services) ∨ (backup ∧ its key); the strict default counts
    /// store and key service alone as well."
    fn falls(&self, breached: &BTreeSet<&str>, counting: Counting) -> bool {
        let held = |path: &str| breached.iter().any(|domain| path == *domain || path.starts_with(&format!("{domain}/")));
        held(self.operator)
            || held(self.deployer.unwrap_or(self.operator))
            || held(self.runtime)
            || (held(self.store) && self.key_services.iter().all(|path| held(path)))
            || self.backups.iter().any(|(location, key)| held(location) && held(key.unwrap_or(self.operator)))
            || (counting == Counting::Strict && (held(self.store) || self.key_services.iter().any(|path| held(path))))
    }
}

fn path() -> impl Strategy<Value = &'static str> {
    any::<Index>().prop_map(|index| *index.get(&POOL))
}

fn row() -> impl Strategy<Value = Row> {
    let optional = || prop::option::weighted(0.2, path());
    let backups = prop::collection::vec((path(), prop::option::of(path())), 0..2);
    let key_services = prop::collection::vec(path(), 1..3);
    (path(), path(), path(), key_services, optional(), backups, optional()).prop_map(
        |(operator, runtime, store, key_services, deployer, backups, relay)| Row {
            operator,
            runtime,
            store,
            key_services,
            deployer,
            backups,
            relay,
        },
    )
}

#[derive(Clone, Debug)]
struct Case {
    rows: Vec<Row>,
    threshold: Threshold,
    counting: Counting,
}

fn case() -> impl Strategy<Value = Case> {
    (prop::collection::vec(row(), 2..=6), any::<Index>(), any::<bool>()).prop_map(|(rows, min, joint)| {
        let max = rows.len();
        let threshold = Threshold::new(2 + min.index(max - 1) as u16, max as u16).unwrap();
        Case { rows, threshold, counting: if joint { Counting::Joint } else { Counting::Strict } }
    })
}

impl Case {
    fn builder(&self) -> PlacementBuilder {
        let rows = (1..).map(|number| Identifier::new(number).unwrap()).zip(&self.rows);
        let builder = Placement::builder(self.threshold).counting(self.counting);
        rows.fold(builder, |builder, (participant, row)| builder.participant(participant, row.exposure()))
    }

    fn fallen(&self, breached: &BTreeSet<&str>) -> Vec<u16> {
        let numbered = (1..).zip(&self.rows);
        numbered.filter(|(_, row)| row.falls(breached, self.counting)).map(|(number, _)| number).collect()
    }

    fn takes(&self, breached: &BTreeSet<&str>) -> bool {
        self.fallen(breached).len() >= usize::from(self.threshold.min_signers())
    }

    fn broken(&self) -> Vec<&'static str> {
        POOL.into_iter().filter(|domain| self.takes(&BTreeSet::from([*domain]))).collect()
    }

    /// The size of the smallest subsets of `domains` that take the key, and how many of that size have no member with an ancestor
    /// in `domains`.
    fn smallest(&self, domains: &[&'static str]) -> Option<(usize, u64)> {
        let sets = (0u32..1 << domains.len()).map(|mask| -> BTreeSet<&str> {
            domains.iter().enumerate().filter(|(place, _)| mask >> place & 1 == 1).map(|(_, domain)| *domain).collect()
        });
        let taking: Vec<_> = sets.filter(|set| self.takes(set)).collect();
        let size = taking.iter().map(BTreeSet::len).min()?;
        let below = |domain: &str| domains.iter().any(|other| domain.starts_with(&format!("{other}/")));
        let topmost = taking.iter().filter(|set| set.len() == size && !set.iter().any(|domain| below(domain)));
        Some((size, topmost.count() as u64))
    }
}

fn assert_breach(breach: &Breach, expected: Option<(usize, u64)>, case: &Case) {
    assert!(breach.is_exact());
    assert_eq!(breach.size(), expected.map(|(size, _)| size), "{breach:?}");
    assert_eq!(breach.set_count(), Some(expected.map_or(0, |(_, count)| count)), "{breach:?}");
    assert_eq!(breach.sets().len() as u64, breach.set_count().unwrap().min(32));
    for set in breach.sets() {
        assert_eq!(Some(set.len()), breach.size());
        assert!(case.takes(&set.iter().map(|domain| domain.as_str()).collect()), "{set:?} does not take the key");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn build_accepts_exactly_what_the_oracle_accepts(case in case()) {
        match (case.builder().build(), case.broken()) {
            (Ok(placement), broken) => {
                prop_assert!(broken.is_empty(), "{broken:?} break the rule");
                prop_assert_eq!(Placement::from_bytes(&placement.to_bytes()), Ok(placement));
            }
            (Err(PlacementError::OneDomainReachesTheKey { domain, participants, others, .. }), mut broken) => {
                let reached: Vec<_> = participants.iter().map(|participant| participant.to_u16()).collect();
                prop_assert_eq!(&reached, &case.fallen(&BTreeSet::from([domain.as_str()])));
                let worst = broken.iter().map(|domain| case.fallen(&BTreeSet::from([*domain])).len()).max();
                prop_assert_eq!(Some(reached.len()), worst);
                let mut named: Vec<_> = others.iter().chain([&domain]).map(|domain| domain.as_str()).collect();
                named.sort_unstable();
                broken.sort_unstable();
                prop_assert_eq!(named, broken);
            }
            (Err(other), _) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn breach_number_is_the_one_of_all_subsets(case in case()) {
        let broken = case.broken();
        let waive = |domain: &str| Waiver::new(domain.parse().unwrap(), "one company", "2026-01-31").unwrap();
        let builder = broken.iter().fold(case.builder(), |builder, domain| builder.waive(waive(domain)));
        let placement = builder.build().unwrap();
        prop_assert_eq!(Placement::from_bytes(&placement.to_bytes()), Ok(placement.clone()));
        let explanation = placement.explain();
        assert_breach(explanation.breach(), case.smallest(&POOL), &case);
        let rest: Vec<_> = POOL.into_iter().filter(|domain| !broken.contains(domain)).collect();
        assert_breach(explanation.breach_without_waived(), case.smallest(&rest), &case);
    }

    #[test]
    fn waiver_of_a_domain_that_breaks_nothing_is_refused(case in case(), domain in path()) {
        let broken = case.broken();
        prop_assume!(!broken.contains(&domain));
        let waive = |domain: &str| Waiver::new(domain.parse().unwrap(), "one company", "2026-01-31").unwrap();
        let builder = broken.iter().chain([&domain]).fold(case.builder(), |builder, domain| builder.waive(waive(domain)));
        let refused = builder.build();
        let useless = matches!(&refused, Err(PlacementError::UselessWaiver { domain: named, .. }) if named.as_str() == domain);
        prop_assert!(useless, "{refused:?}");
    }

    #[test]
    fn fallen_agrees_with_the_oracle(case in case(), breached in prop::collection::btree_set(path(), 0..4)) {
        let waive = |domain: &str| Waiver::new(domain.parse().unwrap(), "one company", "2026-01-31").unwrap();
        let placement = case.broken().iter().fold(case.builder(), |builder, domain| builder.waive(waive(domain))).build().unwrap();
        let paths: Vec<_> = breached.iter().map(|domain| domain.parse().unwrap()).collect();
        let fallen: Vec<_> = placement.fallen(&paths).iter().map(|participant| participant.to_u16()).collect();
        prop_assert_eq!(fallen, case.fallen(&breached));
    }
}
