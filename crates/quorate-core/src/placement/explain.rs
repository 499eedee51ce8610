//! A placement in words and data: what it takes to steal the key, and what each loss does to signing.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::{cmp::Reverse, fmt};

use super::{
    Breach, Counting, View, Waiver,
    error::People,
    path::{DomainPath, parent, prefixes},
    rule,
};
use crate::{identifier::Identifier, threshold::Threshold};

/// How many losses are printed.
const PRINTED: usize = 64;

/// What a [`Placement`](super::Placement) means. Its `Display` says it in words, waivers first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    threshold: Threshold,
    counting: Option<Counting>,
    waivers: Vec<(Waiver, Vec<Identifier>)>,
    breach: Breach,
    breach_without_waived: Breach,
    losses: Vec<Loss>,
}

impl Explanation {
    pub(super) fn new(view: &View<'_>) -> Self {
        let counting = view.counting.unwrap_or_default();
        let compute = |waived: &BTreeSet<&str>| match view.counting {
            None => Breach::unknown(),
            Some(counting) => Breach::compute(view, counting, waived),
        };
        let mut waivers: Vec<_> = view.waivers.iter().map(|waiver| (waiver.clone(), Vec::new())).collect();
        if !waivers.is_empty() {
            let mut reach = rule::reach(view.all(), counting);
            for (waiver, reached) in &mut waivers {
                *reached = reach.remove(waiver.domain().as_str()).unwrap_or_default();
            }
        }
        let breach = compute(&BTreeSet::new());
        let waived: BTreeSet<_> = view.waivers.iter().map(|waiver| waiver.domain().as_str()).collect();
        let breach_without_waived = if waived.is_empty() { breach.clone() } else { compute(&waived) };
        let losses = losses(view);
        Self { threshold: view.threshold, counting: view.counting, waivers, breach, breach_without_waived, losses }
    }

    /// The key's threshold.
    #[must_use]
    pub const fn threshold(&self) -> Threshold {
        self.threshold
    }

    /// Whether the placement is unchecked, so that nothing below means anything.
    #[must_use]
    pub const fn is_unchecked(&self) -> bool {
        self.counting.is_none()
    }

    /// The waivers, and whose shares each waived domain reaches alone.
    pub fn waivers(&self) -> impl ExactSizeIterator<Item = (&Waiver, &[Identifier])> + '_ {
        self.waivers.iter().map(|(waiver, reached)| (waiver, reached.as_slice()))
    }

    /// The smallest sets of domains that take the key, waived domains among them. Of an unchecked placement, one domain without a name.
    #[must_use]
    pub const fn breach(&self) -> &Breach {
        &self.breach
    }

    /// The smallest sets of domains that take the key if no waived domain is breached. The same as [`breach`](Self::breach) without
    /// waivers.
    #[must_use]
    pub const fn breach_without_waived(&self) -> &Breach {
        &self.breach_without_waived
    }

    /// What each loss does to signing: for every provider, and for each domain below whose loss differs from its parent's. The loss of
    /// most shares comes first.
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }
}

/// What happens when one domain is lost: not stolen, but down or gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    domain: DomainPath,
    unavailable: Vec<Identifier>,
    cut_off: Vec<Identifier>,
    threshold: Threshold,
}

impl Loss {
    /// The domain.
    #[must_use]
    pub const fn domain(&self) -> &DomainPath {
        &self.domain
    }

    /// Whose shares cannot sign until it is back, ascending: their operator, runtime, store or a key service is lost.
    #[must_use]
    pub fn unavailable(&self) -> &[Identifier] {
        &self.unavailable
    }

    /// Who loses the message relay, ascending. Their shares are safe and sign again over any other relay.
    #[must_use]
    pub fn cut_off(&self) -> &[Identifier] {
        &self.cut_off
    }

    /// How many shares can still sign, whatever their relay.
    #[must_use]
    pub fn remaining(&self) -> usize {
        usize::from(self.threshold.max_signers()).saturating_sub(self.unavailable.len())
    }

    /// Whether enough shares remain to sign.
    #[must_use]
    pub fn can_sign(&self) -> bool {
        self.remaining() >= usize::from(self.threshold.min_signers())
    }
}

