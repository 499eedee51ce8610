//! The rule of a placement cannot be got round by changing one that was checked.

use quorate_core::{Placement, Threshold};

fn weaken(placement: &mut Placement, threshold: Threshold) {
    placement.threshold = threshold;
}

fn main() {}
