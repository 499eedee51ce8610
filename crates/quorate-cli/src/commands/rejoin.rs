//! `quorate rejoin`.

use super::client;
use crate::{args::Connection, failure::Failure, output::Output};

pub(super) fn run(connection: &Connection, output: Output) -> Result<(), Failure> {
    let report = client(connection)?.rejoin()?;
    let mut text = format!("It goes on from start {} and log entry {}. Given up:\n", report.boot, report.sequence);
    for seen in &report.seen {
        text.push_str(&format!("  {} saw start {} and log entry {}\n", seen.by, seen.boot, seen.sequence));
    }
    text.push_str("Now start it again. Then each peer's operator accepts it: quorate peers --accept-rejoin NAME");
    output.answer(&report, &text)
}
