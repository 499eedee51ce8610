//! The most memory that something holds, in a program of its own: the allocator that counts would slow down what `compare` times.
//!
//! `compare-memory 2-of-3 5-of-9` prints one JSON object per size, for an ECDSA signature; `compare ecdsa` starts it.
//! `compare-memory keygen 67-of-100` prints one per size and suite, for one participant's key generation.

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
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|first| first == "keygen").is_some() {
        for text in arguments {
            for size in compare::parse_sizes(&text, compare::keygen_possible)? {
                for peaks in compare::memory::keygen(size, &mut peak)? {
                    println!("{}", serde_json::to_string(&peaks)?);
                }
            }
        }
        return Ok(());
    }
    for text in arguments {
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
