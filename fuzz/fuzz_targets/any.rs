//! One binary for all targets: `QUORATE_FUZZ` names the one to run.
#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<quorate_fuzz_targets::Target> = LazyLock::new(|| {
    let name = std::env::var("QUORATE_FUZZ").unwrap_or_default();
    quorate_fuzz_targets::target(&name)
        .unwrap_or_else(|| panic!("QUORATE_FUZZ={name:?} is no target; use one of {:?}", quorate_fuzz_targets::names()))
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.run)(data));
