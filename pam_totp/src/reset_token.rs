//! A reset token, typed in place of a code: enrols its owner, whatever `enroll_at_login` says.

use crate::attempt::{Attempt, PATIENCE};
use crate::enroll::{self, NewUser};
use crate::outcome::{EnrolmentAborted, LoginError, Outcome};
use pam::module::PamHandle;
use totp_core::account_recovery::{self, TokenOutcome};
use totp_core::code::Answer;
use totp_core::login::Reason;
use totp_core::store::Engine;
use totp_core::user::Account;
use totp_host::clock;

/// Enrols an account that is not enrolled, if the answer is its reset token. `None`: the refusal of the answer stands.
///
/// A first factor must have been passed: without one, an overheard token would be enough to enrol.
pub(crate) fn enroll(
    pamh: &PamHandle,
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
    account: &Account,
    typed: &[u8],
) -> Result<Option<Outcome>, LoginError> {
    let Some(Answer::Recovery(code)) = Answer::recognise(typed) else { return Ok(None) };
    if !attempt.has_first_factor() || attempt.is_silent || store.reset(&account.user)?.is_none() {
        return Ok(None);
    }
    let Some(entry) = store.entry(&account.user, PATIENCE)? else {
        return Ok(Some(Outcome::Refused(Reason::Busy.into())));
    };
    let tried = account_recovery::try_token(&entry, account, &code, clock::now()?.realtime)?;
    drop(entry);
    // The guard is there since the judging; nobody is asked while it exists.
    attempt.restore_caller()?;
    match tried {
        TokenOutcome::NoReset => Ok(None),
        TokenOutcome::Refused(why) => {
            enroll::log_token(attempt, store, account, Err(why));
            Ok(Some(Outcome::EnrolmentAborted(EnrolmentAborted::NotAuthorised(why))))
        }
        TokenOutcome::TokenAccepted(accepted) => {
            enroll::enroll(pamh, attempt, store, account, &NewUser::by_token(accepted)).map(Some)
        }
    }
}
