//! The state of a reset, as JSON and as text, after a step and in `reset list`; never a token.

use crate::account::{Unknown, canonical};
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use serde::Serialize;
use totp_core::account_recovery::{Reset, ResetStep, Stage, TokenState};
use totp_core::store::{Resets, Users};
use totp_core::user::User;
use totp_host::machine;

/// One reset, as `request`, `approve` and `list` print it.
#[derive(Serialize)]
pub(super) struct ResetReport {
    user: String,
    /// `unapproved`, `cooling`, `ready`, `expired`, `void`; then `withdrawn`, `token_expired`, `token_dead` or
    /// `called_off`.
    stage: &'static str,
    requested: StepReport,
    reason: String,
    approvals: Vec<StepReport>,
    approvals_needed: u32,
    /// When it can be completed; `null`: approvals are missing.
    ready: Option<String>,
    expires: String,
    token_expires: Option<String>,
}

#[derive(Serialize)]
struct StepReport {
    by: String,
    uid: u32,
    at: String,
}

/// The reset after a step, with the word for the step.
#[derive(Serialize)]
pub(super) struct TakenStep<'a> {
    done: &'static str,
    #[serde(flatten)]
    report: &'a ResetReport,
}

impl ResetReport {
    pub(super) fn of(context: &Context, reset: &Reset) -> Result<Self, CommandError> {
        let (terms, now) = (&context.config.reset, machine::now()?.realtime);
        let account = canonical(reset.account().user.as_str(), Unknown::Allowed)?;
        let stage = match reset.stage(&account, context.store.expected(&account.user)?, terms, now) {
            Stage::Unapproved(_) => "unapproved",
            Stage::Cooling(_) => "cooling",
            Stage::Ready => "ready",
            Stage::Expired => "expired",
            Stage::Void => "void",
            Stage::Withdrawn(TokenState::Open(_)) => "withdrawn",
            Stage::Withdrawn(TokenState::Expired) => "token_expired",
            Stage::Withdrawn(TokenState::Dead) => "token_dead",
            Stage::CalledOff => "called_off",
        };
        Ok(Self {
            user: account.user.as_str().to_owned(),
            stage,
            requested: StepReport::of(reset.requested()),
            reason: reset.reason().as_str().to_owned(),
            approvals: reset.approvals().iter().map(StepReport::of).collect(),
            approvals_needed: reset.approvals_needed(terms),
            ready: reset.ready_at(terms).map(output::date),
            expires: output::date(reset.expires_at(terms)),
            token_expires: reset.token().map(|token| output::date(token.expires_at())),
        })
    }

    pub(super) fn done(&self, done: &'static str) -> TakenStep<'_> {
        TakenStep { done, report: self }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let StepReport { by, at, .. } = &self.requested;
        let mut lines = vec![format!("{}: reset requested {at} by {by}: {}", self.user, self.reason)];
        lines.extend(
            self.approvals.iter().map(|StepReport { by, at, .. }| format!("  approved {at} by {by}")),
        );
        lines.push(format!("  {}", self.next_step()));
        lines
    }

    /// What has to happen next.
    fn next_step(&self) -> String {
        let Self { user, approvals, approvals_needed, expires, .. } = self;
        let ready = self.ready.as_deref().unwrap_or("its last approval");
        let token = self.token_expires.as_deref().unwrap_or_default();
        match self.stage {
            "unapproved" => format!(
                "{} of {}; another operator has to run \"totp-enroll reset approve {user}\" before {expires}",
                approvals.len(),
                output::count(*approvals_needed, "approval")
            ),
            "cooling" | "ready" => format!(
                "to complete it, run \"totp-enroll reset complete {user}\" between {ready} and {expires}"
            ),
            "expired" => format!("expired {expires}"),
            "void" => "void: the enrolment or the account has changed since the request".to_owned(),
            "withdrawn" => format!("the enrolment is removed; the reset token is valid until {token}"),
            "token_expired" => {
                format!(
                    "the enrolment is removed; the reset token expired {token}; {}",
                    self.new_token_hint()
                )
            }
            "called_off" => format!(
                "cancelled after the enrolment was removed; an operator has to run \"totp-enroll enroll {user}\" or request a reset"
            ),
            _ => format!(
                "the enrolment is removed; too many wrong tokens were entered; {}",
                self.new_token_hint()
            ),
        }
    }

    fn new_token_hint(&self) -> String {
        let Self { user, expires, .. } = self;
        format!(
            "until {expires}, \"totp-enroll reset complete {user}\" creates a new token; after that, request a new reset"
        )
    }
}

impl StepReport {
    fn of(step: &ResetStep) -> Self {
        Self { by: step.by.name.clone(), uid: step.by.uid, at: output::date(step.at) }
    }
}

#[derive(Serialize)]
struct ResetList {
    resets: Vec<ResetReport>,
    broken: Vec<UnreadableReset>,
}

#[derive(Serialize)]
struct UnreadableReset {
    user: String,
    problem: String,
}

/// Lists pending resets and unused reset tokens. A reset that cannot be read has its own line and does not hide the others.
pub(super) fn list(context: &Context) -> Result<(), CommandError> {
    let mut document = ResetList { resets: Vec::new(), broken: Vec::new() };
    let mut users = match context.store.resets()? {
        Some(names) => names.collect::<Result<Vec<User>, _>>()?,
        None => Vec::new(),
    };
    users.sort();
    for user in users {
        let reset = context.store.reset(&user).map_err(CommandError::from);
        match reset.and_then(|reset| reset.map(|reset| ResetReport::of(context, &reset)).transpose()) {
            Ok(Some(report)) => document.resets.push(report),
            // Ended after the names were read.
            Ok(None) => {}
            Err(error) => document.broken.push(UnreadableReset::of(&user, &error)),
        }
    }
    output::report(context.format, &document, lines)?;
    match document.broken.len() {
        0 => Ok(()),
        count => {
            let error = CommandError::refused(format!("{} cannot be read", output::count(count, "reset")));
            Err(output::reported(context.format, error))
        }
    }
}

fn lines(document: &ResetList) -> Vec<String> {
    if document.resets.is_empty() && document.broken.is_empty() {
        return vec!["no pending resets".to_owned()];
    }
    let mut lines: Vec<String> = document.resets.iter().flat_map(ResetReport::lines).collect();
    lines
        .extend(document.broken.iter().map(|reset| format!("{}: UNREADABLE: {}", reset.user, reset.problem)));
    lines
}

impl UnreadableReset {
    fn of(user: &User, error: &CommandError) -> Self {
        let file = error.file.as_ref().map_or_else(String::new, |file| format!("{}: ", file.display()));
        Self { user: user.as_str().to_owned(), problem: format!("{file}{}", error.problem) }
    }
}
