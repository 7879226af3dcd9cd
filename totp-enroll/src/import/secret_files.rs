//! `import google-authenticator`: imports one secret file, or those in all home directories. All files are checked before
//! anything is written; the files stay where they are.

use super::google_authenticator::{self, SecretFile};
use super::new_users::{self, BATCH, ImportRun, NewUser, interrupted};
use crate::account::{self, Unknown};
use crate::cli::GoogleAuthenticator;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::homes::home_owner::{self, HomeFile, home_owners};
use crate::homes::reader;
use crate::output::{self, Format};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use totp_core::config::Config;
use totp_core::credential::Label;
use totp_core::enrolment::draft::Draft;
use totp_core::factor::totp::{Drift, Totp, WIDEST_DRIFT};
use totp_core::recovery::MOST_CODES;
use totp_core::store::Engine;
use totp_host::machine;
use zeroize::Zeroizing;

/// The name in the log and in the authenticators' labels.
const NAME: &str = "google-authenticator";
/// The program's default file in a home directory.
const FILE: HomeFile = HomeFile::GoogleAuthenticator;

/// A secret file and its user.
struct FoundFile {
    user: String,
    file: PathBuf,
    text: Result<Zeroizing<Vec<u8>>, String>,
    /// Warnings about owner and mode of the file.
    notes: Vec<String>,
}

/// A file that can be imported.
struct AcceptedFile {
    new_user: NewUser,
    report: FileReport,
}

/// What is printed about a file; no secret.
#[derive(Serialize)]
struct FileReport {
    user: String,
    file: String,
    period: u64,
    /// Time steps accepted before and after the current one, if the authenticator has its own window.
    drift_steps: Option<u64>,
    scratch_codes: usize,
    /// What is not imported, and what to do about it.
    notes: Vec<String>,
}

/// A file that cannot be imported.
#[derive(Serialize)]
struct SkippedFile {
    user: String,
    file: String,
    line: Option<usize>,
    problem: String,
}

pub(super) fn run(context: &Context, options: &GoogleAuthenticator) -> Result<(), CommandError> {
    let unknown = options.allow_unknown.into();
    let found = find_files(context, options)?;
    context.keyring()?;
    if !options.dry_run {
        context.store.prepare()?;
    }
    let no_state_yet = new_users::no_state_yet(context);
    let now = machine::now()?.realtime;
    let (mut accepted, mut skipped, mut users) = (Vec::<AcceptedFile>::new(), Vec::new(), BTreeSet::new());
    for FoundFile { user, file, text, notes } in found {
        let account = new_users::account_of(&user, unknown);
        let read = account.map_err(|problem| (None, problem)).and_then(|account| {
            if let Some(problem) = (!no_state_yet).then(|| new_users::check_new(context, &account)).flatten()
            {
                return Err((None, problem));
            }
            if !users.insert(account.user.clone()) {
                return Err((None, "the user already has a secret file in this import".to_owned()));
            }
            let text = text.map_err(|problem| (None, problem))?;
            let secret_file =
                google_authenticator::parse(&text, now).map_err(|(line, error)| (line, error.to_string()))?;
            AcceptedFile::of(secret_file, NewUser::new(account), &file, &context.config)
        });
        match read {
            Ok(mut one) => {
                one.report.notes.extend(notes);
                if let Some(other) = accepted.iter().find(|other| same_secret(other, &one)) {
                    let other = &other.report.user;
                    one.report
                        .notes
                        .push(format!("has the same secret as {other}: a code of one is valid for both"));
                }
                accepted.push(one);
            }
            Err((line, problem)) => skipped.push(SkippedFile::of(user, &file, line, problem)),
        }
    }
    report_skipped(context, &skipped, options.keep_going)?;
    if options.dry_run {
        return print_dry_run(context, accepted, skipped);
    }
    let run = ImportRun { context, from: NAME, told: options.notify.into() };
    let imported = run.announced(accepted.len(), || enrol(run, accepted))?;
    print_result(context, imported, skipped)
}

