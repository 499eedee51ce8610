//! Only this crate adds curves.

use quorate_core::curve::sealed::Sealed;

struct Mine;

impl Sealed for Mine {}

fn main() {}
