//! Tests that run in a process of their own, so that all it says can be looked at.

use std::{env, process::Command};

/// Runs an ignored test, and gives back all that it said.
pub(crate) fn run(test: &str, variables: &[(&str, &str)]) -> String {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .envs(variables.iter().copied())
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let said = said.join("\n");
    assert!(output.status.success() && said.contains("1 passed"), "{test}: {said}");
    said
}
