//! Who may change an enrolment: its owner with a present code, or root who types the account's name.

use crate::context::{Context, PATIENCE, busy};
use crate::failure::Failure;
use crate::terminal::Terminal;
use crate::{clock, output};
use totp_core::audit_event::Name;
use totp_core::code::Answer;
use totp_core::keyring::Keyring;
use totp_core::login::{Host, JudgeError, Method, Reason, Submission, Verdict, judge};
use totp_core::time::Now;
use totp_core::user::Account;

/// Codes that may be tried before the command ends; the account's own limit counts each.
const TRIES: usize = 3;

/// The answer to "are you sure", for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// To be asked for.
    Ask,
    /// Given on the command line, with `--yes`.
    Given,
}

impl From<bool> for Consent {
    fn from(yes: bool) -> Self {
        if yes { Self::Given } else { Self::Ask }
    }
}

/// Lets a change to `account` go on, or says why not. `purpose` ends the sentence "this …".
pub(crate) fn authorise(
    context: &Context,
    account: &Account,
    consent: Consent,
    purpose: &str,
) -> Result<(), Failure> {
    if context.operator.is(account) && !context.operator.is_root() {
        return present_code(context, account);
    }
    match consent {
        Consent::Given => Ok(()),
        Consent::Ask => typed_name(context, account, purpose),
    }
}

fn typed_name(context: &Context, account: &Account, purpose: &str) -> Result<(), Failure> {
    let terminal = Terminal::open(context.format, "add --yes if you are sure")?;
    let name = account.user.as_str();
    terminal.say(&format!("this {purpose}"));
    let typed = terminal.ask(&format!("type the account name ({name}) to go on: "))?;
    if typed.expose() == name.as_bytes() {
        return Ok(());
    }
    Err(Failure::refused("that is not the account's name; nothing was changed"))
}

/// Asks for a code of the enrolment and uses it up, through the same ledger and limit as a login.
fn present_code(context: &Context, account: &Account) -> Result<(), Failure> {
    let terminal = Terminal::open(context.format, "changing your own factor takes a present code")?;
    terminal.say("changing your own factor takes a code of it, or a recovery code");
    for _ in 0..TRIES {
        let typed = terminal.ask("present code: ")?;
        let Some(answer) = Answer::recognise(typed.expose()) else {
            output::remark("that cannot be a code: type the digits of the app, or a recovery code");
            continue;
        };
        match try_code(context, account, &answer)? {
            Ok(_) => return Ok(()),
            Err(reason) if is_final(reason) => return Err(Failure::refused(explain(reason))),
            Err(reason) => output::remark(&explain(reason)),
        }
    }
    Err(Failure::refused("no right code was given; nothing was changed"))
}

/// By what it was right, and is used up; or why not.
pub(crate) fn try_code(
    context: &Context,
    account: &Account,
    answer: &Answer,
) -> Result<Result<Method, Reason>, Failure> {
    match judged(context, account, answer)? {
        Verdict::Accepted(verified) => {
            let event = match verified.method() {
                Method::Code { authenticator, kind, .. } => context
                    .event(Name::Accepted, account)
                    .field("method", kind.as_str())
                    .field("authenticator", authenticator.as_str()),
                Method::RecoveryCode { kind, left } => context
                    .event(Name::RecoveryUsed, account)
                    .field("method", kind.as_str())
                    .field("left", left),
            };
            context.audit(&event);
            Ok(Ok(verified.method().clone()))
        }
        Verdict::Refused(refusal) => {
            let name = if refusal.lock.is_some() { Name::Locked } else { Name::Refused };
            context.audit(&context.event(name, account).field("reason", refusal.reason.as_str()));
            Ok(Err(refusal.reason))
        }
    }
}

/// Judges an answer as at a login. Where nothing was judged there is a failure, and nothing to log.
pub(crate) fn judged(context: &Context, account: &Account, answer: &Answer) -> Result<Verdict, Failure> {
    let submission = Submission { account, answer, rules: &context.rules(), patience: PATIENCE };
    match judge(&context.store, &submission, &mut DeskHost { context, keyring: None })? {
        Verdict::Refused(refusal) => match refusal.reason {
            Reason::NotEnrolled | Reason::UnknownUser => Err(Failure::not_enrolled(account.user.as_str())),
            Reason::Busy => Err(busy(account)),
            Reason::Wrong
            | Reason::ClockOff(_)
            | Reason::Replayed
            | Reason::ClockBack(_)
            | Reason::BeforeBoot(_)
            | Reason::Late
            | Reason::Malformed
            | Reason::Limited(_)
            | Reason::Locked(_)
            | Reason::Disabled
            | Reason::Conversation => Ok(Verdict::Refused(refusal)),
        },
        accepted @ Verdict::Accepted(_) => Ok(accepted),
    }
}

