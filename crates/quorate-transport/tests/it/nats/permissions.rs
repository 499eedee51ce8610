//! What a server that was configured by the roster lets its users do.

use core::time::Duration;
use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
};

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

/// Publishes whatever it is given, as a user of this seed.
fn speaker(team: &Team, seed_of: usize) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", team.server.port())).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let (_, nonce) = line.split_once("\"nonce\":\"").unwrap();
    let (nonce, _) = nonce.split_once('"').unwrap();
    let seed = team.seed(seed_of);
    let (nkey, answer) = (seed.public(), seed.answer(nonce));
    let hello = format!("{{\"verbose\":false,\"pedantic\":false,\"headers\":true,\"nkey\":\"{nkey}\",\"sig\":\"{answer}\"}}");
    stream.write_all(format!("CONNECT {hello}\r\nPING\r\n").as_bytes()).unwrap();
    line.clear();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "PONG\r\n");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn reply_subjects_of_any_bytes_cut_nobody_off() {
    // No permission limits the reply of a message, and the server copies it into what others read.
    let team = team(None);
    let (alice, bob) = (team.start(0, 0).await.unwrap(), team.start(1, 1).await.unwrap());
    until("both are connected", || alice.is_connected() && bob.is_connected()).await;
    let mut carol = speaker(&team, 2);
    let inbox = format!("acme.quorate.{}.{}", team.ids[0], team.ids[2]);
    let replies = [b"\xff".as_slice(), b"a\x0cb", b"\x0c", b"\x0b", b"a\x00b", &[0xfe; 3000]];
    for round in 0..50 {
        for reply in replies {
            let head = [b"PUB ", inbox.as_bytes(), b" ", reply, b" 4\r\n"].concat();
            carol.write_all(&[head.as_slice(), format!("{round:04}\r\n").as_bytes()].concat()).unwrap();
        }
        let headers = "NATS/1.0\r\nA: b\r\n\r\n";
        carol.write_all(format!("HPUB {inbox} {} {}\r\n{headers}hi\r\n", headers.len(), headers.len() + 2).as_bytes()).unwrap();
    }
    let sent = 50 * (replies.len() as u64 + 1);
    until("all came, or the connection broke", || alice.counters().malformed == sent || alice.counters().connections > 1).await;
    for (from, to, place) in [(&alice, &bob, 0), (&bob, &alice, 1)] {
        from.send(team.ids[1 - place], b"still here".to_vec()).await.unwrap();
        let received = timeout(Duration::from_secs(20), to.recv()).await.unwrap().unwrap();
        assert_eq!(received, (team.ids[place], b"still here".to_vec()));
    }
    let counters = alice.counters();
    assert_eq!(
        (counters.connections, counters.malformed, counters.foreign, counters.complaints),
        (1, sent, 0, 0),
        "{counters:?}"
    );
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
