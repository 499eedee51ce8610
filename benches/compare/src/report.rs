//! What was measured, for people and for programs.

use serde::Serialize;

use crate::Outcome;

#[derive(Serialize)]
pub struct Row {
    pub suite: &'static str,
    pub peer: &'static str,
    pub size: String,
    pub operation: &'static str,
    pub ours_us: f64,
    pub theirs_us: f64,
    pub ratio: f64,
    pub target: Option<f64>,
    pub met: Option<bool>,
}

impl Row {
    pub fn new(
        (suite, peer): (&'static str, &'static str),
        (t, n): (u16, u16),
        operation: &'static str,
        (ours_us, theirs_us): (f64, f64),
        target: Option<f64>,
    ) -> Self {
        let ratio = ours_us / theirs_us;
        let met = target.map(|target| ratio <= target);
        Self { suite, peer, size: format!("{t}-of-{n}"), operation, ours_us, theirs_us, ratio, target, met }
    }
}

pub fn json(rows: &[Row]) -> Outcome<()> {
    println!("{}", serde_json::to_string_pretty(rows)?);
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the same shape as json")]
pub fn table(rows: &[Row], pinned: Option<usize>) -> Outcome<()> {
    match pinned {
        Some(cpu) => println!("One thread, pinned to processor {cpu}; medians of alternating samples, in microseconds."),
        None => println!("One thread, NOT pinned; medians of alternating samples, in microseconds."),
    }
    println!(
        "Key generation is one participant's own work from its first message to its certified key share, all rounds, bytes in \
         and bytes out;\ntheirs is part 1, 2 and 3 on packages that are decoded already."
    );
    let mut head = "";
    for row in rows {
        if row.suite != head {
            head = row.suite;
            println!("\n{} against {}", row.suite, row.peer);
            println!("{:<12} {:<34} {:>12} {:>12} {:>7} {:>7}", "size", "operation", "ours", "theirs", "ratio", "target");
        }
        let target = row.target.map_or("-".into(), |target| format!("{target:.2}"));
        let met = match row.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        println!(
            "{:<12} {:<34} {:>12.1} {:>12.1} {:>7.3} {:>7} {met}",
            row.size, row.operation, row.ours_us, row.theirs_us, row.ratio, target
        );
    }
    Ok(())
}
