//! Crates depend one way.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// The crates of ours that each crate may know.
const ARROWS: [(&str, &[&str]); 6] = [
    ("milena-core", &[]),
    ("milena-check", &["milena-core"]),
    ("milena-memory", &["milena-core"]),
    ("milena-rdkafka", &["milena-core"]),
    ("milena", &["milena-core", "milena-memory", "milena-rdkafka"]),
    ("milena-test", &["milena", "milena-core", "milena-memory", "milena-rdkafka"]),
];

/// What only these crates may know of others' crates.
const ONLY: [(&str, &[&str]); 3] = [
    ("rdkafka", &["milena-rdkafka"]),
    ("rdkafka-sys", &["milena-rdkafka"]),
    // The core and the drivers run under any async runtime; the Kafka driver calls what gives out tokens on tokio if it
    // is there, and a history has the time of tokio.
    ("tokio", &["milena", "milena-check", "milena-memory", "milena-rdkafka", "milena-test"]),
];

/// Each dependency that is no arrow.
fn wrong<'a>(edges: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let ours = |name: &str| ARROWS.iter().find(|(known, _)| *known == name);
    let allowed = |from: &str, to: &str| {
        let only = ONLY.iter().find(|(known, _)| *known == to);
        match (ours(from), ours(to)) {
            (Some((_, arrows)), Some(_)) => arrows.contains(&to),
            (Some(_), None) => only.is_none_or(|(_, knowing)| knowing.contains(&from)),
            // Benchmarks, examples and tests may know everything.
            (None, _) => true,
        }
    };
    edges
        .filter(|(from, to)| !allowed(from, to))
        .map(|(from, to)| format!("{from} -> {to}"))
        .collect()
}

fn metadata() -> Metadata {
    MetadataCommand::new().current_dir(super::root()).no_deps().exec().unwrap()
}

#[test]
fn crates_know_only_those_below_them() {
    let metadata = metadata();
    let packages = || metadata.packages.iter();
    let edges = packages().flat_map(|package| {
        let needed =
            package.dependencies.iter().filter(|it| it.kind != DependencyKind::Development);
        needed.map(|dependency| (package.name.as_str(), dependency.name.as_str()))
    });
    let wrong = wrong(edges);

    assert!(wrong.is_empty(), "these dependencies point the wrong way: {wrong:#?}");
    for (name, _) in ARROWS {
        assert!(
            packages().any(|package| package.name.as_str() == name),
            "there is no crate {name}"
        );
    }
}

#[test]
fn crates_that_are_published_are_among_the_arrows() {
    let metadata = metadata();
    let published = metadata.packages.iter().filter(|it| it.publish.is_none());
    let unknown: Vec<_> = published
        .filter(|package| ARROWS.iter().all(|(name, _)| *name != package.name.as_str()))
        .map(|package| package.name.to_string())
        .collect();

    assert!(unknown.is_empty(), "say what these may know: {unknown:?}");
}

#[test]
fn an_arrow_the_wrong_way_is_found() {
    let edges = [("milena-core", "milena"), ("milena", "rdkafka"), ("milena-bench", "rdkafka")];

    assert_eq!(wrong(edges.into_iter()), ["milena-core -> milena", "milena -> rdkafka"]);
}
