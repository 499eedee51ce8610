//! The policy that a configuration file can express.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Approvals, Decision, Hours, Limits, Policy, SignRequestView};
use crate::{
    payload::{Details, EvmDetails, PsbtDetails, SolanaDetails, kind},
    request::RequesterKey,
};

const WEI_PER_GWEI: u128 = 1_000_000_000;

/// Allows kinds of payloads, raw digests by the key's name, and transactions up to limits, to requesters that it knows, in the hours that
/// it names, with the approvals that it asks for.
///
/// By default nothing is allowed. [`documents`](Self::documents) allows messages, PSBTs, Ethereum transactions and Solana messages without
/// limits, but a person is asked about Ethereum transactions with data and Solana messages with instructions that are not decoded here;
/// raw digests stay denied for every key.
///
/// # Security
///
/// Whoever controls one cosigner can ask the others. So set `require_requester`: then only a request that a listed requester signed is
/// considered, whichever cosigner it comes through. Without it, what a policy allows without a limit, one breached provider can have
/// signed. Allow only what the key is for, and limit it.
///
/// # Examples
///
/// ```
/// let policy: quorate::policy::BuiltinPolicy = r#"
///     payloads = ["psbt"]                  # no plain messages, nothing on Solana
///     allow_raw_digest = ["timestamping"]  # the names of keys
///     require_requester = true             # unsigned requests are denied
///
///     [requesters]                         # `quorate requester show` prints such a line
///     payroll = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
///
///     [limits]                             # requests that one key may serve; a repetition is free
///     per_hour = 20
///     per_day = 100
///
///     [hours]                              # UTC
///     days = ["mon", "tue", "wed", "thu", "fri"]
///     from = 8
///     to = 18
///
///     [approvals]                          # of people, each with a key of their own
///     needed = 1
///     when = "asked"                       # only where a person decides; "always" by default
///     keys = { anna = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c" }
///
///     [keys."treasury.bip340"]             # narrower still, for one key
///     requesters = ["payroll"]
///     per_day = 5
///
///     [psbt]
///     max_fee = 50_000                     # satoshi
///     max_amount = 10_000_000              # satoshi that may leave the key, the fee included
///     ask_above = 1_000_000                # from there on, a person decides
///
///     [evm]
///     chains = [1]                         # Ethereum's main network alone
///     max_gwei = 2_000_000_000             # that may leave the key, the fee included
///     not_decoded = "deny"                 # calls with data, new contracts; by default a person is asked
///
///     [solana]
///     max_lamports = 2_000_000_000         # that may leave the key, the fee included
///     not_decoded = "deny"                 # instructions that are not understood here; by default a person is asked
/// "#
/// .parse()?;
/// # Ok::<(), quorate::policy::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BuiltinPolicy {
    /// The kinds of payloads that are allowed, but for raw digests.
    pub payloads: BTreeSet<String>,
    /// The names of the keys that may sign raw digests.
    pub allow_raw_digest: BTreeSet<String>,
    /// Limits for Bitcoin transactions.
    pub psbt: PsbtLimits,
    /// Limits for Ethereum transactions.
    pub evm: EvmLimits,
    /// Limits for Solana transactions.
    pub solana: SolanaLimits,
    /// The requesters that are known here, by name.
    pub requesters: BTreeMap<String, RequesterKey>,
    /// Whether requests that no known requester signed are denied.
    pub require_requester: bool,
    /// How many requests each key may serve over time.
    pub limits: Limits,
    /// When requests are considered at all; always, if absent.
    pub hours: Option<Hours>,
    /// Whose approval requests need; nobody's, if absent.
    pub approvals: Option<Approvals>,
    /// What is narrower for single keys, by their names (`<wallet>.<suite>`).
    pub keys: BTreeMap<String, KeyRules>,
}

