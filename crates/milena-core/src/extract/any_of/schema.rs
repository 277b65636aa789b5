//! The schema of what has one of several: `anyOf` with the definitions of all.

use crate::handler::Schema;
use serde_json::{Map, Value};

type Object = Map<String, Value>;

const DEFS: &str = "$defs";

/// The schema of what has one of these, where nothing is known of one that is `None`; `None` if nothing is
/// known of any.
pub(super) fn any_of(schemas: [Option<Schema>; 2]) -> Option<Schema> {
    if schemas.iter().all(Option::is_none) {
        return None;
    }
    let (mut definitions, mut members) = (Object::new(), Vec::new());
    for schema in schemas {
        match schema.map(Schema::to_value) {
            Some(Value::Object(schema)) => members.extend(lift(schema, &mut definitions)),
            other => members.push(other.unwrap_or(Value::Bool(true))),
        }
    }
    let mut whole = Object::from_iter([("anyOf".to_owned(), Value::Array(members))]);
    if !definitions.is_empty() {
        whole.insert(DEFS.to_owned(), Value::Object(definitions));
    }
    Some(whole.into())
}

/// Takes the definitions out of a schema that stood alone and is to stand beside others. What is left is
/// itself, or its alternatives.
fn lift(mut schema: Object, definitions: &mut Object) -> Vec<Value> {
    schema.remove("$schema");
    let mut own = match schema.remove(DEFS) {
        Some(Value::Object(own)) => own,
        _ => Object::new(),
    };
    let title = schema.get("title").and_then(Value::as_str).unwrap_or("Value").to_owned();
    let mut whole = Value::Object(schema);
    // What refers to itself as all there is becomes a definition.
    let is_recursive = refers(&mut whole) || own.values_mut().any(refers);
    let mut names = names(&own, definitions);
    if is_recursive {
        let name = free(&title, |name| own.contains_key(name) || definitions.contains_key(name));
        names.push(("#".to_owned(), name.clone()));
        own.insert(name, std::mem::take(&mut whole));
        whole = serde_json::json!({ "$ref": "#" });
    }
    rename(&mut whole, &names);
    for (name, mut definition) in own {
        rename(&mut definition, &names);
        let old = reference(&name);
        let new = names.iter().find(|(it, _)| *it == old).map(|(_, new)| new.clone());
        definitions.insert(new.unwrap_or(name), definition);
    }
    alternatives(whole)
}

/// The name of each definition among those that are there: another one for what is another thing.
fn names(own: &Object, definitions: &Object) -> Vec<(String, String)> {
    let name = |(name, definition): (&String, &Value)| {
        let is_taken = definitions.get(name).is_some_and(|other| other != definition);
        let taken = |new: &str| definitions.contains_key(new) || own.contains_key(new);
        (reference(name), if is_taken { free(name, taken) } else { name.clone() })
    };
    own.iter().map(name).collect()
}

/// The name, with a number behind it if it is taken.
fn free(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{name}{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
}

fn reference(name: &str) -> String {
    format!("#/{DEFS}/{name}")
}

fn refers(schema: &mut Value) -> bool {
    let mut found = false;
    each_reference(schema, &mut |reference| found |= reference == "#");
    found
}

fn rename(schema: &mut Value, names: &[(String, String)]) {
    each_reference(schema, &mut |it| {
        if let Some((_, new)) = names.iter().find(|(old, _)| old == it) {
            *it = reference(new);
        }
    });
}

fn each_reference(schema: &mut Value, see: &mut impl FnMut(&mut String)) {
    match schema {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| match value {
            Value::String(reference) if name == "$ref" => see(reference),
            value => each_reference(value, see),
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| each_reference(item, see)),
        _ => {}
    }
}

/// What a schema allows: itself, or each of several.
fn alternatives(schema: Value) -> Vec<Value> {
    match schema {
        Value::Object(mut only) if only.len() == 1 => match only.remove("anyOf") {
            Some(Value::Array(members)) => members,
            Some(other) => vec![serde_json::json!({ "anyOf": other })],
            None => vec![Value::Object(only)],
        },
        schema => vec![schema],
    }
}
