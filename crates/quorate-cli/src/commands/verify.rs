//! `quorate verify`: on this machine alone, with libraries that are not ours where there are any.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use quorate::payload::{AddressKind, KeyUse};

use super::{client, message_bytes, read_file};
use crate::{
    args::{Signer as SignerArgs, VerifyKind},
    failure::Failure,
    independent::{Invalid, Signer},
    key::{self, PublicKey},
    output::Output,
};

pub(super) fn run(kind: VerifyKind, output: Output) -> Result<(), Failure> {
    let (address, what) = match kind {
        VerifyKind::Message { signer, signature, text } => {
            let (address, signer) = who(&signer, ACCOUNTS)?;
            signer.verify_message(&message_bytes(&text)?, &signature_bytes(&signature)?)?;
            (address, "the signature on the message is valid".to_owned())
        }
        VerifyKind::Digest { signer, signature, digest } => {
            let (address, signer) = who(&signer, ACCOUNTS)?;
            let digits = Failure::Hex { what: "the digest", digits: "64 hexadecimal digits" };
            let digest = hex::decode(digest).ok().filter(|bytes| bytes.len() == 32).ok_or(digits)?;
            signer.verify_digest(&digest, &signature_bytes(&signature)?)?;
            (address, "the signature on the digest is valid".to_owned())
        }
        VerifyKind::Psbt { signer, file } => {
            let (address, signer) = who(&signer, &[AddressKind::Taproot, AddressKind::P2wpkh])?;
            let count = signer.verify_psbt(&document(read_file(&file)?, b"psbt", "PSBT")?)?;
            (address, format!("the signatures of all {count} inputs of this address are valid"))
        }
        VerifyKind::Evm { signer, file } => {
            let (address, signer) = who(&signer, &[AddressKind::Ethereum])?;
            signer.verify_evm(&hexadecimal(read_file(&file)?)?)?;
            (address, "the signature on the transaction is valid".to_owned())
        }
        VerifyKind::Solana { signer, file } => {
            let (address, signer) = who(&signer, ACCOUNTS)?;
            let bytes = read_file(&file)?;
            // No transaction has as many signatures as the letters of base64 would say.
            let binary: &[u8] = if bytes.first().is_some_and(u8::is_ascii_graphic) { b"\0" } else { b"" };
            signer.verify_solana(&document(bytes, binary, "Solana transaction")?)?;
            (address, "the signature on the transaction is valid".to_owned())
        }
    };
    output.answer(&serde_json::json!({"valid": true, "signer": address, "message": what}), &format!("{what}, by {address}"))
}

/// Addresses that stand for a signer of messages, one for each suite.
const ACCOUNTS: &[AddressKind] = &[AddressKind::Taproot, AddressKind::Ethereum, AddressKind::Solana];

/// The address, of one of these kinds if it is a wallet's, and what it stands for.
fn who(args: &SignerArgs, kinds: &[AddressKind]) -> Result<(String, Signer), Failure> {
    let address = match (&args.address, &args.wallet) {
        (Some(address), _) => address.clone(),
        (None, wallet) => {
            let wallet = wallet.as_deref().unwrap_or_default();
            let info = key::find_one(&client(&args.connection)?, wallet, args.suite.as_deref())?;
            let addresses = KeyUse::new(&PublicKey::try_from(&info)?, &key::steps(&args.path)?).addresses()?;
            let fitting = addresses.into_iter().find(|(kind, _)| kinds.contains(kind));
            fitting
                .ok_or_else(|| Failure::NoAddress {
                    key: wallet.to_owned(),
                    kind: *kinds.first().unwrap_or(&AddressKind::Taproot),
                })?
                .1
        }
    };
    let signer = Signer::of_address(&address)?;
    Ok((address, signer))
}

fn signature_bytes(digits: &str) -> Result<Vec<u8>, Failure> {
    let wrong = Failure::Hex { what: "the signature", digits: "128 hexadecimal digits, or 130 of an Ethereum address" };
    let bytes = hex::decode(digits.strip_prefix("0x").unwrap_or(digits));
    bytes.ok().filter(|bytes| matches!(bytes.len(), 64 | 65)).ok_or(wrong)
}

/// Takes a binary transaction, or one in hexadecimal digits.
fn hexadecimal(bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
    if !bytes.first().is_some_and(u8::is_ascii_graphic) {
        return Ok(bytes);
    }
    let digits = bytes.trim_ascii();
    let decoded = hex::decode(digits.strip_prefix(b"0x").unwrap_or(digits));
    Ok(decoded.map_err(|_| Invalid::Document { what: "Ethereum transaction" })?)
}

/// Takes a binary document, or one in base64.
fn document(bytes: Vec<u8>, binary: &[u8], what: &'static str) -> Result<Vec<u8>, Failure> {
    if bytes.starts_with(binary) {
        return Ok(bytes);
    }
    Ok(BASE64_STANDARD.decode(bytes.trim_ascii()).map_err(|_| Invalid::Document { what })?)
}
