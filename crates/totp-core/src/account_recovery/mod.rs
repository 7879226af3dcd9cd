//! The sequences of a reset: request, approve, cancel, complete; and the way back in by the token that it leaves.
//!
//! All of it happens while the user is held. The notice for the owner stands in the ledger before the request does, so that
//! no request is silent. A completion keeps the token before it withdraws the enrolment: killed in between, the old
//! enrolment is whole, and killed later the account waits for a token, which the same completion makes anew.
//!
//! A reset that is kept bars its account as long as nobody is enrolled, also when its token has expired or is dead: else
//! anyone who has a password need only wait, or type five wrong tokens, to enrol a phone of their own.

mod format;
mod reset;
mod reset_request;
mod reset_rules;
mod reset_token;

pub use reset::{CompletionError, Reset, Stage};
pub use reset_request::{Person, ResetNotice, ResetReason, ResetReasonError, ResetStep};
pub use reset_rules::{MOST_APPROVALS, ResetError, ResetRules};
pub use reset_token::{MOST_WRONG, ResetToken, TokenState};

use crate::enrolment::ExpectedEnrolment;
use crate::id::Id;
use crate::secret::{Entropy, EntropyError, Secret};
use crate::store::{Entry, StoreError};
use crate::user::Account;

/// Who takes a step, for whom, and when.
#[derive(Debug, Clone)]
pub struct StepInputs<'a> {
    /// Whose enrolment.
    pub account: &'a Account,
    /// The operator.
    pub by: Person,
    /// What the config asks for.
    pub rules: ResetRules,
    /// Seconds since 1970.
    pub now: u64,
}

