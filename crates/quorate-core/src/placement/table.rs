//! A placement as a table for people: waivers first, then one line for each participant.

use alloc::{format, string::String, string::ToString, vec::Vec};
use core::fmt;

use super::{Counting, Exposure, Placement, path::DomainPath};
use crate::identifier::Identifier;

const HEAD: [&str; 5] = ["participant", "operator", "runtime", "store", "key services"];

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.waivers().iter().try_for_each(|waiver| writeln!(f, "{waiver}"))?;
        let Some(counting) = self.counting() else {
            return writeln!(f, "UNCHECKED placement of a {} key: nothing was declared, for development only", self.threshold());
        };
        let counting = match counting {
            Counting::Strict => "strict",
            Counting::Joint => "joint",
        };
        writeln!(f, "placement of a {} key, {counting} counting", self.threshold())?;
        let lines: Vec<_> = self.rows().map(|(participant, row)| (cells(participant, row), optional(row))).collect();
        let mut widths = HEAD.map(str::len);
        for (cells, _) in &lines {
            widths.iter_mut().zip(cells).for_each(|(width, cell)| *width = cell.len().max(*width));
        }
        write_line(f, &HEAD.map(String::from), &widths, "")?;
        lines.iter().try_for_each(|(cells, optional)| write_line(f, cells, &widths, optional))
    }
}

fn write_line(f: &mut fmt::Formatter<'_>, cells: &[String; 5], widths: &[usize; 5], rest: &str) -> fmt::Result {
    let padded = cells.iter().zip(widths).fold(String::new(), |line, (cell, width)| format!("{line}{cell:<width$}  "));
    writeln!(f, "{}", format!("{padded}{rest}").trim_end())
}

fn cells(participant: Identifier, row: &Exposure) -> [String; 5] {
    let key_services: Vec<_> = row.storage().key_services().iter().map(DomainPath::as_str).collect();
    [
        participant.to_string(),
        row.operator().to_string(),
        row.runtime().to_string(),
        row.storage().store().to_string(),
        key_services.join(" + "),
    ]
}

/// What only some rows have.
fn optional(row: &Exposure) -> String {
    let deployer = row.explicit_deployer().map(|deployer| format!("deployer {deployer}"));
    let backups =
        row.backups().iter().map(|backup| format!("backup {} under the key of {}", backup.location(), row.backup_key(backup)));
    let relay = row.relay().map(|relay| format!("relay {relay}"));
    deployer.into_iter().chain(backups).chain(relay).collect::<Vec<_>>().join("; ")
}
