//! Which secrets are in use: those of the inventory's tokens, and those that people are enrolled with, whatever name they have there. One
//! code must not open the accounts of two people, and a token that was revoked must not open any.
//!
//! Only fingerprints are kept. What cannot be read stops a change, because it may be repaired and have the secret. What the keyring
//! does not open is counted and told: it is many documents at once, and they open again only with a keyring that is restored.

use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use std::collections::HashMap;
use totp_core::credential::Label;
use totp_core::enrolment::draft::Draft;
use totp_core::keyring::{Keyring, each_token};
use totp_core::store::{StoreError, Users};
use totp_core::token::{Fingerprint, Fingerprinter, Token};
use totp_core::user::User;

/// The secrets of the inventory.
pub(crate) struct SecretsOfTokens {
    fingerprinter: Fingerprinter,
    known: HashMap<Fingerprint, Token>,
}

impl SecretsOfTokens {
    /// Reads the inventory.
    ///
    /// # Errors
    /// If it cannot be listed, or the document of a token cannot be read.
    pub(crate) fn read(context: &Context, keyring: &Keyring) -> Result<Self, CommandError> {
        let (fingerprinter, mut known) = (Fingerprinter::default(), HashMap::new());
        let (mut unreadable, mut closed) = (None, 0_usize);
        each_token(&context.store, |token| match token {
            Ok(token) => match token.fingerprint(&fingerprinter, keyring) {
                Ok(secret) => drop(known.insert(secret, token)),
                Err(_) => closed = closed.saturating_add(1),
            },
            Err(skipped) => drop(unreadable.get_or_insert(skipped)),
        })?;
        if let Some(error) = unreadable {
            return Err(CommandError::from(error).explained(|problem| {
                format!("{problem}; it may have a secret of the file, so nothing was imported")
            }));
        }
        tell_closed(closed, "token");
        Ok(Self { fingerprinter, known })
    }

    /// Checks that `draft` is no token of the inventory.
    ///
    /// # Errors
    /// Which one it is, and what to do.
    pub(crate) fn admit(&self, draft: &Draft, user: &User) -> Result<(), String> {
        let Some(token) = self.known.get(&draft.fingerprint(&self.fingerprinter)) else { return Ok(()) };
        let serial = token.serial();
        Err(match (token.revoked_at(), token.holder()) {
            (Some(_), _) => {
                format!(
                    "has the secret of the token {serial} of the inventory, which is revoked; give {user} another one"
                )
            }
            (None, Some(holder)) if holder.user != *user => format!(
                "has the secret of the token {serial} of the inventory, which is assigned to {other}; find out who has it: if it is {user}, \
                 run \"totp-enroll tokens unassign {serial}\" and \"totp-enroll tokens assign {serial} {user}\"",
                other = holder.user
            ),
            (None, Some(_) | None) => format!(
                "has the secret of the token {serial} of the inventory; assign that one with \"totp-enroll tokens assign {serial} {user}\", \
                 so that its used codes are known"
            ),
        })
    }
}

/// An authenticator of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) user: User,
    pub(crate) label: Label,
    /// It was assigned by this command, which may not have stored it yet.
    is_new: bool,
}

/// The secrets that people are enrolled with.
pub(crate) struct SecretsOfPeople {
    fingerprinter: Fingerprinter,
    known: HashMap<Fingerprint, Vec<Holding>>,
    unreadable: Vec<User>,
    /// Enrolments with a seal that does not open.
    closed: usize,
}

/// Says that a comparison of secrets was not complete.
fn tell_closed(closed: usize, what: &str) {
    if closed > 0 {
        let count = output::count_with(closed, what, ("does", "do"));
        output::remark(&format!(
            "{count} not open with this keyring, so it is not known whether the same secret is there; see \"totp-enroll doctor\""
        ));
    }
}