/// What is narrower for one key: both this and the rest of the policy must allow a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KeyRules {
    /// The kinds of payloads; all that the rest of the policy allows, if absent.
    pub payloads: Option<BTreeSet<String>>,
    /// The names of the requesters that may use it; with this list, no unsigned request does.
    pub requesters: Option<BTreeSet<String>>,
    /// How many requests it may serve in any hour.
    pub per_hour: Option<u32>,
    /// How many requests it may serve in any 24 hours.
    pub per_day: Option<u32>,
}

/// Limits for one Bitcoin transaction, in satoshi. Absent limits do not limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PsbtLimits {
    /// The highest fee.
    pub max_fee: Option<u64>,
    /// The most that the key may lose: its inputs less the outputs that return to it, so that the fee counts too.
    pub max_amount: Option<u64>,
    /// If the key loses more than that, a person is asked.
    pub ask_above: Option<u64>,
}

/// Limits for one Ethereum transaction. Absent limits do not limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EvmLimits {
    /// The ids of the chains that are allowed. A key has the same address on all of them.
    pub chains: Option<BTreeSet<u64>>,
    /// The most gwei (10⁻⁹ ether) that the key may lose: the value and the highest fee. What a call does to tokens is not counted.
    pub max_gwei: Option<u64>,
    /// What happens to transactions with data, which is not decoded here, and to those that create a contract.
    pub not_decoded: NotDecoded,
}

/// Limits for one Solana transaction. Absent limits do not limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SolanaLimits {
    /// The most lamports that the key may lose, the fee included. Messages with instructions that are not decoded are denied then,
    /// for nobody can tell what they cost. Tokens are not counted.
    pub max_lamports: Option<u64>,
    /// What happens to messages with instructions that are not decoded, or that touch accounts which the message does not name.
    pub not_decoded: NotDecoded,
}

/// What happens to documents that are not understood in all their parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum NotDecoded {
    /// They are signed.
    Allow,
    /// A person decides.
    #[default]
    Ask,
    /// They are not signed.
    Deny,
}

/// The policy section of a configuration cannot be used. Whoever wrote it must change it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not TOML, or not the fields that there are.
    #[error("the policy cannot be read")]
    Toml(#[from] Box<toml::de::Error>),
    /// `digest` among the payloads.
    #[error("raw digests cannot be allowed for all keys; list the names of keys under allow_raw_digest")]
    DigestForAllKeys,
    /// A rule names a requester that is not listed.
    #[error("the rules of the key {key:?} name {requester:?}, who is not under [policy.requesters]")]
    UnknownRequester {
        /// The key's name.
        key: String,
        /// The requester's name.
        requester: String,
    },
    /// Requesters are required, and none is listed.
    #[error("require_requester without any requester denies everything; list them under [policy.requesters]")]
    NoRequesters,
    /// Approvals are needed, and no requester is listed for whose requests they would count.
    #[error("approvals count for requests of listed requesters alone; list them under [policy.requesters]")]
    ApprovalsWithoutRequesters,
    /// One key under two names, which would count for two.
    #[error("the same key is listed under two names")]
    SameKey,
    /// More approvals than there are keys, or none.
    #[error("needed, under [policy.approvals], is between 1 and the number of its keys, and at most 32")]
    Approvals,
    /// Hours that are none.
    #[error("[policy.hours] needs at least one day, and from < to <= 24")]
    Hours,
    /// A limit out of its range.
    #[error("a limit of requests over time is between 1 and 20000")]
    Limits,
}

impl core::str::FromStr for BuiltinPolicy {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let policy: Self = toml::from_str(text).map_err(Box::new)?;
        policy.checked()
    }
}

impl BuiltinPolicy {
    /// Allows messages, PSBTs, Ethereum transactions and Solana messages, without limits.
    #[must_use]
    pub fn documents() -> Self {
        Self { payloads: [kind::MESSAGE, kind::PSBT, kind::EVM, kind::SOLANA].map(str::to_owned).into(), ..Self::default() }
    }

