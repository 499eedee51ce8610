//! The policy that a configuration file can express.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{
    AddressListError, AddressRules, Answer, Approvals, AssetRules, Budget, CallRules, Decision, EvmLimits, Hours, Limits, Policy,
    PsbtLimits, SignRequestView, SolanaLimits, assets,
};
use crate::{
    payload::{AddressError, Asset, Details, Effect, kind},
    request::RequesterKey,
};

/// The length of every hash that chains sign.
const HASH: usize = 32;

/// Allows kinds of payloads, raw digests by the key's name, and transactions up to limits, to requesters that it knows, in the hours that
/// it names, with the approvals that it asks for.
///
/// By default nothing is allowed. [`documents`](Self::documents) allows messages, PSBTs, Ethereum transactions, typed data and Solana
/// messages without limits, but for what is denied until a rule says otherwise: calls and instructions that are not decoded here,
/// delegatecalls, approvals without a limit, upgrades of proxies and programs, changes of owners, and documents for no chain; and raw
/// digests, and messages of exactly 32 bytes, for every key.
///
/// Each denial names its rule as this file has it, for example `(rule calls.delegatecall)`.
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
///     [approvals.keys]
///     anna = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
///     ben = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
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
///     max_fee_gwei = 20_000_000
///     not_decoded = "ask"                  # calls, documents, new contracts that are not understood; denied by default
///
///     [solana]
///     max_lamports = 2_000_000_000         # that may leave the key, the fee included
///     max_fee_lamports = 100_000
///     not_decoded = "ask"                  # instructions that are not understood here; denied by default
///
///     [calls]                              # each "allow", "ask" or "deny"; denied by default
///     unlimited_approval = "ask"
///     upgrade = "ask"
///
///     [addresses]
///     allow = ["0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"]  # nobody else gets anything
///     deny = ["0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"]   # and this one never does
///
///     [assets."eip155:1"]                  # in wei; also tokens, eip155:1/erc20:0x…, bitcoin, solana, solana/token:…
///     max = "1000000000000000000"
///     per_day = "5000000000000000000"      # counted durably when a share leaves
///     second_approval_above = "500000000000000000"
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
    /// The names of the keys that may sign raw digests, and messages of exactly 32 bytes, which can be one.
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
    /// What transactions may do beside moving coins and tokens.
    pub calls: CallRules,
    /// Who may, and who must not, get something.
    pub addresses: AddressRules,
    /// How much may leave, by asset.
    pub assets: BTreeMap<String, AssetRules>,
    /// What happens to tokens that are not among the assets, if any token is, and to the coins of Ethereum chains that are not, if any
    /// of them is. `allow` covers no token that the signed bytes do not name.
    pub other_tokens: Answer,
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
    /// The ids of the Ethereum chains that it is for; those that the rest of the policy allows, if absent.
    pub chains: Option<BTreeSet<u64>>,
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
    /// An address, or the name of an asset, that cannot be used.
    #[error("under [policy.{section}]")]
    Address {
        /// The part of the policy.
        section: &'static str,
        /// What is wrong with it.
        source: AddressError,
    },
    /// A file with addresses that cannot be used.
    #[error("under [policy.addresses]")]
    AddressFile(#[from] AddressListError),
    /// One asset under two spellings.
    #[error("the asset {asset} is listed twice under [policy.assets]")]
    SameAsset {
        /// The asset.
        asset: Asset,
    },
    /// A second approval that nobody could give.
    #[error("second_approval_above needs [policy.approvals] with at least two keys")]
    SecondApproval,
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
    /// Allows messages, PSBTs, Ethereum transactions, typed data and Solana messages, without limits.
    #[must_use]
    pub fn documents() -> Self {
        let kinds = [kind::MESSAGE, kind::PSBT, kind::EVM, kind::TYPED_DATA, kind::SOLANA];
        Self { payloads: kinds.map(str::to_owned).into(), ..Self::default() }
    }

    /// Reads the files with addresses that the policy names, relative to `directory`. Until then it denies all that has a recipient.
    ///
    /// # Errors
    ///
    /// [`AddressListError`].
    pub fn load_lists(&mut self, directory: &std::path::Path) -> Result<(), AddressListError> {
        self.addresses.load(directory)
    }

    /// Refuses what a part of a larger configuration must not say either.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], but for [`ConfigError::Toml`].
    pub fn checked(mut self) -> Result<Self, ConfigError> {
        self.addresses.normalize().map_err(|source| ConfigError::Address { section: "addresses", source })?;
        self.assets = assets::normalized(&self.assets)?;
        let people = self.approvals.as_ref().map_or(0, |approvals| approvals.keys.len());
        if people < 2 && self.assets.values().any(|rules| rules.second_approval_above.is_some()) {
            return Err(ConfigError::SecondApproval);
        }
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
            decision = decision.and(Decision::Deny { reason }.by("require_requester"));
        }
        if let Some(listed) = rules.and_then(|rules| rules.requesters.as_ref())
            && !known.is_some_and(|name| listed.contains(name))
        {
            let who = known.map_or("whoever asks", String::as_str);
            let denied = Decision::deny(&format!("{who} is not a requester of the key {:?}", request.key.name));
            decision = decision.and(denied.by(&format!("keys.{:?}.requesters", request.key.name)));
        }
        let kind = request.payload.kind();
        if rules.and_then(|rules| rules.payloads.as_ref()).is_some_and(|kinds| !kinds.contains(kind)) {
            let reason = format!("payloads of kind {kind} are not allowed for the key {:?}", request.key.name);
            decision = decision.and(Decision::Deny { reason }.by(&format!("keys.{:?}.payloads", request.key.name)));
        }
        decision
    }

    fn decide_kind(&self, request: &SignRequestView<'_>) -> Decision {
        let kind = request.payload.kind();
        if kind == kind::DIGEST {
            return self.decide_digest(request.key.name);
        }
        if self.payloads.contains(kind) {
            let is_hash = kind == kind::MESSAGE && request.payload.encode().len() == HASH;
            return if is_hash { self.decide_hash(request.key.name) } else { Decision::Allow };
        }
        if self.payloads.is_empty() {
            return Decision::deny(
                "nothing is allowed here; list kinds of payloads under [policy] of the cosigner's configuration",
            )
            .by("payloads");
        }
        let allowed: Vec<&str> = self.payloads.iter().map(String::as_str).collect();
        Decision::deny(&format!("payloads of kind {kind} are not allowed here; allowed are: {}", allowed.join(", ")))
            .by("payloads")
    }

    /// A message as long as a hash: what contracts check is often a signature on one, as a message (the transactions of a Safe, the
    /// operations of ERC-4337), and then the message is a digest under another name.
    fn decide_hash(&self, key: &str) -> Decision {
        if self.allow_raw_digest.contains(key) {
            return Decision::Allow;
        }
        Decision::deny(&format!(
            "a message of exactly 32 bytes can be the hash of a transaction that nobody sees, and raw digests are not allowed for the \
             key {key:?}; send the whole document, or add the key's name to allow_raw_digest"
        ))
        .by("allow_raw_digest")
    }

    fn decide_digest(&self, key: &str) -> Decision {
        if self.allow_raw_digest.contains(key) {
            return Decision::Allow;
        }
        Decision::deny(&format!(
            "raw digests are not allowed for the key {key:?}, for nobody can tell what they stand for; send the whole document, or \
             add the key's name to allow_raw_digest"
        ))
        .by("allow_raw_digest")
    }
}

