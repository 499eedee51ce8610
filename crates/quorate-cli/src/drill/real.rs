//! The drill with the services of real providers, which it starts by itself and robs as well.
//!
//! ```text
//!   alice (A)  PostgreSQL, a PKCS#11 token ─┐
//!   bob   (B)  S3, AWS KMS (moto)          ─┼─▶  alice's NATS server, whose operator hears all
//!   carol (C)  a file, a passphrase        ─┘
//!   dave, who comes later, has what carol has
//! ```
//!
//! `SoftHSM` reads where its tokens are from the environment, and only when it is loaded: so the program starts once more, in the
//! directory of the drill, with that in its environment.

mod loot;
mod overheard;

use std::{
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
    thread,
};

use quorate::{
    config::{CONFIG_FILE, STORE_DIRECTORY},
    transport::{
        Roster,
        wires::nats::{DEFAULT_SUBJECT, permissions::server_configuration},
    },
};
use quorate_services::{Moto, Nats, NatsOperator, Postgres, SoftHsm, missing};
use zeroize::Zeroizing;

pub(super) use self::overheard::Overheard;
use super::{
    cleanup::Cleanup,
    stack::{Provider, Stack},
    tap::{self, Tape},
    team::{random_word, write_secret},
    trouble::Trouble,
    wires::Wires,
};
use crate::{
    args::{BucketArgs, DatabaseArgs, DrillArgs, KeyServiceArgs, KmsArgs, NatsArgs, StoreAtArgs, TokenArgs},
    failure::Failure,
};

/// The directory of the drill, for the program that was started once more in it.
const DIRECTORY: &str = "QUORATE_DRILL";
const TOKEN_CONFIGURATION: &str = "SOFTHSM2_CONF";
/// In the directory of the drill: where the tokens are, and where services keep their files.
const TOKENS: &str = "token";
const SERVICES: &str = "services";
/// The token's label, and the bucket's name.
const SAFE: &str = "safe";
const BUCKET: &str = "quorate-drill";
/// Who operates the NATS server.
const OPERATOR: &str = "operator";

/// All that the three providers run.
#[derive(Debug)]
pub(super) struct Services {
    postgres: Postgres,
    moto: Moto,
    nats: Nats,
    tokens: SoftHsm,
    /// What bob's key service was asked, and what it answered.
    answers: Tape,
    pin: Zeroizing<String>,
    operator: OnceLock<Zeroizing<String>>,
}

/// The directory of the drill, and the program started once more in it.
pub(super) fn directory(args: &DrillArgs) -> Result<Cleanup, Failure> {
    let handed_over = std::env::var_os(DIRECTORY).map(PathBuf::from);
    if let Some(base) = handed_over.filter(|base| base.join(TOKENS).is_dir()) {
        return Ok(Cleanup::take_over(args, base));
    }
    let missing = missing();
    if !missing.is_empty() {
        return Err(Failure::Missing { programs: missing.join(", ") });
    }
    let cleanup = Cleanup::new(args)?;
    let replaced = start_once_more(cleanup.base());
    cleanup.run();
    Err(replaced)
}

/// Does not return, unless it fails.
fn start_once_more(base: &Path) -> Failure {
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| Failure::File { action, path, source }
    };
    let (tokens, services) = (base.join(TOKENS), base.join(SERVICES));
    let made = || {
        std::fs::create_dir(&tokens)?;
        std::fs::create_dir(&services)?;
        // Some services run as somebody else, who has to get to his own directory, and reads nothing on the way.
        for directory in [base, &services] {
            std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o711))?;
        }
        std::env::current_exe()
    };
    let program = match made() {
        Ok(program) => program,
        Err(source) => return failed("make", base)(source),
    };
    let configuration = SoftHsm::make_in(&tokens).configuration();
    let mut command = Command::new(&program);
    command
        .args(std::env::args_os().skip(1))
        .env(DIRECTORY, base)
        .env(TOKEN_CONFIGURATION, configuration)
        .env("TMPDIR", &services);
    failed("start", &program)(command.exec())
}

