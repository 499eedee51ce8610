//! Participants that break the rules, and a network in their hands: nobody honest ends with a wrong result, or with the blame.
//!
//! The lines of docs/threat-model.md name the tests of these modules.
#![allow(
    unreachable_pub,
    clippy::std_instead_of_core,
    clippy::alloc_instead_of_core,
    clippy::as_conversions,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::print_stdout,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod amending;
mod attesting;
mod keygen;
mod kit;
mod machine;
mod nonces;
mod secrets;
mod signing;
