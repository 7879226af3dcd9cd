//! Whether a token can be assigned, and storing assignments: the claim, the enrolments, the end of the claim.

use super::secrets_in_use::{Holding, SecretsOfPeople};
use crate::command_error::CommandError;
use crate::context::{Context, Inventory};
use crate::reset_token;
use totp_core::audit_event::{Event, Name};
use totp_core::code::Answer;
use totp_core::credential::Credential;
use totp_core::enrolment::draft::Confirmed;
use totp_core::enrolment::{self, ChangeInputs, EnrolmentError, ExpectedEnrolment, PreparedAssignment};
use totp_core::keyring::Keyring;
use totp_core::login::Reason;
use totp_core::random::Secret;
use totp_core::store::{Entry, Inventory as _, Tokens as _, Users};
use totp_core::token::{FirstCodeError, InEnrolment, Token, Validity};
use totp_core::user::{Account, User};

/// Whether a token can be assigned to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Availability {
    /// It can.
    Free,
    /// The person has it.
    HeldByUser,
    /// The person has it, but the command that assigned it was killed before it recorded that in the inventory.
    Unfinished,
}

/// Whether the dates of a token's file count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dates {
    /// They do.
    Count,
    /// With `--expired`.
    Ignored,
}

impl From<bool> for Dates {
    fn from(expired: bool) -> Self {
        if expired { Self::Ignored } else { Self::Count }
    }
}

/// Whether `token` can be assigned to `account`.
///
/// # Errors
/// Says why not; also if the enrolment with the token is that of an earlier account of the same name.
pub(super) fn availability(
    context: &Context,
    keyring: &Keyring,
    token: &Token,
    (account, dates, now): (&Account, Dates, u64),
) -> Result<Availability, CommandError> {
    let serial = token.serial();
    if token.revoked_at().is_some() {
        return Err(CommandError::refused(format!("the token {serial} is revoked; assign another one")));
    }
    if let Some(holder) = token.holder()
        && let Some(credential) = enrolment_with(context, keyring, token, &holder.user)?
    {
        if holder.user == account.user {
            return match (credential.owner().is(account), holder.is_enrolled) {
                (true, true) => Ok(Availability::HeldByUser),
                (true, false) => Ok(Availability::Unfinished),
                (false, _) => Err(EnrolmentError::OtherAccount.into()),
            };
        }
        return Err(CommandError::refused(format!(
            "the token {serial} is assigned to {}; take it back first with \"totp-enroll tokens unassign {serial}\"",
            holder.user
        )));
    }
    match (token.validity(now), dates) {
        (Validity::Valid, _) | (Validity::Expired | Validity::NotYet, Dates::Ignored) => {
            Ok(Availability::Free)
        }
        (Validity::Expired, Dates::Count) => Err(CommandError::refused(format!(
            "the token {serial} has expired; assign another one, or this one all the same with --expired"
        ))),
        (Validity::NotYet, Dates::Count) => Err(CommandError::refused(format!(
            "the token {serial} is not valid yet; assign another one, or this one all the same with --expired"
        ))),
    }
}

/// Checks that nobody is enrolled with the secret of a token that can be assigned: its document may be an old copy, or the secret was
/// imported from another program's file. What was used up of it is not known here then, and the document says so from now on.
///
/// # Errors
/// Who has it, and what to do.
pub(super) fn check_unused(
    context: &Context,
    inventory: &mut Inventory,
    token: &Token,
    (account, secrets): (&Account, &SecretsOfPeople),
    inputs: &ChangeInputs<'_>,
) -> Result<(), CommandError> {
    let Some(refused) = in_use(context, token, (account, secrets), inputs.keyring)? else { return Ok(()) };
    inventory.replace(&[token.clone().position_unknown(&context.config.windows(), inputs.now)])?;
    Err(refused)
}

