//! Finding programs, and running them as somebody who is not root.

use core::net::{Ipv4Addr, SocketAddrV4};
use std::{
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use socket2::{Domain, Socket, Type};

use crate::{moto, nats, postgres::debian, softhsm};

/// Some servers do not run as root.
const USER: &str = "nobody";
const USER_ID: u32 = 65534;

/// Sockets that hold ports, and do not listen.
static HELD: Mutex<Vec<Socket>> = Mutex::new(Vec::new());

/// A port of the loopback that the system gives nobody else as long as this process runs. A server that reuses addresses can listen on
/// it (as all but a few do); whoever connects before is refused.
#[must_use]
pub fn free_port() -> u16 {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    HELD.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
    port
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0)
}

/// Finds a program on the `PATH` or in one of these directories.
///
/// # Panics
///
/// If it is not there.
pub fn find(name: &str, elsewhere: impl IntoIterator<Item = PathBuf>) -> PathBuf {
    look_for(name, elsewhere).unwrap_or_else(|| panic!("there is no {name}: run scripts/services"))
}

fn look_for(name: &str, elsewhere: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).chain(elsewhere).map(|directory| directory.join(name));
    places.find(|path| path.is_file())
}

/// What of the services is not on this machine: programs, and the library of the token. `scripts/services` installs it.
#[must_use]
pub fn missing() -> Vec<&'static str> {
    let of_postgres = ["initdb", "pg_ctl", "psql", "pg_dump"].into_iter().filter(|name| look_for(name, debian()).is_none());
    let nats = look_for(nats::PROGRAM, nats::elsewhere()).is_none().then_some(nats::PROGRAM);
    let on_path = [softhsm::UTIL, moto::PROGRAM].into_iter().filter(|name| look_for(name, []).is_none());
    let runuser = (is_root() && look_for("runuser", []).is_none()).then_some("runuser");
    let module = softhsm::find_module().is_none().then_some("libsofthsm2.so");
    of_postgres.chain(nats).chain(on_path).chain(module).chain(runuser).collect()
}

/// A command that is not run as root, without input and output.
pub(crate) fn unprivileged(program: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", USER, "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    // A directory that this user can be in.
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Gives a file or a directory to the user that [`unprivileged`] commands run as, and keeps others out.
pub(crate) fn give(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    if is_root() {
        chown(path, Some(USER_ID), Some(USER_ID)).unwrap();
    }
}
