//! A PostgreSQL server.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::program::{find, free_port, give, unprivileged};

/// A PostgreSQL server with an administrator `postgres`, who needs no password.
#[derive(Debug)]
pub struct Postgres {
    directory: TempDir,
    port: u16,
    settings: String,
}

fn run(name: &str, arguments: &[&str]) -> bool {
    unprivileged(&find(name, debian())).args(arguments).status().unwrap().success()
}

impl Postgres {
    /// Makes and starts one.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// The same with more settings, as on the command line of `postgres`.
    #[must_use]
    pub fn start_with(settings: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        give(directory.path(), 0o700);
        let server = Self { directory, port: free_port(), settings: settings.to_owned() };
        let data = server.data();
        let made = run("initdb", &["-D", &data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]);
        assert!(made, "initdb");
        server.go_on();
        server
    }

    /// The port of the loopback that it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    fn data(&self) -> String {
        self.directory.path().join("data").to_str().unwrap().to_owned()
    }

    /// Gives the server a file that it alone reads.
    #[must_use]
    pub fn give(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        give(&path, 0o600);
        path
    }

    /// Has the server ask for what these lines of `pg_hba.conf` say.
    pub fn authenticate(&self, lines: &str) {
        std::fs::write(Path::new(&self.data()).join("pg_hba.conf"), lines).unwrap();
        assert!(run("pg_ctl", &["-D", &self.data(), "reload"]), "reload");
    }

    /// Dies in the middle of whatever it does.
    pub fn kill(&self) {
        assert!(run("pg_ctl", &["-D", &self.data(), "stop", "-m", "immediate", "-w"]), "stop");
    }

    /// Starts again.
    pub fn go_on(&self) {
        let log = self.directory.path().join("log");
        let place = self.directory.path().display();
        let options = format!("-p {} -k {place} -c listen_addresses=127.0.0.1 {}", self.port, self.settings);
        let started = run("pg_ctl", &["-D", &self.data(), "-w", "-o", &options, "-l", log.to_str().unwrap(), "start"]);
        assert!(started, "PostgreSQL does not start: {}", std::fs::read_to_string(log).unwrap_or_default());
    }

    /// Does something as the administrator.
    pub fn administer(&self, database: &str, sql: &str) {
        let (place, port) = (self.directory.path().to_str().unwrap(), self.port.to_string());
        let connection = ["-h", place, "-p", &port, "-U", "postgres", "-d", database];
        let mut arguments = vec!["-q", "-v", "ON_ERROR_STOP=1", "-c", sql];
        arguments.extend(connection);
        assert!(run("psql", &arguments), "{sql}");
    }

    /// Makes a database of a role of its own, whose password is `word-of-NAME`, and gives the URL that reaches it.
    #[must_use]
    pub fn database(&self, name: &str) -> String {
        self.administer("postgres", &format!("CREATE ROLE {name} LOGIN PASSWORD 'word-of-{name}'"));
        self.administer("postgres", &format!("CREATE DATABASE {name} OWNER {name}"));
        self.url(name)
    }

    /// The URL of a role's database of the same name.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("postgres://{name}@127.0.0.1:{}/{name}", self.port)
    }

    /// Makes another database of what a dump of one says, of this role, and gives the URL that reaches it.
    #[must_use]
    pub fn restore(&self, database: &str, role: &str, dump: &[u8]) -> String {
        self.administer("postgres", &format!("CREATE DATABASE {database} OWNER {role}"));
        let file = self.directory.path().join(format!("{database}.sql"));
        std::fs::write(&file, dump).unwrap();
        give(&file, 0o600);
        let (place, port) = (self.directory.path().to_str().unwrap(), self.port.to_string());
        let connection = ["-h", place, "-p", &port, "-U", "postgres", "-d", database];
        let mut arguments = vec!["-q", "-v", "ON_ERROR_STOP=1", "-f", file.to_str().unwrap()];
        arguments.extend(connection);
        assert!(run("psql", &arguments), "restore {database}");
        format!("postgres://{role}@127.0.0.1:{}/{database}", self.port)
    }

    /// Stops, if it runs.
    pub fn stop(&self) {
        let _stopped = run("pg_ctl", &["-D", &self.data(), "stop", "-m", "immediate"]);
    }

    /// All that a thief of the database gets, as text.
    #[must_use]
    pub fn dump(&self, database: &str) -> Vec<u8> {
        let (place, port) = (self.directory.path().to_str().unwrap(), self.port.to_string());
        let output = unprivileged(&find("pg_dump", debian()))
            .args(["-h", place, "-p", &port, "-U", "postgres", "-d", database])
            .stdout(std::process::Stdio::piped())
            .output()
            .unwrap();
        assert!(output.status.success(), "pg_dump");
        output.stdout
    }
}

pub(crate) fn debian() -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|version| version.path().join("bin"))
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}
