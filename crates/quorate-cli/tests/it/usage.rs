//! Exit codes of wrong usage, and of cosigners that do not run.

use crate::support::{Place, line, quorate, text};

#[test]
fn wrong_usage_exits_with_2() {
    for wrong in [
        "",
        "frobnicate",
        "keygen",
        "keygen treasury --suite rsa",
        "keygen treasury --min-signers 1",
        "keygen treasury --waive aws 2026-01-01",
        "sign message treasury",
        "sign message treasury hello --hex 00",
        "sign digest treasury",
        "status --dir a --socket b",
        "status --timeout 0",
        "verify message hello --signature 00",
        "refresh",
        "evict treasury",
        "reshare treasury --min-signers 1",
        "consent",
        "address treasury --chain ethereum --kind ethereum",
        "address treasury --ton-bounceable",
        "address treasury --chain ton --ton-workchain 1",
        "chains qqqqqqqq",
        "placement explain",
        "placement explain treasury --file x",
        "init --dir x",
        "node --dir x --passphrase-file a --passphrase-fd 3",
    ] {
        assert_eq!(line(wrong).code, 2, "{wrong}");
    }
}

#[test]
fn command_without_a_running_cosigner_exits_with_3() {
    let place = Place::new();
    for command in [
        "status",
        "keys",
        "keygen treasury",
        "address treasury",
        "attest treasury",
        "refresh treasury",
        "repair treasury",
        "reshare treasury",
        "evict treasury --participant bob",
        "plans",
        "consent 00",
        "placement explain treasury",
        "sign message t hi",
    ] {
        place.at("nobody", command).fails(3, "no cosigner is running at");
    }
    let socket = text(&place.write("leftover.sock", "", 0o600));
    quorate(["status", "--socket", &socket]).fails(3, "start it with `quorate node`");
}

#[test]
fn failure_as_json_is_one_document_with_the_exit_code() {
    let said = quorate(["--json", "status", "--dir", "/nonexistent"]);
    assert_eq!((said.code, said.err.as_str()), (3, ""));
    let error: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(error["error"]["exit_code"], 3);
    assert!(error["error"]["message"].as_str().unwrap().contains("no cosigner is running"));
}

#[test]
fn malformed_digests_signatures_addresses_and_documents_exit_with_2_or_1() {
    let place = Place::new();
    place.at("nobody", "sign digest treasury 00ff").fails(2, "the digest must be 64 hexadecimal digits");
    place.at("nobody", "sign message treasury --hex abc").fails(2, "the message must be");
    place.at("nobody", "sign message treasury --file /nonexistent").fails(2, "cannot read /nonexistent");
    let psbt = text(&place.write("not.psbt", "not a psbt", 0o600));
    place.at("nobody", &format!("sign psbt --yes treasury {psbt}")).fails(2, "");
    place.at("nobody", &format!("sign solana --yes treasury {psbt}")).fails(2, "");
    let address = "EMYCFwR4KeLbPXQfyoGL2EioPAmX9eAn3NAtu44WHx29";
    let signature = "00".repeat(64);
    line(&format!("verify message hi --signature 00 --address {address}")).fails(2, "128 hexadecimal digits");
    line(&format!("verify message hi --signature {signature} --address hello"))
        .fails(2, "neither a Taproot or P2WPKH address nor");
    line(&format!("verify psbt {psbt} --address bc1pt3hnxf9s7lpexv7e5jyt9dz3j0qvzlyhkxhgqrjc4sr0q5hwm0hsd23ch7"))
        .fails(1, "PSBT");
}

#[test]
fn verify_checks_ethereum_and_p2wpkh_without_a_cosigner() {
    // The example in the documentation of web3.js.
    let address = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23";
    let signature = "0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f\
                     5d4300f8e1a0291c";
    let check = |address: &str, message: &str, signature: &str| {
        quorate(["verify", "message", "--address", address, "--signature", signature, message])
    };
    assert!(check(address, "Some data", signature).succeeds().contains("is valid"));
    check(address, "Some date", signature).fails(1, "the signature is not valid");
    check("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf", "Some data", signature).fails(1, "the signature is not valid");
    // A capital at the wrong place is a wrong checksum, none at all is no checksum.
    check("0x2C7536E3605D9C16a7a3D7b1898e529396a65c23", "Some data", signature).fails(2, "neither a Taproot");
    check(&address.to_lowercase(), "Some data", signature).succeeds();
    check("bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", "Some data", signature).fails(1, "nothing for this signer");
    // The example of EIP-155, signed with the key 0x4646…46.
    let place = Place::new();
    let raw = "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003\
               e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83";
    let file = text(&place.write("signed.evm", raw, 0o600));
    let verify = |file: &str, address: &str| quorate(["verify", "evm", file, "--address", address]);
    assert!(verify(&file, "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F").succeeds().contains("is valid"));
    verify(&file, address).fails(1, "the signature is not valid");
    let cut = text(&place.write("cut.evm", raw.trim_end_matches("83"), 0o600));
    verify(&cut, "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F").fails(1, "not a signed Ethereum transaction");
    let unsigned = "../../examples/data/transfer.evm";
    verify(unsigned, address).fails(1, "not a signed Ethereum transaction");
}

#[test]
fn verify_checks_published_vectors_without_a_cosigner() {
    // RFC 8032, section 7.1, test 2; the address is the public key in base58.
    let key = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    let address = bs58::encode(hex::decode(key).unwrap()).into_string();
    let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                     085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    let check = |signature: &str, message: &str| {
        quorate(["verify", "message", "--address", &address, "--signature", signature, "--hex", message])
    };
    assert!(check(signature, "72").succeeds().contains("is valid"));
    check(signature, "73").fails(1, "the signature is not valid");
    check(&signature.replacen("92", "93", 1), "72").fails(1, "the signature is not valid");
}
