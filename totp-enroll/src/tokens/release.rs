//! The end of an enrolment: what its ledger has used up of each token comes back into the inventory, so that the next person's token
//! accepts no code that was used.
//!
//! It is read before the enrolment ends and written after that. So a refusal, a kill or a full disk on the way leaves no position that
//! becomes outdated while the person can still log in; and a document that was not written says so ([`Token::settled`]). A problem of
//! the inventory therefore never keeps an enrolment from being removed.

use crate::command_error::CommandError;
use crate::context::{Context, Inventory, PATIENCE};
use totp_core::credential::Credential;
use totp_core::keyring::{Keyring, OpenError, each_token};
use totp_core::store::{Entry, Inventory as _, Tokens, Users};
use totp_core::time::Now;
use totp_core::token::{InEnrolment, Serial, Token};
use totp_core::user::User;
use totp_host::machine;

/// The inventory, held for the end of an enrolment if tokens may be in it.
pub(crate) struct EndingTokens<'a> {
    context: &'a Context,
    user: &'a User,
    inventory: Option<Inventory>,
    /// Why it is not held although it is needed, or what else was wrong.
    problem: Option<String>,
}

/// The tokens of an enrolment with what was used up of them, to be stored once it has ended.
pub(crate) struct ReturningTokens {
    inventory: Option<Inventory>,
    tokens: Vec<Token>,
    problem: Option<String>,
}

impl<'a> EndingTokens<'a> {
    /// Holds the inventory if the enrolment of `user` may have a token of it, before its entry is held.
    pub(crate) fn hold(context: &'a Context, user: &'a User) -> Self {
        let without = Self { context, user, inventory: None, problem: None };
        let is_needed = match context.store.credential(user) {
            Ok(None) => false,
            Ok(Some(credential)) => {
                serials(&credential).any(|serial| !matches!(context.store.token(&serial), Ok(None)))
            }
            Err(_) => true,
        };
        if !is_needed {
            return without;
        }
        match context.store.hold_tokens_to_withdraw(PATIENCE) {
            Ok(Some(inventory)) => Self { inventory: Some(inventory), ..without },
            Ok(None) => {
                Self { problem: Some("another command is changing the tokens".to_owned()), ..without }
            }
            Err(error) => Self { problem: Some(error.to_string()), ..without },
        }
    }

    /// Reads what the ledger of `entry`, which is held and about to end, has used up of its tokens.
    ///
    /// # Errors
    /// If a token looks as if the enrolment was never stored, and that cannot be corrected first: its document would be believed
    /// afterwards.
    pub(crate) fn read(mut self, entry: &impl Entry) -> Result<ReturningTokens, CommandError> {
        let mut tokens = Vec::new();
        match entry.credential() {
            None => {}
            Some(Ok(credential)) => {
                for serial in serials(credential) {
                    match self.context.store.token(&serial) {
                        Ok(token) => tokens.extend(token),
                        Err(error) => self.note(error.to_string()),
                    }
                }
            }
            // Which tokens it has cannot be read, so these are all that are assigned to the user.
            Some(Err(_)) => {
                if let Err(error) = each_token(&self.context.store, |token| tokens.extend(token)) {
                    self.note(error.to_string());
                }
            }
        }
        tokens.retain(|token| token.holder().is_some_and(|holder| holder.user == *self.user));
        if tokens.is_empty() {
            return Ok(ReturningTokens { inventory: self.inventory, tokens, problem: self.problem });
        }
        let (keyring, now) = (self.context.keyring().ok(), machine::now()?);
        let windows = self.context.config.windows();
        let mut back = Vec::with_capacity(tokens.len());
        for token in tokens {
            let found = |credential: &Credential| -> Option<Result<InEnrolment, OpenError>> {
                keyring.as_ref().map(|keyring| token.find_in(credential, keyring))
            };
            let used_up_to = match entry.credential().and_then(Result::ok).and_then(found) {
                // The enrolment does not have the token, so it used none of its codes.
                Some(Ok(InEnrolment::No)) => continue,
                Some(Ok(InEnrolment::At(at))) => used_up_to(entry, at),
                Some(Err(_)) | None => None,
            };
            let token = match entry.credential().and_then(Result::ok).zip(keyring.as_deref()) {
                Some((credential, keyring)) if is_modified(&token, credential, keyring) => token,
                Some(_) | None => self.marked(token, now)?,
            };
            back.push(token.back(used_up_to, &windows, now));
        }
        Ok(ReturningTokens { inventory: self.inventory, tokens: back, problem: self.problem })
    }

