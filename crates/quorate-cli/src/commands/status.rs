//! `quorate status`.

use super::{client, freeze};
use crate::{
    args::Connection,
    failure::Failure,
    output::{Output, row, table},
};

pub(super) fn run(connection: &Connection, output: Output) -> Result<(), Failure> {
    let status = client(connection).status()?;
    let mut text = format!(
        "cosigner  {}\nidentity  {}\nversion   {}\nstart     {}\nkeys      {}\n",
        status.name, status.peer_id, status.version, status.boot, status.keys
    );
    if status.pending > 0 {
        text.push_str(&format!(
            "pending   {} (shares whose ceremony was cut off; they complete when a peer answers)\n",
            status.pending
        ));
    }
    if let Some(reason) = &status.standing_aside {
        text.push_str(&format!("ALARM     {reason}\n"));
    }
    for alarm in status.peers.iter().filter_map(|peer| peer.alarm.as_ref()) {
        text.push_str(&format!("ALARM     {alarm}\n"));
    }
    let mut rows = vec![row(["", "peer", "address", "link"])];
    rows.extend(status.peers.iter().map(|peer| row(["", &peer.name, &peer.address, if peer.connected { "up" } else { "down" }])));
    let frozen = if status.frozen.is_empty() { String::new() } else { format!("\n{}", freeze::list(&status.frozen)) };
    output.answer(&status, &format!("{text}\n{}{frozen}", table(&rows)))
}
