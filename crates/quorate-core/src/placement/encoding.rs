//! The one encoding of a placement: every path once, in a sorted table; the rows name paths by their place in it.
//!
//! ```text
//! u8 kind (0 unchecked, 1 strict, 2 joint), threshold
//!   unchecked: participant set
//!   else:      u16 paths, each: u8 bytes shared with the one before, u8 length and bytes of the rest
//!              max_signers rows: u16 participant, flags, operator, runtime, store, u8 key services, each;
//!                                deployer and relay if flagged; u8 backups, each: location, u8 0 or 1, key
//!              u8 waivers, each: domain, u16 year, u8 month, u8 day, u16 length and bytes of the reason
//! ```
//!
//! A path's place is one byte up to 256 paths, two beyond. The decoder runs the rule, then encodes again and compares, so that nothing
//! but the canonical bytes is ever accepted.

use alloc::{collections::BTreeSet, vec::Vec};

use super::{
    Backup, Content, Counting, Date, Exposure, MAX_BACKUPS, MAX_KEY_SERVICES, MAX_REASON, MAX_WAIVERS, Placement, Rows, Storage,
    Waiver,
    path::{DomainPath, read_table, write_table},
};
use crate::{
    error::DecodeError,
    identifier::{Identifier, ParticipantSet},
    threshold::Threshold,
    wire::{Encoding, Reader, Writer},
};

const UNCHECKED: u8 = 0;
const STRICT: u8 = 1;
const JOINT: u8 = 2;

const HAS_DEPLOYER: u8 = 1;
const HAS_RELAY: u8 = 2;

/// The fewest bytes of a row: participant, flags, three places, a count with one key service, a count of backups.
const SMALLEST_ROW: usize = 9;

impl Encoding for Placement {
    fn write(&self, out: &mut Writer) {
        match &self.content {
            Content::Unchecked => {
                out.u8(UNCHECKED);
                self.threshold.write(out);
                self.participants.write(out);
            }
            Content::Checked(rows) => {
                out.u8(match rows.counting {
                    Counting::Strict => STRICT,
                    Counting::Joint => JOINT,
                });
                self.threshold.write(out);
                self.write_rows(rows, out);
            }
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = input.rest();
        let kind = input.u8()?;
        let threshold = Threshold::read(input)?;
        let counting = match kind {
            UNCHECKED => return Ok(Self::unchecked(threshold, ParticipantSet::read(input)?)),
            STRICT => Counting::Strict,
            JOINT => Counting::Joint,
            _ => return Err(DecodeError::InvalidValue("kind of placement")),
        };
        let placement = read_rows(input, threshold, counting)?;
        if start.strip_suffix(input.rest()) == Some(placement.to_bytes().as_slice()) {
            Ok(placement)
        } else {
            Err(DecodeError::NotCanonical)
        }
    }
}

/// The sorted paths of a placement.
struct Table<'a>(Vec<&'a DomainPath>);

impl Table<'_> {
    fn write_place(&self, path: &DomainPath, out: &mut Writer) {
        // Invariant: the table was made of every path that is written, and has at most MAX_DOMAINS.
        let place = self.0.binary_search(&path).unwrap_or(usize::MAX);
        match u8::try_from(place) {
            Ok(place) if self.0.len() <= 256 => out.u8(place),
            _ => out.u16(u16::try_from(place).unwrap_or(u16::MAX)),
        }
    }
}

impl Placement {
    fn write_rows(&self, content: &Rows, out: &mut Writer) {
        let paths: BTreeSet<_> =
            content.rows.iter().flat_map(Exposure::paths).chain(content.waivers.iter().map(Waiver::domain)).collect();
        let table = Table(paths.into_iter().collect());
        out.u16(u16::try_from(table.0.len()).unwrap_or(u16::MAX));
        write_table(out, &table.0);
        for (participant, row) in self.participants.iter().zip(&content.rows) {
            participant.write(out);
            write_row(row, &table, out);
        }
        write_count(content.waivers.len(), out);
        for waiver in &content.waivers {
            table.write_place(waiver.domain(), out);
            let (year, month, day) = waiver.date().to_parts();
            out.u16(year);
            out.raw(&[month, day]);
            out.u16(u16::try_from(waiver.reason().len()).unwrap_or(u16::MAX));
            out.raw(waiver.reason().as_bytes());
        }
    }
}

