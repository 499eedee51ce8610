//! Threshold ECDSA over secp256k1: the rows, their sizes and targets.

#[cfg(feature = "cggmp")]
mod cggmp;
mod machines;
pub mod memory;
mod ours;
pub mod report;
mod theirs;

use std::{hint::black_box, time::Duration};

use k256::ecdsa::{
    Signature, SigningKey, VerifyingKey,
    signature::hazmat::{PrehashSigner, PrehashVerifier},
};
use quorate_core::ParticipantSet;

use self::{
    ours::Ours,
    report::{Goal, Row, Unit},
    theirs::Theirs,
};
use crate::{
    Outcome, Size,
    sample::{Effort, Stopwatch, several, turns},
};

pub struct Options {
    pub quick: bool,
    pub sizes: Vec<Size>,
    /// A row against `cggmp24` as well.
    pub cggmp: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { quick: false, sizes: vec![(2, 2), (2, 3), (3, 5), (5, 9), (10, 10)], cggmp: false }
    }
}

/// What the measured participants sign.
const DIGEST: [u8; 32] = [0x51; 32];

/// At these sizes whole key generations are measured too; theirs takes most of half a minute at 5-of-9.
const KEY_GENERATIONS: [Size; 2] = [(2, 3), (5, 9)];

/// The size at which `cggmp24` is measured, if asked for.
const CGGMP: Size = (2, 3);

/// Whether both sides can do it: the peer numbers its participants in one byte.
pub const fn possible((t, n): Size) -> bool {
    2 <= t && t <= n && n <= 100
}

fn name((t, n): Size) -> String {
    format!("{t}-of-{n}")
}

/// A key of one library whose first t participants sign, all in this process.
trait Team: Sized {
    /// Makes the key, and everything that lasts for more than one signature.
    fn ready(size: Size) -> Outcome<Self>;
    /// One signature by all signers, from nothing prepared to every signer holding it: what the whole run took.
    fn sign(&self) -> Outcome<Duration>;
    /// What one signer sends for one signature, in the library's own encoding.
    fn bytes_sent(&self) -> Outcome<usize>;
    /// The bytes of one participant's record.
    fn key_share_bytes(&self) -> Outcome<usize>;
}

/// Everything that is timed here must end with a signature that someone else's code accepts.
fn verify(key: &VerifyingKey, signature: &[u8; 64]) -> Outcome<()> {
    Ok(key.verify_prehash(&DIGEST, &Signature::from_slice(signature)?)?)
}

pub(crate) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    let budget = Duration::from_millis(if options.quick { 500 } else { 2000 });
    let effort = Effort { least: if options.quick { 5 } else { 21 }, most: 1001, budget };
    for size in &options.sizes {
        signing(*size, effort, &mut rows)?;
        if options.cggmp && *size == CGGMP {
            paillier(*size, Effort { least: 5, most: 5, ..effort }, &mut rows)?;
        }
        if KEY_GENERATIONS.contains(size) {
            key_generation(*size, if options.quick { 1 } else { 3 }, &mut rows)?;
        }
    }
    Ok(rows)
}

fn signing(size: Size, effort: Effort, rows: &mut Vec<Row>) -> Outcome<()> {
    let (signers, size_name) = (f64::from(size.0), name(size));
    eprintln!("{size_name}: signing");
    let mut row = |operation, unit, sides, goal| rows.push(Row::new(&size_name, operation, unit, sides, goal));
    let (ours, theirs) = (Ours::ready(size)?, Theirs::ready(size)?);
    let [mine, plain, encoded] = turns(effort, [&mut || ours.sign(), &mut || theirs.sign(), &mut || theirs.sign_encoded()])?;
    let per_signer = |time: f64| Some(time / signers);
    row("sign, 3 rounds, per signer", Unit::Microseconds, (per_signer(mine), per_signer(plain)), Goal::Ratio(0.15));
    row("the same, theirs with their encoding", Unit::Microseconds, (per_signer(mine), per_signer(encoded)), Goal::None);
    let sent = (count(ours.bytes_sent()?), count(theirs.bytes_sent()?));
    row("bytes sent, per signer", Unit::Bytes, sent, Goal::Ratio(0.55));
    let peaks = memory::measured(size)?;
    row("peak memory of signing, per signer", Unit::Bytes, (Some(bytes(peaks.ours)), Some(bytes(peaks.theirs))), Goal::None);
    let record = match size {
        (2, 3) => Goal::Ours(1024.0),
        (5, 9) => Goal::Ours(3072.0),
        _ => Goal::None,
    };
    row("key share", Unit::Bytes, (count(ours.key_share_bytes()?), count(theirs.key_share_bytes()?)), record);
    ahead(size, effort, &ours, rows)
}

