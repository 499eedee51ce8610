//! `quorate audit`.

use quorate::control::api::{AuditEntryInfo, AuditRequest};

use super::client;
use crate::{
    args::AuditCommand,
    failure::Failure,
    output::{Output, row, table},
};

/// How much of an id a table shows.
const SHORT: usize = 12;

pub(super) fn run(command: &AuditCommand, output: Output) -> Result<(), Failure> {
    match command {
        AuditCommand::Show(args) => {
            let request = AuditRequest { after: args.after, limit: Some(args.limit) };
            let page = client(&args.connection)?.audit(&request)?;
            let mut rows = vec![row(["number", "time (Unix)", "what", "peer", "request", "key", "epoch", ""])];
            rows.extend(page.entries.iter().map(cells));
            let mut text = table(&rows);
            if let (true, Some(last)) = (page.more, page.entries.last()) {
                text.push_str(&format!("\nthere is more: quorate audit show --after {}", last.sequence));
            }
            output.answer(&page, &text)
        }
        AuditCommand::Verify(connection) => {
            let spinner = output.spinner("checking every entry");
            let head = client(connection)?.verify_audit()?;
            drop(spinner);
            output.answer(&head, &format!("{} entries, all as they were written\ndigest {}", head.sequence, head.digest))
        }
    }
}

fn cells(entry: &AuditEntryInfo) -> Vec<String> {
    let short = |id: &Option<String>| id.as_deref().unwrap_or_default().chars().take(SHORT).collect::<String>();
    let epoch = entry.epoch.map(|epoch| epoch.to_string()).unwrap_or_default();
    let (number, at) = (entry.sequence.to_string(), entry.at.to_string());
    let (peer, request, key) = (entry.peer.as_deref().unwrap_or_default(), short(&entry.request_id), short(&entry.key_id));
    row([&number, &at, &entry.kind, peer, &request, &key, &epoch, &entry.reason])
}
