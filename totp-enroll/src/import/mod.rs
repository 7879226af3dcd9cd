//! `import`: enrolments from another program's file. Everything is read and checked before anything is written.

mod oath;

use crate::account::{self, Unknown};
use crate::cli::Import;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::progress;
use oath::Token;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use totp_core::credential::{Label, MOST_AUTHENTICATORS};
use totp_core::draft::Draft;
use totp_core::enrolment;
use totp_core::event::Name;
use totp_core::login::Account;
use totp_core::user::User;
use zeroize::Zeroizing;

/// Users enrolled together; each holds three files open.
const BATCH: usize = 200;

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

/// One user's authenticators, in the order of the file.
struct Newcomer {
    account: Account,
    drafts: Vec<Draft>,
}

pub(crate) fn run(desk: &Desk, command: &Import) -> Result<(), Failure> {
    let Import::Oath { file, allow_unknown, keep_going } = command;
    let on_bad_line = if *keep_going { OnBadLine::Skip } else { OnBadLine::Stop };
    let unknown = if *allow_unknown { Unknown::Allowed } else { Unknown::Refused };
    let text = read(file)?;
    desk.keyring()?;
    desk.store.prepare()?;
    let mut plan = Plan { newcomers: BTreeMap::new(), bad: Vec::new() };
    for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        match oath::parse(line) {
            Ok(None) => {}
            Ok(Some(token)) => plan.take(desk, number, token, unknown),
            Err(problem) => plan.bad.push(BadLine { line: number, problem: problem.to_string() }),
        }
    }
    plan.report(desk, file, on_bad_line)?;
    let imported = enrol_all(desk, plan.newcomers)?;
    done(desk, imported, plan.bad)
}

struct Plan {
    newcomers: BTreeMap<User, Newcomer>,
    bad: Vec<BadLine>,
}

impl Plan {
    fn take(&mut self, desk: &Desk, line: usize, token: Token, unknown: Unknown) {
        if let Err(problem) = self.try_take(desk, token, unknown) {
            self.bad.push(BadLine { line, problem });
        }
    }

    fn try_take(&mut self, desk: &Desk, token: Token, unknown: Unknown) -> Result<(), String> {
        let account = account::canonical(&token.user, unknown).map_err(|failure| match unknown {
            Unknown::Refused => format!("{}; --allow-unknown takes it all the same", failure.problem),
            Unknown::Allowed => failure.problem,
        })?;
        // An enrolment that is not whole counts too: trouble is not absence.
        if !self.newcomers.contains_key(&account.user) && desk.is_enrolled(&account) {
            return Err(format!(
                "{} is enrolled already; \"totp-enroll disable\" withdraws that",
                account.user
            ));
        }
        let known = self.newcomers.get(&account.user).map_or(&[][..], |newcomer| &newcomer.drafts);
        let label = match known.len() {
            0 => "oath".to_owned(),
            before => format!("oath-{}", before.saturating_add(1)),
        };
        let label = Label::parse(&label).map_err(|error| error.to_string())?;
        let draft =
            Draft::import(label, token.parameters, token.secret).map_err(|error| error.to_string())?;
        if known.len() >= MOST_AUTHENTICATORS {
            return Err(format!(
                "the user has {MOST_AUTHENTICATORS} authenticators by the lines above, which is the most"
            ));
        }
        if known.iter().any(|known| known.same_secret(&draft)) {
            return Err("the user has this secret by a line above; remove one".to_owned());
        }
        // Only now: a user whose every line is bad is no newcomer.
        let newcomer = Newcomer { account: account.clone(), drafts: Vec::new() };
        self.newcomers.entry(account.user).or_insert(newcomer).drafts.push(draft);
        Ok(())
    }

    /// Names every bad line; stops unless they are to be skipped.
    fn report(&self, desk: &Desk, file: &Path, on_bad_line: OnBadLine) -> Result<(), Failure> {
        if desk.format == Format::Text {
            for BadLine { line, problem } in &self.bad {
                output::remark(&format!("{} line {line}: {problem}", file.display()));
            }
        }
        match (self.bad.first(), on_bad_line) {
            (Some(first), OnBadLine::Stop) if desk.format == Format::Json => {
                Err(Failure::refused(format!("{}; nothing was imported", first.problem))
                    .at(file, Some(first.line)))
            }
            (Some(_), OnBadLine::Stop) => {
                let problem =
                    format!("{} bad lines; nothing was imported; --keep-going skips them", self.bad.len());
                Err(Failure::refused(problem).at(file, None))
            }
            (Some(_), OnBadLine::Skip) | (None, _) => Ok(()),
        }
    }
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut text = Zeroizing::new(Vec::new());
    let read = if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut text))
    };
    read.map_err(|error| Failure::refused(format!("cannot be read: {error}")).at(file, None))?;
    Ok(text)
}

/// Enrols in batches: each waits for the disk a few times, whatever its size.
fn enrol_all(desk: &Desk, newcomers: BTreeMap<User, Newcomer>) -> Result<usize, Failure> {
    let count = newcomers.len();
    let bar = progress::bar(desk, "importing", count);
    let mut waiting = newcomers.into_values();
    let mut imported = 0usize;
    loop {
        let batch: Vec<Newcomer> = waiting.by_ref().take(BATCH).collect();
        let size = batch.len();
        // Each batch for itself: who changes the keyring waits for one, not for all.
        desk.change(|rules| enrol_batch(desk, batch, rules)).map_err(|failure| {
            failure.explained(|problem| {
                format!("{problem}; {imported} of {count} users are imported for certain: \"totp-enroll list\" shows them; mend it and run this again with --keep-going")
            })
        })?;
        imported = imported.saturating_add(size);
        bar.inc(size as u64);
        if size < BATCH {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(count)
}

fn enrol_batch(desk: &Desk, batch: Vec<Newcomer>, rules: &mut enrolment::Desk<'_>) -> Result<(), Failure> {
    let mut newcomers = Vec::with_capacity(batch.len());
    let mut events = Vec::with_capacity(batch.len());
    for Newcomer { account, drafts } in batch {
        events.push(
            desk.event(Name::Imported, &account).field("from", "oath").field("authenticators", drafts.len()),
        );
        let confirmed = drafts.into_iter().map(Draft::vouched).collect();
        // No recovery codes: nobody is here to be shown them.
        newcomers.push(enrolment::Newcomer { entry: desk.entry(&account)?, account, confirmed });
    }
    enrolment::enrol_all(newcomers, rules)?;
    events.iter().for_each(|event| desk.audit(event));
    Ok(())
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
