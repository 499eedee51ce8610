//! Every file of the corpora, through its target, on any compiler.

use std::{fs, path::Path};

use quorate_fuzz_targets::{TARGETS, seeds};

fn corpus() -> std::path::PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus")).to_path_buf()
}

#[test]
fn every_input_of_the_corpora_holds() {
    for target in TARGETS {
        let files = fs::read_dir(corpus().join(target.name)).unwrap_or_else(|_| panic!("{} has no corpus", target.name));
        let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        paths.sort();
        for path in &paths {
            let bytes = fs::read(path).unwrap();
            let held = std::panic::catch_unwind(|| (target.run)(&bytes));
            assert!(held.is_ok(), "{} fails on {}", target.name, path.display());
        }
        println!("{:16} {:4} inputs", target.name, paths.len());
        assert!(paths.len() >= 2, "{} has hardly a corpus", target.name);
    }
}

#[test]
fn every_folder_has_a_target_and_all_of_them_are_small() {
    let mut total = 0;
    for folder in fs::read_dir(corpus()).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        assert!(quorate_fuzz_targets::target(&name).is_some(), "corpus/{name} belongs to no target");
        total += fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum::<u64>();
    }
    assert!(total < 300_000, "the corpora have {total} bytes");
}

#[test]
fn every_seed_of_the_generator_is_committed() {
    for (target, seeds) in seeds::all() {
        for (name, _) in seeds {
            let path = corpus().join(target).join(&name);
            assert!(path.exists(), "{}: run `cargo run -p quorate-fuzz-targets --bin seeds`", path.display());
        }
    }
}

#[test]
fn seeds_reach_what_they_are_made_for() {
    // If an encoding changes and the seeds do not, the targets would fuzz nothing but refusals.
    for (target, seeds) in seeds::valid() {
        assert!(seeds, "a seed of {target} does not decode any more");
    }
}
