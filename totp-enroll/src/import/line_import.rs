//! Imports a file line by line: everything is checked before anything is written. Only the positions of the lines are kept,
//! sorted by user, so that memory hardly grows with the file.

use super::file_format::{Exports, FileFormat};
use super::line_report::{LineDryRun, remark_bad};
use super::lines::{BadLine, EnrolledLine, LinePosition, LineReader, by_user, user_hash};
use super::new_users::{
    self, BATCH, ImportPlan, ImportRules, ImportRun, NewUser, Told, interrupted, shared_counter,
};
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use std::collections::{BTreeSet, HashMap};
use totp_core::factor::FactorKind;
use totp_core::token::{Fingerprint, Fingerprinter};

/// A file to import, and the rules for its lines.
pub(super) struct LineImport<'a> {
    pub(super) context: &'a Context,
    pub(super) lines: LineReader,
    pub(super) rules: ImportRules<'a>,
}

/// What each line by itself is.
#[derive(Default)]
pub(super) struct Survey {
    /// Of lines to import, sorted by user.
    pub(super) positions: Vec<LinePosition>,
    pub(super) enrolled: Vec<EnrolledLine>,
    pub(super) bad: Vec<BadLine>,
}

/// The secrets of the lines so far.
#[derive(Default)]
struct SecretsOfLines {
    fingerprinter: Fingerprinter,
    /// The hash of the user, and the line.
    known: HashMap<Fingerprint, (u64, usize)>,
}

impl SecretsOfLines {
    /// Notes those of a user's line; an earlier line of another user with one of them.
    fn line_of_another(&mut self, user: u64, new_user: &NewUser, line: usize) -> Option<(FactorKind, usize)> {
        let mut found = None;
        for draft in &new_user.drafts {
            let secret = draft.fingerprint(&self.fingerprinter);
            let (other, first) = *self.known.entry(secret).or_insert((user, line));
            if other != user {
                found.get_or_insert((draft.factor().kind(), first));
            }
        }
        found
    }
}