fn find_files(context: &Context, options: &GoogleAuthenticator) -> Result<Vec<FoundFile>, CommandError> {
    if let (Some(file), Some(user)) = (&options.file, &options.user) {
        let read = if file == Path::new("-") {
            let text = home_owner::read(std::io::stdin().lock());
            text.map(|text| (text, Vec::new())).map_err(|error| format!("cannot be read: {error}"))
        } else {
            let uid = account::canonical(user, Unknown::Allowed).ok().and_then(|account| account.uid);
            home_owner::named(file, uid)
        };
        let (text, notes) = read.map_err(|problem| CommandError::refused(problem).at(file, None))?;
        return Ok(vec![FoundFile { user: user.clone(), file: file.clone(), text: Ok(text), notes }]);
    }
    let home_owners = home_owners()?;
    let bar = output::progress_bar(context.format, "searching", home_owners.len());
    let mut found = Vec::new();
    for home_owner in home_owners {
        let text = reader::read(&home_owner, FILE).transpose();
        bar.inc(1);
        let Some(text) = text else { continue };
        found.push(FoundFile { file: home_owner.file(FILE), user: home_owner.name, text, notes: Vec::new() });
    }
    bar.finish_and_clear();
    Ok(found)
}

impl AcceptedFile {
    fn of(
        secret_file: SecretFile,
        mut new_user: NewUser,
        file: &Path,
        config: &Config,
    ) -> Result<Self, (Option<usize>, String)> {
        let first_line = |problem: String| (Some(1), problem);
        let mut notes = notes(&secret_file, config);
        let drift = window(&secret_file, config, &mut notes);
        let label = Label::parse(NAME).map_err(|error| (None, error.to_string()))?;
        let draft =
            Draft::import(label, Totp::new(secret_file.parameters).with_drift(drift), secret_file.secret)
                .map_err(|error| first_line(error.to_string()))?;
        new_user.drafts.push(draft);
        new_user.used_up_to = secret_file.used_up_to;
        new_user.scratch = secret_file.scratch;
        new_user.scratch.truncate(MOST_CODES);
        let report = FileReport {
            user: new_user.account.user.as_str().to_owned(),
            file: file.display().to_string(),
            period: secret_file.parameters.period(),
            drift_steps: drift.map(Drift::steps),
            scratch_codes: new_user.scratch.len(),
            notes,
        };
        Ok(Self { new_user, report })
    }
}

fn same_secret(one: &AcceptedFile, other: &AcceptedFile) -> bool {
    one.new_user.drafts.iter().any(|draft| other.new_user.drafts.iter().any(|known| known.same_secret(draft)))
}

/// The authenticator's own drift, if the file's window differs from this machine's; at most the widest allowed.
fn window(secret_file: &SecretFile, config: &Config, notes: &mut Vec<String>) -> Option<Drift> {
    let window = secret_file.window?;
    // With an even window the program accepts one step more ahead than behind.
    let (wanted, general) = (window / 2, config.drift_steps);
    if wanted == general || (wanted > WIDEST_DRIFT && general >= wanted) {
        return None;
    }
    if wanted > WIDEST_DRIFT {
        let widest = WIDEST_DRIFT.max(general);
        notes.push(format!(
            "WINDOW_SIZE {window} is imported as a drift of {widest} time steps, not {wanted}: a wider window makes guessing \
             too easy; \"[totp] drift_steps\" in the config would widen it for all accounts"
        ));
    }
    Drift::new(wanted.min(WIDEST_DRIFT))
        .ok()
        .filter(|drift| wanted <= WIDEST_DRIFT || drift.steps() > general)
}

fn notes(secret_file: &SecretFile, config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    let (limit, period) = (&config.limit, secret_file.parameters.period());
    if secret_file.skew != 0 {
        let (seconds, direction) = (
            secret_file.skew.unsigned_abs().saturating_mul(period),
            if secret_file.skew > 0 { "ahead" } else { "behind" },
        );
        notes.push(format!(
            "TIME_SKEW is not imported: the phone's clock was {seconds} seconds {direction}; have it corrected, or its codes are refused"
        ));
    }
    if let Some((logins, seconds)) = secret_file.rate
        && u128::from(logins).saturating_mul(limit.per.0.into())
            < (limit.attempts as u128).saturating_mul(seconds.into())
    {
        notes.push(format!(
            "RATE_LIMIT {logins} {seconds} is not imported, and was stricter than \"[limit] attempts\" and \"per\" in the config"
        ));
    }
    let surplus = secret_file.scratch.len().saturating_sub(MOST_CODES);
    if surplus > 0 {
        let surplus = output::count_with(surplus, "scratch code", ("is", "are"));
        notes.push(format!("{surplus} not imported: the maximum is {MOST_CODES}"));
    }
    notes.extend(
        secret_file.unknown.iter().map(|line| format!("line {line} has an unknown option, which is ignored")),
    );
    notes
}

