//! Ceremonies: what cosigners do together. Propose, decide, prepare, run, commit.
//!
//! ```text
//! proposer                                  every other participant
//!   own policy and checks
//!   propose(everything)            ──▶      decodes it itself, own policy and checks
//!                                  ◀──      accept(fresh randomness) or refuse(reason)
//!   begin(everyone's randomness)   ──▶      its own value must be in it
//!   ◀──────────── sessions whose ids bind the proposal and all fresh values ────────────▶
//!   commit                                  commit
//! ```
//!
//! Nobody takes another's word: each participant computes placements, messages, tweaks and session ids itself, and a difference is
//! a different context, in which no message of the other fits. The session ids bind randomness of every participant, so no
//! coalition can make an honest one use a session id twice.
//!
//! What is decided here is in plain functions without I/O ([`keygen`], [`sign`]); only [`run`] and the
//! [`Cosigner`](crate::Cosigner) wait for anything.

pub(crate) mod keygen;
pub(crate) mod message;
pub(crate) mod proposal;
pub(crate) mod reshare;
pub(crate) mod run;
pub(crate) mod sign;
