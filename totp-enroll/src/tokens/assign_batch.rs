//! `tokens assign --batch`: assigns the tokens of a list without prompting, many at a time. A refused line does not stop the rest,
//! because their codes may be out of date at a second run.

use super::assignment::{
    Availability, Dates, Permitted, Ready, RefusedCode, Wanted, availability, check_unused, confirm, ready,
    refused, store,
};
use super::inventory::{serial_of, token};
use super::release::{mark, settled};
use super::secrets_in_use::SecretsOfPeople;
use crate::account::{self, Unknown};
use crate::change::Change;
use crate::cli::AssignToken;
use crate::command_error::CommandError;
use crate::context::{Context, Entry, Inventory};
use crate::output::{self, Format};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use totp_core::audit_event::{Event, Name};
use totp_core::enrolment::ChangeInputs;
use totp_core::notice::FROM_THE_INVENTORY;
use totp_core::random::Secret;
use totp_core::store::{Engine, Inventory as _};
use totp_core::token::Token;
use totp_core::user::User;
use zeroize::Zeroizing;

/// The most lines of a list.
const MOST_LINES: usize = 100_000;
/// The most lines about one token: a list that names it more often tries codes.
const MOST_TRIES: usize = 3;
/// The most lines that are stored together. Each batch waits for the disk a few times.
const BATCH: usize = 1000;
/// The most enrolments that are changed together: the notice of each is synced while the entries of all are held, and a login waits
/// three seconds for its entry.
const MOST_NOTICES: usize = 32;
/// Files that the entry of one line keeps open.
const FILES_OF_A_LINE: usize = 4;
/// Files that are open apart from those.
const OTHER_FILES: usize = 100;

/// What decides whether a line is refused.
struct Rules {
    dates: Dates,
    unknown: Unknown,
}

/// One line.
struct Line {
    number: usize,
    serial: String,
    user: String,
    /// One code, or two with a blank between.
    typed: Secret,
}

#[derive(Serialize)]
struct RefusedLine {
    line: usize,
    problem: String,
}

/// What was done.
#[derive(Default, Serialize)]
struct BatchReport {
    assigned: usize,
    /// The persons had these tokens already.
    unchanged: usize,
    refused: Vec<RefusedLine>,
}

pub(super) fn run(context: &Context, file: &Path, asked: &AssignToken) -> Result<(), CommandError> {
    let lines = lines(file)?;
    let rules = Rules { dates: asked.expired.into(), unknown: asked.allow_unknown.into() };
    context.keyring()?;
    context.store.prepare()?;
    let summary = Event::new(Name::Imported)
        .field("by", &context.operator.name)
        .maybe("loginuid", context.operator.login())
        .field("from", FROM_THE_INVENTORY)
        .field("users", lines.len());
    let (mut report, mut secrets) = (BatchReport::default(), None);
    let bar = output::progress_bar(context.format, "assigning", lines.len());
    context.make_interruptibly(|change| {
        let mut summary = Summary { change, event: Some(summary) };
        let (mut rest, most) = (lines.as_slice(), batch_size());
        while !rest.is_empty() {
            let chunk = rest.get(..next_chunk(rest, most)).unwrap_or(rest);
            let done = assign(context, chunk, &rules, (&mut summary, &mut report, &mut secrets))
                .map_err(|error| interrupted(error, &report))?;
            bar.inc(done as u64);
            rest = rest.get(done..).unwrap_or_default();
        }
        Ok(())
    })?;
    bar.finish_and_clear();
    print(context, file, &report)
}

/// What is told of the list as a whole, before the first of its lines is stored.
struct Summary<'a> {
    change: &'a Change<'a>,
    /// `None`: it was told.
    event: Option<Event>,
}

impl Summary<'_> {
    fn announce(&mut self) -> Result<(), CommandError> {
        let event = self.event.take();
        Ok(event.map_or(Ok(()), |event| self.change.announce(None, event))?)
    }
}

/// How many lines may be stored together, by the limit on open files, which is raised as far as this needs and may go.
fn batch_size() -> usize {
    let wanted = FILES_OF_A_LINE.saturating_mul(BATCH).saturating_add(OTHER_FILES);
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, hard)| {
        let wanted = hard.min(wanted as u64).max(soft);
        if setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() { wanted } else { soft }
    });
    let files = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(OTHER_FILES);
    (files / FILES_OF_A_LINE).clamp(1, BATCH)
}

