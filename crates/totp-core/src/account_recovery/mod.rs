//! The sequences of a reset (request, approve, cancel, complete) and enrolling with the reset token.
//!
//! Each step runs while the user is held. Before it is stored it is announced: the caller leaves a mail to the owner and a
//! line in the log, or the step is not taken. The notice that a login shows is in the ledger before the request is stored,
//! so no request is silent. A completion stores the token before it withdraws the enrolment: killed in between, the old
//! enrolment is whole; killed later, the same completion can be given again and makes a new token.
//!
//! While a stored reset exists and nobody is enrolled, the account cannot enrol by itself, even if the token has
//! expired or is dead. Otherwise someone with only the password could wait, or type five wrong tokens, and enrol their
//! own phone.

mod cancellation;
mod format;
mod reset;
mod reset_step;
mod reset_token;
#[cfg(test)]
mod token_tests;

pub use cancellation::Cancellation;
pub use reset::{CompletionError, Reset, Stage};
pub use reset_step::{
    MOST_APPROVALS, Person, ResetError, ResetNotice, ResetReason, ResetReasonError, ResetRules, ResetStep,
};
pub use reset_token::{MOST_WRONG, ResetToken, TokenState};

use crate::enrolment::ExpectedEnrolment;
use crate::random::Id;
use crate::random::{Entropy, EntropyError, Secret};
use crate::store::{Entry, StoreError};
use crate::user::Account;

/// The inputs of one step of a reset.
#[derive(Debug, Clone)]
pub struct StepInputs<'a> {
    /// The account whose enrolment is reset.
    pub account: &'a Account,
    /// The operator who takes the step.
    pub by: Person,
    /// The rules of the config.
    pub rules: ResetRules,
    /// Seconds since 1970.
    pub now: u64,
}

/// Why a step was not taken. The enrolment is unchanged, unless a completion failed in the store; then the completion
/// can be given again.
#[derive(Debug, thiserror::Error)]
pub enum AccountRecoveryError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rules of the reset do not allow the step.
    #[error(transparent)]
    Refused(#[from] ResetError),
    /// There is no reset.
    #[error("no reset of this account was requested")]
    NoReset,
    /// No token could be made.
    #[error(transparent)]
    NoEntropy(#[from] EntropyError),
}

impl From<CompletionError> for AccountRecoveryError {
    fn from(error: CompletionError) -> Self {
        match error {
            CompletionError::Refused(refused) => refused.into(),
            CompletionError::NoEntropy(error) => error.into(),
        }
    }
}

/// Requests a reset of the present enrolment, readable or not. `tell` gets the reset before it is stored.
///
/// # Errors
/// [`AccountRecoveryError`], and that of `tell`; no reset is then stored, but the ledger may already contain the notice.
pub fn request<E: Entry>(
    mut entry: E,
    asked: StepInputs<'_>,
    reason: ResetReason,
    tell: impl FnOnce(&Reset) -> Result<(), StoreError>,
) -> Result<Reset, AccountRecoveryError> {
    let StepInputs { account, by, rules, now } = asked;
    let (in_place, before) = (ExpectedEnrolment::of(entry.credential()), entry.reset()?);
    let reset = Reset::request(account, in_place, before.as_ref(), (by, reason), rules, now)?;
    tell(&reset)?;
    announce(&mut entry, &reset, &rules)?;
    entry.keep_reset(&reset)?;
    Ok(reset)
}

/// Adds an approval. `tell` gets the reset before it is stored.
///
/// # Errors
/// [`AccountRecoveryError`], and that of `tell`; the reset is then unchanged.
pub fn approve<E: Entry>(
    mut entry: E,
    asked: StepInputs<'_>,
    tell: impl FnOnce(&Reset) -> Result<(), StoreError>,
) -> Result<Reset, AccountRecoveryError> {
    let StepInputs { account, by, rules, now } = asked;
    let in_place = ExpectedEnrolment::of(entry.credential());
    let mut reset = settled(&entry, now)?;
    reset.approve(account, in_place, by, &rules, now)?;
    tell(&reset)?;
    // Again, because a repair in between has made a new ledger without the notice.
    announce(&mut entry, &reset, &rules)?;
    entry.keep_reset(&reset)?;
    Ok(reset)
}

/// The result of cancelling a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The reset is removed; the enrolment is unchanged.
    Gone,
    /// Nobody is enrolled. The token is void, and only an operator can enrol the account.
    Barred,
}

