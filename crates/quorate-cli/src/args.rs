//! The command line, with the help texts.

mod audit;
mod backup;
mod chains;
mod nats;
mod placement;
mod places;
mod policy;
mod request;
mod reshare;
mod sign;
mod team;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use audit::{AuditArgs, AuditCommand};
pub(crate) use backup::{BackupArgs, BackupCommand, BackupMakeArgs, BackupRestoreArgs, BackupVerifyArgs};
pub(crate) use chains::{ChainArgs, ChainsArgs};
pub(crate) use nats::{NatsArgs, NatsCommand, NatsCommandArgs};
pub(crate) use placement::{PlacementArgs, PlacementCommand};
#[cfg(feature = "real-drill")]
pub(crate) use places::{BucketArgs, DatabaseArgs, KmsArgs, TokenArgs};
pub(crate) use places::{KeyServiceArgs, KeyServiceCommand, KeyServiceCommandArgs, StoreArgs, StoreAtArgs, StoreCommand};
pub(crate) use policy::{PayloadKind, PolicyArgs, PolicyCommand, PolicyTestArgs};
pub(crate) use request::{ApproveArgs, FreezeArgs, Requested, RequesterArgs, RequesterCommand, ResumeArgs};
pub(crate) use reshare::{ConsentArgs, Dealt, EvictArgs, ReshareArgs};
pub(crate) use sign::{AddressKind, Network, SignArgs, SignKind, Signer, Signing, Text, VerifyArgs, VerifyKind};
pub(crate) use team::{InitArgs, NodeArgs, RosterArgs, RosterCommand};

/// What `quorate --help` says at its end.
const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the request failed: a false signature, a missing proof, a failed check of the drill
  2  wrong usage, request or configuration
  3  no cosigner is running there, or too few participants can be reached
  4  a policy, or another cosigner, denied the request, or the key is frozen
  5  a participant broke the protocol; its name is in the message

A first try, with three cosigners on this machine and a thief:   quorate drill
A cosigner of your own:   quorate init; quorate roster add (exchange entries); quorate node";

/// Keys that no single provider can ever hold whole.
///
/// Several cosigners, each run by somebody else and somewhere else, make a key in shares and sign in shares. This program runs a cosigner
/// (`init`, `roster`, `node`), asks a running cosigner for keys and signatures (`keygen`, `sign`, …), and shows what a thief gets
/// who robs one of the providers (`drill`).
#[derive(Debug, Parser)]
#[command(name = "quorate", version, after_help = EXIT_CODES, arg_required_else_help = true, max_term_width = 110)]
pub(crate) struct Cli {
    /// Answer with one JSON document on standard output, also for errors; no progress is shown.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a cosigner's directory: its configuration, identity and sealed store.
    Init(Box<InitArgs>),
    /// Tell a cosigner who the others are.
    Roster(RosterArgs),
    /// Run a cosigner until it is interrupted.
    Node(NodeArgs),
    /// Show a running cosigner and its links to the others.
    Status(Connection),
    /// Show how often other cosigners broke the protocol in their pairings with this one, and alarms about them; forgive or accept one.
    Peers(PeersArgs),
    /// Have a cosigner go on from an older copy of its store, and give up what its peers saw and it has no memory of.
    ///
    /// A cosigner whose store was put back takes part in nothing, and its peers do nothing with it. First make sure that no other copy of it
    /// runs. Then run this, start the cosigner again, and have each peer's operator run `quorate peers --accept-rejoin NAME`.
    Rejoin(Connection),
    /// Show what a cosigner decided and did, and check that nothing of it was altered or removed.
    Audit(AuditArgs),
    /// Make a wallet: one key for each suite, in shares, together with the other cosigners.
    Keygen(KeygenArgs),
    /// Split a key that exists whole into shares, over the links of this cosigner. Prefer a new key, and a transfer to it: an imported one is
    /// as safe as the least safe place that it ever was in.
    ///
    /// Every other participant's operator must consent: `quorate plans` and `quorate consent`.
    Import(ImportArgs),
    /// List the keys that a cosigner holds shares of.
    Keys(Connection),
    /// Show a wallet's addresses: Taproot for bip340 keys, Ethereum and P2WPKH for ecdsa-secp256k1 keys, Solana for ed25519 keys; with
    /// --chain, those on any other chain.
    Address(Box<AddressArgs>),
    /// List the chains on which a wallet has addresses, and what their addresses were tested against.
    Chains(ChainsArgs),
    /// Have a message, a digest or a transaction signed.
    Sign(Box<SignArgs>),
    /// Show what a cosigner's policy says to a document, without signing it.
    Policy(PolicyArgs),
    /// Make a key pair with which a wallet program or a person signs requests, approves them, or freezes keys.
    Requester(RequesterArgs),
    /// Approve a request that somebody else signed, after looking at it.
    Approve(ApproveArgs),
    /// Stop a key, or all keys, from signing, at once and at every cosigner. Any one cosigner's operator can, or a credential.
    Freeze(FreezeArgs),
    /// Say, as the operator of this cosigner, that a freeze should end. It does when as many operators as sign have said so.
    Resume(ResumeArgs),
    /// Check a signature against a wallet's key or an address, on this machine alone.
    Verify(VerifyArgs),
    /// Ask every participant of a key for proof that it still holds its share.
    Attest(AttestArgs),
    /// Give all holders of keys new shares, and destroy the old ones. Keys and addresses stay.
    ///
    /// What a thief took before is worth nothing afterwards. Waits for every holder; takes nobody's consent.
    Refresh(Dealt),
    /// Give a participant that lost its share a new one: say who has none, refresh, and say it again.
    ///
    /// Run it at a cosigner that still has its share. Whoever is to be repaired must run and be linked.
    Repair(Dealt),
    /// Take a holder's place from it, so that its share is worth nothing; give it to another one. Keys and addresses stay.
    ///
    /// The evicted holder need not answer, and cannot prevent it. Each of the other holders must consent: their operators find the change in
    /// words with `quorate plans`, and agree with `quorate consent`.
    Evict(EvictArgs),
    /// Change who holds keys, how many sign, or where the shares are. Keys and addresses stay.
    ///
    /// Each of the other holders must consent: `quorate plans` and `quorate consent`. Without any of its options it is
    /// `quorate refresh`.
    Reshare(ReshareArgs),
    /// List the changes of holders, thresholds and places that other cosigners proposed to this one and that wait for consent.
    Plans(Connection),
    /// Let a cosigner take part in one such change. It then counts for 24 hours, or until the cosigner restarts.
    Consent(ConsentArgs),
    /// Show which providers could take a key, and which losses stop it from signing.
    Placement(PlacementArgs),
    /// Move a cosigner's sealed shares to another store.
    Store(StoreArgs),
    /// Tell NATS servers who the cosigners are and what each may say.
    Nats(NatsCommandArgs),
    /// Have other key services open a cosigner's sealed shares.
    KeyService(KeyServiceCommandArgs),
    /// Make, check and restore encrypted backups of a cosigner's shares.
    Backup(BackupArgs),
    /// Start three cosigners on this machine, sign with them, then rob each: the thief must get nothing.
    ///
    /// Three cosigners with their own directories, passphrases and ports stand for three providers. They make a 2-of-3 wallet and sign a
    /// Bitcoin and a Solana transaction with each pair; a library that is not ours checks the signatures. Then a thief gets everything of
    /// one provider (directory, passphrase, and every byte that crossed the wires) and tries to take the key or to sign, and must fail. Then it
    /// gets two providers, and must succeed: a thief that cannot steal at all would prove nothing. In the end the others evict one of the
    /// robbed and a fourth cosigner takes its place, with the same addresses; what was stolen before and what is stolen later must not fit.
    ///
    /// Needs no network, no configuration and no flags. Leaves nothing behind, also after Ctrl-C (exit code 130). `--stack real` does the same
    /// with cosigners that use databases, buckets, key services and a NATS server, as far as those run on one machine.
    Drill(DrillArgs),
}

