//! Runs the program, and cosigners in the background.

use core::time::Duration;
use std::{
    io::{BufRead as _, BufReader, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

pub(crate) use quorate_services::free_port;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

/// What the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// The code must be this, and the message must say that.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, words: &str) {
        assert_eq!(self.code, code, "out: {}\nerr: {}", self.out, self.err);
        assert!(self.err.contains(words), "{words:?} is not in: {}", self.err);
    }

    #[track_caller]
    pub(crate) fn succeeds(self) -> String {
        assert_eq!(self.code, 0, "out: {}\nerr: {}", self.out, self.err);
        self.out
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.succeeds()).unwrap()
    }
}

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.stdin(Stdio::null());
    command
}

pub(crate) fn quorate<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Said {
    let output = command().args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs a line of arguments without quotes.
pub(crate) fn line(text: &str) -> Said {
    quorate(text.split_whitespace())
}

/// A directory with a passphrase file, in which cosigners are made.
pub(crate) struct Place {
    pub(crate) root: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self { root: tempfile::tempdir().unwrap() };
        place.write("passphrase", PASSPHRASE, 0o600);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// `quorate init`, each cosigner at its own provider.
    pub(crate) fn init(&self, name: &str, port: u16) -> Said {
        self.init_with(name, port, &[])
    }

    /// The same with more arguments.
    pub(crate) fn init_with(&self, name: &str, port: u16, more: &[&str]) -> Said {
        let (directory, passphrase) = (text(&self.path(name)), text(&self.path("passphrase")));
        let listen = format!("127.0.0.1:{port}");
        let operator = format!("{name}-ltd");
        let runtime = format!("cloud-{name}/vm");
        let disk = format!("cloud-{name}/disk");
        let safe = format!("{name}-ltd/safe");
        let arguments = [
            "init",
            "--dir",
            &directory,
            "--name",
            name,
            "--listen",
            &listen,
            "--operator",
            &operator,
            "--runtime",
            &runtime,
            "--store",
            &disk,
            "--key-service",
            &safe,
            "--passphrase-file",
            &passphrase,
            "--allow",
            "message",
            "--allow",
            "psbt",
            "--allow",
            "evm",
            "--allow",
            "solana",
        ];
        quorate(arguments.iter().chain(more))
    }

    pub(crate) fn add_to_roster(&self, name: &str, entries: &[&str]) -> Said {
        let mut args = vec!["roster".to_owned(), "add".to_owned(), "--dir".to_owned(), text(&self.path(name))];
        args.extend(entries.iter().map(|entry| text(&self.path(entry).join("roster-entry.toml"))));
        quorate(args)
    }

    /// A command at a cosigner's directory.
    pub(crate) fn at(&self, name: &str, args: &str) -> Said {
        let mut args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
        args.extend(["--dir".to_owned(), text(&self.path(name))]);
        quorate(args)
    }

    fn node_command(&self, name: &str, passphrase: &str) -> Command {
        let mut command = command();
        let (directory, passphrase) = (self.path(name), self.path(passphrase));
        command.arg("node").arg("--dir").arg(directory).arg("--passphrase-file").arg(passphrase).arg("--stop-with-stdin");
        command
    }

    /// The plans that wait for an operator, once there is one: another one's refusal may have come first.
    pub(crate) fn plans(&self, name: &str) -> Value {
        let start = Instant::now();
        loop {
            let plans = self.at(name, "plans --json").json();
            if plans.as_array().is_some_and(|plans| !plans.is_empty()) || start.elapsed() > Duration::from_secs(30) {
                return plans;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Starts a cosigner that is meant to run.
    pub(crate) fn start(&self, name: &str) -> Node {
        Self::wait_until_ready(name, self.node_command(name, "passphrase"))
    }

    /// The same in a network namespace.
    pub(crate) fn start_in(&self, name: &str, namespace: &str) -> Node {
        let node = self.node_command(name, "passphrase");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(node.get_program()).args(node.get_args());
        Self::wait_until_ready(name, command)
    }

    /// Starts a cosigner that dies at the place that the file `crash` names, whenever it does.
    #[cfg(feature = "crash-points")]
    pub(crate) fn start_to_crash(&self, name: &str) -> Node {
        Self::wait_until_ready(name, self.crash_command(name))
    }

    /// The same for one that dies before it is ready.
    #[cfg(feature = "crash-points")]
    pub(crate) fn spawn_to_crash(&self, name: &str) -> Node {
        let mut command = self.crash_command(name);
        Node(command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    #[cfg(feature = "crash-points")]
    fn crash_command(&self, name: &str) -> Command {
        let mut command = self.node_command(name, "passphrase");
        command.env("QUORATE_CRASH_AT", format!("@{}", text(&self.path("crash"))));
        command
    }

    fn wait_until_ready(name: &str, mut command: Command) -> Node {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        if !ready.contains(&format!("{name} is ready")) {
            let mut error = String::new();
            child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
            panic!("{name} did not start: {ready} {error}");
        }
        Node(child)
    }

    /// Makes cosigners that have each other on their rosters, starts them, and waits for their links.
    pub(crate) fn start_team(&self, names: &[&str]) -> Vec<Node> {
        self.start_team_with(names, |_| {})
    }

    /// The same with configurations that end with this.
    pub(crate) fn start_team_configured(&self, names: &[&str], config: &str) -> Vec<Node> {
        self.start_team_with(names, |name| {
            let path = self.path(name).join("quorate.toml");
            let written = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, format!("{written}{config}")).unwrap();
        })
    }

    /// The same, where `prepare` may change the directory of each cosigner before it starts.
    pub(crate) fn start_team_with(&self, names: &[&str], prepare: impl Fn(&str)) -> Vec<Node> {
        for name in names {
            self.init(name, free_port()).succeeds();
            prepare(name);
        }
        self.start_made(names)
    }

    /// Has these cosigners on each other's rosters, starts them, and waits for their links.
    pub(crate) fn start_made(&self, names: &[&str]) -> Vec<Node> {
        for name in names {
            self.add_to_roster(name, names).succeeds();
        }
        let nodes = names.iter().map(|name| self.start(name)).collect();
        self.wait_for_links(names);
        nodes
    }

    /// Waits until each of these has links to all on its roster.
    pub(crate) fn wait_for_links(&self, names: &[&str]) {
        let linked = |name: &str| {
            let status = self.at(name, "status --json").json();
            status["peers"].as_array().unwrap().iter().all(|peer| peer["connected"] == true)
        };
        let start = Instant::now();
        for name in names {
            while !linked(name) {
                assert!(start.elapsed() < Duration::from_secs(20), "no links");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }

    /// Starts a cosigner that is meant to fail.
    pub(crate) fn start_fails(&self, name: &str, passphrase: &str) -> Said {
        let mut command = self.node_command(name, passphrase);
        let output = command.stdin(Stdio::piped()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A running cosigner.
pub(crate) struct Node(Child);

impl Node {
    /// Closes its standard input and waits until it has stopped by itself.
    pub(crate) fn stop(mut self) -> i32 {
        drop(self.0.stdin.take());
        self.0.wait().unwrap().code().unwrap_or(-1)
    }
}

#[cfg(feature = "crash-points")]
impl Node {
    /// Waits until it killed itself.
    pub(crate) fn kills_itself(mut self) -> Result<(), String> {
        kills_itself(&mut self.0)
    }
}

/// Waits until a process killed itself.
#[cfg(feature = "crash-points")]
pub(crate) fn kills_itself(child: &mut Child) -> Result<(), String> {
    use std::os::unix::process::ExitStatusExt as _;
    let start = Instant::now();
    loop {
        match child.try_wait().unwrap() {
            Some(status) if status.signal() == Some(9) => return Ok(()),
            Some(status) => return Err(format!("it ended by itself: {status}")),
            None if start.elapsed() > Duration::from_secs(60) => {
                return Err("it does not come to the place where it should die".to_owned());
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
