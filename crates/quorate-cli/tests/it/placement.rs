//! `placement explain` before there is a key.

use crate::support::{Place, quorate, text};

fn file(clouds: [&str; 3]) -> String {
    let rows = ["alice", "bob", "carol"].iter().zip(clouds).map(|(name, cloud)| {
        format!(
            "[participants.{name}]\noperator = \"{name}-ltd\"\nruntime = \"{cloud}/vm\"\nstore = \"{cloud}/disk\"\n\
             key_services = [\"{name}-ltd/safe\"]\n"
        )
    });
    format!("min_signers = 2\n{}", rows.collect::<String>())
}

#[test]
fn placement_that_is_separated_is_explained() {
    let place = Place::new();
    let path = text(&place.write("placement.toml", file(["aws", "gcp", "hetzner"]), 0o600));
    let told = quorate(["placement", "explain", "--file", &path]).succeeds();
    assert!(told.contains("1 is alice, 2 is bob, 3 is carol") && told.contains("Taking the key needs 2 domains"), "{told}");
    let told = quorate(["--json", "placement", "explain", "--file", &path]).json();
    assert_eq!(told[0]["domains_needed_to_take_the_key"], 2);
    assert_eq!(told[0]["separated"], true);
}

#[test]
fn placement_in_which_one_cloud_reaches_the_key_is_refused_unless_waived() {
    let place = Place::new();
    let shared = file(["aws/1111", "aws/2222", "hetzner"]);
    let path = text(&place.write("placement.toml", &shared, 0o600));
    quorate(["placement", "explain", "--file", &path])
        .fails(2, "whoever controls aws reaches the shares of participants 1 and 2");
    let waived = format!("{shared}[[waivers]]\ndomain = \"aws\"\nreason = \"moving out\"\ndate = \"2026-11-23\"\n");
    let path = text(&place.write("waived.toml", &waived, 0o600));
    let told = quorate(["placement", "explain", "--file", &path]).succeeds();
    assert!(told.contains("WAIVED aws on 2026-11-23: moving out"), "{told}");
}

#[test]
fn placement_files_and_configurations_with_mistakes_are_refused() {
    let place = Place::new();
    let refused = |content: &str, words: &str| {
        let path = text(&place.write("placement.toml", content, 0o600));
        quorate(["placement", "explain", "--file", &path]).fails(2, words);
    };
    refused("hello", "not a placement file");
    refused(&file(["aws", "gcp", "hetzner"]).replace("min_signers", "min_signer"), "not a placement file");
    refused(&file(["aws", "gcp", "hetzner"]).replace("= 2", "= 4"), "");
    refused(&file(["aws", "gcp", "Hetzner"]), "is no domain");
    quorate(["placement", "explain", "--config", "/nonexistent"]).fails(2, "cannot read /nonexistent");
}
