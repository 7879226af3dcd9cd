//! `enroll --confirm`: a first code of an enrolment that was made by a script, shown at the desk in place of the door. It is
//! judged, charged and used up like any.

use crate::cli::Enroll;
use crate::desk::Desk;
use crate::factor::{explain, try_code};
use crate::failure::Failure;
use crate::report::{self, Report};
use crate::terminal::Terminal;
use std::io::BufRead;
use totp_core::code::Answer;
use totp_core::secret::Secret;
use zeroize::Zeroizing;

pub(super) fn run(desk: &Desk, options: &Enroll) -> Result<(), Failure> {
    let account = desk.account(options.user.as_deref())?;
    let found = Report::of(desk, &account)?.ok_or_else(|| Failure::not_enrolled(account.user.as_str()))?;
    if found.authenticators.iter().all(|one| one.confirmed.is_some()) {
        return Err(Failure::refused(format!("nothing of {} is pending", account.user)));
    }
    let typed = typed(desk, options)?;
    let answer = match Answer::recognise(typed.expose()) {
        Some(answer @ Answer::Totp(_)) => answer,
        Some(Answer::Recovery(_) | Answer::Trailing(_)) | None => {
            return Err(Failure::refused("that is not a code of an authenticator; nothing was changed"));
        }
    };
    match try_code(desk, &account, &answer)? {
        None => report::done(desk.format, &account, "confirmed", "the enrolment is confirmed"),
        Some(reason) => Err(Failure::refused(explain(reason))),
    }
}

fn typed(desk: &Desk, options: &Enroll) -> Result<Secret, Failure> {
    match options.code.as_deref() {
        Some("-") => {
            let mut line = Zeroizing::new(String::with_capacity(128));
            let read = std::io::stdin().lock().read_line(&mut line);
            read.map_err(|error| Failure::refused(format!("standard input cannot be read: {error}")))?;
            Ok(Secret::new(line.trim().as_bytes().to_vec()))
        }
        Some(code) => Ok(Secret::new(code.as_bytes().to_vec())),
        None => Terminal::open(desk.format, "give the code with --code, or --code - for standard input")?
            .ask("code from the authenticator: "),
    }
}
