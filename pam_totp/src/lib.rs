//! The PAM module `pam_totp.so`, which sshd, sudo, su and login load to ask for a one-time code, and its entry points.
//!
//! A login is one sequence, in [`login`]. Each step takes what the one before returned:
//!
//! ```text
//!   ffi ── pam_sm_* ──> EntryPoints ── authenticate ──> login
//!
//!   read_settings   arguments (totp_core::module_arguments) and config            ──> Attempt
//!        │
//!     prepare       whose login is it? what is required?                           ──> Prepared, or the Outcome
//!        │            requirement ── freshness                            where that depends on the enrolment
//!        │                        └─ remembered_device
//!        │            enroll                                              the login itself enrols
//!       ask         the one prompt (messages)                                      ──> what was typed
//!        │            first_pass                                          the answer that an earlier module was given
//!      judge        totp_core::login::judge: hold, charge, look, record            ──> Outcome
//!        │            source                                              where the answer comes from
//!        │            enroll                                              the answer was a reset token
//!       log         one line (login_audit), and the mail about it (attempt)
//!        │            a locked account is asked for a recovery code    after a first factor; it is judged and logged the same way
//!        │
//!   after_login     messages, freshness, remembered_device: what follows; it changes no outcome
//!        │
//!     outcome       the one table of PAM codes                                     ──> PamResultCode
//! ```
//!
//! After it, where a code came before the first factor, [`source_confirmation`] makes the source known.
//!
//! Beside the sequence: [`attempt`] is what every step works with, and has the guard that keeps the caller from stopping the
//! process between holding a ledger and writing the log line; [`request`] is what the application says of itself, and
//! [`messages`] has the texts.
//!
//! # What holds
//!
//! * This crate does not decide whether a code is right or required: `totp_core` does, and only its proofs (`Verified`, `Exemption`,
//!   `Enrolled`) become `PAM_SUCCESS`.
//! * `unsafe` stands in `ffi` only. A panic refuses the login and is logged.
//! * Nobody is asked anything while the guard exists. The ancestors of the process are read before the guard is raised.
//! * The engine is named in `totp_host::store` only; here it is `impl Engine`.
//! * Nothing is read from the process's environment, and nothing is written to its standard output or error.

#[cfg(panic = "abort")]
compile_error!(
    "pam_totp must unwind: with panic = \"abort\" a bug would kill sshd instead of refusing one login. Remove panic = \"abort\"."
);

mod attempt;
mod enroll;
mod ffi;
mod first_pass;
mod freshness;
mod login;
mod login_audit;
#[cfg(test)]
mod manual_tests;
mod messages;
mod outcome;
mod remembered_device;
mod reply;
mod request;
mod requirement;
mod socket_instance;
mod source;
mod source_confirmation;
mod ssh_auth_info;

use crate::outcome::{LoginError, Outcome};
use crate::request::Request;
use pam::constants::{PamFlag, PamResultCode};
use pam::module::{PamHandle, PamHooks};
use std::alloc::System;
use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use totp_core::module_arguments::Arguments;
use zeroizing_alloc::ZeroAlloc;

/// Wipes all memory that this library frees, also that of libraries: it is the application's memory, and stays in its process.
#[global_allocator]
static HEAP: ZeroAlloc<System> = ZeroAlloc(System);

/// What libpam calls: authentication asks for a code, and what follows it may confirm a source; every other entry point is a mistake
/// in the service file.
pub(crate) struct EntryPoints;

impl PamHooks for EntryPoints {
    fn sm_authenticate(pamh: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        silence_panics();
        login::authenticate(pamh, &bytes(&args), flags).into()
    }

    /// There are no credentials to set, but the login has succeeded: see [`source_confirmation`].
    fn sm_setcred(pamh: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        silence_panics();
        let confirm = || source_confirmation::at_setcred(pamh, &bytes(&args), flags);
        unless_left_as_root(catch_unwind(AssertUnwindSafe(confirm)), outcome::CREDENTIALS_SET)
    }

    fn acct_mgmt(pamh: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        let words = bytes(&args);
        let Some(arguments) = Arguments::of_account_line(&words) else {
            return misplaced(pamh, &args, "account");
        };
        silence_panics();
        let confirm = || source_confirmation::at_account_line(pamh, arguments, &words, flags);
        unless_left_as_root(catch_unwind(AssertUnwindSafe(confirm)), outcome::ACCOUNT_NOT_JUDGED)
    }

    fn sm_chauthtok(pamh: &mut PamHandle, args: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        misplaced(pamh, &args, "password")
    }

    fn sm_open_session(pamh: &mut PamHandle, args: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        misplaced(pamh, &args, "session")
    }

    fn sm_close_session(pamh: &mut PamHandle, args: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        misplaced(pamh, &args, "session")
    }
}

/// `code`, but where the program was left with root's real uid; a panic restores the uid while it unwinds.
fn unless_left_as_root(
    confirmed: std::thread::Result<Result<(), LoginError>>,
    code: PamResultCode,
) -> PamResultCode {
    match confirmed {
        Ok(Err(login_error)) => Outcome::LoginError(login_error).into(),
        Ok(Ok(())) | Err(_) => code,
    }
}

/// A line of another type than `auth` asks for no code. If it succeeded, an administrator might believe that it does.
fn misplaced(pamh: &mut PamHandle, args: &[&CStr], facility: &'static str) -> PamResultCode {
    silence_panics();
    let request = Request::read(pamh, facility);
    let outcome = Outcome::Misplaced { facility };
    login_audit::log_without_settings(&bytes(args), &request, &outcome);
    outcome.into()
}

fn bytes<'a>(args: &[&'a CStr]) -> Vec<&'a [u8]> {
    args.iter().map(|word| word.to_bytes()).collect()
}

/// Keeps a panic's message off the application's standard error. The hook belongs to the copy of std inside this library;
/// that of the application is not touched.
fn silence_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}
