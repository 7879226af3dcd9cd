//! On what someone who is not enrolled is enrolled in the command: their token, where a reset left one, or an operator's word.

use crate::cli::Enroll;
use crate::clock;
use crate::context::Context;
use crate::failure::Failure;
use crate::output;
use crate::terminal::Terminal;
use std::path::Path;
use totp_core::account_recovery::{self, AdmissionError, Authorised, TokenOutcome, TokenRefused};
use totp_core::audit_event::Name;
use totp_core::code::Answer;
use totp_core::secret::Secret;
use totp_core::store::{Entry, Resets};
use totp_core::user::Account;
use totp_store::documents::read_document;
use totp_store::guard::Guard;

/// Tokens that may be typed before the command ends; the token itself counts each.
const TRIES: usize = 3;

/// Asks for the token where one is to be shown, before anything else is shown or asked.
pub(crate) fn authorised(
    context: &Context,
    terminal: Option<&Terminal>,
    options: &Enroll,
    account: &Account,
) -> Result<Authorised, Failure> {
    if let Some(file) = &options.token_file {
        return match try_token(context, account, &read(file)?)? {
            Ok(authorised) => Ok(authorised),
            Err(why) => Err(Failure::not_permitted(why.to_string())),
        };
    }
    if options.token {
        let terminal = terminal.ok_or_else(|| Failure::usage("--token asks for it: give --token-file"))?;
        return typed(context, terminal, account);
    }
    // A root shell of one's own login is no operator either.
    if is_missing(context, account)? {
        return Err(token_refused(context, account, TokenRefused::Missing)
            .explained(|problem| format!("{problem}: \"totp-enroll enroll --token\"")));
    }
    Ok(entitled_without(context, account))
}

/// On what someone is enrolled where nobody could type a token.
pub(crate) fn entitled_without(context: &Context, account: &Account) -> Authorised {
    if context.operator.is_owner_of(account) { Authorised::ByThemselves } else { Authorised::ByAnOperator }
}

/// Whether someone is about to enrol themselves past the reset that waits for their token.
pub(crate) fn is_missing(context: &Context, account: &Account) -> Result<bool, Failure> {
    if !context.operator.is_owner_of(account) {
        return Ok(false);
    }
    Ok(context.store.reset(&account.user)?.is_some_and(|reset| !reset.is_anothers(account)))
}

/// Says in the log that it was used up, if it was one.
pub(crate) fn tell(context: &Context, account: &Account, authorised: &Authorised) {
    if matches!(authorised, Authorised::ByToken(_)) {
        context.audit(&context.event(Name::TokenUsed, account));
    }
}

/// Looks at it again, in the hold in which the enrolment is put in place.
pub(crate) fn admit(
    context: &Context,
    entry: &impl Entry,
    account: &Account,
    authorised: &Authorised,
) -> Result<(), Failure> {
    match account_recovery::admit(entry, account, authorised, clock::now()?.realtime) {
        Ok(()) => Ok(()),
        Err(AdmissionError::Store(error)) => Err(error.into()),
        Err(AdmissionError::ResetToken(why)) => Err(token_refused(context, account, why)),
    }
}

fn typed(context: &Context, terminal: &Terminal, account: &Account) -> Result<Authorised, Failure> {
    for _ in 0..TRIES {
        match try_token(context, account, &terminal.ask("token: ")?)? {
            Ok(authorised) => return Ok(authorised),
            Err(TokenRefused::Wrong) => output::remark(&TokenRefused::Wrong.to_string()),
            Err(why) => return Err(Failure::not_permitted(why.to_string())),
        }
    }
    Err(Failure::not_permitted("no right token was typed; nothing was changed"))
}

fn try_token(
    context: &Context,
    account: &Account,
    typed: &Secret,
) -> Result<Result<Authorised, TokenRefused>, Failure> {
    let Some(Answer::Recovery(code)) = Answer::recognise(typed.expose()) else {
        output::remark("that cannot be a token: it has four groups of four characters");
        return Ok(Err(TokenRefused::Wrong));
    };
    let tried =
        account_recovery::try_token(&context.entry(account)?, account, &code, clock::now()?.realtime)?;
    match tried {
        TokenOutcome::TokenAccepted(token_accepted) => Ok(Ok(Authorised::ByToken(token_accepted))),
        TokenOutcome::NoReset => Err(Failure::refused("no token waits for this account: enroll without one")),
        TokenOutcome::Refused(why) => {
            drop(token_refused(context, account, why));
            Ok(Err(why))
        }
    }
}

fn token_refused(context: &Context, account: &Account, why: TokenRefused) -> Failure {
    let event = context.event(Name::TokenRefused, account).field("reason", why.as_str());
    if why.is_judged() {
        context.audit(&event);
    } else {
        context.log(&event);
    }
    Failure::not_permitted(why.to_string())
}

fn read(file: &Path) -> Result<Secret, Failure> {
    let text =
        read_document(file, Guard::Secret)?.ok_or_else(|| Failure::refused("is missing").at(file, None))?;
    Ok(Secret::new(text.expose().trim_ascii().to_vec()))
}