/// Cancels a reset in any stage, also one that cannot be read. If nobody is enrolled, the account still cannot enrol by
/// itself.
///
/// # Errors
/// [`AccountRecoveryError`]; the reset, or only its notice, then still exists. An unreadable reset is kept where nobody
/// is enrolled, because it may protect the account.
pub fn cancel<E: Entry>(mut entry: E, account: &Account) -> Result<Cancelled, AccountRecoveryError> {
    if !entry.is_enrolled() {
        match entry.reset()? {
            Some(reset) if reset.is_anothers(account) => {}
            Some(mut reset) => {
                reset.call_off();
                entry.keep_reset(&reset)?;
                return Ok(Cancelled::Barred);
            }
            None => return Err(AccountRecoveryError::NoReset),
        }
    }
    let was_there = entry.forget_reset()?;
    let was_noticed = announced(&mut entry, None)?;
    if was_there || was_noticed { Ok(Cancelled::Gone) } else { Err(AccountRecoveryError::NoReset) }
}

/// Withdraws the enrolment and returns the token in canonical form, to be shown once. `tell` gets the reset before that.
///
/// # Errors
/// [`AccountRecoveryError`], and that of `tell`; the old enrolment is then whole or gone, and the completion can be given
/// again.
pub fn complete<E: Entry>(
    entry: E,
    asked: &StepInputs<'_>,
    entropy: &mut dyn Entropy,
    tell: impl FnOnce(&Reset) -> Result<(), StoreError>,
) -> Result<(Reset, Secret), AccountRecoveryError> {
    let StepInputs { account, by, rules, now } = asked;
    let in_place = ExpectedEnrolment::of(entry.credential());
    let mut reset = settled(&entry, *now)?;
    let code = reset.complete(account, in_place, by, rules, (*now, entropy))?;
    tell(&reset)?;
    entry.keep_reset(&reset)?;
    // A cancellation waits for no lock: one that came until now counts. A later one finds a token to void.
    if entry.reset()?.is_none_or(|stored| stored.is_called_off()) {
        return Err(ResetError::CalledOff.into());
    }
    entry.withdraw()?;
    Ok((reset, code))
}

/// Reads the reset, moves timestamps from the future back to now, and records that.
fn settled<E: Entry>(entry: &E, now: u64) -> Result<Reset, AccountRecoveryError> {
    let mut reset = entry.reset()?.ok_or(AccountRecoveryError::NoReset)?;
    if reset.settle(now) {
        entry.keep_reset(&reset)?;
    }
    Ok(reset)
}

fn announce<E: Entry>(entry: &mut E, reset: &Reset, rules: &ResetRules) -> Result<(), StoreError> {
    announced(entry, Some(reset.notice(rules))).map(drop)
}

/// Writes a notice to the ledger if there is one. With a broken ledger nobody can log in, so there is nobody to tell.
/// Returns whether the notice changed.
fn announced<E: Entry>(entry: &mut E, notice: Option<ResetNotice>) -> Result<bool, StoreError> {
    match entry.ledger().cloned() {
        Some(mut ledger) if ledger.notice != notice => {
            ledger.notice = notice;
            entry.note(&ledger)?;
            Ok(true)
        }
        Some(_) | None => Ok(false),
    }
}

/// What authorises the enrolment of an account that is not enrolled.
#[derive(Debug)]
pub enum Authorised {
    /// An operator enrols another person.
    ByAnOperator,
    /// The person enrols their own account; not sufficient while a reset waits for its token.
    ByThemselves,
    /// A reset token.
    ByToken(TokenAccepted),
}

/// Proof that the right token was typed. The enrolment checks it again and uses it up.
#[derive(Debug)]
pub struct TokenAccepted {
    token: Id,
}

/// The result of a typed token.
#[derive(Debug)]
pub enum TokenOutcome {
    /// No reset waits for a token.
    NoReset,
    /// The token is right.
    TokenAccepted(TokenAccepted),
    /// The token is refused.
    Refused(TokenRefused),
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// It is a different token.
    #[error("the token is wrong")]
    Wrong,
    /// It was looked at, and the result could not be recorded: it is answered like a wrong one, and charged.
    #[error("the token is wrong")]
    Unrecorded,
    /// The token has expired.
    #[error("the token has expired: ask an operator for a new one")]
    Expired,
    /// Too many wrong tokens were typed.
    #[error("too many wrong tokens were typed: ask an operator for a new one")]
    Dead,
    /// No token was made yet, or it belongs to another account.
    #[error("there is no reset token for this account: ask an operator for one")]
    None,
    /// No token was given.
    #[error("the second factor of this account was reset: enrol with the reset token")]
    Missing,
}

