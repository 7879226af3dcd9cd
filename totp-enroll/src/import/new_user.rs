//! Users to be enrolled by an import, and enrolling them in batches.

use crate::command_error::CommandError;
use crate::context::Context;
use crate::reset_token;
use totp_core::audit_event::Name;
use totp_core::enrolment;
use totp_core::enrolment::draft::Draft;
use totp_core::recovery::ScratchCode;
use totp_core::user::Account;

/// Users per batch; each keeps three files open.
pub(super) const BATCH: usize = 200;

/// One user, with authenticators in the order of the file.
pub(super) struct NewUser {
    pub(super) account: Account,
    pub(super) drafts: Vec<Draft>,
    /// The newest time step whose code was used with the other program; applies to every authenticator.
    pub(super) used_up_to: u64,
    pub(super) scratch: Vec<ScratchCode>,
}

impl NewUser {
    /// A user without authenticators.
    pub(super) fn new(account: Account) -> Self {
        Self { account, drafts: Vec::new(), used_up_to: 0, scratch: Vec::new() }
    }
}

/// Enrols a batch under the keyring's lock. `from` is the name of the file format in the log.
pub(super) fn enrol(context: &Context, from: &str, batch: &mut Vec<NewUser>) -> Result<(), CommandError> {
    let mut events = Vec::with_capacity(batch.len());
    context.change(|inputs| {
        let mut new_users = Vec::with_capacity(batch.len());
        for NewUser { account, drafts, used_up_to, scratch } in batch.drain(..) {
            let event = context.event(Name::Imported, &account).field("from", from);
            let event = event.field("authenticators", drafts.len());
            events.push(if scratch.is_empty() { event } else { event.field("scratch_codes", scratch.len()) });
            let confirmed = drafts.into_iter().map(|draft| draft.confirm_without_code(used_up_to)).collect();
            // No recovery codes are created: there is no one to show them to.
            let entry = context.entry(&account)?;
            reset_token::admit(context, &entry, &account, &reset_token::without_token(context, &account))?;
            new_users.push(enrolment::NewUser { entry, account, confirmed, scratch });
        }
        Ok(enrolment::enrol_all(new_users, inputs)?)
    })?;
    events.iter().for_each(|event| context.audit(event));
    Ok(())
}

/// Adds to an error how many users had been imported.
pub(super) fn interrupted(error: CommandError, imported: usize) -> CommandError {
    error.explained(|problem| {
        format!("{problem}; at least {imported} users were imported, see \"totp-enroll list\"; correct the problem and run the import again with --keep-going")
    })
}

/// Why an import may not enrol this account; `None`: it may.
pub(super) fn check_new(context: &Context, account: &Account) -> Option<String> {
    // A corrupt enrolment counts as enrolled: an error is not absence.
    if context.is_enrolled(account) {
        return Some(format!(
            "{} is already enrolled; to import it anew, run \"totp-enroll disable {0}\" first",
            account.user
        ));
    }
    match reset_token::is_missing(context, account) {
        Ok(false) => None,
        Ok(true) => Some(format!(
            "{} was reset, and you need the reset token to enrol: \"totp-enroll enroll --token\"",
            account.user
        )),
        Err(error) => Some(error.problem),
    }
}
