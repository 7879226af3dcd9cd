//! Which tokens of a vendor's file are new, and which of these a person is enrolled with already.
//!
//! A token's document may have been lost, with what it said about its person. So a new token is looked for among the authenticators of
//! all enrolments, and its secret in the whole inventory: one code must not open the accounts of two people.

use crate::command_error::CommandError;
use crate::context::Context;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use totp_core::credential::{Authenticator, Credential};
use totp_core::enrolment::ChangeInputs;
use totp_core::keyring::{Keyring, SealError};
use totp_core::store::{StoreError, Tokens, Users};
use totp_core::token::{Fingerprint, Fingerprinter, NewToken, Serial, Token};
use totp_core::user::User;

/// A token of the file, and the line that it begins on.
pub(super) struct SeedLine {
    pub(super) line: usize,
    pub(super) new: NewToken,
}

/// A token that is not in the inventory yet.
pub(super) struct UnknownToken<'s> {
    new: &'s NewToken,
    /// Who is enrolled with it.
    pub(super) holder: Option<User>,
}

impl UnknownToken<'_> {
    /// Seals it. That of a person is assigned to them; what they used up of it is not known here.
    ///
    /// # Errors
    /// [`SealError`].
    pub(super) fn seal(&self, context: &Context, inputs: &mut ChangeInputs<'_>) -> Result<Token, SealError> {
        let token = Token::seal(self.new, inputs.created, inputs.keyring, inputs.entropy)?;
        Ok(match &self.holder {
            Some(user) => {
                token.claimed_by(user, inputs.created).enrolled(&context.config.windows(), inputs.now)
            }
            None => token,
        })
    }
}

/// Those that are not in the inventory yet, in the order of the file.
///
/// # Errors
/// If the inventory has another token of a serial number, or a token or an authenticator has a secret of the file under another name;
/// names the first such line. Also if a token or an enrolment cannot be read: what it has is not known then.
pub(super) fn new_tokens<'s>(
    context: &Context,
    keyring: &Keyring,
    (file, seeds): (&Path, &'s [SeedLine]),
) -> Result<Vec<UnknownToken<'s>>, CommandError> {
    let mut search = Search::of(context, keyring, seeds);
    search.inventory()?;
    if search.known.len() < seeds.len() {
        search.enrolments()?;
    }
    if let Some((line, problem)) = search.refused {
        return Err(CommandError::refused(unimported(&problem)).at(file, Some(line)));
    }
    let Search { known, mut holders, .. } = search;
    let unknown = seeds.iter().map(|seed| &seed.new).filter(|new| !known.contains(&new.serial));
    Ok(unknown.map(|new| UnknownToken { new, holder: holders.remove(&new.serial) }).collect())
}

/// The message of an error that stops an import.
pub(super) fn unimported(problem: &str) -> String {
    format!("{problem}; nothing was imported")
}

struct Search<'a, 's> {
    context: &'a Context,
    keyring: &'a Keyring,
    fingerprinter: Fingerprinter,
    by_serial: HashMap<&'s str, &'s SeedLine>,
    by_secret: HashMap<Fingerprint, &'s SeedLine>,
    /// Those of the file that the inventory has.
    known: HashSet<&'s Serial>,
    holders: HashMap<&'s Serial, User>,
    /// The first line that is refused, and why.
    refused: Option<(usize, String)>,
}

impl<'a, 's> Search<'a, 's> {
    fn of(context: &'a Context, keyring: &'a Keyring, seeds: &'s [SeedLine]) -> Self {
        let fingerprinter = Fingerprinter::default();
        let by_serial = seeds.iter().map(|seed| (seed.new.serial.as_str(), seed)).collect();
        let by_secret =
            seeds.iter().map(|seed| (fingerprinter.of(seed.new.factor, &seed.new.secret), seed)).collect();
        let (known, holders, refused) = (HashSet::new(), HashMap::new(), None);
        Self { context, keyring, fingerprinter, by_serial, by_secret, known, holders, refused }
    }