impl TokenRefused {
    /// Whether a token was checked, and therefore charged. The number of other refusals is not limited, so a notice for
    /// each would fill the owner's mailbox.
    #[must_use]
    pub fn is_judged(self) -> bool {
        match self {
            Self::Wrong | Self::Unrecorded => true,
            Self::Expired | Self::Dead | Self::None | Self::Missing => false,
        }
    }

    /// The word in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Unrecorded => "unrecorded",
            Self::Expired => "expired",
            Self::Dead => "dead",
            Self::None => "none",
            Self::Missing => "missing",
        }
    }
}

/// Checks a token. It is charged as a wrong one before the check. `now` was read while the entry was held.
///
/// # Errors
/// [`StoreError`]; then nobody is admitted.
pub fn try_token<E: Entry>(
    entry: &E,
    account: &Account,
    code: &Secret,
    now: u64,
) -> Result<TokenOutcome, StoreError> {
    if entry.is_enrolled() {
        return Ok(TokenOutcome::NoReset);
    }
    let Some(mut reset) = waiting(entry, account)? else { return Ok(TokenOutcome::NoReset) };
    reset.settle(now);
    if let Err(why) = standing(&reset, account, now) {
        return Ok(TokenOutcome::Refused(why));
    }
    let user = account.user.clone();
    let Some(token) = reset.token_mut() else { return Ok(TokenOutcome::Refused(TokenRefused::None)) };
    token.charge();
    entry.keep_reset(&reset)?;
    let Some(token) = reset.token_mut() else { return Ok(TokenOutcome::Refused(TokenRefused::None)) };
    if !token.is(&user, code) {
        return Ok(TokenOutcome::Refused(TokenRefused::Wrong));
    }
    token.refund();
    let token = token.id();
    match entry.keep_reset(&reset) {
        Ok(()) => Ok(TokenOutcome::TokenAccepted(TokenAccepted { token })),
        Err(StoreError::Conflict) => Err(StoreError::Conflict),
        Err(_) => Ok(TokenOutcome::Refused(TokenRefused::Unrecorded)),
    }
}

/// Whether the account may be enrolled at this entry, where nobody is enrolled. Called in the same hold in which the
/// enrolment is committed, which uses the token up.
///
/// # Errors
/// [`AdmissionError`]; then nobody may be enrolled.
pub fn admit<E: Entry>(
    entry: &E,
    account: &Account,
    authorised: &Authorised,
    now: u64,
) -> Result<(), AdmissionError> {
    let is_free = entry.is_enrolled() || matches!(authorised, Authorised::ByAnOperator);
    if is_free {
        return Ok(());
    }
    match (waiting(entry, account)?, authorised) {
        (None, Authorised::ByThemselves) => Ok(()),
        // The token was used or voided in the meantime.
        (None, Authorised::ByToken(_)) => Err(TokenRefused::None.into()),
        (Some(reset), Authorised::ByToken(token_accepted)) => {
            standing(&reset, account, now)?;
            let is_the_same = reset.token().is_some_and(|token| token.id() == token_accepted.token);
            if is_the_same { Ok(()) } else { Err(TokenRefused::None.into()) }
        }
        (Some(_), Authorised::ByThemselves | Authorised::ByAnOperator) => Err(TokenRefused::Missing.into()),
        (None, Authorised::ByAnOperator) => Ok(()),
    }
}

/// Why the account may not be enrolled now.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The token is missing or refused.
    #[error(transparent)]
    ResetToken(#[from] TokenRefused),
}

/// The reset of this account. If the account was deleted and created again, an old reset under the same name does not
/// apply.
fn waiting<E: Entry>(entry: &E, account: &Account) -> Result<Option<Reset>, StoreError> {
    Ok(entry.reset()?.filter(|reset| !reset.is_anothers(account)))
}

fn standing(reset: &Reset, account: &Account, now: u64) -> Result<(), TokenRefused> {
    // Without both uids it is not known whether they are the same account.
    if reset.account() != account {
        return Err(TokenRefused::None);
    }
    match reset.token().map(|token| token.state(now)) {
        None => Err(TokenRefused::None),
        Some(TokenState::Expired) => Err(TokenRefused::Expired),
        Some(TokenState::Dead) => Err(TokenRefused::Dead),
        Some(TokenState::Open(_)) => Ok(()),
    }
}
