//! `reset`: re-enrols a user who lost phone and recovery codes. By default it takes two operators and a cool-down, and the owner is notified.
//!
//! The two-person rule binds operators whose sudo rules allow only this command. A root shell can pretend to be any operator and
//! can change the files directly; what remains is the log, with its `loginuid`.

mod reset_report;

use crate::authorise::{Consent, authorise};
use crate::cli;
use crate::command_error::CommandError;
use crate::context::{Context, PATIENCE, busy};
use crate::output;
use crate::terminal::{SignalsBlocked, Terminal};
use crate::tokens::EndingTokens;
use reset_report::{ResetReport, list};
use serde::Serialize;
use std::path::Path;
use std::process::{Command, Stdio};
use totp_core::account_recovery::{
    self, AccountRecoveryError, Cancellation, Cancelled, Reset, ResetError, ResetReason, Stage, StepInputs,
};
use totp_core::audit_event::{Event, Name};
use totp_core::enrolment::ExpectedEnrolment;
use totp_core::random::Secret;
use totp_core::recovery::grouped;
use totp_core::store::{Entries, Maintenance, Resets, Users};
use totp_core::user::Account;
use totp_host::machine::{self, OsEntropy};
use totp_host::store::TimestampRecords;

pub(crate) fn run(context: &Context, command: &cli::Reset) -> Result<(), CommandError> {
    match command {
        cli::Reset::Request { user, reason } => request(context, user, reason),
        cli::Reset::Approve { user } => approve(context, user),
        cli::Reset::Cancel { user, yes } => cancel(context, user.as_deref(), (*yes).into()),
        cli::Reset::Complete { user, end_sessions, yes } => {
            complete(context, user, *end_sessions, (*yes).into())
        }
        cli::Reset::List => list(context),
    }
}

fn request(context: &Context, user: &str, reason: &str) -> Result<(), CommandError> {
    let grounds =
        ResetReason::parse(reason).map_err(|error| CommandError::usage(format!("--reason: {error}")))?;
    let account = account_in_question(context, Some(user))?;
    let asked = step_by_operator(context, &account, "request")?;
    let terms = &context.config.reset;
    let event = |reset: &Reset| {
        context
            .event(Name::ResetRequested, &account)
            .field("reason", reset.reason().as_str())
            .field("approvals", reset.approvals_needed(terms))
            .field("cooldown_seconds", terms.cooldown.0)
            .field("expires", output::date(reset.expires_at(terms)))
    };
    let reset = context.make(|change| {
        let entry = context.entry_to_withdraw(&account)?;
        let tell = |reset: &Reset| change.announce(Some(&account), event(reset));
        account_recovery::request(entry, asked, grounds, tell)
            .map_err(|error| log_refusal(context, &account, "request", error))
    })?;
    print_report(context, "reset_requested", &ResetReport::of(context, &reset)?)
}

fn approve(context: &Context, user: &str) -> Result<(), CommandError> {
    let account = account_in_question(context, Some(user))?;
    let asked = step_by_operator(context, &account, "approve")?;
    let event = |reset: &Reset| {
        context
            .event(Name::ResetApproved, &account)
            .field("requested_by", &reset.requested().by.name)
            .field("reason", reset.reason().as_str())
            .maybe("ready", reset.ready_at(&context.config.reset).map(output::date))
    };
    let reset = context.make(|change| {
        let entry = context.entry_to_withdraw(&account)?;
        account_recovery::approve(entry, asked, |reset| change.announce(Some(&account), event(reset)))
            .map_err(|error| log_refusal(context, &account, "approve", error))
    })?;
    print_report(context, "reset_approved", &ResetReport::of(context, &reset)?)
}

