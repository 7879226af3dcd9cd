//! Checks that each token of the inventory that a person is enrolled with is assigned to that person.

use super::finding::{Finding, some_of};
use crate::context;
use crate::output;
use std::collections::HashMap;
use std::time::Duration;
use totp_core::credential::Credential;
use totp_core::keyring::Keyring;
use totp_core::store::{Tokens, Users};
use totp_core::token::{InEnrolment, Token};
use totp_core::user::User;

/// How long to wait for a command that is changing the tokens.
const PATIENCE: Duration = Duration::from_secs(1);

/// The tokens of the inventory, and those who are enrolled with one of another person.
#[derive(Default)]
pub(super) struct TokenHolders {
    tokens: HashMap<String, Token>,
    others: Vec<String>,
}

impl TokenHolders {
    pub(super) fn add(&mut self, token: Token) {
        self.tokens.insert(token.serial().to_string(), token);
    }

    /// The tokens of the inventory, in no order.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values()
    }

    /// Notes the tokens of one user that the inventory does not assign to them.
    pub(super) fn note(
        &mut self,
        store: &context::Store,
        keyring: &Keyring,
        user: &User,
        credential: &Credential,
    ) {
        for authenticator in credential.authenticators() {
            let Some(token) = self.tokens.get(authenticator.label().as_str()) else { continue };
            if is_others(token, credential, user, keyring)
                && let Some(token) = still_others(store, token, user, keyring)
            {
                self.others.push(format!("{user} with {} ({})", token.serial(), state(&token)));
            }
        }
    }

    pub(super) fn report(mut self, findings: &mut Vec<Finding>) {
        if self.others.is_empty() {
            return;
        }
        self.others.sort();
        let count = output::count_with(self.others.len(), "user", ("is", "are"));
        findings.push(
            Finding::serious(
                "token_of_another",
                format!("{count} enrolled with a token that the inventory does not assign to them: {}", some_of(&self.others)),
            )
            .why("one token opens the accounts of two people, or can be assigned to a second person, or was revoked and still opens an account")
            .fix("find out who has the token, and enrol the other person anew with \"totp-enroll enroll --replace\"; if the token is revoked, enrol that person anew; if it is not assigned, remove its document (tokens/SERIAL.toml in the state directory) and import it again, which assigns it to the person"),
        );
    }
}

fn is_others(token: &Token, credential: &Credential, user: &User, keyring: &Keyring) -> bool {
    token.holder().is_none_or(|holder| holder.user != *user)
        && matches!(token.find_in(credential, keyring), Ok(InEnrolment::At(_)))
}

/// Looks once more while no command changes the inventory: the token may have been assigned or taken back meanwhile.
fn still_others(store: &context::Store, token: &Token, user: &User, keyring: &Keyring) -> Option<Token> {
    let _held = store.hold_tokens_to_withdraw(PATIENCE).ok().flatten()?;
    let token = store.token(token.serial()).ok().flatten()?;
    let credential = store.credential(user).ok().flatten()?;
    is_others(&token, &credential, user, keyring).then_some(token)
}

fn state(token: &Token) -> String {
    match (token.holder(), token.revoked_at()) {
        (Some(holder), _) => format!("assigned to {}", holder.user),
        (None, Some(_)) => "revoked".to_owned(),
        (None, None) => "not assigned".to_owned(),
    }
}
