//! What the documents point at is there.

use std::fs;

/// Each `file:function` of a text that is not there.
fn missing(text: &str, read: impl Fn(&str) -> Option<String>) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let pointers = quoted.filter(|it| {
        (it.starts_with("crates/") || it.starts_with("tests/")) && it.contains(".rs:")
    });
    let is_missing = |pointer: &&str| {
        let (file, function) = pointer.rsplit_once(':').expect("it has a colon");
        !read(file).is_some_and(|source| source.contains(&format!("fn {function}(")))
    };
    pointers.filter(is_missing).collect()
}

#[test]
fn the_journey_names_functions_that_exist() {
    let text = fs::read_to_string(super::root().join("ARCHITECTURE.md")).unwrap();
    let missing = missing(&text, |file| fs::read_to_string(super::root().join(file)).ok());

    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:#?}");
    assert!(text.matches(".rs:").count() > 20);
}

#[test]
fn the_mechanisms_name_tests_that_exist() {
    let text = fs::read_to_string(super::root().join("docs/security.md")).unwrap();
    let missing = missing(&text, |file| fs::read_to_string(super::root().join(file)).ok());

    assert!(missing.is_empty(), "docs/security.md names what is not there: {missing:#?}");
    assert!(text.matches(".rs:").count() >= 9);
}

#[test]
fn a_function_that_is_gone_is_found() {
    let read = |file: &str| (file == "crates/a.rs").then(|| "fn there() {}".to_owned());
    let text = "`crates/a.rs:there` `crates/a.rs:gone` `crates/b.rs:there` `other`";

    assert_eq!(missing(text, read), ["crates/a.rs:gone", "crates/b.rs:there"]);
}
