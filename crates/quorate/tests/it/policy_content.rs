//! What policies say to what transactions do.

use std::collections::BTreeSet;

use quorate::{
    payload::{Details, Effect, EvmTransaction, KeyUse, KeyView, Message, Payload, SolanaMessage, TypedData},
    policy::{BuiltinPolicy, ConfigError, Decision, Policy, RequestedKey, SignRequestView},
};
use quorate_core::PeerId;

use crate::payload::{
    calls::{CONTRACT, calling, data_of, safe},
    evm,
    keys::{Bip340Key, EcdsaKey, Ed25519Key},
    solana::{closing, token_call, transfer},
    template::filled_psbt,
    typed::document,
};

const KINDS: &str = "payloads = [\"psbt\", \"evm\", \"typed-data\", \"solana\"]\n";

fn policy(rules: &str) -> BuiltinPolicy {
    format!("{KINDS}{rules}").parse().unwrap()
}

fn decide_with(policy: &BuiltinPolicy, key: &dyn KeyView, payload: &dyn Payload) -> Decision {
    let description = payload.describe(&KeyUse::new(key, &[])).unwrap();
    let requested = RequestedKey::new("hot", &[7; 32], key.suite(), &[]);
    policy.decide(&SignRequestView::new(requested, PeerId::new([1; 32]), "request-1", payload, &description))
}

pub(crate) fn evm_call(rules: &str, data: &[u8]) -> Decision {
    decide_with(&policy(rules), &EcdsaKey::new(1), &EvmTransaction::parse(&calling(data)).unwrap())
}

fn typed(rules: &str, label: &str) -> Decision {
    decide_with(&policy(rules), &EcdsaKey::new(1), &TypedData::parse(document(label).to_string().as_bytes()).unwrap())
}

#[track_caller]
pub(crate) fn denied(decision: &Decision, parts: &[&str]) {
    let Decision::Deny { reason } = decision else { panic!("{decision:?}") };
    assert!(parts.iter().all(|part| reason.contains(part)), "{reason}");
}

pub(crate) fn unlimited() -> Vec<u8> {
    let mut data = data_of("approve");
    data[36..].fill(0xff);
    data
}

#[test]
fn dangerous_calls_are_denied_by_default_each_by_its_rule_and_allowed_by_name() {
    let delegatecall = safe(CONTRACT, &data_of("transfer"), 1, 0);
    for (rule, data) in [
        ("calls.delegatecall", delegatecall),
        ("calls.unlimited_approval", unlimited()),
        ("calls.upgrade", data_of("upgradeTo")),
        ("calls.owner_change", data_of("transferOwnership")),
        ("calls.owner_change", data_of("swapOwner")),
        ("calls.owner_change", safe(CONTRACT, &data_of("addOwnerWithThreshold"), 0, 0)),
        ("calls.owner_change", data_of("changeAdmin")),
        ("evm.not_decoded", vec![1, 2, 3, 4]),
        ("evm.not_decoded", data_of("approveHash")),
    ] {
        denied(&evm_call("", &data), &[&format!("(rule {rule})")]);
        let (section, field) = rule.split_once('.').unwrap();
        let ask = format!("[{section}]\n{field} = \"ask\"");
        // What a delegatecall does is not decoded either.
        let ask = if rule == "calls.delegatecall" { format!("{ask}\n[evm]\nnot_decoded = \"ask\"") } else { ask };
        assert!(matches!(evm_call(&ask, &data), Decision::Ask { reason } if reason.contains(rule)), "{rule}");
        assert_eq!(evm_call(&ask.replace("ask", "allow"), &data), Decision::Allow, "{rule}");
    }
    // Plain use of a token needs no rule; every danger in one transaction is named.
    assert_eq!(evm_call("", &data_of("transfer")), Decision::Allow);
    let both = evm_call("", &safe(CONTRACT, &data_of("transferOwnership"), 1, 0));
    denied(&both, &["calls.delegatecall", "calls.owner_change"]);
}

