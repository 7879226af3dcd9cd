//! Where values of a type are made: `Type { … }`, `Type(…)`, and `Self` of either shape in its own methods.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Item, ItemImpl, Type};

use crate::paths;
use crate::sources::Module;

/// The lines of the module that make a value of the type of this name, or take one apart by naming its fields.
#[must_use]
pub fn makes(module: &Module, name: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    for item in &module.items {
        let tokens = item.to_token_stream();
        in_tokens(tokens.clone(), name, &mut lines);
        if matches!(item, Item::Impl(of) if is_of(of, name)) {
            in_tokens(tokens, "Self", &mut lines);
        }
    }
    lines.sort_unstable();
    lines
}

fn is_of(item: &ItemImpl, name: &str) -> bool {
    matches!(&*item.self_ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name))
}

fn in_tokens(tokens: TokenStream, name: &str, lines: &mut Vec<usize>) {
    // What is before the last token: `struct Name {`, `impl Name {`, `for Name {`, `-> Name {` make nothing.
    let mut before: [Option<String>; 2] = [None, None];
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            let [then, last] = &before;
            let declares = then
                .as_deref()
                .is_some_and(|then| ["struct", "enum", "impl", "for", "trait", ">"].contains(&then));
            if last.as_deref() == Some(name) && !declares && has_fields(group) {
                lines.push(group.span_open().start().line);
            }
            in_tokens(group.stream(), name, lines);
        }
        let [_, last] = before;
        before = [last, Some(token.to_string())];
    }
}

/// `{ .. }` and `(..)` are patterns that look at nothing.
fn has_fields(group: &Group) -> bool {
    matches!(group.delimiter(), Delimiter::Brace | Delimiter::Parenthesis)
        && group.stream().to_string() != ".."
}

/// The lines of the module that give the type of this name another, or derive for it what makes a value out of nothing or of another
/// value.
#[must_use]
pub fn remakes(module: &Module, name: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    for bound in paths::bound(module) {
        if bound.target.segments.last().is_some_and(|last| last == name) && bound.name != name {
            lines.push(bound.target.line);
        }
    }
    for item in &module.items {
        match item {
            Item::Type(alias) if paths_in(alias.ty.to_token_stream()).any(|last| last == name) => {
                lines.push(alias.ident.span().start().line);
            }
            Item::Struct(made) if made.ident == name && made.attrs.iter().any(derives_more) => {
                lines.push(made.ident.span().start().line);
            }
            _ => {}
        }
    }
    lines
}

fn paths_in(tokens: TokenStream) -> impl Iterator<Item = String> {
    let mut found = Vec::new();
    paths::in_tokens(tokens, &mut found);
    found.into_iter().filter_map(|path| path.segments.last().cloned())
}

/// Whether anything but `Debug` is derived.
fn derives_more(attribute: &Attribute) -> bool {
    attribute.path().is_ident("derive")
        && paths_in(attribute.meta.to_token_stream())
            .any(|derived| !["derive", "Debug"].contains(&derived.as_str()))
}
