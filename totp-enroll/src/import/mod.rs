//! `import`: enrolments from another program's file. Everything is read and checked before anything is written; of what was
//! read only the places of the lines are kept, sorted by user, so that memory hardly grows with the file.

mod dry_run;
mod form;
mod google_authenticator;
mod homes;
mod lines;
mod migration;
mod newcomer;
mod oath;
mod plan;
mod secret_files;
mod token;
mod uri;

use crate::account::Unknown;
use crate::cli::{Import, Source};
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::progress;
use form::Form;
use lines::Lines;
use newcomer::BATCH;
use plan::{Plan, Terms};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use totp_core::user::User;

/// A line that cannot be taken over.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct BadLine {
    line: usize,
    problem: String,
}

/// What is to be done about bad lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnBadLine {
    Stop,
    Skip,
}

/// Where a good line is, and whose. Lines of one user sort together, in the order of the file; so may, once in a while, those
/// of two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    user: u64,
    line: usize,
    offset: u64,
}

pub(crate) fn run(desk: &Desk, command: &Import) -> Result<(), Failure> {
    let (form, source) = match command {
        Import::Oath(source) => (Form::Oath, source),
        Import::GoogleAuthenticator(options) => return secret_files::run(desk, options),
        Import::Uri { source, user } => (Form::Uri(user.clone()), source),
    };
    let Source { file, allow_unknown, keep_going, dry_run } = source;
    let on_bad_line = if *keep_going { OnBadLine::Skip } else { OnBadLine::Stop };
    let unknown = if *allow_unknown { Unknown::Allowed } else { Unknown::Refused };
    let lines = Lines::open(file)?;
    desk.keyring()?;
    if !dry_run {
        desk.store.prepare()?;
    }
    let nobody_enrolled = matches!(desk.config.paths.state.try_exists(), Ok(false));
    let import = Intake { lines, terms: Terms { desk, form, unknown, nobody_enrolled } };
    let (places, mut bad) = import.survey()?;
    import.check_count(places.len().saturating_add(bad.len())).map_err(|failure| failure.at(file, None))?;
    bad.extend(import.check_together(&places)?);
    bad.sort_by_key(|bad| bad.line);
    report(desk, file, &bad, on_bad_line)?;
    if *dry_run {
        return import.foretell(&places, bad);
    }
    let imported = import.enrol_all(&places, &bad)?;
    done(desk, imported, bad)
}

/// An import under way.
struct Intake<'a> {
    lines: Lines,
    terms: Terms<'a>,
}

impl Intake<'_> {
    /// A name that was given is that of one line: of more, all but one would be somebody else's.
    fn check_count(&self, lines: usize) -> Result<(), Failure> {
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
    fn survey(&self) -> Result<(Vec<Place>, Vec<BadLine>), Failure> {
        let (mut places, mut bad) = (Vec::new(), Vec::new());
        let bar = progress::of_bytes(self.terms.desk, "checking", self.lines.length()?);
        let mut offset = 0;
        let mut exports = Exports::default();
        for line in 1.. {
            let Some(read) = self.lines.at(offset)? else { break };
            if let Some(part) = self.terms.form.part(&read.text) {
                exports.note(part, line);
            }
            let mut plan = Plan::new(&self.terms);
            plan.take(line, &read);
            places.extend(plan.newcomers.keys().map(|user| Place { user: mark(user), line, offset }));
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
    fn check_together(&self, places: &[Place]) -> Result<Vec<BadLine>, Failure> {
        let mut bad = Vec::new();
        for lines in by_user(places).filter(|lines| lines.len() > 1) {
            bad.append(&mut self.plan(lines)?.bad);
        }
        Ok(bad)
    }

    /// Reads lines again that were good by themselves.
    fn plan(&self, places: &[Place]) -> Result<Plan<'_>, Failure> {
        let mut plan = Plan::of_user(&self.terms, places.first().map_or(0, |place| place.user));
        let mut before = 0;
        for place in places {
            if let Some(line) = self.lines.at(place.offset)? {
                plan.take(place.line, &line);
            }
            let of_this_user = plan.newcomers.keys().all(|user| mark(user) == place.user);
            let drafts = plan.newcomers.values().map(|newcomer| newcomer.drafts.len()).sum::<usize>();
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
    fn enrol_all(&self, places: &[Place], bad: &[BadLine]) -> Result<usize, Failure> {
        let bad: BTreeSet<usize> = bad.iter().map(|bad| bad.line).collect();
        let bar = progress::bar(self.terms.desk, "importing", by_user(places).count());
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
            batch.extend(plan.newcomers.into_values());
            if batch.len() >= BATCH || users.peek().is_none() {
                let size = batch.len();
                newcomer::enrol(self.terms.desk, self.terms.form.name(), &mut batch)
                    .map_err(|failure| cut_short(failure, imported))?;
                imported = imported.saturating_add(size);
                bar.inc(size as u64);
            }
        }
        bar.finish_and_clear();
        Ok(imported)
    }
}

/// Exports of which one QR code is a part: whose in the others are would be lost without a word.
#[derive(Default)]
struct Exports(BTreeMap<i32, Export>);

struct Export {
    first_line: usize,
    of: usize,
    seen: BTreeSet<usize>,
}

impl Exports {
    fn note(&mut self, part: migration::Part, line: usize) {
        let export = Export { first_line: line, of: part.of, seen: BTreeSet::new() };
        self.0.entry(part.id).or_insert(export).seen.insert(part.index);
    }

    fn incomplete(self) -> impl Iterator<Item = BadLine> {
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

fn mark(user: &User) -> u64 {
    let mut hasher = DefaultHasher::new();
    user.hash(&mut hasher);
    hasher.finish()
}

fn by_user(places: &[Place]) -> impl Iterator<Item = &[Place]> {
    places.chunk_by(|one, other| one.user == other.user)
}

fn cut_short(failure: Failure, imported: usize) -> Failure {
    failure.explained(|problem| {
        format!("{problem}; {imported} users are imported for certain: \"totp-enroll list\" shows them; mend it and run this again with --keep-going")
    })
}

/// Names every bad line; stops unless they are to be skipped.
fn report(desk: &Desk, file: &Path, bad: &[BadLine], on_bad_line: OnBadLine) -> Result<(), Failure> {
    if desk.format == Format::Text {
        for BadLine { line, problem } in bad {
            output::remark(&format!("{} line {line}: {problem}", file.display()));
        }
    }
    match (bad.first(), on_bad_line) {
        (Some(first), OnBadLine::Stop) if desk.format == Format::Json => {
            Err(Failure::refused(format!("{}; nothing was imported", first.problem))
                .at(file, Some(first.line)))
        }
        (Some(_), OnBadLine::Stop) => {
            let problem = format!("{} bad lines; nothing was imported; --keep-going skips them", bad.len());
            Err(Failure::refused(problem).at(file, None))
        }
        (Some(_), OnBadLine::Skip) | (None, _) => Ok(()),
    }
}

fn done(desk: &Desk, imported: usize, skipped: Vec<BadLine>) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Document {
        imported: usize,
        skipped: Vec<BadLine>,
    }
    let count = skipped.len();
    match desk.format {
        Format::Json => output::document(&Document { imported, skipped })?,
        Format::Text => {
            output::line(&format!("{imported} users imported, {count} lines skipped"))?;
            output::line("they have no recovery codes yet: \"totp-enroll recovery-codes USER\" makes them")?;
        }
    }
    Ok(())
}
