//! What a malicious proposer does between a consent and the begin of the ceremony: wait, call off, or neither.

use core::{
    sync::atomic::{AtomicU64, Ordering},
    task::Poll,
};

use quorate_core::{ParticipantSet, derive::DerivationPath};
use quorate_storage::{AuditHead, AuditKind};

use super::*;
use crate::{
    Clock,
    audit::Writing,
    ceremony::{
        message::Random,
        sign::{self as rules, Task},
    },
    cosigner::{
        answer,
        consents::{CALLED_OFF, Consent},
        ecdsa::Material,
        sign::{Agreed, consent, run},
    },
    freeze::Scope,
    payload::KeyView as _,
    request::{Authorization, RequestContent, Requester},
};

const NOW: u64 = 1_795_429_202; // a Monday, 10:20 UTC

/// Alice, Bob, and Mallory with Carol's share; the key of all three.
struct Rig {
    team: Team,
    mallory: Network,
    key: [u8; 32],
}

impl Rig {
    async fn start(change: impl FnOnce(CosignerBuilder) -> CosignerBuilder) -> Self {
        let mut team = Team::start(3).await;
        let keys = team.cosigners[0].keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await.unwrap();
        let mallory = team.corrupt_last().await;
        team.cosigners.remove(0).shutdown().await;
        let alice = team.boot(0, change).await;
        team.cosigners.insert(0, alice);
        mallory.connected(team.peer(0)).await;
        Self { team, mallory, key: *keys[0].share.key_id().as_bytes() }
    }

    fn proposal(&self, request: [u8; 32], authorization: Option<Authorization>) -> Proposal {
        let body = SignProposal {
            key_id: self.key,
            epoch: 0,
            signers: ParticipantSet::new([1, 3].map(|number| Identifier::new(number).unwrap())).unwrap(),
            path: DerivationPath::default(),
            kind: payload::kind::MESSAGE.to_owned(),
            payload: b"hello".to_vec(),
            presignatures: Vec::new(),
            attempt: 0,
            authorization,
        };
        Proposal { request, body: ProposalBody::Sign(body) }
    }

    fn tell(&self, message: &Message) {
        self.mallory.request(self.team.peer(0), message.to_bytes()).unwrap();
    }

    /// Proposes, and has Alice accept. Gives the message that has her begin.
    async fn accepted(&self, proposal: &Proposal) -> Message {
        self.tell(&Message::Propose(proposal.clone()));
        loop {
            let message = heard(&self.mallory).await;
            if let Message::Accept { proposal: accepted, random: hers } = message
                && accepted == proposal.digest()
            {
                let random = |number, value| Random { identifier: Identifier::new(number).unwrap(), value };
                break Message::Begin { proposal: accepted, randoms: vec![random(1, hers), random(3, [3; 32])] };
            }
            assert!(!matches!(message, Message::Refuse { .. }), "{message:?}");
        }
    }

    async fn refusal(&self) -> String {
        loop {
            if let Message::Refuse { reason, .. } = heard(&self.mallory).await {
                break reason;
            }
        }
    }

