//! What a malicious peer can say to an honest cosigner: real cosigners, and one whose identity the test holds.

use core::time::Duration;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use quorate_core::{
    Identifier, PeerId, Peers, Placement, SessionId, SuiteId, Threshold,
    ecdsa::Boot,
    frost::Ed25519,
    keygen::Keygen,
    placement::{Exposure, Storage},
    wire::Encoding,
};
use quorate_storage::{
    Faults as StoreFaults, MemoryEpochKeys, MemoryStore, Passphrase, Store, Vault, kek::PassphraseParams, vault::Stamp,
};
use quorate_transport::{
    Cosigner as Entry, Limits, Network, Roster,
    wires::memory::{Faults, Hub},
};

use super::{Cosigner, CosignerBuilder, KeygenRequest, SignRequest, answers::MAX_ANSWERS};
use crate::{
    ceremony::{
        message::{KeygenProposal, Message, Proposal, ProposalBody, SignProposal},
        run::{Drive, DriveError},
        sign::MAX_SIGNATURES,
    },
    error::CosignerError,
    node::create_vault,
    pairing::message::PairMessage,
    payload::{self, AnyPayload},
    policy::BuiltinPolicy,
    share::{IdentityRecord, Stored},
};

mod amend;
mod ecdsa;
mod epochs;
mod freeze;
mod import;
mod pairing;
mod proposer;
mod repeat;
mod reshare;

const NAMES: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];

struct Team {
    hub: Hub,
    roster: Roster,
    stores: Vec<StoreFaults>,
    memory: Vec<Arc<MemoryStore>>,
    vaults: Vec<Vault>,
    cosigners: Vec<Cosigner>,
}

pub(crate) fn exposure(index: usize) -> Exposure {
    let path = |text: String| text.parse().unwrap();
    let name = NAMES[index];
    let storage = Storage::new(path(format!("{name}-cloud/disk")), [path(format!("{name}/passphrase"))]).unwrap();
    Exposure::new(path(name.to_owned()), path(format!("{name}-cloud/vm")), storage)
}

impl Team {
    /// The first `honest` are cosigners; the identities of the others are the test's.
    async fn start(honest: usize) -> Self {
        Self::of(3, honest).await
    }

    /// A team of another size.
    async fn of(size: usize, honest: usize) -> Self {
        let (mut vaults, mut stores, mut memory) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..size {
            let faults = StoreFaults::none();
            let in_memory = Arc::new(MemoryStore::new(faults.clone()));
            let store: Arc<dyn Store> = in_memory.clone();
            let kek = Passphrase::create(&store, "x".to_owned().into(), PassphraseParams::insecure_fast()).await.unwrap();
            vaults.push(create_vault(store, Arc::new(MemoryEpochKeys::default()), Arc::new(kek)).await.unwrap());
            stores.push(faults);
            memory.push(in_memory);
        }
        let entry =
            |(index, vault): (usize, &Vault)| Entry::new(NAMES[index], *vault.cosigner(), format!("127.0.0.1:{}", 7001 + index));
        let roster = Roster::new(vaults.iter().enumerate().map(entry)).unwrap();
        let mut team = Self { hub: Hub::new(1, Faults::NONE), roster, stores, memory, vaults, cosigners: Vec::new() };
        for index in 0..honest {
            let cosigner = team.boot(index, |builder| builder).await;
            team.cosigners.push(cosigner);
        }
        team
    }

    async fn boot(&self, index: usize, change: impl FnOnce(CosignerBuilder) -> CosignerBuilder) -> Cosigner {
        let wire = Arc::new(self.hub.wire(self.peer(index)));
        let builder = Cosigner::builder(NAMES[index], self.roster.clone(), wire, self.vaults[index].clone(), exposure(index));
        let builder = builder.policy(Arc::new(BuiltinPolicy::documents())).deadline(Duration::from_secs(4));
        change(builder).start().await.unwrap()
    }

    fn peer(&self, index: usize) -> PeerId {
        *self.vaults[index].cosigner()
    }

