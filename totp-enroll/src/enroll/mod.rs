//! `enroll` at a terminal: shows a new secret, checks a code of it, stores the enrolment, and shows the recovery codes once;
//! `enroll --confirm`: confirms a pending enrolment with its first code.

mod authenticator_options;
mod batch;
mod enroll_mode;
mod qr_file;

use crate::authorise::{explain, try_code};
use crate::cli::Enroll;
use crate::command_error::CommandError;
use crate::context::{Context, Store};
use crate::output;
use crate::recovery_codes;
use crate::status::EnrolmentReport;
use crate::terminal::{SignalsBlocked, Terminal};
use authenticator_options::AuthenticatorOptions;
use enroll_mode::{EnrollMode, NewEnrolment, authorise_enrolment, store_enrolment};
use otpauth::{Card, Drawing};
use std::io::BufRead;
use totp_core::audit_event::Name;
use totp_core::code::Answer;
use totp_core::enrolment::attempts::TRIES;
use totp_core::enrolment::draft::{Confirmed, Draft, NotConfirmed};
use totp_core::factor::Factor;
use totp_core::login::Method;
use totp_core::random::Secret;
use totp_core::recovery::{RecoveryKind, SCRATCH_DIGITS};
use totp_core::store::{Engine, EnrolmentAttempts, Users};
use totp_core::time::Seconds;
use totp_core::user::Account;
use totp_host::machine;
use zeroize::Zeroizing;

pub(crate) fn run(context: &Context, options: &Enroll) -> Result<(), CommandError> {
    if options.batch {
        return batch::run(context, options);
    }
    if options.confirm {
        return confirm_pending(context, options);
    }
    let terminal =
        Terminal::open(context.format, "run it on a terminal, use --batch, or import from a file")?;
    let authenticator = AuthenticatorOptions::of(options)?;
    let account = context.account(options.user.as_deref())?;
    // Before the QR code is shown: every error that can be found now.
    context.keyring()?;
    context.store.prepare()?;
    let expected = context.store.expected(&account.user)?;
    let mode = EnrollMode::permitted(context, options, &account, &authenticator.label)?;
    let authorised = authorise_enrolment(context, Some(&terminal), options, (&account, mode))?;
    let attempts = Attempts::of(context, &account);
    attempts.check()?;
    let draft = authenticator.draft()?;
    let card = Card::of(&draft, &authenticator.issuer, &account);
    terminal.say(&format!("account: {}", account.user));
    terminal.say(&format!("issuer: {}", authenticator.issuer.as_str()));
    show_card(&terminal, &card, &authenticator, options.show_uri)?;
    let confirmed = ask_code(&terminal, draft, (&card, &authenticator), &attempts)?;
    drop(card);
    let _signals_blocked = SignalsBlocked::begin();
    let event = context
        .event(Name::Enrolled, &account)
        .field("authenticator", authenticator.label.as_str())
        .field("type", authenticator.factor.kind().as_str())
        .field("way", mode.as_str());
    let new = NewEnrolment { account: &account, confirmed, mode, authorised: &authorised, event };
    let codes = store_enrolment(context, new, expected)?;
    terminal.say(&format!(
        "enrolled: {} has the authenticator \"{}\"",
        account.user,
        authenticator.label.as_str()
    ));
    if codes.is_empty() { Ok(()) } else { recovery_codes::show(&terminal, &codes) }
}

fn show_card(
    terminal: &Terminal,
    card: &Card,
    authenticator: &AuthenticatorOptions,
    with_uri: bool,
) -> Result<(), CommandError> {
    let qr = card.qr().map_err(|error| CommandError::refused(error.to_string()))?;
    let key_goes_to = authenticator.key_goes_to();
    let columns = qr.columns(Drawing::Coloured);
    if columns <= terminal.width() {
        terminal.say_secret("", &qr.text(Drawing::Coloured))?;
        terminal.say(&match authenticator.factor {
            Factor::Totp(_) => "scan this with the authenticator app, or type the key into it".to_owned(),
            Factor::Hotp(_) => format!("{key_goes_to}, or scan this with an app that can show such codes"),
        });
    } else {
        terminal
            .say(&format!("the terminal is too narrow for the QR code ({columns} columns); {key_goes_to}"));
    }
    terminal.say_secret("manual key: ", &card.key_in_fours())?;
    if with_uri {
        terminal.say_secret("uri: ", card.uri())?;
    }
    Ok(())
}

fn ask_code(
    terminal: &Terminal,
    mut draft: Draft,
    (card, authenticator): (&Card, &AuthenticatorOptions),
    attempts: &Attempts<'_>,
) -> Result<Confirmed, CommandError> {
    let mut left = TRIES;
    terminal.say("(type \"uri\" to show the otpauth:// URI)");
    while left > 0 {
        let typed = terminal.ask("code from the authenticator: ")?;
        if typed.expose() == b"uri" {
            terminal.say_secret("uri: ", card.uri())?;
            continue;
        }
        left = left.saturating_sub(1);
        attempts.charge()?;
        match draft.confirm(typed.expose(), machine::now()?) {
            Ok(confirmed) => {
                attempts.forget();
                return Ok(confirmed);
            }
            Err((unconfirmed, reason)) => {
                draft = unconfirmed;
                let of_kind = match reason {
                    NotConfirmed::Wrong => authenticator.why_wrong(),
                    NotConfirmed::Malformed { .. } | NotConfirmed::ClockOff(_) => None,
                };
                let reason = of_kind.unwrap_or_else(|| reason.to_string());
                terminal.say(&format!("{reason} ({} left)", output::count(left, "attempt")));
            }
        }
    }
    Err(CommandError::refused(
        "no correct code was entered; nothing was changed; run enroll again to get a new key",
    ))
}

