//! `import google-authenticator`: the secret file of one user, or those in everybody's home. All are read and checked before
//! anything is written; the files are left where they are.

use super::google_authenticator::{self, Moved};
use super::homes::{self, residents};
use super::new_user::{self, BATCH, NewUser, cut_short};
use crate::account::{self, Unknown};
use crate::cli::GoogleAuthenticator;
use crate::clock;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::progress;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use totp_core::config::Config;
use totp_core::credential::Label;
use totp_core::enrolment::draft::Draft;
use totp_core::factor::totp::{Drift, Totp, WIDEST_DRIFT};
use totp_core::recovery::MOST_CODES;
use totp_core::store::Engine;
use zeroize::Zeroizing;

/// As the log and the authenticators' labels name it.
const NAME: &str = "google-authenticator";
/// Where the program keeps it unless it is told otherwise.
const IN_HOME: &str = ".google_authenticator";

/// A file, and whose it is.
struct Found {
    user: String,
    file: PathBuf,
    text: Result<Zeroizing<Vec<u8>>, String>,
    /// What is to be noted of the file itself.
    notes: Vec<String>,
}

/// What is taken over of a file.
struct Taken {
    new_user: NewUser,
    said: Said,
}

/// What is said of a file that is taken over; no secret.
#[derive(Serialize)]
struct Said {
    user: String,
    file: String,
    period: u64,
    /// Steps each side of the clock's, where the authenticator has a window of its own.
    drift_steps: Option<u64>,
    scratch_codes: usize,
    /// What is not carried, and what to do about it.
    notes: Vec<String>,
}

/// A file that cannot be taken over.
#[derive(Serialize)]
struct Skipped {
    user: String,
    file: String,
    line: Option<usize>,
    problem: String,
}

pub(super) fn run(context: &Context, options: &GoogleAuthenticator) -> Result<(), Failure> {
    let unknown = if options.allow_unknown { Unknown::Allowed } else { Unknown::Refused };
    let found = find(context, options)?;
    context.keyring()?;
    if !options.dry_run {
        context.store.prepare()?;
    }
    let nobody_enrolled = matches!(context.config.paths.state.try_exists(), Ok(false));
    let now = clock::now()?.realtime;
    let (mut taken, mut skipped, mut users) = (Vec::<Taken>::new(), Vec::new(), BTreeSet::new());
    for Found { user, file, text, notes } in found {
        let canonical = account::canonical(&user, unknown).map_err(|failure| match unknown {
            Unknown::Refused => format!("{}; --allow-unknown takes it all the same", failure.problem),
            Unknown::Allowed => failure.problem,
        });
        let read = canonical.map_err(|problem| (None, problem)).and_then(|account| {
            if let Some(why) = (!nobody_enrolled).then(|| new_user::refused(context, &account)).flatten() {
                return Err((None, why));
            }
            if !users.insert(account.user.clone()) {
                return Err((None, "the user has a file above".to_owned()));
            }
            let text = text.map_err(|problem| (None, problem))?;
            let moved = google_authenticator::parse(&text, now)
                .map_err(|(line, problem)| (line, problem.to_string()))?;
            Taken::of(moved, NewUser::new(account), &file, &context.config)
        });
        match read {
            Ok(mut one) => {
                one.said.notes.extend(notes);
                if let Some(other) = taken.iter().find(|other| same_secret(other, &one)) {
                    let other = &other.said.user;
                    one.said.notes.push(format!("has the secret of {other}: a code of either opens both"));
                }
                taken.push(one);
            }
            Err((line, problem)) => skipped.push(Skipped::of(user, &file, line, problem)),
        }
    }
    report(context, &skipped, options.keep_going)?;
    if options.dry_run {
        return foretell(context, taken, skipped);
    }
    let said = enrol(context, taken)?;
    done(context, said, skipped)
}

