//! Who the cosigners are: names, identities and addresses, read from one TOML file.
//!
//! ```toml
//! version = 1
//!
//! [[cosigner]]
//! name = "paris"                       # 1 to 32 of a-z, 0-9 and -
//! identity = "8f40…"                   # the X25519 public key, 64 hexadecimal digits
//! address = "paris.example:7001"       # where to reach it over TCP; a hint, nothing trusts it
//! nkey = "UDXU…"                       # how a NATS server knows it, if one carries its messages; instead of an address, or beside it
//! ```
//!
//! The file is strict: a field that is not listed here, a name, identity or address that occurs twice, and a key that is not one are
//! refused, and the error names the entry.

use quorate_core::{PeerId, domain, transcript::Hash};
use serde::Deserialize;

use crate::{
    identity::check_public,
    nkey::{self, NkeyError},
};

/// The most cosigners that one roster lists.
pub const MAX_COSIGNERS: usize = 4096;

const ROSTER_VERSION: u32 = 1;
const MAX_NAME: usize = 32;
const MAX_ADDRESS: usize = 253 + 6;

/// What is wrong with a roster. The person who wrote the file must act; each message says where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RosterError {
    /// Not TOML, a field missing, or a field that rosters do not have.
    #[error("the roster is not in its format: {source}")]
    Syntax {
        /// What the parser says, with line and column.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// Written for another version.
    #[error("the roster has version {found}, this program reads version 1")]
    Version {
        /// The version in the file.
        found: u32,
    },
    /// A name that is not 1 to 32 of a–z, 0–9 and `-`.
    #[error("cosigner number {position}: {name:?} is not a name; use 1 to 32 of a-z, 0-9 and -")]
    Name {
        /// The place in the file, from 1.
        position: usize,
        /// The name as written, cut to 40 characters.
        name: String,
    },
    /// An identity that is not 64 hexadecimal digits of a usable key.
    #[error("cosigner {name}: the identity is not a public key of 64 hexadecimal digits; ask its operator for it")]
    Identity {
        /// The entry.
        name: String,
    },
    /// An address that is too long or not `host:port`, or none, and no nkey either.
    #[error("cosigner {name}: the address must be host:port, for example 127.0.0.1:7001")]
    Address {
        /// The entry.
        name: String,
    },
    /// An nkey that is none of a user.
    #[error("cosigner {name}: the nkey does not serve")]
    Nkey {
        /// The entry.
        name: String,
        /// Why not.
        source: NkeyError,
    },
    /// Two entries with one name, identity, address or nkey.
    #[error("cosigner {name}: its {field} occurs twice in the roster")]
    Duplicate {
        /// The second entry.
        name: String,
        /// `name`, `identity`, `address` or `nkey`.
        field: &'static str,
    },
    /// No entry, or more than [`MAX_COSIGNERS`].
    #[error("a roster lists between 1 and 4096 cosigners, this one has {found}")]
    Size {
        /// How many there are.
        found: usize,
    },
}

/// One cosigner of a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cosigner {
    /// A short name for people: 1 to 32 of a–z, 0–9 and `-`.
    pub name: String,
    /// The identity that links prove.
    pub identity: PeerId,
    /// Where others reach it over TCP; empty if they cannot. A hint: nothing trusts it.
    pub address: String,
    /// How a NATS server knows it, if one carries its messages. A hint as well.
    pub nkey: Option<String>,
}

impl Cosigner {
    /// Makes an entry; [`Roster::new`] checks it.
    #[must_use]
    pub fn new(name: impl Into<String>, identity: PeerId, address: impl Into<String>) -> Self {
        Self { name: name.into(), identity, address: address.into(), nkey: None }
    }

    /// The same with an nkey, for which the address may be empty.
    #[must_use]
    pub fn with_nkey(self, nkey: impl Into<String>) -> Self {
        Self { nkey: Some(nkey.into()), ..self }
    }
}

/// All cosigners that talk to each other, sorted by identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster(Vec<Cosigner>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default, rename = "cosigner")]
    cosigners: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    identity: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    nkey: Option<String>,
}

impl Roster {
    /// Makes a roster of entries in any order.
    ///
    /// # Errors
    ///
    /// [`RosterError`] names the first entry that does not fit.
    pub fn new(cosigners: impl IntoIterator<Item = Cosigner>) -> Result<Self, RosterError> {
        let mut cosigners: Vec<_> = cosigners.into_iter().take(MAX_COSIGNERS + 1).collect();
        if cosigners.is_empty() || cosigners.len() > MAX_COSIGNERS {
            return Err(RosterError::Size { found: cosigners.len() });
        }
        for (cosigner, position) in cosigners.iter().zip(1..) {
            check(cosigner, position)?;
        }
        let address = |cosigner: &Cosigner| Some(cosigner.address.to_ascii_lowercase()).filter(|address| !address.is_empty());
        refuse_twice(&mut cosigners, "name", |cosigner| Some(cosigner.name.clone()))?;
        refuse_twice(&mut cosigners, "address", address)?;
        refuse_twice(&mut cosigners, "nkey", |cosigner| cosigner.nkey.clone())?;
        refuse_twice(&mut cosigners, "identity", |cosigner| Some(cosigner.identity))?;
        Ok(Self(cosigners))
    }