/// What the peer has nothing to compare with.
fn ahead(size: Size, effort: Effort, ours: &Ours, rows: &mut Vec<Row>) -> Outcome<()> {
    let (signers, size_name) = (f64::from(size.0), name(size));
    let mut row = |operation, against, (ours, reference): (f64, f64), goal| {
        let row = Row::new(&size_name, operation, Unit::Microseconds, (Some(ours), Some(reference)), goal);
        rows.push(Row { against, ..row });
    };
    let [batch, single] = turns(effort, [&mut || ours.presign(16), &mut || ours.presign(1)])?;
    let sides = (batch / signers, single / signers);
    row("presign, one of 16, per signer", "ours, one at a time", sides, Goal::Ratio(0.75));
    let verification = Verification::new()?;
    let [online, verify] = turns(effort, [&mut || ours.sign_online(), &mut || verification.run()])?;
    row("sign with a presignature, per signer", "one k256 verification", (online / signers, verify), Goal::Ratio(1.6));
    Ok(())
}

#[cfg(feature = "cggmp")]
fn paillier(size: Size, effort: Effort, rows: &mut Vec<Row>) -> Outcome<()> {
    let size_name = name(size);
    eprintln!("{size_name}: cggmp24, which needs four safe primes first");
    let theirs = cggmp::Cggmp::ready(size)?;
    let [theirs] = turns(effort, [&mut || theirs.sign()])?;
    let sides = (None, Some(theirs / f64::from(size.0)));
    let row = Row::new(&size_name, "sign, whole, per signer", Unit::Microseconds, sides, Goal::None);
    rows.push(Row { against: "cggmp24", ..row });
    Ok(())
}

#[cfg(not(feature = "cggmp"))]
fn paillier(_: Size, _: Effort, _: &mut [Row]) -> Outcome<()> {
    Err("this program was built without cggmp24; scripts/compare ecdsa --cggmp builds it with".into())
}

fn key_generation(size: Size, least: usize, rows: &mut Vec<Row>) -> Outcome<()> {
    let size_name = name(size);
    eprintln!("{size_name}: key generation");
    let two = ParticipantSet::first(2)?;
    let [pair, paired, whole, theirs] = turns(
        Effort { least, most: least, budget: Duration::ZERO },
        [
            &mut || several(9, || Ok(ours::pair(&two)?.0)),
            &mut || several(9, || Ok(ours::generate(size)?.0)),
            &mut || several(3, || ours::generate_and_pair(size)),
            &mut || {
                let (took, team) = Theirs::generate(size)?;
                team.sign()?;
                Ok(took)
            },
        ],
    )?;
    let mut row = |operation, ours, theirs, goal| {
        rows.push(Row::new(&size_name, operation, Unit::Microseconds, (Some(ours), theirs), goal));
    };
    row("pairing of two, both", pair, None, Goal::None);
    row("key generation and first pairings, all", whole, Some(theirs), Goal::Ratio(0.07));
    row("key generation, paired already, all", paired, Some(theirs), Goal::Ratio(0.002));
    Ok(())
}

/// One signature to verify again and again with k256.
struct Verification {
    key: VerifyingKey,
    signature: [u8; 64],
}

impl Verification {
    fn new() -> Outcome<Self> {
        let key = SigningKey::from_slice(&[7; 32])?;
        let signature: Signature = key.sign_prehash(&DIGEST)?;
        Ok(Self { key: *key.verifying_key(), signature: signature.to_bytes().into() })
    }

    /// Sixteen of them, because the clock is slow.
    fn run(&self) -> Outcome<Duration> {
        let start = Stopwatch::start();
        for _ in 0..16 {
            verify(black_box(&self.key), black_box(&self.signature))?;
        }
        Ok(start.elapsed() / 16)
    }
}

#[expect(clippy::cast_precision_loss, clippy::unnecessary_wraps, reason = "far below 2^52; a cell of the table")]
const fn count(count: usize) -> Option<f64> {
    Some(count as f64)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
const fn bytes(count: u64) -> f64 {
    count as f64
}
