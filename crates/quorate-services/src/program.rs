//! Finding programs, and running them as somebody who is not root.

use std::{
    net::TcpListener,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Some servers do not run as root.
const USER: &str = "nobody";
const USER_ID: u32 = 65534;

/// A port of the loopback that is free right now.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0)
}

/// Finds a program on the `PATH` or in one of these directories.
pub(crate) fn find(name: &str, elsewhere: impl IntoIterator<Item = PathBuf>) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).chain(elsewhere).map(|directory| directory.join(name));
    places.find(|path| path.is_file()).unwrap_or_else(|| panic!("there is no {name}: run scripts/services"))
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
