//! Threshold ECDSA over secp256k1: the rows, their sizes and targets.

#[cfg(feature = "cggmp")]
mod cggmp;
mod machines;
pub mod memory;
mod ours;
pub mod report;
mod theirs;

use std::time::Duration;

use k256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier};

use self::{
    report::{Goal, Row, Unit},
    theirs::Theirs,
};
use crate::{
    Outcome, Size,
    sample::{Effort, several, turns},
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
    let budget = Duration::from_millis(if options.quick { 500 } else { 5000 });
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
    let theirs = Theirs::ready(size)?;
    let [plain, encoded] = turns(effort, [&mut || theirs.sign(), &mut || theirs.sign_encoded()])?;
    let per_signer = |time| Some(time / signers);
    row("sign, 3 rounds, per signer", Unit::Microseconds, (None, per_signer(plain)), Goal::Ratio(0.15));
    row("the same, theirs with their encoding", Unit::Microseconds, (None, per_signer(encoded)), Goal::None);
    row("bytes sent, per signer", Unit::Bytes, (None, count(theirs.bytes_sent()?)), Goal::Ratio(0.55));
    let peaks = memory::measured(size)?;
    row("peak memory of signing, per signer", Unit::Bytes, (peaks.ours.map(bytes), Some(bytes(peaks.theirs))), Goal::None);
    let record = match size {
        (2, 3) => Goal::Ours(1024.0),
        (5, 9) => Goal::Ours(3072.0),
        _ => Goal::None,
    };
    let ours = ours::key_share_bytes(&ours::generate(size)?.1)?;
    row("key share", Unit::Bytes, (count(ours), count(theirs.key_share_bytes()?)), record);
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
    let [ours, theirs] = turns(
        Effort { least, most: least, budget: Duration::ZERO },
        [&mut || several(9, || Ok(ours::generate(size)?.0)), &mut || {
            let (took, team) = Theirs::generate(size)?;
            team.sign()?;
            Ok(took)
        }],
    )?;
    let sides = (Some(ours), Some(theirs));
    rows.push(Row::new(&size_name, "key generation, paired already, all", Unit::Microseconds, sides, Goal::Ratio(0.002)));
    Ok(())
}

#[expect(clippy::cast_precision_loss, clippy::unnecessary_wraps, reason = "far below 2^52; a cell of the table")]
const fn count(count: usize) -> Option<f64> {
    Some(count as f64)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
const fn bytes(count: u64) -> f64 {
    count as f64
}
