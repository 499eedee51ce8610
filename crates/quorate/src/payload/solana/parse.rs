//! The wire format of Solana messages, read strictly.
//!
//! Spec: <https://solana.com/docs/core/transactions>, and for version 0 the
//! [proposal](https://docs.anza.xyz/proposals/versioned-transactions). Rules beyond the format are those of the network's own
//! `sanitize`, and its refusal of accounts that are listed twice.

use std::collections::BTreeSet;

use quorate_core::{DecodeError, wire::Reader};

/// A packet holds 1232 bytes, for the signatures and the message.
const PACKET: usize = 1232;
/// The longest message: a packet less one signature and its count.
pub(super) const MAX_MESSAGE: usize = PACKET - 65;
/// The first byte of a versioned message has this bit; a legacy one starts with the number of signers.
const VERSIONED: u8 = 0x80;
/// Accounts are named by one byte.
const MAX_ACCOUNTS: usize = 256;

/// What is wrong with a Solana message. The wallet that made it must change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SolanaError {
    /// Neither a message in binary nor base64.
    #[error("neither a binary Solana message nor base64")]
    NotBase64,
    /// The format says otherwise.
    #[error("not a Solana message, at byte {at}")]
    Malformed {
        /// Where it could not be read on, from 0.
        at: usize,
        /// Why not.
        source: DecodeError,
    },
    /// A version other than legacy and 0.
    #[error("message version {found} is not supported; use legacy or version 0")]
    Version {
        /// The version in the bytes.
        found: u8,
    },
    /// The numbers of signers and read-only accounts contradict each other.
    #[error("the header's numbers of signers and read-only accounts do not fit the accounts")]
    Header,
    /// An account is listed twice.
    #[error("account {index} is listed twice")]
    DuplicateAccount {
        /// Its second place, from 0.
        index: usize,
    },
    /// An instruction names an account that is not there.
    #[error("instruction {instruction} names a program or account that is not there")]
    UnknownAccount {
        /// The instruction, from 0.
        instruction: usize,
    },
    /// A lookup that loads nothing, or more accounts than can be named.
    #[error("an address table lookup loads nothing, or more than 256 accounts")]
    Lookup,
    /// Message and signatures do not fit into a packet.
    #[error("the message and its signatures are longer than a packet of 1232 bytes")]
    TooLong,
    /// The key need not sign.
    #[error("this key is not a signer of the message; check the derivation path and the fee payer")]
    NotASigner,
}

impl From<DecodeError> for SolanaError {
    /// Whoever knows the position adds it.
    fn from(source: DecodeError) -> Self {
        Self::Malformed { at: 0, source }
    }
}

impl SolanaError {
    fn at(self, position: usize) -> Self {
        if let Self::Malformed { source, .. } = self { Self::Malformed { at: position, source } } else { self }
    }
}

/// A 32-byte address.
pub(super) type Address = [u8; 32];

/// A message that the network would take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    /// Whether it is of version 0.
    pub(super) versioned: bool,
    signers: u8,
    pub(super) accounts: Vec<Address>,
    pub(super) recent_blockhash: [u8; 32],
    pub(super) instructions: Vec<Instruction>,
    pub(super) lookups: Vec<Lookup>,
}

/// One call of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) program: Address,
    /// `None` where the account comes from a lookup table.
    pub(super) accounts: Vec<Option<Address>>,
    pub(super) data: Vec<u8>,
}

/// Accounts that a message takes from a table on the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lookup {
    pub(super) table: Address,
    pub(super) loaded: usize,
}

impl Parsed {
    /// Reads a whole message.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, SolanaError> {
        if bytes.len() > MAX_MESSAGE {
            return Err(SolanaError::TooLong);
        }
        let mut input = Reader::new(bytes);
        Self::read(&mut input, bytes.len()).map_err(|error| error.at(bytes.len().saturating_sub(input.rest().len())))
    }

    fn read(input: &mut Reader<'_>, length: usize) -> Result<Self, SolanaError> {
        let versioned = read_version(input)?;
        let header: [u8; 3] = input.array()?;
        let accounts = read_accounts(input)?;
        check_header(header, accounts.len(), length)?;
        let recent_blockhash = input.array()?;
        let count = read_length(input)?;
        let raw: Vec<Raw<'_>> = (0..count).map(|_| read_instruction(input)).collect::<Result<_, _>>()?;
        let lookups = if versioned { read_lookups(input)? } else { Vec::new() };
        if !input.rest().is_empty() {
            return Err(DecodeError::TrailingBytes.into());
        }
        let total = lookups.iter().fold(accounts.len(), |sum, lookup| sum.saturating_add(lookup.loaded));
        if total > MAX_ACCOUNTS {
            return Err(SolanaError::Lookup);
        }
        let resolve = |(index, raw): (usize, &Raw<'_>)| {
            raw.resolve(&accounts, total).ok_or(SolanaError::UnknownAccount { instruction: index })
        };
        let instructions = raw.iter().enumerate().map(resolve).collect::<Result<_, _>>()?;
        let [signers, ..] = header;
        Ok(Self { versioned, signers, accounts, recent_blockhash, instructions, lookups })
    }

    /// How many signatures the transaction has.
    pub(super) const fn signer_count(&self) -> u8 {
        self.signers
    }

    /// The accounts that must sign; the first pays the fee.
    pub(super) fn signers(&self) -> impl Iterator<Item = &Address> {
        self.accounts.iter().take(usize::from(self.signers))
    }
}

