//! Decides who may change an enrolment: its owner with a current code, or root after typing the account's name.

use crate::command_error::CommandError;
use crate::context::{Context, PATIENCE, busy};
use crate::output;
use crate::terminal::Terminal;
use std::sync::Arc;
use totp_core::audit_event::Name;
use totp_core::code::Answer;
use totp_core::keyring::Keyring;
use totp_core::lockout::Warning;
use totp_core::login::{Host, JudgeError, Method, Reason, Refusal, Submission, Verdict, judge};
use totp_core::time::Now;
use totp_core::user::Account;
use totp_host::machine;

/// Codes that may be typed before the command ends; the account's limit counts each of them too.
const ATTEMPTS: usize = 3;

/// Whether the operator has confirmed the change on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    /// Not yet: prompt for it.
    Ask,
    /// With `--yes`.
    Given,
}

impl From<bool> for Consent {
    fn from(yes: bool) -> Self {
        if yes { Self::Given } else { Self::Ask }
    }
}

/// Allows a change to `account`, or refuses it. `effect` completes the sentence "this …" of the prompt.
pub(crate) fn authorise(
    context: &Context,
    account: &Account,
    consent: Consent,
    effect: &str,
) -> Result<(), CommandError> {
    if context.operator.is(account) && !context.operator.is_root() {
        return ask_current_code(context, account);
    }
    match consent {
        Consent::Given => Ok(()),
        Consent::Ask => ask_account_name(context, account, effect),
    }
}

fn ask_account_name(context: &Context, account: &Account, effect: &str) -> Result<(), CommandError> {
    let name = ("the account name", account.user.as_str());
    confirm_typed(context, Consent::Ask, &format!("this {effect}"), name)
}

/// Asks the operator to type `expected`, unless they consented on the command line. `effect` says what will be done.
pub(crate) fn confirm_typed(
    context: &Context,
    consent: Consent,
    effect: &str,
    (what, expected): (&str, &str),
) -> Result<(), CommandError> {
    if consent == Consent::Given {
        return Ok(());
    }
    let terminal = Terminal::open(context.format, "add --yes to skip the prompt")?;
    terminal.say(effect);
    let typed = terminal.ask(&format!("type {what} ({expected}) to continue: "))?;
    if typed.expose() == expected.as_bytes() {
        return Ok(());
    }
    Err(CommandError::refused(format!("that is not {what}; nothing was changed")))
}

/// Prompts for a code and uses it up, under the same limits as a login.
fn ask_current_code(context: &Context, account: &Account) -> Result<(), CommandError> {
    let terminal = Terminal::open(
        context.format,
        "run it on a terminal: changing your own enrolment needs a current code",
    )?;
    terminal.say("to change your own enrolment, enter a current code or a recovery code");
    for _ in 0..ATTEMPTS {
        let typed = terminal.ask("current code: ")?;
        let Some(answer) = Answer::recognise(typed.expose()) else {
            output::remark("not a code: type the digits that the app or token shows, or a recovery code");
            continue;
        };
        match try_code(context, account, &answer)? {
            Ok(_) => return Ok(()),
            Err(reason) if is_final(reason) => return Err(CommandError::refused(explain(reason))),
            Err(reason) => output::remark(&explain(reason)),
        }
    }
    Err(CommandError::refused("no correct code was entered; nothing was changed"))
}

/// Judges an answer and records the result: how it was accepted, or why it was refused.
pub(crate) fn try_code(
    context: &Context,
    account: &Account,
    answer: &Answer,
) -> Result<Result<Method, Reason>, CommandError> {
    match judge_answer(context, account, answer)? {
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
        Verdict::Unrecorded(unrecorded) => {
            context.audit(&unrecorded.event(|name| context.event(name, account)));
            Ok(Err(unrecorded.as_wrong.reason))
        }
    }
}

/// Judges an answer as at a login.
///
/// # Errors
/// If nothing was judged; then there is nothing to log.
pub(crate) fn judge_answer(
    context: &Context,
    account: &Account,
    answer: &Answer,
) -> Result<Verdict, CommandError> {
    // That sudo let the operator in says nothing of a first factor of this account.
    let (source, has_first_factor) = (context.operator.source(), false);
    let (rules, patience) = (&context.rules(), PATIENCE);
    let submission = Submission { account, answer, source: &source, has_first_factor, rules, patience };
    let verdict = judge(&context.store, &submission, &mut CommandHost { context, keyring: None })?;
    if let Verdict::Refused(Refusal { warning: Some(warning), .. }) = &verdict {
        warn_owner(context, account, *warning);
    }
    match verdict {
        Verdict::Refused(refusal) => match refusal.reason {
            Reason::NotEnrolled | Reason::UnknownUser => {
                Err(CommandError::not_enrolled(account.user.as_str()))
            }
            Reason::Busy => Err(busy(account)),
            Reason::Wrong
            | Reason::ClockOff(_)
            | Reason::Replayed
            | Reason::ClockBack(_)
            | Reason::BeforeBoot(_)
            | Reason::CounterEnded
            | Reason::OutOfStep
            | Reason::Malformed
            | Reason::Limited(_)
            | Reason::Locked(_)
            | Reason::Disabled
            | Reason::OverBudget => Ok(Verdict::Refused(refusal)),
        },
        verdict @ (Verdict::Accepted(_) | Verdict::Unrecorded(_)) => Ok(verdict),
    }
}

