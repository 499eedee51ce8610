//! The types of a document of EIP-712.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use super::{
    TypedDataError,
    json::{Json, field},
};
use crate::payload::ecdsa;

/// The type of a document's domain.
pub(super) const DOMAIN: &str = "EIP712Domain";
/// The fields that a domain can have, in their order.
const DOMAIN_FIELDS: [(&str, Kind); 5] = [
    ("name", Kind::Text),
    ("version", Kind::Text),
    ("chainId", Kind::Uint(256)),
    ("verifyingContract", Kind::Address),
    ("salt", Kind::Fixed(32)),
];
const MAX_TYPES: usize = 64;
const MAX_FIELDS: usize = 64;
const MAX_NAME: usize = 64;
/// How deep structs and lists are nested.
pub(super) const MAX_DEPTH: usize = 16;

/// The type of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Address,
    Text,
    Bytes,
    /// So many bytes.
    Fixed(usize),
    /// So many bits.
    Uint(usize),
    /// So many bits, with a sign.
    Int(usize),
    /// Of any length, or of one.
    List(Box<Kind>, Option<usize>),
    Struct(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// Types that refer to each other, and to no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schema {
    structs: BTreeMap<String, Vec<Field>>,
    pub(super) primary: String,
    /// The hashes of the texts of [`encode_type`](Self::encode_type), each computed once.
    hashes: BTreeMap<String, [u8; 32]>,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Address => f.write_str("address"),
            Self::Text => f.write_str("string"),
            Self::Bytes => f.write_str("bytes"),
            Self::Fixed(bytes) => write!(f, "bytes{bytes}"),
            Self::Uint(bits) => write!(f, "uint{bits}"),
            Self::Int(bits) => write!(f, "int{bits}"),
            Self::List(kind, None) => write!(f, "{kind}[]"),
            Self::List(kind, Some(length)) => write!(f, "{kind}[{length}]"),
            Self::Struct(name) => f.write_str(name),
        }
    }
}

impl Kind {
    /// Reads a type in its one spelling.
    fn parse(text: &str) -> Option<Self> {
        if text.matches('[').count() > MAX_DEPTH {
            return None;
        }
        if let Some((inner, length)) = text.strip_suffix(']').and_then(|text| text.rsplit_once('[')) {
            let length = if length.is_empty() { None } else { Some(number(length)?) };
            return Some(Self::List(Box::new(Self::parse(inner)?), length));
        }
        let bits = |bits: usize| bits.is_multiple_of(8) && (8..=256).contains(&bits);
        Some(match text {
            "bool" => Self::Bool,
            "address" => Self::Address,
            "string" => Self::Text,
            "bytes" => Self::Bytes,
            // EIP-712 has no aliases.
            "uint" | "int" => return None,
            _ => {
                let sized = |prefix| text.strip_prefix(prefix).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
                match (sized("bytes"), sized("uint"), sized("int")) {
                    (Some(size), ..) => Self::Fixed(number(size).filter(|size| *size <= 32)?),
                    (_, Some(size), _) => Self::Uint(number(size).filter(|size| bits(*size))?),
                    (.., Some(size)) => Self::Int(number(size).filter(|size| bits(*size))?),
                    _ => Self::Struct(identifier(text)?.to_owned()),
                }
            }
        })
    }

    /// The struct in it, if there is one.
    fn struct_name(&self) -> Option<&str> {
        match self {
            Self::Struct(name) => Some(name),
            Self::List(kind, _) => kind.struct_name(),
            Self::Bool | Self::Address | Self::Text | Self::Bytes | Self::Fixed(_) | Self::Uint(_) | Self::Int(_) => None,
        }
    }
}

impl Schema {
    /// Reads and checks the types.
    pub(super) fn parse(types: &Json, primary: &str) -> Result<Self, TypedDataError> {
        let named = types.object().ok_or_else(|| TypedDataError::Parts { found: "types".to_owned() })?;
        if named.len() > MAX_TYPES {
            return Err(TypedDataError::TooMany { what: "types", limit: MAX_TYPES });
        }
        let mut structs = BTreeMap::new();
        for (name, fields) in named {
            let wrong = || TypedDataError::Type { at: "types".to_owned(), found: name.clone() };
            if Kind::parse(name) != Some(Kind::Struct(name.clone())) {
                return Err(wrong());
            }
            structs.insert(name.clone(), read_fields(name, fields)?);
        }
        let mut schema = Self { structs, primary: primary.to_owned(), hashes: BTreeMap::new() };
        schema.check_domain()?;
        if primary == DOMAIN || !schema.structs.contains_key(primary) {
            return Err(TypedDataError::Type { at: "primaryType".to_owned(), found: primary.to_owned() });
        }
        let mut used = BTreeSet::from([DOMAIN]);
        schema.visit(primary, &mut Vec::new(), &mut used)?;
        match schema.structs.keys().find(|name| !used.contains(name.as_str())) {
            Some(name) => Err(TypedDataError::Unused { name: name.clone() }),
            None => {
                let hash = |name: &String| (name.clone(), ecdsa::keccak(schema.encode_type(name).as_bytes()));
                schema.hashes = schema.structs.keys().map(hash).collect();
                Ok(schema)
            }
        }
    }

