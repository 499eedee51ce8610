//! A wallet's life on the command line: three cosigners, every command, and what fails when cosigners are down or refuse.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use quorate::{
    core::SuiteId,
    payload::{KeyUse, KeyView, Payload as _, PayloadError, template},
};
use serde_json::Value;

use crate::support::{Place, quorate, text};

const PSBT: &[u8] = include_bytes!("../../../../examples/data/transfer.psbt");
const EVM: &[u8] = include_bytes!("../../../../examples/data/transfer.evm");
const SOLANA: &[u8] = include_bytes!("../../../../examples/data/transfer.solana");
pub(crate) const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// A root key, without children.
struct Root(SuiteId, Vec<u8>);

impl KeyView for Root {
    fn suite(&self) -> SuiteId {
        self.0
    }

    fn child_public_key(&self, path: &[u32]) -> Result<Vec<u8>, PayloadError> {
        assert!(path.is_empty());
        Ok(self.1.clone())
    }
}

fn root(keys: &Value, suite: &str) -> Root {
    let key = keys.as_array().unwrap().iter().find(|key| key["suite"] == suite).unwrap();
    Root(SuiteId::from_name(suite).unwrap(), hex::decode(key["public_key"].as_str().unwrap()).unwrap())
}

#[test]
fn wallet_lives_on_the_command_line() {
    let place = Place::new();
    let mut nodes = place.start_team(&NAMES);

    let made = place.at("alice", "keygen treasury --json").json();
    assert_eq!(made.as_array().unwrap().len(), 3);
    place.at("alice", "keygen treasury").fails(2, "there is a wallet treasury already");
    let keys = place.at("carol", "keys --json").json();
    let addresses = place.at("bob", "address treasury --json").json();
    let address_of = |suite: &str| {
        let entry = addresses.as_array().unwrap().iter().find(|entry| entry["suite"] == suite).unwrap();
        entry["address"].as_str().unwrap().to_owned()
    };
    let (taproot, solana) = (address_of("bip340"), address_of("ed25519"));
    assert!(taproot.starts_with("bc1p"));
    let child = place.at("bob", "address treasury --suite bip340 --path m/0/7 --network testnet").succeeds();
    assert!(child.contains("tb1p"), "{child}");
    place.at("bob", "address treasury --path m/0'").fails(2, "hardened");
    ecdsa(&place, &addresses);
    place.at("bob", "address other").fails(2, "knows no key of the wallet");
    crate::chains::addresses(&place, &addresses);

    messages(&place, &taproot, &solana);
    transactions(&place, &keys, &taproot, &solana);

    let proofs = place.at("bob", "attest treasury --json").json();
    assert!(proofs.as_array().unwrap().len() == 9 && proofs.as_array().unwrap().iter().all(|proof| proof["holds_share"] == true));
    assert!(place.at("alice", "placement explain treasury").succeeds().contains("Taking the key needs 2 domains"));
    assert!(place.at("alice", "status").succeeds().contains("up"));
    assert!(place.at("alice", "peers --forgive carol").succeeds().contains("now"));
    place.at("alice", "peers --forgive mallory").fails(2, "mallory is not on the roster");

    // One cosigner down: the other two sign. Two down: nobody does.
    drop(nodes.pop());
    place.at("alice", "sign message treasury still --suite ed25519").succeeds();
    place.at("alice", "sign message treasury never --suite ed25519 --signer alice --signer carol").fails(3, "carol");
    let proofs = place.at("alice", "attest treasury --suite ed25519 --json");
    assert_eq!((proofs.code, proofs.out.matches("\"holds_share\": true").count()), (1, 2), "{}", proofs.out);
}

/// Addresses of an ECDSA key, and its signatures.
fn ecdsa(place: &Place, addresses: &Value) {
    let suite = "ecdsa-secp256k1";
    let of = |kind: &str| {
        let entry = addresses.as_array().unwrap().iter().find(|entry| entry["kind"] == kind).unwrap();
        assert_eq!(entry["suite"] == suite, matches!(kind, "ethereum" | "p2wpkh"));
        entry["address"].as_str().unwrap().to_owned()
    };
    let (ethereum, wpkh) = (of("ethereum"), of("p2wpkh"));
    assert!(ethereum.starts_with("0x") && ethereum.len() == 42 && wpkh.starts_with("bc1q"));
    assert_eq!((addresses.as_array().unwrap().len(), of("taproot").len()), (4, 62));
    let only = place.at("carol", "address treasury --kind ethereum").succeeds();
    assert!(only.contains(&ethereum) && !only.contains(&wpkh));
    assert!(place.at("carol", "address treasury --kind p2wpkh --network testnet").succeeds().contains("tb1q"));
    place.at("carol", "address treasury --kind solana --suite bip340").fails(2, "an address of the kind solana");
    assert!(place.at("carol", "keys").succeeds().contains(&format!("{ethereum} {wpkh}")));
    let unsigned = text(&place.write("unsigned.evm", EVM, 0o600));
    let signed = text(&place.path("signed.evm"));
    place.at("alice", &format!("sign evm --yes treasury {unsigned} --out {signed}")).succeeds();
    quorate(["verify", "evm", &signed, "--address", &ethereum]).succeeds();
    // Without a terminal there is nobody to ask, and --yes says that nobody needs to be.
    place.at("alice", &format!("sign evm treasury {unsigned}")).fails(2, "no terminal to ask on");
    policies(place, &unsigned, &ethereum);
    let signature = place.at("bob", &format!("sign message treasury hello --suite {suite}")).succeeds();
    let signature = signature.trim();
    quorate(["verify", "message", "hello", "--address", &ethereum, "--signature", signature]).succeeds();
    quorate(["verify", "message", "hallo", "--address", &ethereum, "--signature", signature]).fails(1, "not valid");
}

