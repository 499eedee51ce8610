//! `quorate status`.

use quorate::control::api::{PeerStatus, RelayStatus};

use super::{client, freeze};
use crate::{
    args::Connection,
    failure::Failure,
    output::{Output, row, table},
};

pub(super) fn run(connection: &Connection, output: Output) -> Result<(), Failure> {
    let status = client(connection)?.status()?;
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
    match &status.problem {
        Some(problem) => text.push_str(&format!("NOT READY {problem}\n")),
        None => text.push_str("ready     yes\n"),
    }
    if let Some(relay) = &status.relay {
        text.push_str(&format!("relay     {}\n", carried_by(relay)));
    }
    let mut rows = vec![row(["", "peer", "address", "link", "round trip", "witnessed"])];
    rows.extend(status.peers.iter().map(|peer| {
        let link = if peer.connected { "up" } else { "down" };
        row(["", &peer.name, &peer.address, link, &round_trip(peer), &witnessed(peer)])
    }));
    let frozen = if status.frozen.is_empty() { String::new() } else { format!("\n{}", freeze::list(&status.frozen)) };
    output.answer(&status, &format!("{text}\n{}{frozen}", table(&rows)))
}

fn carried_by(relay: &RelayStatus) -> String {
    let trouble = relay.trouble.as_ref();
    match &relay.server {
        Some(server) => {
            let before = trouble.map(|trouble| format!("; before that: {trouble}")).unwrap_or_default();
            format!("{server}, connection number {}{before}", relay.connections)
        }
        None => format!("NONE: {}", trouble.map_or("no server was reached yet", String::as_str)),
    }
}

fn round_trip(peer: &PeerStatus) -> String {
    let millis = |micros: u64| format!("{}.{} ms", micros / 1000, micros % 1000 / 100);
    peer.round_trip_micros.filter(|_| peer.connected).map_or_else(|| "-".to_owned(), millis)
}

fn witnessed(peer: &PeerStatus) -> String {
    peer.witnessed_seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s ago"))
}
