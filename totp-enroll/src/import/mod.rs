//! `import`: enrols accounts from the files of other programs. If a line is bad, nothing is imported, unless `--keep-going` is given.

mod file_format;
mod found_files;
mod google_authenticator;
mod imported_authenticator;
mod json_export;
mod line_import;
mod line_report;
mod lines;
mod migration;
mod name_map;
mod new_users;
mod no_uri;
mod oath;
mod secret_file_report;
mod secret_files;
mod uri;
mod uri_key;
mod wrapping;

use crate::cli::{Import, LineSource};
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use crate::tokens;
use file_format::FileFormat;
use line_import::LineImport;
use line_report::{print_result, remark_bad};
use lines::{BadLine, LineReader};
use name_map::NameMap;
use new_users::{Enrolled, ImportRules};
use std::path::Path;
use totp_core::store::Engine;
use totp_host::machine;

pub(crate) fn run(context: &Context, command: &Import) -> Result<(), CommandError> {
    let (format, source) = match command {
        Import::Oath(source) => (FileFormat::Oath, source),
        Import::GoogleAuthenticator(options) => return secret_files::run(context, options),
        Import::Pskc(file) => return tokens::import_pskc(context, file),
        Import::Tokens(file) => return tokens::import_csv(context, file),
        Import::Uri { source, user } => (FileFormat::Uri(user.clone()), source),
    };
    let LineSource { file, map, allow_unknown, skip_enrolled, keep_going, dry_run, notify } = source;
    let lines = LineReader::open(file)?;
    let lines = match format {
        FileFormat::Oath => lines,
        FileFormat::Uri(_) => lines.of_exports()?,
    };
    let names = NameMap::read(map.as_deref())?;
    let keyring = context.keyring()?;
    if !dry_run {
        context.store.prepare()?;
    }
    let enrolled = Enrolled::of(context, keyring, *skip_enrolled)?;
    let now = machine::now()?;
    let rules = ImportRules { format, names, unknown: (*allow_unknown).into(), enrolled, now };
    let import = LineImport { context, lines, rules };
    let mut survey = import.survey()?;
    let lines = survey.positions.len().saturating_add(survey.enrolled.len()).saturating_add(survey.bad.len());
    import.check_count(lines).map_err(|error| error.at(file, None))?;
    survey.bad.extend(import.check_together(&survey.positions)?);
    survey.bad.sort_by_key(|bad| bad.line);
    remark_bad(context, file, import.lines.unit(), &survey.bad);
    if *dry_run {
        return import.dry_run(survey)?.print(context, file, *keep_going);
    }
    if !keep_going {
        none_bad(context, file, &survey.bad)?;
    }
    let imported = import.enrol_all(&survey.positions, &survey.bad, (*notify).into())?;
    print_result(context, file, imported, (survey.enrolled, survey.bad))
}

/// Without `--keep-going`, one bad line is enough for nothing to be imported.
fn none_bad(context: &Context, file: &Path, bad: &[BadLine]) -> Result<(), CommandError> {
    let Some(first) = bad.first() else { return Ok(()) };
    if context.format == Format::Json {
        let problem = format!("{}; nothing was imported", first.problem);
        return Err(CommandError::refused(problem).at(file, Some(first.line)));
    }
    let problem = format!(
        "{}; nothing was imported; correct this, or skip such lines with --keep-going",
        output::count(bad.len(), "bad line")
    );
    Err(CommandError::refused(problem).at(file, None))
}
