//! `quorate approve`: a person looks at a request, and signs that they did.

use quorate::{
    control::api::{Approval, KeyInfo, SignRequest},
    payload::{AnyPayload, KeyUse, Payload as _},
};

use super::{client, confirmed, read_file, write_file};
use crate::{
    args::ApproveArgs,
    failure::Failure,
    key::{PublicKey, steps},
    output::Output,
    request::{Parts, read_request, to_json},
    requester,
};

pub(super) fn run(args: &ApproveArgs, output: Output) -> Result<(), Failure> {
    let mut request = read_request(&args.file)?;
    let parts = Parts::of(&request)?;
    let authorization = request.authorization.clone().unwrap_or_default();
    parts.authorization(&authorization)?;
    let approver = requester::read(&args.with)?;
    let text = describe(args, &request, &parts)?;
    if args.yes {
        output.note(&text);
    } else if !confirmed(&text, "Do you approve this?")? {
        return Err(Failure::NotApproved);
    }
    let key = approver.key().to_string();
    let signature = parts.content(|content| approver.approve(content))?.signature;
    let mut authorization = authorization;
    if authorization.approvals.iter().all(|approval| approval.key != key) {
        authorization.approvals.push(Approval { key: key.clone(), signature: hex::encode(signature) });
    }
    let approvals = authorization.approvals.len();
    request.authorization = Some(authorization);
    write_file(&args.file, to_json(&request).as_bytes())?;
    let value = serde_json::json!({ "approver": key, "approvals": approvals, "file": args.file });
    output.answer(&value, &format!("approved by {key}; {} has {approvals} approvals now", args.file.display()))
}

/// What the request is, as this program itself reads it.
fn describe(args: &ApproveArgs, request: &SignRequest, parts: &Parts) -> Result<String, Failure> {
    let keys: Vec<KeyInfo> = match &args.keys {
        Some(path) => serde_json::from_slice(&read_file(path)?).map_err(|_| Failure::KeysFile { path: path.clone() })?,
        None => client(&args.connection)?.keys()?,
    };
    let unknown = || Failure::UnknownKey { key: request.key.clone(), suite: request.suite.clone() };
    let info = keys.iter().find(|info| info.key_id == hex::encode(parts.key_id)).ok_or_else(unknown)?;
    let (key, path) = (PublicKey::try_from(info)?, steps(request.path.as_deref().unwrap_or("m"))?);
    let usage = KeyUse::new(&key, &path);
    let description = AnyPayload::decode(&request.kind, &parts.payload)?.describe(&usage)?;
    let authorization = request.authorization.clone().unwrap_or_default();
    Ok(format!(
        "wallet    {} ({})\nkey       {}\npath      {}\nrequester {}\nexpires   {}\nid        {}\n\n{description}\n",
        info.wallet,
        info.suite,
        info.key_id,
        request.path.as_deref().unwrap_or("m"),
        authorization.requester,
        quorate::utc(authorization.expires),
        hex::encode(parts.request_id),
    ))
}
