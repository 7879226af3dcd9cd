//! Methods that are defined in another file than their type: their callers depend on that file without naming it.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{ImplItemFn, Item, TraitItemFn, Type};

use crate::sources::Module;

/// By name, the methods whose type is not defined beside them, and their file. A name that several methods of the crate have is
/// left out: the call does not show which one is meant.
#[must_use]
pub fn away(
    modules: &[Module],
    is_defined_here: impl Fn(&Module, &str) -> bool,
) -> BTreeMap<String, &Module> {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for module in modules {
        let mut all = Names(Vec::new());
        for item in &module.items {
            all.visit_item(item);
            let Item::Impl(of) = item else { continue };
            let Type::Path(of_type) = &*of.self_ty else { continue };
            let Some(name) = of_type.path.segments.last() else { continue };
            if of.trait_.is_none() && !is_defined_here(module, &name.ident.to_string()) {
                let mut methods = Names(Vec::new());
                methods.visit_item(item);
                found.extend(methods.0.into_iter().map(|method| (method, module)));
            }
        }
        for name in all.0 {
            *names.entry(name).or_default() += 1;
        }
    }
    found.into_iter().filter(|(name, _)| names.get(name) == Some(&1)).collect()
}

struct Names(Vec<String>);

impl Visit<'_> for Names {
    fn visit_impl_item_fn(&mut self, method: &ImplItemFn) {
        self.0.push(method.sig.ident.to_string());
        visit::visit_impl_item_fn(self, method);
    }

    fn visit_trait_item_fn(&mut self, method: &TraitItemFn) {
        self.0.push(method.sig.ident.to_string());
        visit::visit_trait_item_fn(self, method);
    }
}

/// The methods that are called in the module, each with its line.
#[must_use]
pub fn called(module: &Module) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for item in &module.items {
        in_tokens(item.to_token_stream(), &mut found);
    }
    found
}

fn in_tokens(tokens: TokenStream, found: &mut Vec<(String, usize)>) {
    let mut dots = 0;
    let mut name: Option<(String, usize)> = None;
    for token in tokens {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '.' => (dots, name) = (dots + 1, None),
            TokenTree::Ident(ident) if dots == 1 => {
                name = Some((ident.to_string(), ident.span().start().line));
                dots = 0;
            }
            TokenTree::Group(group) => {
                if group.delimiter() == Delimiter::Parenthesis {
                    found.extend(name.take());
                }
                (dots, name) = (0, None);
                in_tokens(group.stream(), found);
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => (dots, name) = (0, None),
        }
    }
}