/// An instruction whose accounts are still numbers.
struct Raw<'a> {
    program: u8,
    accounts: &'a [u8],
    data: &'a [u8],
}

impl Raw<'_> {
    /// Looks the accounts up. The fee payer is no program, and a program never comes from a table.
    fn resolve(&self, accounts: &[Address], total: usize) -> Option<Instruction> {
        let program = usize::from(self.program);
        let program = accounts.get(program).filter(|_| program != 0)?;
        let known = |index: &u8| {
            let index = usize::from(*index);
            (index < total).then(|| accounts.get(index).copied())
        };
        let accounts = self.accounts.iter().map(known).collect::<Option<_>>()?;
        Some(Instruction { program: *program, accounts, data: self.data.to_vec() })
    }
}

fn read_version(input: &mut Reader<'_>) -> Result<bool, SolanaError> {
    match input.rest().first() {
        Some(&VERSIONED) => input.u8().map(|_| true).map_err(SolanaError::from),
        Some(first) if *first > VERSIONED => Err(SolanaError::Version { found: first & !VERSIONED }),
        _ => Ok(false),
    }
}

/// A length in one to three bytes of seven bits, the lowest first, as short as possible.
fn read_length(input: &mut Reader<'_>) -> Result<usize, DecodeError> {
    let mut value = 0_u32;
    for position in 0..3_u32 {
        let byte = input.u8()?;
        value |= u32::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            let shortest = position == 0 || byte != 0;
            let value = u16::try_from(value).ok().filter(|_| shortest).ok_or(DecodeError::NotCanonical)?;
            return Ok(usize::from(value));
        }
    }
    Err(DecodeError::NotCanonical)
}

fn read_bytes<'a>(input: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let length = read_length(input)?;
    input.raw(length)
}

fn read_accounts(input: &mut Reader<'_>) -> Result<Vec<Address>, SolanaError> {
    let count = read_length(input)?;
    // Bounded by the bytes that are there, not by the count.
    let accounts: Vec<Address> = (0..count).map(|_| input.array()).collect::<Result<_, _>>()?;
    let mut seen = BTreeSet::new();
    match accounts.iter().position(|account| !seen.insert(account)) {
        Some(index) => Err(SolanaError::DuplicateAccount { index }),
        None => Ok(accounts),
    }
}

/// The fee payer signs and is writable, all signers are listed, and the signatures fit into the packet too.
fn check_header(
    [signers, readonly_signers, readonly_others]: [u8; 3],
    accounts: usize,
    length: usize,
) -> Result<(), SolanaError> {
    let listed = usize::from(signers) + usize::from(readonly_others);
    if signers == 0 || readonly_signers >= signers || listed > accounts {
        return Err(SolanaError::Header);
    }
    let transaction = length + 1 + 64 * usize::from(signers);
    if transaction > PACKET { Err(SolanaError::TooLong) } else { Ok(()) }
}

fn read_instruction<'a>(input: &mut Reader<'a>) -> Result<Raw<'a>, DecodeError> {
    Ok(Raw { program: input.u8()?, accounts: read_bytes(input)?, data: read_bytes(input)? })
}

fn read_lookups(input: &mut Reader<'_>) -> Result<Vec<Lookup>, SolanaError> {
    let count = read_length(input)?;
    (0..count).map(|_| read_lookup(input)).collect()
}

fn read_lookup(input: &mut Reader<'_>) -> Result<Lookup, SolanaError> {
    let table = input.array()?;
    let (writable, readonly) = (read_bytes(input)?, read_bytes(input)?);
    match writable.len() + readonly.len() {
        0 => Err(SolanaError::Lookup),
        loaded => Ok(Lookup { table, loaded }),
    }
}
