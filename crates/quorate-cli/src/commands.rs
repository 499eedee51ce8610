//! One module a command.

mod address;
mod approve;
mod attest;
mod audit;
mod backup;
mod chains;
mod consent;
mod freeze;
mod import;
pub(crate) mod init;
mod key_service;
mod keygen;
mod keys;
mod nats;
mod node;
mod peers;
pub(crate) mod placement;
mod policy;
mod rejoin;
mod requester;
mod reshare;
mod roster;
mod sign;
mod status;
mod store;
mod verify;

use core::time::Duration;
use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use quorate::{config::SOCKET_FILE, control::Client};
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use crate::{
    args::{Command, Connection, PassphraseArgs, Text},
    drill,
    failure::Failure,
    output::Output,
    passphrase,
};

/// Documents above that are not read: no payload may be as long.
const MAX_FILE: u64 = 4 << 20;

/// Carries out a command.
pub(crate) fn run(command: Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Init(args) => init::run(&args, *output),
        Command::Roster(args) => roster::run(&args.command, *output),
        Command::Node(args) => node::run(&args, *output),
        Command::Status(connection) => status::run(&connection, *output),
        Command::Peers(args) => peers::run(&args, *output),
        Command::Rejoin(connection) => rejoin::run(&connection, *output),
        Command::Audit(args) => audit::run(&args.command, *output),
        Command::Keygen(args) => keygen::run(args, *output),
        Command::Import(args) => import::run(args, *output),
        Command::Keys(connection) => keys::run(&connection, *output),
        Command::Address(args) => address::run(&args, *output),
        Command::Chains(args) => chains::run(&args, *output),
        Command::Sign(args) => sign::run(args.kind, *output),
        Command::Policy(args) => policy::run(&args.command, *output),
        Command::Requester(args) => requester::run(&args.command, *output),
        Command::Approve(args) => approve::run(&args, *output),
        Command::Freeze(args) => freeze::run(&args, *output),
        Command::Resume(args) => freeze::resume(&args, *output),
        Command::Verify(args) => verify::run(args.kind, *output),
        Command::Attest(args) => attest::run(args, *output),
        Command::Refresh(dealt) => reshare::refresh(dealt, *output),
        Command::Repair(dealt) => reshare::repair(dealt, *output),
        Command::Evict(args) => reshare::evict(args, *output),
        Command::Reshare(args) => reshare::change(args, *output),
        Command::Plans(connection) => consent::plans(&connection, *output),
        Command::Consent(args) => consent::consent(&args, *output),
        Command::Placement(args) => placement::run(args.command, *output),
        Command::Store(args) => store::run(args.command, *output),
        Command::Nats(args) => nats::run(&args.command, *output),
        Command::KeyService(args) => key_service::run(args.command, *output),
        Command::Backup(args) => backup::run(args.command, *output),
        Command::Drill(args) => drill::run(&args, *output),
    }
}

/// A client of the running cosigner that is meant.
fn client(connection: &Connection) -> Result<Client, Failure> {
    let timeout = Duration::from_secs(connection.timeout);
    if let Some(address) = &connection.connect {
        return remote(address, connection, timeout);
    }
    let directory = connection.dir.clone().unwrap_or_else(|| PathBuf::from("."));
    let socket = connection.socket.clone().unwrap_or_else(|| directory.join(SOCKET_FILE));
    Ok(Client::new(&socket, timeout))
}

#[cfg(feature = "remote")]
fn remote(address: &str, connection: &Connection, timeout: Duration) -> Result<Client, Failure> {
    let file = |file: &Option<PathBuf>| file.clone().unwrap_or_default();
    let tls = quorate::control::ClientTls {
        ca_file: file(&connection.tls_ca),
        certificate: file(&connection.tls_certificate),
        key: file(&connection.tls_key),
    };
    Ok(Client::remote(address, &tls, timeout)?)
}

#[cfg(not(feature = "remote"))]
fn remote(_address: &str, _connection: &Connection, _timeout: Duration) -> Result<Client, Failure> {
    Err(Failure::Feature { option: "--connect", feature: "remote" })
}

/// Shows something to whoever sits at the terminal, and asks. Only the whole word yes is one.
fn confirmed(text: &str, question: &str) -> Result<bool, Failure> {
    use std::io::{BufRead as _, IsTerminal as _, Write as _};
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::NobodyToAsk);
    }
    let failed = |source| Failure::Output { source };
    let mut stderr = std::io::stderr().lock();
    write!(stderr, "{text}\n{question} Type yes: ").and_then(|()| stderr.flush()).map_err(failed)?;
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(failed)?;
    Ok(line.trim() == "yes")
}

/// The runtime of commands that run a cosigner themselves.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|source| Failure::Runtime { source })
}

/// Reads the passphrase where one is needed.
fn passphrase_if(needed: bool, args: &PassphraseArgs, new: bool) -> Result<Zeroizing<String>, Failure> {
    if needed { Ok(passphrase::read(args, new)?) } else { Ok(Zeroizing::default()) }
}

/// Reads a file, or standard input for `-`.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |source| Failure::File { action: "read", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let length = if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_FILE + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
    };
    let length = length.map_err(unreadable)?;
    if u64::try_from(length).is_ok_and(|length| length <= MAX_FILE) {
        return Ok(bytes);
    }
    Err(unreadable(std::io::ErrorKind::FileTooLarge.into()))
}

/// Reads a text file.
fn read_text(path: &Path) -> Result<String, Failure> {
    let unreadable = |_| Failure::File { action: "read", path: path.to_owned(), source: std::io::ErrorKind::InvalidData.into() };
    String::from_utf8(read_file(path)?).map_err(unreadable)
}

/// Writes a whole file, or leaves what was there.
fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |source| Failure::File { action: "write", path: path.to_owned(), source };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    std::io::Write::write_all(&mut file, bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map(drop).map_err(|error| failed(error.error))
}

/// The bytes that a message argument stands for.
fn message_bytes(text: &Text) -> Result<Vec<u8>, Failure> {
    match (&text.text, &text.hex, &text.file) {
        (Some(text), ..) => Ok(text.clone().into_bytes()),
        (None, Some(digits), _) => {
            hex::decode(digits).map_err(|_| Failure::Hex { what: "the message", digits: "an even number of hexadecimal digits" })
        }
        (None, None, Some(path)) => read_file(path),
        (None, None, None) => Ok(Vec::new()),
    }
}
