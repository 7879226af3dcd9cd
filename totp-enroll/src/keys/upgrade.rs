//! `keys upgrade`: converts stored enrolments to the file formats of this version.

use super::rotate::{SkippedEnrolment, audit, failed, reseal};
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use serde::Serialize;
use totp_core::keyring::rotation::Rotated;
use totp_core::store::{Engine, Maintenance, Users};

/// What was done.
#[derive(Serialize)]
struct UpgradeReport {
    /// Enrolments that were stored in the form of an earlier version, or under an earlier key.
    upgraded: usize,
    /// Enrolments that stay as they were.
    left: Vec<SkippedEnrolment>,
}

pub(super) fn run(context: &Context) -> Result<(), CommandError> {
    context.store.prepare()?;
    let _lock = context.lock_to_rotate()?;
    // Before the keyring is read: where nobody is enrolled there may be none.
    if context.store.known()?.next().is_none() {
        return report(context, &UpgradeReport { upgraded: 0, left: Vec::new() });
    }
    let keyring = context.keyring()?;
    let Rotated { resealed, left, .. } =
        reseal(context, &keyring).map_err(|(stopped, upgraded)| failed(stopped, upgraded))?;
    if resealed > 0 || !left.is_empty() {
        audit(context, &keyring, &[], |event| {
            event.field("state", "upgraded").field("enrolments", resealed).field("left", left.len())
        });
    }
    let left = left.iter().map(|left| SkippedEnrolment::of(context, left)).collect();
    report(context, &UpgradeReport { upgraded: resealed, left })
}

fn report(context: &Context, report: &UpgradeReport) -> Result<(), CommandError> {
    match context.format {
        Format::Json => output::document(report)?,
        Format::Text => {
            report.left.iter().for_each(SkippedEnrolment::remark);
            let upgraded = output::count_with(report.upgraded, "enrolment", ("was", "were"));
            output::line(&format!("{upgraded} converted to the file formats of this version"))?;
        }
    }
    if context.store.is_restored()? {
        let failure = CommandError::refused(
            "the state was restored from a backup, so every enrolled user is refused: run \"totp-enroll restored\"",
        );
        return Err(output::reported(context.format, failure));
    }
    if report.left.is_empty() {
        return Ok(());
    }
    let left = output::count_with(report.left.len(), "enrolment", ("was", "were"));
    let failure = CommandError::refused(format!(
        "{left} not converted, and their users may be unable to log in: free some disk space, repair or disable what is damaged, then run \
         \"totp-enroll keys upgrade\" again"
    ));
    Err(output::reported(context.format, failure))
}