    /// How many entries of this kind Alice's log has by now.
    async fn entries(&self, kind: AuditKind) -> usize {
        let alice = self.team.cosigners[0].shared();
        alice.audit.write(crate::audit::entry(AuditKind::Refused)).await.unwrap();
        let (mut count, mut after) = (0, 0);
        loop {
            let lines = alice.vault.audit_page(after, 256).await.unwrap().lines;
            count += lines.iter().filter(|line| line.entry.kind == kind).count();
            after += u64::try_from(lines.len()).unwrap();
            if lines.is_empty() {
                break count;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn request_that_begins_late_is_judged_once_more() {
    let clock = Arc::new(AtomicU64::new(NOW));
    let wallet = Requester::generate().unwrap();
    let policy: BuiltinPolicy = "payloads = [\"message\"]\n[hours]\nfrom = 8\nto = 12".parse().unwrap();
    let told = Arc::clone(&clock);
    let rig = Rig::start(|builder| {
        builder.policy(Arc::new(policy)).clock(Clock::new(move || told.load(Ordering::Relaxed))).deadline(Duration::from_secs(60))
    })
    .await;
    let content = RequestContent {
        key_id: &rig.key,
        suite: SuiteId::Ed25519,
        path: &DerivationPath::default(),
        kind: "message",
        payload: b"hello",
        request_id: &[1; 32],
        expires: Some(NOW + 10),
    };
    let begin = rig.accepted(&rig.proposal([1; 32], Some(wallet.authorize(&content).unwrap()))).await;
    clock.store(NOW + 10, Ordering::Relaxed);
    rig.tell(&begin);
    let reason = rig.refusal().await;
    assert!(reason.contains("expired at"), "{reason}");
    let begin = rig.accepted(&rig.proposal([2; 32], None)).await;
    clock.store(NOW + 2 * 60 * 60, Ordering::Relaxed);
    rig.tell(&begin);
    let reason = rig.refusal().await;
    assert!(reason.contains("requests are considered from 8:00"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_called_off_do_not_fill_the_audit_log() {
    let rig = Rig::start(|builder| builder).await;
    let before = rig.entries(AuditKind::Consented).await;
    for number in 0..60 {
        let proposal = rig.proposal([number; 32], None);
        rig.accepted(&proposal).await;
        rig.tell(&Message::Cancel { proposal: proposal.digest() });
        rig.refusal().await;
    }
    assert_eq!(rig.entries(AuditKind::Consented).await, before + CALLED_OFF);
    // What begins is written down all the same, and nobody else is concerned.
    let begin = rig.accepted(&rig.proposal([99; 32], None)).await;
    rig.tell(&begin);
    let written = async {
        while rig.entries(AuditKind::Consented).await != before + CALLED_OFF + 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), written).await.is_ok());
    rig.team.cosigners[1].sign(SignRequest::new("w", message("hello")).signers(["alice".to_owned()])).await.unwrap();
    assert_eq!(rig.entries(AuditKind::Consented).await, before + CALLED_OFF + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn freeze_that_comes_while_the_consent_is_written_leaves_nothing_of_the_share() {
    let rig = Rig::start(|builder| builder).await;
    let alice = rig.team.cosigners[0].shared();
    let proposal = rig.proposal([1; 32], None);
    let ProposalBody::Sign(body) = &proposal.body else { panic!("no request") };
    let key = alice.load(&rig.key).await.unwrap();
    let approved = rules::approve(&proposal.request, body, rig.team.peer(2), &key, alice.judge()).unwrap();
    let randoms = [1, 3].map(|number| Random { identifier: Identifier::new(number).unwrap(), value: [7; 32] });
    let mut sent = rig.mallory.open(proposal.session_id(&randoms, 0), Duration::from_secs(60)).unwrap();
    let (durable, writing) = Writing::held_back();
    let consent = Consent::written_by(alice, rig.team.peer(2), writing);
    let agreed = Agreed { proposal: &proposal, body, key: &key, approved: &approved, randoms: &randoms, consent };
    let mut signing = core::pin::pin!(run(alice, agreed, Material::default()));
    let waits = core::future::poll_fn(|context| Poll::Ready(signing.as_mut().poll(context).is_pending())).await;
    assert!(waits, "it waits for the log");
    rig.team.cosigners[0].freeze(Scope::Key(rig.key), "now").await.unwrap();
    durable.send(Ok(AuditHead::new(1, [0; 32]))).unwrap();
    let signed = signing.await;
    assert!(matches!(signed, Err(CosignerError::Frozen { .. })), "{signed:?}");
    assert!(tokio::time::timeout(Duration::from_secs(1), sent.recv()).await.is_err(), "a session was begun");
}

/// Alice proposes `hello` to Bob and Carol, and runs the protocol for those bytes, or for others.
async fn proposed(
    team: &Team,
    key_id: &[u8; 32],
    request: [u8; 32],
    meant: Option<&[u8]>,
) -> Result<Vec<Vec<u8>>, CosignerError> {
    let alice = team.cosigners[0].shared();
    let key = alice.load(key_id).await.unwrap();
    let body = SignProposal {
        key_id: *key_id,
        epoch: 0,
        signers: key.peers.participants().unwrap(),
        path: DerivationPath::default(),
        kind: payload::kind::MESSAGE.to_owned(),
        payload: b"hello".to_vec(),
        presignatures: Vec::new(),
        attempt: 0,
        authorization: None,
    };
    let mut approved = rules::approve(&request, &body, alice.me, &key, alice.judge()).unwrap();
    for task in &mut approved.to_sign {
        let Task::Frost { message, .. } = task else { panic!("no FROST") };
        assert_eq!(message, b"hello");
        *message = meant.unwrap_or(b"hello").to_vec();
    }
    let proposal = Proposal { request, body: ProposalBody::Sign(body.clone()) };
    let me = key.share.identifier();
    let others: Vec<_> = key.peers.iter().filter(|(other, _)| *other != me).collect();
    let consent = consent(alice, &proposal, &body, &approved, alice.me).await;
    let (randoms, _answers) = answer::propose(alice, &proposal, me, &others, Duration::from_secs(20)).await.unwrap();
    let agreed = Agreed { proposal: &proposal, body: &body, key: &key, approved: &approved, randoms: &randoms, consent };
    run(alice, agreed, Material::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn protocol_for_other_bytes_than_those_that_are_shown_gets_no_signature_and_every_other_signer_refuses() {
    let team = Team::start(3).await;
    let keys = team.cosigners[0].keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await.unwrap();
    let key_id = *keys[0].share.key_id().as_bytes();
    let public: [u8; 32] = keys[0].share.child_public_key(&[]).unwrap().try_into().unwrap();
    let public = ed25519_dalek::VerifyingKey::from_bytes(&public).unwrap();
    // The same run with the bytes that are shown.
    let signatures = proposed(&team, &key_id, [1; 32], None).await.unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&signatures[0]).unwrap();
    public.verify_strict(b"hello", &signature).unwrap();
    // What the honest sign, they computed from the bytes that were shown: nothing of it fits the other bytes.
    let failed = proposed(&team, &key_id, [2; 32], Some(b"other")).await;
    assert!(failed.is_err(), "{failed:?}");
    for index in [1, 2] {
        let of = |kind: AuditKind| of_request(&team, index, [2; 32], kind);
        let refused = async {
            while of(AuditKind::Refused).await == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(20), refused).await.is_ok(), "{} did not refuse", NAMES[index]);
        assert_eq!((of(AuditKind::Consented).await, of(AuditKind::Signed).await), (1, 0));
    }
}

/// How many entries of this kind a cosigner's log has for a request.
async fn of_request(team: &Team, index: usize, request: [u8; 32], kind: AuditKind) -> usize {
    let shared = team.cosigners[index].shared();
    shared.audit.write(crate::audit::entry(AuditKind::Refused)).await.unwrap();
    let (mut count, mut after) = (0, 0);
    loop {
        let lines = shared.vault.audit_page(after, 256).await.unwrap().lines;
        count += lines.iter().filter(|line| line.entry.kind == kind && line.entry.request == Some(request)).count();
        after += u64::try_from(lines.len()).unwrap();
        if lines.is_empty() {
            break count;
        }
    }
}
