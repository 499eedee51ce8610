//! Cosigners at three providers, each with another store and another set of key services, and moves from one to another. The services are
//! real but for AWS, which moto stands in for.

use core::sync::atomic::{AtomicU32, Ordering};
use std::fs;

use quorate_services::{Fate, Line, Moto, Postgres, SoftHsm};

use crate::{
    database::{moved, say_where},
    rejoin::until,
    support::{Node, Place, Said, free_port, quorate},
    token::reconfigure,
    wallet::NAMES,
};

const PIN: &str = "word-of-the-token";
const DISABLED: &[u8] = b"HTTP/1.1 400 x\r\nContent-Length: 34\r\n\r\n{\"__type\": \"DisabledException\"   }";

/// AWS, with a bucket, and a line to it.
struct Aws {
    moto: Moto,
    line: Line,
}

impl Aws {
    fn start() -> Self {
        let moto = Moto::start();
        moto.ask("PUT", "/bucket", b"");
        let line = Line::to(moto.port());
        Self { moto, line }
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.line.port())
    }

    /// A key of its own, as arguments of the program.
    fn key(&self, place: &Place) -> Vec<String> {
        let credentials = credentials(place);
        ["--kms-key", &self.moto.kms_key(), "--kms-endpoint", &self.endpoint(), "--kms-credentials-file", &credentials]
            .map(str::to_owned)
            .to_vec()
    }

    /// A prefix of the bucket.
    fn bucket(&self, place: &Place, prefix: &str) -> Vec<String> {
        let (url, credentials) = (format!("s3://bucket/{prefix}"), credentials(place));
        let endpoint = self.endpoint();
        let arguments = ["--bucket", &url, "--bucket-region", "us-east-1", "--bucket-endpoint", &endpoint];
        arguments.into_iter().chain(["--bucket-credentials-file", &credentials]).map(str::to_owned).collect()
    }

    /// What is in the bucket, by name.
    fn objects(&self, prefix: &str) -> String {
        self.moto.ask("GET", &format!("/bucket?list-type=2&prefix={prefix}"), b"")
    }
}

fn credentials(place: &Place) -> String {
    let text = "[default]\naws_access_key_id = key-of-quorate\naws_secret_access_key = word-of-quorate\n";
    place.write("aws", text, 0o600).to_str().unwrap().to_owned()
}

fn token(place: &Place, key: &str) -> Vec<String> {
    let pin = place.write("pin", PIN, 0o600);
    let (module, pin) = (SoftHsm::module().to_str().unwrap(), pin.to_str().unwrap());
    ["--token-module", module, "--token", "safe", "--token-pin-file", pin, "--token-key", key].map(str::to_owned).to_vec()
}

fn init(place: &Place, name: &str, more: &[Vec<String>]) -> Said {
    let more: Vec<&str> = more.iter().flatten().map(String::as_str).collect();
    place.init_with(name, free_port(), &more)
}

fn no_passphrase() -> Vec<String> {
    vec!["--no-passphrase".to_owned()]
}