#[test]
fn typed_data_is_judged_as_what_it_permits() {
    denied(&typed("", "safe delegatecall"), &["(rule calls.delegatecall)"]);
    denied(&typed("[calls]\ndelegatecall = \"allow\"", "safe delegatecall"), &["the delegatecall of", "(rule evm.not_decoded)"]);
    denied(&typed("", "permit"), &["(rule calls.unlimited_approval)"]);
    denied(&typed("", "EIP-712 example"), &["document of the type Mail", "(rule evm.not_decoded)"]);
    assert_eq!(typed("", "safe call"), Decision::Allow);
    assert_eq!(typed("", "permit2 single"), Decision::Allow);
    denied(&typed("[evm]\nchains = [5]", "safe call"), &["on chain", "(rule evm.chains)"]);
    denied(&typed("[evm]\nnot_decoded = \"allow\"", "integers"), &["names no chain", "(rule evm.no_chain)"]);
    assert_eq!(typed("[evm]\nnot_decoded = \"allow\"\nno_chain = \"allow\"", "integers"), Decision::Allow);
    let nowhere = typed("[evm]\nno_chain = \"allow\"\nchains = [1]\nnot_decoded = \"allow\"", "integers");
    denied(&nowhere, &["names no chain, and would be valid on all of them", "(rule evm.chains)"]);
    // Allowed alone, if the kind is.
    let others: BuiltinPolicy = "payloads = [\"evm\"]".parse().unwrap();
    let payload = TypedData::parse(document("safe call").to_string().as_bytes()).unwrap();
    denied(&decide_with(&others, &EcdsaKey::new(1), &payload), &["kind typed-data", "(rule payloads)"]);
}

#[test]
fn chain_that_is_not_the_keys_is_denied_by_name() {
    let with = |rules: &str| decide_with(&policy(rules), &EcdsaKey::new(1), &EvmTransaction::parse(&evm::transfer()).unwrap());
    denied(&with("[keys.hot]\nchains = [10]"), &["transactions on chain 1 are not allowed", "(rule keys.\"hot\".chains)"]);
    assert_eq!(with("[keys.hot]\nchains = [1]"), Decision::Allow);
    assert_eq!(with("[keys.cold]\nchains = [10]"), Decision::Allow);
    denied(&with("[keys.hot]\nchains = [1]\n[evm]\nchains = [10]"), &["(rule evm.chains)"]);
}

#[test]
fn fee_ceilings_name_their_rule() {
    let evm = |rules: &str| decide_with(&policy(rules), &EcdsaKey::new(1), &EvmTransaction::parse(&evm::transfer()).unwrap());
    assert_eq!(evm("[evm]\nmax_fee_gwei = 1_800_000"), Decision::Allow);
    denied(&evm("[evm]\nmax_fee_gwei = 1_799_999"), &["the fee of up to 1800000000000000 wei", "(rule evm.max_fee_gwei)"]);
    let key = Ed25519Key::new(1);
    let payload = SolanaMessage::parse(&transfer(&key.public(), 5)).unwrap();
    let solana = |rules: &str| decide_with(&policy(rules), &key, &payload);
    assert_eq!(solana("[solana]\nmax_fee_lamports = 5_000"), Decision::Allow);
    denied(&solana("[solana]\nmax_fee_lamports = 4_999"), &["(rule solana.max_fee_lamports)"]);
    let bitcoin = Bip340Key::new(1);
    denied(&decide_with(&policy("[psbt]\nmax_fee = 999"), &bitcoin, &filled_psbt(&bitcoin)), &["(rule psbt.max_fee)"]);
}

