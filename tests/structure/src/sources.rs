//! The modules of a crate, each a file, as `mod` declares them; nothing of what only tests see.

use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprLit, Item, ItemMod, Lit, Macro, Meta};

/// A module in its own file.
pub struct Module {
    /// Its path below the crate's root; the root's is empty.
    pub path: Vec<String>,
    /// Its file, below the directory that was read.
    pub file: PathBuf,
    /// Its items, without tests.
    pub items: Vec<Item>,
}

impl Module {
    /// Its path as it is written, `crate` for the root.
    #[must_use]
    pub fn name(&self) -> String {
        if self.path.is_empty() { "crate".to_owned() } else { self.path.join("::") }
    }
}

/// The modules of the crate whose root is `root` below `top`, the root first.
///
/// # Panics
///
/// Where a file is not there, or is not Rust, or takes code from where it is not read.
#[must_use]
pub fn modules(top: &Path, root: &str) -> Vec<Module> {
    let mut found = Vec::new();
    let root = Path::new(root);
    let children = root.parent().expect("a file lies in a directory").to_owned();
    read(top, root, &children, &[], &mut found);
    found
}

/// Reads `file`, whose modules' files lie in `children`.
fn read(top: &Path, file: &Path, children: &Path, path: &[String], found: &mut Vec<Module>) {
    let text =
        std::fs::read_to_string(top.join(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let items: Vec<Item> = parsed.items.into_iter().filter(|item| !only_in_tests(attributes(item))).collect();
    assert!(
        !hides_code(&items),
        "{}: code of it stands in a file that is not read as a module",
        file.display()
    );
    let declared: Vec<_> = items.iter().filter_map(declaration).collect();
    found.push(Module { path: path.to_vec(), file: file.to_owned(), items });
    for (name, elsewhere) in declared {
        let (file, inner) = match elsewhere {
            Some(elsewhere) => {
                let file = file.with_file_name(elsewhere);
                let inner = file.with_extension("");
                (file, inner)
            }
            None => {
                let beside = children.join(format!("{name}.rs"));
                let inner = children.join(&name);
                (if top.join(&beside).exists() { beside } else { inner.join("mod.rs") }, inner)
            }
        };
        let path: Vec<String> = path.iter().cloned().chain([name]).collect();
        read(top, &file, &inner, &path, found);
    }
}

/// Whether there is code that is found in another file without a `mod name;` of this one: by `include!`, or below a module that is
/// written inside the file.
fn hides_code(items: &[Item]) -> bool {
    struct Elsewhere(bool);
    impl<'ast> Visit<'ast> for Elsewhere {
        fn visit_macro(&mut self, called: &'ast Macro) {
            self.0 |= called.path.segments.last().is_some_and(|last| last.ident == "include");
        }

        fn visit_item_mod(&mut self, module: &'ast ItemMod) {
            let inner = module.content.as_ref().map_or(&[][..], |(_, inner)| inner.as_slice());
            let is_declared = |item: &Item| matches!(item, Item::Mod(inner) if inner.content.is_none());
            self.0 |= inner.iter().any(is_declared);
            visit::visit_item_mod(self, module);
        }
    }
    let mut elsewhere = Elsewhere(false);
    items.iter().for_each(|item| elsewhere.visit_item(item));
    elsewhere.0
}

/// The name and `#[path]` of `mod name;`.
fn declaration(item: &Item) -> Option<(String, Option<String>)> {
    let Item::Mod(module) = item else { return None };
    if module.content.is_some() {
        return None;
    }
    let elsewhere = module.attrs.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    Some((module.ident.to_string(), elsewhere))
}

/// Whether it has `#[cfg(test)]` or `#[test]`.
#[must_use]
pub fn only_in_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

/// The attributes of an item.
#[must_use]
pub fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
