//! `test`: checks a code and explains the result. The code is judged, charged and used up as at a login, but grants no access.

use crate::authorise;
use crate::cli::Test;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use crate::terminal::Terminal;
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use totp_core::audit_event::Name;
use totp_core::code::Answer;
use totp_core::factor::ClockOff;
use totp_core::login::{Method, Reason, Refusal, Verdict};
use totp_core::random::Secret;
use totp_core::time::Seconds;
use totp_core::user::Account;
use zeroize::Zeroizing;

/// The longest input in bytes; a recovery code with its dashes is shorter.
const LONGEST_INPUT: u64 = 256;

#[derive(Serialize)]
struct TestReport<'a> {
    user: &'a str,
    right: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_left: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// How far the phone's clock is off; negative: behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_off_seconds: Option<i64>,
    /// Seconds until another code can be accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_seconds: Option<u64>,
    sentence: String,
}

pub(crate) fn run(context: &Context, asked: &Test) -> Result<(), CommandError> {
    let account = context.any_account(asked.user.as_deref())?;
    if !context.is_enrolled(&account) {
        return Err(CommandError::not_enrolled(account.user.as_str()));
    }
    let typed = read_code(context, asked)?;
    let document = match Answer::recognise(typed.expose()) {
        Some(answer) => judge_and_report(context, &account, &answer)?,
        // Not a code: nothing is judged, charged or logged.
        None => refused(&account, &Reason::Malformed.into()),
    };
    match context.format {
        Format::Json => output::document(&document)?,
        Format::Text if document.right => output::line(&document.sentence)?,
        Format::Text => {}
    }
    if document.right {
        return Ok(());
    }
    let error = CommandError::refused(document.sentence);
    Err(output::reported(context.format, error))
}

fn read_code(context: &Context, asked: &Test) -> Result<Secret, CommandError> {
    let Some(number) = asked.code_fd else {
        let terminal = Terminal::open(context.format, "to give the code on standard input, use --code-fd 0")?;
        terminal.say("the code will be used up; a recovery code cannot be used again");
        let typed = terminal.ask_hidden("code: ")?;
        return Ok(Secret::new(typed.expose().trim_ascii().to_vec()));
    };
    read_code_from(number)
}

/// Reads a code from a file descriptor, without surrounding blanks.
pub(crate) fn read_code_from(number: u32) -> Result<Secret, CommandError> {
    let read_error = |error: std::io::Error| {
        CommandError::refused(format!("cannot read a code from --code-fd {number}: {error}"))
    };
    // One byte more than the limit, so that longer input is recognised as no code.
    let mut text = Zeroizing::new(Vec::with_capacity(512));
    let file: Box<dyn Read> = match number {
        // Not through /proc: a socket cannot be opened again.
        0 => Box::new(std::io::stdin().lock()),
        number => Box::new(File::open(format!("/proc/self/fd/{number}")).map_err(read_error)?),
    };
    file.take(LONGEST_INPUT.saturating_add(1)).read_to_end(&mut text).map_err(read_error)?;
    Ok(Secret::new(text.trim_ascii().to_vec()))
}

fn judge_and_report<'a>(
    context: &Context,
    account: &'a Account,
    answer: &Answer,
) -> Result<TestReport<'a>, CommandError> {
    let verdict = authorise::judge_answer(context, account, answer)?;
    let event = |name| context.event(name, account).field("service", "totp-enroll");
    Ok(match verdict {
        Verdict::Accepted(verified) => match verified.method() {
            Method::Code { authenticator, kind, .. } => {
                let label = authenticator.as_str();
                let method = kind.as_str();
                context.audit(&event(Name::Tested).field("method", method).field("authenticator", label));
                let sentence = format!(
                    "correct: a code of \"{label}\"; it is used up, and the next one will be accepted"
                );
                let authenticator = Some(label.to_owned());
                TestReport { method: Some(method), authenticator, ..correct(account, sentence) }
            }
            Method::RecoveryCode { kind, left } => {
                context.audit(&event(Name::RecoveryUsed).field("method", kind.as_str()).field("left", left));
                let sentence = format!("correct: a recovery code; it is used up, {left} left");
                TestReport {
                    method: Some(kind.as_str()),
                    recovery_left: Some(*left),
                    ..correct(account, sentence)
                }
            }
        },
        Verdict::Refused(refusal) => {
            let name = if refusal.lock.is_some() { Name::Locked } else { Name::Refused };
            let steps = clock_off(refusal.reason).map(|off| off.steps);
            let seconds = refusal.lock.map(|lock| lock.0);
            context.audit(
                &event(name)
                    .field("reason", refusal.reason.as_str())
                    .maybe("steps", steps)
                    .maybe("seconds", seconds),
            );
            refused(account, &refusal)
        }
        Verdict::Unrecorded(unrecorded) => {
            context.audit(&unrecorded.event(event));
            refused(account, &unrecorded.as_wrong)
        }
    })
}

fn correct(account: &Account, sentence: String) -> TestReport<'_> {
    TestReport {
        user: account.user.as_str(),
        right: true,
        method: None,
        authenticator: None,
        recovery_left: None,
        reason: None,
        clock_off_seconds: None,
        wait_seconds: None,
        sentence,
    }
}

fn refused<'a>(account: &'a Account, refusal: &Refusal) -> TestReport<'a> {
    let reason = authorise::shown_reason(refusal.reason);
    let clock_off_seconds = clock_off(reason).map(|off| off.seconds);
    let mut sentence = match clock_off_seconds {
        Some(off) => format!(
            "the code is about {} old: correct the phone's clock (automatic date and time) or this machine's",
            output::duration(off.unsigned_abs())
        ),
        None => authorise::explain(reason),
    };
    if let Some(lock) = refusal.lock {
        sentence.push_str(&format!("; the account is now locked for {}", output::duration(lock.0)));
    }
    TestReport {
        right: false,
        reason: Some(reason.as_str()),
        clock_off_seconds,
        wait_seconds: wait(refusal).map(|wait| wait.0),
        ..correct(account, sentence)
    }
}

/// How far the phone's clock is off, if that is the reason.
fn clock_off(reason: Reason) -> Option<ClockOff> {
    if let Reason::ClockOff(off) = reason { Some(off) } else { None }
}

/// The time until another code can be accepted.
fn wait(refusal: &Refusal) -> Option<Seconds> {
    match refusal.reason {
        Reason::Limited(wait) | Reason::Locked(wait) | Reason::BeforeBoot(wait) => Some(wait),
        Reason::Replayed => refusal.next_code,
        Reason::Wrong
        | Reason::ClockOff(_)
        | Reason::ClockBack(_)
        | Reason::CounterEnded
        | Reason::OutOfStep
        | Reason::Malformed
        | Reason::Disabled
        | Reason::OverBudget
        | Reason::NotEnrolled
        | Reason::UnknownUser
        | Reason::Busy => refusal.lock,
    }
}