impl SkippedFile {
    fn of(user: String, file: &Path, line: Option<usize>, problem: String) -> Self {
        Self { user, file: file.display().to_string(), line, problem }
    }

    fn remark(&self) {
        let file = output::location(&self.file, self.line);
        output::remark(&format!("{}: {file}: {}", self.user, self.problem));
    }
}

/// Prints every file that cannot be imported; an error unless they are to be skipped.
fn report_skipped(context: &Context, skipped: &[SkippedFile], keep_going: bool) -> Result<(), CommandError> {
    if context.format == Format::Text {
        skipped.iter().for_each(SkippedFile::remark);
    }
    match skipped.first() {
        Some(first) if !keep_going && context.format == Format::Json => {
            let problem =
                format!("{}; nothing was imported; skip such files with --keep-going", first.problem);
            Err(CommandError::refused(problem).at(&first.file, first.line))
        }
        Some(_) if !keep_going => {
            let files = output::count_with(skipped.len(), "file", ("is", "are"));
            let problem =
                format!("{files} bad; nothing was imported; correct them, or skip them with --keep-going");
            Err(CommandError::refused(problem))
        }
        Some(_) | None => Ok(()),
    }
}

fn enrol(run: ImportRun<'_>, accepted: Vec<AcceptedFile>) -> Result<Vec<FileReport>, CommandError> {
    let bar = output::progress_bar(run.context.format, "importing", accepted.len());
    let mut imported: Vec<FileReport> = Vec::new();
    let (mut batch, mut report) = (Vec::with_capacity(BATCH), Vec::new());
    let mut accepted = accepted.into_iter().peekable();
    while let Some(one) = accepted.next() {
        batch.push(one.new_user);
        report.push(one.report);
        if batch.len() < BATCH && accepted.peek().is_some() {
            continue;
        }
        new_users::enrol(run, &mut batch).map_err(|error| interrupted(error, imported.len()))?;
        bar.inc(report.len() as u64);
        imported.append(&mut report);
    }
    bar.finish_and_clear();
    Ok(imported)
}

fn print_dry_run(
    context: &Context,
    accepted: Vec<AcceptedFile>,
    skipped: Vec<SkippedFile>,
) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct FileDryRun {
        dry_run: bool,
        would_import: Vec<FileReport>,
        skipped: Vec<SkippedFile>,
    }
    let would_import: Vec<FileReport> = accepted.into_iter().map(|one| one.report).collect();
    match context.format {
        Format::Json => output::document(&FileDryRun { dry_run: true, would_import, skipped }),
        Format::Text => {
            would_import.iter().try_for_each(|one| one.print("would import"))?;
            let users = output::count(would_import.len(), "user");
            let files = output::count(skipped.len(), "file");
            output::line(&format!("{users} would be imported, {files} skipped; nothing was changed"))
        }
    }
}

fn print_result(
    context: &Context,
    users: Vec<FileReport>,
    skipped: Vec<SkippedFile>,
) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct ImportedFiles {
        imported: usize,
        users: Vec<FileReport>,
        skipped: Vec<SkippedFile>,
    }
    if context.format == Format::Json {
        return output::document(&ImportedFiles { imported: users.len(), users, skipped });
    }
    users.iter().try_for_each(|one| one.print("imported"))?;
    let (imported, files) = (output::count(users.len(), "user"), output::count(skipped.len(), "file"));
    output::line(&format!("{imported} imported, {files} skipped"))?;
    if users.iter().any(|one| one.scratch_codes > 0) {
        output::line(
            "each scratch code works once, but not while the account is locked; replace them with \"totp-enroll \
             recovery-codes USER\"",
        )?;
    }
    if !users.is_empty() {
        output::line(
            "the secret files are not encrypted and were kept; when PAM uses pam_totp, remove each as its owner: \
             runuser -u USER -- shred -fu FILE",
        )?;
    }
    Ok(())
}

impl FileReport {
    fn print(&self, verb: &str) -> Result<(), CommandError> {
        let Self { user, file, period, drift_steps, scratch_codes, notes } = self;
        let drift = drift_steps
            .map_or_else(String::new, |steps| format!(", drift of {}", output::count(steps, "time step")));
        output::line(&format!(
            "{verb} {user} from {file}: {period} s{drift}, {}",
            output::count(*scratch_codes, "scratch code")
        ))?;
        notes.iter().try_for_each(|note| output::line(&format!("  {user}: {note}")))
    }
}
