//! Who may have what signed.

use quorate::{
    payload::{AnyPayload, Description, Digest, EvmTransaction, KeyUse, KeyView, Message, Payload, SolanaMessage},
    policy::{All, BuiltinPolicy, ConfigError, Decision, Policy, RequestedKey, SignRequestView},
};
use quorate_core::PeerId;

use crate::payload::{
    evm,
    keys::{Bip340Key, EcdsaKey, Ed25519Key},
    solana::{lookup_transfer, transfer},
    template::{filled_psbt, filled_solana, filled_wpkh},
};

fn decide(policy: &dyn Policy, name: &str, key: &dyn KeyView, payload: &dyn Payload) -> Decision {
    let description = payload.describe(&KeyUse::new(key, &[])).unwrap();
    decide_described(policy, name, key, payload, &description)
}

fn decide_described(
    policy: &dyn Policy,
    name: &str,
    key: &dyn KeyView,
    payload: &dyn Payload,
    description: &Description,
) -> Decision {
    let requested = RequestedKey::new(name, &[7; 32], key.suite(), &[]);
    let proposer = PeerId::new([1; 32]);
    policy.decide(&SignRequestView::new(requested, proposer, "request-1", payload, description))
}

fn builtin(text: &str) -> BuiltinPolicy {
    text.parse().unwrap()
}

fn denied_because(decision: &Decision, part: &str) {
    assert!(matches!(decision, Decision::Deny { reason } if reason.contains(part)), "{decision:?} without {part}");
}

#[test]
fn empty_policy_allows_nothing() {
    let (bip340, ed25519) = (Bip340Key::new(1), Ed25519Key::new(1));
    let policy = builtin("");
    assert_eq!(policy, BuiltinPolicy::default());
    denied_because(&decide(&policy, "hot", &bip340, &Message::new(*b"hello").unwrap()), "nothing is allowed here");
    denied_because(&decide(&policy, "hot", &bip340, &filled_psbt(&bip340)), "nothing is allowed here");
    denied_because(&decide(&policy, "hot", &ed25519, &filled_solana(&ed25519)), "nothing is allowed here");
    denied_because(&decide(&policy, "hot", &bip340, &Digest::new([1; 32])), "raw digests are not allowed");
}

