//! `quorate peers`.

use quorate::control::api::{AcceptRejoinRequest, ForgiveRequest};

use super::client;
use crate::{
    args::PeersArgs,
    failure::Failure,
    output::{Output, row, table},
};

pub(super) fn run(args: &PeersArgs, output: Output) -> Result<(), Failure> {
    let client = client(&args.connection)?;
    if let Some(peer) = &args.forgive {
        client.forgive(&ForgiveRequest { peer: peer.clone() })?;
    }
    if let Some(peer) = &args.accept_rejoin {
        let spinner = output.spinner("asking for proofs of its shares");
        let accepted = client.accept_rejoin(&AcceptRejoinRequest { peer: peer.clone(), lost_shares: args.lost_shares })?;
        drop(spinner);
        output.note(&format!("{peer} is accepted again; it proved {} shares", accepted.proved));
        for lost in &accepted.lost {
            let cure = if lost.repairable { "repair it: `quorate repair`" } else { "it cannot be repaired" };
            output.note(&format!("  lost: {} {} of epoch {} ({}); {cure}", lost.wallet, lost.suite, lost.epoch, lost.problem));
        }
    }
    let peers = client.status()?.peers;
    let mut rows = vec![row(["peer", "link", "faults", "next pairing"])];
    rows.extend(peers.iter().map(|peer| {
        let wait = if peer.wait_seconds == 0 { "now".to_owned() } else { format!("in {} s", peer.wait_seconds) };
        row([&peer.name, if peer.connected { "up" } else { "down" }, &peer.faults.to_string(), &wait])
    }));
    let alarms = peers.iter().filter_map(|peer| peer.alarm.as_deref()).map(|alarm| format!("ALARM: {alarm}\n"));
    output.answer(&peers, &format!("{}{}", table(&rows), alarms.collect::<String>()))
}
