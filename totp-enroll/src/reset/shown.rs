//! How far a reset has come, as a document and for people; never a token.

use crate::account::{Unknown, canonical};
use crate::clock;
use crate::context::Context;
use crate::failure::Failure;
use serde::Serialize;
use totp_core::account_recovery::TokenState;
use totp_core::account_recovery::{Reset, ResetStep, Stage};
use totp_core::store::Users;

/// What `request`, `approve` and `list` say of one reset.
#[derive(Serialize)]
pub(super) struct Shown {
    user: String,
    /// `unapproved`, `cooling`, `ready`, `expired`, `void`; then `withdrawn`, `token_expired`, `token_dead` or
    /// `called_off`.
    stage: &'static str,
    requested: Taken,
    reason: String,
    approvals: Vec<Taken>,
    approvals_needed: u32,
    /// When it can be completed; `null`: approvals are missing.
    ready: Option<String>,
    expires: String,
    token_expires: Option<String>,
}

#[derive(Serialize)]
struct Taken {
    by: String,
    uid: u32,
    at: String,
}

/// The document of a command that did something.
#[derive(Serialize)]
pub(super) struct Done<'a> {
    done: &'static str,
    #[serde(flatten)]
    shown: &'a Shown,
}

impl Shown {
    pub(super) fn of(context: &Context, reset: &Reset) -> Result<Self, Failure> {
        let (terms, now) = (&context.config.reset, clock::now()?.realtime);
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
            requested: Taken::of(reset.requested()),
            reason: reset.reason().as_str().to_owned(),
            approvals: reset.approvals().iter().map(Taken::of).collect(),
            approvals_needed: reset.approvals_needed(terms),
            ready: reset.ready_at(terms).map(clock::date),
            expires: clock::date(reset.expires_at(terms)),
            token_expires: reset.token().map(|token| clock::date(token.expires_at())),
        })
    }

    pub(super) fn done(&self, done: &'static str) -> Done<'_> {
        Done { done, shown: self }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let Taken { by, at, .. } = &self.requested;
        let mut lines = vec![format!("{}: reset requested {at} by {by}: {}", self.user, self.reason)];
        lines.extend(self.approvals.iter().map(|Taken { by, at, .. }| format!("  approved {at} by {by}")));
        lines.push(format!("  {}", self.next()));
        lines
    }

    /// What comes next.
    fn next(&self) -> String {
        let Self { user, approvals, approvals_needed, expires, .. } = self;
        let ready = self.ready.as_deref().unwrap_or("its approval");
        let token = self.token_expires.as_deref().unwrap_or_default();
        match self.stage {
            "unapproved" => format!(
                "{} of {approvals_needed} approvals; \"totp-enroll reset approve {user}\" by another operator, before {expires}",
                approvals.len()
            ),
            "cooling" | "ready" => format!(
                "\"totp-enroll reset complete {user}\" from {ready} until {expires}, unless it is cancelled"
            ),
            "expired" => format!("expired {expires}"),
            "void" => "void: the enrolment or the account is another one by now".to_owned(),
            "withdrawn" => format!("the enrolment is withdrawn; the token is good until {token}"),
            "token_expired" => {
                format!("the enrolment is withdrawn; the token expired {token}: {}", self.again())
            }
            "called_off" => format!(
                "called off when nobody was enrolled any more: an operator enrols them, \"totp-enroll enroll {user}\", or requests a reset"
            ),
            _ => format!("the enrolment is withdrawn; too many wrong tokens were typed: {}", self.again()),
        }
    }

    fn again(&self) -> String {
        let Self { user, expires, .. } = self;
        format!("\"totp-enroll reset complete {user}\" makes another until {expires}, a new request later")
    }
}

impl Taken {
    fn of(step: &ResetStep) -> Self {
        Self { by: step.by.name.clone(), uid: step.by.uid, at: clock::date(step.at) }
    }
}
