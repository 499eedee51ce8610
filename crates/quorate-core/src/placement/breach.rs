//! The breach number: how many domains a thief must hold together to take the key, and which.
//!
//! Holding an ancestor is at least as good as holding the domain, so only the topmost domains matter: the providers, or, where waived
//! domains are left out, the topmost that are not waived. These never contain each other, so each path of a row belongs to one of them.
//! Up to [`EXACT`] of them are searched in order of size; beyond, a greedy choice gives an upper bound, and counting gives a lower one.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec,
    vec::Vec,
};

use super::{Counting, Exposure, View, path::DomainPath, path::prefixes};

/// The most domains whose sets are searched exhaustively.
const EXACT: usize = 24;
/// How many smallest sets are listed.
const LISTED: usize = 32;
/// How many rows the search may look at before it settles for bounds. Only hundreds of different rows over many domains reach this.
const BUDGET: usize = 1 << 26;

/// The smallest sets of domains that take a key together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    size: Option<usize>,
    at_least: usize,
    sets: Vec<Vec<DomainPath>>,
    set_count: Option<u64>,
}

impl Breach {
    /// How many domains take the key together: exactly, or an upper bound if it is not [exact](Self::is_exact). None if no set of the
    /// domains that were considered does.
    #[must_use]
    pub const fn size(&self) -> Option<usize> {
        self.size
    }

    /// Whether no smaller set takes the key.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.size.is_none_or(|size| size == self.at_least)
    }

    /// How many domains it takes for certain. The same as [`size`](Self::size) if that is exact.
    #[must_use]
    pub const fn at_least(&self) -> usize {
        self.at_least
    }

    /// Sets of that size, at most 32 of them. A domain stands for everything below it.
    #[must_use]
    pub fn sets(&self) -> &[Vec<DomainPath>] {
        &self.sets
    }

    /// How many sets of that size there are in all, if they were counted.
    #[must_use]
    pub const fn set_count(&self) -> Option<u64> {
        self.set_count
    }

    /// The breach of an unchecked placement: one domain that nobody named.
    pub(super) const fn unknown() -> Self {
        Self { size: Some(1), at_least: 1, sets: Vec::new(), set_count: None }
    }

    /// Computes the smallest sets without the domains of `waived`.
    pub(super) fn compute<'a>(view: &View<'a>, counting: Counting, waived: &BTreeSet<&str>) -> Self {
        Problem::new(view, counting, waived).solve()
    }
}

/// Rows whose clauses name domains by number: all domains of one clause make the row's share fall.
struct Problem<'a> {
    domains: Vec<&'a str>,
    rows: Vec<Vec<Vec<usize>>>,
    needed: usize,
}

