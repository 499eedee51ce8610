//! `quorate sign`.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use quorate::{
    control::{
        Client,
        api::{Authorization, SignRequest, Signed},
    },
    payload::{AnyPayload, EvmTransaction, KeyUse, Payload, Psbt, SolanaMessage, TypedData, kind},
};

use super::{client, confirmed, message_bytes, read_file, write_file};
use crate::{
    args::{Requested, SignKind, Signing},
    failure::Failure,
    key::{PublicKey, find_one, steps},
    output::Output,
    request::{Parts, read_request, to_json},
    requester,
};

pub(super) fn run(kind: SignKind, output: Output) -> Result<(), Failure> {
    match kind {
        SignKind::Message { signing, text } => {
            let Some(signed) = request(signing, kind::MESSAGE, &message_bytes(&text)?, output)? else { return Ok(()) };
            output.answer(&signed, &hex::encode(finished(&signed)?))
        }
        SignKind::Digest { signing, digest } => {
            let digits = Failure::Hex { what: "the digest", digits: "64 hexadecimal digits" };
            let digest = hex::decode(digest).ok().filter(|bytes| bytes.len() == 32).ok_or(digits)?;
            let Some(signed) = request(signing, kind::DIGEST, &digest, output)? else { return Ok(()) };
            output.answer(&signed, &signed.signatures.join("\n"))
        }
        SignKind::Psbt { signing, yes, file, out } => {
            let psbt = Psbt::parse(&read_file(&file)?)?;
            let Some(signed) = transaction(signing, &psbt, yes, output)? else { return Ok(()) };
            document(&signed, out.as_deref(), output)
        }
        SignKind::Evm { signing, yes, file, out } => {
            let evm = EvmTransaction::parse(&read_file(&file)?)?;
            let Some(signed) = transaction(signing, &evm, yes, output)? else { return Ok(()) };
            match out {
                Some(path) => document(&signed, Some(&path), output),
                None => output.answer(&signed, &format!("0x{}", hex::encode(finished(&signed)?))),
            }
        }
        SignKind::TypedData { signing, yes, file } => {
            let document = TypedData::parse(&read_file(&file)?)?;
            let Some(signed) = transaction(signing, &document, yes, output)? else { return Ok(()) };
            output.answer(&signed, &hex::encode(finished(&signed)?))
        }
        SignKind::Solana { signing, yes, file, out } => {
            let message = SolanaMessage::parse(&read_file(&file)?)?;
            let Some(signed) = transaction(signing, &message, yes, output)? else { return Ok(()) };
            document(&signed, out.as_deref(), output)
        }
        SignKind::Request { file, signers, out, connection } => {
            let request = SignRequest { signers, ..read_request(&file)? };
            let signed = send(&client(&connection)?, &request, output)?;
            document(&signed, out.as_deref(), output)
        }
    }
}

/// Shows what this program itself reads in the document, asks, and sends the request, or saves it.
///
/// The request names the key that was shown by its id: whatever the wallet's name stands for by then, it is no other.
fn transaction(mut signing: Signing, payload: &dyn Payload, yes: bool, output: Output) -> Result<Option<Signed>, Failure> {
    let suite = signing.suite.clone().or_else(|| payload.suite().map(|suite| suite.name().to_owned()));
    let info = find_one(&client(&signing.connection)?, &signing.key, suite.as_deref())?;
    let (key, path) = (PublicKey::try_from(&info)?, steps(signing.path.as_deref().unwrap_or("m"))?);
    let description = payload.describe(&KeyUse::new(&key, &path))?;
    let text = format!("wallet    {} ({})\nkey       {}\n\n{description}\n", info.wallet, info.suite, info.key_id);
    if !yes && !confirmed(&text, "Have this signed?")? {
        return Err(Failure::NotWanted);
    }
    (signing.key, signing.suite) = (info.key_id, Some(info.suite));
    request(signing, payload.kind(), &payload.encode(), output)
}

/// Sends the request, or saves it.
fn request(signing: Signing, kind: &str, payload: &[u8], output: Output) -> Result<Option<Signed>, Failure> {
    let client = client(&signing.connection)?;
    let mut request = SignRequest {
        key: signing.key,
        suite: signing.suite,
        path: signing.path,
        kind: kind.to_owned(),
        payload: BASE64_STANDARD.encode(payload),
        signers: signing.signers,
        request_id: signing.request_id,
        authorization: None,
    };
    if let Some(path) = &signing.requested.requester {
        authorize(&mut request, &client, path, &signing.requested)?;
    }
    let Some(path) = &signing.requested.save else { return send(&client, &request, output).map(Some) };
    write_file(path, to_json(&request).as_bytes())?;
    output.answer(&request, &format!("wrote the signed request to {}; send it with `quorate sign request`", path.display()))?;
    Ok(None)
}

/// Signs the request in the name of its requester: for one key, with an id, and a time at which it expires.
fn authorize(request: &mut SignRequest, client: &Client, path: &Path, requested: &Requested) -> Result<(), Failure> {
    let requester = requester::read(path)?;
    let payload = BASE64_STANDARD.decode(&request.payload).unwrap_or_default();
    let told = AnyPayload::decode(&request.kind, &payload)?.suite().map(|suite| suite.name().to_owned());
    let is_id = request.key.len() == 64 && hex::decode(&request.key).is_ok();
    let suite = request.suite.take().or(told);
    if !is_id || suite.is_none() {
        // The cosigner tells which key the wallet's name stands for.
        let info = find_one(client, &request.key, suite.as_deref())?;
        (request.key, request.suite) = (info.key_id, Some(info.suite));
    } else {
        request.suite = suite;
    }
    if request.request_id.is_none() {
        let mut id = [0; 32];
        getrandom::fill(&mut id).map_err(|_| Failure::Randomness)?;
        request.request_id = Some(hex::encode(id));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let parts = Parts::of(request)?.expires(now.saturating_add(requested.valid_for));
    let authorization = parts.content(|content| requester.authorize(content))?;
    request.authorization = Some(Authorization::from(&authorization));
    Ok(())
}

fn send(client: &Client, request: &SignRequest, output: Output) -> Result<Signed, Failure> {
    let spinner = output.spinner("signing with the other cosigners");
    let signed = client.sign(request)?;
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