/// Why a token that can be assigned by its document cannot: someone is enrolled with its secret.
///
/// # Errors
/// If that cannot be told.
pub(super) fn in_use(
    context: &Context,
    token: &Token,
    (account, secrets): (&Account, &SecretsOfPeople),
    keyring: &Keyring,
) -> Result<Option<CommandError>, CommandError> {
    let (serial, document) = (token.serial(), context.store.name_of_token(token.serial()));
    let holdings = secrets.with_token(context, token, keyring)?;
    Ok(holdings.first().map(|Holding { user, label, .. }| {
        let name = label.as_str();
        CommandError::refused(if *label == serial.label() {
            format!(
                "{user} is enrolled with the token {serial}, but its document does not say so, so it may be an old copy; remove {document} and \
                 import the token again, which assigns it to {user}"
            )
        } else if *user == account.user {
            format!(
                "{user} is enrolled with the secret of the token {serial} already, under the name \"{name}\"; to have it as a token of the \
                 inventory, run \"totp-enroll disable {user}\" first, and assign it then"
            )
        } else {
            format!(
                "{user} is enrolled with the secret of the token {serial}, under the name \"{name}\", and one code would open two accounts; find \
                 out who has the token: if it is {}, run \"totp-enroll disable {user}\" first, and assign it then",
                account.user
            )
        })
    }))
}

/// Whether the token is an authenticator of `user`.
///
/// # Errors
/// If that cannot be told.
pub(super) fn is_held_by(
    context: &Context,
    keyring: &Keyring,
    token: &Token,
    user: &User,
) -> Result<bool, CommandError> {
    Ok(enrolment_with(context, keyring, token, user)?.is_some())
}

/// What `user` is enrolled with, if the token is one of the authenticators.
fn enrolment_with(
    context: &Context,
    keyring: &Keyring,
    token: &Token,
    user: &User,
) -> Result<Option<Credential>, CommandError> {
    let Some(credential) = context.store.credential(user)? else { return Ok(None) };
    let found = token.find_in(&credential, keyring);
    let found = found.map_err(|error| CommandError::refused(format!("{user}: {error}")))?;
    Ok((found != InEnrolment::No).then_some(credential))
}

/// A token that is about to be an authenticator, confirmed by a code. The entry is held.
pub(super) struct Ready<E> {
    token: Token,
    account: Account,
    prepared: PreparedAssignment<E>,
    /// Whether the account has an enrolment already, which the token is added to.
    is_addition: bool,
}

impl<E> Ready<E> {
    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    pub(super) fn token(&self) -> &Token {
        &self.token
    }

    /// Whether the account has an enrolment already, which the token is added to.
    pub(super) fn is_addition(&self) -> bool {
        self.is_addition
    }

    /// The log line.
    pub(super) fn event(&self, context: &Context) -> Event {
        context
            .event(Name::TokenAssigned, &self.account)
            .field("token", self.token.serial())
            .field("type", self.token.factor().kind().as_str())
    }
}

/// What [`ready`] needs of one assignment.
pub(super) struct Wanted {
    pub(super) token: Token,
    pub(super) account: Account,
    /// The token, as its code confirmed it ([`confirm`]).
    pub(super) confirmed: Confirmed,
    pub(super) permitted: Permitted,
}

/// Which enrolment may get the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permitted {
    /// The one that was authorised before the code was asked for.
    Only(ExpectedEnrolment),
    /// The one that is there: nothing was authorised before, and the account is another person's.
    Any,
}

/// A code that was not accepted.
pub(super) struct RefusedCode {
    pub(super) error: FirstCodeError,
    /// The log line, and the token with the code counted; `None`: no code was looked at. The line is written and the token stored before
    /// anything is said, so that a person without the token cannot try codes for ever.
    pub(super) wrong: Option<Box<(Event, Token)>>,
}

/// Checks one code of the token, or two.
pub(super) fn confirm(
    context: &Context,
    (token, account): (&Token, &Account),
    typed: &Secret,
    inputs: &ChangeInputs<'_>,
) -> Result<Confirmed, RefusedCode> {
    let answer = Answer::recognise(typed.expose());
    let windows = context.config.windows();
    token.confirm(answer.as_ref(), inputs.keyring, &windows, inputs.now).map_err(|error| {
        let wrong = reason(&error).map(|reason| {
            let event = context.event(Name::AssignmentRefused, account);
            let event = event.field("token", token.serial()).field("reason", reason);
            Box::new((event, token.clone().with_wrong_code(inputs.created)))
        });
        RefusedCode { error, wrong }
    })
}