    /// The network of a cosigner that does not run, for the test to speak through.
    async fn raw(&self, index: usize) -> Network {
        let vault = self.vaults[index].clone();
        let (boot, identity) = (vault.begin_boot().await.unwrap(), vault.load_identity::<IdentityRecord>().await.unwrap());
        RAW.lock().unwrap().insert(self.peer(index), (boot, vault));
        let identity = identity.identity();
        Network::start(identity, &self.roster, Arc::new(self.hub.wire(self.peer(index)))).unwrap()
    }

    /// Stops the last cosigner and speaks in its place.
    async fn corrupt_last(&mut self) -> Network {
        self.cosigners.pop().unwrap().shutdown().await;
        self.raw(self.cosigners.len()).await
    }

    fn keygen_proposal(&self, wallet: &str, participants: &[usize]) -> Proposal {
        let numbered = || (1u16..).map(|number| Identifier::new(number).unwrap()).zip(participants);
        let count = u16::try_from(participants.len()).unwrap();
        let placement = numbered()
            .fold(Placement::builder(Threshold::new(2, count).unwrap()), |placement, (identifier, index)| {
                placement.participant(identifier, exposure(*index))
            });
        let body = KeygenProposal {
            wallet: wallet.to_owned(),
            suites: vec![SuiteId::Ed25519],
            placement: placement.build().unwrap(),
            peers: Peers::new(numbered().map(|(identifier, index)| (identifier, self.peer(*index)))).unwrap(),
        };
        Proposal { request: super::fresh().unwrap(), body: ProposalBody::Keygen(body) }
    }
}

/// Carries what machines say to each other until each has a share that waits to be stored.
fn drive_until_pending<P: quorate_core::machine::Protocol>(
    machines: &mut BTreeMap<Identifier, quorate_core::machine::Machine<P>>,
) {
    while machines.values_mut().any(|machine| machine.pending().is_none()) {
        let mut sent = Vec::new();
        for (from, machine) in &mut *machines {
            while let Some(message) = machine.next_outgoing() {
                sent.push((*from, message));
            }
        }
        for (from, message) in sent {
            machines.get_mut(&message.to).unwrap().handle(from, &message.bytes).unwrap();
        }
    }
}

fn message(text: &str) -> AnyPayload {
    AnyPayload::new(payload::Message::new(text).unwrap())
}

/// The starts and vaults of cosigners that the test speaks for, by their identities.
static RAW: Mutex<BTreeMap<PeerId, (u64, Vault)>> = Mutex::new(BTreeMap::new());

/// What such a cosigner shows to whoever asks how far it is.
async fn shown(me: PeerId, question: [u8; 32], seen: Option<Stamp>) -> Message {
    let (boot, vault) = RAW.lock().unwrap()[&me].clone();
    let now = vault.stamp(Boot::new(boot, [9; 16]), vault.audit().await.unwrap().head());
    let then = match seen {
        Some(seen) => vault.audit_digest(seen.head.sequence).await.unwrap(),
        None => None,
    };
    Message::Witness { question, now, then, given_up: 0, seen: None }
}

