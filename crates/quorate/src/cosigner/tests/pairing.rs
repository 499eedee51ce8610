//! Pairings that are wanted while they are being made, and while the peer restarts. The test speaks in the peer's place.

use quorate_core::{
    Session,
    ecdsa::{Boot, Pairing},
};
use tokio::task::JoinHandle;

use super::*;
use crate::{
    ceremony::run::Stop,
    pairing::message::{Side, session_id},
};

/// An honest cosigner, and a peer that the test plays.
struct Pair {
    team: Team,
    peer: Network,
    boot: Boot,
}

type Wanted = JoinHandle<Result<Arc<Pairing>, CosignerError>>;

impl Pair {
    /// The lower identity makes the offers. The honest cosigner pairs on need alone.
    async fn with_peer(is_lower: bool) -> Self {
        let mut team = Team::of(2, 0).await;
        while (team.peer(1) < team.peer(0)) != is_lower {
            team = Team::of(2, 0).await;
        }
        let honest = team.boot(0, |builder| builder.presignatures(0)).await;
        team.cosigners.push(honest);
        let peer = team.raw(1).await;
        assert!(team.cosigners[0].connected(Duration::from_secs(20)).await);
        let mut pair = Self { team, peer, boot: Boot::new(1, [1; 16]) };
        pair.restart();
        // The boot is known when a later question is answered.
        let question = crate::cosigner::fresh().unwrap();
        pair.tell(Message::AskExposure { question });
        assert!(matches!(pair.next().await, Message::Exposure { .. }));
        pair
    }

    /// Tells another boot.
    fn restart(&mut self) {
        self.boot = Boot::new(self.boot.counter + 1, [7; 16]);
        self.tell(Message::Pair(PairMessage::Hello { boot: self.boot }));
    }

    fn tell(&self, message: Message) {
        self.peer.request(self.team.peer(0), message.to_bytes()).unwrap();
    }

    /// What the honest cosigner says, but for its boot.
    async fn next(&self) -> Message {
        loop {
            let (from, bytes) = tokio::time::timeout(Duration::from_secs(20), self.peer.next_control()).await.unwrap().unwrap();
            let message = Message::from_bytes(&bytes).unwrap();
            if let Message::AskWitness { question, seen } = message {
                self.peer.request(from, shown(self.peer.peer_id(), question, seen).await.to_bytes()).unwrap();
                continue;
            }
            if !matches!(message, Message::Pair(PairMessage::Hello { .. })) {
                return message;
            }
        }
    }

    async fn says_nothing_for(&self, time: Duration) {
        let said = tokio::time::timeout(time, self.next()).await;
        assert!(said.is_err(), "{said:?}");
    }