/// How many lines are stored together: no account is in them twice, because its entry is held.
fn next_chunk(lines: &[Line], most: usize) -> usize {
    let mut users = BTreeSet::new();
    let mut serials = BTreeSet::new();
    lines
        .iter()
        .take(most)
        .take_while(|line| users.insert(&line.user) && serials.insert(&line.serial))
        .count()
        .max(1)
}

/// Assigns the tokens of these lines, or of the first of them if many accounts are enrolled. Returns the number of lines that are
/// done.
fn assign(
    context: &Context,
    chunk: &[Line],
    rules: &Rules,
    (summary, report, secrets): (&mut Summary<'_>, &mut BatchReport, &mut Option<SecretsOfPeople>),
) -> Result<usize, CommandError> {
    let (mut done, mut assigned) = (0usize, 0usize);
    context.make_interruptibly(|change| {
        context.change(|inputs| {
            let inventory = context.hold_tokens()?;
            // Once for the whole list; an enrolment that cannot be read stops it.
            let secrets = match &mut *secrets {
                Some(secrets) => secrets,
                none => {
                    let read = none.insert(SecretsOfPeople::read_all(context, inputs.keyring)?);
                    read.tell_closed();
                    read
                }
            };
            let (users, wrong) = (BTreeSet::new(), Vec::new());
            let mut together = Together { context, change, rules, inventory, users, wrong, secrets };
            let (mut ready, mut notices) = (Vec::new(), 0usize);
            for line in chunk {
                if notices == MOST_NOTICES {
                    break;
                }
                done = done.saturating_add(1);
                match together.prepare(line, inputs) {
                    Ok(Some(one)) => {
                        notices = notices.saturating_add(usize::from(one.is_addition()));
                        ready.push(one);
                    }
                    Ok(None) => report.unchanged = report.unchanged.saturating_add(1),
                    Err(error) => {
                        let problem = error.problem;
                        report.refused.push(RefusedLine { line: line.number, problem });
                    }
                }
            }
            let (wrong, counted): (Vec<_>, Vec<_>) = together.wrong.into_iter().unzip();
            context.log_all(wrong);
            if !counted.is_empty() {
                together.inventory.replace(&counted)?;
            }
            if ready.is_empty() {
                return Ok(());
            }
            // A list of which nothing is to be done is not told of.
            summary.announce()?;
            change.log_begun();
            assigned = ready.len();
            store(context, &mut together.inventory, ready, inputs)
        })
    })?;
    report.assigned = report.assigned.saturating_add(assigned);
    Ok(done)
}

/// Lines that are stored together.
struct Together<'a> {
    context: &'a Context,
    change: &'a Change<'a>,
    rules: &'a Rules,
    inventory: Inventory,
    /// The accounts whose entries are held.
    users: BTreeSet<User>,
    /// About wrong codes, for the log, and the tokens with these counted.
    wrong: Vec<(Event, Token)>,
    secrets: &'a mut SecretsOfPeople,
}