/// What a policy says to documents, without signing them.
fn policies(place: &Place, unsigned: &str, ethereum: &str) {
    let test = |what: &str| place.at("alice", &format!("policy test --key treasury {what} --json")).json();
    let allowed = test(&format!("--payload {unsigned} --kind evm"));
    assert_eq!(allowed["decision"], "allow");
    let lines = allowed["description"]["lines"].as_array().unwrap();
    assert!(lines.iter().any(|line| line["label"] == "from" && line["value"].as_str().unwrap().contains(ethereum)));
    let typed = r#"{"types":{"EIP712Domain":[{"name":"name","type":"string"}],"Order":[{"name":"price","type":"uint256"}]},
        "primaryType":"Order","domain":{"name":"Market"},"message":{"price":"5"}}"#;
    let file = text(&place.write("order.json", typed, 0o600));
    let denied = test(&format!("--payload {file} --kind typed-data"));
    assert_eq!(denied["decision"], "deny");
    let reason = denied["reason"].as_str().unwrap();
    assert!(reason.contains("(rule payloads)") && reason.contains("(rule evm.not_decoded)"), "{reason}");
    let said = place.at("alice", &format!("policy test --key treasury --payload {file} --kind typed-data")).succeeds();
    assert!(said.contains("message.price: 5") && said.contains("valid on EVERY chain") && said.contains("deny: "), "{said}");
    place.at("alice", &format!("sign typed-data --yes treasury {file}")).fails(4, "(rule payloads)");
    place.at("alice", &format!("policy test --key nobody --payload {file} --kind typed-data")).fails(2, "nobody");
    place
        .at("alice", &format!("policy test --key treasury --payload {file} --kind typed-data --requester x"))
        .fails(2, "not listed");
}

fn messages(place: &Place, taproot: &str, solana: &str) {
    place.at("alice", "sign message treasury hello").fails(2, "name the suite");
    for (suite, address) in [("ed25519", solana), ("bip340", taproot)] {
        let signature = place.at("alice", &format!("sign message treasury hello --suite {suite}")).succeeds();
        let signature = signature.trim();
        quorate(["verify", "message", "hello", "--address", address, "--signature", signature]).succeeds();
        quorate(["verify", "message", "hallo", "--address", address, "--signature", signature]).fails(1, "not valid");
        let by_wallet = format!("verify message hello --wallet treasury --suite {suite} --signature {signature}");
        place.at("bob", &by_wallet).succeeds();
        place.at("bob", &format!("{by_wallet} --path m/1")).fails(1, "not valid");
    }
    let file = text(&place.write("message", b"\0binary\xff", 0o600));
    let signed =
        place.at("bob", &format!("sign message treasury --file {file} --suite ed25519 --path m/3 --signer carol --json")).json();
    assert_eq!(signed["signers"], serde_json::json!([2, 3]));
    // A digest is nothing that a cosigner can read, so that policies deny it.
    let digest = "ab".repeat(32);
    place.at("alice", &format!("sign digest treasury {digest} --suite bip340")).fails(4, "raw digests are not allowed");
}

fn transactions(place: &Place, keys: &Value, taproot: &str, solana_address: &str) {
    let (bitcoin_key, solana_key) = (root(keys, "bip340"), root(keys, "ed25519"));
    let psbt = template::psbt(PSBT, &KeyUse::new(&bitcoin_key, &[])).unwrap();
    let unsigned = text(&place.write("unsigned.psbt", psbt.to_base64(), 0o600));
    let signed = text(&place.path("signed.psbt"));
    place.at("carol", &format!("sign psbt --yes treasury {unsigned} --out {signed}")).succeeds();
    assert!(quorate(["verify", "psbt", &signed, "--address", taproot]).succeeds().contains("all 2 inputs"));
    quorate(["verify", "psbt", &unsigned, "--address", taproot]).fails(1, "input 0 has no final");
    let printed = place.at("alice", &format!("sign psbt --yes treasury {unsigned}")).succeeds();
    assert!(BASE64_STANDARD.decode(printed.trim()).unwrap().starts_with(b"psbt"));

    let message = template::solana(SOLANA, &KeyUse::new(&solana_key, &[])).unwrap();
    let file = text(&place.write("message.solana", message.encode(), 0o600));
    let transaction = place.at("bob", &format!("sign solana --yes treasury {file}")).succeeds();
    let file = text(&place.write("signed.solana", &transaction, 0o600));
    assert!(quorate(["verify", "solana", &file, "--address", solana_address]).succeeds().contains("is valid"));
    let mut bytes = BASE64_STANDARD.decode(transaction.trim()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let file = text(&place.write("altered.solana", &bytes, 0o600));
    quorate(["verify", "solana", &file, "--address", solana_address]).fails(1, "not valid");
}
