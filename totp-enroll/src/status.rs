//! `status`: shows the enrolment of one account.

use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use crate::report::EnrolmentReport;
use totp_core::recovery::RecoveryKind;
use totp_core::store::Resets;
use totp_core::user::Account;

pub(crate) fn run(context: &Context, user: Option<&str>) -> Result<(), CommandError> {
    let account = context.any_account(user)?;
    let Some(report) = EnrolmentReport::of(context, &account)? else {
        return Err(not_enrolled(context, &account));
    };
    match context.format {
        Format::Json => output::document(&report),
        Format::Text => {
            lines(&report, context.config.warn_below).iter().try_for_each(|line| output::line(line))
        }
    }
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

fn lines(report: &EnrolmentReport, warn_below: usize) -> Vec<String> {
    let bound = report.uid.map_or_else(|| "no uid".to_owned(), |uid| format!("uid {uid}"));
    let mut lines = vec![format!("{} ({bound}): enrolled since {}", report.user, report.created)];
    for authenticator in &report.authenticators {
        let confirmed = authenticator
            .confirmed
            .as_ref()
            .map_or("no code accepted yet".to_owned(), |at| format!("first code accepted {at}"));
        lines.push(format!(
            "authenticator \"{}\": {}, {} digits, {} s, since {}, {confirmed}",
            authenticator.label,
            authenticator.algorithm,
            authenticator.digits,
            authenticator.period,
            authenticator.created
        ));
    }
    lines.push(recovery(report, warn_below));
    lines.push(format!("state: {}, {} wrong codes in a row", report.state_text(), report.wrong_in_a_row));
    lines.push(report.last_login.as_ref().map_or("last login: none".to_owned(), |login| {
        format!("last login: {} (method: {})", login.at, login.method)
    }));
    lines.extend(report.reset.as_ref().map(|reset| {
        format!(
            "RESET: requested {} by {}; to stop it: \"totp-enroll reset cancel {}\"",
            reset.requested, reset.by, report.user
        )
    }));
    lines
}

fn recovery(report: &EnrolmentReport, warn_below: usize) -> String {
    let (Some(since), Some(kind)) = (&report.recovery_created, report.recovery_kind) else {
        return "recovery codes: none; create them with \"totp-enroll recovery-codes\"".to_owned();
    };
    let left = report.recovery_left;
    if kind == RecoveryKind::Scratch.as_str() {
        return format!(
            "recovery codes: {left} imported scratch codes, which do not work while the account is locked; replace them with \
             \"totp-enroll recovery-codes\""
        );
    }
    if left < warn_below {
        return format!(
            "recovery codes: only {left} left of those created {since}; replace them with \"totp-enroll recovery-codes\""
        );
    }
    format!("recovery codes: {left} left of those created {since}")
}
