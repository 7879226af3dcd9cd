//! `tokens unassign` and `tokens revoke`: take a token out of its person's enrolment; then it is free again, or revoked.

use super::inventory::{serial_of, token};
use super::release::{mark, used_up_to};
use super::secrets_in_use::{Holding, SecretsOfPeople};
use crate::authorise::{Consent, authorise, confirm_typed};
use crate::command_error::CommandError;
use crate::context::{Context, Entry};
use crate::output::{self, Format};
use serde::Serialize;
use totp_core::audit_event::{Event, Name};
use totp_core::enrolment::{self, ExpectedEnrolment};
use totp_core::keyring::Keyring;
use totp_core::store::{Entry as _, Inventory as _, Users};
use totp_core::token::{InEnrolment, Serial, Token};
use totp_core::user::Account;

/// What is to be done about an enrolment or a token that cannot be read.
const STAYS: &str = "the token stays assigned until this is corrected, or the enrolment is removed with \"totp-enroll disable\"";

/// What becomes of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TakeBack {
    /// It can be assigned again.
    ToInventory,
    /// It cannot.
    ForGood,
}

pub(super) fn run(
    context: &Context,
    typed: &str,
    consent: Consent,
    what: TakeBack,
) -> Result<(), CommandError> {
    let serial = serial_of(typed)?;
    let found = token(context, &serial)?;
    match (found.holder(), found.revoked_at(), what) {
        (None, Some(_), TakeBack::ForGood) => {
            opens_nothing(context, &found)?;
            return report(context, &serial, "unchanged", "is revoked already");
        }
        (Some(_), Some(_), TakeBack::ToInventory) => return Err(being_revoked(&serial)),
        (None, _, TakeBack::ToInventory) => {
            return Err(CommandError::refused(format!("the token {serial} is not assigned to anyone")));
        }
        // A revocation that was interrupted is completed.
        (Some(_), _, TakeBack::ForGood)
        | (Some(_), None, TakeBack::ToInventory)
        | (None, None, TakeBack::ForGood) => {}
    }
    let account = found.holder().map(|holder| context.any_account(Some(holder.user.as_str()))).transpose()?;
    // Read first: what is permitted from here on is permitted over this enrolment.
    let permitted = match &account {
        Some(account) => context.store.expected(&account.user)?,
        None => ExpectedEnrolment::Nothing,
    };
    match &account {
        Some(account) => {
            // First: a person who has typed a code or a name should not hear then that it cannot be done.
            if let Some(entry) = entry(context, account)? {
                check(&found, &entry, permitted, &*context.keyring()?)?;
            }
            let effect = "takes the token from this account; its remembered devices are forgotten";
            authorise(context, account, consent, effect)?;
        }
        None => confirm_typed(
            context,
            consent,
            &format!("this revokes the token {serial} for good: it can never be assigned again"),
            ("the serial number", serial.as_str()),
        )?,
    }
    context.make(|change| {
        context.change(|inputs| {
            let mut inventory = context.hold_tokens()?;
            let token = token(context, &serial)?;
            if token.holder().map(|holder| &holder.user) != account.as_ref().map(|account| &account.user) {
                return Err(CommandError::refused(
                    "the assignment of the token has changed meanwhile; run the command again",
                ));
            }
            if what == TakeBack::ToInventory && token.revoked_at().is_some() {
                return Err(being_revoked(&serial));
            }
            token.check_seal(inputs.keyring).map_err(|error| {
                let stays = if account.is_some() { format!("; {STAYS}") } else { String::new() };
                CommandError::refused(format!("the document of the token {serial}: {error}{stays}"))
            })?;
            let event = event(context, &serial, account.as_ref(), what);
            let entry = account.as_ref().map(|account| entry(context, account)).transpose()?.flatten();
            let at =
                entry.as_ref().map(|entry| check(&token, entry, permitted, inputs.keyring)).transpose()?;
            change.announce(account.as_ref(), event)?;
            let token = match what {
                TakeBack::ToInventory => token,
                // First: once it is out of the enrolment, nobody may get it, even if this command is killed.
                TakeBack::ForGood => {
                    let token = token.revoked(inputs.created);
                    inventory.replace(std::slice::from_ref(&token))?;
                    token
                }
            };
            let token = match (entry, at) {
                (Some(entry), Some(InEnrolment::At(at))) => {
                    let token = mark(context, &mut inventory, token, inputs.now)?;
                    let used_up_to = used_up_to(&entry, at);
                    enrolment::take_out(entry, at, permitted, inputs.keyring, inputs.entropy)?;
                    token.back(used_up_to, &context.config.windows(), inputs.now)
                }
                (Some(_), Some(InEnrolment::No) | None) | (None, _) => {
                    let (token, _) = token.settled(&context.config.windows(), inputs.now);
                    token
                }
            };
            Ok(inventory.replace(&[token.released()])?)
        })
    })?;
    if what == TakeBack::ForGood && account.is_some() {
        context.log(&event(context, &serial, None, what));
    }
    match what {
        TakeBack::ToInventory => report(context, &serial, "unassigned", "is no longer assigned"),
        TakeBack::ForGood => {
            opens_nothing(context, &found)?;
            report(context, &serial, "revoked", "is revoked")
        }
    }
}

