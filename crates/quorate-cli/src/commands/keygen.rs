//! `quorate keygen`: makes a wallet.

use quorate::control::api::{KeygenRequest, WaiverRequest};

use super::{client, keys};
use crate::{args::KeygenArgs, failure::Failure, output::Output};

pub(super) fn run(args: KeygenArgs, output: Output) -> Result<(), Failure> {
    let client = client(&args.connection)?;
    let waivers = args.waivers.as_chunks::<3>().0.iter();
    let request = KeygenRequest {
        wallet: args.wallet,
        suites: args.suites,
        min_signers: args.min_signers,
        participants: args.participants,
        waivers: waivers
            .map(|[domain, date, reason]| WaiverRequest { domain: domain.clone(), reason: reason.clone(), date: date.clone() })
            .collect(),
        joint_counting: args.joint_counting,
        request_id: args.request_id,
    };
    let spinner = output.spinner("making the keys with the other cosigners");
    let made = client.keygen(&request)?;
    drop(spinner);
    output.answer(&made, &keys::listing(&made)?)
}