/// Which running cosigner to ask.
#[derive(Args, Clone, Debug)]
pub(crate) struct Connection {
    /// The cosigner's directory [default: the current one].
    #[arg(long, value_name = "DIR", global = false)]
    pub(crate) dir: Option<PathBuf>,
    /// Its control socket, if that is not DIR/control.sock.
    #[arg(long, value_name = "PATH", conflicts_with = "dir")]
    pub(crate) socket: Option<PathBuf>,
    /// Ask a cosigner on another machine, where its [control] listens. It answers what a requester may ask.
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["dir", "socket"], requires_all = ["tls_ca", "tls_certificate", "tls_key"], help_heading = "Another machine")]
    pub(crate) connect: Option<String>,
    /// The certificates of the authorities that vouch for that cosigner.
    #[arg(long, value_name = "FILE", requires = "connect", help_heading = "Another machine")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// The certificate to show.
    #[arg(long, value_name = "FILE", requires = "connect", help_heading = "Another machine")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Its key.
    #[arg(long, value_name = "FILE", requires = "connect", help_heading = "Another machine")]
    pub(crate) tls_key: Option<PathBuf>,
    /// How many seconds to wait for an answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
}

#[derive(Args, Debug)]
pub(crate) struct PeersArgs {
    /// Forget the faults of this cosigner, so that it need not wait for its next pairing. Each may have told it one bit about a secret, and
    /// the wait keeps it from trying often: forgive only when you know the cause.
    #[arg(long, value_name = "NAME")]
    pub(crate) forgive: Option<String>,
    /// Accept this cosigner again, whose store was put back to an older copy and which rejoined. It proves that it holds its shares; who runs
    /// it, it cannot prove: ask its operator first, over another way than this one.
    #[arg(long, value_name = "NAME", conflicts_with = "forgive")]
    pub(crate) accept_rejoin: Option<String>,
    /// Accept it although it lost shares: those have to be repaired.
    #[arg(long, requires = "accept_rejoin")]
    pub(crate) lost_shares: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// Where a passphrase comes from. Never from the command line or the environment: other programs can read those.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PassphraseArgs {
    /// Read the passphrase from the first line of a file that only you can read, instead of asking for it.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Read the passphrase from the first line of an open file descriptor, instead of asking for it.
    #[arg(long, value_name = "N", conflicts_with = "passphrase_file")]
    pub(crate) passphrase_fd: Option<u32>,
}

