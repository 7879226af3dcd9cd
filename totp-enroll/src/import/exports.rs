//! Exports of which one QR code is a part: whose in the others are would be lost without a word.

use super::bad_line::BadLine;
use super::migration;
use std::collections::{BTreeMap, BTreeSet};

/// Those of one file.
#[derive(Default)]
pub(super) struct Exports(BTreeMap<i32, Export>);

struct Export {
    first_line: usize,
    of: usize,
    seen: BTreeSet<usize>,
}

impl Exports {
    pub(super) fn note(&mut self, part: migration::Part, line: usize) {
        let export = Export { first_line: line, of: part.of, seen: BTreeSet::new() };
        self.0.entry(part.id).or_insert(export).seen.insert(part.index);
    }

    pub(super) fn incomplete(self) -> impl Iterator<Item = BadLine> {
        self.0.into_values().filter(|export| export.seen.len() < export.of).map(|export| {
            let Export { first_line, of, seen } = export;
            let missing = of.saturating_sub(seen.len());
            let problem = format!(
                "is one of {of} QR codes of an export, and {missing} of them are not in this file: add them, or export again"
            );
            BadLine { line: first_line, problem }
        })
    }
}
