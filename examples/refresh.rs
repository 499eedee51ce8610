//! A wallet is refreshed: every cosigner gets a new share of the same keys, and what a thief took before is worth nothing.
//!
//! One process, with stores and a wire in memory; a real team runs each cosigner at another provider, and asks one of them with
//! `quorate refresh treasury`.
//!
//! `cargo run --release -p quorate --example refresh`
#![allow(clippy::indexing_slicing, clippy::print_stdout, clippy::std_instead_of_core, reason = "an example")]

use std::{error::Error, sync::Arc, time::Duration};

use quorate::{
    Cosigner, KeygenRequest, ReshareRequest, SignRequest,
    core::{
        SuiteId,
        placement::{Exposure, Storage},
    },
    node::create_vault,
    payload::{AnyPayload, Message},
    policy::BuiltinPolicy,
    storage::{Faults as StoreFaults, MemoryEpochKeys, MemoryStore, Passphrase, Store, kek::PassphraseParams},
    transport::{
        Cosigner as Entry, Roster,
        wires::memory::{Faults, Hub},
    },
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let team = team(&["alice", "bob", "carol"]).await?;
    let suites = [SuiteId::Bip340, SuiteId::Ed25519, SuiteId::EcdsaSecp256k1];
    let before = team[0].keygen(KeygenRequest::new("treasury", suites, 2)).await?;

    // Any of them can be asked. All must be there: one that keeps its old share could help to use it.
    let done = team[1].reshare(ReshareRequest::refresh(["treasury".to_owned()])).await?;
    for key in &done.keys {
        println!("{} {}: epoch {}", key.wallet, key.suite.name(), key.epoch);
    }
    println!("old shares destroyed by {}", done.destroyed.join(", "));
    assert!(done.effective && done.outstanding.is_empty());

    // The same public keys, so the same addresses; other shares. Two of them sign as before.
    let after = team[2].keys().await?;
    for old in &before {
        let new = after.iter().find(|new| new.share.key_id() == old.share.key_id()).ok_or("a key is missing")?;
        assert_eq!((new.share.public_key(), new.share.epoch()), (old.share.public_key(), old.share.epoch() + 1));
    }
    let payload = AnyPayload::new(Message::new("pay the gardener")?);
    let signed = team[2].sign(SignRequest::new("treasury", payload).suite(SuiteId::Ed25519)).await?;
    println!("signed by {:?}: {} bytes", signed.signers, signed.signatures[0].len());
    for cosigner in team {
        cosigner.shutdown().await;
    }
    Ok(())
}

/// Cosigners at providers of their own, linked with each other.
async fn team(names: &[&str]) -> Result<Vec<Cosigner>, Box<dyn Error>> {
    let mut vaults = Vec::new();
    for name in names {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(StoreFaults::none()));
        let kek = Passphrase::create(&store, format!("{name}'s own passphrase").into(), PassphraseParams::default()).await?;
        vaults.push((*name, create_vault(store, Arc::new(MemoryEpochKeys::default()), Arc::new(kek)).await?));
    }
    let entries =
        vaults.iter().zip(7001..).map(|((name, vault), port)| Entry::new(*name, *vault.cosigner(), format!("127.0.0.1:{port}")));
    let (roster, hub) = (Roster::new(entries)?, Hub::new(1, Faults::new(0, 0, 0)));
    let mut team = Vec::new();
    for (name, vault) in vaults {
        let storage = Storage::new(format!("cloud-{name}/disk").parse()?, [format!("{name}/passphrase").parse()?])?;
        let exposure = Exposure::new(name.parse()?, format!("cloud-{name}/vm").parse()?, storage);
        let (policy, wire) = (Arc::new(BuiltinPolicy::documents()), Arc::new(hub.wire(*vault.cosigner())));
        team.push(Cosigner::builder(name, roster.clone(), wire, vault, exposure).policy(policy).start().await?);
    }
    for cosigner in &team {
        assert!(cosigner.connected(Duration::from_secs(10)).await, "no links");
    }
    Ok(team)
}
