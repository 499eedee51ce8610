//! The systemd unit of examples/deploy, as systemd reads it.
#![allow(clippy::print_stdout, reason = "what was left out is told")]

use std::process::Command;

#[test]
fn unit_is_what_systemd_reads() {
    let unit = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/deploy/quorate@.service");
    let text = std::fs::read_to_string(unit).unwrap();
    assert!(text.contains("ExecStart=/usr/local/bin/quorate node"));
    let place = tempfile::tempdir().unwrap();
    // What it starts must be there.
    let text = text.replace("/usr/local/bin/quorate", env!("CARGO_BIN_EXE_quorate"));
    let verify = |text: &str| {
        let path = place.path().join("quorate@alice.service");
        std::fs::write(&path, text).unwrap();
        Command::new("systemd-analyze").args(["--man=no", "verify"]).arg(path).output()
    };
    let Ok(verified) = verify(&text) else {
        println!("not run: there is no systemd-analyze");
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && !said.contains("quorate@alice"), "{said}");
    // It can tell.
    let said = String::from_utf8_lossy(&verify(&text.replace("NoNewPrivileges=yes", "NoNewPriviledges=yes")).unwrap().stderr)
        .into_owned();
    assert!(said.contains("NoNewPriviledges"), "{said}");
}
