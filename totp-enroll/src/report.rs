//! The state of one enrolment, as `status` and `list` print it; never a secret.

use crate::account::name_of;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use nix::unistd::Uid;
use serde::Serialize;
use totp_core::enrolment::recovery_left;
use totp_core::factor::Factor;
use totp_core::lockout::LockState;
use totp_core::recovery::RecoveryKind;
use totp_core::store::Held;
use totp_core::user::Account;
use totp_host::clock;

/// One enrolment, as the JSON of `status` and `list` has it.
#[derive(Serialize)]
pub(crate) struct EnrolmentReport {
    pub(crate) user: String,
    /// `null`: bound by name, without a uid.
    pub(crate) uid: Option<u32>,
    pub(crate) created: String,
    pub(crate) authenticators: Vec<AuthenticatorReport>,
    pub(crate) recovery_created: Option<String>,
    pub(crate) recovery_left: usize,
    /// `recovery_code`, or `scratch_code` if imported from another program.
    pub(crate) recovery_kind: Option<&'static str>,
    /// An authenticator has not yet had a code accepted. Logins need a code anyway.
    pub(crate) pending: bool,
    pub(crate) wrong_in_a_row: u32,
    /// `open`, `limited`, `locked` or `disabled`.
    pub(crate) state: &'static str,
    pub(crate) wait_seconds: u64,
    pub(crate) last_login: Option<LoginReport>,
    /// A request to reset the enrolment; `null`: none, or it has expired.
    pub(crate) reset: Option<ResetNoticeReport>,
}

#[derive(Serialize)]
pub(crate) struct ResetNoticeReport {
    pub(crate) requested: String,
    pub(crate) by: String,
    pub(crate) expires: String,
}

#[derive(Serialize)]
pub(crate) struct AuthenticatorReport {
    pub(crate) label: String,
    r#type: &'static str,
    pub(crate) algorithm: &'static str,
    pub(crate) digits: u8,
    pub(crate) period: u64,
    pub(crate) created: String,
    /// When its first code was accepted; `null`: not yet.
    pub(crate) confirmed: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct LoginReport {
    pub(crate) at: String,
    pub(crate) method: &'static str,
}

impl EnrolmentReport {
    /// Reads the enrolment of `account`; `None`: not enrolled.
    pub(crate) fn of(context: &Context, account: &Account) -> Result<Option<Self>, CommandError> {
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
            AuthenticatorReport {
                label: authenticator.label().as_str().to_owned(),
                r#type: factor.kind().as_str(),
                algorithm: parameters.algorithm().as_str(),
                digits: factor.digits(),
                period: parameters.period(),
                created: authenticator.created().to_string(),
                confirmed: ledger.confirmed_at(place).map(output::date),
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
                .map(|login| LoginReport { at: output::date(login.at), method: login.method.as_str() }),
            reset: ledger.notice().filter(|notice| notice.until > now).map(|notice| ResetNoticeReport {
                requested: output::date(notice.at),
                by: name_of(Uid::from_raw(notice.by)),
                expires: output::date(notice.until),
            }),
        }))
    }

    /// The labels of the authenticators that have not yet had a code accepted.
    pub(crate) fn pending_labels(&self) -> Vec<&str> {
        let pending = self.authenticators.iter().filter(|one| one.confirmed.is_none());
        pending.map(|one| one.label.as_str()).collect()
    }

    /// The state in words.
    pub(crate) fn state_text(&self) -> String {
        let pending = if self.pending { ", pending" } else { "" };
        match self.wait_seconds {
            0 => format!("{}{pending}", self.state),
            wait => format!("{} for {}{pending}", self.state, output::duration(wait)),
        }
    }
}

/// Reports a change: `message` as text, `done` as the word in the JSON.
pub(crate) fn done(
    format: Format,
    account: &Account,
    done: &'static str,
    message: &str,
) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct DoneDocument<'a> {
        user: &'a str,
        done: &'static str,
    }
    let user = account.user.as_str();
    match format {
        Format::Text => output::line(&format!("{user}: {message}"))?,
        Format::Json => output::document(&DoneDocument { user, done })?,
    }
    Ok(())
}
