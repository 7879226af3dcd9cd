//! Which module depends on which: an arrow from the module that names or calls something to the one that defines it.
//!
//! What is handed on (`pub use`) is followed to where it is defined, and handing it on is no arrow by itself: a module may
//! offer what its rooms make to others, as long as they do not need the module in turn.

use std::collections::{BTreeMap, BTreeSet};

use syn::Item;

use crate::methods;
use crate::paths::{self, Bound};
use crate::sources::Module;

/// One module names something that another defines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    /// The module that names it.
    pub from: String,
    /// Where it is defined.
    pub to: String,
    /// As it is written.
    pub what: String,
    /// Where: the file and its line.
    pub at: String,
}

/// The arrows between the modules of one crate.
#[must_use]
pub fn arrows(modules: &[Module]) -> Vec<Arrow> {
    let map = Map::of(modules);
    let mut found = Vec::new();
    for module in modules {
        let bound = map.bound.get(&module.path).map_or(&[][..], Vec::as_slice);
        let named = paths::named(module);
        let imported =
            bound.iter().filter(|bound| !bound.handed_on).map(|bound| (Some(bound), &bound.target));
        for (import, path) in imported.chain(named.iter().map(|named| (None, named))) {
            let Some(to) = map.definer(&module.path, &path.segments, import.is_some()) else { continue };
            // To import a module is to name nothing of it yet.
            let is_module = import.is_some_and(|bound| bound.name != "*")
                && map.is_module(&module.path, &path.segments, HANDS);
            if to != module.path && !is_module {
                found.push(Arrow {
                    from: module.name(),
                    to: if to.is_empty() { "crate".to_owned() } else { to.join("::") },
                    what: path.segments.join("::"),
                    at: format!("{}:{}", module.file.display(), path.line),
                });
            }
        }
    }
    let away = methods::away(modules, |module, name| {
        let defined = map.definer(&module.path, &[name.to_owned()], true);
        defined.is_none_or(|defined| defined == module.path)
    });
    for module in modules {
        for (name, line) in methods::called(module) {
            let Some(to) = away.get(&name).filter(|to| to.path != module.path) else { continue };
            found.push(Arrow {
                from: module.name(),
                to: to.name(),
                what: format!(".{name}()"),
                at: format!("{}:{line}", module.file.display()),
            });
        }
    }
    found.sort();
    found.dedup_by(|a, b| (&a.from, &a.to) == (&b.from, &b.to));
    found
}

/// What can be named where.
struct Map {
    bound: BTreeMap<Vec<String>, Vec<Bound>>,
    /// The functions and constants of each module: they may have the name of a module beside them.
    values: BTreeMap<Vec<String>, BTreeSet<String>>,
}

/// What a path leads to.
enum Found {
    /// A module itself.
    Module(Vec<String>),
    /// Something that this module defines.
    Item(Vec<String>),
}

/// More hands than a name passes through; two that hand on to each other end here.
const HANDS: usize = 16;

impl Map {
    fn of(modules: &[Module]) -> Self {
        Self {
            bound: modules.iter().map(|module| (module.path.clone(), paths::bound(module))).collect(),
            values: modules.iter().map(|module| (module.path.clone(), values(module))).collect(),
        }
    }

    /// The module that defines what `path` names in `here`; none if it is not of this crate, or is a name of `here`'s own.
    fn definer(&self, here: &[String], path: &[String], import: bool) -> Option<Vec<String>> {
        match self.follow(here, path, import, HANDS)? {
            Found::Module(module) | Found::Item(module) => Some(module),
        }
    }

    fn is_module(&self, here: &[String], path: &[String], hands: usize) -> bool {
        matches!(self.follow(here, path, true, hands), Some(Found::Module(_)))
    }

    fn follow(&self, here: &[String], path: &[String], import: bool, hands: usize) -> Option<Found> {
        let hands = hands.checked_sub(1)?;
        let (first, rest) = path.split_first()?;
        if rest.is_empty() && !import && matches!(first.as_str(), "crate" | "self" | "super") {
            // `pub(crate)`, or a method's own object.
            return None;
        }
        match first.as_str() {
            "crate" => self.descend(&[], rest, hands),
            "self" => self.descend(here, rest, hands),
            // In a module that is written inside the file this is the file's own; it is then taken for its parent's, where nothing is found.
            "super" => {
                let (_, parent) = here.split_last()?;
                if rest.first().is_some_and(|next| next == "super") {
                    return self.follow(parent, rest, import, hands);
                }
                self.descend(parent, rest, hands)
            }
            first => {
                if self.bound.contains_key(&below(here, first)) {
                    // A module's name alone is a variable or a field that is named like it.
                    return if rest.is_empty() && !import {
                        None
                    } else {
                        self.descend(&below(here, first), rest, hands)
                    };
                }
                let bound = self.bound.get(here)?.iter().find(|bound| bound.name == first)?;
                if rest.is_empty() && self.is_module(here, &bound.target.segments, hands) {
                    return None;
                }
                let whole: Vec<String> = bound.target.segments.iter().chain(rest).cloned().collect();
                // `use name::…` of another crate binds its own first name: not of this crate.
                if whole.first().is_some_and(|again| again == first) && bound.target.segments.len() == 1 {
                    return None;
                }
                self.follow(here, &whole, true, hands)
            }
        }
    }

    /// From a module that is one, down the path: modules, then what the last of them defines or was handed.
    fn descend(&self, module: &[String], path: &[String], hands: usize) -> Option<Found> {
        let Some((first, rest)) = path.split_first() else { return Some(Found::Module(module.to_vec())) };
        if first == "super" {
            return self.follow(module, path, true, hands);
        }
        if rest.is_empty() && self.values.get(module)?.contains(first) {
            return Some(Found::Item(module.to_vec()));
        }
        let inner = below(module, first);
        if self.bound.contains_key(&inner) {
            return self.descend(&inner, rest, hands);
        }
        let handed = self.bound.get(module)?.iter().find(|bound| &bound.name == first);
        match handed {
            Some(bound) => {
                let whole: Vec<String> = bound.target.segments.iter().chain(rest).cloned().collect();
                self.follow(module, &whole, true, hands)
            }
            None => Some(Found::Item(module.to_vec())),
        }
    }
}

fn values(module: &Module) -> BTreeSet<String> {
    let name = |item: &Item| match item {
        Item::Fn(item) => Some(item.sig.ident.to_string()),
        Item::Const(item) => Some(item.ident.to_string()),
        Item::Static(item) => Some(item.ident.to_string()),
        _ => None,
    };
    module.items.iter().filter_map(name).collect()
}

fn below(module: &[String], name: &str) -> Vec<String> {
    module.iter().cloned().chain([name.to_owned()]).collect()
}
