//! Remembered devices (`[remember]`): recognises one before anybody is asked, and remembers one after a login by a code.

use crate::attempt::{self, Attempt, ModuleHost, PATIENCE};
use crate::messages;
use crate::outcome::LoginError;
use pam::constants::{PAM_PROMPT_ECHO_ON, PAM_TEXT_INFO};
use pam::module::PamHandle;
use totp_core::login::{Method, Verified};
use totp_core::policy;
use totp_core::policy::device::RememberMode;
use totp_core::policy::remembered_device::{Connection, Recognised};
use totp_core::store::{Engine, Held, Users};
use totp_core::time::Now;
use totp_core::user::Account;

/// Looks whether the connection is that of a remembered device. Its use is not recorded yet.
pub(crate) fn recognise(
    attempt: &Attempt<'_>,
    store: &impl Users,
    held: &impl Held,
    account: &Account,
    now: Now,
) -> Result<Option<Recognised>, LoginError> {
    let remember = &attempt.policy.remember;
    let traits = attempt.request.traits();
    if remember.mode == RememberMode::Off || held.ledger().devices().is_empty() || !remember.can_tell(&traits)
    {
        return Ok(None);
    }
    let keyring = attempt.keyring()?;
    policy::remembered_device::recognise(held, account, &traits, remember, now, &keyring)
        .map_err(|error| LoginError::judging(error, |document| store.name_of(document, &account.user)))
}

/// Remembers the device of a login by a code, if the config or the answer to a question says so.
pub(crate) fn offer(
    pamh: &PamHandle,
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
    account: &Account,
    verified: &Verified,
) {
    if !is_wanted(pamh, attempt, verified) {
        return;
    }
    let (remember, user) = (attempt.policy.remember, &account.user);
    // Until the ledger is no longer held, and the notice is left.
    attempt.guard_from_caller();
    let remembered = {
        let traits = attempt.request.traits();
        let connection = Connection { user, traits, remember: &remember, patience: PATIENCE };
        policy::remembered_device::remember(
            store,
            verified,
            &connection,
            &mut ModuleHost { attempt, store, account, keyring: None },
        )
    };
    if let Ok(Some(device)) = remembered {
        let event = attempt.audit.device_remembered(device, remember.length, user.as_str());
        attempt.leave_notice(store, &event);
    }
    if let Err(error) = attempt.restore_caller() {
        return attempt.audit.error(user.as_str(), error);
    }
    match remembered {
        Ok(Some(device)) => {
            attempt.say(pamh, PAM_TEXT_INFO, &messages::remembered(device, remember.length));
        }
        Ok(None) => attempt.debug("the device was not remembered"),
        Err(error) => attempt.audit.login_error(user.as_str(), &error),
    }
}

fn is_wanted(pamh: &PamHandle, attempt: &Attempt<'_>, verified: &Verified) -> bool {
    let remember = attempt.policy.remember;
    // A recovery code may be used at a device that is not the user's own.
    let may_be =
        || matches!(verified.method(), Method::Code { .. }) && remember.can_tell(&attempt.request.traits());
    match remember.mode {
        RememberMode::Off => false,
        RememberMode::Always => may_be(),
        RememberMode::Ask => {
            let question = messages::remember_question(remember.length);
            !attempt.is_silent
                && may_be()
                && attempt::ask(pamh, PAM_PROMPT_ECHO_ON, &question)
                    .is_some_and(|answer| messages::is_yes(answer.as_bytes()))
        }
    }
}
