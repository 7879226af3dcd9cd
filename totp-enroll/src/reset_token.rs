//! What authorises enrolling an account that is not enrolled: a reset token, an operator, or the owner.

use crate::cli::Enroll;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use crate::terminal::Terminal;
use std::path::Path;
use totp_core::account_recovery::{self, AdmissionError, Authorised, TokenOutcome, TokenRefused};
use totp_core::audit_event::{Event, Name};
use totp_core::code::Answer;
use totp_core::random::Secret;
use totp_core::store::{Entry, Resets};
use totp_core::user::Account;
use totp_host::documents::{Access, read_document};
use totp_host::machine;

/// Tokens that may be typed before the command ends; the token's own limit counts each of them too.
const ATTEMPTS: usize = 3;

/// Prompts for the reset token if the account needs one; before any other prompt.
pub(crate) fn authorised(
    context: &Context,
    terminal: Option<&Terminal>,
    options: &Enroll,
    account: &Account,
) -> Result<Authorised, CommandError> {
    if let Some(file) = &options.token_file {
        return match try_token(context, account, &read_token(file)?)? {
            Ok(authorised) => Ok(authorised),
            Err(reason) => Err(CommandError::not_permitted(reason.to_string())),
        };
    }
    if options.token {
        let terminal = terminal
            .ok_or_else(|| CommandError::usage("--token prompts; without a terminal use --token-file"))?;
        return ask_token(context, terminal, account);
    }
    // The owner in a root shell needs the token too.
    if is_missing(context, account)? {
        return Err(token_refused(context, account, TokenRefused::Missing)
            .explained(|problem| format!("{problem}; run \"totp-enroll enroll --token\"")));
    }
    Ok(without_token(context, account))
}

/// The authorisation of an enrolment without a reset token.
pub(crate) fn without_token(context: &Context, account: &Account) -> Authorised {
    if context.operator.is_owner_of(account) { Authorised::ByThemselves } else { Authorised::ByAnOperator }
}

/// Whether the owner tries to enrol without the reset token that the account needs.
pub(crate) fn is_missing(context: &Context, account: &Account) -> Result<bool, CommandError> {
    if !context.operator.is_owner_of(account) {
        return Ok(false);
    }
    Ok(context.store.reset(&account.user)?.is_some_and(|reset| !reset.is_anothers(account)))
}

/// The event that the token is used, if there is one.
pub(crate) fn use_event(context: &Context, account: &Account, authorised: &Authorised) -> Option<Event> {
    matches!(authorised, Authorised::ByToken(_)).then(|| context.event(Name::TokenUsed, account))
}

/// Checks the authorisation again, under the lock of the entry that is written.
pub(crate) fn admit(
    context: &Context,
    entry: &impl Entry,
    account: &Account,
    authorised: &Authorised,
) -> Result<(), CommandError> {
    match account_recovery::admit(entry, account, authorised, machine::now()?.realtime) {
        Ok(()) => Ok(()),
        Err(AdmissionError::Store(error)) => Err(error.into()),
        Err(AdmissionError::ResetToken(reason)) => Err(token_refused(context, account, reason)),
    }
}

fn ask_token(context: &Context, terminal: &Terminal, account: &Account) -> Result<Authorised, CommandError> {
    for _ in 0..ATTEMPTS {
        match try_token(context, account, &terminal.ask("token: ")?)? {
            Ok(authorised) => return Ok(authorised),
            Err(reason @ (TokenRefused::Wrong | TokenRefused::Unrecorded)) => {
                output::remark(&reason.to_string());
            }
            Err(reason) => return Err(CommandError::not_permitted(reason.to_string())),
        }
    }
    Err(CommandError::not_permitted("no correct token was entered; nothing was changed"))
}

fn try_token(
    context: &Context,
    account: &Account,
    typed: &Secret,
) -> Result<Result<Authorised, TokenRefused>, CommandError> {
    let Some(Answer::Recovery(code)) = Answer::recognise(typed.expose()) else {
        output::remark("not a token: a token has four groups of four characters");
        return Ok(Err(TokenRefused::Wrong));
    };
    let tried =
        account_recovery::try_token(&context.entry(account)?, account, &code, machine::now()?.realtime)?;
    match tried {
        TokenOutcome::TokenAccepted(token_accepted) => Ok(Ok(Authorised::ByToken(token_accepted))),
        TokenOutcome::NoReset => {
            Err(CommandError::refused("this account needs no token; run enroll without --token"))
        }
        TokenOutcome::Refused(reason) => {
            drop(token_refused(context, account, reason));
            Ok(Err(reason))
        }
    }
}

fn token_refused(context: &Context, account: &Account, reason: TokenRefused) -> CommandError {
    let event = context.event(Name::TokenRefused, account).field("reason", reason.as_str());
    if reason.is_judged() {
        context.audit(&event);
    } else {
        context.log(&event);
    }
    CommandError::not_permitted(reason.to_string())
}

fn read_token(file: &Path) -> Result<Secret, CommandError> {
    let text = read_document(file, Access::RootOnly)?
        .ok_or_else(|| CommandError::refused("does not exist").at(file, None))?;
    Ok(Secret::new(text.expose().trim_ascii().to_vec()))
}
