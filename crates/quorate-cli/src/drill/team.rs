//! Three cosigners on this machine and a fourth for later, each as its own program, with recording proxies between them.

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
    core::PeerId,
    transport::{Cosigner, Roster},
};
use socket2::{Domain, Socket, Type};
use zeroize::Zeroizing;

use super::{
    cleanup::Cleanup,
    tap::{self, Tape},
    trouble::Trouble,
};
use crate::{
    args::{InitArgs, KeyServiceArgs, NatsArgs, PassphraseArgs, StoreAtArgs},
    commands::init::init,
};

/// How long a cosigner may take to get ready.
const READY_SECONDS: u64 = 30;
/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(60);

/// Who makes the wallet.
pub(super) const HOLDERS: [&str; 3] = ["alice", "bob", "carol"];

/// Who they are, and who comes later: name, operator, cloud, key service.
const PROVIDERS: [(&str, &str, &str, &str); 4] = [
    ("alice", "alice-ltd", "aws/111122223333", "alice-ltd/safe"),
    ("bob", "bob-gmbh", "gcp/wallet-prod", "bob-gmbh/safe"),
    ("carol", "carol-sarl", "hetzner/77", "carol-sarl/safe"),
    ("dave", "dave-ab", "ovh/1234", "dave-ab/safe"),
];

/// One cosigner, its provider and all that the provider has.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) directory: PathBuf,
    pub(super) passphrase_file: PathBuf,
    pub(super) listen: SocketAddr,
    /// Keeps the port for it, also while it does not run: what another program listened there to would be recorded as its own.
    _held: Socket,
    log: PathBuf,
    peer_id: PeerId,
}

/// All of them, and what crossed the wires between them.
#[derive(Debug)]
pub(super) struct Team {
    pub(super) members: Vec<Member>,
    pub(super) tape: Tape,
}

impl Team {
    /// Makes the directories, rosters and proxies. Nothing runs yet.
    pub(super) fn make(base: &Path) -> Result<Self, Trouble> {
        let made: Vec<_> = thread::scope(|scope| {
            let each = PROVIDERS.map(|provider| scope.spawn(move || Member::make(base, provider)));
            each.into_iter().map(|thread| thread.join().unwrap_or(Err(Trouble::Broken("a thread stopped")))).collect()
        });
        let team = Self { members: made.into_iter().collect::<Result<_, _>>()?, tape: Tape::default() };
        for member in &team.members {
            team.write_roster(member)?;
        }
        Ok(team)
    }

    /// The roster as one cosigner sees it: all others are reached through proxies.
    fn write_roster(&self, member: &Member) -> Result<(), Trouble> {
        let mut entries = Vec::new();
        for other in &self.members {
            let address = if other.name == member.name {
                member.listen
            } else {
                let started = tap::start(&self.tape, member.name, other.name, other.listen);
                started.map_err(|source| Trouble::System { what: "start a recording proxy", source })?
            };
            entries.push(Cosigner::new(other.name, other.peer_id, address.to_string()));
        }
        let roster = Roster::new(entries).map_err(|_| Trouble::Broken("the entries make no roster"))?;
        let path = member.directory.join(ROSTER_FILE);
        std::fs::write(&path, roster.to_toml()).map_err(|source| Trouble::File { what: "write", path, source })
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
    fn make(base: &Path, (name, operator, cloud, key_service): (&'static str, &str, &str, &str)) -> Result<Self, Trouble> {
        let directory = base.join(name);
        let passphrase_file = base.join(format!("{name}.passphrase"));
        let passphrase = random_passphrase()?;
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&passphrase_file);
        written.and_then(|mut file| writeln!(file, "{}", passphrase.as_str())).map_err(|source| Trouble::File {
            what: "write",
            path: passphrase_file.clone(),
            source,
        })?;
        let (listen, held) = free_port().map_err(|source| Trouble::System { what: "find a free port", source })?;
        let args = InitArgs {
            dir: directory.clone(),
            name: name.to_owned(),
            listen: Some(listen.to_string()),
            address: None,
            operator: operator.to_owned(),
            runtime: format!("{cloud}/vm"),
            store: format!("{cloud}/disk"),
            key_services: vec![key_service.to_owned()],
            deployer: None,
            relay: None,
            allow: ["psbt", "evm", "solana"].map(str::to_owned).into(),
            nats: NatsArgs::default(),
            at: StoreAtArgs::default(),
            opens: KeyServiceArgs::default(),
            passphrase: PassphraseArgs::default(),
        };
        let (peer_id, _) = init(&args, passphrase)?;
        // What crosses the wires is all searched, and presignatures are most of it.
        let path = directory.join(CONFIG_FILE);
        let appended = OpenOptions::new().append(true).open(&path);
        let appended = appended.and_then(|mut file| file.write_all(b"\n[ecdsa]\npresignatures = 0\n"));
        appended.map_err(|source| Trouble::File { what: "write", path, source })?;
        Ok(Self { name, log: base.join(format!("{name}.log")), directory, passphrase_file, listen, _held: held, peer_id })
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

fn random_passphrase() -> Result<Zeroizing<String>, Trouble> {
    let mut bytes = Zeroizing::new([0; 24]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|_| Trouble::Broken("the random generator failed"))?;
    Ok(Zeroizing::new(hex::encode(bytes.as_slice())))
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
