//! Every runbook is followed to the letter: `scripts/runbooks` types the lines of its blocks. The ceremony comes before each of the others.

use std::{path::Path, process::Command};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[track_caller]
fn follow(name: &str) {
    let mut script = Command::new(root().join("scripts/runbooks"));
    let output = script.arg(name).env("QUORATE", env!("CARGO_BIN_EXE_quorate")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let followed = said.contains("followed ceremony: ") && said.contains(&format!("followed {name}: "));
    assert!(output.status.success() && followed, "{said}{}", String::from_utf8_lossy(&output.stderr));
}

macro_rules! runbooks {
    ($($name:ident: $page:literal,)*) => {
        $(#[test]
        fn $name() {
            follow($page);
        })*

        #[test]
        fn every_runbook_has_its_test() {
            let pages = std::fs::read_dir(root().join("docs/runbooks")).unwrap();
            let mut pages: Vec<_> = pages.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
            pages.sort();
            assert_eq!(pages, ["README.md", "ceremony.md", $(concat!($page, ".md")),*]);
        }
    };
}

runbooks! {
    lost_cosigner_is_brought_back: "cosigner-lost",
    restored_database_is_noticed_and_brought_back: "database-restored",
    cosigner_without_its_key_service_is_replaced: "key-service-lost",
    breached_provider_is_evicted: "provider-breached",
    shares_are_refreshed: "refresh",
    program_is_upgraded: "upgrade",
}
