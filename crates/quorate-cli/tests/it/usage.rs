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
    place.at("nobody", &format!("sign psbt treasury {psbt}")).fails(2, "");
    place.at("nobody", &format!("sign solana treasury {psbt}")).fails(2, "");
    let address = "EMYCFwR4KeLbPXQfyoGL2EioPAmX9eAn3NAtu44WHx29";
    let signature = "00".repeat(64);
    line(&format!("verify message hi --signature 00 --address {address}")).fails(2, "128 hexadecimal digits");
    line(&format!("verify message hi --signature {signature} --address hello")).fails(2, "neither a Taproot address nor");
    line(&format!("verify psbt {psbt} --address bc1pt3hnxf9s7lpexv7e5jyt9dz3j0qvzlyhkxhgqrjc4sr0q5hwm0hsd23ch7"))
        .fails(1, "PSBT");
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
