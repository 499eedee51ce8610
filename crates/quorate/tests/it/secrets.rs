//! What leaves a cosigner in a whole key life: logs, wire bytes, store records. No share is readable in any of them.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use quorate::{
    AnyKeyShare, KeygenRequest, SignRequest,
    core::SuiteId,
    payload::{AnyPayload, Message},
};

use tracing_subscriber::fmt::format::FmtSpan;

use crate::team::Team;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A share's scalar: behind the record's header and the identifier.
pub(crate) fn scalar(share: &AnyKeyShare) -> Vec<u8> {
    let record = match share {
        AnyKeyShare::Ed25519(share) => share.to_secret_bytes(),
        AnyKeyShare::Bip340(share) => share.to_secret_bytes(),
        AnyKeyShare::EcdsaSecp256k1(share) => share.to_secret_bytes(),
        _ => panic!("a suite without a test"),
    };
    record[5..37].to_vec()
}

/// Whether any eight bytes in a row of the secret are there, raw or as hexadecimal, forwards or backwards.
pub(crate) fn leaks(secret: &[u8], text: &[u8]) -> bool {
    let backwards: Vec<u8> = secret.iter().rev().copied().collect();
    [secret, &backwards].into_iter().any(|secret| {
        secret.windows(8).any(|window| {
            let hex = hex::encode(window);
            let find = |needle: &[u8]| text.windows(needle.len()).any(|found| found == needle);
            find(window) || find(hex.as_bytes()) || find(hex.to_uppercase().as_bytes())
        })
    })
}

#[test]
fn leaks_finds_what_is_there() {
    let secret: Vec<u8> = (0..32).collect();
    assert!(leaks(&secret, b"key=0405060708090a0b0c"));
    assert!(leaks(&secret, &[9, 8, 7, 6, 5, 4, 3, 2, 1]));
    assert!(!leaks(&secret, b"key=0405060708"));
}

#[test]
fn whole_key_life_leaves_no_share_in_logs_wires_or_stores() {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    let subscriber = subscriber.with_span_events(FmtSpan::CLOSE).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let team = Team::start().await;
        team.hub.start_tap();
        let request = KeygenRequest::new("treasury", [SuiteId::Bip340, SuiteId::Ed25519, SuiteId::EcdsaSecp256k1], 2);
        team.cosigner(0).keygen(request).await.unwrap();
        let payload = AnyPayload::new(Message::new("hello").unwrap());
        team.cosigner(1).sign(SignRequest::new("treasury", payload).suite(SuiteId::Ed25519)).await.unwrap();
        // In three rounds, and then with presignatures that were made ahead.
        for text in ["one", "two", "three"] {
            let payload = AnyPayload::new(Message::new(text).unwrap());
            let request = SignRequest::new("treasury", payload).suite(SuiteId::EcdsaSecp256k1).signers(["bob".to_owned()]);
            team.cosigner(0).sign(request).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        team.cosigner(2).attest("treasury", Some(SuiteId::Bip340)).await.unwrap();

        let mut wires = Vec::new();
        team.hub.take_tap().into_iter().for_each(|crossing| wires.extend(crossing.bytes));
        let logs = captured.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(wires.len() > 1000 && logs.len() > 100, "nothing was captured");
        let text = String::from_utf8_lossy(&logs).into_owned();
        let spans: Vec<_> = text.lines().filter(|line| line.contains("close time.busy")).collect();
        for span in ["keygen{wallet=\"treasury\"}", "sign{key=\"treasury\"}", "attest{key=\"treasury\"}"] {
            assert!(spans.iter().any(|line| line.contains(span)), "{span} is no span of {spans:#?}");
        }
        assert!(!spans.iter().any(|line| line.contains("hello")), "a message is in a span");
        let mut dumps = Vec::new();
        for home in &team.homes {
            let records = home.store.dump();
            // A sealed key share of a 2-of-3 key takes less than 1 KiB.
            let keys: Vec<_> = records.iter().filter(|(name, _)| name.as_str().starts_with("keys/")).collect();
            assert_eq!(keys.len(), 3);
            for (name, record) in &keys {
                println!("{name}: {} bytes", record.len());
                assert!(record.len() < 1024, "{name} takes {} bytes", record.len());
            }
            records.into_iter().for_each(|(_, record)| dumps.extend(record));
            home.epochs.dump().into_iter().for_each(|(_, key)| dumps.extend(key));
        }
        for cosigner in team.cosigners.iter().flatten() {
            let keys = cosigner.keys().await.unwrap();
            assert_eq!(keys.len(), 3);
            for key in keys {
                let secret = scalar(&key.share);
                assert!(!leaks(&secret, &wires), "a share is readable on the wire");
                assert!(!leaks(&secret, &logs), "a share is readable in the logs");
                assert!(!leaks(&secret, &dumps), "a share is readable in a store");
                assert!(!leaks(&secret, format!("{key:?}").as_bytes()), "a share is readable in Debug output");
            }
        }
    });
}
