//! The chains on the command line: the list, and a wallet's addresses on them.

use serde_json::Value;

use crate::support::{Place, line};

/// Every chain that must be there, and of how many of a wallet's three keys it has an address.
const REQUIRED: &str = "bitcoin bitcoin-p2pkh bitcoin-p2sh-p2wpkh bitcoin-p2tr bitcoin-cash bitcoin-sv litecoin dogecoin dash \
    zcash-transparent horizen decred ravencoin namecoin massgrid handshake ethereum ethereum-classic bnb-smart-chain polygon \
    mixin-virtual-machine xdc ripple:2 eos bitshares tron cosmos-hub akash bnb-beacon-chain filecoin nervos-ckb avalanche-x solana near \
    stellar algorand tezos:2 aptos ton polkadot:2 kusama:2 starcoin siacoin bytom bytom-2.0 terra internet-computer:2 arbitrum optimism \
    base avalanche-c";

#[test]
fn chains_lists_every_chain_with_what_it_was_tested_against() {
    let listed = line("chains --json").json();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), quorate_chains::chains().count());
    for name in REQUIRED.split_whitespace() {
        let name = name.split(':').next().unwrap();
        let entry = listed.iter().find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("{name}"));
        let expected = if matches!(name, "massgrid" | "bytom-2.0") { "constructed" } else { "published" };
        assert_eq!(entry["vectors"], expected, "{name}");
        assert!(!entry["curves"].as_array().unwrap().is_empty() && entry["address"].as_str().unwrap().len() > 2, "{name}");
    }
    let text = line("chains").succeeds();
    let row = |name: &str| text.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap();
    assert!(row("massgrid").ends_with("constructed") && row("ethereum").ends_with("published"));
    assert!(row("ethereum").contains("secp256k1") && row("ethereum").contains("EIP-55") && row("nem").contains("RECEIVING ONLY"));
    let few = line("chains ED25519").succeeds();
    assert!(few.contains("\nsolana ") && !few.contains("\nethereum "));
    line("chains etherium").fails(2, "did you mean ethereum");
}

/// A wallet's addresses on every required chain; `known` is what `quorate address` shows without `--chain`.
pub(crate) fn addresses(place: &Place, known: &Value) {
    let of = |kind: &str| known.as_array().unwrap().iter().find(|entry| entry["kind"] == kind).unwrap()["address"].clone();
    let on = |chain: &str, rest: &str| place.at("bob", &format!("address treasury --chain {chain} --json {rest}")).json();
    for required in REQUIRED.split_whitespace() {
        let (name, count) = required.split_once(':').unwrap_or((required, "1"));
        let shown = on(name, "");
        assert_eq!(shown.as_array().unwrap().len().to_string(), count, "{name}: {shown}");
        assert!(shown[0]["address"].as_str().unwrap().len() > 10 && shown[0]["chain"] == name, "{shown}");
    }
    for (chain, kind) in [("bitcoin", "p2wpkh"), ("bitcoin-p2tr", "taproot"), ("ethereum", "ethereum"), ("solana", "solana")] {
        assert_eq!(on(chain, "")[0]["address"], of(kind), "{chain}");
    }
    // Tron has Ethereum's accounts in another spelling.
    let tron = bs58::decode(on("tron", "")[0]["address"].as_str().unwrap()).into_vec().unwrap();
    let ethereum = of("ethereum");
    assert_eq!(hex::encode(&tron[1..21]), ethereum.as_str().unwrap().trim_start_matches("0x").to_lowercase());
    options(place, &on);
    refusals(place);
}

fn options(place: &Place, on: &dyn Fn(&str, &str) -> Value) {
    let first = |chain: &str, rest: &str| on(chain, rest)[0]["address"].as_str().unwrap().to_owned();
    let child = place.at("bob", "address treasury --suite bip340 --path m/0/7 --network testnet --json").json();
    assert_eq!(first("bitcoin-p2tr", "--path m/0/7 --network testnet"), child[0]["address"].as_str().unwrap());
    let ton = ["", "--ton-version v3r2", "--ton-bounceable", "--ton-wallet-id 7", "--ton-workchain -1"];
    let ton: std::collections::BTreeSet<_> = ton.iter().map(|option| first("ton", option)).collect();
    assert_eq!(ton.len(), 5);
    assert_ne!(first("rootstock", "--eip1191"), first("rootstock", ""));
    assert_ne!(first("internet-computer", &format!("--subaccount {}", "01".repeat(32))), first("internet-computer", ""));
    assert!(first("cardano-base", &format!("--stake-key {}", "02".repeat(32))).starts_with("addr1"));
}

fn refusals(place: &Place) {
    let refused = |rest: &str, words: &str| place.at("bob", &format!("address treasury {rest}")).fails(2, words);
    refused("--chain solanna", "no chain is named \"solanna\" (did you mean solana?)");
    refused("--chain solana --suite bip340", "accounts of solana have Ed25519 keys, and \"treasury\" has BIP-340");
    refused("--chain neo-n3", "accounts of neo-n3 have P-256 keys");
    // There is an ECDSA account on Kaspa, and a BIP-340 one that no cosigner could spend from.
    assert_eq!(place.at("bob", "address treasury --chain kaspa --json").json().as_array().unwrap().len(), 1);
    refused("--chain kaspa --suite bip340", "could not spend what is sent to the bare key");
    refused("--chain bitcoin --path m/84'/0'/0'/0/7", "ask for m/0/7");
    refused("--chain bitcoin --path m/0/7'", "step 2 is hardened");
    refused("--chain bitcoin --path 0/7", "is no path");
    refused("--chain cardano-base", "an address of cardano-base needs an option");
    refused("--chain cardano-base --stake-key 00", "the stake key must be 64 hexadecimal digits");
    refused("--chain komodo --network testnet", "the table has no test network prefix for komodo");
    let warned = place.at("bob", "address treasury --chain nem");
    assert!(warned.err.contains("WARNING: no signature"), "{}", warned.err);
}
