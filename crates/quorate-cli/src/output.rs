//! Answers: for people as text, for programs as one JSON document.

use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;

use crate::{failure::Failure, progress::Spinner};

/// Where and how a command answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// The answer: the value for programs, the text for people.
    pub(crate) fn answer(self, value: &impl Serialize, text: &str) -> Result<(), Failure> {
        if self.json {
            let value = serde_json::to_string_pretty(value).map_err(|error| Failure::Output { source: error.into() })?;
            return line(&value);
        }
        line(text.trim_end())
    }

    /// Something beside the answer that only people read, on standard error.
    pub(crate) fn note(self, text: &str) {
        if !self.json {
            // Nobody is left to be told if standard error is closed.
            drop(writeln!(std::io::stderr().lock(), "{}", text.trim_end()));
        }
    }

    /// A part of a longer story, for people only, on standard output.
    pub(crate) fn tell(self, text: &str) -> Result<(), Failure> {
        if self.json { Ok(()) } else { line(text.trim_end()) }
    }

    /// What went wrong.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.json && failure.was_answered() {
            return;
        }
        if self.json {
            let mut error = serde_json::json!({
                "exit_code": failure.exit_code(),
                "message": failure.message(),
                "culprits": failure.culprits(),
            });
            if let (Some(plan), Some(error)) = (failure.plan(), error.as_object_mut()) {
                error.insert("plan".to_owned(), plan.into());
            }
            drop(line(&serde_json::json!({"error": error}).to_string()));
        } else {
            drop(writeln!(std::io::stderr().lock(), "error: {}", failure.message()));
            if let Some(advice) = failure.advice() {
                self.note(&advice);
            }
        }
    }

    /// Shows that something is going on, until the answer is dropped. Silent for programs and where standard error is no terminal.
    pub(crate) fn spinner(self, text: &str) -> Spinner {
        if self.json || !std::io::stderr().is_terminal() { Spinner::silent() } else { Spinner::start(text) }
    }
}

fn line(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|source| Failure::Output { source })
}

/// Lines up columns; the first row is the head.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let padded = row.iter().zip(&widths).fold(String::new(), |line, (cell, width)| format!("{line}{cell:<width$}  "));
        format!("{}\n", padded.trim_end())
    };
    rows.iter().map(line).collect()
}

/// A row of a table.
pub(crate) fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}
