//! What an object says: a value, that its record was deleted, or who has the store open.
//!
//! ```text
//! deleted   magic "QRO1", nonce (16)
//! value     magic "QRO1", nonce (16), 1, the value
//! instance  magic "QRO1", nonce (16), 2, token (16), 1 held or 0 free, u32 milliseconds of the lease
//! ```
//!
//! The nonce is drawn for each write, so that no two writes have the same bytes: an `ETag` that is a digest of them never returns,
//! and a writer that heard no answer recognises its own object.

use core::time::Duration;

use super::{
    bucket::{Failed, Object, Tag},
    lease::LONGEST_LEASE,
};
use crate::store::{MAX_VALUE, RecordName, Stored, Version};

const MAGIC: [u8; 4] = *b"QRO1";
const VALUE: u8 = 1;
const INSTANCE: u8 = 2;
const NONCE: usize = 16;
/// The length of the object of a deleted record, which nothing else has.
pub(super) const DELETED: usize = MAGIC.len() + NONCE;
/// The longest object of a record.
pub(super) const LONGEST: usize = DELETED + 1 + MAX_VALUE;

pub(super) type Nonce = [u8; NONCE];

/// What the object of a record says.
pub(super) enum Content<'a> {
    Deleted,
    Value(Nonce, &'a [u8]),
}

/// Who has the store open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Instance {
    pub(super) token: [u8; 16],
    pub(super) held: bool,
    pub(super) lease: Duration,
}

pub(super) fn random() -> Result<[u8; NONCE], Failed> {
    let mut bytes = [0; NONCE];
    getrandom::fill(&mut bytes).map_err(|_| Failed::Odd("the system's generator of randomness fails"))?;
    Ok(bytes)
}

/// An object for a value, and its nonce.
pub(super) fn value(value: &[u8]) -> Result<(Nonce, Vec<u8>), Failed> {
    let nonce = random()?;
    Ok((nonce, [&MAGIC, nonce.as_slice(), &[VALUE], value].concat()))
}

/// An object for a record that was deleted.
pub(super) fn deleted() -> Result<Vec<u8>, Failed> {
    Ok([&MAGIC, random()?.as_slice()].concat())
}

/// Another object that says the same.
pub(super) fn again(object: Option<&Object>) -> Result<Vec<u8>, Failed> {
    match object.map(content).transpose()? {
        None | Some(Content::Deleted) => deleted(),
        Some(Content::Value(_, bytes)) => Ok(value(bytes)?.1),
    }
}

/// Reads the object of a record.
pub(super) fn content(object: &Object) -> Result<Content<'_>, Failed> {
    match split(&object.bytes)? {
        (_, None) => Ok(Content::Deleted),
        (nonce, Some((&VALUE, value))) => Ok(Content::Value(nonce, value)),
        (_, Some(_)) => Err(foreign()),
    }
}

/// The record that an object is, or nothing if it was deleted.
pub(super) fn record(name: &RecordName, object: &Object) -> Result<Option<Stored>, Failed> {
    match content(object)? {
        Content::Deleted => Ok(None),
        Content::Value(nonce, value) => Ok(Some(Stored::new(name.clone(), version(&nonce, &object.tag)?, value.to_vec()))),
    }
}

pub(super) fn version(nonce: &Nonce, tag: &Tag) -> Result<Version, Failed> {
    Version::from_bytes(&[nonce.as_slice(), tag.as_str().as_bytes()].concat()).ok_or(Failed::Odd("its version is too long"))
}

/// The tag of the object that had this version; nothing if no object of such a store has it.
pub(super) fn tag(version: &Version) -> Option<Tag> {
    let tag = version.as_bytes().get(NONCE..)?;
    Tag::new(core::str::from_utf8(tag).ok()?)
}

impl Instance {
    /// An object that says this, and its nonce.
    pub(super) fn object(&self) -> Result<(Nonce, Vec<u8>), Failed> {
        let nonce = random()?;
        let lease = u32::try_from(self.lease.as_millis()).unwrap_or(u32::MAX).to_be_bytes();
        Ok((nonce, [&MAGIC, nonce.as_slice(), &[INSTANCE], &self.token, &[u8::from(self.held)], &lease].concat()))
    }

    pub(super) fn read(object: &Object) -> Result<(Nonce, Self), Failed> {
        let (nonce, Some((&INSTANCE, rest))) = split(&object.bytes)? else { return Err(foreign()) };
        let read = || {
            let (token, rest) = rest.split_first_chunk()?;
            let (&[held], rest) = rest.split_first_chunk()?;
            let lease = u32::from_be_bytes(rest.try_into().ok()?);
            Some(Self { token: *token, held: held == 1, lease: Duration::from_millis(lease.into()) })
        };
        let known = read().filter(|instance| instance.lease <= LONGEST_LEASE);
        known.map(|instance| (nonce, instance)).ok_or_else(foreign)
    }
}

type Parts<'a> = (Nonce, Option<(&'a u8, &'a [u8])>);

fn split(bytes: &[u8]) -> Result<Parts<'_>, Failed> {
    let (magic, rest) = bytes.split_first_chunk::<4>().ok_or_else(foreign)?;
    if magic.starts_with(b"QRO") && *magic != MAGIC {
        return Err(Failed::Odd("an object was written by a later version of quorate; run that one"));
    }
    let (nonce, rest) = rest.split_first_chunk().filter(|_| *magic == MAGIC).ok_or_else(foreign)?;
    Ok((*nonce, rest.split_first()))
}

fn foreign() -> Failed {
    Failed::Foreign("an object is none that quorate wrote; someone else put it there".to_owned())
}