    fn note(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }

    /// The token with a document that says that its position is in a ledger.
    fn marked(&mut self, token: Token, now: Now) -> Result<Token, CommandError> {
        if is_marked(&token) {
            return Ok(token);
        }
        let serial = token.serial().clone();
        let refused = |problem: String| {
            CommandError::refused(format!(
                "the assignment of the token {serial} was interrupted, which has to be recorded in its document first: {problem}; nothing was changed; correct that and try again"
            ))
        };
        let Some(inventory) = &mut self.inventory else {
            return Err(refused(self.problem.take().unwrap_or_else(|| "it is being assigned".to_owned())));
        };
        mark(self.context, inventory, token, now).map_err(|error| refused(error.problem))
    }
}

impl ReturningTokens {
    /// Stores them, after the enrolment has ended, and frees the inventory. Returns what to tell the operator after that.
    #[must_use]
    pub(crate) fn store(self) -> Option<String> {
        let Self { inventory, tokens, mut problem } = self;
        let mut lost = Vec::new();
        let mut inventory = inventory;
        for token in tokens {
            let stored = inventory.as_mut().map(|inventory| inventory.replace(std::slice::from_ref(&token)));
            if let Some(Err(error)) = &stored {
                problem.get_or_insert_with(|| error.to_string());
            }
            if !matches!(stored, Some(Ok(()))) {
                lost.push(token.serial().to_string());
            }
        }
        let what = if lost.is_empty() { "its tokens (if it had any)".to_owned() } else { lost.join(", ") };
        let problem = match (problem, lost.is_empty()) {
            (Some(problem), _) => problem,
            (None, false) => "it was assigned at the same time".to_owned(),
            (None, true) => return None,
        };
        Some(format!(
            "which codes of {what} were used could not be stored in the inventory ({problem}): the next assignment needs two codes, or a code of a later time"
        ))
    }
}

/// What the ledger has used up of the authenticator at this position.
pub(super) fn used_up_to(entry: &impl Entry, at: usize) -> Option<u64> {
    entry.ledger()?.used_up_to(at)
}

/// A token whose holder is not enrolled with it, before a code of it is accepted: if its position never came back, the document says
/// first that it is not known.
///
/// # Errors
/// If that cannot be stored.
pub(super) fn settled(
    context: &Context,
    inventory: &mut Inventory,
    token: Token,
    now: Now,
) -> Result<Token, CommandError> {
    let (token, was_lost) = token.settled(&context.config.windows(), now);
    if was_lost {
        inventory.replace(std::slice::from_ref(&token))?;
    }
    Ok(token)
}

/// A token that is an authenticator of its holder, with a document that says so. An assignment that was killed before its last write
/// left one that does not: the position of the import would count as what is used up.
///
/// # Errors
/// If that cannot be stored.
pub(super) fn mark(
    context: &Context,
    inventory: &mut Inventory,
    token: Token,
    now: Now,
) -> Result<Token, CommandError> {
    if is_marked(&token) {
        return Ok(token);
    }
    let token = token.enrolled(&context.config.windows(), now);
    inventory.replace(std::slice::from_ref(&token))?;
    Ok(token)
}

/// Whether the document was modified, beside a credential that shows that the keyring is the right one. No code is ever confirmed by it, so
/// nothing has to be corrected in it.
fn is_modified(token: &Token, credential: &Credential, keyring: &Keyring) -> bool {
    matches!(token.check_seal(keyring), Err(OpenError::DoesNotOpen { .. }))
        && credential.check_seals(keyring).is_ok()
}

fn is_marked(token: &Token) -> bool {
    token.holder().is_some_and(|holder| holder.is_enrolled)
}

/// The labels that may be serial numbers.
fn serials(credential: &Credential) -> impl Iterator<Item = Serial> {
    credential.authenticators().iter().filter_map(|known| Serial::parse(known.label().as_str()).ok())
}
