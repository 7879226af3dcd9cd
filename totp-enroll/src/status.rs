//! `status` and `list`: show the enrolment of one account, or of all; never a secret.

use crate::account::{self, Unknown, name_of};
use crate::authenticator_report::AuthenticatorReport;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::guess_report::GuessDocument;
use crate::output;
use nix::unistd::Uid;
use serde::Serialize;
use totp_core::enrolment::recovery_left;
use totp_core::lockout::ReportInput;
use totp_core::login::Rules;
use totp_core::recovery::RecoveryKind;
use totp_core::store::{Held, Resets, Users};
use totp_core::user::{Account, User};
use totp_host::machine;

pub(crate) fn run(context: &Context, user: Option<&str>) -> Result<(), CommandError> {
    let account = context.any_account(user)?;
    let Some(report) = EnrolmentReport::of(context, &account)? else {
        return Err(not_enrolled(context, &account));
    };
    output::report(context.format, &report, |report| status_lines(report, context.config.warn_below))
}

/// The error "not enrolled"; it mentions a pending reset token.
fn not_enrolled(context: &Context, account: &Account) -> CommandError {
    let error = CommandError::not_enrolled(account.user.as_str());
    match context.store.reset(&account.user) {
        Ok(None) => error,
        Ok(Some(reset)) if reset.is_anothers(account) => error,
        Ok(Some(_)) | Err(_) => error.explained(|_| {
            let user = &account.user;
            format!("{user} is not enrolled: the enrolment was reset, and enrolling again needs the reset token; see \"totp-enroll reset list\"")
        }),
    }
}

fn status_lines(report: &EnrolmentReport, warn_below: usize) -> Vec<String> {
    let bound = report.uid.map_or_else(|| "no uid".to_owned(), |uid| format!("uid {uid}"));
    let mut lines = vec![format!("{} ({bound}): enrolled since {}", report.user, report.created)];
    lines.extend(report.authenticators.iter().map(AuthenticatorReport::line));
    lines.push(recovery(report, warn_below));
    lines.push(report.last_login.as_ref().map_or("last login: none".to_owned(), |login| {
        format!("last login: {} (method: {})", login.at, login.method)
    }));
    lines.extend(report.reset.as_ref().map(|reset| {
        format!(
            "RESET: requested {} by {}; to stop it: \"totp-enroll reset cancel {}\"",
            reset.requested, reset.by, report.user
        )
    }));
    lines.extend(report.guesses.lines(&report.user));
    lines
}

fn recovery(report: &EnrolmentReport, warn_below: usize) -> String {
    let (Some(since), Some(kind)) = (&report.recovery_created, report.recovery_kind) else {
        return "recovery codes: none; create them with \"totp-enroll recovery-codes\"".to_owned();
    };
    let left = report.recovery_left;
    if kind == RecoveryKind::Scratch.as_str() {
        return format!(
            "recovery codes: {}, accepted only while the account is not locked; to replace the imported codes, run \
             \"totp-enroll recovery-codes\"",
            output::count(left, "imported scratch code")
        );
    }
    if left < warn_below {
        return format!(
            "recovery codes: only {left} left of those created {since}; replace them with \"totp-enroll recovery-codes\""
        );
    }
    format!("recovery codes: {left} left of those created {since}")
}

#[derive(Serialize)]
struct EnrolmentList {
    users: Vec<EnrolmentReport>,
    broken: Vec<UnreadableEnrolment>,
}

#[derive(Serialize)]
struct UnreadableEnrolment {
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    problem: String,
}

/// `list`: an enrolment that cannot be read has its own line and does not hide the others.
pub(crate) fn list(context: &Context) -> Result<(), CommandError> {
    let mut document = EnrolmentList { users: Vec::new(), broken: Vec::new() };
    for user in context.store.users()? {
        match account::canonical(user.as_str(), Unknown::Allowed)
            .and_then(|account| EnrolmentReport::of(context, &account))
        {
            Ok(Some(report)) => document.users.push(report),
            // Removed after the names were read.
            Ok(None) => {}
            Err(error) => document.broken.push(UnreadableEnrolment::of(&user, error)),
        }
    }
    output::report(context.format, &document, table)?;
    match document.broken.len() {
        0 => Ok(()),
        count => {
            let problem = format!(
                "{count} of {} cannot be read",
                output::count(count.saturating_add(document.users.len()), "enrolment")
            );
            let error = CommandError::refused(problem);
            Err(output::reported(context.format, error))
        }
    }
}

impl UnreadableEnrolment {
    fn of(user: &User, error: CommandError) -> Self {
        let file = error.file.map(|file| file.display().to_string());
        Self { user: user.as_str().to_owned(), file, line: error.line, problem: error.problem }
    }
}

fn table(document: &EnrolmentList) -> Vec<String> {
    if document.users.is_empty() && document.broken.is_empty() {
        return vec!["no account is enrolled".to_owned()];
    }
    let head = ["USER", "AUTHENTICATORS", "RECOVERY", "STATE", "LAST LOGIN"].map(str::to_owned);
    let mut rows = vec![head];
    for report in &document.users {
        let names: Vec<String> = report.authenticators.iter().map(AuthenticatorReport::name).collect();
        let login = report.last_login.as_ref().map_or_else(|| "never".to_owned(), |login| login.at.clone());
        let left = report.recovery_left.to_string();
        rows.push([report.user.clone(), names.join(", "), left, report.state_text(), login]);
    }
    let mut lines = output::columns(&rows);
    for unreadable in &document.broken {
        let file = unreadable.file.as_ref().map_or_else(String::new, |file| format!("{file}: "));
        lines.push(format!("{}: UNREADABLE: {file}{}", unreadable.user, unreadable.problem));
    }
    lines
}

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
    /// No authenticator has had a code accepted yet. Logins need a code anyway.
    pub(crate) pending: bool,
    /// Wrong codes, locks and budgets.
    #[serde(flatten)]
    pub(crate) guesses: GuessDocument,
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
pub(crate) struct LoginReport {
    pub(crate) at: String,
    pub(crate) method: &'static str,
}

impl EnrolmentReport {
    /// Reads the enrolment of `account`; `None`: not enrolled.
    pub(crate) fn of(context: &Context, account: &Account) -> Result<Option<Self>, CommandError> {
        let Some(held) = context.hold(account)? else { return Ok(None) };
        let (credential, ledger) = (held.credential(), held.ledger());
        let now = machine::now()?.realtime;
        let Rules { windows, limit, risk } = &context.rules();
        let input = ReportInput { credential, windows, limit, risk, now };
        Ok(Some(Self {
            user: account.user.as_str().to_owned(),
            uid: credential.owner().uid,
            created: credential.created().to_string(),
            authenticators: AuthenticatorReport::all(credential, ledger, windows),
            recovery_created: credential.recovery_created().map(|created| created.to_string()),
            recovery_left: recovery_left(credential, ledger),
            recovery_kind: credential.recovery_kind().map(RecoveryKind::as_str),
            pending: (0..credential.authenticators().len()).all(|at| ledger.confirmed_at(at).is_none()),
            guesses: GuessDocument::of(ledger.guesses().report(&input)),
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
        format!("{}{pending}", self.guesses.state_text())
    }
}