#[test]
fn cosigners_with_every_kind_of_store_and_key_service_sign_after_a_restart_and_freeze_with_kms() {
    let test = "providers::cosigners_with_every_kind_of_store_and_key_service_sign_after_a_restart_and_freeze_with_kms";
    SoftHsm::serve(test, "safe", PIN, || {
        let (place, aws, server) = (Place::new(), Aws::start(), Postgres::start());
        let (token_of_bob, kms_of_carol) = (token(&place, "bob"), aws.key(&place));
        init(&place, "alice", &[aws.key(&place)]).succeeds();
        init(&place, "bob", &[token_of_bob, aws.key(&place), no_passphrase(), aws.bucket(&place, "bob")]).succeeds();
        let database = vec!["--database".to_owned(), server.database("carol")];
        init(&place, "carol", &[kms_of_carol, no_passphrase(), database]).succeeds();
        init(&place, "dave", &[no_passphrase()]).fails(2, "names nothing");
        init(&place, "dave", &[vec!["--key-service".to_owned(), "dave-hsm".to_owned()]]).fails(2, "names 2 domains");
        let mut nodes = place.start_made(&NAMES);
        place.at("bob", "keygen treasury --suite ed25519").succeeds();
        place.at("bob", "refresh treasury").succeeds();
        let sign = |at: &str, with: &str| place.at(at, &format!("sign message treasury hello --suite ed25519 --signer {with}"));
        until("bob and carol sign", || sign("bob", "carol"), |said| said.code == 0);

        // No epoch key is in the bucket, nor in a file of whoever has a token.
        let objects = aws.objects("bob");
        assert!(objects.contains("bob/records/keys/") && !objects.contains("epochs/"), "{objects}");
        assert!(!place.path("bob/store/epochs").exists() && place.path("carol/store/epochs").exists());

        // Alice's key is disabled: she signs nothing, and says why; it is enabled, and she goes on.
        aws.line.plan(|head| if head.contains("TrentService") { Fate::Say(DISABLED) } else { Fate::Pass });
        sign("alice", "alice").fails_with("is disabled");
        aws.line.plan(|_| Fate::Pass);
        until("alice and bob sign", || sign("alice", "bob"), |said| said.code == 0);

        // The same at a start, and without an answer, and with a key that is not there; nothing is lost by trying.
        while let Some(node) = nodes.pop() {
            assert_eq!(node.stop(), 0);
        }
        aws.line.plan(|_| Fate::Say(DISABLED));
        place.start_fails("alice", "passphrase").fails(2, "is disabled, and what it wraps is frozen");
        aws.line.plan(|_| Fate::LoseRequest);
        place.start_fails("alice", "passphrase").fails(2, "cannot be reached");
        aws.line.plan(|_| Fate::Pass);
        reconfigure(&place, "us-east-1", "us-east-2");
        place.start_fails("alice", "passphrase").fails(2, "has no key");
        reconfigure(&place, "us-east-2", "us-east-1");
        let _nodes = NAMES.map(|name| place.start(name));
        place.wait_for_links(&NAMES);
        for (at, with) in [("alice", "bob"), ("bob", "carol"), ("carol", "alice")] {
            until("they sign after a start", || sign(at, with), |said| said.code == 0);
        }
    });
}

impl Said {
    /// It failed for this reason, whatever its code.
    #[track_caller]
    fn fails_with(&self, words: &str) {
        self.fails(self.code.max(1), words);
    }
}

/// `quorate key-service move`, to alice's key services at these domains.
fn key_service_moved(place: &Place, domains: &[&str], to: &[Vec<String>]) -> Said {
    let (directory, passphrase) = (place.path("alice"), place.path("passphrase"));
    let mut arguments = vec!["key-service".to_owned(), "move".to_owned()];
    arguments
        .extend(["--dir", directory.to_str().unwrap(), "--passphrase-file", passphrase.to_str().unwrap()].map(str::to_owned));
    arguments.extend(domains.iter().flat_map(|domain| ["--domain".to_owned(), (*domain).to_owned()]));
    quorate(arguments.iter().chain(to.iter().flatten()))
}

