//! `status`: how one user is enrolled.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::report::Report;
use totp_core::recovery::RecoveryKind;
use totp_core::store::Resets;
use totp_core::user::Account;

pub(crate) fn run(context: &Context, user: Option<&str>) -> Result<(), Failure> {
    let account = context.any_account(user)?;
    let Some(report) = Report::of(context, &account)? else { return Err(absent(context, &account)) };
    match context.format {
        Format::Json => output::document(&report),
        Format::Text => {
            lines(&report, context.config.warn_below).iter().try_for_each(|line| output::line(line))
        }
    }
}

/// Anyone who was reset is not enrolled, and waits for more than that.
fn absent(context: &Context, account: &Account) -> Failure {
    let absent = Failure::not_enrolled(account.user.as_str());
    match context.store.reset(&account.user) {
        Ok(None) => absent,
        Ok(Some(reset)) if reset.is_anothers(account) => absent,
        Ok(Some(_)) | Err(_) => absent.explained(|_| {
            let user = &account.user;
            format!("{user} is not enrolled: the enrolment was reset, and waits for its token; \"totp-enroll reset list\" says more")
        }),
    }
}

fn lines(report: &Report, warn_below: usize) -> Vec<String> {
    let bound = report.uid.map_or_else(|| "by name alone".to_owned(), |uid| format!("uid {uid}"));
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
    lines.push(format!("state: {}, {} wrong codes in a row", report.standing(), report.wrong_in_a_row));
    lines.push(report.last_login.as_ref().map_or("last login: none".to_owned(), |login| {
        format!("last login: {} by {}", login.at, login.method)
    }));
    lines.extend(report.reset.as_ref().map(|reset| {
        format!(
            "RESET: requested {} by {}; if it was not meant to be: \"totp-enroll reset cancel {}\"",
            reset.requested, reset.by, report.user
        )
    }));
    lines
}

fn recovery(report: &Report, warn_below: usize) -> String {
    let (Some(since), Some(kind)) = (&report.recovery_created, report.recovery_kind) else {
        return "recovery codes: none; \"totp-enroll recovery-codes\" makes some".to_owned();
    };
    let left = report.recovery_left;
    if kind == RecoveryKind::Scratch.as_str() {
        return format!(
            "recovery codes: {left} scratch codes of another program, which open no locked account; \"totp-enroll \
             recovery-codes\" makes longer ones, which do"
        );
    }
    if left < warn_below {
        return format!(
            "recovery codes: only {left} left of those made {since}; \"totp-enroll recovery-codes\" renews them"
        );
    }
    format!("recovery codes: {left} left of those made {since}")
}