    /// Refuses what a part of a larger configuration must not say either.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], but for [`ConfigError::Toml`].
    pub fn checked(self) -> Result<Self, ConfigError> {
        if self.payloads.contains(kind::DIGEST) {
            return Err(ConfigError::DigestForAllKeys);
        }
        if self.require_requester && self.requesters.is_empty() {
            return Err(ConfigError::NoRequesters);
        }
        if self.approvals.is_some() && self.requesters.is_empty() {
            return Err(ConfigError::ApprovalsWithoutRequesters);
        }
        if self.requesters.values().collect::<BTreeSet<_>>().len() != self.requesters.len() {
            return Err(ConfigError::SameKey);
        }
        for (key, rules) in &self.keys {
            let unknown = rules.requesters.iter().flatten().find(|name| !self.requesters.contains_key(*name));
            if let Some(requester) = unknown {
                return Err(ConfigError::UnknownRequester { key: key.clone(), requester: requester.clone() });
            }
        }
        let limits = self.keys.values().map(KeyRules::limits).chain([self.limits]);
        if !limits.into_iter().all(Limits::is_valid) {
            return Err(ConfigError::Limits);
        }
        self.hours.as_ref().map_or(Ok(()), Hours::check)?;
        self.approvals.as_ref().map_or(Ok(()), Approvals::check)?;
        Ok(self)
    }

    /// The name of the listed requester that signed the request.
    fn requester_of(&self, request: &SignRequestView<'_>) -> Option<&String> {
        self.requesters.iter().find(|(_, key)| request.requester == Some(**key)).map(|(name, _)| name)
    }

    /// Whether the request comes from whom it must, and is of a kind that this very key serves.
    fn decide_requester(&self, request: &SignRequestView<'_>) -> Decision {
        let known = self.requester_of(request);
        let rules = self.keys.get(request.key.name);
        let mut decision = Decision::Allow;
        if self.require_requester && known.is_none() {
            let reason = match request.requester {
                None => "the request is not signed; a requester that is listed here must sign it".to_owned(),
                Some(key) => format!("the requester {key} is not listed here"),
            };
            decision = decision.and(Decision::Deny { reason });
        }
        if let Some(listed) = rules.and_then(|rules| rules.requesters.as_ref())
            && !known.is_some_and(|name| listed.contains(name))
        {
            let who = known.map_or("whoever asks", String::as_str);
            decision = decision.and(Decision::deny(&format!("{who} is not a requester of the key {:?}", request.key.name)));
        }
        let kind = request.payload.kind();
        if rules.and_then(|rules| rules.payloads.as_ref()).is_some_and(|kinds| !kinds.contains(kind)) {
            let reason = format!("payloads of kind {kind} are not allowed for the key {:?}", request.key.name);
            decision = decision.and(Decision::Deny { reason });
        }
        decision
    }

    fn decide_kind(&self, request: &SignRequestView<'_>) -> Decision {
        let kind = request.payload.kind();
        if kind == kind::DIGEST {
            return self.decide_digest(request.key.name);
        }
        if self.payloads.contains(kind) {
            return Decision::Allow;
        }
        if self.payloads.is_empty() {
            return Decision::deny(
                "nothing is allowed here; list kinds of payloads under [policy] of the cosigner's configuration",
            );
        }
        let allowed: Vec<&str> = self.payloads.iter().map(String::as_str).collect();
        Decision::deny(&format!("payloads of kind {kind} are not allowed here; allowed are: {}", allowed.join(", ")))
    }

    fn decide_digest(&self, key: &str) -> Decision {
        if self.allow_raw_digest.contains(key) {
            return Decision::Allow;
        }
        Decision::deny(&format!(
            "raw digests are not allowed for the key {key:?}, for nobody can tell what they stand for; send the whole document, or \
             add the key's name to allow_raw_digest"
        ))
    }
}

impl KeyRules {
    const fn limits(&self) -> Limits {
        Limits::new(self.per_hour, self.per_day)
    }
}