    /// Wants a pairing, as a signature does.
    async fn want(&self) -> Wanted {
        let (shared, peer) = (Arc::clone(self.team.cosigners[0].shared()), self.team.peer(1));
        let wanted = tokio::spawn(async move { shared.pairing(peer).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        wanted
    }

    async fn offer_is_heard(&self) -> [u8; 32] {
        let message = self.next().await;
        let Message::Pair(PairMessage::Offer { random, .. }) = message else { panic!("no offer: {message:?}") };
        random
    }

    async fn question_is_heard(&self) -> [u8; 32] {
        let message = self.next().await;
        let Message::Pair(PairMessage::Ask { topic, .. }) = message else { panic!("no question: {message:?}") };
        topic
    }

    /// Makes an offer, as the lower one. Returns both sides, the lower one first.
    async fn offer(&self) -> [Side; 2] {
        let random = crate::cosigner::fresh().unwrap();
        self.tell(Message::Pair(PairMessage::Offer { boot: self.boot, random }));
        let message = self.next().await;
        let Message::Pair(PairMessage::Accept { offer, boot, random: theirs, .. }) = message else {
            panic!("not accepted: {message:?}")
        };
        assert_eq!(offer, random);
        [self.side(random), Side { peer: self.team.peer(0), boot, random: theirs }]
    }

    /// Accepts an offer, as the higher one. Returns both sides, the lower one first.
    fn accept(&self, offer: [u8; 32]) -> [Side; 2] {
        let random = crate::cosigner::fresh().unwrap();
        self.tell(Message::Pair(PairMessage::Accept { offer, boot: self.boot, random, number: 1 }));
        let boot = self.team.cosigners[0].shared().pairings.boot;
        [Side { peer: self.team.peer(0), boot, random: offer }, self.side(random)]
    }

    fn side(&self, random: [u8; 32]) -> Side {
        Side { peer: self.team.peer(1), boot: self.boot, random }
    }

    /// Makes the pairing.
    async fn run(&self, sides: [Side; 2]) -> Pairing {
        let me = u16::from(sides[0].peer != self.team.peer(1));
        let id = session_id(&sides[0], &sides[1]);
        let numbered = (1u16..).map(|number| Identifier::new(number).unwrap()).zip(sides.each_ref().map(|side| side.peer));
        let session = Session::new(id, Peers::new(numbered).unwrap());
        let boots = [self.boot, self.team.cosigners[0].shared().pairings.boot];
        let machine = Pairing::start(&session, Identifier::new(me + 1).unwrap(), boots, &mut getrandom::SysRng).unwrap();
        let mut drive = Drive::open(machine, &self.peer, id, session.peers(), Duration::from_secs(20)).unwrap();
        let Ok(Stop::Done(pairing)) = drive.drive().await else { panic!("no pairing") };
        pairing
    }

    /// The cosigner uses this pairing from now on, and makes no other.
    async fn is_used(&self, pairing: Pairing, wanted: Wanted) {
        let used = wanted.await.unwrap().unwrap();
        assert_eq!(used.id(), pairing.id());
        self.says_nothing_for(Duration::from_millis(1500)).await;
        assert!(used.is_live());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cosigner_that_answers_an_offer_does_not_ask_for_another() {
    let pair = Pair::with_peer(true).await;
    let sides = pair.offer().await;
    let wanted = pair.want().await;
    // A question would end what the peer has just made, and so on without end.
    pair.says_nothing_for(Duration::from_millis(300)).await;
    let pairing = pair.run(sides).await;
    pair.is_used(pairing, wanted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pairing_that_comes_in_the_pause_before_an_attempt_is_the_one() {
    let pair = Pair::with_peer(true).await;
    let refused = pair.want().await;
    let topic = pair.question_is_heard().await;
    pair.tell(Message::Refuse { proposal: topic, reason: "not now".to_owned() });
    assert!(matches!(refused.await.unwrap(), Err(CosignerError::Refused { .. })));
    let wanted = pair.want().await;
    let pairing = pair.run(pair.offer().await).await;
    pair.is_used(pairing, wanted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_of_the_peer_during_an_attempt_costs_the_attempt_alone() {
    let mut pair = Pair::with_peer(false).await;
    let wanted = pair.want().await;
    pair.offer_is_heard().await;
    pair.restart();
    let sides = pair.accept(pair.offer_is_heard().await);
    let pairing = pair.run(sides).await;
    pair.is_used(pairing, wanted).await;

    let mut pair = Pair::with_peer(true).await;
    let wanted = pair.want().await;
    pair.question_is_heard().await;
    pair.restart();
    pair.question_is_heard().await;
    let pairing = pair.run(pair.offer().await).await;
    pair.is_used(pairing, wanted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempt_that_nobody_waits_for_any_more_is_no_failure_for_others() {
    let pair = Pair::with_peer(false).await;
    let (first, second, third) = (pair.want().await, pair.want().await, pair.want().await);
    for given_up in [first, second] {
        pair.offer_is_heard().await;
        given_up.abort();
    }
    let sides = pair.accept(pair.offer_is_heard().await);
    let pairing = pair.run(sides).await;
    pair.is_used(pairing, third).await;
}
