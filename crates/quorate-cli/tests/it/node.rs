//! Making and starting one cosigner: what is refused, and in which words.

use std::net::TcpListener;

use crate::support::{Place, free_port, line, quorate, text};

#[test]
fn init_refuses_mistakes_before_it_makes_anything() {
    let place = Place::new();
    let init = |changes: &[(&str, &str)]| {
        let mut args = vec![
            ("--dir", text(&place.path("new"))),
            ("--name", "alice".to_owned()),
            ("--listen", "127.0.0.1:7001".to_owned()),
            ("--operator", "acme/alice".to_owned()),
            ("--runtime", "aws/1/eu".to_owned()),
            ("--store", "aws/1/ebs".to_owned()),
            ("--key-service", "acme/alice".to_owned()),
            ("--passphrase-file", text(&place.path("passphrase"))),
        ];
        for (option, value) in changes {
            args.iter_mut().filter(|(name, _)| name == option).for_each(|(_, old)| *old = (*value).to_owned());
        }
        quorate(["init".to_owned()].into_iter().chain(args.into_iter().flat_map(|(option, value)| [option.to_owned(), value])))
    };
    init(&[("--name", "Alice")]).fails(2, "\"Alice\" is not a name");
    init(&[("--listen", "somewhere")]).fails(2, "host:port");
    init(&[("--runtime", "AWS")]).fails(2, "runtime = \"AWS\" is no domain");
    init(&[("--passphrase-file", "/nonexistent")]).fails(2, "cannot read the passphrase from /nonexistent");
    let open = text(&place.write("open", "secret", 0o644));
    init(&[("--passphrase-file", &open)]).fails(2, "others can read the passphrase file");
    let empty = text(&place.write("empty", "\n", 0o600));
    init(&[("--passphrase-file", &empty)]).fails(2, "the passphrase must be a line");
    assert!(!place.path("new").exists());
}

#[test]
fn init_without_terminal_and_passphrase_file_says_what_to_do() {
    let place = Place::new();
    let args = "init --name a --listen 127.0.0.1:1 --operator a --runtime b --store c --key-service d --dir";
    line(&format!("{args} {}", text(&place.path("new")))).fails(2, "use --passphrase-file or --passphrase-fd");
}

#[test]
fn node_in_a_directory_without_cosigner_exits_with_2() {
    let place = Place::new();
    place.start_fails("nothing", "passphrase").fails(2, "is this a cosigner's directory? `quorate init` makes one");
}

#[test]
fn node_refuses_wrong_passphrase_missing_roster_second_instance_and_busy_port() {
    let place = Place::new();
    let port = free_port();
    let entry = place.init("alice", port).succeeds();
    assert!(entry.contains("name = \"alice\"") && entry.contains(&format!("127.0.0.1:{port}")));
    place.init("alice", port).fails(2, "holds a cosigner already");
    place.start_fails("alice", "passphrase").fails(2, "roster.toml");
    place.at("alice", "roster check").fails(2, "roster.toml");

    // A roster that lists somebody else under this name.
    let own = std::fs::read_to_string(place.path("alice").join("roster-entry.toml")).unwrap();
    let identity = own.split("identity = \"").nth(1).unwrap().get(..64).unwrap();
    let other = own.replace(identity, &format!("05{}", "22".repeat(31)));
    std::fs::write(place.path("alice").join("roster.toml"), other).unwrap();
    place.at("alice", "roster check").fails(2, "another identity than the roster");
    place.start_fails("alice", "passphrase").fails(2, "add this cosigner's own entry");
    std::fs::remove_file(place.path("alice").join("roster.toml")).unwrap();

    place.add_to_roster("alice", &["alice"]).succeeds();
    let digest = place.at("alice", "roster check --json").json()["digest"].as_str().unwrap().to_owned();
    place.at("alice", &format!("roster check --digest {digest}")).succeeds();
    place.at("alice", &format!("roster check --digest {}", "0".repeat(64))).fails(2, "the roster's digest is");

    place.write("wrong", "incorrect horse", 0o600);
    place.start_fails("alice", "wrong").fails(2, "passphrase");
    place.start_fails("alice", "missing").fails(2, "cannot read the passphrase from");
    let busy = TcpListener::bind(("127.0.0.1", port)).unwrap();
    place.start_fails("alice", "passphrase").fails(2, &port.to_string());
    drop(busy);

    let node = place.start("alice");
    assert_eq!(place.at("alice", "status --json").json()["name"], "alice");
    place.start_fails("alice", "passphrase").fails(2, "");
    assert_eq!(place.at("alice", "status --json").json()["boot"], 1, "the second instance disturbed the first");
    assert_eq!(node.stop(), 0);
    place.at("alice", "status").fails(3, "no cosigner is running");
}

#[test]
fn passphrase_comes_from_an_open_descriptor_too() {
    use std::{fs::File, process::Stdio};
    let place = Place::new();
    place.init("alice", free_port()).succeeds();
    place.add_to_roster("alice", &["alice"]).succeeds();
    let node = |passphrase: &str| {
        let mut command = crate::support::command();
        command.arg("node").arg("--dir").arg(place.path("alice")).args(["--passphrase-fd", "0", "--stop-with-stdin"]);
        // The end of the file is the end of standard input: a cosigner that opens its store stops at once.
        command
            .stdin(File::open(place.path(passphrase)).unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .code()
    };
    place.write("wrong", "incorrect horse", 0o600);
    assert_eq!(node("passphrase"), Some(0));
    assert_eq!(node("wrong"), Some(2));
}
