//! Modules of `milena` know only those below them.

/// The modules that each module may know.
const ROOMS: [(&str, &[&str]); 15] = [
    ("route", &["planted", "publishing"]),
    ("publishing", &[]),
    ("planted", &[]),
    ("request", &["publishing"]),
    ("listener", &[]),
    ("subscriber", &["listener", "publishing", "route"]),
    ("router", &["layers", "listener", "publishing", "subscriber", "route"]),
    ("control", &["listener", "subscriber"]),
    ("runtime", &["control", "listener", "planted", "publishing", "router", "subscriber", "route"]),
    ("serve", &["control", "publishing", "request", "router", "runtime", "subscriber"]),
    ("app", &["publishing", "router", "serve"]),
    ("layers", &["control", "route"]),
    ("record", &[]),
    ("transport", &[]),
    ("lib", &["layers", "router", "subscriber", "serve", "transport", "route", "runtime"]),
];

/// Each module that is named where it must not be.
fn wrong(sources: &[(String, String)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, text) in sources {
        let Some(inside) = path.strip_prefix("crates/milena/src/") else { continue };
        let room = inside.split(['/', '.']).next().unwrap_or_default();
        let known = ROOMS.iter().find(|(name, _)| *name == room).map(|(_, known)| *known);
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for named in code.flat_map(named) {
            if named != room && !known.is_some_and(|known| known.contains(&named)) {
                wrong.push(format!("{path} -> {named}"));
            }
        }
    }
    wrong
}

/// The rooms that a line of code names by `crate::`.
fn named(line: &str) -> impl Iterator<Item = &str> {
    let paths = line.split("crate::").skip(1);
    paths.filter_map(|path| {
        let name = path.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
        ROOMS.iter().any(|(room, _)| *room == name).then_some(name)
    })
}

#[test]
fn modules_know_only_those_below_them() {
    let wrong = wrong(&super::sources());

    assert!(wrong.is_empty(), "these modules know too much: {wrong:#?}");
}

#[test]
fn a_module_that_knows_too_much_is_found() {
    let path = "crates/milena/src/route/each.rs".to_owned();
    let text = "use super::x;\nuse crate::runtime::Conductor;\n// crate::serve\n".to_owned();

    assert_eq!(wrong(&[(path.clone(), text)]), [format!("{path} -> runtime")]);
}
