//! Who may have what signed: every cosigner asks its own policy before it takes part.
//!
//! A [`Policy`] sees the whole request and the document itself, parsed by this cosigner. It is asked when a request is proposed and
//! once more when its ceremony begins, and decides for this cosigner alone; a signature needs the consent of as many cosigners as the key's threshold says. [`BuiltinPolicy`] is what a
//! configuration file can say; [`All`] joins policies.

use quorate_core::{PeerId, SuiteId};

use crate::{
    payload::{Description, Payload},
    request::RequesterKey,
};

mod addresses;
mod assets;
mod budget;
mod builtin;
mod calls;
mod chains;
mod limits;
mod people;

pub use addresses::{AddressFile, AddressListError, AddressRules};
pub use assets::{Amount, AssetRules};
pub use budget::Budget;
pub use builtin::{BuiltinPolicy, ConfigError, KeyRules};
pub use calls::{Answer, CallRules};
pub use chains::{EvmLimits, PsbtLimits, SolanaLimits};
pub use limits::Limits;
pub use people::{Approvals, Day, Hours, When};

/// Judges requests for signatures.
///
/// A policy fails closed: what it does not understand, it denies.
pub trait Policy: Send + Sync {
    /// Decides on a request.
    fn decide(&self, request: &SignRequestView<'_>) -> Decision;

    /// How many requests the key of this one may serve over time; without limits, unless a policy says otherwise. The cosigner counts,
    /// durably, and once for each request id.
    fn limits(&self, request: &SignRequestView<'_>) -> Limits {
        let _ = request;
        Limits::default()
    }

    /// How much of each asset may leave by this key over time, and how much this request takes of it; without limits, unless a policy says
    /// otherwise. The cosigner counts, durably, before the first byte of a share leaves, and once for each request id.
    fn budgets(&self, request: &SignRequestView<'_>) -> Vec<Budget> {
        let _ = request;
        Vec::new()
    }
}

/// What a policy says to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Sign.
    Allow,
    /// Wait for a person to decide.
    Ask {
        /// What the person should look at.
        reason: String,
    },
    /// Do not sign.
    Deny {
        /// What the requester should change.
        reason: String,
    },
}

impl Decision {
    /// Denies.
    #[must_use]
    pub fn deny(reason: &str) -> Self {
        Self::Deny { reason: reason.to_owned() }
    }

    /// Asks a person.
    #[must_use]
    pub fn ask(reason: &str) -> Self {
        Self::Ask { reason: reason.to_owned() }
    }

    /// Names the rule that decides so, in the words of the configuration file.
    #[must_use]
    pub fn by(self, rule: &str) -> Self {
        match self {
            Self::Allow => Self::Allow,
            Self::Ask { reason } => Self::Ask { reason: format!("{reason} (rule {rule})") },
            Self::Deny { reason } => Self::Deny { reason: format!("{reason} (rule {rule})") },
        }
    }

    /// Joins two decisions: denying wins over asking, and asking over allowing. Equal ones join their reasons.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Deny { reason }, Self::Deny { reason: more }) => Self::Deny { reason: format!("{reason}; {more}") },
            (denied @ Self::Deny { .. }, _) | (_, denied @ Self::Deny { .. }) => denied,
            (Self::Ask { reason }, Self::Ask { reason: more }) => Self::Ask { reason: format!("{reason}; {more}") },
            (asked @ Self::Ask { .. }, Self::Allow) | (Self::Allow, asked @ Self::Ask { .. }) => asked,
            (Self::Allow, Self::Allow) => Self::Allow,
        }
    }
}

/// The key of a request, as the cosigner knows it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RequestedKey<'a> {
    /// The name that people gave it; policies allow by this name.
    pub name: &'a str,
    /// Its id.
    pub id: &'a [u8; 32],
    /// Its suite.
    pub suite: SuiteId,
    /// The path of the child that is to sign.
    pub path: &'a [u32],
}

impl<'a> RequestedKey<'a> {
    /// Names a key and the child that is to sign.
    #[must_use]
    pub const fn new(name: &'a str, id: &'a [u8; 32], suite: SuiteId, path: &'a [u32]) -> Self {
        Self { name, id, suite, path }
    }
}

/// A request for signatures, as a policy sees it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SignRequestView<'a> {
    /// Which key is to sign.
    pub key: RequestedKey<'a>,
    /// The cosigner that proposes the request to the others.
    pub proposer: PeerId,
    /// Who signed the request; nobody, if it is not signed. The cosigner checked the signature, and that the request has not expired.
    pub requester: Option<RequesterKey>,
    /// Who approved it, each once. The cosigner checked the signatures, and does not know whose keys these are.
    pub approvals: &'a [RequesterKey],
    /// When this cosigner was asked, in seconds of Unix time; nothing, if whoever made the view did not say.
    pub now: Option<u64>,
    /// The id that the requester gave the request, or a random one. The cosigner remembers what it stands for.
    pub request_id: &'a str,
    /// The document itself.
    pub payload: &'a dyn Payload,
    /// What this cosigner made of the document.
    pub description: &'a Description,
}

impl<'a> SignRequestView<'a> {
    /// Shows a request to a policy. `description` must be what `payload` says of itself for this key.
    #[must_use]
    pub const fn new(
        key: RequestedKey<'a>,
        proposer: PeerId,
        request_id: &'a str,
        payload: &'a dyn Payload,
        description: &'a Description,
    ) -> Self {
        Self { key, proposer, requester: None, approvals: &[], now: None, request_id, payload, description }
    }

    /// Says who signed the request, and who approved it.
    #[must_use]
    pub const fn signed(mut self, requester: RequesterKey, approvals: &'a [RequesterKey]) -> Self {
        self.requester = Some(requester);
        self.approvals = approvals;
        self
    }

    /// Says when it is, in seconds of Unix time.
    #[must_use]
    pub const fn at(mut self, now: u64) -> Self {
        self.now = Some(now);
        self
    }
}

/// Policies that must all agree: one that denies wins over one that asks, and that over those that allow.
pub struct All(Vec<Box<dyn Policy>>);

impl All {
    /// Joins policies. None at all deny everything.
    #[must_use]
    pub fn new(policies: Vec<Box<dyn Policy>>) -> Self {
        Self(policies)
    }
}

impl core::fmt::Debug for All {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "All({} policies)", self.0.len())
    }
}

impl Policy for All {
    fn decide(&self, request: &SignRequestView<'_>) -> Decision {
        let decisions = self.0.iter().map(|policy| policy.decide(request));
        decisions.reduce(Decision::and).unwrap_or_else(|| Decision::deny("no policy is configured"))
    }

    fn limits(&self, request: &SignRequestView<'_>) -> Limits {
        self.0.iter().map(|policy| policy.limits(request)).fold(Limits::default(), Limits::and)
    }

    fn budgets(&self, request: &SignRequestView<'_>) -> Vec<Budget> {
        Budget::joined(self.0.iter().flat_map(|policy| policy.budgets(request)))
    }
}
