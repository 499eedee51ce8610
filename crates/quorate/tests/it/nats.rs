//! Ceremonies over a real NATS server that dies in their middle, and whose operator is a thief.

use std::{sync::Arc, time::Duration};

use quorate::{
    Cosigner, CosignerError, KeygenRequest, SignRequest,
    core::SuiteId,
    payload::{AnyPayload, Message},
    policy::BuiltinPolicy,
    storage::Vault,
    transport::{
        Cosigner as Entry, Roster,
        wires::{NatsOptions, NatsWire},
    },
};
use quorate_services::{Nats, NatsOperator};
use tokio::time::{sleep, timeout};

use crate::{
    secrets::{leaks, scalar},
    team::{NAMES, exposure, home},
};

const PATIENCE: Duration = Duration::from_secs(60);

async fn start(server: &Nats) -> Vec<Arc<Cosigner>> {
    let mut homes = Vec::new();
    for _ in NAMES {
        homes.push(home().await);
    }
    let entries = NAMES.iter().zip(&homes).zip(7001..);
    let entries = entries.map(|((name, home), port)| Entry::new(*name, *home.vault.cosigner(), format!("127.0.0.1:{port}")));
    let roster = Roster::new(entries).unwrap();
    let mut cosigners = Vec::new();
    for (index, home) in homes.into_iter().enumerate() {
        let vault = Vault::open(home.store, home.epochs, home.kek).await.unwrap();
        let options = NatsOptions::new([server.url()]).unwrap();
        let wire = NatsWire::start(*vault.cosigner(), &roster, options).await.unwrap();
        let builder = Cosigner::builder(NAMES[index], roster.clone(), Arc::new(wire), vault, exposure(index));
        let builder = builder.policy(Arc::new(BuiltinPolicy::documents())).presignatures(0).deadline(Duration::from_secs(15));
        cosigners.push(Arc::new(builder.start().await.unwrap()));
    }
    for cosigner in &cosigners {
        assert!(cosigner.connected(PATIENCE).await);
    }
    cosigners
}

fn sign(wallet: &str, text: &str) -> SignRequest {
    SignRequest::new(wallet, AnyPayload::new(Message::new(text).unwrap())).suite(SuiteId::Ed25519)
}

/// Kills the server when so many more messages crossed it, and starts it again a little later.
async fn interrupt(server: &Nats, after: usize, meanwhile: impl Future<Output = bool>) -> bool {
    let operator = NatsOperator::new(server, None);
    let die = async {
        while operator.heard().len() < after {
            sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        sleep(Duration::from_millis(300)).await;
        server.go_on();
    };
    tokio::join!(die, meanwhile).1
}

/// Asks again until it is done.
async fn until_done<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<T, CosignerError>) -> T {
    let asking = async {
        loop {
            match ask().await {
                Ok(done) => return done,
                Err(_) => sleep(Duration::from_millis(200)).await,
            }
        }
    };
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{what}: never"))
}

#[tokio::test(flavor = "multi_thread")]
async fn server_dies_in_the_middle_of_keys_and_signatures_and_they_are_made_all_the_same() {
    let server = Nats::start();
    let team = start(&server).await;
    let wallet = |name: &str| KeygenRequest::new(name, [SuiteId::Ed25519], 2);
    for after in [3, 20] {
        let name = format!("wallet{after}");
        let made = interrupt(&server, after, async { team[0].keygen(wallet(&name)).await.is_ok() }).await;
        println!("a key generation that was cut off after {after} messages: {}", if made { "completed" } else { "failed" });
        if !made {
            // Failed for everybody: the same wallet, or one of another name if some of it was made.
            until_done("a key", async || {
                let again = team[0].keygen(wallet(&name)).await;
                if team[0].keys().await?.iter().any(|key| key.wallet == name) { Ok(()) } else { again.map(drop) }
            })
            .await;
        }
        for asked in &team {
            until_done("a signature", async || asked.sign(sign(&name, "hello")).await).await;
        }
        let signed = interrupt(&server, 2, async { team[1].sign(sign(&name, "in the middle")).await.is_ok() }).await;
        println!("a signature that was cut off: {}", if signed { "completed" } else { "failed" });
        until_done("a signature", async || team[1].sign(sign(&name, "again")).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_of_the_server_finds_no_share_and_what_was_said_says_nothing_twice() {
    let server = Nats::start_with("max_payload: 4096");
    let mut operator = NatsOperator::new(&server, None);
    let team = start(&server).await;
    team[0].keygen(KeygenRequest::new("treasury", [SuiteId::Bip340, SuiteId::Ed25519], 2)).await.unwrap();
    team[1].sign(sign("treasury", "hello")).await.unwrap();
    let heard = operator.heard();
    let wires: Vec<u8> = heard.iter().flat_map(|message| [message.subject.as_bytes(), &message.payload].concat()).collect();
    assert!(leaks(team[0].peer_id().to_string().as_bytes(), &wires), "who talks to whom is there");
    for cosigner in &team {
        for key in cosigner.keys().await.unwrap() {
            assert!(!leaks(&scalar(&key.share), &wires), "a share is readable on the wire");
        }
    }
    // Everything once more, in its order and to everybody: nobody does anything.
    let counts = async || {
        let mut counts = Vec::new();
        for cosigner in &team {
            counts.push((cosigner.keys().await.unwrap().len(), cosigner.audit(0, 256).await.unwrap().lines.len()));
        }
        counts
    };
    let before = counts().await;
    for message in &heard {
        let (_, from) = message.subject.rsplit_once('.').unwrap();
        for cosigner in &team {
            operator.publish(&format!("quorate.{}.{from}", cosigner.peer_id()), &message.payload);
        }
    }
    sleep(Duration::from_millis(500)).await;
    assert_eq!(counts().await, before);
    team[2].sign(sign("treasury", "still")).await.unwrap();
}
