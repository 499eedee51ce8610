//! The rule: no single domain makes `min_signers` shares fall. It is checked here and nowhere else.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{
    Counting, Exposure, PlacementError, Waiver,
    path::{DomainPath, is_within, prefixes},
};
use crate::{identifier::Identifier, threshold::Threshold};

/// How many other domains a refusal lists beside the worst.
const OTHERS: usize = 15;

/// For each domain that alone makes a share fall: whose shares, ascending.
pub(super) type Reach<'a> = BTreeMap<&'a str, Vec<Identifier>>;

/// Computes which domain alone reaches which shares. `rows` come in ascending order.
///
/// One domain holds all the paths of a clause exactly if it is an ancestor of the deepest domain that they have in common, so the work
/// is linear in the paths, whatever the number of participants.
pub(super) fn reach<'a>(rows: impl Iterator<Item = (Identifier, &'a Exposure)>, counting: Counting) -> Reach<'a> {
    let mut reach = Reach::new();
    for (participant, exposure) in rows {
        for domain in exposure.clauses(counting).iter().filter_map(|clause| common(clause)).flat_map(prefixes) {
            let reached = reach.entry(domain).or_default();
            if reached.last() != Some(&participant) {
                reached.push(participant);
            }
        }
    }
    reach
}

/// The deepest domain that holds all of `paths`, if there is one.
fn common<'a>(paths: &[&'a str]) -> Option<&'a str> {
    let (first, rest) = paths.split_first()?;
    prefixes(first).find(|domain| rest.iter().all(|path| is_within(path, domain)))
}

/// Checks the rule.
pub(super) fn check(threshold: Threshold, reach: &Reach<'_>, waivers: &[Waiver]) -> Result<(), PlacementError> {
    let breaks = |reached: &[Identifier]| reached.len() >= usize::from(threshold.min_signers());
    for waiver in waivers {
        let reached = reach.get(waiver.domain().as_str()).map_or(&[][..], Vec::as_slice);
        if !breaks(reached) {
            let participants = reached.to_vec();
            return Err(PlacementError::UselessWaiver { domain: waiver.domain().clone(), participants, threshold });
        }
    }
    let waived = |domain: &str| waivers.iter().any(|waiver| waiver.domain().as_str() == domain);
    let mut broken: Vec<_> = reach.iter().filter(|(domain, reached)| breaks(reached) && !waived(domain)).collect();
    // The worst first; of equals the one highest up, because a share that leaves it has left all that is below.
    broken.sort_by_key(|(domain, reached)| (core::cmp::Reverse(reached.len()), domain.matches('/').count()));
    match broken.split_first() {
        None => Ok(()),
        Some(((domain, participants), others)) => Err(PlacementError::OneDomainReachesTheKey {
            domain: DomainPath::of_prefix(domain),
            participants: participants.to_vec(),
            threshold,
            others: others.iter().take(OTHERS).map(|(domain, _)| DomainPath::of_prefix(domain)).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_domain_is_the_deepest_one() {
        assert_eq!(common(&["aws/1/eu", "aws/1/us"]), Some("aws/1"));
        assert_eq!(common(&["aws/1", "aws/1/us", "aws/1"]), Some("aws/1"));
        assert_eq!(common(&["aws/1", "aws/12"]), Some("aws"));
        assert_eq!(common(&["aws/1", "gcp/1"]), None);
        assert_eq!(common(&["aws/1"]), Some("aws/1"));
    }
}