/// The wrong codes of one account during enrolment: their limit holds across runs of the command.
struct Attempts<'a> {
    context: &'a Context,
    account: &'a Account,
    counter: <Store as Engine>::Attempts,
}

impl<'a> Attempts<'a> {
    fn of(context: &'a Context, account: &'a Account) -> Self {
        Self { context, account, counter: context.store.enrolment_attempts() }
    }

    /// Refuses where no attempt is left; before the QR code is shown.
    fn check(&self) -> Result<(), CommandError> {
        let Some(uid) = self.account.uid else { return Ok(()) };
        let wait = self.counter.wait(uid, machine::now()?.boottime)?;
        wait.map_or(Ok(()), |wait| Err(self.exhausted(wait)))
    }

    /// Counts an attempt; before the code is checked, because other processes may try at the same time.
    fn charge(&self) -> Result<(), CommandError> {
        let Some(uid) = self.account.uid else { return Ok(()) };
        let charged = self.counter.charge(uid, machine::now()?.boottime)?;
        charged.map_err(|wait| self.exhausted(wait))
    }

    /// Clears the count after a correct code.
    fn forget(&self) {
        // If this fails, the next enrolment has to wait at most.
        let _ = self.account.uid.map(|uid| self.counter.forget(uid));
    }

    fn exhausted(&self, Seconds(wait): Seconds) -> CommandError {
        let event = self.context.event(Name::Refused, self.account).field("reason", "limited");
        self.context.audit(&event.field("way", "enroll").field("wait_seconds", wait));
        CommandError::refused(format!(
            "too many wrong codes while enrolling {}; nothing was changed; try again in {}",
            self.account.user,
            output::duration(wait)
        ))
    }
}

/// `enroll --confirm`: the code is judged, charged and used up as at a login.
fn confirm_pending(context: &Context, options: &Enroll) -> Result<(), CommandError> {
    let account = context.account(options.user.as_deref())?;
    let report = EnrolmentReport::of(context, &account)?
        .ok_or_else(|| CommandError::not_enrolled(account.user.as_str()))?;
    let pending = report.pending_labels();
    if pending.is_empty() {
        return Err(CommandError::refused(format!("{} has no pending authenticator", account.user)));
    }
    let typed = read_code(context, options)?;
    let answer = match Answer::recognise(typed.expose()) {
        Some(Answer::Code(code)) => {
            check_digits(code.expose().len(), &report)?;
            Answer::Code(code)
        }
        // Of a token that was pressed often before.
        Some(Answer::Pair(first, second)) => {
            check_digits(first.expose().len(), &report)?;
            Answer::Pair(first, second)
        }
        Some(Answer::Recovery(_) | Answer::Trailing(_)) | None => return Err(not_a_code()),
    };
    match try_code(context, &account, &answer)? {
        Ok(Method::Code { authenticator, .. }) => {
            let label = authenticator.as_str();
            let left: Vec<&str> = pending.iter().copied().filter(|known| *known != label).collect();
            if left.len() == pending.len() {
                return Err(CommandError::refused(format!(
                    "that code belongs to \"{label}\", which is already confirmed; the code is used up; still pending: {}",
                    left.join(", ")
                )));
            }
            let message = match left.as_slice() {
                [] => format!("the authenticator \"{label}\" is confirmed"),
                left => {
                    format!("the authenticator \"{label}\" is confirmed; still pending: {}", left.join(", "))
                }
            };
            output::done(context.format, &account, "confirmed", &message)
        }
        Ok(Method::RecoveryCode { .. }) => Err(not_a_code()),
        Err(reason) => Err(CommandError::refused(explain(reason))),
    }
}

fn not_a_code() -> CommandError {
    CommandError::refused("that is not a code of an authenticator; nothing was changed")
}

/// Refuses a code whose number of digits fits no pending authenticator, or which might use up a scratch code.
fn check_digits(digits: usize, report: &EnrolmentReport) -> Result<(), CommandError> {
    let mut pending = report.authenticators.iter().filter(|one| one.confirmed.is_none());
    if !pending.any(|one| usize::from(one.digits) == digits) {
        return Err(CommandError::refused(
            "that is not a code of a pending authenticator; nothing was changed",
        ));
    }
    let has_scratch = report.recovery_kind == Some(RecoveryKind::Scratch.as_str());
    if has_scratch && digits == usize::from(SCRATCH_DIGITS) {
        return Err(CommandError::refused(
            "the imported scratch codes have the same number of digits, so one could be used up by mistake; nothing was changed; replace them with \"totp-enroll recovery-codes\" first, or confirm the authenticator at a login",
        ));
    }
    Ok(())
}

fn read_code(context: &Context, options: &Enroll) -> Result<Secret, CommandError> {
    match options.code.as_deref() {
        Some("-") => {
            let mut line = Zeroizing::new(String::with_capacity(128));
            let read = std::io::stdin().lock().read_line(&mut line);
            read.map_err(|error| CommandError::refused(format!("cannot read standard input: {error}")))?;
            Ok(Secret::new(line.trim().as_bytes().to_vec()))
        }
        Some(code) => Ok(Secret::new(code.as_bytes().to_vec())),
        None => Terminal::open(
            context.format,
            "to give the code without a prompt, use --code, or --code - for standard input",
        )?
        .ask("code from the authenticator: "),
    }
}
