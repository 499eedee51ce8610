//! Three cosigners on this machine and a fourth for later, each as its own program, and what hears all that they say to each other.

use core::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    time::Duration,
};
use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use quorate::{
    config::{CONFIG_FILE, ROSTER_FILE, SOCKET_FILE},
    control::{Client, ClientError},
    transport::{Cosigner, Roster},
};
use socket2::{Domain, Socket, Type};
use zeroize::Zeroizing;

use super::{
    cleanup::Cleanup,
    stack::{Provider, Stack},
    trouble::Trouble,
    wires::Wires,
};
use crate::{
    args::{InitArgs, PassphraseArgs},
    commands::init::init,
};

/// How long a cosigner may take to get ready.
const READY_SECONDS: u64 = 30;
/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(60);

/// Who makes the wallet.
pub(super) const HOLDERS: [&str; 3] = ["alice", "bob", "carol"];

/// One cosigner, its provider and all that the provider has.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) directory: PathBuf,
    pub(super) passphrase_file: PathBuf,
    /// Where it listens for others, if it does.
    pub(super) listen: Option<SocketAddr>,
    /// Keeps the port for it, also while it does not run: what another program listened there to would be recorded as its own.
    _held: Option<Socket>,
    log: PathBuf,
    /// How the others know it.
    pub(super) entry: Cosigner,
}

/// All of them, what they use, and what crossed the wires between them.
#[derive(Debug)]
pub(super) struct Team {
    pub(super) members: Vec<Member>,
    pub(super) stack: Stack,
    pub(super) wires: Wires,
}

impl Team {
    /// Makes the directories, rosters and what hears them. No cosigner runs yet.
    pub(super) fn make(base: &Path, stack: Stack) -> Result<Self, Trouble> {
        let providers = stack.providers(base)?;
        let made: Vec<_> = thread::scope(|scope| {
            let each: Vec<_> = providers.into_iter().map(|provider| scope.spawn(move || Member::make(base, provider))).collect();
            each.into_iter().map(|thread| thread.join().unwrap_or(Err(Trouble::Broken("a thread stopped")))).collect()
        });
        let members: Vec<_> = made.into_iter().collect::<Result<_, _>>()?;
        let entries = || members.iter().map(|member: &Member| member.entry.clone());
        let wires = stack.wires(&roster(entries())?)?;
        for member in &members {
            let as_seen = entries().map(|entry| wires.entry(member.name, entry)).collect::<Result<Vec<_>, _>>()?;
            let path = member.directory.join(ROSTER_FILE);
            std::fs::write(&path, roster(as_seen)?.to_toml()).map_err(|source| Trouble::File { what: "write", path, source })?;
        }
        Ok(Self { members, stack, wires })
    }

    /// Starts those who make the wallet, and waits until each has links to the others.
    pub(super) fn start(&self, cleanup: &Cleanup) -> Result<(), Trouble> {
        self.holders().try_for_each(|member| member.start(cleanup))?;
        self.wait_for_links(cleanup)
    }

    /// Waits until each that runs has links to all others that run.
    pub(super) fn wait_for_links(&self, cleanup: &Cleanup) -> Result<(), Trouble> {
        let mut running = self.members.iter().filter(|member| !cleanup.has_exited(member.name));
        running.try_for_each(|member| member.wait_for_links(cleanup))
    }

    /// Those who made the wallet.
    pub(super) fn holders(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| HOLDERS.contains(&member.name))
    }

    pub(super) fn member(&self, name: &str) -> Result<&Member, Trouble> {
        self.members.iter().find(|member| member.name == name).ok_or(Trouble::Broken("a participant has an unknown name"))
    }
}

impl Member {
    fn make(base: &Path, provider: Provider) -> Result<Self, Trouble> {
        let Provider { name, operator, runtime, store, key_service, relay, nats, at, opens } = provider;
        let directory = base.join(name);
        let passphrase = random_word()?;
        let passphrase_file = write_secret(base, &format!("{name}.passphrase"), &passphrase)?;
        let held = nats.nats.is_empty().then(free_port).transpose();
        let (listen, held) = held.map_err(|source| Trouble::System { what: "find a free port", source })?.unzip();
        let args = InitArgs {
            dir: directory.clone(),
            name: name.to_owned(),
            listen: listen.map(|listen| listen.to_string()),
            address: None,
            operator,
            runtime,
            store,
            key_services: vec![key_service],
            deployer: None,
            relay,
            allow: ["psbt", "evm", "solana"].map(str::to_owned).into(),
            nats,
            at,
            opens,
            passphrase: PassphraseArgs::default(),
        };
        let (_, entry) = init(&args, passphrase)?;
        let unread = Trouble::Broken("a cosigner's roster entry cannot be read");
        let roster = Roster::from_toml(&entry).map_err(|_| Trouble::Broken("a cosigner's roster entry is no roster"))?;
        let entry = roster.iter().next().cloned().ok_or(unread)?;
        // What crosses the wires is all searched, and presignatures are most of it.
        let path = directory.join(CONFIG_FILE);
        let appended = OpenOptions::new().append(true).open(&path);
        let appended = appended.and_then(|mut file| file.write_all(b"\n[ecdsa]\npresignatures = 0\n"));
        appended.map_err(|source| Trouble::File { what: "write", path, source })?;
        Ok(Self { name, log: base.join(format!("{name}.log")), directory, passphrase_file, listen, _held: held, entry })
    }

