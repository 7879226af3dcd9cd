//! How a user is enrolled, as a document and for people; never a secret.

use crate::account::name_of;
use crate::clock;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Format};
use nix::unistd::Uid;
use serde::Serialize;
use totp_core::enrolment::recovery_left;
use totp_core::factor::Factor;
use totp_core::lockout::LockState;
use totp_core::recovery::RecoveryKind;
use totp_core::store::Held;
use totp_core::user::Account;

/// What `status` and `list` say of one user.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) user: String,
    /// `null`: bound by name alone.
    pub(crate) uid: Option<u32>,
    pub(crate) created: String,
    pub(crate) authenticators: Vec<Authenticator>,
    pub(crate) recovery_created: Option<String>,
    pub(crate) recovery_left: usize,
    /// `recovery_code`, or `scratch_code` of another program.
    pub(crate) recovery_kind: Option<&'static str>,
    /// No code of one of the authenticators has been accepted yet. A code is asked for all the same.
    pub(crate) pending: bool,
    pub(crate) wrong_in_a_row: u32,
    /// `open`, `limited`, `locked` or `disabled`.
    pub(crate) state: &'static str,
    pub(crate) wait_seconds: u64,
    pub(crate) last_login: Option<LastLogin>,
    /// That someone asked to reset it; `null`: nobody did, or it has expired.
    pub(crate) reset: Option<ResetNotice>,
}

#[derive(Serialize)]
pub(crate) struct ResetNotice {
    pub(crate) requested: String,
    pub(crate) by: String,
    pub(crate) expires: String,
}

#[derive(Serialize)]
pub(crate) struct Authenticator {
    pub(crate) label: String,
    r#type: &'static str,
    pub(crate) algorithm: &'static str,
    pub(crate) digits: u8,
    pub(crate) period: u64,
    pub(crate) created: String,
    /// When a code of it was first accepted.
    pub(crate) confirmed: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct LastLogin {
    pub(crate) at: String,
    pub(crate) method: &'static str,
}

impl Report {
    /// Reads the enrolment of `account`; `None`: not enrolled.
    pub(crate) fn of(context: &Context, account: &Account) -> Result<Option<Self>, Failure> {
        let Some(held) = context.hold(account)? else { return Ok(None) };
        let (credential, ledger) = (held.credential(), held.ledger());
        let now = clock::now()?.realtime;
        let (state, wait_seconds) = match context.config.limit.state(ledger.failures(), now) {
            LockState::Open => ("open", 0),
            LockState::Limited(wait) => ("limited", wait.0),
            LockState::Locked(wait) => ("locked", wait.0),
            LockState::Disabled => ("disabled", 0),
        };
        let authenticators = credential.authenticators().iter().enumerate().map(|(place, authenticator)| {
            let factor = authenticator.factor();
            let Factor::Totp(totp) = factor;
            let parameters = totp.parameters();
            Authenticator {
                label: authenticator.label().as_str().to_owned(),
                r#type: factor.kind().as_str(),
                algorithm: parameters.algorithm().as_str(),
                digits: factor.digits(),
                period: parameters.period(),
                created: authenticator.created().to_string(),
                confirmed: ledger.confirmed_at(place).map(clock::date),
            }
        });
        Ok(Some(Self {
            user: account.user.as_str().to_owned(),
            uid: credential.owner().uid,
            created: credential.created().to_string(),
            authenticators: authenticators.collect(),
            recovery_created: credential.recovery_created().map(|created| created.to_string()),
            recovery_left: recovery_left(credential, ledger),
            recovery_kind: credential.recovery_kind().map(RecoveryKind::as_str),
            pending: (0..credential.authenticators().len()).any(|at| ledger.confirmed_at(at).is_none()),
            wrong_in_a_row: ledger.failures().consecutive(),
            state,
            wait_seconds,
            last_login: ledger
                .last_login()
                .map(|login| LastLogin { at: clock::date(login.at), method: login.method.as_str() }),
            reset: ledger.notice().filter(|notice| notice.until > now).map(|notice| ResetNotice {
                requested: clock::date(notice.at),
                by: name_of(Uid::from_raw(notice.by)),
                expires: clock::date(notice.until),
            }),
        }))
    }

    /// The labels of those of which no code has been accepted yet.
    pub(crate) fn pending(&self) -> Vec<&str> {
        let pending = self.authenticators.iter().filter(|one| one.confirmed.is_none());
        pending.map(|one| one.label.as_str()).collect()
    }

    /// The state in words.
    pub(crate) fn standing(&self) -> String {
        let pending = if self.pending { ", pending" } else { "" };
        match self.wait_seconds {
            0 => format!("{}{pending}", self.state),
            wait => format!("{} for {}{pending}", self.state, clock::length(wait)),
        }
    }
}

/// Says that a change was made.
pub(crate) fn done(format: Format, account: &Account, what: &'static str, said: &str) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Document<'a> {
        user: &'a str,
        done: &'static str,
    }
    let user = account.user.as_str();
    match format {
        Format::Text => output::line(&format!("{user}: {said}"))?,
        Format::Json => output::document(&Document { user, done: what })?,
    }
    Ok(())
}
