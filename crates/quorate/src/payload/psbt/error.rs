//! Why a PSBT is not signed.

use bitcoin::psbt::PsbtSighashType;

/// What is wrong with a PSBT. The wallet that made it must change it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PsbtError {
    /// Neither a PSBT in binary nor base64.
    #[error("neither a binary PSBT nor base64")]
    NotBase64,
    /// BIP-174 says otherwise, or it is of another version.
    #[error("not a PSBT of version 0 or 2{}", position(*.at))]
    Malformed {
        /// How far it could be read, in bytes; nothing of one of version 2, whose maps can be read and do not fit.
        at: Option<usize>,
        /// What is wrong.
        source: Box<bitcoin::psbt::Error>,
    },
    /// BIP-370 says otherwise.
    #[error("not a PSBT of version 2: its {part} is missing or wrong")]
    Version2 {
        /// What.
        part: &'static str,
    },
    /// The keys and values of a PSBT of version 2 cannot be read.
    #[error("not a PSBT of version 2, at byte {at}: {part} is cut off, or has a key twice")]
    Maps {
        /// Where the map starts, from 0.
        at: usize,
        /// Which map.
        part: &'static str,
    },
    /// Bytes follow the PSBT.
    #[error("bytes follow the PSBT, at byte {at}")]
    TrailingBytes {
        /// Where, from 0.
        at: usize,
    },
    /// More inputs or outputs than the limit.
    #[error("more than {limit} inputs or outputs; split the payment")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// An input does not say what it spends.
    #[error("input {input} has no witness_utxo; it is needed for every input, those of others too")]
    NoWitnessUtxo {
        /// The input, from 0.
        input: usize,
    },
    /// Nothing proves what an input of another than a Taproot transaction spends.
    #[error(
        "input {input} has no non_witness_utxo; a P2WPKH signature commits to the amount of its own input alone, so that the whole \
         previous transaction is needed for every input if there are several"
    )]
    NoPreviousTransaction {
        /// The input, from 0.
        input: usize,
    },
    /// The two statements about what an input spends differ.
    #[error("the non_witness_utxo of input {input} contradicts its witness_utxo or its outpoint")]
    ContradictingUtxo {
        /// The input, from 0.
        input: usize,
    },
    /// One coin spent twice.
    #[error("input {input} spends the same output as an input before it")]
    DuplicateInput {
        /// The later input, from 0.
        input: usize,
    },
    /// Amounts that cannot be.
    #[error("the amounts exceed all the bitcoin there is, or the outputs exceed the inputs")]
    Amounts,
    /// The key has nothing to do here.
    #[error(
        "no input belongs to this key; check the derivation path, and that the inputs are its outputs: Taproot of a bip340 key, \
         P2WPKH of an ecdsa-secp256k1 key"
    )]
    NothingToSign,
    /// The key is wanted where it does not sign.
    #[error(
        "input {input} wants a signature in a script, by the bare key; a bip340 key signs by the key path alone, with the tweak of its output"
    )]
    ScriptPath {
        /// The input, from 0.
        input: usize,
    },
    /// A script that is not what the input's output commits to.
    #[error("a script that input {input} tells of is none of the output that it spends")]
    InputScript {
        /// The input, from 0.
        input: usize,
    },
    /// Scripts that are not what the output commits to.
    #[error("the scripts that output {output} tells of are none of it, or it tells of no internal key")]
    OutputScript {
        /// The output, from 0.
        output: usize,
    },
    /// More scripts than are checked.
    #[error("inputs and outputs tell of more than {limit} scripts; leave out those that are not needed")]
    TooManyScripts {
        /// The limit.
        limit: usize,
    },
    /// A signature hash type that leaves parts of the transaction open.
    #[error("input {input} asks for {sighash}; only SIGHASH_ALL is signed, and SIGHASH_DEFAULT for Taproot")]
    SighashType {
        /// The input, from 0.
        input: usize,
        /// What it asks for.
        sighash: PsbtSighashType,
    },
    /// An input of this key that has a signature.
    #[error("input {input} is signed already")]
    AlreadySigned {
        /// The input, from 0.
        input: usize,
    },
    /// The consensus library refuses to hash an input.
    #[error("input {input} has no signature hash")]
    NoSignatureHash {
        /// The input, from 0.
        input: usize,
    },
    /// An input that still waits for a signature.
    #[error("input {input} is not final: its owner has not signed")]
    NotFinal {
        /// The input, from 0.
        input: usize,
    },
}

fn position(at: Option<usize>) -> String {
    at.map_or_else(String::new, |at| format!(", at byte {at}"))
}
