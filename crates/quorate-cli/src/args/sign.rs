//! `sign` and `verify`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Connection, Requested};

/// The network whose addresses are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Network {
    /// Money.
    #[default]
    #[value(alias = "mainnet")]
    Bitcoin,
    /// The test networks, signet among them.
    Testnet,
    /// A network of one's own.
    Regtest,
}

impl From<Network> for quorate::payload::Network {
    fn from(network: Network) -> Self {
        match network {
            Network::Bitcoin => Self::Bitcoin,
            Network::Testnet => Self::Testnet,
            Network::Regtest => Self::Regtest,
        }
    }
}

impl From<Network> for quorate_chains::Network {
    fn from(network: Network) -> Self {
        match network {
            Network::Bitcoin => Self::Mainnet,
            Network::Testnet => Self::Testnet,
            Network::Regtest => Self::Regtest,
        }
    }
}

/// A kind of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AddressKind {
    /// Bitcoin, bc1p…: of bip340 keys.
    Taproot,
    /// Bitcoin, bc1q…: of ecdsa-secp256k1 keys.
    P2wpkh,
    /// Ethereum, 0x…: of ecdsa-secp256k1 keys.
    Ethereum,
    /// Solana: of ed25519 keys.
    Solana,
}

impl From<AddressKind> for quorate::payload::AddressKind {
    fn from(kind: AddressKind) -> Self {
        match kind {
            AddressKind::Taproot => Self::Taproot,
            AddressKind::P2wpkh => Self::P2wpkh,
            AddressKind::Ethereum => Self::Ethereum,
            AddressKind::Solana => Self::Solana,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct SignArgs {
    #[command(subcommand)]
    pub(crate) kind: SignKind,
}

/// Which key signs, and who.
#[derive(Args, Debug)]
pub(crate) struct Signing {
    /// The wallet's name, or a key's id.
    #[arg(value_name = "WALLET")]
    pub(crate) key: String,
    /// The key's suite, if the wallet has several and the payload does not tell: bip340, ed25519, ecdsa-secp256k1.
    #[arg(long, value_name = "SUITE")]
    pub(crate) suite: Option<String>,
    /// The child key's path, for example m/0/7; hardened steps do not exist.
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Option<String>,
    /// Who signs, by name in the roster; repeat it. The cosigner that is asked always signs [default: whoever can be reached].
    #[arg(long = "signer", value_name = "NAME")]
    pub(crate) signers: Vec<String>,
    /// Name the request, 64 hexadecimal digits; sent again, it gives the same signatures [default: random].
    #[arg(long, value_name = "HEX")]
    pub(crate) request_id: Option<String>,
    #[command(flatten)]
    pub(crate) requested: Requested,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// A text, bytes or a file.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Text {
    /// The message as text.
    #[arg(value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// The message in hexadecimal digits.
    #[arg(long, value_name = "HEX")]
    pub(crate) hex: Option<String>,
    /// The message in a file, byte for byte; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SignKind {
    /// Send a request that was saved, signed, and approved; prints the finished document in base64.
    Request {
        /// The request, as `quorate sign ... --save FILE` wrote it.
        #[arg(value_name = "REQUEST")]
        file: PathBuf,
        /// Who signs, by name in the roster; repeat it [default: whoever can be reached].
        #[arg(long = "signer", value_name = "NAME")]
        signers: Vec<String>,
        /// Write the finished document here, binary.
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        connection: Connection,
    },
    /// Sign bytes as they are, or with an ecdsa-secp256k1 key as Ethereum's wallets do (EIP-191); prints the signature in
    /// hexadecimal digits.
    Message {
        #[command(flatten)]
        signing: Signing,
        #[command(flatten)]
        text: Text,
    },
    /// Sign a hash of 32 bytes that somebody else computed; denied unless the cosigners' policies allow it for the wallet.
    Digest {
        #[command(flatten)]
        signing: Signing,
        /// 64 hexadecimal digits.
        #[arg(value_name = "DIGEST")]
        digest: String,
    },
    /// Sign a Bitcoin transaction: a PSBT of version 0 or 2, binary or base64; gives the signed PSBT.
    Psbt {
        #[command(flatten)]
        signing: Signing,
        /// Do not ask whether what is shown is what you want.
        #[arg(long)]
        yes: bool,
        /// The PSBT; - is standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Write the signed PSBT here, binary [default: base64 on standard output].
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Sign an Ethereum transaction: the bytes that its sender signs (types 1 to 3, or legacy with a chain id), binary or hexadecimal;
    /// gives the signed transaction.
    Evm {
        #[command(flatten)]
        signing: Signing,
        /// Do not ask whether what is shown is what you want.
        #[arg(long)]
        yes: bool,
        /// The unsigned transaction; - is standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Write the signed transaction here, binary [default: hexadecimal digits on standard output].
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Sign a document of EIP-712, as JSON; prints the signature in hexadecimal digits.
    TypedData {
        #[command(flatten)]
        signing: Signing,
        /// Do not ask whether what is shown is what you want.
        #[arg(long)]
        yes: bool,
        /// The document; - is standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Sign a Solana transaction: its message, binary or base64; gives the signed transaction.
    Solana {
        #[command(flatten)]
        signing: Signing,
        /// Do not ask whether what is shown is what you want.
        #[arg(long)]
        yes: bool,
        /// The message; - is standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Write the signed transaction here, binary [default: base64 on standard output].
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    #[command(subcommand)]
    pub(crate) kind: VerifyKind,
}

/// Whose signature it should be.
#[derive(Args, Debug)]
pub(crate) struct Signer {
    /// The address: a Bitcoin address (bc1p…, bc1q…), an Ethereum address (0x…) or a Solana address. Needs no cosigner.
    #[arg(long, value_name = "ADDRESS", required_unless_present = "wallet")]
    pub(crate) address: Option<String>,
    /// Or a wallet's name, at the running cosigner of --dir or --socket, which is asked for the public key alone.
    #[arg(long, value_name = "WALLET", conflicts_with = "address")]
    pub(crate) wallet: Option<String>,
    /// The key's suite, if the wallet has several: bip340, ed25519, ecdsa-secp256k1.
    #[arg(long, value_name = "SUITE", conflicts_with = "address")]
    pub(crate) suite: Option<String>,
    /// The child key's path, with --wallet.
    #[arg(long, value_name = "PATH", default_value = "m", conflicts_with = "address")]
    pub(crate) path: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VerifyKind {
    /// Check a signature on bytes.
    Message {
        #[command(flatten)]
        signer: Signer,
        /// The signature, 128 hexadecimal digits; 130 of an Ethereum address.
        #[arg(long, value_name = "HEX")]
        signature: String,
        #[command(flatten)]
        text: Text,
    },
    /// Check a signature on a hash of 32 bytes.
    Digest {
        #[command(flatten)]
        signer: Signer,
        /// The signature, 128 hexadecimal digits; 130 of an Ethereum address.
        #[arg(long, value_name = "HEX")]
        signature: String,
        /// 64 hexadecimal digits.
        #[arg(value_name = "DIGEST")]
        digest: String,
    },
    /// Check that every input of a signed PSBT that spends coins of the signer has a valid signature.
    Psbt {
        #[command(flatten)]
        signer: Signer,
        /// The signed PSBT, binary or base64; - is standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Check that an Ethereum transaction was signed by the signer.
    Evm {
        #[command(flatten)]
        signer: Signer,
        /// The signed transaction, binary or hexadecimal; - is standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Check the signer's signature on a Solana transaction.
    Solana {
        #[command(flatten)]
        signer: Signer,
        /// The signed transaction, binary or base64; - is standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}
