//! What was measured, for people and for programs.

use serde::Serialize;

use crate::{Outcome, host::Host};

/// What theirs are, unless a row says otherwise.
const PEER: &str = "dkls23-secp256k1";

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    Microseconds,
    Bytes,
}

/// What a row should show.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    None,
    /// The most that ours may be of theirs.
    Ratio(f64),
    /// The most that ours may be.
    Ours(f64),
}

#[derive(Serialize)]
pub struct Row {
    pub size: String,
    pub operation: &'static str,
    pub unit: Unit,
    pub ours: Option<f64>,
    /// What ours is compared with.
    pub theirs: Option<f64>,
    pub against: &'static str,
    pub ratio: Option<f64>,
    pub goal: Goal,
    pub met: Option<bool>,
}

impl Row {
    pub fn new(size: &str, operation: &'static str, unit: Unit, (ours, theirs): (Option<f64>, Option<f64>), goal: Goal) -> Self {
        let ratio = ours.zip(theirs).map(|(ours, theirs)| ours / theirs);
        let met = match goal {
            Goal::None => None,
            Goal::Ratio(most) => ratio.map(|ratio| ratio <= most),
            Goal::Ours(most) => ours.map(|ours| ours <= most),
        };
        Self { size: size.to_owned(), operation, unit, ours, theirs, against: PEER, ratio, goal, met }
    }
}

#[derive(Serialize)]
pub struct Report {
    pub host: Host,
    pub rows: Vec<Row>,
}

impl Report {
    pub fn json(&self) -> Outcome<()> {
        println!("{}", serde_json::to_string_pretty(self)?);
        Ok(())
    }

    pub fn table(&self) -> Outcome<()> {
        let host = &self.host;
        println!("{}, {} processors, {} ({})", host.architecture, host.processors, host.model, host.flags_of_note.join(" "));
        let pinned = host.pinned_to.map_or("NOT pinned".into(), |cpu| format!("pinned to processor {cpu}"));
        println!(
            "{}, {}; one thread, {pinned}; medians of samples in turn; µs of processor time, and bytes",
            host.date, host.compiler
        );
        let mut size = "";
        for row in &self.rows {
            if row.size != size {
                size = &row.size;
                println!("\n{size:<38} {:>13} {:>13} {:>8} {:>8}", "ours", "theirs", "ratio", "target");
            }
            row.print();
        }
        Ok(())
    }
}

impl Row {
    fn print(&self) {
        let digits = match self.unit {
            Unit::Microseconds => 1,
            Unit::Bytes => 0,
        };
        let cell = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.digits$}"));
        let ratio = self.ratio.map_or("-".into(), |ratio| format!("{ratio:.4}"));
        let target = match self.goal {
            Goal::None => "-".into(),
            Goal::Ratio(most) => format!("{most}"),
            Goal::Ours(most) => format!("{most:.0} B"),
        };
        let met = match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        let against = if self.against == PEER { String::new() } else { format!("against {}", self.against) };
        let (ours, theirs) = (cell(self.ours), cell(self.theirs));
        println!("{:<38} {ours:>13} {theirs:>13} {ratio:>8} {target:>8} {met} {against}", self.operation);
    }
}