impl SecretsOfPeople {
    /// Reads all enrolments.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub(crate) fn read(context: &Context, keyring: &Keyring) -> Result<Self, CommandError> {
        let (fingerprinter, unreadable) = (Fingerprinter::default(), Vec::new());
        let mut secrets = Self { fingerprinter, known: HashMap::new(), unreadable, closed: 0 };
        for user in context.store.enrolled()? {
            let user = match user {
                Ok(user) => user,
                // A file of another name than a document's; `doctor` reports it.
                Err(StoreError::Unsafe { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            match context.store.credential(&user) {
                Ok(Some(credential)) => {
                    let mut is_closed = false;
                    for authenticator in credential.authenticators() {
                        let by = &secrets.fingerprinter;
                        let Ok(secret) = by.of_authenticator(&credential, authenticator, keyring) else {
                            is_closed = true;
                            continue;
                        };
                        let holding = Holding {
                            user: user.clone(),
                            label: authenticator.label().clone(),
                            is_new: false,
                        };
                        secrets.known.entry(secret).or_default().push(holding);
                    }
                    secrets.closed = secrets.closed.saturating_add(usize::from(is_closed));
                }
                // It was removed since the names were read.
                Ok(None) => {}
                Err(_) => secrets.unreadable.push(user),
            }
        }
        Ok(secrets)
    }

    /// Reads all enrolments, for a change that must not be made if the secret is in use.
    ///
    /// # Errors
    /// If one of them cannot be read, or they cannot be listed.
    pub(crate) fn read_all(context: &Context, keyring: &Keyring) -> Result<Self, CommandError> {
        let secrets = Self::read(context, keyring)?;
        if let Some(user) = secrets.unreadable.first() {
            return Err(CommandError::refused(format!(
                "the enrolment of {user} cannot be read, and may have the same secret; nothing was changed: \"totp-enroll doctor\" says \
                 what is wrong with it; correct that, or run \"totp-enroll disable {user}\""
            )));
        }
        Ok(secrets)
    }

    /// Who is enrolled with the secret of this token, also under another name.
    ///
    /// # Errors
    /// If its seal does not open.
    pub(super) fn with_token(
        &self,
        context: &Context,
        token: &Token,
        keyring: &Keyring,
    ) -> Result<Vec<Holding>, CommandError> {
        let secret = token.fingerprint(&self.fingerprinter, keyring).map_err(|error| {
            CommandError::refused(format!("the document of the token {}: {error}", token.serial()))
        })?;
        let known = self.known.get(&secret).map_or(&[][..], Vec::as_slice);
        // It may have been taken from them since.
        let is_still =
            |holding: &&Holding| holding.is_new || self.has_still(context, holding, secret, keyring);
        Ok(known.iter().filter(is_still).cloned().collect())
    }

    /// Who is enrolled with the secret of an authenticator that is to be imported.
    pub(crate) fn with_draft(&self, draft: &Draft) -> Option<&Holding> {
        self.known.get(&draft.fingerprint(&self.fingerprinter))?.first()
    }

    fn has_still(
        &self,
        context: &Context,
        holding: &Holding,
        secret: Fingerprint,
        keyring: &Keyring,
    ) -> bool {
        let Ok(Some(credential)) = context.store.credential(&holding.user) else { return true };
        credential.authenticators().iter().any(|known| {
            *known.label() == holding.label
                && self
                    .fingerprinter
                    .of_authenticator(&credential, known, keyring)
                    .is_ok_and(|known| known == secret)
        })
    }

    /// Notes that this command assigns the token to `user`.
    pub(super) fn note(&mut self, token: &Token, user: &User, keyring: &Keyring) {
        if let Ok(secret) = token.fingerprint(&self.fingerprinter, keyring) {
            let holding = Holding { user: user.clone(), label: token.serial().label(), is_new: true };
            self.known.entry(secret).or_default().push(holding);
        }
    }

    /// Says how many enrolments were not compared.
    pub(crate) fn tell_closed(&self) {
        tell_closed(self.closed, "enrolment");
    }

    /// Whose enrolments could not be read: it is not known what they have.
    pub(super) fn unreadable(&self) -> &[User] {
        &self.unreadable
    }
}