impl KeyRules {
    const fn limits(&self) -> Limits {
        Limits::new(self.per_hour, self.per_day)
    }
}

impl BuiltinPolicy {
    /// Whether what the transaction does is allowed.
    fn decide_content(&self, request: &SignRequestView<'_>) -> Decision {
        let description = request.description;
        let (limited, chain) = match (&description.details, request.payload.kind()) {
            (Details::Psbt(details), kind::PSBT) => (self.psbt.decide(details), None),
            (Details::Evm(details), kind::EVM) => (self.evm.decide(details), Some(Some(details.chain_id))),
            (Details::TypedData(details), kind::TYPED_DATA) => (Decision::Allow, Some(details.chain_id)),
            (Details::Solana(details), kind::SOLANA) => (self.solana.decide(details), None),
            (_, kind::PSBT | kind::EVM | kind::TYPED_DATA | kind::SOLANA) => {
                return Decision::deny("the transaction comes without its details");
            }
            (Details::Opaque | Details::Psbt(_) | Details::Evm(_) | Details::Solana(_) | Details::TypedData(_), _) => {
                return Decision::Allow;
            }
        };
        let chain = chain.map_or(Decision::Allow, |chain| self.decide_chain(chain, request.key.name));
        let own = if let Details::Evm(details) = &description.details { Some(details.from.as_str()) } else { None };
        let not_decoded = match request.payload.kind() {
            kind::SOLANA => (self.solana.not_decoded, "solana.not_decoded"),
            _ => (self.evm.not_decoded, "evm.not_decoded"),
        };
        let judge = |effect: &Effect| self.calls.decide(effect, not_decoded).and(self.addresses.decide(effect, own));
        let effects = description.effects.iter().map(judge).fold(Decision::Allow, Decision::and);
        let effects = effects.and(self.addresses.decide_holders(&description.effects));
        limited.and(chain).and(effects).and(assets::decide(&self.assets, self.other_tokens, &description.spends))
    }

    /// Whether a transaction or document for this chain is allowed; one for no chain is for all of them.
    fn decide_chain(&self, chain: Option<u64>, key: &str) -> Decision {
        let decide = |chains: Option<&BTreeSet<u64>>, rule: &str| match (chains, chain) {
            (None, _) => Decision::Allow,
            (Some(chains), Some(chain)) if chains.contains(&chain) => Decision::Allow,
            (Some(_), Some(chain)) => Decision::deny(&format!("transactions on chain {chain} are not allowed here")).by(rule),
            (Some(_), None) => Decision::deny("the document names no chain, and would be valid on all of them").by(rule),
        };
        let of_key = self.keys.get(key).and_then(|rules| rules.chains.as_ref());
        let named = match chain {
            Some(_) => Decision::Allow,
            None => self.evm.no_chain.decide("the document names no chain, and would be valid on all of them", "evm.no_chain"),
        };
        named.and(decide(self.evm.chains.as_ref(), "evm.chains")).and(decide(of_key, &format!("keys.{key:?}.chains")))
    }
}

impl Policy for BuiltinPolicy {
    fn decide(&self, request: &SignRequestView<'_>) -> Decision {
        let hours = self.hours.as_ref().map_or(Decision::Allow, |hours| hours.decide(request).by("hours"));
        let content = self.decide_content(request);
        let decision = self.decide_kind(request).and(content).and(self.decide_requester(request)).and(hours);
        match &self.approvals {
            Some(approvals) => {
                let least = assets::least_approvals(&self.assets, &request.description.spends);
                approvals.decide(request, self.requester_of(request).is_some(), least, decision)
            }
            None => decision,
        }
    }

    fn limits(&self, request: &SignRequestView<'_>) -> Limits {
        let narrower = self.keys.get(request.key.name).map(KeyRules::limits);
        narrower.unwrap_or_default().and(self.limits)
    }

    fn budgets(&self, request: &SignRequestView<'_>) -> Vec<Budget> {
        assets::budgets(&self.assets, &request.description.spends)
    }
}