#[test]
fn document_policy_allows_documents_and_denies_raw_digests() {
    let (bip340, ed25519) = (Bip340Key::new(1), Ed25519Key::new(1));
    let policy = BuiltinPolicy::documents();
    assert_eq!(builtin(r#"payloads = ["message", "psbt", "evm", "typed-data", "solana"]"#), policy);
    let ecdsa = EcdsaKey::new(1);
    assert_eq!(decide(&policy, "hot", &ecdsa, &EvmTransaction::parse(&evm::transfer()).unwrap()), Decision::Allow);
    assert_eq!(decide(&policy, "hot", &ecdsa, &filled_wpkh(&ecdsa)), Decision::Allow);
    denied_because(&decide(&policy, "hot", &ecdsa, &Digest::new([1; 32])), "raw digests are not allowed");
    let message = Message::new(*b"hello").unwrap();
    assert_eq!(decide(&policy, "hot", &bip340, &message), Decision::Allow);
    assert_eq!(decide(&policy, "hot", &bip340, &filled_psbt(&bip340)), Decision::Allow);
    assert_eq!(decide(&policy, "hot", &ed25519, &filled_solana(&ed25519)), Decision::Allow);
    denied_because(&decide(&policy, "hot", &bip340, &Digest::new([1; 32])), "raw digests are not allowed for the key \"hot\"");
}

#[test]
fn raw_digest_is_allowed_for_keys_named_and_for_no_other() {
    let key = Bip340Key::new(1);
    let policy = builtin(r#"allow_raw_digest = ["cold-1"]"#);
    let digest = AnyPayload::new(Digest::new([1; 32]));
    assert_eq!(decide(&policy, "cold-1", &key, &digest), Decision::Allow);
    for other in ["cold-2", "COLD-1", "cold-1 ", ""] {
        denied_because(&decide(&policy, other, &key, &digest), "raw digests are not allowed");
    }
}

#[test]
fn raw_digests_for_all_keys_are_a_configuration_error() {
    let parsed: Result<BuiltinPolicy, ConfigError> = r#"payloads = ["psbt", "digest"]"#.parse();
    assert_eq!(parsed, Err(ConfigError::DigestForAllKeys));
}

#[test]
fn payload_kinds_that_are_not_listed_are_denied() {
    let (bip340, ed25519) = (Bip340Key::new(1), Ed25519Key::new(1));
    let policy = builtin(r#"payloads = ["psbt"]"#);
    assert_eq!(decide(&policy, "hot", &bip340, &filled_psbt(&bip340)), Decision::Allow);
    denied_because(
        &decide(&policy, "hot", &bip340, &Message::new(*b"hello").unwrap()),
        "kind message are not allowed here; allowed are: psbt",
    );
    denied_because(&decide(&policy, "hot", &ed25519, &filled_solana(&ed25519)), "kind solana are not allowed");
}

#[test]
fn psbt_limits_deny_and_ask_above_and_allow_at_the_limit() {
    // The template's fee is 1 000, and 121 000 leave the key.
    let key = Bip340Key::new(1);
    let psbt = filled_psbt(&key);
    let with = |limits: &str| decide(&builtin(&format!("payloads = [\"psbt\"]\n[psbt]\n{limits}")), "hot", &key, &psbt);
    assert_eq!(with("max_fee = 1_000\nmax_amount = 121_000\nask_above = 121_000"), Decision::Allow);
    denied_because(&with("max_fee = 999"), "the fee of 1000 sat is above the limit of 999 sat");
    denied_because(&with("max_amount = 120_999"), "would lose 121000 sat, above the limit of 120999 sat");
    assert!(matches!(with("ask_above = 120_999"), Decision::Ask { reason } if reason.contains("121000 sat")));
    let both = with("max_fee = 1\nmax_amount = 2\nask_above = 3");
    denied_because(&both, "the fee of 1000");
    denied_because(&both, "would lose 121000");
}

#[test]
fn transaction_without_its_details_is_denied() {
    let key = Bip340Key::new(1);
    let decision = decide_described(&BuiltinPolicy::documents(), "hot", &key, &filled_psbt(&key), &Description::new("harmless"));
    denied_because(&decision, "without its details");
}

fn decide_solana(limits: &str, bytes: &[u8]) -> Decision {
    let key = Ed25519Key::new(1);
    decide(&builtin(&format!("payloads = [\"solana\"]\n[solana]\n{limits}")), "hot", &key, &SolanaMessage::parse(bytes).unwrap())
}

#[test]
fn solana_limit_counts_transfers_and_the_fee() {
    let bytes = transfer(&Ed25519Key::new(1).public(), 1_000_000);
    assert_eq!(decide_solana("max_lamports = 1_005_000", &bytes), Decision::Allow);
    denied_because(&decide_solana("max_lamports = 1_004_999", &bytes), "would lose 1005000 lamports, above the limit of 1004999");
}

#[test]
fn solana_instructions_that_are_not_decoded_are_denied_unless_configured() {
    let hidden = lookup_transfer(&Ed25519Key::new(1).public());
    let mut unknown = transfer(&Ed25519Key::new(1).public(), 5);
    unknown[138] = 99;
    for bytes in [hidden, unknown] {
        denied_because(&decide_solana("", &bytes), "nobody can tell: instruction 0 of System (rule solana.not_decoded)");
        assert!(
            matches!(decide_solana("not_decoded = \"ask\"", &bytes), Decision::Ask { reason } if reason.contains("instruction 0"))
        );
        assert_eq!(decide_solana("not_decoded = \"allow\"", &bytes), Decision::Allow);
        denied_because(
            &decide_solana("not_decoded = \"allow\"\nmax_lamports = 10_000_000_000", &bytes),
            "instruction 0 is not decoded",
        );
    }
}

fn decide_evm(limits: &str, bytes: &[u8]) -> Decision {
    let key = EcdsaKey::new(1);
    decide(&builtin(&format!("payloads = [\"evm\"]\n[evm]\n{limits}")), "hot", &key, &EvmTransaction::parse(bytes).unwrap())
}

#[test]
fn evm_limit_counts_the_value_and_the_highest_fee_on_the_chains_that_are_named() {
    // 0.25 ether, and 60 000 units of gas at 30 gwei.
    let bytes = evm::transfer();
    assert_eq!(decide_evm("max_gwei = 251_800_000\nchains = [5, 1]", &bytes), Decision::Allow);
    denied_because(&decide_evm("max_gwei = 251_799_999", &bytes), "251800000000000000 wei, above the limit of 251799999 gwei");
    denied_because(&decide_evm("chains = [5, 10]", &bytes), "transactions on chain 1 are not allowed");
    denied_because(&decide_evm("chains = []", &bytes), "transactions on chain 1 are not allowed");
}

#[test]
fn evm_calls_that_are_not_decoded_are_denied_unless_configured() {
    let bytes = evm::call();
    denied_because(&decide_evm("", &bytes), "nobody can tell: the call transfer(address,uint256)");
    denied_because(&decide_evm("", &bytes), "(rule evm.not_decoded)");
    assert!(matches!(decide_evm("not_decoded = \"ask\"", &bytes), Decision::Ask { .. }));
    assert_eq!(decide_evm("not_decoded = \"allow\"", &bytes), Decision::Allow);
    denied_because(&decide_evm("not_decoded = \"allow\"\nmax_gwei = 1", &bytes), "above the limit of 1 gwei");
}

#[test]
fn psbt_limits_hold_for_ecdsa_keys_too() {
    let key = EcdsaKey::new(1);
    let with =
        |limits: &str| decide(&builtin(&format!("payloads = [\"psbt\"]\n[psbt]\n{limits}")), "hot", &key, &filled_wpkh(&key));
    assert_eq!(with("max_fee = 1_000\nmax_amount = 121_000"), Decision::Allow);
    denied_because(&with("max_amount = 120_999"), "would lose 121000 sat");
}

#[test]
fn misspelt_settings_are_refused() {
    for text in
        ["payload = []", "[psbt]\nmax_fees = 1", "[evm]\nmax_wei = 1", "[evm]\nchains = 1", "allow_raw_digest = true", "["]
    {
        let parsed: Result<BuiltinPolicy, ConfigError> = text.parse();
        assert!(matches!(parsed, Err(ConfigError::Toml(_))), "{text}");
    }
}

struct Always(Decision);

impl Policy for Always {
    fn decide(&self, _: &SignRequestView<'_>) -> Decision {
        self.0.clone()
    }
}

#[test]
fn all_lets_deny_win_over_ask_over_allow() {
    let key = Bip340Key::new(1);
    let message = Message::new(*b"hello").unwrap();
    let all = |decisions: &[&Decision]| {
        let policies = decisions.iter().map(|decision| Box::new(Always((*decision).clone())) as Box<dyn Policy>).collect();
        decide(&All::new(policies), "hot", &key, &message)
    };
    let (allow, ask, deny) = (Decision::Allow, Decision::ask("look"), Decision::deny("no"));
    assert_eq!(all(&[&allow, &allow]), allow);
    for order in [[&allow, &ask, &allow], [&ask, &allow, &allow], [&allow, &allow, &ask]] {
        assert_eq!(all(&order), ask);
    }
    for order in [[&allow, &ask, &deny], [&deny, &ask, &allow], [&ask, &deny, &allow]] {
        assert_eq!(all(&order), deny);
    }
    assert_eq!(all(&[&deny, &Decision::deny("never")]), Decision::deny("no; never"));
    denied_because(&all(&[]), "no policy");
}

const ANNA: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
const BEN: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

fn decide_signed(text: &str, requester: Option<&str>, approvals: &[&str], now: Option<u64>) -> Decision {
    let (key, payload) = (Ed25519Key::new(1), Message::new(*b"hello").unwrap());
    let description = payload.describe(&KeyUse::new(&key, &[])).unwrap();
    let requested = RequestedKey::new("hot", &[7; 32], key.suite(), &[]);
    let mut view = SignRequestView::new(requested, PeerId::new([1; 32]), "request-1", &payload, &description);
    let approvals: Vec<_> = approvals.iter().map(|key| key.parse().unwrap()).collect();
    if let Some(requester) = requester {
        view = view.signed(requester.parse().unwrap(), &approvals);
    }
    if let Some(now) = now {
        view = view.at(now);
    }
    builtin(&format!("payloads = [\"message\"]\n{text}")).decide(&view)
}

#[test]
fn rules_of_a_key_are_narrower_than_the_rest() {
    let listed = format!("requesters = {{ anna = \"{ANNA}\", ben = \"{BEN}\" }}\n");
    let with = |rules: &str| decide_signed(&format!("{listed}[keys.hot]\n{rules}"), Some(ANNA), &[], None);
    assert_eq!(with("requesters = [\"anna\"]"), Decision::Allow);
    denied_because(&with("requesters = [\"ben\"]"), "anna is not a requester of the key \"hot\"");
    denied_because(&with("requesters = []"), "anna is not a requester");
    denied_because(&with("payloads = [\"psbt\"]"), "payloads of kind message are not allowed for the key \"hot\"");
    denied_because(
        &decide_signed(&format!("{listed}[keys.hot]\nrequesters = [\"anna\"]"), None, &[], None),
        "whoever asks is not",
    );
    assert_eq!(decide_signed(&format!("{listed}[keys.cold]\nrequesters = []"), None, &[], None), Decision::Allow);
}

#[test]
fn approvals_answer_questions_and_no_denial() {
    let approvals = |rest: &str| {
        let listed = format!("requesters = {{ anna = \"{ANNA}\" }}\n");
        format!("{listed}{rest}\n[approvals]\nneeded = 1\nwhen = \"asked\"\nkeys = {{ anna = \"{ANNA}\", ben = \"{BEN}\" }}")
    };
    assert_eq!(decide_signed(&approvals(""), None, &[], None), Decision::Allow, "nobody was asked");
    let always = |requester, approvers: &[&str]| {
        decide_signed(&approvals("").replace("asked", "always"), Some(requester), approvers, None)
    };
    assert_eq!(always(ANNA, &[BEN]), Decision::Allow);
    // One's own approval does not count.
    assert!(matches!(always(ANNA, &[ANNA]), Decision::Ask { reason } if reason.contains("0 of 1")));
    // Nor does it if one asks with a key that was made for that: nobody's approval counts for strangers.
    let stranger = "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e";
    for approvers in [[ANNA].as_slice(), &[BEN], &[ANNA, BEN]] {
        assert!(
            matches!(always(stranger, approvers), Decision::Ask { reason } if reason.contains("requesters that are listed here"))
        );
    }
    let night = approvals("[hours]\nfrom = 1\nto = 2");
    denied_because(&decide_signed(&night, Some(ANNA), &[BEN], Some(0)), "it is 1970-01-01 00:00:00 UTC");
    denied_because(&decide_signed(&night, Some(ANNA), &[BEN], None), "nobody says what time it is");
}

#[test]
fn rules_about_people_that_contradict_themselves_are_refused() {
    let fails = |text: &str| text.parse::<BuiltinPolicy>().unwrap_err();
    let listed = format!("requesters = {{ anna = \"{ANNA}\" }}\n");
    let two = format!("{{ anna = \"{ANNA}\", ben = \"{BEN}\" }}");
    assert_eq!(fails("require_requester = true"), ConfigError::NoRequesters);
    assert_eq!(fails(&format!("requesters = {{ a = \"{ANNA}\", b = \"{ANNA}\" }}")), ConfigError::SameKey);
    assert_eq!(fails(&format!("[approvals]\nneeded = 1\nkeys = {two}")), ConfigError::ApprovalsWithoutRequesters);
    assert_eq!(
        fails(&format!("{listed}[approvals]\nneeded = 1\nkeys = {{ a = \"{ANNA}\", b = \"{ANNA}\" }}")),
        ConfigError::SameKey
    );
    for needed in [0, 3] {
        assert_eq!(fails(&format!("{listed}[approvals]\nneeded = {needed}\nkeys = {two}")), ConfigError::Approvals);
    }
    for hours in ["from = 9\nto = 9", "from = 9\nto = 25", "days = []"] {
        assert_eq!(fails(&format!("[hours]\n{hours}")), ConfigError::Hours);
    }
    assert_eq!(fails("[limits]\nper_day = 0"), ConfigError::Limits);
    assert_eq!(fails("[keys.hot]\nper_hour = 20001"), ConfigError::Limits);
    assert!(
        matches!(fails("[keys.hot]\nrequesters = [\"zoe\"]"), ConfigError::UnknownRequester { requester, .. } if requester == "zoe")
    );
    for text in
        ["requesters = { anna = \"00\" }", "[hours]\ndays = [\"moon\"]", "[limits]\nper_week = 1", "[approvals]\nneeded = 1"]
    {
        assert!(matches!(fails(text), ConfigError::Toml(_)), "{text}");
    }
}