impl<'a> Problem<'a> {
    fn new(view: &View<'a>, counting: Counting, waived: &BTreeSet<&str>) -> Self {
        let topmost = |path: &'a str| prefixes(path).take_while(|prefix| !waived.contains(prefix)).last();
        let clauses = |rows: &[&'a Exposure]| -> Vec<BTreeSet<&'a str>> {
            let clauses = rows.iter().flat_map(|row| row.clauses(counting));
            clauses.filter_map(|clause| clause.into_iter().map(topmost).collect()).collect()
        };
        let rows: Vec<_> = view.rows.iter().map(|(_, rows)| clauses(rows)).collect();
        let domains: BTreeSet<_> = rows.iter().flatten().flatten().copied().collect();
        let numbers: BTreeMap<_, _> = domains.iter().enumerate().map(|(number, domain)| (*domain, number)).collect();
        let number =
            |clause: BTreeSet<&str>| -> Vec<usize> { clause.iter().filter_map(|domain| numbers.get(domain).copied()).collect() };
        let rows = rows.into_iter().map(|clauses| minimal(clauses.into_iter().map(number).collect())).collect();
        Self { domains: domains.into_iter().collect(), rows, needed: view.threshold.min_signers().into() }
    }

    fn solve(&self) -> Breach {
        let Some(greedy) = self.greedy() else {
            return Breach { size: None, at_least: self.domains.len() + 1, sets: Vec::new(), set_count: Some(0) };
        };
        let found = if self.domains.len() <= EXACT { self.search(greedy.len()) } else { Err(0) };
        match found {
            Ok((size, search)) => {
                let sets = search.found.iter().map(|set| self.names(|number| set & bit(number) != 0)).collect();
                Breach { size: Some(size), at_least: size, sets, set_count: Some(search.count) }
            }
            Err(excluded) => Breach {
                size: Some(greedy.len()),
                at_least: self.lower_bound().max(excluded + 1).min(greedy.len()),
                sets: vec![self.names(|number| greedy.contains(&number))],
                set_count: None,
            },
        }
    }

    fn names(&self, chosen: impl Fn(usize) -> bool) -> Vec<DomainPath> {
        let chosen = self.domains.iter().enumerate().filter(|(number, _)| chosen(*number));
        chosen.map(|(_, domain)| DomainPath::of_prefix(domain)).collect()
    }

    /// A share falls only if a chosen domain is in one of its clauses, so the domains in most rows bound what so many can take.
    fn lower_bound(&self) -> usize {
        let mut touched = vec![0usize; self.domains.len()];
        for row in &self.rows {
            for number in row.iter().flatten().collect::<BTreeSet<_>>() {
                touched.get_mut(*number).into_iter().for_each(|count| *count += 1);
            }
        }
        touched.sort_unstable_by(|a, b| b.cmp(a));
        let sums = touched.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        sums.take_while(|sum| *sum < self.needed).count() + 1
    }

    /// Takes the domain that makes most shares fall at once, again and again. None if all domains together do not take the key.
    fn greedy(&self) -> Option<BTreeSet<usize>> {
        let mut alive: Vec<_> = self.rows.iter().collect();
        let mut chosen = vec![false; self.domains.len()];
        let mut taken = BTreeSet::new();
        while self.rows.len() - alive.len() < self.needed {
            let next = best(&alive, &chosen)?;
            chosen.get_mut(next).into_iter().for_each(|chosen| *chosen = true);
            taken.insert(next);
            alive.retain(|row| !row.iter().any(|clause| missing(clause, &chosen).next().is_none()));
        }
        Some(taken)
    }

    /// Searches all sets of 1, 2, … up to `largest` domains, or says up to which size there is none before the budget ran out.
    fn search(&self, largest: usize) -> Result<(usize, Search), usize> {
        let mut groups: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
        for row in &self.rows {
            let clauses = row.iter().map(|clause| clause.iter().fold(0, |set, number| set | bit(*number))).collect();
            *groups.entry(clauses).or_default() += 1;
        }
        let groups: Vec<_> = groups.iter().map(|(clauses, rows)| Group::new(clauses, *rows)).collect();
        let groups: Vec<_> = groups.iter().collect();
        let mut search = Search { domains: self.domains.len(), needed: self.needed, budget: BUDGET, found: Vec::new(), count: 0 };
        for size in 1..=largest {
            search.extend(Step { chosen: 0, next: 0, left: size, fallen: 0 }, &groups).map_err(|Exhausted| size - 1)?;
            if search.count > 0 {
                return Ok((size, search));
            }
        }
        Err(largest)
    }
}

/// Leaves out clauses that contain another one.
fn minimal(mut clauses: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    clauses.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    let mut kept: Vec<Vec<usize>> = Vec::new();
    for clause in clauses {
        if !kept.iter().any(|smaller| smaller.iter().all(|number| clause.contains(number))) {
            kept.push(clause);
        }
    }
    kept
}

/// The domains of a clause that are not chosen yet.
fn missing<'c>(clause: &'c [usize], chosen: &'c [bool]) -> impl Iterator<Item = usize> + 'c {
    clause.iter().copied().filter(|number| chosen.get(*number) != Some(&true))
}

/// The domain that completes a clause of most rows, or one of the clause that is nearest to completion.
fn best(alive: &[&Vec<Vec<usize>>], chosen: &[bool]) -> Option<usize> {
    let mut gains = vec![0usize; chosen.len()];
    let mut nearest: Option<(usize, usize)> = None;
    for clause in alive.iter().copied().flatten() {
        let (Some(first), rest) = (missing(clause, chosen).next(), missing(clause, chosen).skip(1).count()) else { continue };
        if rest == 0 {
            gains.get_mut(first).into_iter().for_each(|gain| *gain += 1);
        } else {
            nearest = nearest.into_iter().chain([(rest, first)]).min();
        }
    }
    let (number, gain) = gains.into_iter().enumerate().max_by_key(|(number, gain)| (*gain, core::cmp::Reverse(*number)))?;
    if gain > 0 { Some(number) } else { nearest.map(|(_, first)| first) }
}

const fn bit(number: usize) -> u32 {
    1 << number
}

/// Rows with the same clauses.
struct Group {
    /// Domains each of which takes the share alone.
    single: u32,
    /// Sets that take the share together.
    joint: Vec<u32>,
    /// All domains of all clauses.
    touched: u32,
    rows: usize,
}

impl Group {
    fn new(clauses: &[u32], rows: usize) -> Self {
        let (single, joint): (Vec<u32>, Vec<u32>) = clauses.iter().partition(|clause| clause.is_power_of_two());
        let union = |sets: &[u32]| sets.iter().fold(0, |union, set| union | set);
        Self { single: union(&single), joint, touched: union(clauses), rows }
    }

