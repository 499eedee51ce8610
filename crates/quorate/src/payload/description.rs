//! A payload in words for people and in numbers for policies.

use core::fmt;

use bitcoin::hashes::{Hash as _, sha256};

use super::{Asset, Effect, EvmDetails, PsbtDetails, SolanaDetails, TypedDataDetails};

/// How many characters of a message are shown.
const SHOWN: usize = 512;

/// What a signature would do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// One line for a list of requests.
    pub title: String,
    /// The rest, in the order in which it should be read.
    pub lines: Vec<Line>,
    /// The same for programs.
    pub details: Details,
    /// What it would do to money and to control; nothing of bytes without a known meaning.
    pub effects: Vec<Effect>,
    /// What would leave the key, and the accounts that it speaks for, fees and approvals included, by asset.
    pub spends: Vec<(Asset, u128)>,
}

/// One line of a [`Description`]. Contains no control characters, whatever the payload contains.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// What the line is about.
    pub label: String,
    /// What it says.
    pub value: String,
}

/// A payload in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Details {
    /// Bytes without a known meaning.
    Opaque,
    /// A Bitcoin transaction.
    Psbt(PsbtDetails),
    /// An Ethereum transaction.
    Evm(EvmDetails),
    /// A Solana message.
    Solana(SolanaDetails),
    /// A document of EIP-712.
    TypedData(TypedDataDetails),
}

impl Description {
    /// Starts with a title.
    #[must_use]
    pub fn new(title: &str) -> Self {
        let (lines, effects, spends) = (Vec::new(), Vec::new(), Vec::new());
        Self { title: printable(title), lines, details: Details::Opaque, effects, spends }
    }

    /// Adds a line; control characters are escaped.
    #[must_use]
    pub fn line(mut self, label: &str, value: &str) -> Self {
        self.lines.push(Line { label: printable(label), value: printable(value) });
        self
    }

    /// Adds what it would do, and what would leave.
    #[must_use]
    pub fn effects(self, effects: Vec<Effect>, spends: Vec<(Asset, u128)>) -> Self {
        Self { effects, spends, ..self }
    }

    /// Adds the numbers.
    #[must_use]
    pub fn details(self, details: Details) -> Self {
        Self { details, ..self }
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)?;
        self.lines.iter().try_for_each(|line| write!(f, "\n  {}: {}", line.label, line.value))
    }
}

/// Escapes whatever a terminal would not show as it is: control characters, and those that change the direction of text.
fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            other => shown.extend(other.escape_debug()),
        }
        shown
    })
}

/// Describes bytes: their length and hash, and their text, or else their first bytes.
pub(super) fn bytes(title: &str, bytes: &[u8]) -> Description {
    let description = Description::new(&format!("{title} of {} bytes", bytes.len()));
    let description = match core::str::from_utf8(bytes) {
        Ok(text) => description.line("text", &clip(text)),
        Err(_) => description.line("bytes", &clip(&hex(bytes.get(..SHOWN).unwrap_or(bytes)))),
    };
    description.line("sha256", &sha256::Hash::hash(bytes).to_string())
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… (cut)", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use bitcoin::hex::DisplayHex as _;
    bytes.to_lower_hex_string()
}