    fn inventory(&mut self) -> Result<(), CommandError> {
        let store = &self.context.store;
        for serial in store.serials().map_err(stopped)?.filter(is_the_stores) {
            let serial = serial.map_err(stopped)?;
            if let Some(token) = store.token(&serial).map_err(stopped)? {
                self.token(&token)?;
            }
        }
        Ok(())
    }

    fn token(&mut self, token: &Token) -> Result<(), CommandError> {
        let serial = token.serial();
        let closed = |error: totp_core::keyring::OpenError| {
            CommandError::refused(unimported(&error.to_string()))
                .at(self.context.store.name_of_token(serial), None)
        };
        let secret = token.fingerprint(&self.fingerprinter, self.keyring).map_err(closed)?;
        if let Some(seed) = self.by_serial.get(serial.as_str()).copied() {
            self.known.insert(&seed.new.serial);
            if !token.is(&seed.new, self.keyring).map_err(closed)? {
                let is_same = token.has_secret_of(&seed.new, self.keyring).map_err(closed)?;
                let known = if is_same {
                    "with the same secret, but with another type, digits, hash or period (see \"totp-enroll tokens list\")"
                } else {
                    "with another secret, so they are two tokens"
                };
                self.refuse(
                    seed,
                    format!(
                        "the inventory has a token with the serial number {serial} {known}; if the file is right, and that token was never assigned, remove it \
                         (\"totp-enroll tokens remove {serial}\") and import the file again; otherwise take the token out of the file"
                    ),
                );
            }
        } else if let Some(seed) = self.by_secret.get(&secret).copied() {
            self.refuse(
                seed,
                format!(
                    "this token has the same secret as the token {serial} of the inventory, so a code of one would be accepted for the other; \
                     find out which serial number is right, and remove the token from the file"
                ),
            );
        }
        Ok(())
    }

    fn enrolments(&mut self) -> Result<(), CommandError> {
        let store = &self.context.store;
        for user in store.enrolled().map_err(stopped)?.filter(is_the_stores) {
            let user = user.map_err(stopped)?;
            // It may have been removed since the names were read.
            let Some(credential) = store.credential(&user).map_err(stopped)? else { continue };
            for authenticator in credential.authenticators() {
                self.authenticator(&user, &credential, authenticator);
            }
        }
        Ok(())
    }

    fn authenticator(&mut self, user: &User, credential: &Credential, authenticator: &Authenticator) {
        let label = authenticator.label().as_str();
        let named = self.by_serial.get(label).copied().filter(|seed| !self.known.contains(&seed.new.serial));
        let secret = match self.fingerprinter.of_authenticator(credential, authenticator, self.keyring) {
            Ok(secret) => secret,
            Err(error) => {
                if let Some(seed) = named {
                    self.refuse(
                        seed,
                        format!("{user} is enrolled with an authenticator of that name, and it is not known whether it is this token: {error}"),
                    );
                }
                // No login accepts its codes.
                return;
            }
        };
        let Some(seed) = self.by_secret.get(&secret).copied() else { return };
        if self.known.contains(&seed.new.serial) {
            return;
        }
        if seed.new.serial.as_str() != label {
            self.refuse(
                seed,
                format!(
                    "{user} is enrolled with the secret of this token under the name \"{label}\", and its codes would be accepted for two people; \
                     remove the token from the file, or enrol {user} anew first (\"totp-enroll enroll --replace\")"
                ),
            );
        } else if let Some(other) = self.holders.insert(&seed.new.serial, user.clone()) {
            self.refuse(
                seed,
                format!(
                    "{other} and {user} are both enrolled with this token; find out who has it, and enrol the other anew first (\"totp-enroll enroll --replace\")"
                ),
            );
        }
    }

    fn refuse(&mut self, seed: &SeedLine, problem: String) {
        if self.refused.as_ref().is_none_or(|(first, _)| seed.line < *first) {
            self.refused = Some((seed.line, problem));
        }
    }
}

/// A file of another name than a document's has no token and no enrolment in it; `doctor` reports it.
fn is_the_stores<T>(name: &Result<T, StoreError>) -> bool {
    !matches!(name, Err(StoreError::Unsafe { .. }))
}

fn stopped(error: StoreError) -> CommandError {
    CommandError::from(error).explained(unimported)
}
