//! Participants that break the rules, and a network in their hands: nobody honest ends with a wrong result, or with the blame.
//!
//! The lines of docs/threat-model.md name the tests of these modules.

mod attesting;
mod keygen;
mod kit;
mod machine;
mod nonces;
mod secrets;
mod signing;
