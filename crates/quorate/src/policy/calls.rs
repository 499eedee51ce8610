//! What transactions may do beside moving coins and tokens: each is denied until a rule of its own allows it.

use serde::Deserialize;

use super::Decision;
use crate::payload::Effect;

/// What happens to something that is not allowed by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Answer {
    /// It is signed.
    Allow,
    /// A person decides.
    Ask,
    /// It is not signed.
    #[default]
    Deny,
}

/// What transactions and documents may do to control, and with approvals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CallRules {
    /// Code of another contract that runs as if it were the account's own.
    pub delegatecall: Answer,
    /// Approvals of as good as all there is: 2⁸⁰ or more on Ethereum's chains, 2⁶³ or more on Solana, or a whole collection.
    pub unlimited_approval: Answer,
    /// Other code for a proxy or a program.
    pub upgrade: Answer,
    /// Other owners, administrators, modules, guards, thresholds or authorities.
    pub owner_change: Answer,
}

impl Answer {
    /// The decision, for that reason.
    pub(super) fn decide(self, reason: &str, rule: &str) -> Decision {
        match self {
            Self::Allow => Decision::Allow,
            Self::Ask => Decision::ask(reason).by(rule),
            Self::Deny => Decision::deny(reason).by(rule),
        }
    }
}

impl CallRules {
    /// What is said to an effect; what is not decoded has a rule of its chain.
    pub(super) fn decide(&self, effect: &Effect, (not_decoded, rule): (Answer, &str)) -> Decision {
        match effect {
            Effect::Delegatecall { to } => {
                let reason = format!("a delegatecall of {to}, whose code could do all that the account can");
                self.delegatecall.decide(&reason, "calls.delegatecall")
            }
            Effect::Approval { asset, spender, unlimited: true, .. } => {
                let reason = format!("{spender} could take all there is of {asset}");
                self.unlimited_approval.decide(&reason, "calls.unlimited_approval")
            }
            Effect::Upgrade { contract, code } => {
                self.upgrade.decide(&format!("{contract} would get the code of {code}"), "calls.upgrade")
            }
            Effect::OwnerChange { contract, method, .. } => {
                self.owner_change.decide(&format!("{method} would change who controls {contract}"), "calls.owner_change")
            }
            Effect::Undecoded { what } => {
                not_decoded.decide(&format!("it is not decoded here, so that nobody can tell: {what}"), rule)
            }
            Effect::Transfer { .. } | Effect::Approval { .. } | Effect::Call { .. } => Decision::Allow,
        }
    }
}