    pub(super) fn client(&self) -> Client {
        Client::new(&self.directory.join(SOCKET_FILE), REQUEST)
    }

    /// Starts the program `quorate node`, and waits until it answers.
    pub(super) fn start(&self, cleanup: &Cleanup) -> Result<(), Trouble> {
        let system = |source| Trouble::System { what: "start `quorate node`", source };
        let log = File::options().create(true).append(true).open(&self.log).map_err(system)?;
        let child = Command::new(std::env::current_exe().map_err(system)?)
            .arg("node")
            .arg("--dir")
            .arg(&self.directory)
            .arg("--passphrase-file")
            .arg(&self.passphrase_file)
            // If the drill dies, the pipe breaks, and the cosigner stops.
            .arg("--stop-with-stdin")
            .stdin(Stdio::piped())
            .stdout(log.try_clone().map_err(system)?)
            .stderr(log)
            .spawn()
            .map_err(system)?;
        cleanup.adopt(self.name, child);
        self.wait(cleanup, |client| match client.status() {
            Ok(_) => Ok(true),
            Err(ClientError::NotRunning { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        })
    }

    /// Waits until it has links to all others that run.
    pub(super) fn wait_for_links(&self, cleanup: &Cleanup) -> Result<(), Trouble> {
        self.wait(cleanup, |client| {
            Ok(client.status()?.peers.iter().all(|peer| peer.connected || cleanup.has_exited(&peer.name)))
        })
    }

    fn wait(&self, cleanup: &Cleanup, is_ready: impl Fn(&Client) -> Result<bool, Trouble>) -> Result<(), Trouble> {
        let (client, start) = (self.client(), Instant::now());
        while start.elapsed() < Duration::from_secs(READY_SECONDS) {
            if is_ready(&client)? {
                return Ok(());
            }
            if cleanup.has_exited(self.name) {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                let end: Vec<_> = log.lines().rev().take(3).collect();
                return Err(Trouble::Stopped { name: self.name, log: end.into_iter().rev().collect::<Vec<_>>().join("; ") });
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(Trouble::NotReady { name: self.name, seconds: READY_SECONDS })
    }

    /// The passphrase, as whoever has the file reads it.
    pub(super) fn passphrase(&self) -> Result<Zeroizing<String>, Trouble> {
        let args = PassphraseArgs { passphrase_file: Some(self.passphrase_file.clone()), passphrase_fd: None };
        Ok(crate::passphrase::read(&args, false).map_err(crate::failure::Failure::from)?)
    }
}

fn roster(entries: impl IntoIterator<Item = Cosigner>) -> Result<Roster, Trouble> {
    Roster::new(entries).map_err(|_| Trouble::Broken("the entries make no roster"))
}

/// A word that nobody guesses.
pub(super) fn random_word() -> Result<Zeroizing<String>, Trouble> {
    let mut bytes = Zeroizing::new([0; 24]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|_| Trouble::Broken("the random generator failed"))?;
    Ok(Zeroizing::new(hex::encode(bytes.as_slice())))
}

/// Writes a file that this user alone can read.
pub(super) fn write_secret(base: &Path, name: &str, text: &str) -> Result<PathBuf, Trouble> {
    let path = base.join(name);
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let written = written.and_then(|mut file| writeln!(file, "{text}"));
    written.map_err(|source| Trouble::File { what: "write", path: path.clone(), source })?;
    Ok(path)
}

/// A port that the system gives nobody else as long as the socket lives. A cosigner can listen on it, since the socket does not; until
/// then, who connects is refused.
fn free_port() -> std::io::Result<(SocketAddr, Socket)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into())?;
    let address = socket.local_addr()?.as_socket().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    Ok((address, socket))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn port_is_kept_for_its_cosigner_while_that_does_not_run() {
        let (address, held) = free_port().unwrap();
        for _run in 0..2 {
            assert_eq!(TcpStream::connect(address).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
            let stranger = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            assert!(stranger.bind(&address.into()).is_err());
            let cosigner = TcpListener::bind(address).unwrap();
            drop((TcpStream::connect(address).unwrap(), cosigner.accept().unwrap()));
        }
        drop(held);
    }
}