    fn falls_to(&self, chosen: u32) -> bool {
        self.single & chosen != 0 || self.joint.iter().any(|clause| clause & !chosen == 0)
    }
}

/// The budget ran out.
struct Exhausted;

/// A search for all sets of one size, depth first, domains ascending.
struct Search {
    domains: usize,
    needed: usize,
    budget: usize,
    found: Vec<u32>,
    count: u64,
}

#[derive(Clone, Copy)]
struct Step {
    chosen: u32,
    /// The first domain that may still be chosen.
    next: usize,
    /// How many more to choose.
    left: usize,
    fallen: usize,
}

impl Search {
    fn extend(&mut self, step: Step, alive: &[&Group]) -> Result<(), Exhausted> {
        if step.left == 0 {
            if step.fallen >= self.needed {
                self.count += 1;
                self.found.extend((self.found.len() < LISTED).then_some(step.chosen));
            }
            return Ok(());
        }
        self.spend(alive.len() + 1)?;
        if !self.can_reach(step, alive) {
            return Ok(());
        }
        for domain in step.next..=self.domains.saturating_sub(step.left) {
            self.spend(alive.len() + 1)?;
            let chosen = step.chosen | bit(domain);
            let still: Vec<_> = alive.iter().copied().filter(|group| !group.falls_to(chosen)).collect();
            let rows = |groups: &[&Group]| -> usize { groups.iter().map(|group| group.rows).sum() };
            let fallen = step.fallen + rows(alive) - rows(&still);
            self.extend(Step { chosen, next: domain + 1, left: step.left - 1, fallen }, &still)?;
        }
        Ok(())
    }

    fn spend(&mut self, rows: usize) -> Result<(), Exhausted> {
        self.budget = self.budget.checked_sub(rows).ok_or(Exhausted)?;
        Ok(())
    }

    /// Whether the domains that are left could make enough shares fall, if each took all the rows that it touches.
    fn can_reach(&self, step: Step, alive: &[&Group]) -> bool {
        let mut gains = [0usize; EXACT];
        for (number, gain) in gains.iter_mut().enumerate().take(self.domains).skip(step.next) {
            *gain = alive.iter().filter(|group| group.touched & bit(number) != 0).map(|group| group.rows).sum();
        }
        gains.sort_unstable_by(|a, b| b.cmp(a));
        step.fallen + gains.iter().take(step.left).sum::<usize>() >= self.needed
    }
}
