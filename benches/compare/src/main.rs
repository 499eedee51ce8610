//! `compare frost …` and `compare ecdsa …`; `scripts/compare` builds and starts it, ../README.md says how it measures.

use std::process::ExitCode;

fn main() -> ExitCode {
    match compare::run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}
