//! Finds secrets that two tokens have, or a token and a person who is enrolled with it under another name, or two people with a counter.

use super::finding::{Finding, some_of};
use std::collections::HashMap;
use totp_core::credential::Credential;
use totp_core::factor::FactorKind;
use totp_core::keyring::{Keyring, OpenError};
use totp_core::token::{Fingerprint, Fingerprinter, Token};
use totp_core::user::User;

/// The secrets of the inventory and of the people with counters, by their fingerprints.
#[derive(Default)]
pub(super) struct SharedSecrets {
    fingerprinter: Fingerprinter,
    /// The serial numbers.
    tokens: HashMap<Fingerprint, String>,
    people: HashMap<Fingerprint, User>,
    /// Pairs with one secret.
    twice: Vec<String>,
}

impl SharedSecrets {
    /// Notes a token. All of them come first.
    ///
    /// # Errors
    /// [`OpenError`] if its seal does not open.
    pub(super) fn note_token(&mut self, token: &Token, keyring: &Keyring) -> Result<(), OpenError> {
        let secret = token.fingerprint(&self.fingerprinter, keyring)?;
        if let Some(other) = self.tokens.insert(secret, token.serial().to_string()) {
            let mut pair = [other.as_str(), token.serial().as_str()];
            pair.sort_unstable();
            self.twice.push(pair.join(" and "));
        }
        Ok(())
    }

    /// Notes what a user is enrolled with. A token under its own serial number is examined with its person; what does not open, with the
    /// seals.
    pub(super) fn note_user(&mut self, user: &User, credential: &Credential, keyring: &Keyring) {
        for authenticator in credential.authenticators() {
            let secret = self.fingerprinter.of_authenticator(credential, authenticator, keyring);
            let Ok(secret) = secret else { continue };
            let label = authenticator.label().as_str();
            match self.tokens.get(&secret) {
                Some(serial) if serial == label => {}
                Some(serial) => self.twice.push(format!("{serial} and {user} (\"{label}\")")),
                // With one phone for several accounts, each accepts a code once.
                None if authenticator.factor().kind() != FactorKind::Hotp => {}
                None => match self.people.insert(secret, user.clone()) {
                    Some(other) if other != *user => {
                        self.twice.push(format!("{other} and {user} (\"{label}\")"));
                    }
                    Some(_) | None => {}
                },
            }
        }
    }

    pub(super) fn report(mut self, findings: &mut Vec<Finding>) {
        self.twice.sort();
        if self.twice.is_empty() {
            return;
        }
        findings.push(
            Finding::serious(
                "token_secret_twice",
                format!("tokens or people have the same secret: {}", some_of(&self.twice)),
            )
            .why(
                "a code of one opens for the other, which may be another person; a token that is revoked still opens where it has another name",
            )
            .fix(
                "find out who has the token; of two serial numbers, revoke the wrong one (\"totp-enroll tokens revoke\"); enrol a person who should not have it anew with \"totp-enroll enroll --replace\", or remove the enrolment (\"totp-enroll disable\") and assign the token",
            ),
        );
    }
}
