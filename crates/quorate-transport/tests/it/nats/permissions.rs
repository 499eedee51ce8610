//! What a server that was configured by the roster lets its users do.

use core::time::Duration;

use quorate_core::PeerId;
use quorate_services::{Nats, NatsOperator};
use quorate_transport::{
    Identity, Roster, Wire,
    conformance::{End, check},
    nkey::NkeySeed,
    wires::{
        NatsError, NatsOptions, NatsWire,
        nats::permissions::{PermissionsError, server_configuration},
    },
};
use tokio::time::timeout;

use super::{options, until};
use crate::common::{identities, roster};

struct Team {
    server: Nats,
    roster: Roster,
    ids: Vec<PeerId>,
    seeds: Vec<NkeySeed>,
}

/// Three cosigners whose nkeys are on the roster, and a server that was told by it.
fn team(account: Option<&str>) -> Team {
    let identities = identities(3, 11);
    let seeds: Vec<_> = identities.iter().map(|_| NkeySeed::generate(&mut getrandom::SysRng).unwrap()).collect();
    let entries = roster(&identities).iter().cloned().collect::<Vec<_>>();
    let entries = entries.into_iter().zip(&seeds).map(|(entry, seed)| entry.with_nkey(seed.public()));
    let roster = Roster::new(entries).unwrap();
    assert_eq!(Roster::from_toml(&roster.to_toml()).unwrap(), roster);
    let server = Nats::start_with(&server_configuration(&roster, "acme.quorate", account).unwrap());
    Team { server, ids: identities.iter().map(Identity::peer_id).collect(), roster, seeds }
}

impl Team {
    fn seed(&self, place: usize) -> NkeySeed {
        NkeySeed::from_text(&self.seeds[place].to_text()).unwrap()
    }

    fn options(&self, place: usize) -> NatsOptions {
        options(&self.server).subject("acme.quorate").unwrap().seed(self.seed(place))
    }

    /// A wire that shows the nkey of one cosigner and says that it is another.
    async fn start(&self, seed_of: usize, says: usize) -> Result<NatsWire, NatsError> {
        NatsWire::start(self.ids[says], &self.roster, self.options(seed_of)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cosigners_with_their_nkeys_talk_within_the_permissions() {
    for account in [None, Some("QUORATE")] {
        let team = team(account);
        let (a, b) = (team.start(0, 0).await.unwrap(), team.start(1, 1).await.unwrap());
        check(End::new(&a, team.ids[0]), End::new(&b, team.ids[1]), team.ids[2]).await.unwrap();
        assert_eq!((a.counters().complaints, b.counters().complaints), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn server_refuses_whoever_is_not_its_user_and_a_user_that_listens_to_another() {
    let team = team(None);
    let stranger = options(&team.server).seed(NkeySeed::generate(&mut getrandom::SysRng).unwrap());
    for options in [stranger, options(&team.server)] {
        let refused = NatsWire::start(team.ids[0], &team.roster, options).await;
        assert!(matches!(&refused, Err(NatsError::Refused { said, .. }) if said.contains("Authorization")), "{refused:?}");
    }
    let listens = team.start(2, 1).await;
    assert!(matches!(&listens, Err(NatsError::Refused { said, .. }) if said.contains("Subscription")), "{listens:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_lets_nobody_speak_in_anothers_place() {
    // As the configuration says, but that one user may hear what it likes, so that it gets as far as speaking.
    let team = team(None);
    let configuration = server_configuration(&team.roster, "acme.quorate", None).unwrap();
    let carol = format!("acme.quorate.{}.*", team.ids[2]);
    team.server.kill();
    team.server.configure(&configuration.replace(&carol, ">"));
    team.server.go_on();
    let (alice, bob, thief) = (team.start(0, 0).await.unwrap(), team.start(1, 1).await.unwrap(), team.start(2, 0).await.unwrap());
    until("all are connected", || [&alice, &bob, &thief].iter().all(|wire| wire.is_connected())).await;
    thief.send(team.ids[1], b"from alice".to_vec()).await.unwrap();
    until("the server complains", || thief.counters().complaints == 1).await;
    assert!(thief.trouble().unwrap().contains("Permissions Violation for Publish"), "{:?}", thief.trouble());
    alice.send(team.ids[1], b"really".to_vec()).await.unwrap();
    let received = timeout(Duration::from_secs(20), bob.recv()).await.unwrap().unwrap();
    assert_eq!(received, (team.ids[0], b"really".to_vec()));
    // A subject that nobody thought of.
    assert_eq!(bob.counters().foreign, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_an_account_of_its_own_are_alone_in_it() {
    let team = team(Some("QUORATE"));
    let configuration = server_configuration(&team.roster, "acme.quorate", Some("QUORATE")).unwrap();
    team.server.kill();
    let others = "OTHERS { users = [ { user: \"mallory\", password: \"word\" } ] }\n}\n";
    let end = configuration.rfind('}').unwrap();
    team.server.configure(&format!("{}{others}", &configuration[..end]));
    team.server.go_on();
    let (alice, bob) = (team.start(0, 0).await.unwrap(), team.start(1, 1).await.unwrap());
    let mut mallory = NatsOperator::new(&team.server, Some(("mallory", "word")));
    mallory.publish(&format!("acme.quorate.{}.{}", team.ids[1], team.ids[0]), b"from mallory");
    until("both are connected", || alice.is_connected() && bob.is_connected()).await;
    alice.send(team.ids[1], b"from alice".to_vec()).await.unwrap();
    assert_eq!(timeout(Duration::from_secs(20), bob.recv()).await.unwrap().unwrap().1, b"from alice");
    assert!(mallory.heard().is_empty() && bob.counters().malformed == 0);
}

#[test]
fn roster_without_an_nkey_makes_no_permissions() {
    let identities = identities(2, 12);
    let error = server_configuration(&roster(&identities), "quorate", None).unwrap_err();
    assert!(matches!(error, PermissionsError::NoNkey { name } if name == "c0"));
    assert!(matches!(server_configuration(&roster(&identities), "a >", None), Err(PermissionsError::Subject(_))));
    for account in ["", "A B", "A {", "ü"] {
        assert!(matches!(server_configuration(&roster(&identities), "a", Some(account)), Err(PermissionsError::Account)));
    }
}
