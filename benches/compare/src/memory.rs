//! The most memory that one participant's key generation holds, on both sides.

use frost_core::Ciphersuite;
use quorate_core::frost::{Bip340, Ed25519, FrostSuite};
use serde::Serialize;

use crate::{Outcome, Size, dealers, theirs};

/// The most bytes that were live at once during one participant's key generation, from nothing to its key share; messages are handed
/// over one by one, as bytes.
#[derive(Serialize)]
pub struct Peaks {
    pub suite: &'static str,
    pub size: Size,
    pub ours: u64,
    pub theirs: u64,
    /// The same for each of the n · t points of all commitments.
    pub ours_per_point: f64,
    pub theirs_per_point: f64,
}

/// Measures both with `peak`, which runs the work and answers the most bytes that were live during it.
///
/// # Errors
///
/// If a side cannot make its key.
pub fn keygen(size: Size, peak: &mut impl FnMut(&mut dyn FnMut()) -> u64) -> Outcome<[Peaks; 2]> {
    Ok([
        one::<Ed25519, frost_ed25519::Ed25519Sha512>("ed25519", size, peak)?,
        one::<Bip340, frost_secp256k1_tr::Secp256K1Sha256TR>("bip340", size, peak)?,
    ])
}

fn one<C: FrostSuite, D: Ciphersuite>(
    suite: &'static str,
    size: Size,
    peak: &mut impl FnMut(&mut dyn FnMut()) -> u64,
) -> Outcome<Peaks> {
    let ours = dealers::Keygen::<C>::new(size)?;
    let ours = live(&|| ours.run().map(|_| ()), peak)?;
    let theirs = theirs::Keygen::<D>::new(size)?.received()?;
    let theirs = live(&|| theirs.run(), peak)?;
    let points = f64::from(size.0) * f64::from(size.1);
    let per_point = |bytes: u64| bytes as f64 / points;
    Ok(Peaks { suite, size, ours, theirs, ours_per_point: per_point(ours), theirs_per_point: per_point(theirs) })
}

fn live(work: &dyn Fn() -> Outcome<()>, peak: &mut impl FnMut(&mut dyn FnMut()) -> u64) -> Outcome<u64> {
    let mut outcome = None;
    let bytes = peak(&mut || outcome = Some(work()));
    outcome.ok_or("nothing ran")??;
    Ok(bytes)
}
