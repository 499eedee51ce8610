//! Only this crate adds protocols: what a protocol implements has no name outside.

use quorate_core::machine::sealed::Rounds;

struct Mine;

impl Rounds for Mine {}

fn main() {}
