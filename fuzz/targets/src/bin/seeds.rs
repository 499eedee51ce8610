//! Writes the seeds of every target into `corpus/`. Other files there, found by fuzzing, stay.
//!
//! `seeds fixtures` writes new keys into `fixtures/` instead; every seed that is made with them has to be made again then.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let here = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    if std::env::args().nth(1).as_deref() == Some("fixtures") {
        return quorate_fuzz_targets::seeds::fixtures()
            .into_iter()
            .try_for_each(|(name, bytes)| fs::write(here.join("fixtures").join(name), bytes));
    }
    for (target, seeds) in quorate_fuzz_targets::seeds::all() {
        let folder = here.join("corpus").join(target);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds {
            fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}
