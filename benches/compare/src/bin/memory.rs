//! The most memory that one signing holds, in a program of its own: the allocator that counts would slow down what `compare` times.
//!
//! `compare-memory 2-of-3 5-of-9` prints one JSON object per size; `compare ecdsa` starts it.

use std::process::ExitCode;

use compare::{Outcome, ecdsa};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare-memory: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome<()> {
    for text in std::env::args().skip(1) {
        for size in compare::parse_sizes(&text, ecdsa::possible)? {
            let peaks = ecdsa::memory::peaks(size, &mut peak)?;
            println!("{}", serde_json::to_string(&peaks)?);
        }
    }
    Ok(())
}

/// The most bytes that were live at once during `work`, beyond those that were live before.
fn peak(work: &mut dyn FnMut()) -> u64 {
    allocation_counter::measure(work).bytes_max
}
