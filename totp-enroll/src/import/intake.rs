//! An import under way: everything is read and checked before anything is written; of what was read only the places of the
//! lines are kept, sorted by user, so that memory hardly grows with the file.

use super::bad_line::BadLine;
use super::exports::Exports;
use super::form::Form;
use super::lines::Lines;
use super::new_user::{self, BATCH, cut_short};
use super::place::{Place, by_user, mark};
use super::plan::{Plan, Terms};
use crate::failure::Failure;
use crate::progress;
use std::collections::BTreeSet;

/// A file, and what decides about its lines.
pub(super) struct Intake<'a> {
    pub(super) lines: Lines,
    pub(super) terms: Terms<'a>,
}

impl Intake<'_> {
    /// A name that was given is that of one line: of more, all but one would be another user's.
    pub(super) fn check_count(&self, lines: usize) -> Result<(), Failure> {
        match &self.terms.form {
            Form::Uri(Some(_)) if lines != 1 => {
                let problem = format!(
                    "--user is for a file of exactly one URI, and here are {lines}; nothing was imported"
                );
                Err(Failure::refused(problem))
            }
            Form::Oath | Form::Uri(_) => Ok(()),
        }
    }

    /// Looks at each line by itself.
    pub(super) fn survey(&self) -> Result<(Vec<Place>, Vec<BadLine>), Failure> {
        let (mut places, mut bad) = (Vec::new(), Vec::new());
        let bar = progress::of_bytes(self.terms.context, "checking", self.lines.length()?);
        let mut offset = 0;
        let mut exports = Exports::default();
        for line in 1.. {
            let Some(read) = self.lines.at(offset)? else { break };
            if let Some(part) = self.terms.form.part(&read.text) {
                exports.note(part, line);
            }
            let mut plan = Plan::new(&self.terms);
            plan.take(line, &read);
            places.extend(plan.new_users.keys().map(|user| Place { user: mark(user), line, offset }));
            bad.append(&mut plan.bad);
            bar.inc(read.next.saturating_sub(offset));
            offset = read.next;
        }
        bar.finish_and_clear();
        places.sort_unstable();
        bad.extend(exports.incomplete());
        Ok((places, bad))
    }

    /// Looks at the lines of each user who has several.
    pub(super) fn check_together(&self, places: &[Place]) -> Result<Vec<BadLine>, Failure> {
        let mut bad = Vec::new();
        for lines in by_user(places).filter(|lines| lines.len() > 1) {
            bad.append(&mut self.plan(lines)?.bad);
        }
        Ok(bad)
    }

    /// Reads lines again that were good by themselves.
    pub(super) fn plan(&self, places: &[Place]) -> Result<Plan<'_>, Failure> {
        let mut plan = Plan::of_user(&self.terms, places.first().map_or(0, |place| place.user));
        let mut before = 0;
        for place in places {
            if let Some(line) = self.lines.at(place.offset)? {
                plan.take(place.line, &line);
            }
            let of_this_user = plan.new_users.keys().all(|user| mark(user) == place.user);
            let drafts = plan.new_users.values().map(|new_user| new_user.drafts.len()).sum::<usize>();
            let said = drafts.saturating_add(plan.bad.len());
            if !of_this_user || std::mem::replace(&mut before, said) == said {
                let problem =
                    format!("line {} is not what it was; the file was changed meanwhile", place.line);
                return Err(Failure::refused(problem));
            }
        }
        Ok(plan)
    }

    /// Enrols in batches: each waits for the disk a few times, whatever its size.
    pub(super) fn enrol_all(&self, places: &[Place], bad: &[BadLine]) -> Result<usize, Failure> {
        let bad: BTreeSet<usize> = bad.iter().map(|bad| bad.line).collect();
        let bar = progress::bar(self.terms.context, "importing", by_user(places).count());
        let mut imported = 0usize;
        let mut batch = Vec::with_capacity(BATCH);
        let mut users = by_user(places).peekable();
        while let Some(lines) = users.next() {
            let plan = self.plan(lines).map_err(|failure| cut_short(failure, imported))?;
            let new = plan.bad.iter().find(|new| !bad.contains(&new.line));
            if let Some(BadLine { line, problem }) = new {
                let problem = format!("line {line} was good when it was read first: {problem}");
                return Err(cut_short(Failure::refused(problem), imported));
            }
            batch.extend(plan.new_users.into_values());
            if batch.len() >= BATCH || users.peek().is_none() {
                let size = batch.len();
                new_user::enrol(self.terms.context, self.terms.form.name(), &mut batch)
                    .map_err(|failure| cut_short(failure, imported))?;
                imported = imported.saturating_add(size);
                bar.inc(size as u64);
            }
        }
        bar.finish_and_clear();
        Ok(imported)
    }
}