/// Someone is guessing the codes of this account: the log says so, and the owner is told.
fn warn_owner(context: &Context, account: &Account, warning: Warning) {
    let Warning { wrong, places, used_percent, since } = warning;
    context.audit(
        &context
            .event(Name::Guessing, account)
            .field("wrong", wrong)
            .field("places", places)
            .field("used_percent", used_percent)
            .maybe("since", since.map(output::date)),
    );
}

/// What judging reads from this machine.
struct CommandHost<'a> {
    context: &'a Context,
    keyring: Option<Arc<Keyring>>,
}

impl Host for CommandHost<'_> {
    type Error = CommandError;

    fn now(&mut self) -> Result<Now, CommandError> {
        Ok(machine::now()?)
    }

    fn keyring(&mut self) -> Result<&Keyring, CommandError> {
        match &mut self.keyring {
            Some(known) => Ok(known),
            none @ None => Ok(none.insert(self.context.keyring()?)),
        }
    }

    fn reread_keyring(&mut self) -> Result<(), CommandError> {
        self.keyring = Some(self.context.keyring()?);
        Ok(())
    }

    /// The line of the next login says it.
    fn lost_lines(&mut self, _count: u32) {}

    fn error(&self, error: JudgeError) -> CommandError {
        error.into()
    }
}

/// Whether another attempt is pointless now.
fn is_final(reason: Reason) -> bool {
    match reason {
        Reason::Limited(_)
        | Reason::Locked(_)
        | Reason::Disabled
        | Reason::OverBudget
        | Reason::NotEnrolled
        | Reason::UnknownUser => true,
        Reason::Wrong
        | Reason::ClockOff(_)
        | Reason::Replayed
        | Reason::ClockBack(_)
        | Reason::BeforeBoot(_)
        | Reason::CounterEnded
        | Reason::OutOfStep
        | Reason::Malformed
        | Reason::Busy => false,
    }
}

/// The reason that may be shown to the person who typed the code. A code ahead of the clock is shown as wrong: it is not used up
/// and becomes valid later, so telling them apart would confirm a guess. The log has the real reason.
pub(crate) fn shown_reason(reason: Reason) -> Reason {
    match reason {
        Reason::ClockOff(off) if off.steps > 0 => Reason::Wrong,
        Reason::ClockOff(_)
        | Reason::Wrong
        | Reason::Replayed
        | Reason::ClockBack(_)
        | Reason::BeforeBoot(_)
        | Reason::CounterEnded
        | Reason::OutOfStep
        | Reason::Limited(_)
        | Reason::Locked(_)
        | Reason::Disabled
        | Reason::OverBudget
        | Reason::NotEnrolled
        | Reason::UnknownUser
        | Reason::Busy
        | Reason::Malformed => reason,
    }
}

/// Tells the person what happened and what to do.
pub(crate) fn explain(reason: Reason) -> String {
    match shown_reason(reason) {
        Reason::Wrong => "that code is wrong, or the phone's clock is ahead; check the account in the app and the phone's clock; if a counter token was pressed often, type two consecutive codes of it, with a blank between them".to_owned(),
        Reason::ClockOff(off) => {
            format!(
                "the code is {} old; correct the clock of the phone or of this machine",
                output::count(off.steps.unsigned_abs(), "step")
            )
        }
        Reason::Replayed => "that code has already been used; use the next one".to_owned(),
        Reason::ClockBack(behind) => format!(
            "this machine's clock was set back by {}; have it corrected, or use a recovery code",
            output::duration(behind.0)
        ),
        Reason::BeforeBoot(wait) => {
            format!("the machine has just started; try again in {}", output::duration(wait.0))
        }
        Reason::CounterEnded => {
            "the token is used up: it has no further code; use a recovery code, or have another token enrolled".to_owned()
        }
        Reason::OutOfStep => {
            "the token has to be resynchronised; type two consecutive codes of it, with a blank between them".to_owned()
        }
        Reason::Limited(wait) | Reason::Locked(wait) => {
            format!("too many wrong codes; try again in {}, or use a recovery code", output::duration(wait.0))
        }
        Reason::Disabled => {
            "too many wrong codes; use a recovery code, or ask an administrator to run \"totp-enroll unlock\"".to_owned()
        }
        Reason::OverBudget => {
            "no code is accepted for now, so that nobody can guess one; use a recovery code, or ask an administrator to look at \"totp-enroll status\"".to_owned()
        }
        Reason::NotEnrolled | Reason::UnknownUser => "the account is not enrolled".to_owned(),
        Reason::Busy => "another login or command is using this enrolment; try again".to_owned(),
        Reason::Malformed => "that is not a code; type the digits that the app or token shows, or a recovery code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use totp_core::factor::ClockOff;

    #[test]
    fn a_code_ahead_of_the_clock_is_shown_as_wrong() {
        for steps in [1, 4, i64::MAX] {
            let ahead = Reason::ClockOff(ClockOff { steps, seconds: steps });
            assert_eq!(shown_reason(ahead), Reason::Wrong);
            assert_eq!(explain(ahead), explain(Reason::Wrong));
        }
        let behind = Reason::ClockOff(ClockOff { steps: -4, seconds: -120 });
        assert_eq!(shown_reason(behind), behind);
        assert!(explain(behind).contains("4 steps old"));
    }
}
