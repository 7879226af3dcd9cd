//! `reset complete`: withdraw the enrolment, and show the token for the next one, once.

use super::sessions;
use super::step::{asked, concerned, refused};
use crate::clock;
use crate::context::Context;
use crate::factor::{Consent, authorise};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::signals::Undisturbed;
use crate::terminal::Terminal;
use serde::Serialize;
use totp_core::account_recovery::{self, AccountRecoveryError, StepInputs};
use totp_core::account_recovery::{Reset, ResetError, Stage};
use totp_core::audit_event::Name;
use totp_core::recovery::grouped;
use totp_core::secret::Secret;
use totp_core::store::{Resets, Users};
use totp_core::user::Account;
use totp_host::entropy::OsEntropy;
use totp_store::timestamp_records::TimestampRecords;
use zeroize::Zeroizing;

#[derive(Serialize)]
struct Document<'a> {
    user: &'a str,
    done: &'static str,
    token: &'a str,
    token_expires: &'a str,
    /// `null`: they were not to be ended.
    sessions_ended: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

pub(super) fn run(
    context: &Context,
    user: &str,
    end_sessions: bool,
    consent: Consent,
) -> Result<(), Failure> {
    let account = concerned(context, Some(user))?;
    // Where nobody would see the token, the enrolment stays.
    let terminal = match context.format {
        Format::Json => None,
        Format::Text => Some(Terminal::open(context.format, "--json --yes prints the token for a program")?),
    };
    let asked_first = asked(context, &account, "complete")?;
    foresee(context, &asked_first).map_err(|error| refused(context, &account, "complete", error))?;
    authorise(context, &account, consent, "withdraws authenticators, recovery codes and remembered devices")?;
    let _undisturbed = Undisturbed::begin();
    let entry = context.entry_to_withdraw(&account)?;
    // Only now, for a person thinks as long as they like.
    let asked = StepInputs { now: clock::now()?.realtime, ..asked_first };
    let done = account_recovery::complete(entry, &asked, &mut OsEntropy);
    let (reset, token) = done.map_err(|error| refused(context, &account, "complete", error))?;
    audit(context, &account, &reset);
    let mut left = forget_timestamps(context, &account);
    let sessions_ended = end_sessions.then(|| {
        let ended = sessions::end(&account);
        left.extend(ended.as_ref().err().cloned());
        ended.is_ok()
    });
    show(&account, &reset, &token, sessions_ended, &left, terminal.as_ref()).map_err(unseen)?;
    match left.as_slice() {
        [] => Ok(()),
        problems => {
            let failure = Failure::refused(format!("the reset is done, but {}", problems.join("; ")));
            Err(if context.format == Format::Json { failure.told() } else { failure })
        }
    }
}

/// What would be refused in any case is refused before anybody is asked.
fn foresee(context: &Context, asked: &StepInputs<'_>) -> Result<(), AccountRecoveryError> {
    let StepInputs { account, by, rules, now } = asked;
    if account.uid == Some(by.uid) {
        return Err(ResetError::Own.into());
    }
    let reset = context.store.reset(&account.user)?.ok_or(AccountRecoveryError::NoReset)?;
    match reset.stage(account, context.store.expected(&account.user)?, rules, *now) {
        Stage::Ready | Stage::Withdrawn(_) => Ok(()),
        Stage::CalledOff => Err(ResetError::CalledOff.into()),
        Stage::Unapproved(missing) => Err(ResetError::Unapproved(missing).into()),
        // What the rule says of it may be another wait, where the clock was set back: it has to note that.
        Stage::Cooling(_) => Ok(()),
        Stage::Expired => Err(ResetError::Expired.into()),
        Stage::Void => Err(ResetError::Void.into()),
    }
}

fn audit(context: &Context, account: &Account, reset: &Reset) {
    let approved_by = reset.approvals().iter().map(|step| step.by.name.as_str()).collect::<Vec<_>>();
    let token_expires = reset.token().map(|token| clock::date(token.expires_at()));
    context.audit(
        &context
            .event(Name::ResetCompleted, account)
            .field("reason", reset.reason().as_str())
            .field("requested_by", &reset.requested().by.name)
            .maybe("approved_by", (!approved_by.is_empty()).then(|| approved_by.join(",")))
            .maybe("token_expires", token_expires),
    );
}

/// They are bound to the enrolment, and open nothing without it; yet nothing is to be left.
fn forget_timestamps(context: &Context, account: &Account) -> Vec<String> {
    let forgotten =
        account.uid.map_or(Ok(0), |uid| TimestampRecords::new(&context.config.paths.runtime).forget(uid));
    forgotten.err().map(|error| error.to_string()).into_iter().collect()
}

fn show(
    account: &Account,
    reset: &Reset,
    token: &Secret,
    sessions_ended: Option<bool>,
    left: &[String],
    terminal: Option<&Terminal>,
) -> Result<(), Failure> {
    let user = account.user.as_str();
    let expires = reset.token().map_or_else(String::new, |token| clock::date(token.expires_at()));
    let Some(terminal) = terminal else {
        let token = Zeroizing::new(String::from_utf8_lossy(grouped(token).expose()).into_owned());
        let problem = (!left.is_empty()).then(|| left.join("; "));
        return output::document(&Document {
            user,
            done: "reset_completed",
            token: &token,
            token_expires: &expires,
            sessions_ended,
            problem: problem.as_deref(),
        });
    };
    terminal.say(&format!(
        "{user}: the enrolment is withdrawn. The token for the next one, good until {expires}:"
    ));
    terminal.say_secret("  ", &grouped(token))?;
    terminal.say("give it to the person themselves; it is not shown again. It is typed in the place of a code at the next");
    terminal.say(&format!(
        "login after a first factor, or in the command: \"totp-enroll enroll {user} --token\""
    ));
    Ok(())
}

/// The enrolment is withdrawn, and nobody has the token.
fn unseen(failure: Failure) -> Failure {
    failure.explained(|problem| {
        format!("{problem}; the enrolment is withdrawn and the token was not shown: run reset complete again")
    })
}
