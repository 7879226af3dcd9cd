//! Arrows that come back to where they began.

use std::collections::{BTreeMap, BTreeSet};

use crate::arrows::Arrow;

/// The circles: each the modules that reach one another, with the arrows between them.
#[must_use]
pub fn circles(arrows: &[Arrow]) -> Vec<Vec<&Arrow>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for arrow in arrows {
        next.entry(&arrow.from).or_default().insert(&arrow.to);
    }
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        next.keys().map(|from| (*from, reached(&next, from))).collect();
    let meets = |a: &str, b: &str| reach.get(a).is_some_and(|reached| reached.contains(b));
    let mut found: BTreeMap<&str, Vec<&Arrow>> = BTreeMap::new();
    for arrow in arrows.iter().filter(|arrow| meets(&arrow.to, &arrow.from)) {
        let first = next.keys().find(|name| meets(name, &arrow.from) && meets(&arrow.from, name)).copied();
        found.entry(first.unwrap_or(&arrow.from)).or_default().push(arrow);
    }
    found.into_values().collect()
}

fn reached<'a>(next: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut ahead: Vec<&str> = next.get(from).into_iter().flatten().copied().collect();
    while let Some(name) = ahead.pop() {
        if found.insert(name) {
            ahead.extend(next.get(name).into_iter().flatten());
        }
    }
    found
}
