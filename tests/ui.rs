//! The compile errors that a user's mistakes end in: each names what is wrong, and how to mend it.
//!
//! `TRYBUILD=overwrite cargo test -p milena-tests --test ui` writes down what the compiler says.

#[test]
fn mistakes_are_named_where_they_are_made() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}