/// The next message, but for what every cosigner says at a new link, and asks.
async fn heard(network: &Network) -> Message {
    loop {
        let (from, bytes) = tokio::time::timeout(Duration::from_secs(20), network.next_control()).await.unwrap().unwrap();
        let message = Message::from_bytes(&bytes).unwrap();
        if let Message::AskWitness { question, seen } = message {
            network.request(from, shown(network.peer_id(), question, seen).await.to_bytes()).unwrap();
            continue;
        }
        if !matches!(message, Message::Pair(PairMessage::Hello { .. } | PairMessage::Offer { .. })) {
            return message;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_that_holds_proposals_open_crowds_out_only_itself() {
    let team = Team::start(1).await;
    let (mallory, bob) = (team.raw(2).await, team.raw(1).await);
    for number in 0..300 {
        let proposal = team.keygen_proposal(&format!("m{number}"), &[0, 2]);
        mallory.request(team.peer(0), Message::Propose(proposal).to_bytes()).unwrap();
    }
    let (mut accepted, mut refused) = (0, 0);
    while accepted + refused < 300 {
        let answer = heard(&mallory).await;
        if let Message::Refuse { reason, .. } = answer {
            assert!(reason.contains("too many"), "{reason}");
            refused += 1;
        } else {
            assert!(matches!(answer, Message::Accept { .. }), "{answer:?}");
            accepted += 1;
        }
    }
    assert_eq!((accepted, refused), (64, 236));
    bob.request(team.peer(0), Message::Propose(team.keygen_proposal("b", &[0, 1])).to_bytes()).unwrap();
    assert!(matches!(heard(&bob).await, Message::Accept { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_taken_from_whom_was_asked_and_only_a_few() {
    let team = Team::start(1).await;
    let (alice, bob, carol) = (Arc::clone(team.cosigners[0].shared()), team.peer(1), team.peer(2));
    let topic = [7; 32];
    let mut answers = alice.expect(alice.me, topic, [bob]).unwrap();
    let huge = || Message::Certificate { question: topic, record: vec![0; 1 << 20] };
    for _ in 0..1000 {
        alice.route((alice.me, topic), bob, huge());
        alice.route((alice.me, topic), carol, huge());
        alice.route((bob, topic), bob, huge());
    }
    for _ in 0..MAX_ANSWERS {
        assert_eq!(answers.next().await.unwrap().0, bob);
    }
    assert!(tokio::time::timeout(Duration::from_millis(100), answers.next()).await.is_err());
    assert!(alice.expect(alice.me, topic, [bob]).is_err());
    drop(alice.expect(bob, topic, [bob]).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn repetition_of_anothers_proposal_does_not_block_the_proposer() {
    let mut team = Team::start(3).await;
    let request = KeygenRequest::new("w", [SuiteId::Ed25519], 2);
    let keys = team.cosigners[0].keygen(request).await.unwrap();
    let carol = team.corrupt_last().await;
    let everyone = keys[0].peers.participants().unwrap();
    let body = SignProposal {
        key_id: *keys[0].share.key_id().as_bytes(),
        epoch: 0,
        signers: everyone,
        path: quorate_core::derive::DerivationPath::default(),
        kind: payload::kind::MESSAGE.to_owned(),
        payload: b"hello".to_vec(),
        presignatures: Vec::new(),
        attempt: 0,
        authorization: None,
    };
    // Carol, who is to sign too, is faster at Bob's than Alice.
    let copy = Proposal { request: [9; 32], body: ProposalBody::Sign(body) };
    carol.request(team.peer(1), Message::Propose(copy.clone()).to_bytes()).unwrap();
    // What her program had not acknowledged comes again.
    while !matches!(heard(&carol).await, Message::Accept { proposal, .. } if proposal == copy.digest()) {}
    let sign = SignRequest::new("w", message("hello")).request_id([9; 32]).signers(["bob".to_owned(), "carol".to_owned()]);
    // Bob consents to Alice as well; only Carol does not answer.
    let failed = team.cosigners[0].sign(sign).await;
    assert!(matches!(&failed, Err(CosignerError::Unavailable { names }) if names == &["carol"]), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_in_progress_for_one_peer_are_bounded() {
    let team = Team::start(3).await;
    team.cosigners[0].keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await.unwrap();
    let sign = || SignRequest::new("w", message("hello")).signers(["bob".to_owned()]);
    let permits = Arc::clone(&team.cosigners[1].shared().signatures[&team.peer(0)]);
    let all = permits.try_acquire_many(u32::try_from(MAX_SIGNATURES).unwrap()).unwrap();
    let refused = team.cosigners[0].sign(sign()).await;
    assert!(matches!(&refused, Err(CosignerError::Refused { reason, .. }) if reason.contains("too many")), "{refused:?}");
    drop(all);
    team.cosigners[0].sign(sign()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refusal_does_not_tell_the_proposer_where_the_vault_is() {
    let team = Team::start(3).await;
    team.cosigners[0].keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await.unwrap();
    team.stores[1].crash_at(0, quorate_storage::Torn::Before);
    let refused = team.cosigners[0].sign(SignRequest::new("w", message("hello")).signers(["bob".to_owned()])).await;
    assert!(
        matches!(&refused, Err(CosignerError::Refused { reason, .. }) if reason == "the vault does not serve"),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn store_that_fails_once_after_the_confirmation_costs_no_share_and_needs_no_restart() {
    let mut made = 0;
    for operation in 0..18 {
        let team = Team::start(3).await;
        team.stores[0].fail_at(operation, quorate_storage::Torn::Before);
        let keygen = team.cosigners[1].keygen(KeygenRequest::new("w", [SuiteId::Ed25519], 2)).await;
        if keygen.is_err() {
            continue;
        }
        made += 1;
        let completed = async {
            while team.cosigners[0].count_keys().await.ok() != Some((1, 0)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let completed = tokio::time::timeout(Duration::from_secs(30), completed).await;
        assert!(completed.is_ok(), "operation {operation}: the share stays pending until a restart");
        team.cosigners[0].shared().find("w", None).await.unwrap();
    }
    assert!(made > 4, "the faults hit nothing after the confirmation");
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_that_is_being_made_is_not_made_twice() {
    let team = Team::start(1).await;
    let (mallory, bob) = (team.raw(2).await, team.raw(1).await);
    mallory.request(team.peer(0), Message::Propose(team.keygen_proposal("w", &[0, 2])).to_bytes()).unwrap();
    let Message::Accept { proposal, .. } = heard(&mallory).await else { panic!("not accepted") };
    bob.request(team.peer(0), Message::Propose(team.keygen_proposal("w", &[0, 1])).to_bytes()).unwrap();
    assert!(matches!(heard(&bob).await, Message::Refuse { reason, .. } if reason.contains("being made right now")));
    mallory.request(team.peer(0), Message::Cancel { proposal }.to_bytes()).unwrap();
    assert!(matches!(heard(&mallory).await, Message::Refuse { .. }));
    bob.request(team.peer(0), Message::Propose(team.keygen_proposal("w", &[0, 1])).to_bytes()).unwrap();
    assert!(matches!(heard(&bob).await, Message::Accept { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn store_that_fails_does_not_make_a_wallets_name_free() {
    let team = Team::start(1).await;
    team.stores[0].crash_at(0, quorate_storage::Torn::Before);
    assert!(matches!(team.cosigners[0].keys_of("w", None).await, Err(CosignerError::Vault(_))));
    let mallory = team.raw(2).await;
    mallory.request(team.peer(0), Message::Propose(team.keygen_proposal("w", &[0, 2])).to_bytes()).unwrap();
    assert!(matches!(heard(&mallory).await, Message::Refuse { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_that_takes_nothing_does_not_hold_a_session_open_for_ever() {
    let team = Team::start(0).await;
    let identity = team.vaults[0].load_identity::<IdentityRecord>().await.unwrap().identity();
    let mut full = Limits::default();
    full.send_messages = 0;
    let network = Network::start_with(identity, &team.roster, Arc::new(team.hub.wire(team.peer(0))), full).unwrap();
    let ProposalBody::Keygen(body) = team.keygen_proposal("w", &[0, 2]).body else { panic!("no keygen") };
    let (me, id) = (Identifier::new(1).unwrap(), SessionId::new([3; 32]));
    let session = quorate_core::Session::new(id, body.peers.clone());
    let machine = Keygen::<Ed25519>::start(&session, body.placement, me, &mut getrandom::SysRng).unwrap();
    let mut drive = Drive::open(machine, &network, id, &body.peers, Duration::from_millis(200)).unwrap();
    let driven = tokio::time::timeout(Duration::from_secs(10), drive.drive()).await.unwrap();
    assert!(matches!(driven, Err(DriveError::Silent(silent)) if silent == [Identifier::new(2).unwrap()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn share_lives_by_its_id_if_another_key_has_the_name() {
    let team = Team::start(3).await;
    for wallet in ["a", "b"] {
        team.cosigners[0].keygen(KeygenRequest::new(wallet, [SuiteId::Ed25519], 2)).await.unwrap();
    }
    let alice = team.cosigners[0].shared();
    let (a, b) = (alice.find("a", None).await.unwrap(), alice.find("b", None).await.unwrap());
    // As a share is made active that was interrupted for so long that another wallet has its name.
    let late = Stored { wallet: "a".to_owned(), peers: b.peers.clone(), since: 0, share: b.share.clone() };
    super::keygen::activate(alice, &late).await.unwrap();
    assert_eq!(alice.find("a", None).await.unwrap().share.key_id(), a.share.key_id());
    assert_eq!(alice.find(&b.share.key_id().to_string(), None).await.unwrap().share.key_id(), b.share.key_id());
}