fn cancel(context: &Context, user: Option<&str>, consent: Consent) -> Result<(), CommandError> {
    let account = account_in_question(context, user)?;
    // Checked before the owner uses up a code. A reset that cannot be read can be cancelled too.
    let reset = context.store.reset(&account.user);
    let noticed = || context.hold(&account).is_ok_and(|held| held.is_some_and(|held| has_notice(&held)));
    if matches!(reset, Ok(None)) && !noticed() {
        return Err(AccountRecoveryError::NoReset.into());
    }
    let effect = match context.store.expected(&account.user)? {
        ExpectedEnrolment::Nothing => {
            "voids the reset token: the account stays unenrolled until an operator enrols it"
        }
        ExpectedEnrolment::Unreadable | ExpectedEnrolment::Enrolment(_) => {
            "cancels the reset: the enrolment stays as it is"
        }
    };
    authorise(context, &account, consent, effect)?;
    let reset = reset.ok().flatten();
    let requested = reset.as_ref().map(|reset| reset.requested().by.name.clone());
    let event = context.event(Name::ResetCancelled, &account).maybe("requested_by", requested);
    let cancelled =
        context.make(|change| match context.store.entry_to_withdraw(&account.user, PATIENCE)? {
            Some(entry) => {
                Ok(account_recovery::cancel(change.announcing(entry, &account, vec![event]), &account)?)
            }
            None => {
                change.announce(Some(&account), event)?;
                cancel_without_lock(context, &account, reset.as_ref())
            }
        })?;
    let message = match cancelled {
        Cancelled::Gone => "the reset is cancelled; the enrolment stays as it is".to_owned(),
        Cancelled::Barred => format!(
            "the reset token is void; the account is not enrolled and can neither enrol itself nor log in without a code; \
             an operator has to enrol it (\"totp-enroll enroll {}\") or request a reset",
            account.user
        ),
    };
    output::done(context.format, &account, "reset_cancelled", &message)
}

/// Cancels while another command uses the account: that may be stopped, so that it holds the lock for ever.
fn cancel_without_lock(
    context: &Context,
    account: &Account,
    reset: Option<&Reset>,
) -> Result<Cancelled, CommandError> {
    let reset = reset.ok_or_else(|| busy(account))?;
    context.store.call_off(&account.user, Cancellation::of(reset))?;
    output::remark(&format!(
        "another login or command is using the enrolment of {}, so logins may still show the reset as pending; run this command again later",
        account.user
    ));
    Ok(match context.store.expected(&account.user)? {
        ExpectedEnrolment::Nothing => Cancelled::Barred,
        ExpectedEnrolment::Unreadable | ExpectedEnrolment::Enrolment(_) => Cancelled::Gone,
    })
}

fn has_notice(held: &impl totp_core::store::Held) -> bool {
    held.ledger().notice().is_some()
}

fn print_report(context: &Context, done: &'static str, report: &ResetReport) -> Result<(), CommandError> {
    output::report(context.format, &report.done(done), |_| report.lines())
}

#[derive(Serialize)]
struct CompletedDocument<'a> {
    user: &'a str,
    done: &'static str,
    token: &'a str,
    token_expires: &'a str,
    /// `null`: without `--end-sessions`.
    sessions_ended: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