impl LineImport<'_> {
    /// Refuses `--user` for a file that does not have exactly one line.
    pub(super) fn check_count(&self, lines: usize) -> Result<(), CommandError> {
        match &self.rules.format {
            FileFormat::Uri(Some(_)) if lines != 1 => {
                let problem = format!(
                    "--user needs a file with exactly one URI, and this one has {lines}; nothing was imported"
                );
                Err(CommandError::refused(problem))
            }
            FileFormat::Oath | FileFormat::Uri(_) => Ok(()),
        }
    }

    /// Checks each line by itself.
    pub(super) fn survey(&self) -> Result<Survey, CommandError> {
        let mut survey = Survey::default();
        let bar = output::byte_progress_bar(self.context.format, "checking", self.lines.length()?);
        let mut offset = 0;
        let (mut exports, mut secrets) = (Exports::default(), SecretsOfLines::default());
        let unit = self.lines.unit();
        for line in 1.. {
            let Some(read) = self.lines.at(offset)? else { break };
            if let Some(part) = self.rules.format.part(&read.text) {
                exports.note(part, line);
            }
            let mut plan = ImportPlan::new(&self.rules);
            plan.add(line, &read);
            for new_user in plan.new_users.values() {
                let user = user_hash(&new_user.account.user);
                match secrets.line_of_another(user, new_user, line) {
                    Some((FactorKind::Hotp, first)) => {
                        let of = format!("{unit} {first}, which is another user's");
                        let advice = format!("find out who has the token, and remove the other {unit}");
                        let problem = shared_counter(&of, &advice);
                        survey.bad.push(BadLine { line, problem });
                        continue;
                    }
                    Some((FactorKind::Totp, first)) => {
                        let problem = format!(
                            "note: has the secret of {unit} {first}, which is another user's: a code of one is valid for both"
                        );
                        remark_bad(self.context, self.lines.name(), unit, &[BadLine { line, problem }]);
                    }
                    None => {}
                }
                survey.positions.push(LinePosition { user, line, offset });
            }
            survey.enrolled.append(&mut plan.enrolled);
            survey.bad.append(&mut plan.bad);
            bar.inc(read.next.saturating_sub(offset));
            offset = read.next;
        }
        bar.finish_and_clear();
        survey.positions.sort_unstable();
        survey.bad.extend(exports.incomplete());
        Ok(survey)
    }

    /// Checks the lines of each user with several lines for conflicts.
    pub(super) fn check_together(&self, positions: &[LinePosition]) -> Result<Vec<BadLine>, CommandError> {
        let mut bad = Vec::new();
        for lines in by_user(positions).filter(|lines| lines.len() > 1) {
            bad.append(&mut self.plan(lines)?.bad);
        }
        Ok(bad)
    }

    /// Reads the lines of one user again.
    ///
    /// # Errors
    /// If the file has changed.
    pub(super) fn plan(&self, positions: &[LinePosition]) -> Result<ImportPlan<'_>, CommandError> {
        let mut plan =
            ImportPlan::of_user(&self.rules, positions.first().map_or(0, |position| position.user));
        let mut before = 0;
        for position in positions {
            if let Some(line) = self.lines.at(position.offset)? {
                plan.add(position.line, &line);
            }
            let is_this_user = plan.new_users.keys().all(|user| user_hash(user) == position.user);
            let drafts = plan.new_users.values().map(|new_user| new_user.drafts.len()).sum::<usize>();
            let count = drafts.saturating_add(plan.bad.len()).saturating_add(plan.enrolled.len());
            if !is_this_user || std::mem::replace(&mut before, count) == count {
                let problem = format!(
                    "line {} has changed during the import; run it again when the file no longer changes",
                    position.line
                );
                return Err(CommandError::refused(problem));
            }
        }
        Ok(plan)
    }

    /// Enrols all users in batches: a batch waits for the disk a few times, whatever its size.
    pub(super) fn enrol_all(
        &self,
        positions: &[LinePosition],
        bad: &[BadLine],
        told: Told,
    ) -> Result<usize, CommandError> {
        let run = ImportRun { context: self.context, from: self.rules.format.name(), told };
        run.announced(by_user(positions).count(), || self.enrol_batches(positions, bad, run))
    }

    fn enrol_batches(
        &self,
        positions: &[LinePosition],
        bad: &[BadLine],
        run: ImportRun<'_>,
    ) -> Result<usize, CommandError> {
        let bad: BTreeSet<usize> = bad.iter().map(|bad| bad.line).collect();
        let bar = output::progress_bar(self.context.format, "importing", by_user(positions).count());
        let mut imported = 0usize;
        let mut batch = Vec::with_capacity(BATCH);
        let mut users = by_user(positions).peekable();
        while let Some(lines) = users.next() {
            let plan = self.plan(lines).map_err(|error| interrupted(error, imported))?;
            let new = plan.bad.iter().find(|new| !bad.contains(&new.line));
            if let Some(BadLine { line, problem }) = new {
                let problem =
                    format!("line {line} passed the check before the import, but fails now: {problem}");
                return Err(interrupted(CommandError::refused(problem), imported));
            }
            if let Some(EnrolledLine { line, user, .. }) = plan.enrolled.first() {
                let problem =
                    format!("line {line}: {user} was enrolled by another command during the import");
                return Err(interrupted(CommandError::refused(problem), imported));
            }
            batch.extend(plan.new_users.into_values());
            if batch.len() >= BATCH || users.peek().is_none() {
                let size = batch.len();
                new_users::enrol(run, &mut batch).map_err(|error| interrupted(error, imported))?;
                imported = imported.saturating_add(size);
                bar.inc(size as u64);
            }
        }
        bar.finish_and_clear();
        Ok(imported)
    }

    /// `--dry-run`: which users would be enrolled, in the order of the file, and with which parameters; no secret.
    pub(super) fn dry_run(&self, survey: Survey) -> Result<LineDryRun, CommandError> {
        let Survey { positions, enrolled, bad } = survey;
        let mut users: Vec<&[LinePosition]> = by_user(&positions).collect();
        users.sort_by_key(|lines| lines.first().map(|position| position.line));
        let mut document = LineDryRun::of(enrolled, bad);
        for lines in users {
            self.plan(lines)?.new_users.values().for_each(|new_user| document.add(new_user));
        }
        Ok(document)
    }
}
