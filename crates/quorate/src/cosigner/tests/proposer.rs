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
    ceremony::{message::Random, sign as rules},
    cosigner::{
        consents::{CALLED_OFF, Consent},
        ecdsa::Material,
        sign::{Agreed, run},
    },
    freeze::Scope,
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
