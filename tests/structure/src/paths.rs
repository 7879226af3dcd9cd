//! What is named in a module: the paths in its code, also in its macros, and what its `use` items bind.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::Visit;
use syn::{Item, ItemUse, UseTree, Visibility};

use crate::sources::Module;

/// A path as it is written in code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its segments; generics are left out.
    pub segments: Vec<String>,
    /// The line that it begins on.
    pub line: usize,
}

/// A name that a `use` item binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The name; `*` for a glob, `_` for a trait that is bound to no name.
    pub name: String,
    /// What it names.
    pub target: Named,
    /// Whether it is handed on (`pub use`, to whomever).
    pub handed_on: bool,
}

/// Every path in the code of the module, but for those of its `use` items and of modules in other files.
#[must_use]
pub fn named(module: &Module) -> Vec<Named> {
    let mut found = Vec::new();
    items(&module.items, &mut |item| match item {
        Item::Use(_) | Item::Mod(_) => {}
        other => in_tokens(other.to_token_stream(), &mut found),
    });
    found
}

/// What the `use` items of the module bind, those inside its functions included.
#[must_use]
pub fn bound(module: &Module) -> Vec<Bound> {
    let mut found = Imports(Vec::new());
    items(&module.items, &mut |item| found.visit_item(item));
    found.0
}

struct Imports(Vec<Bound>);

impl Visit<'_> for Imports {
    fn visit_item_use(&mut self, import: &ItemUse) {
        let handed_on = !matches!(import.vis, Visibility::Inherited);
        in_use(&import.tree, &mut Vec::new(), handed_on, &mut self.0);
    }
}

/// Each item, those of modules that are written inside this file included.
fn items(all: &[Item], each: &mut dyn FnMut(&Item)) {
    for item in all {
        match item {
            Item::Mod(module) => {
                items(module.content.as_ref().map_or(&[], |(_, inner)| inner.as_slice()), each);
            }
            other => each(other),
        }
    }
}

fn in_use(tree: &UseTree, before: &mut Vec<String>, handed_on: bool, found: &mut Vec<Bound>) {
    let mut bind = |name: String, last: Option<&syn::Ident>, line: usize| {
        let mut segments = before.clone();
        segments.extend(last.map(ToString::to_string).filter(|last| last != "self"));
        found.push(Bound { name, target: Named { segments, line }, handed_on });
    };
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            in_use(&path.tree, before, handed_on, found);
            before.pop();
        }
        UseTree::Name(name) => {
            let line = name.ident.span().start().line;
            let bound = if name.ident == "self" {
                before.last().cloned().unwrap_or_default()
            } else {
                name.ident.to_string()
            };
            bind(bound, Some(&name.ident), line);
        }
        UseTree::Rename(rename) => {
            bind(rename.rename.to_string(), Some(&rename.ident), rename.ident.span().start().line);
        }
        UseTree::Glob(glob) => {
            bind("*".to_owned(), None, glob.star_token.spans.first().map_or(0, |span| span.start().line));
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| in_use(tree, before, handed_on, found)),
    }
}

impl Named {
    /// Whether it begins with these segments.
    #[must_use]
    pub fn begins_with(&self, segments: &[&str]) -> bool {
        self.segments.len() >= segments.len() && self.segments.iter().zip(segments).all(|(a, b)| a == b)
    }
}

/// `a::b::c` in tokens, so that paths within macros are found too. Neither the name of a field or method (`.name`) is one, nor
/// where something may be seen (`pub(in a::b)`).
pub fn in_tokens(tokens: TokenStream, found: &mut Vec<Named>) {
    let mut path: Option<Named> = None;
    // How many of the colons of `::` were seen; whether a dot was.
    let (mut colons, mut dot) = (0, false);
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                match &mut path {
                    Some(path) if colons == 2 => path.segments.push(ident.to_string()),
                    _ => {
                        found.extend(path.take());
                        if !dot {
                            path = Some(Named {
                                segments: vec![ident.to_string()],
                                line: ident.span().start().line,
                            });
                        }
                    }
                }
                (colons, dot) = (0, false);
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => (colons, dot) = (colons + 1, false),
            TokenTree::Punct(punct) => {
                found.extend(path.take());
                // `..name` is a range or the rest of a struct, not a field.
                dot = punct.as_char() == '.' && !dot;
                colons = 0;
            }
            TokenTree::Group(group) => {
                let is_seen_there =
                    path.take_if(|path| path.segments == ["pub"]).is_some() && begins_with_in(group.stream());
                found.extend(path.take());
                (colons, dot) = (0, false);
                if !is_seen_there {
                    in_tokens(group.stream(), found);
                }
            }
            TokenTree::Literal(_) => {
                found.extend(path.take());
                (colons, dot) = (0, false);
            }
        }
    }
    found.extend(path);
}

fn begins_with_in(tokens: TokenStream) -> bool {
    matches!(tokens.into_iter().next(), Some(TokenTree::Ident(first)) if first == "in")
}