fn losses(view: &View<'_>) -> Vec<Loss> {
    let mut lost: BTreeMap<&str, (Vec<Identifier>, Vec<Identifier>)> = BTreeMap::new();
    let add = |list: &mut Vec<Identifier>, participant| {
        if list.last() != Some(&participant) {
            list.push(participant);
        }
    };
    for (participant, row) in view.latest() {
        for domain in row.needed_to_sign().flat_map(prefixes) {
            add(&mut lost.entry(domain).or_default().0, participant);
        }
        for domain in row.relay().into_iter().flat_map(|relay| prefixes(relay.as_str())) {
            add(&mut lost.entry(domain).or_default().1, participant);
        }
    }
    let differs = |domain: &str, loss: &_| parent(domain).is_none_or(|parent| lost.get(parent) != Some(loss));
    let told = lost.iter().filter(|(domain, loss)| differs(domain, loss)).map(|(domain, (unavailable, cut_off))| Loss {
        domain: DomainPath::of_prefix(domain),
        unavailable: unavailable.clone(),
        cut_off: cut_off.clone(),
        threshold: view.threshold,
    });
    let mut losses: Vec<_> = told.collect();
    losses.sort_by_key(|loss| (Reverse(loss.unavailable.len()), Reverse(loss.cut_off.len())));
    losses
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (waiver, reached) in self.waivers() {
            writeln!(f, "{waiver}")?;
            writeln!(f, "  It alone reaches the shares of {}: whoever controls it can take the key.", People(reached))?;
        }
        match self.counting {
            None => {
                writeln!(f, "UNCHECKED placement of a {} key: for development on one machine only.", self.threshold)?;
                return writeln!(f, "No domains were declared and no rule was checked. Whoever owns the machine owns the key.");
            }
            Some(Counting::Strict) => {
                writeln!(f, "A {} key. A store or a key service alone counts as the share (strict).", self.threshold)?;
            }
            Some(Counting::Joint) => writeln!(
                f,
                "A {} key. A share at rest counts as taken with its store and all its key services (joint).",
                self.threshold
            )?,
        }
        self.write_breach(
            &self.breach,
            if self.waivers.is_empty() { "" } else { "With waived domains, taking the key needs " },
            f,
        )?;
        if !self.waivers.is_empty() {
            self.write_breach(&self.breach_without_waived, "Without waived domains, taking the key needs ", f)?;
        }
        self.losses.iter().take(PRINTED).try_for_each(|loss| writeln!(f, "{loss}"))?;
        match self.losses.len().saturating_sub(PRINTED) {
            0 => Ok(()),
            more => writeln!(f, "{more} more domains, none of which takes more shares down with it, are not listed."),
        }
    }
}

impl Explanation {
    fn write_breach(&self, breach: &Breach, which: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(size) = breach.size() else {
            return writeln!(
                f,
                "No other domains take the key: every way to {} shares needs a waived one.",
                self.threshold.min_signers()
            );
        };
        let domains = |count| if count == 1 { "domain" } else { "domains" };
        write!(f, "{}", if which.is_empty() { "Taking the key needs " } else { which })?;
        if breach.is_exact() {
            write!(f, "{size} {}", domains(size))?;
        } else {
            write!(f, "at most {size} {} (an upper bound; {} for certain)", domains(size), breach.at_least())?;
        }
        match breach.set_count() {
            Some(1) => writeln!(f, " breached together, and one set of them does it:")?,
            Some(count) => writeln!(f, " breached together, and {count} such sets do it:")?,
            None => writeln!(f, " breached together, for instance these:")?,
        }
        for set in breach.sets() {
            let text = set.iter().enumerate();
            f.write_str("  ")?;
            text.into_iter().try_for_each(|(place, domain)| write!(f, "{}{domain}", if place == 0 { "" } else { " + " }))?;
            f.write_str("\n")?;
        }
        match breach.set_count().unwrap_or(1).saturating_sub(u64::try_from(breach.sets().len()).unwrap_or(u64::MAX)) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more"),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "If {} is lost: ", self.domain)?;
        let (remaining, needed) = (self.remaining(), self.threshold.min_signers());
        if self.unavailable.is_empty() {
            f.write_str("every share can still sign")?;
        } else {
            write!(
                f,
                "{} cannot sign, {remaining} of {} shares remain",
                People(&self.unavailable),
                self.threshold.max_signers()
            )?;
        }
        if !self.can_sign() {
            write!(
                f,
                ". WARNING: signing needs {needed} and stops until {} is back or shares are restored from backups",
                self.domain
            )?;
        }
        if !self.cut_off.is_empty() {
            let verb = if self.cut_off.len() == 1 { "loses its" } else { "lose their" };
            write!(f, "; {} {verb} message relay until another one is set up", People(&self.cut_off))?;
        }
        f.write_str(".")
    }
}
