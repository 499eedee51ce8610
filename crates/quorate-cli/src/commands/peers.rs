//! `quorate peers`.

use quorate::control::api::ForgiveRequest;

use super::client;
use crate::{
    args::PeersArgs,
    failure::Failure,
    output::{Output, row, table},
};

pub(super) fn run(args: &PeersArgs, output: Output) -> Result<(), Failure> {
    let client = client(&args.connection);
    if let Some(peer) = &args.forgive {
        client.forgive(&ForgiveRequest { peer: peer.clone() })?;
    }
    let peers = client.status()?.peers;
    let mut rows = vec![row(["peer", "link", "faults", "next pairing"])];
    rows.extend(peers.iter().map(|peer| {
        let wait = if peer.wait_seconds == 0 { "now".to_owned() } else { format!("in {} s", peer.wait_seconds) };
        row([&peer.name, if peer.connected { "up" } else { "down" }, &peer.faults.to_string(), &wait])
    }));
    output.answer(&peers, &table(&rows))
}
