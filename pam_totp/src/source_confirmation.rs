//! The source of a code that came before the first factor becomes known when the rest of the stack has succeeded as well.
//!
//! With `forward_pass`, and where the code comes first, a right code says nothing of the password: the source is kept on the PAM
//! handle. Programs set credentials, and ask the account lines, only after the whole auth stack has succeeded (pam_setcred(3),
//! pam_acct_mgmt(3)). In sshd the process that asked for the code does only the latter, so an account line can be told to confirm.

use crate::attempt::{Attempt, ModuleHost, PATIENCE};
use crate::ffi::kept;
use crate::login_audit;
use crate::outcome::{LoginError, Outcome};
use crate::request::Request;
use pam::constants::{PAM_DELETE_CRED, PAM_ESTABLISH_CRED, PAM_REFRESH_CRED, PAM_REINITIALIZE_CRED, PamFlag};
use pam::module::PamHandle;
use std::panic::{AssertUnwindSafe, catch_unwind};
use totp_core::lockout::Source;
use totp_core::login::{UnconfirmedSource, confirm_source};
use totp_core::module_arguments::{ArgumentError, Arguments};
use totp_core::random::Id;
use totp_core::user::Account;
use totp_host::config_and_keyring::{self, KeyringReader};
use totp_host::machine::Who;
use totp_host::store;

/// The methods of sshd in which PAM asks.
const ASKED_BY_PAM: [&str; 2] = ["password", "keyboard-interactive/pam"];

/// Keeps the source of an accepted answer until the rest of the stack has succeeded.
pub(crate) fn keep(pamh: &mut PamHandle, account: &Account, credential: Id, source: &Source) {
    let is_of_the_account_itself = match source {
        Source::Foreign => return,
        Source::Local(uid) => Some(*uid) == account.uid,
        Source::Remote { .. } => false,
    };
    // The row of the account's own uid is always there.
    if !is_of_the_account_itself {
        let (account, source) = (account.clone(), source.clone());
        kept::keep(pamh, UnconfirmedSource { account, credential, source });
    }
}

/// Forgets the source of an earlier answer on the same handle: what succeeds from now on is another login.
pub(crate) fn forget(pamh: &PamHandle) {
    drop(kept::take(pamh));
}

/// One call of `pam_sm_setcred`. No source that cannot be made known is an error there.
///
/// # Errors
/// The program was left with root's real uid.
pub(crate) fn at_setcred(pamh: &mut PamHandle, words: &[&[u8]], flags: PamFlag) -> Result<(), LoginError> {
    // libpam turns no flag at all into the first of them.
    let others = PAM_DELETE_CRED | PAM_REINITIALIZE_CRED | PAM_REFRESH_CRED;
    if flags & PAM_ESTABLISH_CRED == 0 && flags & others != 0 {
        return Ok(());
    }
    let Some(unconfirmed) = kept::take(pamh) else { return Ok(()) };
    let request = Request::read(pamh, "setcred");
    confirm(&unconfirmed, Arguments::parse(words), words, &request, flags)
}

/// One call of an account line with the argument `confirm_source`.
pub(crate) fn at_account_line(
    pamh: &mut PamHandle,
    arguments: Result<Arguments, ArgumentError>,
    words: &[&[u8]],
    flags: PamFlag,
) -> Result<(), LoginError> {
    let unconfirmed = kept::take(pamh);
    let request = Request::read(pamh, "account");
    match (unconfirmed, arguments) {
        (Some(unconfirmed), arguments) => confirm(&unconfirmed, arguments, words, &request, flags),
        (None, Ok(_)) => Ok(()),
        (None, Err(error)) => {
            login_audit::log_without_settings(words, &request, &Outcome::LoginError(error.into()));
            Ok(())
        }
    }
}

/// Makes the source known. Where that fails it is logged, and the source becomes known at another login.
fn confirm(
    unconfirmed: &UnconfirmedSource,
    arguments: Result<Arguments, ArgumentError>,
    words: &[&[u8]],
    request: &Request,
    flags: PamFlag,
) -> Result<(), LoginError> {
    // sshd asks the account lines after a login by a key as well, on the handle of a password that was refused before.
    let is_by_pam = |method: &str| ASKED_BY_PAM.contains(&method);
    if request.first_factor.as_ref().is_some_and(|first| !is_by_pam(&first.method)) {
        return Ok(());
    }
    let settings = arguments.map_err(LoginError::from).and_then(|arguments| {
        let config = config_and_keyring::read_config(arguments.config.as_deref(), Some(&request.service));
        Ok((arguments, config.map_err(LoginError::Config)?))
    });
    let (arguments, config) = match settings {
        Ok(settings) => settings,
        Err(error) => {
            login_audit::log_without_settings(words, request, &Outcome::LoginError(error));
            return Ok(());
        }
    };
    let keyring = KeyringReader::new(&config.paths);
    let store = store::open(&config.paths, keyring.clone());
    let attempt = &mut Attempt::new(arguments, config, keyring, request, flags);
    let account = &unconfirmed.account;
    attempt.who = Some(Who::Account(account.clone()));
    attempt.debug("confirming the source");
    attempt.guard_from_caller();
    let risk = attempt.config.risk;
    let confirmed = catch_unwind(AssertUnwindSafe(|| {
        let host = &mut ModuleHost { attempt, store: &store, account, keyring: None };
        confirm_source(&store, unconfirmed, &risk, PATIENCE, host)
    }));
    let confirmed = confirmed.unwrap_or(Err(LoginError::Panic));
    let restored = attempt.restore_caller();
    for error in [confirmed.as_ref().err(), restored.as_ref().err()].into_iter().flatten() {
        attempt.audit.login_error(account.user.as_str(), error);
    }
    attempt.audit.send_again();
    restored
}