fn find(context: &Context, options: &GoogleAuthenticator) -> Result<Vec<Found>, Failure> {
    if let (Some(file), Some(user)) = (&options.file, &options.user) {
        let read = if file == Path::new("-") {
            let text = homes::read(std::io::stdin().lock());
            text.map(|text| (text, Vec::new())).map_err(|error| format!("cannot be read: {error}"))
        } else {
            let uid = account::canonical(user, Unknown::Allowed).ok().and_then(|account| account.uid);
            homes::named(file, uid)
        };
        let (text, notes) = read.map_err(|problem| Failure::refused(problem).at(file, None))?;
        return Ok(vec![Found { user: user.clone(), file: file.clone(), text: Ok(text), notes }]);
    }
    let residents = residents()?;
    let bar = progress::bar(context, "looking", residents.len());
    let mut found = Vec::new();
    for resident in residents {
        let text = resident.read(IN_HOME).transpose();
        bar.inc(1);
        let Some(text) = text else { continue };
        found.push(Found { file: resident.file(IN_HOME), user: resident.name, text, notes: Vec::new() });
    }
    bar.finish_and_clear();
    Ok(found)
}

impl Taken {
    fn of(
        moved: Moved,
        mut new_user: NewUser,
        file: &Path,
        config: &Config,
    ) -> Result<Self, (Option<usize>, String)> {
        let first_line = |problem: String| (Some(1), problem);
        let mut notes = notes(&moved, config);
        let drift = window(&moved, config, &mut notes);
        let label = Label::parse(NAME).map_err(|error| (None, error.to_string()))?;
        let draft = Draft::import(label, Totp::new(moved.parameters).with_drift(drift), moved.secret)
            .map_err(|error| first_line(error.to_string()))?;
        new_user.drafts.push(draft);
        new_user.used_up_to = moved.used_up_to;
        new_user.scratch = moved.scratch;
        new_user.scratch.truncate(MOST_CODES);
        let said = Said {
            user: new_user.account.user.as_str().to_owned(),
            file: file.display().to_string(),
            period: moved.parameters.period(),
            drift_steps: drift.map(Drift::steps),
            scratch_codes: new_user.scratch.len(),
            notes,
        };
        Ok(Self { new_user, said })
    }
}

fn same_secret(one: &Taken, other: &Taken) -> bool {
    one.new_user.drafts.iter().any(|draft| other.new_user.drafts.iter().any(|known| known.same_secret(draft)))
}

/// The window of the file, where it is another than this machine's; as wide as one may be.
fn window(moved: &Moved, config: &Config, notes: &mut Vec<String>) -> Option<Drift> {
    let window = moved.window?;
    // Of an even number the program takes one more ahead than behind.
    let (wanted, general) = (window / 2, config.drift_steps);
    if wanted == general || (wanted > WIDEST_DRIFT && general >= wanted) {
        return None;
    }
    if wanted > WIDEST_DRIFT {
        let widest = WIDEST_DRIFT.max(general);
        notes.push(format!(
            "WINDOW_SIZE {window} is carried as {widest} steps each side of the clock's, not {wanted}: a wider one lets too \
             many guesses in; \"[totp] drift_steps\" in the config would widen it for everybody"
        ));
    }
    Drift::new(wanted.min(WIDEST_DRIFT))
        .ok()
        .filter(|drift| wanted <= WIDEST_DRIFT || drift.steps() > general)
}

fn notes(moved: &Moved, config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    let (limit, period) = (&config.limit, moved.parameters.period());
    if moved.skew != 0 {
        let (seconds, way) = (
            moved.skew.unsigned_abs().saturating_mul(period),
            if moved.skew > 0 { "ahead" } else { "behind" },
        );
        notes.push(format!(
            "TIME_SKEW is not carried: the phone's clock was {seconds} seconds {way}; have it set, or its codes are refused"
        ));
    }
    if let Some((logins, seconds)) = moved.rate
        && u128::from(logins).saturating_mul(limit.per.0.into())
            < (limit.attempts as u128).saturating_mul(seconds.into())
    {
        notes.push(format!(
            "RATE_LIMIT {logins} {seconds} is not carried and was stricter than \"[limit] attempts\" and \"per\" in the config"
        ));
    }
    let surplus = moved.scratch.len().saturating_sub(MOST_CODES);
    if surplus > 0 {
        notes.push(format!("{surplus} scratch codes are not carried: {MOST_CODES} are the most"));
    }
    notes.extend(moved.unknown.iter().map(|line| format!("line {line} has an option that is not known")));
    notes
}

