//! Every published signature: its message hash, its encoding, and that it verifies.

use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
use quorate_chains::{
    AddressOptions, Chain, Curve, EcdsaSignature, Message, Signature, SignatureForm, SigningOptions, VerifyingKey, address,
    encode_signature, message_hash,
};

use crate::vectors::{SignatureRow, curve, signatures};

/// The entries of the table that the file's names mean.
fn chain(name: &str) -> Chain {
    let name = match name {
        "Cosmos" => "cosmos-hub",
        "Binance" => "bnb-beacon-chain",
        "NativeInjective" => "injective",
        "Zcash" => "zcash-transparent",
        "Zen" => "horizen",
        "NEO" => "neo-legacy",
        "Nebl" => "neblio",
        "BitcoinDiamond" => "bitcoin-diamond",
        "BitcoinCash" => "bitcoin-cash",
        "Ethereum EIP-155" => "ethereum",
        "Bitcoin DER" | "Bitcoin compact (signmessage)" => "bitcoin-p2pkh",
        "Stacks VRS" => "stacks",
        other => return Chain::named(&other.to_lowercase()).unwrap_or_else(|_| panic!("no chain {other}")),
    };
    Chain::named(name).unwrap()
}

/// The form that the file describes. It is the chain's own unless the program that made the vector printed another one.
fn form(row: &SignatureRow) -> SignatureForm {
    match row.form.as_str() {
        "r||s" => SignatureForm::Compact,
        "r||s||v" => SignatureForm::Recoverable,
        "v||r||s" => SignatureForm::RecoverableFirst,
        "v+27/31||r||s" => SignatureForm::Canonical,
        "v=37 = recid 0 + 35 + 2*1" => SignatureForm::Eip155,
        "DER low-S" => SignatureForm::Der,
        "27+recid+4(compressed) || r || s" => SignatureForm::BitcoinMessage,
        form if form.starts_with("R||S") => SignatureForm::Eddsa,
        other => panic!("no form {other}"),
    }
}

/// r and s, wherever the form has them.
fn numbers(row: &SignatureRow) -> ([u8; 32], [u8; 32]) {
    let bytes = hex::decode(&row.signature_hex).unwrap();
    let compact = match form(row) {
        SignatureForm::Der => k256::ecdsa::Signature::from_der(&bytes).unwrap().to_bytes().to_vec(),
        SignatureForm::RecoverableFirst | SignatureForm::Canonical | SignatureForm::BitcoinMessage => bytes[1..].to_vec(),
        _ => bytes[..64].to_vec(),
    };
    (compact[..32].try_into().unwrap(), compact[32..].try_into().unwrap())
}

fn signature(row: &SignatureRow) -> Signature {
    match curve(&row.curve, "") {
        Curve::Secp256k1 => {
            let (r, s) = numbers(row);
            EcdsaSignature::secp256k1(r, s, row.recid).unwrap().into()
        }
        Curve::P256 => {
            let (r, s) = numbers(row);
            EcdsaSignature::p256(r, s, row.recid).unwrap().into()
        }
        Curve::Ed25519 => Signature::Ed25519(hex::decode(&row.signature_hex).unwrap().try_into().unwrap()),
        other => panic!("no signature of {other}"),
    }
}

#[test]
fn every_published_signature_is_encoded_as_published() {
    let rows = signatures();
    assert_eq!(rows.len(), 41);
    for row in &rows {
        let options = SigningOptions::default().with_form(form(row));
        let encoded = encode_signature(chain(&row.chain), &signature(row), &options).unwrap();
        let mut published = hex::decode(&row.signature_hex).unwrap();
        if form(row) == SignatureForm::Eip155 {
            published.push(37); // printed beside r and s
            assert_eq!(encoded.v(), Some(37));
        }
        assert_eq!(hex::encode(encoded.as_bytes()), hex::encode(published), "{} ({})", row.chain, row.source);
        assert_eq!(row.low_s.unwrap_or(true), row.curve == "secp256k1" || row.low_s.is_none(), "{}", row.chain);
    }
}

