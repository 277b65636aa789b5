//! Each example has a test and its row, and what the pages for those who come from elsewhere show is compiled.

use super::coverage::tests_of;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The names of the Rust files in a folder, without their ending.
fn programs(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let programs = files.filter(|it| it.extension().is_some_and(|extension| extension == "rs"));
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<_> = programs.map(name).collect();
    names.sort();
    names
}

/// What is wrong with an example: it is run by a test in it, and the table names it with its question and its length.
fn faults(name: &str, source: &str, runs: &str, table: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if name != "hello" {
        if tests_of(source).is_empty() {
            faults.push(format!("examples/{name}.rs has no test"));
        }
        if !runs.lines().any(|line| line == format!("mod {name};")) {
            faults.push(format!("examples/tests.rs does not run `{name}`"));
        }
    }
    let question = source.lines().next().and_then(|line| line.strip_prefix("//! "));
    let row = format!("| [`{name}`]({name}.rs) | {} |", source.lines().count());
    let row = format!("| {} {row}", question.unwrap_or_default());
    if !table.lines().any(|line| line == row) {
        faults.push(format!("examples/README.md has no row {row}"));
    }
    faults
}

#[test]
fn every_example_answers_a_question_and_has_its_test() {
    let folder = super::root().join("examples");
    let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    let (runs, table) = (read("tests.rs"), read("README.md"));

    let examples: Vec<_> = programs(&folder).into_iter().filter(|name| name != "tests").collect();
    let faults: Vec<_> = examples
        .iter()
        .flat_map(|name| faults(name, &read(&format!("{name}.rs")), &runs, &table))
        .collect();

    assert!(faults.is_empty(), "{faults:#?}");
    assert!(examples.len() > 5);
}

#[test]
fn an_example_without_a_test_or_a_row_is_found() {
    let (good, bad) = ("//! Why?\n#[test]\nfn so() {}\n", "//! Why?\nfn so() {}\n");
    let (runs, table) = ("mod why;\n", "| Why? | [`why`](why.rs) | 3 |\n");

    assert!(faults("why", good, runs, table).is_empty());
    assert_eq!(faults("why", good, "", table), ["examples/tests.rs does not run `why`"]);
    assert_eq!(faults("why", bad, runs, table).len(), 2);
}

/// What is wrong with a page: it shows each of these programs as it is compiled, and nothing else in Rust.
fn shown(page: &str, programs: &[(String, String)]) -> Vec<String> {
    let blocks = page.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: BTreeSet<_> = blocks.collect();
    let mut faults: Vec<_> = programs
        .iter()
        .filter(|(_, program)| !blocks.contains(program.as_str()))
        .map(|(name, _)| format!("`{name}` is not shown as it is"))
        .collect();
    let known = |block: &&&str| programs.iter().any(|(_, program)| program == **block);
    let unknown = blocks.iter().filter(|block| !known(block));
    faults.extend(unknown.map(|block| format!("this is not compiled:\n{block}")));
    faults
}

#[test]
fn the_pages_for_those_who_come_from_elsewhere_show_what_is_compiled() {
    let docs = super::root().join("docs");
    let compiled = fs::read_to_string(super::root().join("tests/programs.rs")).unwrap();
    for from in PAGES {
        let folder = docs.join("programs").join(from);
        let read = |name: String| {
            let path = folder.join(format!("{name}.rs"));
            (name, fs::read_to_string(path).unwrap())
        };
        let programs: Vec<_> = programs(&folder).into_iter().map(read).collect();
        let page = fs::read_to_string(docs.join(format!("from-{from}.md"))).unwrap();

        let faults = shown(&page, &programs);

        assert!(faults.is_empty(), "docs/from-{from}.md: {faults:#?}");
        assert_eq!(programs.len(), 3, "docs/from-{from}.md has three programs");
        for (name, _) in programs {
            let path = format!("docs/programs/{from}/{name}.rs");
            assert!(compiled.contains(&path), "tests/programs.rs does not compile `{path}`");
        }
    }
}

/// From where people come.
const PAGES: [&str; 5] = ["fastkafka", "faststream", "faust", "rdkafka", "spring-kafka"];

#[test]
fn a_page_that_shows_something_else_is_found() {
    let programs = [("a".to_owned(), "fn a() {}\n".to_owned())];
    let page = |program: &str| format!("text\n```rust\n{program}```\n");

    assert!(shown(&page("fn a() {}\n"), &programs).is_empty());
    assert_eq!(shown(&page("fn b() {}\n"), &programs).len(), 2);
}