impl Skipped {
    fn of(user: String, file: &Path, line: Option<usize>, problem: String) -> Self {
        Self { user, file: file.display().to_string(), line, problem }
    }

    fn remark(&self) {
        let line = self.line.map_or_else(String::new, |line| format!(" line {line}"));
        output::remark(&format!("{}: {}{line}: {}", self.user, self.file, self.problem));
    }
}

/// Names every file that cannot be taken over; stops unless they are to be skipped.
fn report(context: &Context, skipped: &[Skipped], keep_going: bool) -> Result<(), Failure> {
    if context.format == Format::Text {
        skipped.iter().for_each(Skipped::remark);
    }
    match skipped.first() {
        Some(first) if !keep_going && context.format == Format::Json => {
            let problem = format!("{}; nothing was imported; --keep-going skips such files", first.problem);
            Err(Failure::refused(problem).at(&first.file, first.line))
        }
        Some(_) if !keep_going => {
            let count = skipped.len();
            let problem =
                format!("{count} files cannot be taken over; nothing was imported; --keep-going skips them");
            Err(Failure::refused(problem))
        }
        Some(_) | None => Ok(()),
    }
}

fn enrol(context: &Context, taken: Vec<Taken>) -> Result<Vec<Said>, Failure> {
    let bar = progress::bar(context, "importing", taken.len());
    let mut imported: Vec<Said> = Vec::new();
    let (mut batch, mut said) = (Vec::with_capacity(BATCH), Vec::new());
    let mut taken = taken.into_iter().peekable();
    while let Some(one) = taken.next() {
        batch.push(one.new_user);
        said.push(one.said);
        if batch.len() < BATCH && taken.peek().is_some() {
            continue;
        }
        new_user::enrol(context, NAME, &mut batch).map_err(|failure| cut_short(failure, imported.len()))?;
        bar.inc(said.len() as u64);
        imported.append(&mut said);
    }
    bar.finish_and_clear();
    Ok(imported)
}

fn foretell(context: &Context, taken: Vec<Taken>, skipped: Vec<Skipped>) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Document {
        dry_run: bool,
        would_import: Vec<Said>,
        skipped: Vec<Skipped>,
    }
    let would_import: Vec<Said> = taken.into_iter().map(|one| one.said).collect();
    match context.format {
        Format::Json => output::document(&Document { dry_run: true, would_import, skipped }),
        Format::Text => {
            would_import.iter().try_for_each(|one| one.print("would import"))?;
            let (users, files) = (would_import.len(), skipped.len());
            output::line(&format!(
                "{users} users would be imported, {files} files skipped; nothing was changed"
            ))
        }
    }
}

fn done(context: &Context, users: Vec<Said>, skipped: Vec<Skipped>) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Document {
        imported: usize,
        users: Vec<Said>,
        skipped: Vec<Skipped>,
    }
    if context.format == Format::Json {
        return output::document(&Document { imported: users.len(), users, skipped });
    }
    users.iter().try_for_each(|one| one.print("imported"))?;
    output::line(&format!("{} users imported, {} files skipped", users.len(), skipped.len()))?;
    if users.iter().any(|one| one.scratch_codes > 0) {
        output::line(
            "their scratch codes work once each, and open no locked account: \"totp-enroll recovery-codes USER\" makes \
             longer ones, which do",
        )?;
    }
    if !users.is_empty() {
        output::line(
            "the files hold the secrets as they are, and are left: once the stack asks pam_totp, remove them, each as its owner \
             (runuser -u USER -- shred -fu FILE)",
        )?;
    }
    Ok(())
}

impl Said {
    fn print(&self, what: &str) -> Result<(), Failure> {
        let Self { user, file, period, drift_steps, scratch_codes, notes } = self;
        let drift =
            drift_steps.map_or_else(String::new, |steps| format!(", {steps} steps each side of the clock's"));
        output::line(&format!(
            "{what} {user} from {file}: {period} s{drift}, {scratch_codes} scratch codes"
        ))?;
        notes.iter().try_for_each(|note| output::line(&format!("  {user}: {note}")))
    }
}
