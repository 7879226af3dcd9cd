//! `import google-authenticator`: imports one secret file, those in a directory, or those in all home directories. All files are checked before
//! anything is written; the files stay where they are.

use super::found_files::{FoundFile, found_files};
use super::google_authenticator::{self, SecretFile};
use super::name_map::{NameMap, Naming};
use super::new_users::{self, BATCH, Enrolled, ImportRun, NewUser, Standing, interrupted, shared_counter};
use super::secret_file_report::{FileReport, Moving, OtherFiles, print_dry_run, print_result};
use crate::cli::GoogleAuthenticator;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use std::collections::BTreeSet;
use std::path::Path;
use totp_core::config::Config;
use totp_core::credential::Label;
use totp_core::enrolment::draft::Draft;
use totp_core::factor::Factor;
use totp_core::factor::hotp::{LookAhead, WIDEST_LOOK_AHEAD};
use totp_core::factor::totp::{Drift, WIDEST_DRIFT};
use totp_core::recovery::MOST_CODES;
use totp_core::store::Engine;
use totp_host::machine;

/// The name in the log and in the authenticators' labels.
const NAME: &str = "google-authenticator";

/// A file that can be imported.
struct AcceptedFile {
    new_user: NewUser,
    report: FileReport,
}

/// A file that is not imported: the account is enrolled already, or something is wrong.
enum NotAccepted {
    Enrolled { same_secret: bool },
    Bad(Option<usize>, String),
}

pub(super) fn run(context: &Context, options: &GoogleAuthenticator) -> Result<(), CommandError> {
    let found = found_files(context, options)?;
    let keyring = context.keyring()?;
    if !options.dry_run {
        context.store.prepare()?;
    }
    let enrolled = Enrolled::of(context, keyring, options.skip_enrolled)?;
    let now = machine::now()?.realtime;
    let (mut accepted, mut users) = (Vec::<AcceptedFile>::new(), BTreeSet::new());
    let mut others = OtherFiles::default();
    for FoundFile { user, file, text, notes } in found {
        let account = NameMap::default().account(&user, options.allow_unknown.into(), Naming::Given);
        let read = account.map_err(|problem| NotAccepted::Bad(None, problem)).and_then(|account| {
            if !users.insert(account.user.clone()) {
                let problem = "the user already has a secret file in this import".to_owned();
                return Err(NotAccepted::Bad(None, problem));
            }
            let passed_over = enrolled.passes_over(&account);
            let bad = |line, problem| match passed_over {
                true => NotAccepted::Enrolled { same_secret: false },
                false => NotAccepted::Bad(line, problem),
            };
            let text = text.map_err(|problem| bad(None, problem))?;
            let secret_file = google_authenticator::parse(&text, now)
                .map_err(|(line, error)| bad(line, error.to_string()))?;
            AcceptedFile::of(secret_file, NewUser::new(account), &file, &context.config)
                .map_err(|(line, problem)| bad(line, problem))?
                .if_new(&enrolled)?
                .compared_with(&accepted)
        });
        match read {
            Ok(mut one) => {
                one.report.notes.extend(notes);
                accepted.push(one);
            }
            Err(NotAccepted::Enrolled { same_secret }) => others.add_enrolled(user, &file, same_secret),
            Err(NotAccepted::Bad(line, problem)) => others.add_bad(user, &file, line, problem),
        }
    }
    others.remark(context);
    if options.dry_run {
        let would_import = accepted.into_iter().map(|one| one.report).collect();
        return print_dry_run(context, would_import, others, options.keep_going);
    }
    if !options.keep_going {
        others.none_bad(context)?;
    }
    let run = ImportRun { context, from: NAME, told: options.notify.into() };
    let imported = run.announced(accepted.len(), || enrol(run, accepted))?;
    print_result(context, imported, others)
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
        let (factor, moving) = with_window(&secret_file, config, &mut notes);
        let label = Label::parse(NAME).map_err(|error| (None, error.to_string()))?;
        let draft = Draft::import(label, factor, secret_file.secret)
            .map_err(|error| first_line(error.to_string()))?
            .beginning_at(secret_file.used_up_to);
        new_user.drafts.push(draft);
        new_user.scratch = secret_file.scratch;
        new_user.scratch.truncate(MOST_CODES);
        let report = FileReport {
            user: new_user.account.user.as_str().to_owned(),
            file: file.display().to_string(),
            moving,
            scratch_codes: new_user.scratch.len(),
            notes,
        };
        Ok(Self { new_user, report })
    }
}

