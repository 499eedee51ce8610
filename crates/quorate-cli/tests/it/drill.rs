//! The drill as a whole, and what it leaves behind: nothing.

use core::time::Duration;
use std::{
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use serde_json::Value;

use crate::support::{Place, command, quorate, text};

/// How many files and running cosigners a drill left in its place.
fn leftovers(place: &Path) -> (usize, usize) {
    let place_name = place.to_str().unwrap();
    let is_cosigner = |process: std::io::Result<std::fs::DirEntry>| {
        let arguments = std::fs::read(process.unwrap().path().join("cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        arguments.contains("\0node\0") && arguments.contains(place_name)
    };
    (
        std::fs::read_dir(place).unwrap().count(),
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| is_cosigner(entry).then_some(())).count(),
    )
}

#[test]
fn drill_passes_and_leaves_nothing_behind() {
    let place = tempfile::tempdir().unwrap();
    let output = command().args(["--json", "drill"]).env("TMPDIR", place.path()).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success() && report["passed"] == true, "{report:#}");
    let steps = report["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["passed"] == true));
    for provider in ["alice", "bob", "carol"] {
        assert_eq!(
            steps.iter().filter(|step| step["step"].as_str().unwrap().starts_with(&format!("rob {provider}:"))).count(),
            5
        );
    }
    let named = |start: &str| steps.iter().filter(|step| step["step"].as_str().unwrap().starts_with(start)).count();
    assert_eq!((named("POSITIVE CONTROL"), named("alice's old shares with"), named("bob evicts alice")), (2, 3, 1));
    assert_eq!(leftovers(place.path()), (0, 0));
}

#[cfg(feature = "real-drill")]
#[test]
fn drill_of_real_providers_passes_and_leaves_neither_files_nor_services_behind() {
    let place = tempfile::tempdir().unwrap();
    let output = command().args(["--json", "drill", "--stack", "real"]).env("TMPDIR", place.path()).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success() && report["passed"] == true, "{report:#}");
    let steps = report["steps"].as_array().unwrap();
    let named = |start: &str| steps.iter().filter(|step| step["step"].as_str().unwrap().starts_with(start)).count();
    let robbed = ["alice", "bob", "carol"].map(|provider| named(&format!("rob {provider}:")));
    assert_eq!(robbed, [5; 3]);
    assert_eq!((named("POSITIVE CONTROL"), named("alice's old shares with"), named("bob evicts alice")), (2, 3, 1));
    // The thief had what it was meant to have.
    let result = |start: &str| {
        let step = steps.iter().find(|step| step["step"].as_str().unwrap().starts_with(start));
        step.unwrap()["result"].as_str().unwrap().to_owned()
    };
    assert!(result("three cosigners start").contains("PostgreSQL and a PKCS#11 token; bob: S3 and AWS KMS"), "{report:#}");
    assert!(result("the thief takes every byte").ends_with("messages that crossed alice's NATS server"), "{report:#}");
    assert!(result("rob alice: replay").contains("messages with"), "{report:#}");
    assert_eq!(leftovers(place.path()), (0, 0));
    let place_name = place.path().to_str().unwrap();
    let services = std::fs::read_dir("/proc").unwrap().filter(|process| {
        let path = process.as_ref().unwrap().path();
        let of = |file| String::from_utf8_lossy(&std::fs::read(path.join(file)).unwrap_or_default()).into_owned();
        of("cmdline").contains(place_name) || of("environ").contains(place_name)
    });
    assert_eq!(services.count(), 0);
}

#[cfg(feature = "real-drill")]
#[test]
fn drill_of_real_providers_without_their_programs_says_which_and_how_to_get_them() {
    let place = tempfile::tempdir().unwrap();
    let mut drill = command();
    drill.args(["drill", "--stack", "real"]).env("TMPDIR", place.path()).env("PATH", place.path());
    let output = drill.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("moto_server") && said.contains("softhsm2-util") && said.contains("scripts/services"), "{said}");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn drill_that_is_interrupted_leaves_nothing_behind() {
    let place = tempfile::tempdir().unwrap();
    for signal in ["-INT", "-TERM"] {
        let mut drill =
            command().arg("drill").env("TMPDIR", place.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        while leftovers(place.path()).1 < 3 {
            assert!(
                start.elapsed() < Duration::from_secs(30) && drill.try_wait().unwrap().is_none(),
                "no cosigners were started"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        let kill = format!("kill {signal} {}", drill.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert_eq!(drill.wait().unwrap().code(), Some(130), "{signal}");
        assert_eq!(leftovers(place.path()), (0, 0), "{signal}");
    }
}

#[test]
fn cosigners_of_a_drill_that_was_killed_stop_by_themselves() {
    let place = tempfile::tempdir().unwrap();
    let mut drill =
        command().arg("drill").env("TMPDIR", place.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while leftovers(place.path()).1 < 3 {
        assert!(start.elapsed() < Duration::from_secs(30) && drill.try_wait().unwrap().is_none(), "no cosigners were started");
        std::thread::sleep(Duration::from_millis(10));
    }
    drill.kill().unwrap();
    drill.wait().unwrap();
    while leftovers(place.path()).1 > 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "cosigners outlived the drill");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn drill_that_should_keep_its_files_wants_a_new_directory() {
    let place = Place::new();
    quorate(["drill", "--keep", &text(place.root.path())]).fails(2, "cannot make");
}
