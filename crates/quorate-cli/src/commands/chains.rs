//! `quorate chains`: the table of `quorate-chains`, and the search for a name in it.

use quorate_chains::{Chain, Vectors, chains};

use crate::{
    args::ChainsArgs,
    failure::Failure,
    output::{Output, row, table},
};

/// How many names are suggested.
const MAX_NEAR: usize = 4;

pub(super) fn run(args: &ChainsArgs, output: Output) -> Result<(), Failure> {
    let filter = args.filter.as_deref().unwrap_or_default().to_lowercase();
    let found: Vec<Chain> = chains().filter(|chain| has(*chain, &filter)).collect();
    let Some(filter) = args.filter.as_ref().filter(|_| found.is_empty()) else {
        let values: Vec<_> = found.iter().map(|chain| value(*chain)).collect();
        return output.answer(&values, &listing(&found));
    };
    Err(unknown(filter))
}

/// The entry of that name.
pub(in crate::commands) fn named(name: &str) -> Result<Chain, Failure> {
    Chain::named(name).map_err(|_| unknown(name))
}

fn has(chain: Chain, filter: &str) -> bool {
    let curves = chain.curves().iter().map(|curve| curve.name().to_lowercase());
    let mut texts = curves.chain([chain.name().to_owned(), chain.family().to_string().to_lowercase()]);
    texts.any(|text| text.contains(filter))
}

fn curves(chain: Chain) -> String {
    let names: Vec<_> = chain.curves().iter().map(|curve| curve.name()).collect();
    names.join(", ")
}

fn note(chain: Chain) -> &'static str {
    if chain.is_receive_only() { ", RECEIVING ONLY" } else { "" }
}

fn listing(found: &[Chain]) -> String {
    let mut rows = vec![row(["name", "family", "curves", "address", "usual path", "vectors"])];
    for chain in found {
        let vectors = format!("{}{}", chain.vectors(), note(*chain));
        let family = chain.family().to_string();
        rows.push(row([chain.name(), &family, &curves(*chain), chain.kind(), chain.usual_path(), &vectors]));
    }
    let constructed = found.iter().filter(|chain| chain.vectors() != Vectors::Published).count();
    format!(
        "{}\n{} entries: {} with pairs of key and address that others published and that are tested, {constructed} with constructed ones \
         (none was found).\nOf the usual paths a wallet's key walks what follows the hardened steps; `quorate address WALLET --chain NAME`.",
        table(&rows),
        found.len(),
        found.len().saturating_sub(constructed),
    )
}

fn value(chain: Chain) -> serde_json::Value {
    serde_json::json!({
        "name": chain.name(),
        "family": chain.family().to_string(),
        "curves": chain.curves().iter().map(|curve| curve.name()).collect::<Vec<_>>(),
        "address": chain.kind(),
        "slip44": chain.slip44(),
        "usual_path": chain.usual_path(),
        "evm_chain_id": chain.evm_chain_id(),
        "message": chain.message_rule(),
        "signature": chain.signature_form().to_string(),
        "receive_only": chain.is_receive_only(),
        "vectors": chain.vectors().to_string(),
    })
}

/// Names the entries whose names are like the one that none has.
fn unknown(name: &str) -> Failure {
    // Nobody mistypes a name of that length, and the comparison is quadratic.
    let short: String = name.chars().take(64).collect::<String>().to_lowercase();
    // First those whose names begin so, then by the number of edits.
    let place = |known: &'static str| nearness(&short, known).map(|edits| (!known.starts_with(&short), edits, known));
    let mut near: Vec<(bool, usize, &'static str)> = chains().filter_map(|chain| place(chain.name())).collect();
    near.sort_unstable();
    near.truncate(MAX_NEAR);
    let near = near.into_iter().map(|(_, _, name)| name).collect();
    Failure::UnknownChain { name: short, near }
}

/// How many edits apart two names are, if they are alike: one in the other, or few edits for their length.
fn nearness(name: &str, known: &str) -> Option<usize> {
    let edits = distance(name, known);
    let contained = name.len() >= 3 && (known.contains(name) || (known.len() >= 4 && name.contains(known)));
    (contained || edits <= name.len() / 3).then_some(edits)
}

/// The edit distance of Levenshtein.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut costs: Vec<usize> = (0..=other.len()).collect();
    for (row, left) in one.chars().enumerate() {
        let mut diagonal = row;
        let mut before = row.saturating_add(1);
        let mut next = vec![before];
        for (right, above) in other.iter().zip(costs.iter().skip(1)) {
            let changed = diagonal.saturating_add(usize::from(left != *right));
            before = changed.min(before.saturating_add(1)).min(above.saturating_add(1));
            next.push(before);
            diagonal = *above;
        }
        costs = next;
    }
    costs.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (one, other, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("etherium", "ethereum", 1),
            ("solana", "solana", 0),
        ] {
            assert_eq!(distance(one, other), edits, "{one} {other}");
            assert_eq!(distance(other, one), edits, "{other} {one}");
        }
    }

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let near = |name: &str| {
            let Failure::UnknownChain { near, .. } = unknown(name) else { panic!("another failure") };
            near
        };
        assert_eq!(near("etherium").first(), Some(&"ethereum"));
        assert_eq!(near("Solanna").first(), Some(&"solana"));
        assert_eq!(near("zcash"), ["zcash-transparent", "ecash"]);
        assert_eq!(near("bitcoin-p2wpkh").first(), Some(&"bitcoin-p2pkh"));
        assert!(near("qqqqqqqq").is_empty() && near("").is_empty());
        assert!(near(&"x".repeat(1 << 20)).is_empty());
    }
}