impl AcceptedFile {
    /// The file, if its account is not enrolled.
    fn if_new(self, enrolled: &Enrolled<'_>) -> Result<Self, NotAccepted> {
        for draft in &self.new_user.drafts {
            match enrolled.standing(&self.new_user.account, draft) {
                Ok(Standing::New) => enrolled
                    .admit(&self.new_user.account.user, draft)
                    .map_err(|problem| NotAccepted::Bad(Some(1), problem))?,
                Ok(Standing::Enrolled { same_secret }) => return Err(NotAccepted::Enrolled { same_secret }),
                Err(problem) => return Err(NotAccepted::Bad(None, problem)),
            }
        }
        Ok(self)
    }

    /// The file with a note if an earlier one has its secret; a counter token is that of one person.
    fn compared_with(mut self, accepted: &[Self]) -> Result<Self, NotAccepted> {
        let Some(other) = accepted.iter().find(|other| same_secret(other, &self)) else { return Ok(self) };
        let FileReport { user, file, .. } = &other.report;
        if matches!(self.report.moving, Moving::Counter { .. }) {
            let advice = "find out who has the token, and remove the other file";
            let problem = shared_counter(&format!("{user} ({file})"), advice);
            return Err(NotAccepted::Bad(Some(1), problem));
        }
        let note = format!("has the same secret as {user}: a code of one is valid for both");
        self.report.notes.push(note);
        Ok(self)
    }
}

fn same_secret(one: &AcceptedFile, other: &AcceptedFile) -> bool {
    one.new_user.drafts.iter().any(|draft| other.new_user.drafts.iter().any(|known| known.same_secret(draft)))
}

/// The factor with the file's window, as its own if it differs from this machine's.
fn with_window(secret_file: &SecretFile, config: &Config, notes: &mut Vec<String>) -> (Factor, Moving) {
    match secret_file.factor {
        Factor::Totp(totp) => {
            let drift = secret_file.window.and_then(|window| drift(window, config, notes));
            let (period, drift_steps) = (totp.parameters().period(), drift.map(Drift::steps));
            (totp.with_drift(drift).into(), Moving::Time { period, drift_steps })
        }
        Factor::Hotp(hotp) => {
            let own = secret_file.window.and_then(|window| look_ahead(window, config, notes));
            let (counter, look_ahead) = (secret_file.used_up_to, own.map(LookAhead::counters));
            (hotp.with_look_ahead(own).into(), Moving::Counter { counter, look_ahead })
        }
    }
}

/// The authenticator's own drift; at most the widest allowed.
fn drift(window: u64, config: &Config, notes: &mut Vec<String>) -> Option<Drift> {
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

/// The counter token's own look-ahead; at most the widest allowed. The program's window is the next code and those after it.
fn look_ahead(window: u64, config: &Config, notes: &mut Vec<String>) -> Option<LookAhead> {
    let wanted = window.saturating_sub(1);
    if wanted > WIDEST_LOOK_AHEAD {
        notes.push(format!(
            "WINDOW_SIZE {window} is imported as a look-ahead of {WIDEST_LOOK_AHEAD} codes, not {wanted}: a wider one makes \
             guessing too easy; a token that is further ahead is resynchronised by two codes after \"sync\""
        ));
    }
    LookAhead::new(wanted.min(WIDEST_LOOK_AHEAD)).ok().filter(|own| own.counters() != config.look_ahead)
}

fn notes(secret_file: &SecretFile, config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    let limit = &config.limit;
    if let Some(period) = secret_file.factor.period()
        && secret_file.skew != 0
    {
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
        secret_file.repeated.iter().map(|line| {
            format!("line {line} repeats a scratch code: it was imported once, and is good once")
        }),
    );
    notes.extend(
        secret_file.unknown.iter().map(|line| format!("line {line} has an unknown option, which is ignored")),
    );
    notes
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
