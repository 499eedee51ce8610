//! `quorate sign`.

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use quorate::{
    control::api::{SignRequest, Signed},
    payload::{EvmTransaction, Payload as _, Psbt, SolanaMessage, kind},
};

use super::{client, message_bytes, read_file, write_file};
use crate::{
    args::{SignKind, Signing},
    failure::Failure,
    output::Output,
};

pub(super) fn run(kind: SignKind, output: Output) -> Result<(), Failure> {
    match kind {
        SignKind::Message { signing, text } => {
            let signed = request(signing, kind::MESSAGE, &message_bytes(&text)?, output)?;
            output.answer(&signed, &hex::encode(finished(&signed)?))
        }
        SignKind::Digest { signing, digest } => {
            let digits = Failure::Hex { what: "the digest", digits: "64 hexadecimal digits" };
            let digest = hex::decode(digest).ok().filter(|bytes| bytes.len() == 32).ok_or(digits)?;
            let signed = request(signing, kind::DIGEST, &digest, output)?;
            output.answer(&signed, &signed.signatures.join("\n"))
        }
        SignKind::Psbt { signing, file, out } => {
            let psbt = Psbt::parse(&read_file(&file)?)?.encode();
            document(&request(signing, kind::PSBT, &psbt, output)?, out.as_deref(), output)
        }
        SignKind::Evm { signing, file, out } => {
            let transaction = EvmTransaction::parse(&read_file(&file)?)?.encode();
            let signed = request(signing, kind::EVM, &transaction, output)?;
            match out {
                Some(path) => document(&signed, Some(&path), output),
                None => output.answer(&signed, &format!("0x{}", hex::encode(finished(&signed)?))),
            }
        }
        SignKind::Solana { signing, file, out } => {
            let message = SolanaMessage::parse(&read_file(&file)?)?.encode();
            document(&request(signing, kind::SOLANA, &message, output)?, out.as_deref(), output)
        }
    }
}

fn request(signing: Signing, kind: &str, payload: &[u8], output: Output) -> Result<Signed, Failure> {
    let client = client(&signing.connection);
    let request = SignRequest {
        key: signing.key,
        suite: signing.suite,
        path: signing.path,
        kind: kind.to_owned(),
        payload: BASE64_STANDARD.encode(payload),
        signers: signing.signers,
        request_id: signing.request_id,
    };
    let spinner = output.spinner("signing with the other cosigners");
    let signed = client.sign(&request)?;
    drop(spinner);
    let signers: Vec<_> = signed.signers.iter().map(u16::to_string).collect();
    output.note(&format!(
        "{}\nsigned by participants {} (request {})",
        signed.description,
        signers.join(", "),
        signed.request_id
    ));
    Ok(signed)
}

/// Hands over the finished document.
fn document(signed: &Signed, out: Option<&Path>, output: Output) -> Result<(), Failure> {
    let Some(path) = out else { return output.answer(signed, &signed.document) };
    write_file(path, &finished(signed)?)?;
    output.answer(signed, &format!("wrote {}", path.display()))
}

/// The bytes of the finished document.
fn finished(signed: &Signed) -> Result<Vec<u8>, Failure> {
    Ok(BASE64_STANDARD.decode(&signed.document).map_err(|_| quorate::core::DecodeError::InvalidValue("document"))?)
}