fn say_key_services(place: &Place, domains: &str) {
    let path = place.path("alice/quorate.toml");
    let text = fs::read_to_string(&path).unwrap();
    let lines = text.lines().map(|line| {
        if line.starts_with("key_services = ") { format!("key_services = {domains} # by hand") } else { line.to_owned() }
    });
    fs::write(&path, lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
}

/// Has everyone agree to alice's other key services. She is stopped then.
fn amended(place: &Place, alice: Node, domains: &str) {
    say_key_services(place, domains);
    assert_eq!(alice.stop(), 0);
    let alice = place.start("alice");
    place.wait_for_links(&NAMES);
    place.at("alice", "placement amend treasury").succeeds();
    assert_eq!(alice.stop(), 0);
}

fn epoch_files(place: &Place) -> usize {
    let keys = fs::read_dir(place.path("alice/store/epochs")).into_iter().flatten().flatten();
    keys.map(|key| fs::read_dir(key.path()).into_iter().flatten().count()).sum()
}

/// A key service does not answer in the middle: she does not start before the same command has finished it.
fn cut_off_and_finished(place: &Place, aws: &Aws, domains: &[&str], to: &[Vec<String>]) {
    // One that does not serve at all is found out before anything is begun.
    aws.line.plan(|_| Fate::Say(DISABLED));
    key_service_moved(place, domains, to).fails(2, "is disabled");
    assert!(!place.path("alice/rewrapping.toml").exists());
    let calls = AtomicU32::new(0);
    aws.line.plan(move |_| {
        let early = calls.fetch_add(1, Ordering::SeqCst) < 7;
        if early { Fate::Pass } else { Fate::Say(DISABLED) }
    });
    key_service_moved(place, domains, to).fails(2, "is disabled");
    aws.line.plan(|_| Fate::Pass);
    place.start_fails("alice", "passphrase").fails(2, "quorate key-service move");
    key_service_moved(place, domains, &[]).fails(2, "another move was begun");
    moved(place, "alice", "cloud-alice/disk", &["--bucket", "s3://bucket/alice"]).fails(2, "quorate key-service move");
    // Nor does it say anything else that KMS is disabled, wherever that cuts it off, behind the header of the vault too.
    let attempts = (7..).step_by(4).take(30).map(|early| {
        let calls = AtomicU32::new(0);
        aws.line.plan(move |_| if calls.fetch_add(1, Ordering::SeqCst) < early { Fate::Pass } else { Fate::Say(DISABLED) });
        key_service_moved(place, domains, to)
    });
    let mut last = None;
    for said in attempts {
        if said.code == 0 {
            last = Some(said);
            break;
        }
        said.fails(2, "is disabled");
    }
    aws.line.plan(|_| Fate::Pass);
    let said = last.unwrap().succeeds();
    assert!(said.contains("brought 1 epoch keys"), "{said}");
    assert_eq!(epoch_files(place), 0);
    assert!(fs::read_to_string(place.path("alice/quorate.toml")).unwrap().contains("by hand"));
    key_service_moved(place, domains, to).fails(2, "already");
}

#[test]
fn key_services_move_and_nothing_that_is_kept_opens_with_the_former_ones() {
    let test = "providers::key_services_move_and_nothing_that_is_kept_opens_with_the_former_ones";
    SoftHsm::serve(test, "safe", PIN, || {
        let (place, aws) = (Place::new(), Aws::start());
        let mut nodes = place.start_team(&NAMES);
        place.at("alice", "keygen treasury --suite ed25519").succeeds();
        let to = [token(&place, "alice"), aws.key(&place), no_passphrase()];
        let domains = ["alice-hsm", "aws/alice-keys"];
        key_service_moved(&place, &["alice-ltd/safe"], &to).fails(2, "in use");
        assert_eq!(nodes.remove(0).stop(), 0);

        // Neither before the configuration says it, nor before the key's participants agree, nor with half of the domains.
        key_service_moved(&place, &domains, &to).fails(2, "quorate placement amend");
        say_key_services(&place, "[\"alice-hsm\", \"aws/alice-keys\"]");
        key_service_moved(&place, &domains[..1], &to).fails(2, "[placement] key_services is");
        key_service_moved(&place, &domains, &to[1..]).fails(2, "names 2 domains");
        key_service_moved(&place, &domains, &to).fails(2, "quorate placement amend");
        let alice = place.start("alice");
        place.wait_for_links(&NAMES);
        place.at("alice", "placement amend treasury").succeeds();
        assert_eq!(alice.stop(), 0);
        assert!(!place.path("alice/rewrapping.toml").exists());
        assert_eq!(epoch_files(&place), 1);
        let before = fs::read_to_string(place.path("alice/quorate.toml")).unwrap();

        cut_off_and_finished(&place, &aws, &domains, &to);

        // The passphrase, which nothing needs any more, opens nothing; the token and KMS do, and she signs.
        let after = fs::read_to_string(place.path("alice/quorate.toml")).unwrap();
        place.write("alice/quorate.toml", before, 0o600);
        place.start_fails("alice", "passphrase").fails(2, "has no passphrase");
        place.write("alice/quorate.toml", after, 0o600);
        let alice = place.start("alice");
        place.wait_for_links(&NAMES);
        let sign = || place.at("bob", "sign message treasury hello --suite ed25519 --signer alice");
        until("alice signs", sign, |said| said.code == 0);
        place.at("bob", "refresh treasury").succeeds();
        until("alice signs with a new share", sign, |said| said.code == 0);

        // KMS goes and the token stays: the keys of epochs are where they were, and nothing may destroy them there.
        amended(&place, alice, "[\"alice-hsm\"]");
        let said = key_service_moved(&place, &["alice-hsm"], &[token(&place, "alice"), no_passphrase()]).succeeds();
        assert!(!said.contains("brought 1 epoch keys"), "{said}");
        let alice = place.start("alice");
        place.wait_for_links(&NAMES);
        until("alice signs with the token alone", sign, |said| said.code == 0);

        // And back to a passphrase, cut off behind everything but the end.
        amended(&place, alice, "[\"alice-ltd/safe\"]");
        let former = fs::read_to_string(place.path("alice/quorate.toml")).unwrap();
        key_service_moved(&place, &["alice-ltd/safe"], &[]).succeeds();
        assert_eq!(epoch_files(&place), 1);
        let mut journal: toml::Table = toml::from_str("phase = \"leave\"\nto = { passphrase = true }").unwrap();
        journal.insert("from".to_owned(), toml::from_str::<toml::Table>(&former).unwrap()["key_service"].clone());
        place.write("alice/rewrapping.toml", toml::to_string(&journal).unwrap(), 0o600);
        key_service_moved(&place, &["alice-ltd/safe"], &[]).succeeds();
        assert_eq!(epoch_files(&place), 1);
        let _alice = place.start("alice");
        place.wait_for_links(&NAMES);
        until("alice signs", sign, |said| said.code == 0);
    });
}

#[test]
fn store_moves_to_a_bucket_and_back_and_leaves_nothing_behind() {
    let (place, aws) = (Place::new(), Aws::start());
    let mut nodes = place.start_team(&NAMES);
    place.at("alice", "keygen treasury --suite ed25519").succeeds();
    let amended = |domain: &str, former: Node| {
        assert_eq!(former.stop(), 0);
        say_where(&place.path("alice"), domain);
        let alice = place.start("alice");
        place.wait_for_links(&NAMES);
        place.at("alice", "placement amend treasury").succeeds();
        assert_eq!(alice.stop(), 0);
    };
    amended("aws/alice/bucket", nodes.remove(0));
    let bucket = aws.bucket(&place, "alice");
    let to_bucket: Vec<&str> = bucket.iter().map(String::as_str).collect();
    moved(&place, "alice", "aws/alice/bucket", &[&to_bucket[..], &["--file"]].concat()).fails(2, "--file");
    moved(&place, "alice", "aws/alice/bucket", &to_bucket).succeeds();
    assert!(!place.path("alice/store/records.redb").exists() && epoch_files(&place) == 1);
    let alice = place.start("alice");
    place.wait_for_links(&NAMES);
    let sign = || place.at("bob", "sign message treasury hello --suite ed25519 --signer alice");
    until("alice signs", sign, |said| said.code == 0);
    // Another start right behind it waits for no lease.
    amended("cloud-alice/disk", alice);
    moved(&place, "alice", "cloud-alice/disk", &["--file"]).succeeds();
    let objects = aws.objects("alice");
    assert!(!objects.contains("<Key>"), "{objects}");
    let _alice = place.start("alice");
    place.wait_for_links(&NAMES);
    until("alice signs", sign, |said| said.code == 0);
}
