//! `enroll --confirm`: a first code of an enrolment that was made by a script, shown in the command in place of the module. It is
//! judged, charged and used up like any.

use crate::cli::Enroll;
use crate::context::Context;
use crate::factor::{explain, try_code};
use crate::failure::Failure;
use crate::report::{self, Report};
use crate::terminal::Terminal;
use std::io::BufRead;
use totp_core::code::Answer;
use totp_core::login::Method;
use totp_core::recovery::{RecoveryKind, SCRATCH_DIGITS};
use totp_core::secret::Secret;
use zeroize::Zeroizing;

pub(super) fn run(context: &Context, options: &Enroll) -> Result<(), Failure> {
    let account = context.account(options.user.as_deref())?;
    let found = Report::of(context, &account)?.ok_or_else(|| Failure::not_enrolled(account.user.as_str()))?;
    let pending = found.pending();
    if pending.is_empty() {
        return Err(Failure::refused(format!("nothing of {} is pending", account.user)));
    }
    let typed = typed(context, options)?;
    let answer = match Answer::recognise(typed.expose()) {
        Some(Answer::Code(code)) => {
            may_be_judged(code.expose().len(), &found)?;
            Answer::Code(code)
        }
        Some(Answer::Recovery(_) | Answer::Trailing(_)) | None => return Err(not_a_code()),
    };
    match try_code(context, &account, &answer)? {
        Ok(Method::Code { authenticator, .. }) => {
            let label = authenticator.as_str();
            let left: Vec<&str> = pending.iter().copied().filter(|known| *known != label).collect();
            if left.len() == pending.len() {
                return Err(Failure::refused(format!(
                    "that was a code of \"{label}\", which is confirmed, and it is used up; still pending: {}",
                    left.join(", ")
                )));
            }
            let said = match left.as_slice() {
                [] => format!("the authenticator \"{label}\" is confirmed"),
                left => {
                    format!("the authenticator \"{label}\" is confirmed; still pending: {}", left.join(", "))
                }
            };
            report::done(context.format, &account, "confirmed", &said)
        }
        Ok(Method::RecoveryCode { .. }) => Err(not_a_code()),
        Err(reason) => Err(Failure::refused(explain(reason))),
    }
}

fn not_a_code() -> Failure {
    Failure::refused("that is not a code of an authenticator; nothing was changed")
}

/// Whether a code of so many digits can be judged without that a scratch code is spent on it.
fn may_be_judged(digits: usize, found: &Report) -> Result<(), Failure> {
    let mut pending = found.authenticators.iter().filter(|one| one.confirmed.is_none());
    if !pending.any(|one| usize::from(one.digits) == digits) {
        return Err(Failure::refused(
            "that is not a code of an authenticator that is pending; nothing was changed",
        ));
    }
    let has_scratch = found.recovery_kind == Some(RecoveryKind::Scratch.as_str());
    if has_scratch && digits == usize::from(SCRATCH_DIGITS) {
        return Err(Failure::refused(
            "the scratch codes have as many digits, and one could be spent by mistake; nothing was changed; \"totp-enroll recovery-codes\" makes longer ones, or a login confirms it",
        ));
    }
    Ok(())
}

fn typed(context: &Context, options: &Enroll) -> Result<Secret, Failure> {
    match options.code.as_deref() {
        Some("-") => {
            let mut line = Zeroizing::new(String::with_capacity(128));
            let read = std::io::stdin().lock().read_line(&mut line);
            read.map_err(|error| Failure::refused(format!("standard input cannot be read: {error}")))?;
            Ok(Secret::new(line.trim().as_bytes().to_vec()))
        }
        Some(code) => Ok(Secret::new(code.as_bytes().to_vec())),
        None => Terminal::open(context.format, "give the code with --code, or --code - for standard input")?
            .ask("code from the authenticator: "),
    }
}
