//! Things are small, and `unsafe` is in its place.

use syn::{
    ImplItemFn, Item, ItemFn, TraitItemFn, UseTree, Visibility,
    spanned::Spanned,
    visit::{self, Visit},
};

const FILE_LINES: usize = 300;
const FUNCTION_LINES: usize = 40;
const ROOT_NAMES: usize = 25;

/// The files with `unsafe`: the driver's calls of librdkafka, and a benchmark's that are written as a
/// user would write them by hand. The first is long, because there is to be one.
const UNSAFE: [&str; 2] = ["crates/milena-rdkafka/src/native.rs", "benches/src/reference/raw.rs"];

/// What a file does that it should not.
fn faults(path: &str, text: &str) -> Vec<String> {
    let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut seen = Seen::default();
    seen.visit_file(&file);
    let lines = text.lines().count() - seen.test_lines;
    let mut faults = Vec::new();
    if lines > FILE_LINES && path != UNSAFE[0] {
        faults.push(format!("{path} has {lines} lines, more than {FILE_LINES}"));
    }
    for (name, lines) in seen.functions.into_iter().filter(|(_, lines)| *lines > FUNCTION_LINES) {
        faults.push(format!("{path}: `{name}` has {lines} lines, more than {FUNCTION_LINES}"));
    }
    if seen.is_unsafe && !UNSAFE.contains(&path) {
        faults.push(format!("{path} has `unsafe`"));
    }
    if path.starts_with("crates/") && path.ends_with("src/lib.rs") {
        let names = root_names(&file.items);
        if names > ROOT_NAMES {
            faults.push(format!("{path} has {names} names, more than {ROOT_NAMES}"));
        }
    }
    faults
}

/// What is in a file.
#[derive(Default)]
struct Seen {
    functions: Vec<(String, usize)>,
    test_lines: usize,
    is_unsafe: bool,
}

impl Seen {
    fn function(&mut self, name: &syn::Ident, whole: &impl Spanned) {
        // As clippy counts them: without the braces.
        self.functions.push((name.to_string(), lines(whole).saturating_sub(2)));
    }
}

impl<'ast> Visit<'ast> for Seen {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg")) {
            self.test_lines += lines(item);
        } else {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.sig.ident, &item.block);
        self.is_unsafe |= item.sig.unsafety.is_some();
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(&item.sig.ident, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig.ident, body);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.is_unsafe |= item.unsafety.is_some();
        visit::visit_item_impl(self, item);
    }

    fn visit_expr_unsafe(&mut self, _: &'ast syn::ExprUnsafe) {
        self.is_unsafe = true;
    }
}

fn lines(of: &impl Spanned) -> usize {
    let span = of.span();
    span.end().line - span.start().line + 1
}

/// How many names a user sees at the root of a crate; features count as switched on.
fn root_names(items: &[Item]) -> usize {
    let public = |visibility: &Visibility| matches!(visibility, Visibility::Public(_));
    let is_shown = |it: &syn::ItemMod| public(&it.vis) && !is_hidden(&it.attrs);
    let mut names = std::collections::BTreeSet::new();
    for item in items {
        match item {
            Item::Use(it) if public(&it.vis) => leaves(&it.tree, &mut names),
            Item::Mod(it) if is_shown(it) => drop(names.insert(it.ident.to_string())),
            Item::Struct(it) if public(&it.vis) => drop(names.insert(it.ident.to_string())),
            Item::Enum(it) if public(&it.vis) => drop(names.insert(it.ident.to_string())),
            Item::Trait(it) if public(&it.vis) => drop(names.insert(it.ident.to_string())),
            Item::Fn(it) if public(&it.vis) => drop(names.insert(it.sig.ident.to_string())),
            Item::Type(it) if public(&it.vis) => drop(names.insert(it.ident.to_string())),
            Item::Const(it) if public(&it.vis) => drop(names.insert(it.ident.to_string())),
            _ => {}
        }
    }
    names.len()
}

/// Whether it is not for users.
fn is_hidden(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|it| {
        it.path().is_ident("doc") && it.parse_args::<syn::Ident>().is_ok_and(|it| it == "hidden")
    })
}

fn leaves(tree: &UseTree, names: &mut std::collections::BTreeSet<String>) {
    match tree {
        UseTree::Path(path) => leaves(&path.tree, names),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, names)),
        UseTree::Name(name) => drop(names.insert(name.ident.to_string())),
        UseTree::Rename(rename) => drop(names.insert(rename.rename.to_string())),
        UseTree::Glob(_) => panic!("a glob hides what a root has"),
    }
}

#[test]
fn files_functions_and_roots_are_small_and_unsafe_is_in_its_place() {
    let faults: Vec<_> =
        super::sources().iter().flat_map(|(path, text)| faults(path, text)).collect();

    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn what_is_not_tidy_is_found() {
    let long = format!("fn long() {{\n{}}}\n", "let _ = 1;\n".repeat(41));
    let wide: String = (0..26).map(|i| format!("pub fn f{i}() {{}}\n")).collect();
    let big = "// line\n".repeat(301);

    assert_eq!(faults("a.rs", &long), ["a.rs: `long` has 41 lines, more than 40"]);
    assert_eq!(faults("a.rs", &big), ["a.rs has 301 lines, more than 300"]);
    assert_eq!(faults("a.rs", "fn f() { unsafe { g() } }"), ["a.rs has `unsafe`"]);
    let lib = "crates/x/src/lib.rs";
    assert_eq!(faults(lib, &wide), [format!("{lib} has 26 names, more than 25")]);
    let hidden = wide.replacen("pub fn f0() {}", "#[doc(hidden)] pub mod f0 {}", 1);
    assert!(faults(lib, &hidden).is_empty());
    assert!(faults("a.rs", &format!("#[cfg(test)]\nmod tests {{\n{big}}}")).is_empty());
}
