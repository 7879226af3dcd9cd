//! Which entry point does what: authentication asks for a code; every other one is a mistake in the service file.

use crate::audit;
use crate::login;
use crate::outcome::{self, Outcome};
use crate::request::Request;
use pam::constants::{PamFlag, PamResultCode};
use pam::module::{PamHandle, PamHooks};
use std::ffi::CStr;

/// What libpam calls.
pub(crate) struct EntryPoints;

impl PamHooks for EntryPoints {
    fn sm_authenticate(pamh: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        silence_panics();
        login::authenticate(pamh, &bytes(&args), flags).into()
    }

    /// There are no credentials to set; libpam calls this after each authentication.
    fn sm_setcred(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        outcome::CREDENTIALS_SET
    }

    fn acct_mgmt(pamh: &mut PamHandle, args: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        misplaced(pamh, &args, "account")
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

/// A line of another type than `auth` asks for no code. If it succeeded, an administrator might believe that it does.
fn misplaced(pamh: &mut PamHandle, args: &[&CStr], facility: &'static str) -> PamResultCode {
    silence_panics();
    let request = Request::read(pamh, facility);
    let outcome = Outcome::Misplaced { facility };
    audit::log_without_settings(&bytes(args), &request, &outcome);
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
