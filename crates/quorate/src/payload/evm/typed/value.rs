//! The values of a document of EIP-712, and what they hash to.
//!
//! Spec: EIP-712, "Definition of encodeData".

use alloy_primitives::{Address, U256};

use super::{
    TypedDataError,
    json::{Json, field},
    schema::{Kind, MAX_DEPTH, Schema},
};
use crate::payload::{address, description::hex, ecdsa};

/// The most values that are shown.
const MAX_VALUES: usize = 1024;
/// How many characters of one are shown.
const SHOWN: usize = 512;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Bool(bool),
    Address(Address),
    Text(String),
    Bytes(Vec<u8>),
    /// At most 32.
    Fixed(Vec<u8>),
    Uint(U256),
    /// The number without its sign, which is true of those below zero.
    Int(bool, U256),
    List(Vec<Value>),
    /// The fields in the order of the type.
    Struct(String, Vec<(String, Value)>),
}

/// Reads values of a schema, and counts them.
pub(super) struct Values<'a> {
    schema: &'a Schema,
    count: usize,
}

impl<'a> Values<'a> {
    pub(super) const fn new(schema: &'a Schema) -> Self {
        Self { schema, count: 0 }
    }

    /// Reads a struct: all its fields, and no other.
    pub(super) fn structure(&mut self, name: &str, json: &Json, at: &str, depth: usize) -> Result<Value, TypedDataError> {
        let kind = Kind::Struct(name.to_owned());
        let found = json.object().ok_or_else(|| wrong(&kind, at))?;
        let fields = self.schema.fields(name);
        if let Some((unknown, _)) = found.iter().find(|(key, _)| fields.iter().all(|field| field.name != *key)) {
            return Err(TypedDataError::UnknownField { at: format!("{at}.{unknown}") });
        }
        let mut values = Vec::with_capacity(fields.len());
        for expected in fields {
            let at = format!("{at}.{}", expected.name);
            let json = field(found, &expected.name).ok_or_else(|| TypedDataError::MissingField { at: at.clone() })?;
            values.push((expected.name.clone(), self.read(&expected.kind, json, &at, depth.saturating_add(1))?));
        }
        Ok(Value::Struct(name.to_owned(), values))
    }

    fn read(&mut self, kind: &Kind, json: &Json, at: &str, depth: usize) -> Result<Value, TypedDataError> {
        self.count = self.count.saturating_add(1);
        if self.count > MAX_VALUES {
            return Err(TypedDataError::TooMany { what: "values", limit: MAX_VALUES });
        }
        if depth > MAX_DEPTH {
            return Err(TypedDataError::TooMany { what: "levels of values", limit: MAX_DEPTH });
        }
        match (kind, json) {
            (Kind::Struct(name), _) => self.structure(name, json, at, depth),
            (Kind::List(inner, length), Json::List(items)) if length.is_none_or(|length| length == items.len()) => {
                let read = |(index, item)| self.read(inner, item, &format!("{at}[{index}]"), depth.saturating_add(1));
                Ok(Value::List(items.iter().enumerate().map(read).collect::<Result<_, _>>()?))
            }
            (Kind::Address, Json::Text(text)) => {
                let canonical = address::ethereum(text);
                let canonical = canonical.map_err(|source| TypedDataError::Address { at: at.to_owned(), source })?;
                canonical.parse().map(Value::Address).map_err(|_| wrong(kind, at))
            }
            _ => atom(kind, json).ok_or_else(|| wrong(kind, at)),
        }
    }
}

fn wrong(kind: &Kind, at: &str) -> TypedDataError {
    TypedDataError::Value { at: at.to_owned(), kind: kind.to_string() }
}

fn atom(kind: &Kind, json: &Json) -> Option<Value> {
    match (kind, json) {
        (Kind::Bool, Json::Bool(value)) => Some(Value::Bool(*value)),
        (Kind::Text, Json::Text(text)) => Some(Value::Text(text.clone())),
        (Kind::Bytes, Json::Text(text)) => Some(Value::Bytes(bytes(text)?)),
        (Kind::Fixed(size), Json::Text(text)) => bytes(text).filter(|bytes| bytes.len() == *size).map(Value::Fixed),
        (Kind::Uint(bits), Json::Text(text) | Json::Number(text)) => {
            number(text).filter(|number| number.bit_len() <= *bits).map(Value::Uint)
        }
        (Kind::Int(bits), Json::Text(text) | Json::Number(text)) => signed(text, *bits),
        _ => None,
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    text.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok())
}

