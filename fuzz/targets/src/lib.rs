//! Fuzz targets: what any bytes may do to a decoder, a protocol's inbox, a link or a record.
//!
//! A target is a function of this crate, at most about 40 lines, that panics if a property does not hold. It is called by the fuzzer
//! (`fuzz_targets/any.rs`; `scripts/fuzz` builds and runs it) and, on every file of `corpus/<target>/`, by the ordinary test `replay`,
//! which needs neither the fuzzer nor a nightly compiler:
//!
//! ```text
//! cargo test -p quorate-fuzz-targets                                     # replays the corpora
//! cargo run -p quorate-fuzz-targets --bin seeds                         # makes the seeds again
//! scripts/fuzz 60                                                       # fuzzes all targets, 60 seconds in all
//! QUORATE_FUZZ=payload cargo fuzz run any fuzz/corpus/payload                          # one target, with cargo-fuzz
//! ```
//!
//! All generators start from fixed seeds. The library mixes a counter of the process into what it draws (and storage asks the system),
//! so that nonces and sealed bytes differ between runs; what an input does to them does not.
#![forbid(unsafe_code)]

mod backups;
mod chains;
mod coordinator;
mod cursor;
mod ecdsa;
mod endpoint;
mod inbox;
mod keys;
mod links;
mod payloads;
mod records;
pub mod seeds;
mod storage;
mod texts;
mod values;

/// One target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, also that of its folder in `corpus/`.
    pub name: &'static str,
    /// Does all there is to do with one input.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "addresses", run: payloads::addresses },
    Target { name: "api_json", run: texts::api_json },
    Target { name: "backup", run: backups::backup },
    Target { name: "ceremony", run: records::ceremony },
    Target { name: "chain_address", run: chains::chain_address },
    Target { name: "chain_key", run: chains::chain_key },
    Target { name: "config", run: texts::config },
    Target { name: "coordinator", run: coordinator::coordinator },
    Target { name: "documents", run: payloads::documents },
    Target { name: "ecdsa", run: ecdsa::ecdsa },
    Target { name: "ecdsa_online", run: ecdsa::online },
    Target { name: "ecdsa_pairing", run: ecdsa::pairing },
    Target { name: "ecdsa_presign", run: ecdsa::presign },
    Target { name: "endpoint", run: endpoint::endpoint },
    Target { name: "handshake", run: links::handshake },
    Target { name: "keygen", run: inbox::keygen },
    Target { name: "link", run: links::link },
    Target { name: "paths", run: texts::paths },
    Target { name: "payload", run: payloads::payload },
    Target { name: "placement", run: values::placement },
    Target { name: "records", run: records::records },
    Target { name: "roster", run: texts::roster },
    Target { name: "sealed", run: storage::sealed },
    Target { name: "signing", run: inbox::signing },
    Target { name: "storage_records", run: storage::storage_records },
    Target { name: "template", run: payloads::template },
    Target { name: "values", run: values::values },
    Target { name: "vault", run: storage::vault },
];

/// The target of that name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}

/// All names.
#[must_use]
pub fn names() -> Vec<&'static str> {
    TARGETS.iter().map(|target| target.name).collect()
}
