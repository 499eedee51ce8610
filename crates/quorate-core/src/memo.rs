//! Remembers what functions of their bytes alone gave, in builds with `--cfg quorate_memo`: the simulation's, and no others.
//!
//! All cosigners of a simulated run share one thread, and decode the same records and agree on the same keys again and again. Only
//! results that are a function of the input are remembered, so that a run is the same, byte for byte, with and without this.
//!
//! # Security
//!
//! What is remembered is secret and stays in memory. No feature turns this on; `scripts/simulate` does, for a program that keeps no key.
extern crate std;

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::{
    any::{Any, TypeId},
    cell::RefCell,
};

/// By the type of the result and the input. Not a hash map: that would draw randomness, and runs would differ.
type Known = BTreeMap<(TypeId, Vec<u8>), Box<dyn Any>>;

std::thread_local! {
    static KNOWN: RefCell<Known> = const { RefCell::new(BTreeMap::new()) };
}

/// Gives a copy of what `run` gave for this type and input before, or runs it. Failures are not remembered.
///
/// # Errors
///
/// Those of `run`.
pub fn remember<T: 'static, E>(input: &[u8], copy: impl Fn(&T) -> T, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let key = (TypeId::of::<T>(), input.to_vec());
    let known = KNOWN.with_borrow(|known| known.get(&key)?.downcast_ref().map(&copy));
    if let Some(known) = known {
        return Ok(known);
    }
    let made = run()?;
    KNOWN.with_borrow_mut(|known| known.insert(key, Box::new(copy(&made))));
    Ok(made)
}
