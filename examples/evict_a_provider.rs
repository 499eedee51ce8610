//! A provider is breached, and loses its place: bob evicts alice, carol's operator consents, dave gets a share. Same keys, same addresses.
//!
//! One process, with stores and a wire in memory; a real team runs each cosigner at another provider:
//! `quorate evict treasury --participant alice --replace-with dave`, and at carol `quorate plans` and `quorate consent PLAN`.
//!
//! `cargo run --release -p quorate --example evict_a_provider`
#![allow(clippy::indexing_slicing, clippy::print_stdout, clippy::std_instead_of_core, reason = "an example")]

use std::{error::Error, sync::Arc, time::Duration};

use quorate::{
    Cosigner, CosignerError, KeygenRequest, ReshareRequest, SignRequest,
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
    // Dave is on everyone's roster from the beginning, and holds nothing.
    let team = team(&["alice", "bob", "carol", "dave"]).await?;
    let holders = ["alice", "bob", "carol"].map(str::to_owned);
    let wallet = KeygenRequest::new("treasury", [SuiteId::Bip340, SuiteId::Ed25519], 2).participants(holders);
    let before = team[0].keygen(wallet).await?;

    // Whoever copied alice's disk has one share. Her cosigner takes no part; were it off, the others would go on after ten seconds.
    let [_alice, bob, carol, dave] = &team[..] else { return Err("there are four".into()) };
    let evict = ReshareRequest::refresh(["treasury".to_owned()]).without_holder("alice").with_holder("dave");
    match bob.reshare(evict.clone()).await {
        Err(CosignerError::Refused { name, reason }) => println!("{name}: {reason}"),
        other => return Err(format!("bob alone cannot change who holds the key: {other:?}").into()),
    }
    // The operators of carol and dave see the change in words, ask bob's by telephone, and consent to it and nothing else.
    for (operator, words) in [(carol, "leaving: alice; joining: dave"), (dave, "holders: bob, carol, dave")] {
        let plan = loop {
            match operator.plans().pop() {
                Some(plan) => break plan,
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        println!("{} proposes: {}", plan.proposer, plan.description);
        assert!(plan.description.ends_with(words));
        operator.consent(plan.plan).await?;
    }

    let done = bob.reshare(evict).await?;
    println!("old shares destroyed by {}; no word from {}", done.destroyed.join(", "), done.outstanding.join(", "));
    assert!(done.effective, "alice's old share is alone, and two are needed");

    for old in &before {
        let keys = dave.keys().await?;
        let new = keys.iter().find(|new| new.share.key_id() == old.share.key_id()).ok_or("a key is missing")?;
        assert_eq!(new.share.public_key(), old.share.public_key());
    }
    for (asked, other) in [(bob, "carol"), (carol, "dave"), (dave, "bob")] {
        let payload = AnyPayload::new(Message::new("pay the gardener")?);
        let request = SignRequest::new("treasury", payload).suite(SuiteId::Ed25519).signers([other.to_owned()]);
        let signed = asked.sign(request).await?;
        println!("{} and {other}: participants {:?} signed", asked.name(), signed.signers);
    }
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
