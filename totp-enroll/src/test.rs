//! `test`: says what is the matter with a code, or that it is right. It is judged, charged and used up as at a login, and opens
//! nothing.

use crate::cli::Test;
use crate::clock;
use crate::context::Context;
use crate::factor;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::terminal::Terminal;
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use totp_core::audit_event::Name;
use totp_core::code::Answer;
use totp_core::factor::ClockOff;
use totp_core::login::{Method, Reason, Refusal, Verdict};
use totp_core::secret::Secret;
use totp_core::time::Seconds;
use totp_core::user::Account;
use zeroize::Zeroizing;

/// No code is longer, nor a recovery code with its dashes.
const LONGEST: u64 = 256;

#[derive(Serialize)]
struct Document<'a> {
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
    /// How far the phone's clock is off: behind, so negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_off_seconds: Option<i64>,
    /// In what time another code is worth a try.
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_seconds: Option<u64>,
    sentence: String,
}

pub(crate) fn run(context: &Context, asked: &Test) -> Result<(), Failure> {
    let account = context.any_account(asked.user.as_deref())?;
    if !context.is_enrolled(&account) {
        return Err(Failure::not_enrolled(account.user.as_str()));
    }
    let typed = code(context, asked)?;
    let document = match Answer::recognise(typed.expose()) {
        Some(answer) => tried(context, &account, &answer)?,
        // Nothing was looked at, so nothing is charged and nothing logged.
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
    let failure = Failure::refused(document.sentence);
    Err(if context.format == Format::Json { failure.told() } else { failure })
}

fn code(context: &Context, asked: &Test) -> Result<Secret, Failure> {
    let Some(number) = asked.code_fd else {
        let terminal = Terminal::open(context.format, "give the code with --code-fd 0 on standard input")?;
        terminal.say("the code is used up by this; a recovery code, too, and for good");
        let typed = terminal.ask_hidden("code: ")?;
        return Ok(Secret::new(typed.expose().trim_ascii().to_vec()));
    };
    let cannot = |error: std::io::Error| {
        Failure::refused(format!("no code can be read from --code-fd {number}: {error}"))
    };
    // One byte more, so that what is too long is no code.
    let mut text = Zeroizing::new(Vec::with_capacity(512));
    let file: Box<dyn Read> = match number {
        // A socket cannot be opened a second time.
        0 => Box::new(std::io::stdin().lock()),
        number => Box::new(File::open(format!("/proc/self/fd/{number}")).map_err(cannot)?),
    };
    file.take(LONGEST.saturating_add(1)).read_to_end(&mut text).map_err(cannot)?;
    Ok(Secret::new(text.trim_ascii().to_vec()))
}

fn tried<'a>(context: &Context, account: &'a Account, answer: &Answer) -> Result<Document<'a>, Failure> {
    let verdict = factor::judged(context, account, answer)?;
    let event = |name| context.event(name, account).field("service", "totp-enroll");
    Ok(match verdict {
        Verdict::Accepted(verified) => match verified.method() {
            Method::Code { authenticator, kind, .. } => {
                let label = authenticator.as_str();
                let method = kind.as_str();
                context.audit(&event(Name::Tested).field("method", method).field("authenticator", label));
                let sentence =
                    format!("right: a code of \"{label}\". It is used up; the next one is accepted");
                let authenticator = Some(label.to_owned());
                Document { method: Some(method), authenticator, ..right(account, sentence) }
            }
            Method::RecoveryCode { kind, left } => {
                context.audit(&event(Name::RecoveryUsed).field("method", kind.as_str()).field("left", left));
                let sentence = format!("right: a recovery code. It is used up; {left} are left");
                Document {
                    method: Some(kind.as_str()),
                    recovery_left: Some(*left),
                    ..right(account, sentence)
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
    })
}

fn right(account: &Account, sentence: String) -> Document<'_> {
    Document {
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

fn refused<'a>(account: &'a Account, refusal: &Refusal) -> Document<'a> {
    let reason = factor::tellable(refusal.reason);
    let clock_off_seconds = clock_off(reason).map(|off| off.seconds);
    let mut sentence = match clock_off_seconds {
        Some(off) => format!(
            "right for a clock that is about {} behind: set the phone's clock (automatic date and time), or this machine's",
            clock::length(off.unsigned_abs())
        ),
        None => factor::explain(reason),
    };
    if let Some(lock) = refusal.lock {
        sentence.push_str(&format!("; that was one too many: locked for {}", clock::length(lock.0)));
    }
    Document {
        right: false,
        reason: Some(reason.as_str()),
        clock_off_seconds,
        wait_seconds: wait(refusal).map(|wait| wait.0),
        ..right(account, sentence)
    }
}

/// How far the phone's clock is ahead.
fn clock_off(reason: Reason) -> Option<ClockOff> {
    if let Reason::ClockOff(off) = reason { Some(off) } else { None }
}

/// In what time another code is worth a try.
fn wait(refusal: &Refusal) -> Option<Seconds> {
    match refusal.reason {
        Reason::Limited(wait) | Reason::Locked(wait) | Reason::BeforeBoot(wait) => Some(wait),
        Reason::Replayed => refusal.next_code,
        Reason::Wrong
        | Reason::ClockOff(_)
        | Reason::ClockBack(_)
        | Reason::Late
        | Reason::Malformed
        | Reason::Disabled
        | Reason::NotEnrolled
        | Reason::UnknownUser
        | Reason::Busy
        | Reason::Conversation => refusal.lock,
    }
}