#[derive(Args, Debug)]
pub(crate) struct KeygenArgs {
    /// The wallet's name: lower-case letters, digits, - and _, at most 40.
    #[arg(value_name = "WALLET")]
    pub(crate) wallet: String,
    /// What the keys are for: bip340 (Bitcoin Taproot), ed25519 (Solana and others), ecdsa-secp256k1 (Ethereum, Bitcoin P2WPKH).
    /// Repeat it for several keys.
    #[arg(
        long = "suite",
        value_name = "SUITE",
        default_values = ["bip340", "ed25519", "ecdsa-secp256k1"],
        value_parser = ["bip340", "ed25519", "ecdsa-secp256k1"]
    )]
    pub(crate) suites: Vec<String>,
    /// How many participants sign.
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u16).range(2..))]
    pub(crate) min_signers: u16,
    /// Who holds shares, by name in the roster, in the order of their numbers [default: the whole roster, sorted by name].
    #[arg(long = "participant", value_name = "NAME")]
    pub(crate) participants: Vec<String>,
    /// Let this one domain reach the key although the rule forbids it, and say why. It becomes part of the key.
    #[arg(long = "waive", value_names = ["DOMAIN", "DATE", "REASON"], num_args = 3, action = clap::ArgAction::Append)]
    pub(crate) waivers: Vec<String>,
    /// Count a share at rest as taken only with its store AND all its key services; by default either alone counts.
    #[arg(long)]
    pub(crate) joint_counting: bool,
    /// Name the request, 64 hexadecimal digits, for policies and logs [default: random].
    #[arg(long, value_name = "HEX")]
    pub(crate) request_id: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// The wallet's name: lower-case letters, digits, - and _, at most 40.
    #[arg(value_name = "WALLET")]
    pub(crate) wallet: String,
    /// What the key is for.
    #[arg(long, value_name = "SUITE", value_parser = ["bip340", "ed25519", "ecdsa-secp256k1"])]
    pub(crate) suite: String,
    /// The file with the secret key: 64 hexadecimal digits, readable by you alone. Destroy it, and every other copy, when its shares sign.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: PathBuf,
    /// The secret is the 32-byte seed of an Ed25519 key, as Solana wallets keep it, and not a scalar.
    #[arg(long)]
    pub(crate) seed: bool,
    /// The public key that it must have, in hexadecimal digits: 32 bytes for ed25519, else 33.
    #[arg(long, value_name = "HEX")]
    pub(crate) public_key: String,
    /// The chain code that the key's children were derived with, 64 hexadecimal digits [default: derived from the key].
    #[arg(long, value_name = "HEX")]
    pub(crate) chain_code: Option<String>,
    /// How many participants sign.
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u16).range(2..))]
    pub(crate) min_signers: u16,
    /// Who holds shares, by name in the roster, in the order of their numbers [default: the whole roster, sorted by name].
    #[arg(long = "participant", value_name = "NAME")]
    pub(crate) participants: Vec<String>,
    /// Name the request, 64 hexadecimal digits, for policies and logs [default: random].
    #[arg(long, value_name = "HEX")]
    pub(crate) request_id: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Args, Debug)]
pub(crate) struct AddressArgs {
    /// The wallet's name, or a key's id.
    #[arg(value_name = "WALLET")]
    pub(crate) key: String,
    /// Only the key of this suite.
    #[arg(long, value_name = "SUITE")]
    pub(crate) suite: Option<String>,
    /// Only addresses of this kind [default: all that the keys have].
    #[arg(long, value_enum, conflicts_with = "chain")]
    pub(crate) kind: Option<AddressKind>,
    /// The child key's path, for example m/0/7; hardened steps do not exist.
    #[arg(long, value_name = "PATH", default_value = "m")]
    pub(crate) path: String,
    /// Whose addresses to show: the main network's, or those of test networks, for Bitcoin and for chains whose addresses tell.
    #[arg(long, value_enum, default_value_t = Network::Bitcoin)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) of: ChainArgs,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Args, Debug)]
pub(crate) struct AttestArgs {
    /// The wallet's name, or a key's id.
    #[arg(value_name = "WALLET")]
    pub(crate) key: String,
    /// Only the key of this suite.
    #[arg(long, value_name = "SUITE")]
    pub(crate) suite: Option<String>,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Args, Debug)]
pub(crate) struct DrillArgs {
    /// Keep the cosigners' directories, logs and the recorded bytes in this new directory, to look at them afterwards.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// What the cosigners use.
    #[arg(long, value_enum, default_value_t = DrillStack::Files)]
    pub(crate) stack: DrillStack,
}

/// What the cosigners of the drill use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DrillStack {
    /// Files, passphrases, and connections between each two.
    Files,
    /// PostgreSQL with a token, a bucket with a KMS, and a file with a passphrase, behind a NATS server. The drill starts these services by
    /// itself, in a temporary directory; moto stands in for AWS.
    Real,
}
