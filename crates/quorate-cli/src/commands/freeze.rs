//! `quorate freeze` and `quorate resume`.

use std::time::{SystemTime, UNIX_EPOCH};

use quorate::{
    control::api::{FreezeInfo, FreezeRequest, ResumeRequest, SignedFreeze},
    freeze::Scope,
};

use super::client;
use crate::{
    args::{FreezeArgs, ResumeArgs},
    failure::Failure,
    output::{Output, row, table},
    requester,
};

pub(super) fn run(args: &FreezeArgs, output: Output) -> Result<(), Failure> {
    let client = client(&args.connection)?;
    let freezes = match &args.credential {
        None => {
            let (key, suite, all) = (args.frozen.key.clone(), args.frozen.suite.clone(), args.frozen.all);
            client.freeze(&FreezeRequest { key, suite, all, reason: args.reason.clone() })?
        }
        Some(path) => {
            let scope = match &args.frozen.key {
                None => Scope::All,
                Some(text) => {
                    let digits = Failure::Hex { what: "the key, with --credential,", digits: "its id, 64 hexadecimal digits" };
                    let bytes = hex::decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                    Scope::Key(bytes.ok_or(digits)?)
                }
            };
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            let signed = requester::read(path)?.freeze(scope, &args.reason, u64::try_from(now).unwrap_or(u64::MAX))?;
            vec![client.freeze_signed(&SignedFreeze::from(&signed))?]
        }
    };
    output.note("The other cosigners are told until they know; `quorate status` at each of them shows what is frozen there.\n");
    output.answer(&freezes, &list(&freezes))
}

pub(super) fn resume(args: &ResumeArgs, output: Output) -> Result<(), Failure> {
    let (key, suite, all) = (args.frozen.key.clone(), args.frozen.suite.clone(), args.frozen.all);
    let freezes = client(&args.connection)?.resume(&ResumeRequest { key, suite, all, ids: args.only.clone() })?;
    if freezes.iter().any(|freeze| !freeze.frozen_keys.is_empty()) {
        output.note(
            "This operator's word is noted. A key thaws when the operators of as many participants as sign have given theirs.\n",
        );
    }
    output.answer(&freezes, &list(&freezes))
}

/// Freezes for people.
pub(super) fn list(freezes: &[FreezeInfo]) -> String {
    let mut rows = vec![row(["frozen", "by", "since", "end wanted by", "reason", "id"])];
    for freeze in freezes {
        let what = match (freeze.frozen_keys.is_empty(), &freeze.key_id) {
            (true, _) => "nothing more".to_owned(),
            (false, None) => format!("all keys ({})", freeze.frozen_keys.len()),
            (false, Some(key)) => key.chars().take(16).collect(),
        };
        let by = if freeze.by_credential {
            format!("credential {}", freeze.by.chars().take(16).collect::<String>())
        } else {
            freeze.by.clone()
        };
        rows.push(row([&what, &by, &quorate::utc(freeze.since), &freeze.approvals.join(", "), &freeze.reason, &freeze.id]));
    }
    table(&rows)
}