impl Encoding for Exposure {
    /// One row by itself, as a cosigner states its own. Inside a placement rows share a table of paths instead.
    fn write(&self, out: &mut Writer) {
        [self.operator(), self.runtime(), self.storage().store()].into_iter().for_each(|path| path.write(out));
        out.sequence(self.storage().key_services());
        out.option(self.explicit_deployer());
        out.option(self.relay());
        out.length(self.backups().len());
        for backup in self.backups() {
            backup.location().write(out);
            out.option(backup.key());
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = input.rest();
        let (operator, runtime) = (DomainPath::read(input)?, DomainPath::read(input)?);
        let store = DomainPath::read(input)?;
        let mut row = Self::new(operator, runtime, Storage::new(store, input.sequence::<DomainPath>(MAX_KEY_SERVICES, 2)?)?);
        row = input.option()?.into_iter().fold(row, Self::with_deployer);
        row = input.option()?.into_iter().fold(row, Self::with_relay);
        for _ in 0..input.length(MAX_BACKUPS)? {
            let backup = Backup::new(DomainPath::read(input)?);
            row = row.with_backup(input.option()?.into_iter().fold(backup, Backup::with_key));
        }
        // Normalising drops order, repeats and defaults; only what it leaves alone is the canonical encoding.
        let length = start.len().saturating_sub(input.rest().len());
        if start.get(..length) == Some(row.to_bytes().as_slice()) { Ok(row) } else { Err(DecodeError::NotCanonical) }
    }
}

/// Writes a count that the constructors keep far below 256.
fn write_count(count: usize, out: &mut Writer) {
    out.u8(u8::try_from(count).unwrap_or(u8::MAX));
}

fn write_row(row: &Exposure, table: &Table<'_>, out: &mut Writer) {
    let flag = |present, bit| if present { bit } else { 0 };
    out.u8(flag(row.explicit_deployer().is_some(), HAS_DEPLOYER) | flag(row.relay().is_some(), HAS_RELAY));
    for path in [row.operator(), row.runtime(), row.storage().store()] {
        table.write_place(path, out);
    }
    write_count(row.storage().key_services().len(), out);
    for path in row.storage().key_services().iter().chain(row.explicit_deployer()).chain(row.relay()) {
        table.write_place(path, out);
    }
    write_count(row.backups().len(), out);
    for backup in row.backups() {
        table.write_place(backup.location(), out);
        out.u8(u8::from(backup.key().is_some()));
        if let Some(key) = backup.key() {
            table.write_place(key, out);
        }
    }
}

fn read_rows(input: &mut Reader<'_>, threshold: Threshold, counting: Counting) -> Result<Placement, DecodeError> {
    let count = usize::from(input.u16()?);
    let table = read_table(input, count)?;
    let rows = usize::from(threshold.max_signers());
    if rows.saturating_mul(SMALLEST_ROW) > input.rest().len() {
        return Err(DecodeError::Truncated);
    }
    let mut builder = Placement::builder(threshold).counting(counting);
    for _ in 0..rows {
        builder = builder.participant(Identifier::read(input)?, read_row(input, &table)?);
    }
    for _ in 0..read_count(input, MAX_WAIVERS)? {
        builder = builder.waive(read_waiver(input, &table)?);
    }
    Ok(builder.build()?)
}

fn read_place(input: &mut Reader<'_>, table: &[DomainPath]) -> Result<DomainPath, DecodeError> {
    let place = if table.len() <= 256 { usize::from(input.u8()?) } else { usize::from(input.u16()?) };
    table.get(place).cloned().ok_or(DecodeError::InvalidValue("place of a domain"))
}

fn read_places(input: &mut Reader<'_>, table: &[DomainPath], count: usize) -> Result<Vec<DomainPath>, DecodeError> {
    (0..count).map(|_| read_place(input, table)).collect()
}

fn read_count(input: &mut Reader<'_>, limit: usize) -> Result<usize, DecodeError> {
    let count = usize::from(input.u8()?);
    if count <= limit { Ok(count) } else { Err(DecodeError::TooLong { limit }) }
}

fn read_row(input: &mut Reader<'_>, table: &[DomainPath]) -> Result<Exposure, DecodeError> {
    let flags = input.u8()?;
    let (operator, runtime, store) = (read_place(input, table)?, read_place(input, table)?, read_place(input, table)?);
    let key_services = read_count(input, MAX_KEY_SERVICES)?;
    let storage = Storage::new(store, read_places(input, table, key_services)?)?;
    let mut row = Exposure::new(operator, runtime, storage);
    if flags & HAS_DEPLOYER != 0 {
        row = row.with_deployer(read_place(input, table)?);
    }
    if flags & HAS_RELAY != 0 {
        row = row.with_relay(read_place(input, table)?);
    }
    for _ in 0..read_count(input, MAX_BACKUPS)? {
        let backup = Backup::new(read_place(input, table)?);
        row = row.with_backup(match input.u8()? {
            0 => backup,
            _ => backup.with_key(read_place(input, table)?),
        });
    }
    Ok(row)
}

fn read_waiver(input: &mut Reader<'_>, table: &[DomainPath]) -> Result<Waiver, DecodeError> {
    let domain = read_place(input, table)?;
    let (year, month, day) = (input.u16()?, input.u8()?, input.u8()?);
    let date = Date::new(year, month, day)?;
    let length = usize::from(input.u16()?);
    if length > MAX_REASON {
        return Err(DecodeError::TooLong { limit: MAX_REASON });
    }
    let reason = core::str::from_utf8(input.raw(length)?).map_err(|_| DecodeError::InvalidValue("reason of a waiver"))?;
    Ok(Waiver::with_date(domain, reason, date)?)
}