/// A number in decimal digits without zeros before it, or in hexadecimal ones behind `0x`.
fn number(text: &str) -> Option<U256> {
    if let Some(digits) = text.strip_prefix("0x") {
        let fits = (1..=64).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        return fits.then(|| U256::from_str_radix(digits, 16).ok()).flatten();
    }
    let fits = (1..=78).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    let number = fits.then(|| U256::from_str_radix(text, 10).ok()).flatten()?;
    (number.to_string() == text).then_some(number)
}

fn signed(text: &str, bits: usize) -> Option<Value> {
    let lowest = U256::from(1) << bits.saturating_sub(1);
    match text.strip_prefix('-') {
        Some(digits) => {
            number(digits).filter(|n| !n.is_zero() && *n <= lowest && !digits.starts_with("0x")).map(|n| Value::Int(true, n))
        }
        None => number(text).filter(|n| *n < lowest).map(|n| Value::Int(false, n)),
    }
}

impl Value {
    /// The 32 bytes that stand for it in the struct around it.
    pub(super) fn encode(&self, schema: &Schema) -> [u8; 32] {
        match self {
            Self::Bool(value) => U256::from(*value).to_be_bytes(),
            Self::Address(address) => address.into_word().0,
            Self::Text(text) => ecdsa::keccak(text.as_bytes()),
            Self::Bytes(bytes) => ecdsa::keccak(bytes),
            Self::Fixed(bytes) => {
                let mut word = [0; 32];
                word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                word
            }
            Self::Uint(number) => number.to_be_bytes(),
            Self::Int(false, number) => number.to_be_bytes(),
            Self::Int(true, number) => number.wrapping_neg().to_be_bytes(),
            Self::List(items) => ecdsa::keccak(&items.iter().map(|item| item.encode(schema)).collect::<Vec<_>>().concat()),
            Self::Struct(name, fields) => {
                let kind = schema.type_hash(name);
                let words = fields.iter().map(|(_, value)| value.encode(schema));
                ecdsa::keccak(&core::iter::once(kind).chain(words).collect::<Vec<_>>().concat())
            }
        }
    }

    /// Each value in it that has no parts, with the way to it.
    pub(super) fn lines(&self, at: &str, lines: &mut Vec<(String, String)>) {
        match self {
            Self::Struct(_, fields) => fields.iter().for_each(|(name, value)| value.lines(&format!("{at}.{name}"), lines)),
            Self::List(items) if items.is_empty() => lines.push((at.to_owned(), "an empty list".to_owned())),
            Self::List(items) => {
                items.iter().enumerate().for_each(|(index, item)| item.lines(&format!("{at}[{index}]"), lines));
            }
            Self::Bool(_)
            | Self::Address(_)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::Fixed(_)
            | Self::Uint(_)
            | Self::Int(..) => {
                lines.push((at.to_owned(), clip(&self.text())));
            }
        }
    }

    /// As it is written in the canonical document, without quotation marks.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Address(address) => address.to_checksum(None),
            Self::Text(text) => text.clone(),
            Self::Bytes(bytes) | Self::Fixed(bytes) => format!("0x{}", hex(bytes)),
            Self::Uint(number) | Self::Int(false, number) => number.to_string(),
            Self::Int(true, number) => format!("-{number}"),
            Self::List(_) | Self::Struct(..) => String::new(),
        }
    }

    /// As JSON in its one form: fields in the order of the type, numbers and bytes as text.
    pub(super) fn json(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::List(items) => format!("[{}]", items.iter().map(Self::json).collect::<Vec<_>>().join(",")),
            Self::Struct(_, fields) => {
                let fields = fields.iter().map(|(name, value)| format!("{}:{}", quoted(name), value.json()));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
            }
            Self::Address(_) | Self::Text(_) | Self::Bytes(_) | Self::Fixed(_) | Self::Uint(_) | Self::Int(..) => {
                quoted(&self.text())
            }
        }
    }

    /// The value of a field.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        let Self::Struct(_, fields) = self else { return None };
        fields.iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    pub(super) fn number(&self) -> Option<U256> {
        if let Self::Uint(number) = self { Some(*number) } else { None }
    }

    pub(super) fn address(&self) -> Option<Address> {
        if let Self::Address(address) = self { Some(*address) } else { None }
    }
}

/// A text as JSON has it.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… (cut; {} bytes)", text.get(..end).unwrap_or_default(), text.len()),
        None => text.to_owned(),
    }
}
