//! What happened in a run, line by line, for people and for comparison.

use core::fmt::Write as _;

use tokio::time::Instant;

/// The lines of a run, and what was found wrong.
#[derive(Debug)]
pub(crate) struct Trace {
    began: Instant,
    lines: String,
    choices: u64,
    pub(crate) violations: Vec<String>,
}

/// FNV-1a: a checksum, for comparing two runs.
fn mix(hash: u64, text: &str) -> u64 {
    text.bytes().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

impl Trace {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), lines: String::new(), choices: BASIS, violations: Vec::new() }
    }

    /// What the seed chose.
    pub(crate) fn choose(&mut self, line: &str) {
        self.choices = mix(self.choices, line);
        self.write("  ", line);
    }

    /// What came of it.
    pub(crate) fn saw(&mut self, line: &str) {
        self.write("    ", line);
    }

    pub(crate) fn violation(&mut self, line: String) {
        self.write("!!  ", &line);
        self.violations.push(line);
    }

    fn write(&mut self, before: &str, line: &str) {
        let at = self.began.elapsed().as_millis();
        // Writing to a string does not fail.
        let _written = writeln!(self.lines, "{:>8}.{:03} s {before}{line}", at / 1000, at % 1000);
    }

    pub(crate) fn lines(&self) -> &str {
        &self.lines
    }

    /// Checksums of the choices alone, and of everything.
    pub(crate) fn hashes(&self) -> (u64, u64) {
        (self.choices, mix(BASIS, &self.lines))
    }
}