/// Checks that nobody is enrolled with the secret of a token that is revoked, under whatever name.
///
/// # Errors
/// Who still logs in with it. The token stays revoked.
fn opens_nothing(context: &Context, token: &Token) -> Result<(), CommandError> {
    let (serial, keyring) = (token.serial(), context.keyring()?);
    let secrets = SecretsOfPeople::read(context, &keyring)?;
    for user in secrets.unreadable() {
        output::remark(&format!(
            "the enrolment of {user} cannot be read, so it is not known whether it has the secret of the token {serial}; see \"totp-enroll doctor\""
        ));
    }
    secrets.tell_closed();
    let holdings = secrets.with_token(context, token, &keyring)?;
    let Some(Holding { user, .. }) = holdings.first() else { return Ok(()) };
    let name = |Holding { user, label, .. }: &Holding| format!("{user} (\"{}\")", label.as_str());
    let all: Vec<String> = holdings.iter().map(name).collect();
    Err(CommandError::refused(format!(
        "the token {serial} is revoked, but these are enrolled with its secret, and it still opens their accounts: {}; run \"totp-enroll disable {user}\", or enrol \
         {user} anew (\"totp-enroll enroll {user} --replace\"), and the same for each of them",
        all.join(", ")
    )))
}

fn being_revoked(serial: &Serial) -> CommandError {
    CommandError::refused(format!(
        "the revocation of the token {serial} was interrupted; complete it with \"totp-enroll tokens revoke {serial}\""
    ))
}

/// The entry of the account, held; `None`: it is not enrolled, so the token is in no enrolment, and there is no ledger to make.
fn entry(context: &Context, account: &Account) -> Result<Option<Entry>, CommandError> {
    match context.store.expected(&account.user)? {
        ExpectedEnrolment::Nothing => Ok(None),
        ExpectedEnrolment::Unreadable | ExpectedEnrolment::Enrolment(_) => context.entry(account).map(Some),
    }
}

/// Checks, before anything is stored, that the token can be taken out of the enrolment, and returns where it is there.
fn check(
    token: &Token,
    entry: &Entry,
    permitted: ExpectedEnrolment,
    keyring: &Keyring,
) -> Result<InEnrolment, CommandError> {
    let Some(credential) = entry.credential() else { return Ok(InEnrolment::No) };
    let credential = credential.map_err(|error| CommandError::refused(format!("{error}; {STAYS}")))?;
    let at = token
        .find_in(credential, keyring)
        .map_err(|error| CommandError::refused(format!("{error}; {STAYS}")))?;
    if at != InEnrolment::No {
        enrolment::can_take_out(entry, permitted)?;
    }
    Ok(at)
}

fn event(context: &Context, serial: &Serial, account: Option<&Account>, what: TakeBack) -> Event {
    match (account, what) {
        (Some(account), TakeBack::ToInventory | TakeBack::ForGood) => {
            context.event(Name::TokenUnassigned, account).field("token", serial)
        }
        (None, TakeBack::ToInventory | TakeBack::ForGood) => Event::new(Name::TokenRevoked)
            .field("token", serial)
            .field("by", &context.operator.name)
            .maybe("loginuid", context.operator.login()),
    }
}

fn report(context: &Context, serial: &Serial, done: &'static str, message: &str) -> Result<(), CommandError> {
    #[derive(Serialize)]
    struct TakenBack<'a> {
        serial: &'a str,
        done: &'static str,
    }
    match context.format {
        Format::Json => output::document(&TakenBack { serial: serial.as_str(), done }),
        Format::Text => output::line(&format!("the token {serial} {message}")),
    }
}
