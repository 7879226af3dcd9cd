//! `import`: enrolments from another program's file, all of them or, where a line is bad, none unless that is asked for.

mod bad_line;
mod dry_run;
mod exports;
mod form;
mod google_authenticator;
mod homes;
mod intake;
mod lines;
mod migration;
mod new_user;
mod oath;
mod place;
mod plan;
mod secret_files;
mod token;
mod uri;

use crate::account::Unknown;
use crate::cli::{Import, Source};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Format};
use bad_line::BadLine;
use form::Form;
use intake::Intake;
use lines::Lines;
use plan::Terms;
use serde::Serialize;
use std::path::Path;
use totp_core::store::Engine;

/// What is to be done about bad lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnBadLine {
    Stop,
    Skip,
}

pub(crate) fn run(context: &Context, command: &Import) -> Result<(), Failure> {
    let (form, source) = match command {
        Import::Oath(source) => (Form::Oath, source),
        Import::GoogleAuthenticator(options) => return secret_files::run(context, options),
        Import::Uri { source, user } => (Form::Uri(user.clone()), source),
    };
    let Source { file, allow_unknown, keep_going, dry_run } = source;
    let on_bad_line = if *keep_going { OnBadLine::Skip } else { OnBadLine::Stop };
    let unknown = if *allow_unknown { Unknown::Allowed } else { Unknown::Refused };
    let lines = Lines::open(file)?;
    context.keyring()?;
    if !dry_run {
        context.store.prepare()?;
    }
    let nobody_enrolled = matches!(context.config.paths.state.try_exists(), Ok(false));
    let import = Intake { lines, terms: Terms { context, form, unknown, nobody_enrolled } };
    let (places, mut bad) = import.survey()?;
    import.check_count(places.len().saturating_add(bad.len())).map_err(|failure| failure.at(file, None))?;
    bad.extend(import.check_together(&places)?);
    bad.sort_by_key(|bad| bad.line);
    report(context, file, &bad, on_bad_line)?;
    if *dry_run {
        return import.foretell(&places, bad);
    }
    let imported = import.enrol_all(&places, &bad)?;
    done(context, imported, bad)
}

/// Names every bad line; stops unless they are to be skipped.
fn report(context: &Context, file: &Path, bad: &[BadLine], on_bad_line: OnBadLine) -> Result<(), Failure> {
    if context.format == Format::Text {
        for BadLine { line, problem } in bad {
            output::remark(&format!("{} line {line}: {problem}", file.display()));
        }
    }
    match (bad.first(), on_bad_line) {
        (Some(first), OnBadLine::Stop) if context.format == Format::Json => {
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

fn done(context: &Context, imported: usize, skipped: Vec<BadLine>) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Document {
        imported: usize,
        skipped: Vec<BadLine>,
    }
    let count = skipped.len();
    match context.format {
        Format::Json => output::document(&Document { imported, skipped })?,
        Format::Text => {
            output::line(&format!("{imported} users imported, {count} lines skipped"))?;
            output::line("they have no recovery codes yet: \"totp-enroll recovery-codes USER\" makes them")?;
        }
    }
    Ok(())
}