impl Together<'_> {
    /// Checks a line and holds the entry of its account; `None`: the account has the token already.
    fn prepare(
        &mut self,
        line: &Line,
        inputs: &mut ChangeInputs<'_>,
    ) -> Result<Option<Ready<Entry>>, CommandError> {
        let (context, rules) = (self.context, self.rules);
        let account = account::canonical(&line.user, rules.unknown)?;
        let token = token(context, &serial_of(&line.serial)?)?;
        let request = (&account, rules.dates, inputs.now.realtime);
        match availability(context, inputs.keyring, &token, request)? {
            Availability::Free => {}
            Availability::HeldByUser => return Ok(None),
            Availability::Unfinished => {
                return mark(context, &mut self.inventory, token, inputs.now).map(|_| None);
            }
        }
        // A list never prompts for the code that a change of one's own enrolment needs.
        if context.operator.is_owner_of(&account) {
            let problem =
                "this is your own account; assign the token with \"totp-enroll tokens assign SERIAL USER\"";
            return Err(CommandError::not_permitted(problem));
        }
        if !self.users.insert(account.user.clone()) {
            let problem =
                "names an account that an earlier line names differently; use its canonical name in both";
            return Err(CommandError::refused(problem));
        }
        let token = settled(context, &mut self.inventory, token, inputs.now)?;
        check_unused(context, &mut self.inventory, &token, (&account, self.secrets), inputs)?;
        let checked = confirm(context, (&token, &account), &line.typed, inputs);
        let confirmed = checked.map_err(|RefusedCode { error, wrong }| {
            self.wrong.extend(wrong.map(|wrong| *wrong));
            refused(&token, &error)
        })?;
        let wanted = Wanted { token, account, confirmed, permitted: Permitted::Any };
        let ready = ready(context, wanted, inputs)?;
        self.announce(&ready)?;
        self.secrets.note(ready.token(), &ready.account().user, inputs.keyring);
        Ok(Some(ready))
    }

    /// Leaves the notice for the owner of an enrolment that gets a token. The summary tells of accounts that were not enrolled.
    fn announce(&self, ready: &Ready<Entry>) -> Result<(), CommandError> {
        let event = ready.event(self.context);
        if ready.is_addition() {
            self.change.leave_notice(Some(ready.account()), event)?;
        } else {
            self.change.is_in_summary(event);
        }
        Ok(())
    }
}

fn interrupted(error: CommandError, report: &BatchReport) -> CommandError {
    error.explained(|problem| {
        let assigned = output::count_with(report.assigned, "token", ("was", "were"));
        format!("{problem}; {assigned} assigned before that; correct the problem and give the same list again; assigned tokens stay as they are")
    })
}

fn lines(file: &Path) -> Result<Vec<Line>, CommandError> {
    let read_error =
        |error: std::io::Error| CommandError::refused(format!("cannot be read: {error}")).at(file, None);
    let mut input: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(file).map_err(read_error)?))
    };
    let (mut lines, mut tries) = (Vec::new(), BTreeMap::<String, usize>::new());
    let mut text = Zeroizing::new(String::new());
    for number in 1.. {
        text.clear();
        if input.read_line(&mut text).map_err(read_error)? == 0 {
            break;
        }
        let line = text.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split_ascii_whitespace();
        let (Some(serial), Some(user), Some(first)) = (words.next(), words.next(), words.next()) else {
            let problem = "is not \"SERIAL USER CODE\"; no token was assigned";
            return Err(CommandError::refused(problem).at(file, Some(number)));
        };
        let codes =
            words.fold(first.as_bytes().to_vec(), |before, word| [&before, word.as_bytes()].join(&b' '));
        let (serial, user) = (serial.to_owned(), user.to_owned());
        let tries = tries.entry(serial.clone()).or_default();
        *tries = tries.saturating_add(1);
        if *tries > MOST_TRIES {
            let problem = format!(
                "is one line too many about this token; a list may have {MOST_TRIES} about each: no token was assigned"
            );
            return Err(CommandError::refused(problem).at(file, Some(number)));
        }
        lines.push(Line { number, serial, user, typed: Secret::new(codes) });
        if lines.len() > MOST_LINES {
            return Err(CommandError::refused(format!("has more than {MOST_LINES} lines")).at(file, None));
        }
    }
    if lines.is_empty() {
        return Err(CommandError::refused("contains no line \"SERIAL USER CODE\"").at(file, None));
    }
    Ok(lines)
}

fn print(context: &Context, file: &Path, report: &BatchReport) -> Result<(), CommandError> {
    let BatchReport { assigned, unchanged, refused } = report;
    match context.format {
        Format::Json => output::document(report)?,
        Format::Text => {
            for RefusedLine { line, problem } in refused {
                output::remark(&format!("{} line {line}: {problem}", file.display()));
            }
            let assigned = output::count(*assigned, "token");
            output::line(&format!("{assigned} assigned, {unchanged} unchanged, {} refused", refused.len()))?;
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let problem = format!(
        "{} refused; all other lines are done; correct the refused ones and give the list again",
        output::count_with(refused.len(), "line", ("was", "were"))
    );
    Err(output::reported(context.format, CommandError::refused(problem).at(file, None)))
}
