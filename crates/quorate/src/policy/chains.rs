//! Limits for single transactions, by the kind of chain.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Answer, Decision};
use crate::payload::{EvmDetails, PsbtDetails, SolanaDetails};

const WEI_PER_GWEI: u128 = 1_000_000_000;

/// Limits for one Bitcoin transaction, in satoshi. Absent limits do not limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PsbtLimits {
    /// The highest fee.
    pub max_fee: Option<u64>,
    /// The most that the key may lose: what does not return to it and the fee, but no more than its inputs hold. Where others pay in
    /// too, their part counts as this key's.
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
    /// The highest fee, in gwei.
    pub max_fee_gwei: Option<u64>,
    /// What happens to calls and typed data that are not decoded here, and to transactions that create a contract.
    pub not_decoded: Answer,
    /// What happens to typed data whose domain names no chain, so that it is valid on all of them. Denied all the same if
    /// [`chains`](Self::chains) are listed.
    pub no_chain: Answer,
}

/// Limits for one Solana transaction. Absent limits do not limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SolanaLimits {
    /// The most lamports that the key may lose, the fee included. Messages with instructions that are not decoded, or that give what
    /// is left in an account to others, are denied then, for nobody can tell what they cost. Tokens are not counted.
    pub max_lamports: Option<u64>,
    /// The highest fee, in lamports.
    pub max_fee_lamports: Option<u64>,
    /// What happens to messages with instructions that are not decoded, or that touch accounts which the message does not name.
    pub not_decoded: Answer,
}

impl PsbtLimits {
    pub(super) fn decide(&self, details: &PsbtDetails) -> Decision {
        let (fee, spent) = (details.fee, details.spent);
        let above = |limit: Option<u64>, value: u64| limit.filter(|limit| value > *limit);
        let mut decision = Decision::Allow;
        if let Some(limit) = above(self.max_fee, fee) {
            let denied = Decision::deny(&format!("the fee of {fee} sat is above the limit of {limit} sat"));
            decision = decision.and(denied.by("psbt.max_fee"));
        }
        if let Some(limit) = above(self.max_amount, spent) {
            let denied = Decision::deny(&format!("the key would lose {spent} sat, above the limit of {limit} sat"));
            decision = decision.and(denied.by("psbt.max_amount"));
        }
        if let Some(limit) = above(self.ask_above, spent) {
            let asked = Decision::ask(&format!("the key would lose {spent} sat, more than {limit} sat"));
            decision = decision.and(asked.by("psbt.ask_above"));
        }
        decision
    }
}

impl EvmLimits {
    pub(super) fn decide(&self, details: &EvmDetails) -> Decision {
        let above = |limit: Option<u64>, wei: u128| limit.filter(|limit| wei > u128::from(*limit).saturating_mul(WEI_PER_GWEI));
        let (spent, fee) = (details.spent, details.max_fee);
        let mut decision = Decision::Allow;
        if let Some(limit) = above(self.max_gwei, spent) {
            let denied = Decision::deny(&format!("the key would lose up to {spent} wei, above the limit of {limit} gwei"));
            decision = decision.and(denied.by("evm.max_gwei"));
        }
        if let Some(limit) = above(self.max_fee_gwei, fee) {
            let denied = Decision::deny(&format!("the fee of up to {fee} wei is above the limit of {limit} gwei"));
            decision = decision.and(denied.by("evm.max_fee_gwei"));
        }
        decision
    }
}

impl SolanaLimits {
    pub(super) fn decide(&self, details: &SolanaDetails) -> Decision {
        let (spent, fee) = (details.spent, details.max_fee);
        let mut decision = Decision::Allow;
        if let Some(limit) = self.max_lamports.filter(|limit| spent > *limit) {
            let denied = Decision::deny(&format!("the key would lose {spent} lamports, above the limit of {limit} lamports"));
            decision = decision.and(denied.by("solana.max_lamports"));
        }
        if let Some(limit) = self.max_fee_lamports.filter(|limit| fee > *limit && details.pays_fee) {
            let denied = Decision::deny(&format!("the fee of up to {fee} lamports is above the limit of {limit} lamports"));
            decision = decision.and(denied.by("solana.max_fee_lamports"));
        }
        let mut calls = details.instructions.iter().enumerate();
        match (calls.find(|(_, call)| !call.tells_cost(&details.own)), self.max_lamports) {
            (Some((index, call)), Some(_)) => {
                let why = if call.is_decoded() { "gives away what is left in an account" } else { "is not decoded here" };
                let denied = Decision::deny(&format!("instruction {index} {why}, so that nobody can tell what it costs"));
                decision.and(denied.by("solana.max_lamports"))
            }
            _ => decision,
        }
    }
}
