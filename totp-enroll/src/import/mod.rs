//! `import`: enrols accounts from the files of other programs. If a line is bad, nothing is imported, unless `--keep-going` is given.

mod file_format;
mod google_authenticator;
mod imported_authenticator;
mod line_import;
mod lines;
mod migration;
mod new_users;
mod oath;
mod secret_file_report;
mod secret_files;
mod uri;

use crate::cli::{Import, LineSource};
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use crate::tokens;
use file_format::FileFormat;
use line_import::LineImport;
use lines::{BadLine, LineReader};
use new_users::{ImportRules, no_state_yet};
use serde::Serialize;
use std::path::Path;
use totp_core::store::Engine;

/// What happens if there are bad lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnBadLine {
    Stop,
    Skip,
}

pub(crate) fn run(context: &Context, command: &Import) -> Result<(), CommandError> {
    let (format, source) = match command {
        Import::Oath(source) => (FileFormat::Oath, source),
        Import::GoogleAuthenticator(options) => return secret_files::run(context, options),
        Import::Pskc(file) => return tokens::import_pskc(context, file),
        Import::Tokens(file) => return tokens::import_csv(context, file),
        Import::Uri { source, user } => (FileFormat::Uri(user.clone()), source),
    };
    let LineSource { file, allow_unknown, keep_going, dry_run, notify } = source;
    let on_bad_line = if *keep_going { OnBadLine::Skip } else { OnBadLine::Stop };
    let unknown = (*allow_unknown).into();
    let lines = LineReader::open(file)?;
    context.keyring()?;
    if !dry_run {
        context.store.prepare()?;
    }
    let import = LineImport {
        lines,
        rules: ImportRules { context, format, unknown, no_state_yet: no_state_yet(context) },
    };
    let (positions, mut bad) = import.survey()?;
    import.check_count(positions.len().saturating_add(bad.len())).map_err(|error| error.at(file, None))?;
    bad.extend(import.check_together(&positions)?);
    bad.sort_by_key(|bad| bad.line);
    report_bad_lines(context, file, &bad, on_bad_line)?;
    if *dry_run {
        return import.dry_run(&positions, bad);
    }
    let imported = import.enrol_all(&positions, &bad, (*notify).into())?;
    done(context, imported, bad)
}

/// Prints every bad line; an error unless they are to be skipped.
fn report_bad_lines(
    context: &Context,
    file: &Path,
    bad: &[BadLine],
    on_bad_line: OnBadLine,
) -> Result<(), CommandError> {
    if context.format == Format::Text {
        for BadLine { line, problem } in bad {
            output::remark(&format!("{} line {line}: {problem}", file.display()));
        }
    }
    match (bad.first(), on_bad_line) {
        (Some(first), OnBadLine::Stop) if context.format == Format::Json => {
            Err(CommandError::refused(format!("{}; nothing was imported", first.problem))
                .at(file, Some(first.line)))
        }
        (Some(_), OnBadLine::Stop) => {
            let problem = format!(
                "{}; nothing was imported; correct this, or skip such lines with --keep-going",
                output::count(bad.len(), "bad line")
            );
            Err(CommandError::refused(problem).at(file, None))
        }
        (Some(_), OnBadLine::Skip) | (None, _) => Ok(()),
    }
}

fn done(context: &Context, imported: usize, skipped: Vec<BadLine>) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct ImportedLines {
        imported: usize,
        skipped: Vec<BadLine>,
    }
    let lines = output::count(skipped.len(), "line");
    match context.format {
        Format::Json => output::document(&ImportedLines { imported, skipped })?,
        Format::Text => {
            output::line(&format!("{} imported, {lines} skipped", output::count(imported, "user")))?;
            output::line(
                "they have no recovery codes yet; create them with \"totp-enroll recovery-codes USER\"",
            )?;
        }
    }
    Ok(())
}
