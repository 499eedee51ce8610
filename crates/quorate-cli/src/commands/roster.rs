//! `quorate roster`: who the cosigners are.

use std::path::{Path, PathBuf};

use quorate::{
    config::{Config, ROSTER_FILE},
    transport::{Cosigner, Roster},
};

use super::{init::ENTRY_FILE, read_text, write_file};
use crate::{
    args::RosterCommand,
    failure::Failure,
    output::{Output, row, table},
};

pub(super) fn run(command: &RosterCommand, output: Output) -> Result<(), Failure> {
    match command {
        RosterCommand::Add { dir, entries } => show(&add(dir, entries)?, output),
        RosterCommand::Remove { dir, names } => show(&remove(dir, names)?, output),
        RosterCommand::Show { dir } => show(&load(&dir.join(ROSTER_FILE))?, output),
        RosterCommand::Check { dir, digest } => {
            let roster = check(dir, digest.as_deref())?;
            output.note("The roster is well formed, and this cosigner is in it.");
            show(&roster, output)
        }
    }
}

fn load(path: &Path) -> Result<Roster, Failure> {
    Roster::from_toml(&read_text(path)?).map_err(|source| Failure::Roster { path: path.to_owned(), source })
}

/// Merges entries into the roster; writes it only if all of them fit.
pub(crate) fn add(directory: &Path, entries: &[PathBuf]) -> Result<Roster, Failure> {
    let path = directory.join(ROSTER_FILE);
    let mut cosigners: Vec<Cosigner> = if path.exists() { load(&path)?.iter().cloned().collect() } else { Vec::new() };
    for entry in entries {
        for cosigner in load(entry)?.iter() {
            match cosigners.iter().find(|known| known.name == cosigner.name) {
                None => cosigners.push(cosigner.clone()),
                Some(known) if known == cosigner => {}
                Some(known) => {
                    let field = match known {
                        known if known.identity != cosigner.identity => "identity",
                        known if known.address != cosigner.address => "address",
                        _ => "nkey",
                    };
                    return Err(Failure::RosterConflict { path: entry.clone(), name: cosigner.name.clone(), field });
                }
            }
        }
    }
    let roster = Roster::new(cosigners).map_err(|source| Failure::Roster { path: path.clone(), source })?;
    write_file(&path, roster.to_toml().as_bytes())?;
    Ok(roster)
}

/// Takes cosigners off the roster; writes it only if all of them were on it.
fn remove(directory: &Path, names: &[String]) -> Result<Roster, Failure> {
    let path = directory.join(ROSTER_FILE);
    let own = Config::load(directory)?.name;
    let mut cosigners: Vec<Cosigner> = load(&path)?.iter().cloned().collect();
    for name in names {
        if *name == own {
            return Err(Failure::OwnEntry { name: own });
        }
        let place = cosigners.iter().position(|cosigner| cosigner.name == *name);
        cosigners.remove(place.ok_or_else(|| Failure::NotListed { path: path.clone(), name: name.clone() })?);
    }
    let roster = Roster::new(cosigners).map_err(|source| Failure::Roster { path: path.clone(), source })?;
    write_file(&path, roster.to_toml().as_bytes())?;
    Ok(roster)
}

fn check(directory: &Path, digest: Option<&str>) -> Result<Roster, Failure> {
    let path = directory.join(ROSTER_FILE);
    let roster = load(&path)?;
    let name = Config::load(directory)?.name;
    let own = load(&directory.join(ENTRY_FILE))?;
    let own = own.peer(&name).ok_or_else(|| Failure::NotInRoster { path: directory.join(ENTRY_FILE), name: name.clone() })?;
    match roster.peer(&name) {
        None => return Err(Failure::NotInRoster { path, name }),
        Some(listed) if listed.identity != own.identity => {
            return Err(Failure::RosterConflict { path: directory.join(ENTRY_FILE), name, field: "identity" });
        }
        Some(_) => {}
    }
    let found = hex::encode(roster.digest());
    match digest {
        Some(expected) if !expected.eq_ignore_ascii_case(&found) => {
            Err(Failure::RosterDigest { found, expected: expected.to_owned() })
        }
        _ => Ok(roster),
    }
}

fn show(roster: &Roster, output: Output) -> Result<(), Failure> {
    let digest = hex::encode(roster.digest());
    let mut cosigners: Vec<_> = roster.iter().collect();
    cosigners.sort_by(|a, b| a.name.cmp(&b.name));
    let mut rows = vec![row(["name", "address", "identity"])];
    let place = |entry: &Cosigner| if entry.address.is_empty() { "over NATS".to_owned() } else { entry.address.clone() };
    rows.extend(cosigners.iter().map(|entry| row([&entry.name, &place(entry), &entry.identity.to_string()])));
    let text = format!("{}\ndigest {digest}\nAll operators should see the same digest; compare it by telephone.", table(&rows));
    let list: Vec<_> = cosigners
        .iter()
        .map(|entry| serde_json::json!({"name": entry.name, "address": entry.address, "identity": entry.identity.to_string(), "nkey": entry.nkey}))
        .collect();
    output.answer(&serde_json::json!({"digest": digest, "cosigners": list}), &text)
}
