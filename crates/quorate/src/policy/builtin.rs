//! The policy that a configuration file can express.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Decision, Policy, SignRequestView};
use crate::payload::{Details, EvmDetails, PsbtDetails, SolanaDetails, kind};

const WEI_PER_GWEI: u128 = 1_000_000_000;

/// Allows kinds of payloads, raw digests by the key's name, and transactions up to limits.
///
/// By default nothing is allowed. [`documents`](Self::documents) allows messages, PSBTs, Ethereum transactions and Solana messages without
/// limits, but a person is asked about Ethereum transactions with data and Solana messages with instructions that are not decoded here;
/// raw digests stay denied for every key.
///
/// # Security
///
/// A policy decides about documents, not yet about who asks: whoever controls one cosigner can ask the others, so what a policy allows
/// without a limit, one breached provider can have signed. Allow only what the key is for, and limit it.
///
/// # Examples
///
/// ```
/// let policy: quorate::policy::BuiltinPolicy = r#"
///     payloads = ["psbt"]                  # no plain messages, nothing on Solana
///     allow_raw_digest = ["timestamping"]  # the names of keys
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
    /// [`ConfigError::DigestForAllKeys`].
    pub fn checked(self) -> Result<Self, ConfigError> {
        if self.payloads.contains(kind::DIGEST) { Err(ConfigError::DigestForAllKeys) } else { Ok(self) }
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
        self.decide_kind(request).and(limited)
    }
}
