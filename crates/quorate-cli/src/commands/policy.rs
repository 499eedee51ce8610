//! `quorate policy`: what the policy of a cosigner would say to a document, without signing it.

use std::path::PathBuf;

use quorate::{
    config::Config,
    control::api::KeyInfo,
    core::{PeerId, SuiteId},
    payload::{AnyPayload, EvmTransaction, KeyUse, Message, Payload, Psbt, SolanaMessage, TypedData, kind},
    policy::{BuiltinPolicy, Decision, Policy as _, RequestedKey, SignRequestView},
    request::RequesterKey,
};

use super::{client, read_file};
use crate::{
    args::{PayloadKind, PolicyCommand, PolicyTestArgs},
    failure::Failure,
    key::{PublicKey, steps},
    output::Output,
};

pub(super) fn run(command: &PolicyCommand, output: Output) -> Result<(), Failure> {
    let PolicyCommand::Test(args) = command;
    let payload = parse(args.kind, &read_file(&args.payload)?)?;
    let directory = args.connection.dir.clone().unwrap_or_else(|| PathBuf::from("."));
    let policy = Config::load(&directory)?.policy;
    let info = key(args, payload.suite())?;
    let (key, path) = (PublicKey::try_from(&info)?, steps(&args.path)?);
    let description = payload.describe(&KeyUse::new(&key, &path))?;
    let name = format!("{}.{}", info.wallet, info.suite);
    let mut key_id = [0; 32];
    hex::decode_to_slice(&info.key_id, &mut key_id).map_err(|_| unknown(args))?;
    let suite = SuiteId::from_name(&info.suite).ok_or_else(|| unknown(args))?;
    let requested = RequestedKey::new(&name, &key_id, suite, &path);
    let (requester, approvals) = people(args, &policy)?;
    let request_id = "0".repeat(64);
    let view = SignRequestView::new(requested, PeerId::new([0; 32]), &request_id, &payload, &description)
        .at(args.at.unwrap_or_else(now));
    let view = match requester {
        Some(requester) => view.signed(requester, &approvals),
        None => view,
    };
    let (verdict, reason) = match policy.decide(&view) {
        Decision::Allow => ("allow", None),
        Decision::Ask { reason } => ("ask", Some(reason)),
        Decision::Deny { reason } => ("deny", Some(reason)),
        _ => ("unknown", None),
    };
    let counts: Vec<String> =
        policy.budgets(&view).iter().map(|budget| format!("{} of {}", budget.amount, budget.asset)).collect();
    let lines: Vec<_> =
        description.lines.iter().map(|line| serde_json::json!({"label": line.label, "value": line.value})).collect();
    let value = serde_json::json!({
        "decision": verdict,
        "reason": reason,
        "counted": counts,
        "description": { "title": description.title, "lines": lines },
    });
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    let counts =
        if counts.is_empty() { String::new() } else { format!("\ncounted against limits over time: {}", counts.join(", ")) };
    output.answer(&value, &format!("{description}\n\n{verdict}{reason}{counts}"))
}

/// Reads what is to be signed, as `quorate sign` does.
fn parse(kind: PayloadKind, bytes: &[u8]) -> Result<AnyPayload, Failure> {
    Ok(match kind {
        PayloadKind::Message => AnyPayload::new(Message::new(bytes)?),
        PayloadKind::Psbt => AnyPayload::new(Psbt::parse(bytes)?),
        PayloadKind::Evm => AnyPayload::new(EvmTransaction::parse(bytes)?),
        PayloadKind::TypedData => AnyPayload::new(TypedData::parse(bytes)?),
        PayloadKind::Solana => AnyPayload::new(SolanaMessage::parse(bytes)?),
        PayloadKind::Digest => AnyPayload::decode(kind::DIGEST, bytes)?,
    })
}

fn unknown(args: &PolicyTestArgs) -> Failure {
    Failure::UnknownKey { key: args.key.clone(), suite: args.suite.clone() }
}

/// The key, from a file or from a running cosigner.
fn key(args: &PolicyTestArgs, told: Option<SuiteId>) -> Result<KeyInfo, Failure> {
    let mut keys: Vec<KeyInfo> = match &args.keys {
        Some(path) => serde_json::from_slice(&read_file(path)?).map_err(|_| Failure::KeysFile { path: path.clone() })?,
        None => client(&args.connection)?.keys()?,
    };
    let suite = args.suite.as_deref().or_else(|| told.map(SuiteId::name));
    keys.retain(|info| (info.wallet == args.key || info.key_id == args.key) && suite.is_none_or(|suite| info.suite == suite));
    match (keys.pop(), keys.is_empty()) {
        (Some(info), true) => Ok(info),
        (None, _) => Err(unknown(args)),
        (Some(_), false) => Err(Failure::SeveralKeys { key: args.key.clone() }),
    }
}

/// The requester and the approvers that are supposed, by their names in the policy.
fn people(args: &PolicyTestArgs, policy: &BuiltinPolicy) -> Result<(Option<RequesterKey>, Vec<RequesterKey>), Failure> {
    let unlisted = |name: &String| Failure::NotInPolicy { name: name.clone() };
    let requester = args.requester.as_ref().map(|name| policy.requesters.get(name).copied().ok_or_else(|| unlisted(name)));
    let listed = |name: &String| policy.approvals.as_ref().and_then(|approvals| approvals.keys.get(name)).copied();
    let approvals = args.approved_by.iter().map(|name| listed(name).ok_or_else(|| unlisted(name)));
    Ok((requester.transpose()?, approvals.collect::<Result<_, _>>()?))
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs()
}
