//! Someone who is to be enrolled with what another program had of them, and many of them enrolled together.

use crate::context::Context;
use crate::failure::Failure;
use crate::reset_token;
use totp_core::audit_event::Name;
use totp_core::enrolment;
use totp_core::enrolment::draft::Draft;
use totp_core::recovery::ScratchCode;
use totp_core::user::Account;

/// Users enrolled together; each holds three files open.
pub(super) const BATCH: usize = 200;

/// One user's authenticators, in the order of the file, and what else was there.
pub(super) struct NewUser {
    pub(super) account: Account,
    pub(super) drafts: Vec<Draft>,
    /// The newest step of which a code was used there; that of every authenticator.
    pub(super) used_up_to: u64,
    pub(super) scratch: Vec<ScratchCode>,
}

impl NewUser {
    /// Nothing is taken over yet.
    pub(super) fn new(account: Account) -> Self {
        Self { account, drafts: Vec::new(), used_up_to: 0, scratch: Vec::new() }
    }
}

/// Enrols a batch; each for itself: who changes the keyring waits for one, not for all. `from` is what the log names.
pub(super) fn enrol(context: &Context, from: &str, batch: &mut Vec<NewUser>) -> Result<(), Failure> {
    let mut events = Vec::with_capacity(batch.len());
    context.change(|rules| {
        let mut new_users = Vec::with_capacity(batch.len());
        for NewUser { account, drafts, used_up_to, scratch } in batch.drain(..) {
            let event = context.event(Name::Imported, &account).field("from", from);
            let event = event.field("authenticators", drafts.len());
            events.push(if scratch.is_empty() { event } else { event.field("scratch_codes", scratch.len()) });
            let confirmed = drafts.into_iter().map(|draft| draft.confirm_without_code(used_up_to)).collect();
            // No recovery codes of our making: nobody is here to be shown them.
            let entry = context.entry(&account)?;
            reset_token::admit(context, &entry, &account, &reset_token::entitled_without(context, &account))?;
            new_users.push(enrolment::NewUser { entry, account, confirmed, scratch });
        }
        Ok(enrolment::enrol_all(new_users, rules)?)
    })?;
    events.iter().for_each(|event| context.audit(event));
    Ok(())
}

/// What stopped an import after so many were enrolled.
pub(super) fn cut_short(failure: Failure, imported: usize) -> Failure {
    failure.explained(|problem| {
        format!("{problem}; {imported} users are imported for certain: \"totp-enroll list\" shows them; fix it and run this again with --keep-going")
    })
}

/// Whom nobody may enrol by a file, and why.
pub(super) fn refused(context: &Context, account: &Account) -> Option<String> {
    // An enrolment that is not whole counts too: trouble is not absence.
    if context.is_enrolled(account) {
        return Some(format!("{} is enrolled already; \"totp-enroll disable\" withdraws that", account.user));
    }
    match reset_token::is_missing(context, account) {
        Ok(false) => None,
        Ok(true) => Some(format!(
            "{} was reset, and enrols themselves with the token alone: \"totp-enroll enroll --token\"",
            account.user
        )),
        Err(failure) => Some(failure.problem),
    }
}
