//! What must not compile: the misuses that types can rule out.
//!
//! The expected messages are those of the Rust version of rust-toolchain; `TRYBUILD=overwrite` renews them.

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
