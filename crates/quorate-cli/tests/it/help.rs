//! Help texts: there is one for every command, and it says what scripts need.

use crate::support::{line, quorate};

const COMMANDS: [&str; 30] = [
    "init",
    "roster",
    "node",
    "status",
    "peers",
    "rejoin",
    "audit",
    "keygen",
    "keys",
    "address",
    "chains",
    "sign",
    "policy",
    "requester",
    "approve",
    "freeze",
    "resume",
    "verify",
    "attest",
    "refresh",
    "repair",
    "evict",
    "reshare",
    "plans",
    "consent",
    "placement",
    "store",
    "nats",
    "backup",
    "drill",
];
const NESTED: [(&str, &[&str]); 10] = [
    ("audit", &["show", "verify"]),
    ("backup", &["make", "verify", "restore"]),
    ("nats", &["key", "permissions"]),
    ("store", &["move"]),
    ("roster", &["add", "remove", "show", "check"]),
    ("policy", &["test"]),
    ("requester", &["new", "show"]),
    ("sign", &["message", "digest", "psbt", "evm", "typed-data", "solana", "request"]),
    ("verify", &["message", "digest", "psbt", "solana"]),
    ("placement", &["explain"]),
];

#[test]
fn help_lists_every_command_with_a_sentence() {
    let help = line("--help").succeeds();
    for command in COMMANDS {
        let entry = help.lines().find(|line| line.trim_start().starts_with(&format!("{command} ")));
        let about = entry.unwrap_or_else(|| panic!("{command} is missing")).trim_start().trim_start_matches(command).trim();
        assert!(about.split_whitespace().count() >= 3, "{command}: {about:?}");
    }
}

#[test]
fn help_documents_every_exit_code() {
    let help = line("--help").succeeds();
    let codes = help.split("Exit codes:").nth(1).unwrap();
    for code in 0..=5 {
        assert!(codes.lines().any(|line| line.trim_start().starts_with(&format!("{code}  "))), "{code}");
    }
}

#[test]
fn every_command_explains_itself_and_all_its_options() {
    let mut commands: Vec<Vec<&str>> = COMMANDS.iter().map(|command| vec![*command]).collect();
    commands.extend(NESTED.iter().flat_map(|(command, nested)| nested.iter().map(move |name| vec![*command, name])));
    for command in commands {
        let help = quorate(command.iter().chain(&["--help"])).succeeds();
        assert!(help.lines().next().unwrap().split_whitespace().count() >= 3, "{command:?}: {help}");
        assert!(help.contains("Usage: quorate"), "{command:?}");
        assert!(help.contains("--json"), "{command:?}");
        // An option's line is followed by its text, on the same line or the next.
        let lines: Vec<_> = help.lines().collect();
        for (index, option) in lines.iter().enumerate().filter(|(_, line)| line.trim_start().starts_with("--")) {
            let text = format!(
                "{} {}",
                option.trim().split_once("  ").map_or("", |(_, text)| text),
                lines.get(index + 1).unwrap_or(&"")
            );
            assert!(text.split_whitespace().count() >= 2, "{command:?}: {option}");
        }
    }
}

#[test]
fn no_option_takes_a_passphrase_itself() {
    for command in ["init", "node"] {
        let help = quorate([command, "--help"]).succeeds();
        assert!(help.contains("--passphrase-file <FILE>") && help.contains("--passphrase-fd <N>"));
        assert!(!help.contains("--passphrase <") && !help.contains("[env:"));
    }
}

#[test]
fn version_is_told() {
    assert_eq!(line("--version").succeeds().trim(), format!("quorate {}", env!("CARGO_PKG_VERSION")));
}
