//! `enroll --confirm`: confirms a pending enrolment with its first code. The code is judged, charged and used up as at a login.

use crate::authorise::{explain, try_code};
use crate::cli::Enroll;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::report::{self, EnrolmentReport};
use crate::terminal::Terminal;
use std::io::BufRead;
use totp_core::code::Answer;
use totp_core::login::Method;
use totp_core::recovery::{RecoveryKind, SCRATCH_DIGITS};
use totp_core::secret::Secret;
use zeroize::Zeroizing;

pub(super) fn run(context: &Context, options: &Enroll) -> Result<(), CommandError> {
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
            report::done(context.format, &account, "confirmed", &message)
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