/// Removes the enrolment, and shows the reset token for the next one, once.
fn complete(context: &Context, user: &str, end_sessions: bool, consent: Consent) -> Result<(), CommandError> {
    // Before anything is locked.
    let begun = machine::now()?.realtime;
    let account = account_in_question(context, Some(user))?;
    let terminal =
        Terminal::for_result(context.format, "to print the token for a program, use --json --yes")?;
    let step = step_by_operator(context, &account, "complete")?;
    precheck(context, &step).map_err(|error| log_refusal(context, &account, "complete", error))?;
    authorise(
        context,
        &account,
        consent,
        "removes the authenticators, recovery codes and remembered devices",
    )?;
    let _signals_blocked = SignalsBlocked::begin();
    let (reset, token, remark) = context.make(|change| {
        let tokens = EndingTokens::hold(context, &account.user);
        let entry = context.entry_to_withdraw(&account)?;
        // The time is read again: the prompt may have taken long.
        let step = StepInputs { now: machine::now()?.realtime, ..step };
        ready_when_begun(context, &step, begun)
            .map_err(|error| log_refusal(context, &account, "complete", error))?;
        let tokens = tokens.read(&entry)?;
        let tell = |reset: &Reset| change.announce(Some(&account), completion(context, &account, reset));
        let (reset, token) = account_recovery::complete(entry, &step, &mut OsEntropy, tell)
            .map_err(|error| log_refusal(context, &account, "complete", error))?;
        Ok((reset, token, tokens.store()))
    })?;
    remark.iter().for_each(|remark| output::remark(remark));
    let mut problems = remove_timestamps(context, &account);
    let sessions_ended = end_sessions.then(|| {
        let ended = end_sessions_of(&account);
        problems.extend(ended.as_ref().err().cloned());
        ended.is_ok()
    });
    show_token(&account, &reset, &token, sessions_ended, &problems, terminal.as_ref()).map_err(not_shown)?;
    match problems.as_slice() {
        [] => Ok(()),
        problems => {
            let error = CommandError::refused(format!("the reset is complete, but {}", problems.join("; ")));
            Err(output::reported(context.format, error))
        }
    }
}

/// Refuses before the prompt what would be refused after it.
fn precheck(context: &Context, step: &StepInputs<'_>) -> Result<(), AccountRecoveryError> {
    let StepInputs { account, by, rules, now } = step;
    if account.uid == Some(by.uid) {
        return Err(ResetError::Own.into());
    }
    let reset = context.store.reset(&account.user)?.ok_or(AccountRecoveryError::NoReset)?;
    match reset.stage(account, context.store.expected(&account.user)?, rules, *now) {
        Stage::Ready | Stage::Withdrawn(_) => Ok(()),
        Stage::CalledOff => Err(ResetError::CalledOff.into()),
        Stage::Unapproved(missing) => Err(ResetError::Unapproved(missing).into()),
        // `complete` decides: if the clock was set back, it has to record the longer wait.
        Stage::Cooling(_) => Ok(()),
        Stage::Expired => Err(ResetError::Expired.into()),
        Stage::Void => Err(ResetError::Void.into()),
    }
}

/// Refuses a reset that became ready only while this command was running: one that is stopped while it holds the account keeps its owner
/// from logging in and from objecting.
fn ready_when_begun(
    context: &Context,
    StepInputs { account, rules, now, .. }: &StepInputs<'_>,
    begun: u64,
) -> Result<(), AccountRecoveryError> {
    let reset = context.store.reset(&account.user)?.ok_or(AccountRecoveryError::NoReset)?;
    let in_place = context.store.expected(&account.user)?;
    match [begun, *now].map(|at| reset.stage(account, in_place, rules, at)) {
        [Stage::Cooling(wait), Stage::Ready] => Err(ResetError::Cooling(wait).into()),
        // `complete` decides.
        [_, _] => Ok(()),
    }
}

fn completion(context: &Context, account: &Account, reset: &Reset) -> Event {
    let approved_by = reset.approvals().iter().map(|step| step.by.name.as_str()).collect::<Vec<_>>();
    let token_expires = reset.token().map(|token| output::date(token.expires_at()));
    context
        .event(Name::ResetCompleted, account)
        .field("reason", reset.reason().as_str())
        .field("requested_by", &reset.requested().by.name)
        .maybe("approved_by", (!approved_by.is_empty()).then(|| approved_by.join(",")))
        .maybe("token_expires", token_expires)
}

/// Removes the account's timestamp records. Without the enrolment they are invalid anyway. Returns errors as text.
fn remove_timestamps(context: &Context, account: &Account) -> Vec<String> {
    let removed =
        account.uid.map_or(Ok(0), |uid| TimestampRecords::new(&context.config.paths.runtime).forget(uid));
    removed.err().map(|error| error.to_string()).into_iter().collect()
}