/// Starts the services, each with what it keeps below the directory of the drill.
pub(super) fn start(cleanup: &Cleanup) -> Result<(Stack, String), Trouble> {
    let tokens = SoftHsm::open(&cleanup.base().join(TOKENS));
    let pin = random_word()?;
    let (postgres, moto, nats) = thread::scope(|scope| {
        let postgres = scope.spawn(|| {
            let server = Postgres::start();
            let _url = server.database("alice");
            server.authenticate("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
            server
        });
        let moto = scope.spawn(|| {
            let aws = Moto::start();
            aws.ask("PUT", &format!("/{BUCKET}"), b"");
            aws
        });
        let nats = scope.spawn(Nats::start);
        let token = scope.spawn(|| tokens.token(SAFE, &pin));
        (postgres.join(), moto.join(), nats.join().and_then(|nats| token.join().map(|()| nats)))
    });
    // What is the matter they have said themselves.
    let failed = |_| Trouble::Broken("a service does not start");
    let services = Services {
        postgres: postgres.map_err(failed)?,
        moto: moto.map_err(failed)?,
        nats: nats.map_err(failed)?,
        tokens,
        answers: Tape::default(),
        pin,
        operator: OnceLock::new(),
    };
    let services = Arc::new(services);
    let stopped = Arc::clone(&services);
    cleanup.stop_with(move || {
        stopped.nats.kill();
        stopped.moto.kill();
        stopped.postgres.stop();
    });
    Ok((Stack::Real(services), "PostgreSQL, nats-server, a SoftHSM token; moto for S3 and AWS KMS".to_owned()))
}

impl Services {
    /// The three who make the wallet, and a fourth.
    pub(super) fn providers(&self, base: &Path) -> Result<Vec<Provider>, Trouble> {
        let mut all = vec![
            self.alice(base)?,
            self.bob(base)?,
            Provider::new("carol", "carol-sarl", "hetzner/77"),
            Provider::new("dave", "dave-ab", "ovh/1234"),
        ];
        for provider in &mut all {
            provider.nats = NatsArgs { nats: vec![self.nats.url()], ..NatsArgs::default() };
            provider.relay = Some("gcp/wallet-prod/nats".to_owned());
        }
        Ok(all)
    }

    fn alice(&self, base: &Path) -> Result<Provider, Trouble> {
        let password_file = write_secret(base, "alice.database", "word-of-alice")?;
        let pin_file = write_secret(base, "alice.pin", &self.pin)?;
        let database = DatabaseArgs {
            database: Some(self.postgres.url("alice")),
            database_password_file: Some(password_file),
            ..DatabaseArgs::default()
        };
        let token = TokenArgs {
            token_module: Some(SoftHsm::module().to_owned()),
            token: Some(SAFE.to_owned()),
            token_key: None,
            token_pin_file: Some(pin_file),
        };
        let mut provider = Provider::new("alice", "alice-ltd", "gcp/wallet-prod");
        provider.store = "gcp/wallet-prod/sql".to_owned();
        provider.key_service = "alice-ltd/hsm".to_owned();
        provider.at = StoreAtArgs { database, ..StoreAtArgs::default() };
        provider.opens = KeyServiceArgs { no_passphrase: true, token, ..KeyServiceArgs::default() };
        Ok(provider)
    }

    fn bob(&self, base: &Path) -> Result<Provider, Trouble> {
        let text = "[default]\naws_access_key_id = key-of-bob\naws_secret_access_key = word-of-bob";
        let credentials = write_secret(base, "bob.aws", text)?;
        let aws = core::net::SocketAddr::from(([127, 0, 0, 1], self.moto.port()));
        let kms = tap::start(&self.answers, "bob", "kms", aws);
        let kms = kms.map_err(|source| Trouble::System { what: "start a recording proxy", source })?;
        let bucket = BucketArgs {
            bucket: Some(format!("s3://{BUCKET}/bob")),
            bucket_region: Some("us-east-1".to_owned()),
            bucket_endpoint: Some(format!("http://{aws}")),
            bucket_credentials_file: Some(credentials.clone()),
            ..BucketArgs::default()
        };
        let kms = KmsArgs {
            kms_key: Some(self.moto.kms_key()),
            kms_endpoint: Some(format!("http://{kms}")),
            kms_credentials_file: Some(credentials),
            ..KmsArgs::default()
        };
        let mut provider = Provider::new("bob", "bob-gmbh", "aws/111122223333");
        provider.store = "aws/111122223333/s3".to_owned();
        provider.key_service = "aws/444455556666".to_owned();
        provider.at = StoreAtArgs { bucket, ..StoreAtArgs::default() };
        provider.opens = KeyServiceArgs { no_passphrase: true, kms, ..KeyServiceArgs::default() };
        Ok(provider)
    }

    /// Tells the NATS server who the cosigners are, and listens to all that they say.
    pub(super) fn wires(&self, roster: &Roster) -> Result<Wires, Trouble> {
        let users = server_configuration(roster, DEFAULT_SUBJECT, None).map_err(Failure::from)?;
        let odd = Trouble::Broken("the permissions of the NATS server are not what an operator can add to");
        let users = users.trim_end().strip_suffix("  ]\n}").ok_or(odd)?;
        let word = random_word()?;
        self.nats.kill();
        self.nats.configure(&format!("{users}    {{ user: \"{OPERATOR}\", password: \"{}\" }}\n  ]\n}}\n", word.as_str()));
        self.nats.go_on();
        let operator = NatsOperator::new(&self.nats, Some((OPERATOR, &word)));
        let _first = self.operator.set(word);
        Ok(Wires::Nats(Overheard::new(operator)))
    }

    /// Has a stolen configuration read from somewhere else.
    fn reconfigure(copy: &Path, from: &str, to: &str) -> Result<(), Trouble> {
        let path = copy.join(CONFIG_FILE);
        let failed = |source| Trouble::File { what: "change", path: path.clone(), source };
        let text = std::fs::read_to_string(&path).map_err(failed)?;
        if !text.contains(from) {
            return Err(Trouble::Broken("a stolen configuration does not say where the shares are"));
        }
        std::fs::write(&path, text.replace(from, to)).map_err(failed)?;
        // A directory that no file is in is not always copied.
        std::fs::create_dir_all(copy.join(STORE_DIRECTORY)).map_err(failed)
    }
}