impl PsbtLimits {
    fn decide(&self, details: &PsbtDetails) -> Decision {
        let (fee, spent) = (details.fee, details.spent);
        let above = |limit: Option<u64>, value: u64| limit.filter(|limit| value > *limit);
        let mut decision = Decision::Allow;
        if let Some(limit) = above(self.max_fee, fee) {
            decision = decision.and(Decision::deny(&format!("the fee of {fee} sat is above the limit of {limit} sat")));
        }
        if let Some(limit) = above(self.max_amount, spent) {
            decision = decision.and(Decision::deny(&format!("the key would lose {spent} sat, above the limit of {limit} sat")));
        }
        if let Some(limit) = above(self.ask_above, spent) {
            decision = decision.and(Decision::ask(&format!("the key would lose {spent} sat, more than {limit} sat")));
        }
        decision
    }
}

impl EvmLimits {
    fn decide(&self, details: &EvmDetails) -> Decision {
        let (chain, spent) = (details.chain_id, details.spent);
        let mut decision = Decision::Allow;
        if self.chains.as_ref().is_some_and(|chains| !chains.contains(&chain)) {
            decision = decision.and(Decision::deny(&format!("transactions on chain {chain} are not allowed here")));
        }
        if let Some(limit) = self.max_gwei.filter(|limit| spent > u128::from(*limit).saturating_mul(WEI_PER_GWEI)) {
            let reason = format!("the key would lose up to {spent} wei, above the limit of {limit} gwei");
            decision = decision.and(Decision::Deny { reason });
        }
        if !details.is_decoded() {
            let reason = "the transaction has data that is not decoded here, so that nobody can tell what it does".to_owned();
            decision = decision.and(match self.not_decoded {
                NotDecoded::Deny => Decision::Deny { reason },
                NotDecoded::Ask => Decision::Ask { reason },
                NotDecoded::Allow => Decision::Allow,
            });
        }
        decision
    }
}

impl SolanaLimits {
    fn decide(&self, details: &SolanaDetails) -> Decision {
        let hidden = details.instructions.iter().position(|instruction| !instruction.is_decoded());
        let unclear = hidden.map_or(Decision::Allow, |index| self.decide_hidden(index));
        match self.max_lamports.filter(|limit| details.spent > *limit) {
            Some(limit) => {
                let spent = details.spent;
                unclear.and(Decision::deny(&format!("the key would lose {spent} lamports, above the limit of {limit} lamports")))
            }
            None => unclear,
        }
    }

    fn decide_hidden(&self, index: usize) -> Decision {
        let reason = format!("instruction {index} is not decoded here, so that nobody can tell what it does");
        match (self.not_decoded, self.max_lamports) {
            (NotDecoded::Deny, _) | (_, Some(_)) => Decision::Deny { reason },
            (NotDecoded::Ask, None) => Decision::Ask { reason },
            (NotDecoded::Allow, None) => Decision::Allow,
        }
    }
}

impl Policy for BuiltinPolicy {
    fn decide(&self, request: &SignRequestView<'_>) -> Decision {
        let limited = match (&request.description.details, request.payload.kind()) {
            (Details::Psbt(details), kind::PSBT) => self.psbt.decide(details),
            (Details::Evm(details), kind::EVM) => self.evm.decide(details),
            (Details::Solana(details), kind::SOLANA) => self.solana.decide(details),
            (_, kind::PSBT | kind::EVM | kind::SOLANA) => Decision::deny("the transaction comes without its details"),
            (Details::Opaque | Details::Psbt(_) | Details::Evm(_) | Details::Solana(_), _) => Decision::Allow,
        };
        let hours = self.hours.as_ref().map_or(Decision::Allow, |hours| hours.decide(request));
        let decision = self.decide_kind(request).and(limited).and(self.decide_requester(request)).and(hours);
        match &self.approvals {
            Some(approvals) => approvals.decide(request, self.requester_of(request).is_some(), decision),
            None => decision,
        }
    }

    fn limits(&self, request: &SignRequestView<'_>) -> Limits {
        let narrower = self.keys.get(request.key.name).map(KeyRules::limits);
        narrower.unwrap_or_default().and(self.limits)
    }
}