/// The same for one token alone: a code that was not accepted is logged and counted.
///
/// # Errors
/// If that cannot be stored; then nothing is known of the code.
pub(super) fn confirm_one(
    context: &Context,
    inventory: &mut Inventory,
    wanted: (&Token, &Account),
    typed: &Secret,
    inputs: &ChangeInputs<'_>,
) -> Result<Result<Confirmed, FirstCodeError>, CommandError> {
    let RefusedCode { error, wrong } = match confirm(context, wanted, typed, inputs) {
        Ok(confirmed) => return Ok(Ok(confirmed)),
        Err(refused) => refused,
    };
    if let Some(wrong) = wrong {
        let (event, token) = *wrong;
        context.log(&event);
        inventory.replace(&[token])?;
    }
    Ok(Err(error))
}

/// Why a code was refused, as at a login; `None`: none was looked at.
fn reason(error: &FirstCodeError) -> Option<&'static str> {
    match error {
        FirstCodeError::Wrong => Some(Reason::Wrong.as_str()),
        FirstCodeError::Used => Some(Reason::Replayed.as_str()),
        FirstCodeError::ClockOff(off) => Some(Reason::ClockOff(*off).as_str()),
        FirstCodeError::Open(_)
        | FirstCodeError::Malformed { .. }
        | FirstCodeError::Wait { .. }
        | FirstCodeError::OutOfStep
        | FirstCodeError::Ended => None,
    }
}

/// Prepares the enrolment with the token, under the hold of the inventory. Nothing is stored.
///
/// # Errors
/// Says why the token cannot be assigned.
pub(super) fn ready(
    context: &Context,
    wanted: Wanted,
    inputs: &mut ChangeInputs<'_>,
) -> Result<Ready<crate::context::Entry>, CommandError> {
    let Wanted { token, account, confirmed, permitted } = wanted;
    let entry = context.entry(&account)?;
    let permitted = match permitted {
        Permitted::Only(permitted) => permitted,
        Permitted::Any => ExpectedEnrolment::of(entry.credential()),
    };
    let is_addition = entry.is_enrolled();
    if !is_addition {
        reset_token::admit(context, &entry, &account, &reset_token::without_token(context, &account))?;
    }
    let prepared = enrolment::prepare_assignment(entry, &account, &confirmed, permitted, inputs)?;
    Ok(Ready { token, account, prepared, is_addition })
}

/// Why a code was not accepted.
pub(super) fn refused(token: &Token, error: &FirstCodeError) -> CommandError {
    CommandError::refused(match error.asks_for_two(token) {
        true => format!("{error}; type two consecutive codes of the token, with a blank between them"),
        false => error.to_string(),
    })
}

/// Stores assignments. The tokens are claimed first. If the command is killed before the enrolments are stored, the tokens can be
/// assigned again, with the same codes; if it is killed after that, each claim names the person who has the token.
pub(super) fn store<E: Entry>(
    context: &Context,
    inventory: &mut Inventory,
    ready: Vec<Ready<E>>,
    inputs: &ChangeInputs<'_>,
) -> Result<(), CommandError> {
    let (mut claimed, mut prepared) = (Vec::with_capacity(ready.len()), Vec::with_capacity(ready.len()));
    for Ready { token, account, prepared: one, is_addition: _ } in ready {
        claimed.push(token.claimed_by(&account.user, inputs.created));
        prepared.push(one);
    }
    inventory.replace(&claimed)?;
    enrolment::commit_assignments(prepared)?;
    let windows = context.config.windows();
    let enrolled: Vec<Token> =
        claimed.into_iter().map(|token| token.enrolled(&windows, inputs.now)).collect();
    Ok(inventory.replace(&enrolled)?)
}
