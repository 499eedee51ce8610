//! The services that cosigners use at their providers, for tests and for the drill of real providers: each is the real program, in a
//! temporary directory, on a free port of the loopback, and stops when it is dropped. `scripts/services` installs what is [`missing`].
//! They panic where they cannot go on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::exhaustive_enums,
    reason = "tests"
)]

mod line;
mod moto;
mod nats;
mod postgres;
mod program;
mod softhsm;

pub use self::{
    line::{Fate, Line, request},
    moto::Moto,
    nats::{Nats, NatsMessage, NatsOperator},
    postgres::Postgres,
    program::{find, free_port, missing},
    softhsm::SoftHsm,
};
