//! The rules of the house: which crate and which module may know which, and how small things are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "these are tests"
)]

mod arrows;
mod coverage;
mod docs;
mod faults;
mod programs;
mod rooms;
mod tidy;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The sources of all rooms, and of the programs: each path, from the root, and its text. Tests are not among them.
fn sources() -> Vec<(String, String)> {
    let mut sources = Vec::new();
    for folder in ["crates", "examples", "benches"] {
        collect(&root().join(folder), &mut sources);
    }
    sources.sort();
    assert!(sources.len() > 100, "only {} sources were found", sources.len());
    sources
}

fn collect(folder: &Path, sources: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "tests" && name != "target")
        {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            sources.push((name, fs::read_to_string(path).unwrap()));
        }
    }
}