/// The recipients of what leaves, as descriptions show them.
fn recipients(key: &dyn KeyView, payload: &dyn Payload) -> BTreeSet<String> {
    let description = payload.describe(&KeyUse::new(key, &[])).unwrap();
    description.effects.iter().flat_map(|effect| effect.addresses().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn only_those_on_the_allow_list_get_something_on_every_chain() {
    let (bitcoin, ethereum, solana) = (Bip340Key::new(1), EcdsaKey::new(1), Ed25519Key::new(1));
    let psbt = filled_psbt(&bitcoin);
    let coins = EvmTransaction::parse(&evm::transfer()).unwrap();
    let tokens = EvmTransaction::parse(&calling(&data_of("transfer"))).unwrap();
    let approval = EvmTransaction::parse(&calling(&data_of("approve"))).unwrap();
    let message = SolanaMessage::parse(&transfer(&solana.public(), 5)).unwrap();
    let cases: [(&dyn KeyView, &dyn Payload); 5] =
        [(&bitcoin, &psbt), (&ethereum, &coins), (&ethereum, &tokens), (&ethereum, &approval), (&solana, &message)];
    for (key, payload) in cases {
        let all = recipients(key, payload);
        let listed = |list: &BTreeSet<String>| {
            format!("[calls]\nunlimited_approval = \"allow\"\n[addresses]\nallow = {:?}", list.iter().collect::<Vec<_>>())
        };
        assert_eq!(decide_with(&policy(&listed(&all)), key, payload), Decision::Allow);
        // Other spellings of the same address.
        let lower: BTreeSet<String> =
            all.iter().map(|text| if text.starts_with("0x") { text.to_lowercase() } else { text.clone() }).collect();
        assert_eq!(decide_with(&policy(&listed(&lower)), key, payload), Decision::Allow);
        denied(&decide_with(&policy("[addresses]\nallow = []"), key, payload), &["is not among those", "(rule addresses.allow)"]);
        for address in &all {
            let deny = format!("[addresses]\ndeny = [{address:?}]");
            denied(&decide_with(&policy(&deny), key, payload), &[address, "(rule addresses.deny)"]);
        }
    }
}

#[test]
fn list_of_a_file_denies_with_its_date_and_digest_and_one_that_was_not_read_denies_all() {
    let folder = tempfile::tempdir().unwrap();
    let thief = CONTRACT.to_checksum(None);
    let text = format!(
        "# attributed to thieves\ndate 2026-11-23\n\n{} # a bridge\n1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa\n",
        thief.to_lowercase()
    );
    std::fs::write(folder.path().join("thieves.txt"), &text).unwrap();
    let digest = "sha256";
    let mut policy = policy("[addresses]\ndeny_files = [{ path = \"thieves.txt\" }]");
    let payload = EvmTransaction::parse(&evm::transfer()).unwrap();
    let key = EcdsaKey::new(1);
    denied(&decide_with(&policy, &key, &payload), &["the list thieves.txt was not read"]);
    policy.load_lists(folder.path()).unwrap();
    denied(
        &decide_with(&policy, &key, &payload),
        &[&thief, "thieves.txt of 2026-11-23, SHA-256 ", "(rule addresses.deny_files)"],
    );
    let innocent = EvmTransaction::parse(&evm::to_another()).unwrap();
    assert_eq!(decide_with(&policy, &key, &innocent), Decision::Allow);
    // Another file than the one that was meant, and files that do not stand.
    let load = |rule: &str, text: &str| {
        std::fs::write(folder.path().join("thieves.txt"), text).unwrap();
        let mut policy: BuiltinPolicy = format!("{KINDS}[addresses]\ndeny_files = [{{ path = \"{rule}\" }}]").parse().unwrap();
        policy.load_lists(folder.path()).unwrap_err().to_string()
    };
    let pinned = format!("thieves.txt\", {digest} = \"{}", "00".repeat(32));
    assert!(load(&pinned, &text).contains("and not the one that the policy names"));
    assert!(load("nowhere.txt", &text).contains("cannot read"));
    for wrong in ["", "date 2026-13-01", "date yesterday", "date 2026-11-23\ndate 2026-11-24"] {
        assert!(load("thieves.txt", wrong).contains("exactly one line with its date"), "{wrong}");
    }
    assert!(load("thieves.txt", "date 2026-11-23\n0x1234").contains("line 2 of"));
}

#[test]
fn addresses_and_assets_that_do_not_stand_are_refused_by_name() {
    let fails = |rules: &str| {
        let error = format!("{KINDS}{rules}").parse::<BuiltinPolicy>().unwrap_err();
        let source = std::error::Error::source(&error).map(|source| source.to_string());
        format!("{error}: {}", source.unwrap_or_default())
    };
    let list = |address: &str| fails(&format!("[addresses]\nallow = [\"{address}\"]"));
    // A digit of a checksum, a test network, no address.
    assert!(list("0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD827").contains("wrong checksum (EIP-55)"));
    assert!(list("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx").contains("of another network"));
    for wrong in ["", "0x12", "hello", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "0xzz2a3d9F938E13CD947Ec05AbC7FE734Df8DD827"]
    {
        assert!(list(wrong).contains("no address"), "{wrong}: {}", list(wrong));
    }
    for wrong in ["ether", "eip155:01", "eip155:1/erc20:0x12", "solana/token:x", "bitcoin/x", "eip155:1/"] {
        let refused = fails(&format!("[assets.\"{wrong}\"]\nmax = 1"));
        assert!(refused.contains("names no asset") || refused.contains("no address"), "{wrong}: {refused}");
    }
    // With letters, so that there are two spellings.
    let contract = "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826";
    assert_ne!(contract, contract.to_lowercase());
    let twice = format!(
        "[assets.\"eip155:1/erc20:{contract}\"]\nmax = 1\n[assets.\"eip155:1/erc20:{}\"]\nmax = 1",
        contract.to_lowercase()
    );
    assert!(fails(&twice).contains("listed twice"));
    for wrong in [
        "max = -1",
        "max = \"01\"",
        "max = \"x\"",
        "max = 1.5",
        "maximum = 1",
        "max = \"340282366920938463463374607431768211455\"",
    ] {
        assert!(matches!(format!("[assets.bitcoin]\n{wrong}").parse::<BuiltinPolicy>(), Err(ConfigError::Toml(_))), "{wrong}");
    }
    assert!(matches!("[assets.bitcoin]\nsecond_approval_above = 5".parse::<BuiltinPolicy>(), Err(ConfigError::SecondApproval)));
}

#[test]
fn limits_of_assets_count_coins_tokens_approvals_and_fees() {
    let token = format!("eip155:1/erc20:{}", CONTRACT.to_checksum(None));
    let mut data = data_of("transfer");
    data[36..].fill(0);
    data[67] = 200;
    let of_token = |rules: &str| evm_call(&format!("[assets.\"{token}\"]\n{rules}"), &data);
    assert_eq!(of_token("max = 200"), Decision::Allow);
    denied(&of_token("max = 199"), &["200 of eip155:1/erc20:", "above the limit of 199", ".max)"]);
    assert!(matches!(of_token("ask_above = 199"), Decision::Ask { reason } if reason.contains("ask_above")));
    // Tokens that are not listed, once some are.
    let other = format!("[assets.\"eip155:10/erc20:{}\"]\nmax = 5", CONTRACT.to_checksum(None));
    denied(&evm_call(&other, &data), &["is not among the assets", "(rule other_tokens)"]);
    assert_eq!(evm_call(&format!("other_tokens = \"allow\"\n{other}"), &data), Decision::Allow);
    // 0.25 ether and the fee.
    let coins = |max: &str| {
        let rules = format!("[assets.\"eip155:1\"]\nmax = \"{max}\"");
        decide_with(&policy(&rules), &EcdsaKey::new(1), &EvmTransaction::parse(&evm::transfer()).unwrap())
    };
    assert_eq!(coins("251800000000000000"), Decision::Allow);
    denied(&coins("251799999999999999"), &["251800000000000000 of eip155:1 would leave"]);
    // An approval without limit is above every limit.
    let approval = evm_call(
        &format!(
            "[calls]\nunlimited_approval = \"allow\"\n[assets.\"{token}\"]\nmax = \"340282366920938463463374607431768211454\""
        ),
        &unlimited(),
    );
    denied(&approval, &[".max)"]);
    let bitcoin = Bip340Key::new(1);
    denied(&decide_with(&policy("[assets.bitcoin]\nmax = 120_999"), &bitcoin, &filled_psbt(&bitcoin)), &["121000 of bitcoin"]);
    let solana = Ed25519Key::new(1);
    let message = SolanaMessage::parse(&transfer(&solana.public(), 5)).unwrap();
    denied(&decide_with(&policy("[assets.solana]\nmax = 5_004"), &solana, &message), &["5005 of solana"]);
}

#[test]
fn second_approval_is_needed_above_its_limit() {
    let people = [
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
    ];
    let [wallet, anna, ben] = people;
    let policy = policy(&format!(
        "requesters = {{ wallet = \"{wallet}\" }}\n[approvals]\nneeded = 1\nwhen = \"asked\"\nkeys = {{ anna = \"{anna}\", ben = \"{ben}\" }}\n\
         [assets.\"eip155:1\"]\nask_above = 1000\nsecond_approval_above = \"251799999999999999\""
    ));
    let decide = |bytes: &[u8], approvals: &[&str]| {
        let (key, payload) = (EcdsaKey::new(1), EvmTransaction::parse(bytes).unwrap());
        let description = payload.describe(&KeyUse::new(&key, &[])).unwrap();
        let requested = RequestedKey::new("hot", &[7; 32], key.suite(), &[]);
        let approvals: Vec<_> = approvals.iter().map(|key| key.parse().unwrap()).collect();
        let view = SignRequestView::new(requested, PeerId::new([1; 32]), "request-1", &payload, &description);
        policy.decide(&view.signed(wallet.parse().unwrap(), &approvals))
    };
    assert!(
        matches!(decide(&evm::transfer(), &[anna]), Decision::Ask { reason } if reason.contains("1 of 2 approvals") && reason.contains("second_approval_above"))
    );
    assert_eq!(decide(&evm::transfer(), &[anna, ben]), Decision::Allow);
    assert_eq!(decide(&evm::to_another(), &[anna]), Decision::Allow, "below the limit one is enough");
    assert!(matches!(decide(&evm::to_another(), &[]), Decision::Ask { .. }));
}

#[test]
fn account_of_coins_that_is_closed_to_a_cosigning_thief_is_denied() {
    let (key, thief) = (Ed25519Key::new(1), Ed25519Key::new(2));
    let decide = |rules: &str, to: u8| {
        let payload = SolanaMessage::parse(&closing(&key.public(), &thief.public(), to)).unwrap();
        decide_with(&policy(rules), &key, &payload)
    };
    denied(&decide("", 1), &["how many lamports of", "(rule solana.not_decoded)"]);
    let allowed = "[solana]\nnot_decoded = \"allow\"\n";
    assert_eq!(decide(allowed, 1), Decision::Allow);
    denied(&decide(&format!("{allowed}max_lamports = 1_000_000"), 1), &["instruction 0", "(rule solana.max_lamports)"]);
    let address = bs58::encode(thief.public()).into_string();
    denied(&decide(&format!("{allowed}[addresses]\ndeny = [\"{address}\"]"), 1), &["(rule addresses.deny)"]);
    assert_eq!(decide("[solana]\nmax_lamports = 1_000_000", 0), Decision::Allow);
}

#[test]
fn account_of_a_denied_wallet_for_a_named_token_is_denied() {
    let key = Ed25519Key::new(1);
    // Made by solders: that of the wallet 9… for the mint 2….
    let account: [u8; 32] = bs58::decode("4erX7gKsc2Fn2QeWyEYEz7Vi8vA3U7qmj54SbqDcfe6b").into_vec().unwrap().try_into().unwrap();
    let wallet = |byte: u8| bs58::encode([byte; 32]).into_string();
    let transfer = |tag: u8| {
        let data = [&[tag][..], &5_u64.to_le_bytes(), if tag == 12 { &[6] } else { &[] }].concat();
        // The recipient's account is the third, and the mint the second, if it is named.
        let bytes = token_call(&key.public(), &data);
        let place = bytes.windows(32).position(|window| window == [if tag == 12 { 3 } else { 2 }; 32]).unwrap();
        let mut changed = bytes;
        changed[place..place + 32].copy_from_slice(&account);
        SolanaMessage::parse(&changed).unwrap()
    };
    let decide = |denied: &str, tag| decide_with(&policy(&format!("[addresses]\ndeny = [\"{denied}\"]")), &key, &transfer(tag));
    denied(&decide(&wallet(9), 12), &[&wallet(9), "(rule addresses.deny)"]);
    assert_eq!(decide(&wallet(8), 12), Decision::Allow);
    // Without the mint nobody can tell.
    assert_eq!(decide(&wallet(9), 3), Decision::Allow);
    // The same by a file.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thieves.txt"), format!("date 2026-11-23\n{}\n", wallet(9))).unwrap();
    let mut listed = policy("[addresses]\ndeny_files = [{ path = \"thieves.txt\" }]");
    listed.load_lists(folder.path()).unwrap();
    denied(&decide_with(&listed, &key, &transfer(12)), &[&wallet(9), "(rule addresses.deny_files)"]);
}

/// A document of a Safe, with its chain or without one.
fn of_safe(label: &str, chain: Option<u64>) -> TypedData {
    let mut document = document(label);
    let domain = document["domain"].as_object_mut().unwrap();
    domain.remove("chainId");
    domain.extend(chain.map(|chain| ("chainId".to_owned(), chain.into())));
    let fields = document["types"]["EIP712Domain"].as_array_mut().unwrap();
    fields.retain(|field| chain.is_some() || field["name"] != "chainId");
    TypedData::parse(document.to_string().as_bytes()).unwrap()
}

#[test]
fn document_for_no_chain_is_under_the_rules_of_every_chain() {
    let key = EcdsaKey::new(1);
    let decide = |rules: &str, label: &str, chain| decide_with(&policy(rules), &key, &of_safe(label, chain));
    denied(&decide("", "safe plain transfer", None), &["valid on all of them", "(rule evm.no_chain)"]);
    let named = "[evm]\nno_chain = \"allow\"\n";
    assert_eq!(decide(named, "safe plain transfer", None), Decision::Allow);
    // One coin leaves, on any chain.
    for chain in [1, 10] {
        let max = |max: &str| format!("{named}[assets.\"eip155:{chain}\"]\nmax = \"{max}\"");
        assert_eq!(decide(&max("1000000000000000000"), "safe plain transfer", None), Decision::Allow);
        let rule = format!("(rule assets.\"eip155:{chain}\".max)");
        denied(&decide(&max("999999999999999999"), "safe plain transfer", None), &[&rule]);
    }
    let Details::TypedData(details) = of_safe("safe call", None).describe(&KeyUse::new(&key, &[])).unwrap().details else {
        panic!("other details")
    };
    let token = details.call.unwrap().inner[0].contract.clone();
    let of_token = |max: u64| format!("{named}[assets.\"eip155:10/erc20:{token}\"]\nmax = {max}");
    assert_eq!(decide(&of_token(250), "safe call", None), Decision::Allow);
    denied(&decide(&of_token(249), "safe call", None), &["above the limit of 249", "eip155:10/erc20:"]);
    // What leaves on any chain is counted with what leaves on the one.
    let counted = policy(&format!("{named}[assets.\"eip155:1\"]\nper_day = 5"));
    let payload = of_safe("safe plain transfer", None);
    let description = payload.describe(&KeyUse::new(&key, &[])).unwrap();
    let requested = RequestedKey::new("hot", &[7; 32], key.suite(), &[]);
    let budgets = counted.budgets(&SignRequestView::new(requested, PeerId::new([1; 32]), "r", &payload, &description));
    assert_eq!(
        budgets.iter().map(|budget| (budget.asset.as_str(), budget.amount)).collect::<Vec<_>>(),
        [("eip155:1", 1_000_000_000_000_000_000)]
    );
}

#[test]
fn tokens_without_a_name_and_coins_of_other_chains_are_not_what_is_listed() {
    let (ethereum, solana) = (EcdsaKey::new(1), Ed25519Key::new(1));
    let other = format!("[assets.\"eip155:1/erc20:{}\"]\nmax = 5", CONTRACT.to_checksum(None));
    let nowhere = |answer: &str| {
        let rules = format!("other_tokens = \"{answer}\"\n[evm]\nno_chain = \"allow\"\n{other}");
        decide_with(&policy(&rules), &ethereum, &of_safe("safe call", None))
    };
    denied(&nowhere("allow"), &["eip155:any/erc20:", "not named in full", "(rule other_tokens)"]);
    assert!(matches!(nowhere("ask"), Decision::Ask { .. }));
    // A plain transfer of SPL names no mint.
    let spl = |tag: u8| {
        let data = [&[tag][..], &5_u64.to_le_bytes(), if tag == 12 { &[6] } else { &[] }].concat();
        let payload = SolanaMessage::parse(&token_call(&solana.public(), &data)).unwrap();
        decide_with(&policy(&format!("other_tokens = \"allow\"\n{other}")), &solana, &payload)
    };
    denied(&spl(3), &["solana/token is not among", "not named in full", "(rule other_tokens)"]);
    assert_eq!(spl(12), Decision::Allow);
    // The coin of a chain that is not listed, once one is.
    let coin = |rules: &str| decide_with(&policy(rules), &ethereum, &EvmTransaction::parse(&evm::transfer()).unwrap());
    denied(&coin("[assets.\"eip155:10\"]\nmax = 5"), &["eip155:1 is not among the assets", "(rule other_tokens)"]);
    assert_eq!(coin("other_tokens = \"allow\"\n[assets.\"eip155:10\"]\nmax = 5"), Decision::Allow);
}

#[test]
fn token_of_which_nothing_may_leave_is_denied_as_item_zero_too() {
    let token = format!("eip155:1/erc20:{}", CONTRACT.to_checksum(None));
    for function in ["transfer", "approve"] {
        let mut data = data_of(function);
        data[36..].fill(0);
        let decide = |max: u8| evm_call(&format!("[assets.\"{token}\"]\nmax = {max}"), &data);
        denied(&decide(0), &["item 0 of a collection", ".max)"]);
        assert_eq!(decide(1), Decision::Allow);
    }
}

#[test]
fn message_as_long_as_a_hash_is_denied_unless_the_key_may_sign_digests() {
    let (ethereum, solana) = (EcdsaKey::new(1), Ed25519Key::new(1));
    let keys: [&dyn KeyView; 2] = [&ethereum, &solana];
    for key in keys {
        let decide = |rules: &str, length| {
            let policy: BuiltinPolicy = format!("payloads = [\"message\"]\n{rules}").parse().unwrap();
            decide_with(&policy, key, &Message::new(vec![9; length]).unwrap())
        };
        denied(&decide("", 32), &["exactly 32 bytes", "the key \"hot\"", "(rule allow_raw_digest)"]);
        denied(&decide("allow_raw_digest = [\"cold\"]", 32), &["(rule allow_raw_digest)"]);
        assert_eq!(decide("allow_raw_digest = [\"hot\"]", 32), Decision::Allow);
        for length in [0, 31, 33, 64] {
            assert_eq!(decide("", length), Decision::Allow);
        }
        // The kind must be allowed too.
        let digests: BuiltinPolicy = "allow_raw_digest = [\"hot\"]".parse().unwrap();
        denied(&decide_with(&digests, key, &Message::new([9; 32]).unwrap()), &["(rule payloads)"]);
        let told = Message::new([9; 32]).unwrap().describe(&KeyUse::new(key, &[])).unwrap();
        assert!(told.to_string().contains("warning: it can be the hash of a transaction"), "{told}");
    }
}

#[test]
fn value_of_a_new_contract_goes_to_its_address() {
    let key = EcdsaKey::new(1);
    let created = EvmTransaction::parse(&evm::creation()).unwrap();
    let description = created.describe(&KeyUse::new(&key, &[])).unwrap();
    let Details::Evm(details) = &description.details else { panic!("other details") };
    // keccak256(rlp([sender, nonce])), written out: a list of 22 bytes, an address of 20, and the nonce.
    let sender = hex::decode(details.from.trim_start_matches("0x")).unwrap();
    let hash = alloy_primitives::keccak256([&[0xd6, 0x94][..], &sender, &[7]].concat());
    let address = alloy_primitives::Address::from_slice(&hash[12..]).to_checksum(None);
    let is_paid = |effect: &Effect| matches!(effect, Effect::Transfer { asset, to, amount: 5 } if asset.as_str() == "eip155:1" && *to == address);
    assert!(description.effects.iter().any(is_paid), "{:?}", description.effects);
    assert_eq!(description.spends[0].1, details.max_fee + 5);
    let rules = "[evm]\nnot_decoded = \"allow\"\n[addresses]\nallow = []";
    denied(&decide_with(&policy(rules), &key, &created), &[&address, "(rule addresses.allow)"]);
}
