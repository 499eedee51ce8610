//! The most memory that one signing holds, on both sides.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Team, ours::Ours, theirs::Theirs};
use crate::{Outcome, Size};

/// The most bytes that were live at once while all signers signed in one process, beyond their keys; per signer.
#[derive(Serialize, Deserialize)]
pub struct Peaks {
    pub size: Size,
    pub ours: u64,
    pub theirs: u64,
}

/// Measures both with `peak`, which runs the work and answers the most bytes that were live during it.
///
/// # Errors
///
/// If a side cannot sign.
pub fn peaks(size: Size, peak: &mut impl FnMut(&mut dyn FnMut()) -> u64) -> Outcome<Peaks> {
    let (ours, theirs) = (Ours::ready(size)?, Theirs::ready(size)?);
    let ours = one(size, &|| ours.sign(), peak)?;
    let theirs = one(size, &|| theirs.sign(), peak)?;
    Ok(Peaks { size, ours, theirs })
}

fn one((t, _): Size, sign: &dyn Fn() -> Outcome<Duration>, peak: &mut impl FnMut(&mut dyn FnMut()) -> u64) -> Outcome<u64> {
    // What is built lazily and stays is not this signature's.
    sign()?;
    let mut outcome = None;
    let bytes = peak(&mut || outcome = Some(sign()));
    outcome.ok_or("nothing ran")??;
    Ok(bytes / u64::from(t))
}

/// Both peaks, from the program whose allocator counts.
pub(super) fn measured(size: Size) -> Outcome<Peaks> {
    let program = std::env::current_exe()?.with_file_name("compare-memory");
    let output = std::process::Command::new(&program).arg(super::name(size)).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
