//! What one malicious cosigner can do with freezes: deny service, and nothing else.

use quorate_core::derive::DerivationPath;
use quorate_storage::AuditKind;

use super::*;
use crate::{
    ceremony::message::PresignProposal,
    cosigner::ReshareRequest,
    freeze::{Author, FreezeMessage, Scope, Source, Statement},
};

/// Alice and Bob with a key of all three, Carol's operator being the test, and the key's id.
async fn team_of_two() -> (Team, Network, [u8; 32]) {
    let mut team = Team::start(3).await;
    let keys = team.cosigners[0].keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await.unwrap();
    let mallory = team.corrupt_last().await;
    (team, mallory, *keys[0].share.key_id().as_bytes())
}

fn now_ms() -> u64 {
    crate::Clock::default().now() * 1000
}

impl Team {
    fn said_by(&self, author: usize, key: [u8; 32], number: u64) -> Statement {
        let author = Author::Cosigner(self.peer(author));
        Statement { scope: Scope::Key(key), author, number, reason: "for ransom".to_owned() }
    }

    /// How one of the others answers to a freeze that Mallory tells.
    async fn tells(&self, mallory: &Network, to: usize, statement: &Statement) -> bool {
        let identity = self.vaults[2].load_identity::<IdentityRecord>().await.unwrap().identity();
        let message = FreezeMessage::Freeze { statement: statement.clone(), signature: statement.sign(&identity) };
        mallory.request(self.peer(to), Message::Freeze(message).to_bytes()).unwrap();
        let known = async {
            loop {
                let (from, bytes) = mallory.next_control().await.unwrap();
                if let Ok(Message::Freeze(FreezeMessage::Known { id, stands })) = Message::from_bytes(&bytes)
                    && (from, id) == (self.peer(to), statement.id())
                {
                    break stands;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), known).await.unwrap()
    }

    async fn is_frozen(&self, index: usize, key: [u8; 32]) -> bool {
        self.cosigners[index].shared().frozen(&key).await.unwrap().is_some()
    }

    async fn until_frozen_is(&self, key: [u8; 32], frozen: bool) {
        let until = async {
            while self.is_frozen(0, key).await != frozen || self.is_frozen(1, key).await != frozen {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(30), until).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_malicious_cosigner_freezes_in_no_other_name_and_resumes_nothing() {
    let (team, mallory, key) = team_of_two().await;
    assert!(!team.tells(&mallory, 0, &team.said_by(1, key, now_ms())).await, "in Bob's name");
    assert!(!team.tells(&mallory, 0, &team.said_by(2, [9; 32], now_ms())).await, "a key that is not there");
    assert!(!team.tells(&mallory, 0, &team.said_by(2, key, u64::MAX)).await, "the last number");
    assert!(!team.is_frozen(0, key).await);
    let freeze = team.cosigners[0].freeze(Scope::Key(key), "Mallory is strange").await.unwrap();
    team.until_frozen_is(key, true).await;
    for _ in 0..50 {
        for honest in 0..2 {
            let resume = Message::Freeze(FreezeMessage::Resume { id: freeze.id });
            mallory.request(team.peer(honest), resume.to_bytes()).unwrap();
        }
    }
    while !matches!(heard(&mallory).await, Message::Freeze(FreezeMessage::Noted { .. })) {}
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(team.is_frozen(0, key).await && team.is_frozen(1, key).await);
    let known = team.cosigners[0].freezes().await.unwrap();
    assert_eq!((known.len(), known[0].approvals.as_slice()), (1, &[team.peer(2)][..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn old_freezes_and_old_approvals_have_no_effect_after_a_resume() {
    let (team, mallory, key) = team_of_two().await;
    let now = now_ms();
    let first = team.said_by(2, key, now);
    assert!(team.tells(&mallory, 0, &first).await && team.tells(&mallory, 0, &first).await);
    assert!(team.tells(&mallory, 1, &first).await);
    team.until_frozen_is(key, true).await;
    for honest in 0..2 {
        team.cosigners[honest].resume(Scope::Key(key)).await.unwrap();
    }
    team.until_frozen_is(key, false).await;
    assert!(!team.tells(&mallory, 0, &first).await, "the same again");
    assert!(!team.tells(&mallory, 0, &team.said_by(2, key, now - 1)).await, "an older one");
    let other = Statement { reason: "another reason".to_owned(), ..first.clone() };
    assert!(!team.tells(&mallory, 0, &other).await, "another one of the same number");
    assert!(!team.is_frozen(0, key).await);
    // A new one counts, and the approvals of the first do not count for it.
    let second = team.said_by(2, key, now + 1);
    assert!(team.tells(&mallory, 0, &second).await);
    assert!(team.is_frozen(0, key).await);
    let alice = team.cosigners[0].shared();
    for by in [team.peer(1), team.peer(2)] {
        assert!(!alice.take_approval(by, &first.id()).await.unwrap());
    }
    assert!(team.is_frozen(0, key).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_cosigner_takes_part_in_nothing_that_signs() {
    let (team, mallory, key) = team_of_two().await;
    team.cosigners[0].freeze(Scope::Key(key), "enough").await.unwrap();
    let signers = quorate_core::ParticipantSet::new([1, 3].map(|number| Identifier::new(number).unwrap())).unwrap();
    let sign = ProposalBody::Sign(SignProposal {
        key_id: key,
        epoch: 0,
        signers: signers.clone(),
        path: DerivationPath::default(),
        kind: payload::kind::MESSAGE.to_owned(),
        payload: b"hello".to_vec(),
        presignatures: Vec::new(),
        attempt: 0,
        authorization: None,
    });
    let presign = ProposalBody::Presign(PresignProposal { key_id: key, epoch: 0, signers, count: 1 });
    for body in [sign, presign] {
        let proposal = Proposal { request: super::super::fresh().unwrap(), body };
        mallory.request(team.peer(0), Message::Propose(proposal).to_bytes()).unwrap();
        let reason = loop {
            let heard = heard(&mallory).await;
            assert!(!matches!(heard, Message::Accept { .. }));
            if let Message::Refuse { reason, .. } = heard {
                break reason;
            }
        };
        assert!(reason.contains("frozen by alice since") && reason.contains("enough"), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn freeze_ends_a_signature_that_is_under_way() {
    let (mut team, mallory, key) = team_of_two().await;
    team.restart(0, |builder| builder.deadline(Duration::from_secs(60))).await;
    let (alice, bob) = (team.cosigners[0].shared().clone(), team.peer(1));
    let asked = team.cosigners[0].sign(SignRequest::new("w", message("hello")).signers(["carol".to_owned()]));
    let frozen = async {
        let proposal = loop {
            if let Message::Propose(proposal) = heard(&mallory).await {
                break proposal.digest();
            }
        };
        mallory.request(team.peer(0), Message::Accept { proposal, random: [1; 32] }.to_bytes()).unwrap();
        while !matches!(heard(&mallory).await, Message::Begin { .. }) {}
        assert!(alice.freezes().await.unwrap().is_empty());
        team.cosigners[1].freeze(Scope::Key(key), "stop").await.unwrap();
    };
    let (signed, ()) = tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(asked, frozen) }).await.unwrap();
    assert!(matches!(&signed, Err(CosignerError::Frozen { why }) if why.contains("frozen by bob")), "{signed:?} {bob}");
}

#[tokio::test(flavor = "multi_thread")]
async fn freeze_of_an_evicted_cosigner_lapses_for_that_key_and_for_good() {
    let (mut team, mallory, key) = team_of_two().await;
    let keys =
        team.cosigners[0].keygen(KeygenRequest::new("v", [SuiteId::Ed25519], 2).participants(["alice".into(), "bob".into()]));
    let other = *keys.await.unwrap()[0].share.key_id().as_bytes();
    let all = Statement { scope: Scope::All, ..team.said_by(2, key, now_ms()) };
    assert!(team.tells(&mallory, 0, &team.said_by(2, key, now_ms())).await && team.tells(&mallory, 0, &all).await);
    assert!(team.is_frozen(0, key).await);
    assert!(!team.is_frozen(0, other).await, "Mallory holds no share of it");
    let alice = team.cosigners[0].shared();
    alice.lapse_freezes_of(team.peer(1), &key).await.unwrap();
    assert!(team.is_frozen(0, key).await);
    alice.lapse_freezes_of(team.peer(2), &key).await.unwrap();
    assert!(!team.is_frozen(0, key).await);
    assert!(!team.tells(&mallory, 0, &team.said_by(2, key, 1)).await);
    // Everybody else's freezes stand.
    alice.freeze_for_alarm("nobody configured that").await.unwrap();
    assert!(!team.is_frozen(0, key).await);
    team.restart(0, |builder| builder.freeze_on_alarm(true)).await;
    let alice = team.cosigners[0].shared();
    alice.freeze_for_alarm("the witness saw\nan older store").await.unwrap();
    alice.lapse_freezes_of(team.peer(2), &key).await.unwrap();
    let why = alice.frozen(&key).await.unwrap().unwrap();
    assert_eq!(why.reason, "the witness saw an older store");
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_record_of_a_freeze_does_not_thaw_the_key() {
    let (team, _mallory, key) = team_of_two().await;
    team.cosigners[0].freeze(Scope::Key(key), "enough").await.unwrap();
    let shelf = quorate_storage::vault::Shelf::Freezes;
    let notes = team.vaults[0].notes(shelf, None).await.unwrap().notes;
    let garbage = |_: Option<&[u8]>| quorate_storage::vault::Change::Write(vec![1]);
    team.vaults[0].change_note(shelf, &notes[0].0, garbage).await.unwrap();
    let wire = Arc::new(team.hub.wire(team.peer(0)));
    let builder = Cosigner::builder(NAMES[0], team.roster.clone(), wire, team.vaults[0].clone(), exposure(0));
    assert!(matches!(builder.start().await, Err(CosignerError::DamagedFreeze { .. })));
}

impl Team {
    /// Four cosigners; the first three hold the wallet `w`, two of them sign.
    async fn of_four() -> (Self, [u8; 32]) {
        let team = Self::of(4, 4).await;
        let holders = NAMES[..3].iter().map(|name| (*name).to_owned());
        let keys = team.cosigners[0].keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2).participants(holders)).await.unwrap();
        (team, *keys[0].share.key_id().as_bytes())
    }

    async fn all_frozen(&self, indices: &[usize], key: [u8; 32]) {
        let until = async {
            for index in indices {
                while !self.is_frozen(*index, key).await {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(40), until).await.is_ok(), "{indices:?} were not told");
    }

    async fn signs(&self, proposer: usize, with: usize) -> Result<(), CosignerError> {
        let request = SignRequest::new("w", message("hello")).signers([NAMES[with].to_owned()]);
        self.cosigners[proposer].sign(request).await.map(drop)
    }

    /// Deals the wallet anew; every other operator consents.
    async fn moved(&self, proposer: usize, request: &ReshareRequest) {
        loop {
            let error = match self.cosigners[proposer].reshare(request.clone()).await {
                Ok(reshared) => break assert!(reshared.effective),
                Err(error) => error,
            };
            let plan = self.cosigners.iter().find_map(|cosigner| Some((cosigner, cosigner.plans().first()?.plan)));
            let Some((cosigner, plan)) = plan else { panic!("{error}") };
            cosigner.consent(plan).await.unwrap();
        }
    }

    /// Stops one, changes what its vault says about freezes, and starts it again.
    async fn restart_without_freezes(&mut self, index: usize) {
        self.cosigners.remove(index).shutdown().await;
        let shelf = quorate_storage::vault::Shelf::Freezes;
        for (name, _) in self.vaults[index].notes(shelf, None).await.unwrap().notes {
            self.vaults[index].change_note(shelf, &name, |_| quorate_storage::vault::Change::Delete).await.unwrap();
        }
        let cosigner = self.boot(index, |builder| builder).await;
        self.cosigners.insert(index, cosigner);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cosigner_that_becomes_a_holder_of_a_frozen_key_signs_nothing_with_it() {
    let (team, key) = Team::of_four().await;
    team.cosigners[0].freeze(Scope::Key(key), "alice saw a thief").await.unwrap();
    team.all_frozen(&[0, 1, 2], key).await;
    // Dave is told, and has nothing to do with that key yet.
    let refused = async {
        while !team.cosigners[0].shared().freezes_refused_by(team.peer(3)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), refused).await.is_ok());
    assert!(team.cosigners[3].freezes().await.unwrap().is_empty());
    // Carol leaves: whoever holds a share now would be told by Alice alone.
    team.moved(1, &ReshareRequest::refresh(["w".to_owned()]).without_holder("carol").with_holder("dave")).await;
    assert!(team.is_frozen(3, key).await, "the share is here, and the freeze is not");
    // Not told soon after, but before there was a share.
    let dave = team.cosigners[3].shared();
    dave.audit.write(crate::audit::entry(AuditKind::Refused)).await.unwrap();
    let lines = dave.vault.audit_page(0, 256).await.unwrap().lines;
    let place = |kind| lines.iter().position(|line| line.entry.kind == kind);
    let (frozen, active) = (place(AuditKind::Frozen), place(AuditKind::EpochActive));
    assert!(frozen.is_some() && active.is_some() && frozen < active, "{frozen:?} {active:?}");
    for (proposer, with) in [(3, 1), (1, 3), (3, 0)] {
        assert!(matches!(team.signs(proposer, with).await, Err(CosignerError::Frozen { .. })));
    }
    for operator in [1, 3] {
        team.cosigners[operator].resume(Scope::Key(key)).await.unwrap();
    }
    let until = async {
        while team.signs(3, 1).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(40), until).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn freeze_whose_record_was_deleted_comes_back_from_whoever_knows_it() {
    let (mut team, key) = Team::of_four().await;
    team.cosigners[0].freeze(Scope::Key(key), "alice saw a thief").await.unwrap();
    team.all_frozen(&[0, 1, 2], key).await;
    // To its author, and to one that is not.
    for index in [0, 2] {
        team.restart_without_freezes(index).await;
        team.all_frozen(&[index], key).await;
    }
    // The author is gone; Bob's word is as good as hers, since she signed.
    let alice = team.cosigners.remove(0);
    alice.shutdown().await;
    let (shelf, vault) = (quorate_storage::vault::Shelf::Freezes, &team.vaults[2]);
    assert_eq!(vault.notes(shelf, None).await.unwrap().notes.len(), 1);
    team.cosigners.remove(1).shutdown().await;
    let (name, _) = team.vaults[2].notes(shelf, None).await.unwrap().notes.remove(0);
    team.vaults[2].change_note(shelf, &name, |_| quorate_storage::vault::Change::Delete).await.unwrap();
    let carol = team.boot(2, |builder| builder).await;
    let until = async {
        while carol.shared().frozen(&key).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(40), until).await.is_ok());
    // Nobody's statement is another's, and nobody speaks for whom the roster does not list.
    let bob = team.vaults[1].load_identity::<IdentityRecord>().await.unwrap().identity();
    let stranger = quorate_transport::Identity::generate(&mut getrandom::SysRng).unwrap();
    for (author, signer) in [(team.peer(0), &bob), (stranger.peer_id(), &stranger)] {
        let forged = Statement { author: Author::Cosigner(author), scope: Scope::All, number: now_ms(), reason: "x".to_owned() };
        let taken = carol.shared().take_freeze(Source::Link(team.peer(1)), forged.clone(), forged.sign(signer)).await;
        assert!(matches!(taken, Err(CosignerError::Request(crate::RequestError::FreezeAuthor))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn freeze_is_heard_from_whoever_has_as_many_requests_open_as_it_may() {
    let (team, mallory, key) = team_of_two().await;
    for number in 0..70 {
        let proposal = team.keygen_proposal(&format!("m{number}"), &[0, 2]);
        mallory.request(team.peer(0), Message::Propose(proposal).to_bytes()).unwrap();
    }
    let mut refused = 0;
    while refused < 70 - 64 {
        refused += usize::from(matches!(heard(&mallory).await, Message::Refuse { reason, .. } if reason.contains("too many")));
    }
    let first = team.said_by(2, key, now_ms());
    assert!(team.tells(&mallory, 0, &first).await);
    // An operator who has seen another one approves nothing.
    let unseen = team.cosigners[0].resume_only(Scope::Key(key), &[[1; 32]]).await;
    assert!(matches!(unseen, Err(CosignerError::Request(crate::RequestError::NotFrozen))), "{unseen:?}");
    let seen = team.cosigners[0].resume_only(Scope::Key(key), &[[1; 32], first.id()]).await.unwrap();
    assert_eq!(seen[0].approvals, [team.peer(0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn key_that_is_born_frozen_is_shown_and_can_be_brought_back() {
    let (team, key) = Team::of_four().await;
    team.cosigners[0].freeze(Scope::All, "look at the logs").await.unwrap();
    team.all_frozen(&[0, 1, 2], key).await;
    for operator in [1, 2] {
        team.cosigners[operator].resume(Scope::All).await.unwrap();
    }
    let until = async {
        while !team.cosigners[0].freezes().await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(40), until).await.is_ok());
    // Neither of the two who hold the next key has approved.
    let pair = KeygenRequest::new("pair", [SuiteId::Ed25519], 2).participants(["alice".to_owned(), "dave".to_owned()]);
    let pair = *team.cosigners[0].keygen(pair).await.unwrap()[0].share.key_id().as_bytes();
    assert!(team.is_frozen(0, pair).await && team.is_frozen(3, pair).await);
    for holder in [0, 3] {
        assert_eq!(team.cosigners[holder].freezes().await.unwrap()[0].keys, [pair]);
        team.cosigners[holder].resume(Scope::All).await.unwrap();
    }
    let until = async {
        while team.is_frozen(0, pair).await || team.is_frozen(3, pair).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(40), until).await.is_ok());
    // It is over a moment after the last key thawed.
    let until = async {
        while !team.cosigners[0].freezes().await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(40), until).await.is_ok());
}

/// Else a thief who runs one cosigner could freeze the key so that it could neither be used nor be taken from it.
#[tokio::test(flavor = "multi_thread")]
async fn key_that_the_evicted_cosigner_froze_signs_again_once_it_is_evicted() {
    let (team, key) = Team::of_four().await;
    team.cosigners[2].freeze(Scope::Key(key), "I am the thief").await.unwrap();
    team.cosigners[2].freeze(Scope::All, "and all of it").await.unwrap();
    team.all_frozen(&[0, 1], key).await;
    assert!(matches!(team.signs(0, 1).await, Err(CosignerError::Frozen { .. })));
    team.moved(0, &ReshareRequest::refresh(["w".to_owned()]).without_holder(NAMES[2]).with_holder(NAMES[3])).await;
    for (proposer, with) in [(0, 1), (1, 3), (3, 0)] {
        let mut signed = team.signs(proposer, with).await;
        // One of them may still be about to hear that the new epoch counts.
        for _ in 0..100 {
            if signed.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            signed = team.signs(proposer, with).await;
        }
        signed.unwrap_or_else(|error| panic!("{} with {}: {error}", NAMES[proposer], NAMES[with]));
    }
    // It holds no share of the key any more: what it says now, if it says anything, freezes nothing at those who do.
    let _said = team.cosigners[2].freeze(Scope::Key(key), "again").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!team.is_frozen(0, key).await && !team.is_frozen(3, key).await);
    team.signs(0, 3).await.unwrap();
}
