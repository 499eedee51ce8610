//! Three cosigners make a wallet and sign with it through the façade: policies, vaults, encrypted links, one process.
//!
//! Each cosigner has a store and a passphrase of its own, and speaks to the others over a wire that loses one datagram in ten. A real
//! team runs each one at another provider with `quorate node`; nothing in `sign` or `keygen` changes.
//!
//! `cargo run --release -p quorate --example three_cosigners`
#![allow(clippy::indexing_slicing, clippy::print_stdout, clippy::std_instead_of_core, reason = "an example")]

use std::{error::Error, sync::Arc, time::Duration};

use quorate::{
    Cosigner, KeygenRequest, SignRequest,
    core::{
        SuiteId,
        placement::{Exposure, Storage},
    },
    node::create_vault,
    payload::{AnyPayload, Message},
    storage::{Faults as StoreFaults, MemoryEpochKeys, MemoryStore, Passphrase, Store, kek::PassphraseParams},
    transport::{
        Cosigner as Entry, Roster,
        wires::memory::{Faults, Hub},
    },
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // What each operator does at home: a store, a passphrase, an identity.
    let mut vaults = Vec::new();
    for name in ["alice", "bob", "carol"] {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(StoreFaults::none()));
        let passphrase = format!("{name}'s own passphrase").into();
        let kek = Arc::new(Passphrase::create(&store, passphrase, PassphraseParams::default()).await?);
        vaults.push((name, create_vault(store, Arc::new(MemoryEpochKeys::default()), kek).await?));
    }
    // What they exchange once: names, public identities, addresses.
    let entries =
        vaults.iter().zip(7001..).map(|((name, vault), port)| Entry::new(*name, *vault.cosigner(), format!("127.0.0.1:{port}")));
    let roster = Roster::new(entries)?;

    let hub = Hub::new(1, Faults::new(100, 50, 100));
    let mut team = Vec::new();
    for ((name, vault), cloud) in vaults.into_iter().zip(["aws", "gcp", "hetzner"]) {
        let path = |place: String| place.parse();
        let storage = Storage::new(path(format!("{cloud}/disk"))?, [path(format!("{name}/passphrase"))?])?;
        let exposure = Exposure::new(path(name.to_owned())?, path(format!("{cloud}/vm"))?, storage);
        let wire = Arc::new(hub.wire(*vault.cosigner()));
        team.push(Cosigner::builder(name, roster.clone(), wire, vault, exposure).start().await?);
    }
    for cosigner in &team {
        assert!(cosigner.connected(Duration::from_secs(10)).await, "no links");
    }

    let keys = team[0].keygen(KeygenRequest::new("treasury", [SuiteId::Bip340, SuiteId::Ed25519], 2)).await?;
    println!("{}", keys[0].share.placement());
    for asked in &team {
        let payload = AnyPayload::new(Message::new("pay the gardener")?);
        let request = SignRequest::new("treasury", payload).suite(SuiteId::Ed25519).path("m/0/7".parse()?);
        let signed = asked.sign(request).await?;
        println!("asked {}: {:?} signed {}", asked.name(), signed.signers, hex(&signed.signatures[0]));
    }
    let held = team[1].attest("treasury", Some(SuiteId::Bip340)).await?;
    assert!(held.iter().all(|attested| attested.problem.is_none()));
    println!("all {} participants proved that they hold their shares", held.len());
    for cosigner in team {
        cosigner.shutdown().await;
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
