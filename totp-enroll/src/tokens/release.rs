//! Before an enrolment ends: what its ledger has used up of each token is carried into the inventory, so that the next person's token
//! accepts no code that was used.

use crate::command_error::CommandError;
use crate::context::{Context, Inventory};
use crate::output;
use totp_core::keyring::Keyring;
use totp_core::ledger::Ledger;
use totp_core::store::{Entry, Inventory as _, Tokens};
use totp_core::time::Now;
use totp_core::token::{InEnrolment, Serial, Token};
use totp_core::user::User;
use totp_host::machine;

/// Carries the positions of the tokens of `user` from the ledger of `entry`, which is held, into the inventory. The tokens stay
/// assigned: "tokens list" shows that the user is not enrolled with them any more.
///
/// # Errors
/// If an outdated position cannot be replaced. If the stored one requires two codes anyway, a failure is only reported, and the
/// enrolment can be removed.
pub(crate) fn carry_positions(
    context: &Context,
    inventory: &mut Inventory,
    entry: &impl Entry,
    user: &User,
) -> Result<(), CommandError> {
    let Some(Ok(credential)) = entry.credential() else { return Ok(()) };
    let labels = credential.authenticators().iter().map(|known| known.label().as_str());
    let tokens = labels.filter_map(|label| context.store.token(&Serial::parse(label).ok()?).ok().flatten());
    let tokens: Vec<Token> =
        tokens.filter(|token| token.holder().is_some_and(|holder| holder.user == *user)).collect();
    if tokens.is_empty() {
        return Ok(());
    }
    let (keyring, now) = (context.keyring().ok(), machine::now()?);
    let is_void = tokens.iter().all(|token| token.holder().is_some_and(|holder| holder.is_enrolled));
    let find = |token: &Token, keyring: &Keyring| token.find_in(credential, keyring).ok();
    let carried: Vec<Token> = tokens
        .into_iter()
        .map(|token| {
            let at = keyring.as_ref().and_then(|keyring| find(&token, keyring));
            carried(context, token, (at, entry.ledger()), now)
        })
        .collect();
    match inventory.replace(&carried) {
        Ok(()) => Ok(()),
        Err(error) if is_void => {
            output::remark(&format!("{error}; the next assignment of the token will need two codes"));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// The token with the position of the ledger, or with none where that is not known.
pub(super) fn carried(
    context: &Context,
    token: Token,
    (at, ledger): (Option<InEnrolment>, Option<&Ledger>),
    now: Now,
) -> Token {
    let known = match (at, ledger) {
        (Some(InEnrolment::At(at)), Some(ledger)) => token.clone().position_of(ledger, at),
        (Some(InEnrolment::At(_)) | None, _) => None,
        // The enrolment does not have the token, so it used none of its codes.
        (Some(InEnrolment::No), _) => return token,
    };
    known.unwrap_or_else(|| token.position_unknown(&context.config.windows(), now))
}
