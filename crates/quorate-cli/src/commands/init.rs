//! `quorate init`: a cosigner's directory.

use std::path::Path;

use quorate::{
    config::{CONFIG_FILE, Config, KeyServiceConfig, StoreConfig, WireConfig},
    core::PeerId,
    node,
    transport::{Cosigner, Roster},
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{passphrase_if, runtime, write_file};
use crate::{args::InitArgs, failure::Failure, output::Output};

/// The file to hand to the other cosigners' operators.
pub(crate) const ENTRY_FILE: &str = "roster-entry.toml";

#[derive(Serialize)]
struct ConfigFile<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wire: Option<WireConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<StoreConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_service: Option<KeyServiceConfig>,
    placement: Placement<'a>,
    policy: Policy<'a>,
}

#[derive(Serialize)]
struct Policy<'a> {
    payloads: &'a [String],
}

#[derive(Serialize)]
struct Placement<'a> {
    operator: &'a str,
    runtime: &'a str,
    store: &'a str,
    key_services: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    deployer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay: Option<&'a str>,
}

pub(super) fn run(args: &InitArgs, output: Output) -> Result<(), Failure> {
    let config = config_text(args)?;
    // Mistakes are found before anybody is asked for a passphrase.
    Config::parse(&config, &args.dir.join(CONFIG_FILE))?.check_key_services()?;
    let probe = Cosigner::new(&args.name, harmless_identity(), announced(args).unwrap_or("localhost:1"));
    roster(probe, &args.dir.join(ENTRY_FILE))?;
    let passphrase = passphrase_if(!args.opens.no_passphrase, &args.passphrase, true)?;
    let spinner = output.spinner("making the store");
    let (peer_id, entry) = init(args, passphrase)?;
    drop(spinner);
    let value = serde_json::json!({
        "name": args.name, "peer_id": peer_id.to_string(), "directory": args.dir, "roster_entry": entry,
    });
    output.note(&format!(
        "Made the cosigner {} in {}. Hand this roster entry to the other cosigners, who add it with `quorate roster add`;\nit is in {} as well:\n",
        args.name,
        args.dir.display(),
        args.dir.join(ENTRY_FILE).display()
    ));
    if args.allow.is_empty() {
        output.note(
            "It signs nothing yet: say under [policy] in its quorate.toml what it may sign, then start it with `quorate node`.\n",
        );
    }
    output.answer(&value, &entry)
}

/// Makes the directory, and gives the cosigner's identity and its roster entry.
pub(crate) fn init(args: &InitArgs, passphrase: Zeroizing<String>) -> Result<(PeerId, String), Failure> {
    let peer_id = runtime()?.block_on(node::init(&args.dir, &config_text(args)?, passphrase))?;
    let path = args.dir.join(ENTRY_FILE);
    let mut cosigner = Cosigner::new(&args.name, peer_id, announced(args).unwrap_or_default());
    cosigner.nkey = nkey(&args.dir)?;
    let entry = roster(cosigner, &path)?.to_toml();
    write_file(&path, entry.as_bytes())?;
    Ok((peer_id, entry))
}

fn announced(args: &InitArgs) -> Option<&str> {
    args.address.as_deref().or(args.listen.as_deref())
}

/// How NATS servers know the cosigner of this directory, if one carries its messages.
#[cfg(feature = "nats")]
fn nkey(directory: &Path) -> Result<Option<String>, Failure> {
    Ok(node::public_nkey(directory)?)
}

#[cfg(not(feature = "nats"))]
#[expect(clippy::unnecessary_wraps, reason = "the same shape as with the feature")]
const fn nkey(_directory: &Path) -> Result<Option<String>, Failure> {
    Ok(None)
}

/// A roster of one.
fn roster(cosigner: Cosigner, path: &Path) -> Result<Roster, Failure> {
    Roster::new([cosigner]).map_err(|source| Failure::Roster { path: path.to_owned(), source })
}

/// The X25519 base point: an identity that every roster takes, to check the rest of an entry.
fn harmless_identity() -> PeerId {
    let mut bytes = [0; 32];
    bytes[0] = 9;
    PeerId::new(bytes)
}

fn config_text(args: &InitArgs) -> Result<String, Failure> {
    let key_service = args.opens.key_service(&args.name)?;
    let file = ConfigFile {
        name: &args.name,
        listen: args.listen.as_deref(),
        wire: args.nats.wire(),
        store: args.at.store(),
        key_service: (key_service != KeyServiceConfig::default()).then_some(key_service),
        placement: Placement {
            operator: &args.operator,
            runtime: &args.runtime,
            store: &args.store,
            key_services: &args.key_services,
            deployer: args.deployer.as_deref(),
            relay: args.relay.as_deref(),
        },
        policy: Policy { payloads: &args.allow },
    };
    // Strings and lists of strings always have a TOML form.
    let settings = toml::to_string(&file).unwrap_or_default();
    Ok(format!(
        "# The configuration of one Quorate cosigner. What it signs is up to it: see [policy] in the documentation.\n{settings}"
    ))
}
