//! How much may leave, by asset.

use core::fmt;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};

use super::{Answer, Budget, ConfigError, Decision};
use crate::payload::Asset;

/// An amount in the smallest unit of an asset: a number, or its decimal digits as text, since files have no numbers above 2⁶³.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(u128);

/// What may leave of one asset. Absent limits do not limit. An approval counts as if all of it were taken at once; fees count to the
/// chain's own coin. What is signed for a chain that is not named counts on every chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AssetRules {
    /// By one request. With 0 for a token, nothing at all: no approval is taken back by one of 0 either.
    pub max: Option<Amount>,
    /// In any hour, by one key.
    pub per_hour: Option<Amount>,
    /// In any 24 hours, by one key.
    pub per_day: Option<Amount>,
    /// Above that a person is asked.
    pub ask_above: Option<Amount>,
    /// Above that two people are asked, or as many as `approvals.needed` says if that is more.
    pub second_approval_above: Option<Amount>,
}

impl Amount {
    /// So many of the smallest unit; nothing for the largest number of all, which stands for all that is above.
    #[must_use]
    pub const fn new(units: u128) -> Option<Self> {
        if units == u128::MAX { None } else { Some(Self(units)) }
    }

    /// How many.
    #[must_use]
    pub const fn units(self) -> u128 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl de::Visitor<'_> for Reader {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount in the smallest unit, as a number or its decimal digits")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Amount, E> {
                let units = u128::try_from(number).map_err(|_| E::custom("an amount below zero"))?;
                Ok(Amount(units))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Amount, E> {
                Ok(Amount(number.into()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
                let units = text.parse().ok().filter(|units: &u128| units.to_string() == text).and_then(Amount::new);
                units.ok_or_else(|| E::custom("not the decimal digits of an amount"))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// What is counted over time, of what a request takes.
pub(super) fn budgets(rules: &BTreeMap<String, AssetRules>, spends: &[(Asset, u128)]) -> Vec<Budget> {
    let counted = listed(rules, spends).filter(|(_, rules, _)| rules.per_hour.is_some() || rules.per_day.is_some());
    let budget = |(asset, rules, amount): (Asset, &AssetRules, u128)| {
        Budget::new(asset, amount, rules.per_hour.map(Amount::units), rules.per_day.map(Amount::units))
    };
    counted.map(budget).collect()
}

/// How many approvals it takes at least.
pub(super) fn least_approvals(rules: &BTreeMap<String, AssetRules>, spends: &[(Asset, u128)]) -> usize {
    let second = |rules: &AssetRules, amount| rules.second_approval_above.is_some_and(|limit| amount > limit.0);
    if listed(rules, spends).any(|(_, rules, amount)| second(rules, amount)) { 2 } else { 0 }
}

/// What one request may take.
pub(super) fn decide(rules: &BTreeMap<String, AssetRules>, others: Answer, spends: &[(Asset, u128)]) -> Decision {
    let mut decision = Decision::Allow;
    for (asset, limits, amount) in listed(rules, spends) {
        let above = |limit: Option<Amount>| limit.filter(|limit| amount > limit.0).map(Amount::units);
        let rule = |name: &str| format!("assets.\"{asset}\".{name}");
        // Of a collection, the number that looks like an amount is that of the item, and there can be an item 0.
        if asset.is_token() && amount == 0 && limits.max == Some(Amount(0)) {
            let denied =
                Decision::deny(&format!("0 of {asset}, or the item 0 of a collection, would leave, and nothing of it may"));
            decision = decision.and(denied.by(&rule("max")));
        }
        if let Some(limit) = above(limits.max) {
            let denied = Decision::deny(&format!("{amount} of {asset} would leave, above the limit of {limit}"));
            decision = decision.and(denied.by(&rule("max")));
        }
        for (limit, name) in [(limits.ask_above, "ask_above"), (limits.second_approval_above, "second_approval_above")] {
            if let Some(limit) = above(limit) {
                let asked = Decision::ask(&format!("{amount} of {asset} would leave, more than {limit}"));
                decision = decision.and(asked.by(&rule(name)));
            }
        }
    }
    let unlisted = unlisted(rules, spends).map(|asset| {
        let reason = format!("{asset} is not among the assets that are listed here");
        // It could be one that is listed.
        if others == Answer::Allow && asset.is_unnamed_token() {
            return Decision::deny(&format!("{reason}, and not named in full")).by("other_tokens");
        }
        others.decide(&reason, "other_tokens")
    });
    unlisted.fold(decision, Decision::and)
}

/// What leaves and is not listed: whoever lists a token means these tokens and no other, and so with the coins of Ethereum's chains, on
/// all of which a key has the same address.
fn unlisted<'a>(rules: &BTreeMap<String, AssetRules>, spends: &'a [(Asset, u128)]) -> impl Iterator<Item = &'a Asset> {
    let tokens = rules.keys().any(|name| name.contains('/'));
    let coins = rules.keys().any(|name| name.starts_with("eip155:") && !name.contains('/'));
    let concerned = move |asset: &Asset| tokens && asset.is_token() || coins && asset.is_ethereum_coin();
    let is_listed = |asset: &Asset| rules.keys().any(|name| asset.is_under(name));
    spends.iter().map(|(asset, _)| asset).filter(move |asset| concerned(asset) && !is_listed(asset))
}

/// What leaves under each rule, by the rule's own name: what is signed for every chain counts on each that is listed.
fn listed<'a>(
    rules: &'a BTreeMap<String, AssetRules>,
    spends: &'a [(Asset, u128)],
) -> impl Iterator<Item = (Asset, &'a AssetRules, u128)> {
    rules.iter().filter_map(|(name, rules)| {
        let mut amounts = spends.iter().filter(|(asset, _)| asset.is_under(name)).map(|(_, amount)| *amount);
        let first = amounts.next()?;
        // The names were read when the policy was.
        Some((name.parse().ok()?, rules, amounts.fold(first, u128::saturating_add)))
    })
}

/// The same under the names that descriptions use.
pub(super) fn normalized(rules: &BTreeMap<String, AssetRules>) -> Result<BTreeMap<String, AssetRules>, ConfigError> {
    let mut named = BTreeMap::new();
    for (text, rules) in rules {
        let asset: Asset = text.parse().map_err(|source| ConfigError::Address { section: "assets", source })?;
        if named.insert(asset.to_string(), *rules).is_some() {
            return Err(ConfigError::SameAsset { asset });
        }
    }
    Ok(named)
}