/// Why a step was not taken. The enrolment is as it was, unless a completion failed in the store; then it can be given
/// again.
#[derive(Debug, thiserror::Error)]
pub enum AccountRecoveryError {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rule did.
    #[error(transparent)]
    Refused(#[from] ResetError),
    /// There is none.
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

/// Requests a reset of what is in place, whole or broken.
///
/// # Errors
/// [`AccountRecoveryError`]; nothing is then requested, though a notice may stand that says so.
pub fn request<E: Entry>(
    mut entry: E,
    asked: StepInputs<'_>,
    reason: ResetReason,
) -> Result<Reset, AccountRecoveryError> {
    let StepInputs { account, by, rules, now } = asked;
    let (in_place, before) = (ExpectedEnrolment::of(entry.credential()), entry.reset()?);
    let reset = Reset::request(account, in_place, before.as_ref(), (by, reason), rules, now)?;
    announce(&mut entry, &reset, &rules)?;
    entry.keep_reset(&reset)?;
    Ok(reset)
}

/// Adds an approval.
///
/// # Errors
/// [`AccountRecoveryError`]; the reset is then as far as it was.
pub fn approve<E: Entry>(mut entry: E, asked: StepInputs<'_>) -> Result<Reset, AccountRecoveryError> {
    let StepInputs { account, by, rules, now } = asked;
    let in_place = ExpectedEnrolment::of(entry.credential());
    let mut reset = settled(&entry, now)?;
    reset.approve(account, in_place, by, &rules, now)?;
    // Once more: a repair in between has made a ledger that knows of nothing.
    announce(&mut entry, &reset, &rules)?;
    entry.keep_reset(&reset)?;
    Ok(reset)
}

/// What calling a reset off came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The reset is gone; the enrolment is as it was.
    Gone,
    /// Nobody is enrolled: the token is void, and the account waits for an operator.
    Barred,
}

/// Ends a reset, whatever its stage, also one that cannot be read. Where nobody is enrolled it goes on barring the account.
///
/// # Errors
/// [`AccountRecoveryError`]; it is then still on its way, or it is only the notice that is left. One that cannot be read and may
/// be a bar is not taken away.
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

/// Withdraws the enrolment, and returns the code of the token, in canonical form, to be shown once.
///
/// # Errors
/// [`AccountRecoveryError`]; the old enrolment is then whole, or gone; the completion can be given again.
pub fn complete<E: Entry>(
    entry: E,
    asked: &StepInputs<'_>,
    entropy: &mut dyn Entropy,
) -> Result<(Reset, Secret), AccountRecoveryError> {
    let StepInputs { account, by, rules, now } = asked;
    let in_place = ExpectedEnrolment::of(entry.credential());
    let mut reset = settled(&entry, *now)?;
    let code = reset.complete(account, in_place, by, rules, (*now, entropy))?;
    entry.keep_reset(&reset)?;
    entry.withdraw()?;
    Ok((reset, code))
}

/// The reset with no timestamp from the future, which is recorded.
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

/// Puts a notice into the ledger, where there is one; a broken one lets nobody in at which anybody could be told. Returns
/// whether it was another one.
fn announced<E: Entry>(
    entry: &mut E,
    notice: Option<crate::account_recovery::ResetNotice>,
) -> Result<bool, StoreError> {
    match entry.ledger().cloned() {
        Some(mut ledger) if ledger.notice != notice => {
            ledger.notice = notice;
            entry.note(&ledger)?;
            Ok(true)
        }
        Some(_) | None => Ok(false),
    }
}

/// On what someone who is not enrolled is to be enrolled.
#[derive(Debug)]
pub enum Authorised {
    /// On the word of an operator who enrols another.
    ByAnOperator,
    /// On nothing but being there; where a reset waits for its token, that is not enough.
    ByThemselves,
    /// On a token.
    ByToken(TokenAccepted),
}

/// That the right token was typed. It is used up by an enrolment, which looks at it again.
#[derive(Debug)]
pub struct TokenAccepted {
    token: Id,
}

/// What a typed token came to.
#[derive(Debug)]
pub enum TokenOutcome {
    /// Nothing waits for one.
    NoReset,
    /// It is the right one.
    TokenAccepted(TokenAccepted),
    /// It is not taken.
    Refused(TokenRefused),
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// It is another one.
    #[error("the token is wrong")]
    Wrong,
    /// Too late.
    #[error("the token has expired: ask an operator for a new one")]
    Expired,
    /// After too many wrong ones.
    #[error("too many wrong tokens were typed: ask an operator for a new one")]
    Dead,
    /// None was made yet, or it is another account's.
    #[error("no token was made for this account")]
    None,
    /// Nobody showed it.
    #[error("the second factor of this account was reset: enrol with the token of the reset")]
    Missing,
}

impl TokenRefused {
    /// Whether a token was looked at, and so charged. Of the others nothing limits how many there are: a notice of each would fill
    /// its owner's mailbox.
    #[must_use]
    pub fn is_judged(self) -> bool {
        match self {
            Self::Wrong => true,
            Self::Expired | Self::Dead | Self::None | Self::Missing => false,
        }
    }

    /// The word in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Expired => "expired",
            Self::Dead => "dead",
            Self::None => "none",
            Self::Missing => "missing",
        }
    }
}

/// Tries a token, which is charged as a wrong one before it is looked at. `now` was read while the entry was held.
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
    entry.keep_reset(&reset)?;
    Ok(TokenOutcome::TokenAccepted(TokenAccepted { token }))
}

/// Whether anyone who is `authorised` may be enrolled at this entry, where nobody is. Looked at in the hold in which the
/// enrolment is put in place, which uses the token up.
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
        // It was used, or taken back, meanwhile.
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

/// Why nobody is enrolled here now.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// The store has no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A token is asked for.
    #[error(transparent)]
    ResetToken(#[from] TokenRefused),
}

/// The reset of this account. One that was deleted and made again under the same name inherits no bar and no token.
fn waiting<E: Entry>(entry: &E, account: &Account) -> Result<Option<Reset>, StoreError> {
    Ok(entry.reset()?.filter(|reset| !reset.is_anothers(account)))
}

fn standing(reset: &Reset, account: &Account, now: u64) -> Result<(), TokenRefused> {
    // Where one of the two has no uid nobody knows whether they are one.
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