/// What judging reads of this machine.
struct DeskHost<'d> {
    context: &'d Context,
    keyring: Option<Keyring>,
}

impl Host for DeskHost<'_> {
    type Error = Failure;

    fn now(&mut self) -> Result<Now, Failure> {
        Ok(clock::now()?)
    }

    fn keyring(&mut self) -> Result<&Keyring, Failure> {
        match &mut self.keyring {
            Some(known) => Ok(known),
            none @ None => Ok(none.insert(self.context.keyring()?)),
        }
    }

    fn reread_keyring(&mut self) -> Result<(), Failure> {
        self.keyring = Some(self.context.keyring()?);
        Ok(())
    }

    fn error(&self, error: JudgeError) -> Failure {
        error.into()
    }
}

/// No further try helps now.
fn is_final(reason: Reason) -> bool {
    match reason {
        Reason::Limited(_)
        | Reason::Locked(_)
        | Reason::Disabled
        | Reason::NotEnrolled
        | Reason::UnknownUser => true,
        Reason::Wrong
        | Reason::ClockOff(_)
        | Reason::Replayed
        | Reason::ClockBack(_)
        | Reason::BeforeBoot(_)
        | Reason::Late
        | Reason::Malformed
        | Reason::Busy
        | Reason::Conversation => false,
    }
}

/// What may be said of a refusal to anyone who typed the code. One that is ahead of the clock has not been used up and opens the
/// module later: to tell it from a wrong one would confirm a guess. The log tells, to those who read it.
pub(crate) fn tellable(reason: Reason) -> Reason {
    match reason {
        Reason::ClockOff(off) if off.steps > 0 => Reason::Wrong,
        Reason::ClockOff(_)
        | Reason::Wrong
        | Reason::Replayed
        | Reason::ClockBack(_)
        | Reason::BeforeBoot(_)
        | Reason::Limited(_)
        | Reason::Locked(_)
        | Reason::Disabled
        | Reason::NotEnrolled
        | Reason::UnknownUser
        | Reason::Busy
        | Reason::Late
        | Reason::Malformed
        | Reason::Conversation => reason,
    }
}

/// What happened, and what to do.
pub(crate) fn explain(reason: Reason) -> String {
    match tellable(reason) {
        Reason::Wrong => "that code is wrong, or the clock of the phone is ahead".to_owned(),
        Reason::ClockOff(off) => {
            format!(
                "that code is right for a clock {} steps behind; set the clock of the phone, or of this machine",
                off.steps.unsigned_abs()
            )
        }
        Reason::Replayed => "that code was used before; wait for the next one".to_owned(),
        Reason::ClockBack(behind) => format!(
            "this machine's clock was set back by {}; have an administrator check it, or use a recovery code",
            clock::length(behind.0)
        ),
        Reason::BeforeBoot(wait) => {
            format!("the machine has just started; a code is good in {}", clock::length(wait.0))
        }
        Reason::Limited(wait) | Reason::Locked(wait) => {
            format!("too many wrong codes; try again in {}, or use a recovery code", clock::length(wait.0))
        }
        Reason::Disabled => {
            "too many wrong codes; only a recovery code or an administrator helps now".to_owned()
        }
        Reason::NotEnrolled | Reason::UnknownUser => "there is no enrolment".to_owned(),
        Reason::Busy => "another process uses this enrolment right now; try again".to_owned(),
        Reason::Late | Reason::Malformed | Reason::Conversation => "that cannot be a code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use totp_core::factor::ClockOff;

    #[test]
    fn a_code_ahead_of_the_clock_is_told_like_a_wrong_one() {
        for steps in [1, 4, i64::MAX] {
            let ahead = Reason::ClockOff(ClockOff { steps, seconds: steps });
            assert_eq!(tellable(ahead), Reason::Wrong);
            assert_eq!(explain(ahead), explain(Reason::Wrong));
        }
        let behind = Reason::ClockOff(ClockOff { steps: -4, seconds: -120 });
        assert_eq!(tellable(behind), behind);
        assert!(explain(behind).contains("4 steps behind"));
    }
}