    /// The hash that stands for a struct's type.
    pub(super) fn type_hash(&self, name: &str) -> [u8; 32] {
        self.hashes.get(name).copied().unwrap_or_default()
    }

    pub(super) fn fields(&self, name: &str) -> &[Field] {
        self.structs.get(name).map_or(&[], Vec::as_slice)
    }

    pub(super) fn structs(&self) -> impl Iterator<Item = (&String, &Vec<Field>)> {
        self.structs.iter()
    }

    /// Follows the structs of a struct: none may be missing, and none may contain itself.
    fn visit<'a>(&'a self, name: &'a str, above: &mut Vec<&'a str>, done: &mut BTreeSet<&'a str>) -> Result<(), TypedDataError> {
        if above.contains(&name) {
            return Err(TypedDataError::Recursive { name: name.to_owned() });
        }
        // The domain is of its own, and never a part of a message.
        let fields = self.structs.get(name).filter(|_| name != DOMAIN);
        let fields = fields.ok_or_else(|| TypedDataError::Type { at: above.join("."), found: name.to_owned() })?;
        if above.len() >= MAX_DEPTH {
            return Err(TypedDataError::TooMany { what: "levels of types", limit: MAX_DEPTH });
        }
        if !done.insert(name) {
            return Ok(());
        }
        above.push(name);
        for inner in fields.iter().filter_map(|field| field.kind.struct_name()) {
            self.visit(inner, above, done)?;
        }
        above.pop();
        Ok(())
    }

    fn check_domain(&self) -> Result<(), TypedDataError> {
        let fields = self.structs.get(DOMAIN).filter(|fields| !fields.is_empty()).ok_or(TypedDataError::Domain)?;
        let mut known = DOMAIN_FIELDS.iter();
        let fits = |field: &Field| known.any(|(name, kind)| *name == field.name && *kind == field.kind);
        if fields.iter().all(fits) { Ok(()) } else { Err(TypedDataError::Domain) }
    }

    /// The text whose hash stands for a struct: the struct, and behind it those that it contains, sorted by name.
    ///
    /// Spec: EIP-712, "Definition of encodeType".
    pub(super) fn encode_type(&self, name: &str) -> String {
        let mut others = BTreeSet::new();
        self.collect(name, &mut others);
        others.remove(name);
        core::iter::once(name).chain(others).map(|name| self.written(name)).collect()
    }

    fn collect<'a>(&'a self, name: &str, found: &mut BTreeSet<&'a str>) {
        for inner in self.fields(name).iter().filter_map(|field| field.kind.struct_name()) {
            if found.insert(inner) {
                self.collect(inner, found);
            }
        }
    }

    fn written(&self, name: &str) -> String {
        let fields: Vec<_> = self.fields(name).iter().map(|field| format!("{} {}", field.kind, field.name)).collect();
        format!("{name}({})", fields.join(","))
    }
}

fn read_fields(name: &str, fields: &Json) -> Result<Vec<Field>, TypedDataError> {
    let wrong = |at: String, found: &str| TypedDataError::Type { at, found: found.to_owned() };
    let list = fields.list().ok_or_else(|| wrong(format!("types.{name}"), "not a list of fields"))?;
    if list.len() > MAX_FIELDS {
        return Err(TypedDataError::TooMany { what: "fields of a type", limit: MAX_FIELDS });
    }
    let mut seen = BTreeSet::new();
    let read = |(index, entry)| {
        let at = || format!("types.{name}[{index}]");
        let entry: &Json = entry;
        let parts = entry.object().filter(|parts| parts.len() == 2).ok_or_else(|| wrong(at(), "not a name and a type"))?;
        let text = |key| field(parts, key).and_then(Json::text).ok_or_else(|| wrong(at(), key));
        let (field_name, kind) = (text("name")?, text("type")?);
        let kind = Kind::parse(kind).ok_or_else(|| wrong(at(), kind))?;
        let field_name =
            identifier(field_name).filter(|name| seen.insert((*name).to_owned())).ok_or_else(|| wrong(at(), field_name))?;
        Ok(Field { name: field_name.to_owned(), kind })
    };
    list.iter().enumerate().map(read).collect()
}

/// A name that cannot be taken for anything else.
fn identifier(text: &str) -> Option<&str> {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '$';
    let fits = text.starts_with(letter) && text.chars().all(|c| letter(c) || c.is_ascii_digit());
    (fits && text.len() <= MAX_NAME).then_some(text)
}

/// A number above zero in its one spelling.
fn number(text: &str) -> Option<usize> {
    text.parse::<usize>().ok().filter(|number| *number > 0 && number.to_string() == text)
}
