//! A value that is wiped when it is dropped and never printed.
//!
//! Every signing share, nonce and polynomial coefficient of this crate lives in a [`Secret`]. The value sits on the heap, so that
//! moving a `Secret` moves a pointer and leaves no copy behind on the stack.

use alloc::boxed::Box;
use core::fmt;

use zeroize::Zeroize;

/// A heap value that is zeroed on drop, redacted in `Debug`, and neither `Clone` nor comparable.
pub struct Secret<T: Zeroize>(Box<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes a value into custody.
    pub fn new(value: T) -> Self {
        Self(Box::new(value))
    }

    /// Borrows the value. The name is long on purpose: each use is a place to audit.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// Borrows the value for change in place.
    pub fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, rc::Rc};
    use core::cell::Cell;

    struct Witness(Rc<Cell<bool>>);
    impl Zeroize for Witness {
        fn zeroize(&mut self) {
            self.0.set(true);
        }
    }

    #[test]
    fn secret_is_wiped_on_drop() {
        let wiped = Rc::new(Cell::new(false));
        drop(Secret::new(Witness(Rc::clone(&wiped))));
        assert!(wiped.get());
    }

    #[test]
    fn secret_wipes_every_element_of_what_it_holds() {
        let wiped: [Rc<Cell<bool>>; 3] = Default::default();
        let witness = |place: usize| Witness(Rc::clone(&wiped[place]));
        drop((Secret::new([witness(0), witness(1)]), Secret::new(alloc::vec![witness(2)])));
        assert!(wiped.iter().all(|wiped| wiped.get()));
    }

    #[test]
    fn secret_debug_shows_no_value() {
        assert_eq!(format!("{:?}", Secret::new([7u8; 4])), "Secret(redacted)");
    }
}
