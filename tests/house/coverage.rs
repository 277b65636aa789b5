//! The map of the names of the four documents is whole, and what it points at is there.

use std::{collections::HashMap, fs};
use syn::{ItemFn, visit::Visit};

/// How many names may have no equivalent.
const WITHOUT: usize = 25;

/// A row of the map.
struct Row<'a> {
    name: &'a str,
    here: &'a str,
    tests: Vec<&'a str>,
}

/// The rows of the map: those that begin with a name in code marks.
fn rows(text: &str) -> Vec<Row<'_>> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let row = |line| {
        let (name, rest): (&str, &str) = str::split_once(line, "` | ")?;
        let (here, tests) = rest.strip_suffix(" |")?.rsplit_once(" | ")?;
        Some(Row { name, here, tests: tests.split('`').skip(1).step_by(2).collect() })
    };
    rows.map(|line| row(line).unwrap_or_else(|| panic!("this is no row: {line}"))).collect()
}

/// What is wrong with a map of these names.
fn faults(text: &str, names: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let (rows, mut known) = (rows(text), HashMap::new());
    let mut faults = Vec::new();
    for name in names.lines().filter(|name| !rows.iter().any(|row| row.name == *name)) {
        faults.push(format!("`{name}` has no row"));
    }
    for (i, Row { name, tests, .. }) in rows.iter().enumerate() {
        if !names.lines().any(|known| known == *name) {
            faults.push(format!("`{name}` is no name of the documents"));
        }
        if rows[..i].iter().any(|row| row.name == *name) {
            faults.push(format!("`{name}` has two rows"));
        }
        if tests.is_empty() {
            faults.push(format!("`{name}` has no test"));
        }
        for pointer in tests {
            let found = pointer.split_once("::").is_some_and(|(file, test)| {
                let tests = known.entry(file).or_insert_with(|| read(file).map(|it| tests_of(&it)));
                tests.as_ref().is_some_and(|tests| tests.iter().any(|it| it == test))
            });
            if !found {
                faults.push(format!("`{name}` is shown by `{pointer}`, which is no test"));
            }
        }
    }
    let without = without(&rows);
    if without > WITHOUT {
        faults.push(format!("{without} names have no equivalent, more than {WITHOUT}"));
    }
    faults
}

fn without(rows: &[Row<'_>]) -> usize {
    rows.iter().filter(|row| row.here.starts_with("no equivalent, because ")).count()
}

/// The test functions in this source, and those that every driver has to pass.
pub(crate) fn tests_of(source: &str) -> Vec<String> {
    struct Tests(Vec<String>);
    impl<'ast> Visit<'ast> for Tests {
        fn visit_item_fn(&mut self, item: &'ast ItemFn) {
            let mut names = item.attrs.iter().filter_map(|it| it.path().segments.last());
            let is_test = names.any(|name| name.ident == "test");
            if is_test || is_promise(item) {
                self.0.push(item.sig.ident.to_string());
            }
        }
    }
    let (mut tests, file) = (Tests(Vec::new()), syn::parse_file(source).unwrap());
    tests.visit_file(&file);
    tests.0
}

/// Whether this is a function of the conformance suite: it is public, asynchronous, and takes a fixture alone.
fn is_promise(item: &ItemFn) -> bool {
    let arguments: Vec<_> = item.sig.inputs.iter().collect();
    let [syn::FnArg::Typed(argument)] = arguments[..] else { return false };
    let syn::Type::Reference(reference) = &*argument.ty else { return false };
    let syn::Type::Path(path) = &*reference.elem else { return false };
    let is_public = matches!(item.vis, syn::Visibility::Public(_));
    is_public && item.sig.asyncness.is_some() && path.path.is_ident("Fixture")
}

#[test]
fn every_name_has_a_row_and_every_row_its_tests() {
    let read = |file: &str| fs::read_to_string(super::root().join(file)).ok();
    let text = read("docs/coverage.md").unwrap();

    let faults = faults(&text, include_str!("names.txt"), read);

    assert!(faults.is_empty(), "docs/coverage.md: {faults:#?}");
    let rows = rows(&text);
    let without = without(&rows);
    let tests: std::collections::BTreeSet<_> = rows.iter().flat_map(|row| &row.tests).collect();
    println!(
        "{} names: {} have an equivalent, {without} have none; {} tests",
        rows.len(),
        rows.len() - without,
        tests.len(),
    );
}

#[test]
fn a_row_that_is_wrong_is_found() {
    let source = "#[test] fn here() {} mod deep { #[tokio::test(x = 1)] async fn deeper() {} }
        pub async fn promised(fixture: &Fixture) {} fn helper() {}";
    let read = |file: &str| (file == "tests/a.rs").then(|| source.to_owned());
    let row = |name: &str, tests: &str| format!("| `{name}` | ours | {tests} |\n");
    let good = row("a(b)", "`tests/a.rs::here`, `tests/a.rs::deeper`, `tests/a.rs::promised`");
    let found = |text: &str| faults(text, "a(b)", read);

    assert!(found(&good).is_empty(), "{:?}", found(&good));
    assert_eq!(found(""), ["`a(b)` has no row"]);
    assert_eq!(found(&format!("{good}{good}")), ["`a(b)` has two rows"]);
    assert_eq!(found(&row("a(b)", "-")), ["`a(b)` has no test"]);
    let unknown = found(&format!("{good}{}", row("a(c)", "`tests/a.rs::here`")));
    assert_eq!(unknown, ["`a(c)` is no name of the documents"]);
    for gone in ["tests/a.rs::gone", "tests/a.rs::helper", "tests/b.rs::here", "here"] {
        let expected = format!("`a(b)` is shown by `{gone}`, which is no test");
        assert_eq!(found(&row("a(b)", &format!("`{gone}`"))), [expected]);
    }
    let names: Vec<_> = (0..=WITHOUT).map(|i| i.to_string()).collect();
    let none =
        |name| format!("| `{name}` | no equivalent, because it is so | `tests/a.rs::here` |\n");
    let text: String = names.iter().map(none).collect();
    assert_eq!(
        faults(&text, &names.join("\n"), read),
        ["26 names have no equivalent, more than 25"]
    );
}