    /// Reads a roster file.
    ///
    /// # Errors
    ///
    /// [`RosterError`] says what is wrong and in which entry.
    pub fn from_toml(text: &str) -> Result<Self, RosterError> {
        let file: File = toml::from_str(text).map_err(|source| RosterError::Syntax { source: Box::new(source) })?;
        if file.version != ROSTER_VERSION {
            return Err(RosterError::Version { found: file.version });
        }
        if file.cosigners.len() > MAX_COSIGNERS {
            return Err(RosterError::Size { found: file.cosigners.len() });
        }
        let mut cosigners = Vec::with_capacity(file.cosigners.len());
        for (entry, position) in file.cosigners.into_iter().zip(1..) {
            check_name(&entry.name, position)?;
            let identity = parse_hex(&entry.identity).ok_or_else(|| RosterError::Identity { name: entry.name.clone() })?;
            let (identity, address, nkey) = (PeerId::new(identity), entry.address, entry.nkey);
            cosigners.push(Cosigner { name: entry.name, identity, address, nkey });
        }
        Self::new(cosigners)
    }

    /// Writes the roster file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = format!("version = {ROSTER_VERSION}\n");
        for cosigner in &self.0 {
            // Names, hexadecimal digits and checked addresses need no escape.
            let Cosigner { name, identity, address, nkey } = cosigner;
            text.push_str(&format!("\n[[cosigner]]\nname = \"{name}\"\nidentity = \"{identity}\"\n"));
            if !address.is_empty() {
                text.push_str(&format!("address = \"{address}\"\n"));
            }
            if let Some(nkey) = nkey {
                text.push_str(&format!("nkey = \"{nkey}\"\n"));
            }
        }
        text
    }

    /// The entry with a name.
    #[must_use]
    pub fn peer(&self, name: &str) -> Option<&Cosigner> {
        self.0.iter().find(|cosigner| cosigner.name == name)
    }

    /// The entry with an identity.
    #[must_use]
    pub fn cosigner(&self, identity: PeerId) -> Option<&Cosigner> {
        let place = self.0.binary_search_by_key(&identity, |cosigner| cosigner.identity).ok()?;
        self.0.get(place)
    }

    /// All entries, by identity.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Cosigner> {
        self.0.iter()
    }

    /// How many cosigners there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a roster is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The digest of names and identities, which two operators can compare aloud.
    ///
    /// Addresses and nkeys are left out: they may differ between two places that look at the same cosigner, and nothing trusts them.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        // The digest of a core peer table starts with a list head; this one starts with a field, so that neither can be the other.
        let start = Hash::new(domain::ROSTER).field(b"transport").list(self.0.len());
        self.0
            .iter()
            .fold(start, |hash, cosigner| hash.field(cosigner.name.as_bytes()).field(cosigner.identity.as_bytes()))
            .finish()
    }
}

fn check(cosigner: &Cosigner, position: usize) -> Result<(), RosterError> {
    check_name(&cosigner.name, position)?;
    let name = || cosigner.name.clone();
    check_public(cosigner.identity).map_err(|_| RosterError::Identity { name: name() })?;
    if let Some(nkey) = &cosigner.nkey {
        nkey::check_public(nkey).map_err(|source| RosterError::Nkey { name: name(), source })?;
    }
    let address = &cosigner.address;
    if address.is_empty() && cosigner.nkey.is_some() {
        return Ok(());
    }
    let printable = address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    let host_and_port = address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if printable && host_and_port && address.len() <= MAX_ADDRESS { Ok(()) } else { Err(RosterError::Address { name: name() }) }
}

fn check_name(name: &str, position: usize) -> Result<(), RosterError> {
    let fits = (1..=MAX_NAME).contains(&name.len());
    if fits && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
        return Ok(());
    }
    Err(RosterError::Name { position, name: name.chars().take(40).collect() })
}

fn refuse_twice<K: Ord>(
    cosigners: &mut [Cosigner],
    field: &'static str,
    key: impl Fn(&Cosigner) -> Option<K>,
) -> Result<(), RosterError> {
    cosigners.sort_by_key(&key);
    match cosigners.array_windows().find(|[a, b]| key(a).is_some() && key(a) == key(b)) {
        Some([_, twice]) => Err(RosterError::Duplicate { name: twice.name.clone(), field }),
        None => Ok(()),
    }
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.bytes().map(|byte| char::from(byte).to_digit(16)).collect::<Option<Vec<_>>>()?;
    let bytes: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| pair.iter().try_fold(0u8, |byte, digit| byte.checked_mul(16)?.checked_add(u8::try_from(*digit).ok()?)))
        .collect();
    bytes.filter(|_| digits.len() == 64)?.try_into().ok()
}
