//! The rows: suites, sizes, operations and their targets.

use std::time::Duration;

use frost_core::Ciphersuite;
use quorate_core::frost::{Bip340, Ed25519, FrostSuite};

use crate::{
    Outcome, Size, dealers, ours,
    report::Row,
    sample::{Effort, alternate},
    theirs,
};

pub struct Options {
    pub quick: bool,
    pub sizes: Vec<(u16, u16)>,
    pub suite: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { quick: false, sizes: vec![(2, 3), (3, 5), (67, 100)], suite: None }
    }
}

/// The peers cannot do without a participant to spare, and have at most a thousand here.
pub fn possible((t, n): Size) -> bool {
    2 <= t && t < n && n <= 1000
}

const MESSAGE: [u8; 32] = [0x51; 32];
const AHEAD: u16 = 1000;

#[derive(Clone, Copy)]
enum Operation {
    KeyGeneration,
    Commit,
    CommitAhead,
    Sign,
    Aggregate,
    NameCulprit,
}

impl Operation {
    const fn name(self) -> &'static str {
        match self {
            Self::KeyGeneration => "key generation, one participant",
            Self::Commit => "commit",
            Self::CommitAhead => "1,000 commitments ahead",
            Self::Sign => "sign",
            Self::Aggregate => "aggregate, all honest",
            Self::NameCulprit => "aggregate, one bad share named",
        }
    }

    /// The most that ours may take of theirs.
    fn target(self, suite: &str, (t, _): (u16, u16)) -> Option<f64> {
        let target = match self {
            Self::KeyGeneration => match t {
                2 => 0.75,
                67 => 0.12,
                667 => 0.10,
                _ => return None,
            },
            Self::Commit | Self::CommitAhead => 0.50,
            Self::Sign if t == 67 && suite == "bip340" => 0.10,
            Self::Sign if t == 67 => 0.45,
            Self::Sign | Self::Aggregate if t == 667 => 0.35,
            Self::Sign | Self::Aggregate => 0.60,
            Self::NameCulprit if t >= 67 => 0.25,
            Self::NameCulprit => 0.60,
        };
        Some(target)
    }
}

pub fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    let wanted = |suite: &str| options.suite.as_deref().is_none_or(|name| name == suite);
    for size in &options.sizes {
        if wanted("ed25519") {
            suite::<Ed25519, frost_ed25519::Ed25519Sha512>(("ed25519", "frost-ed25519"), *size, options.quick, &mut rows)?;
        }
        if wanted("bip340") {
            let names = ("bip340", "frost-secp256k1-tr");
            suite::<Bip340, frost_secp256k1_tr::Secp256K1Sha256TR>(names, *size, options.quick, &mut rows)?;
        }
    }
    rows.sort_by_key(|row| row.suite != "ed25519");
    Ok(rows)
}

fn suite<C: FrostSuite, D: Ciphersuite + 'static>(
    names: (&'static str, &'static str),
    size: (u16, u16),
    quick: bool,
    rows: &mut Vec<Row>,
) -> Outcome<()> {
    let budget = Duration::from_millis(if quick { 200 } else { 2000 });
    let effort = Effort { least: if quick { 5 } else { 21 }, most: 1001, budget };
    // One whole key generation of theirs takes most of a minute at 1,000 participants.
    let rare = if size.1 > 200 { Effort { least: 1, most: 1, budget } } else { Effort { least: 5, ..effort } };
    let mut row = |operation: Operation, medians: (f64, f64)| {
        rows.push(Row::new(names, size, operation.name(), medians, operation.target(names.0, size)));
    };

    eprintln!("{} {}-of-{}: key generation", names.0, size.0, size.1);
    let (ours, theirs) = (dealers::Keygen::<C>::new(size)?, theirs::Keygen::<D>::new(size)?);
    row(Operation::KeyGeneration, alternate(rare, || ours.run(), || theirs.run())?);
    drop((ours, theirs));

    eprintln!("{} {}-of-{}: signing", names.0, size.0, size.1);
    let (ours, theirs) = (ours::Signers::<C>::new(size, &MESSAGE)?, theirs::Signers::<D>::new(size, &MESSAGE)?);
    row(Operation::Commit, alternate(effort, || ours.commit(), || theirs.commit())?);
    let ahead = alternate(Effort { least: 5, ..effort }, || ours.commit_ahead(AHEAD), || theirs.commit_ahead(AHEAD))?;
    row(Operation::CommitAhead, ahead);
    row(Operation::Sign, alternate(effort, || ours.sign(), || theirs.sign())?);
    row(Operation::Aggregate, alternate(effort, || ours.aggregate(), || theirs.aggregate())?);
    row(Operation::NameCulprit, alternate(effort, || ours.name_culprit(), || theirs.name_culprit())?);
    Ok(())
}