#[test]
fn the_negative_of_every_published_s_is_encoded_as_published_too() {
    let mut flipped = 0;
    for row in signatures().iter().filter(|row| row.curve == "secp256k1") {
        let Signature::Ecdsa(low) = signature(row) else { panic!("{}", row.chain) };
        let negative = -k256::ecdsa::Signature::from_slice(&low.to_bytes()).unwrap().s();
        let high = EcdsaSignature::secp256k1(*low.r(), negative.to_bytes().into(), row.recid.map(|id| id ^ 1)).unwrap();
        assert_ne!(high, low);
        let options = SigningOptions::default().with_form(form(row));
        let [from_high, from_low] = [high, low].map(|one| encode_signature(chain(&row.chain), &one.into(), &options).unwrap());
        assert_eq!(from_high, from_low, "{}", row.chain);
        flipped += 1;
    }
    assert_eq!(flipped, 30);
}

#[test]
fn every_published_digest_is_the_chains_message_hash() {
    let (mut hashed, mut given) = (0, 0);
    for row in &signatures() {
        let (Some(preimage), chain) = (&row.preimage_hex, chain(&row.chain)) else { continue };
        let preimage = hex::decode(preimage).unwrap();
        let digest = hex::decode(&row.digest_hex).unwrap();
        let message = message_hash(chain, &preimage, &SigningOptions::default()).unwrap();
        let is_already_hashed = row.hash == "identity" && matches!(message, Message::Digest(_));
        if is_already_hashed {
            // The file prints what was signed, and not what it is a hash of: 32 bytes, as this chain's rule gives.
            assert_eq!((digest.len(), &preimage), (32, &digest), "{}", row.chain);
            given += 1;
        } else if row.chain == "Stacks VRS" {
            // A message of its own, hashed with SHA-256; transactions take SHA-512/256.
            assert!(row.hash.starts_with("sha256 (raw message"));
        } else {
            assert_eq!(hex::encode(message.as_bytes()), hex::encode(digest), "{}", row.chain);
            hashed += 1;
        }
    }
    assert_eq!((hashed, given), (17, 3)); // and one of a message of its own
}

#[test]
fn every_published_signature_verifies_after_it_went_through_the_types() {
    for row in &signatures() {
        assert!(row.verified);
        let digest = hex::decode(&row.digest_hex).unwrap();
        let key = VerifyingKey::new(curve(&row.curve, ""), &hex::decode(&row.public_key_hex).unwrap()).unwrap();
        match signature(row) {
            Signature::Ecdsa(signature) if signature.curve() == Curve::Secp256k1 => {
                let verifier = k256::ecdsa::VerifyingKey::from_sec1_bytes(key.as_bytes()).unwrap();
                let parsed = k256::ecdsa::Signature::from_slice(&signature.to_bytes()).unwrap();
                verifier.verify_prehash(&digest, &parsed).unwrap();
                if let Some(id) = signature.recovery_id() {
                    let id = k256::ecdsa::RecoveryId::from_byte(id).unwrap();
                    let recovered = k256::ecdsa::VerifyingKey::recover_from_prehash(&digest, &parsed, id).unwrap();
                    assert_eq!(recovered, verifier, "{}", row.chain);
                }
            }
            Signature::Ecdsa(signature) => {
                let verifier = p256::ecdsa::VerifyingKey::from_sec1_bytes(key.as_bytes()).unwrap();
                verifier.verify_prehash(&digest, &p256::ecdsa::Signature::from_slice(&signature.to_bytes()).unwrap()).unwrap();
            }
            Signature::Ed25519(bytes) => {
                let verifier = ed25519_dalek::VerifyingKey::from_bytes(key.as_bytes().try_into().unwrap()).unwrap();
                verifier.verify_strict(&digest, &ed25519_dalek::Signature::from_bytes(&bytes)).unwrap();
            }
            other => panic!("{other:?}"),
        }
        // The key has an address where its signature is taken.
        assert!(address(chain(&row.chain), &key, &AddressOptions::default()).is_ok(), "{}", row.chain);
    }
}