fn show_token(
    account: &Account,
    reset: &Reset,
    token: &Secret,
    sessions_ended: Option<bool>,
    problems: &[String],
    terminal: Option<&Terminal>,
) -> Result<(), CommandError> {
    let user = account.user.as_str();
    let expires = reset.token().map_or_else(String::new, |token| output::date(token.expires_at()));
    let Some(terminal) = terminal else {
        let token = output::secret_text(&grouped(token));
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        return output::document(&CompletedDocument {
            user,
            done: "reset_completed",
            token: &token,
            token_expires: &expires,
            sessions_ended,
            problem: problem.as_deref(),
        });
    };
    terminal.say(&format!("{user}: the enrolment is removed. The reset token, valid until {expires}:"));
    terminal.say_secret("  ", &grouped(token))?;
    terminal.say("give it to the user in person; it is not shown again. The user enters it instead of a code at the next");
    terminal.say(&format!("login after the first factor, or with \"totp-enroll enroll {user} --token\""));
    Ok(())
}

/// Adds that the token was not shown.
fn not_shown(error: CommandError) -> CommandError {
    error.explained(|problem| {
        format!("{problem}; the enrolment is removed but the token was not shown; run \"totp-enroll reset complete\" again")
    })
}

/// Exists if systemd is the init system (sd_booted(3)).
const SYSTEMD_RUNTIME: &str = "/run/systemd/system";
const LOGINCTL: &str = "/usr/bin/loginctl";

/// Ends the login sessions of the account through systemd-logind.
///
/// # Errors
/// What the operator has to do instead.
fn end_sessions_of(account: &Account) -> Result<(), String> {
    // By uid: loginctl could take a name for an option.
    let Some(uid) = account.uid else {
        return Err("its sessions were not ended: there is no such account on this system".to_owned());
    };
    let manually = |reason: &str| {
        format!(
            "the login sessions were not ended ({reason}); to end all processes of the account, run \"pkill -KILL -u {uid}\""
        )
    };
    if !Path::new(SYSTEMD_RUNTIME).is_dir() {
        return Err(manually("systemd-logind is not running"));
    }
    let ended = Command::new(LOGINCTL)
        .args(["terminate-user", &uid.to_string()])
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| manually(&format!("{LOGINCTL}: {error}")))?;
    let stderr = String::from_utf8_lossy(&ended.stderr);
    // No session to end is a success.
    if ended.status.success() || stderr.contains("not logged in") {
        return Ok(());
    }
    Err(manually(stderr.trim()))
}

/// The account of the step: it must be enrolled, intact or corrupt, or have a pending reset.
fn account_in_question(context: &Context, user: Option<&str>) -> Result<Account, CommandError> {
    let account = context.any_account(user)?;
    if !context.is_enrolled(&account) && matches!(context.store.reset(&account.user), Ok(None)) {
        return Err(CommandError::not_enrolled(account.user.as_str()));
    }
    Ok(account)
}

/// The step with its operator, who must be one identified person. In a state that was restored, a reset may be back that was cancelled
/// since.
fn step_by_operator<'a>(
    context: &Context,
    account: &'a Account,
    step: &'static str,
) -> Result<StepInputs<'a>, CommandError> {
    if context.store.is_restored()? {
        let problem = "the state was restored from a backup, which may have brought this reset back: run \"totp-enroll restored\" first";
        return Err(CommandError::refused(problem));
    }
    let by = context.operator.person().inspect_err(|_| {
        let event = context.event(Name::ResetRefused, account).field("step", step);
        context.audit(&event.field("reason", "not_one_person"));
    })?;
    Ok(StepInputs { account, by, rules: context.config.reset, now: machine::now()?.realtime })
}

/// Logs a step that the rules refuse.
fn log_refusal(
    context: &Context,
    account: &Account,
    step: &'static str,
    error: AccountRecoveryError,
) -> CommandError {
    if let AccountRecoveryError::Refused(refused) = &error {
        let event = context.event(Name::ResetRefused, account).field("step", step);
        context.audit(&event.field("reason", refused.as_str()));
    }
    error.into()
}
