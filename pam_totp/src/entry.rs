//! Which entry point does what: authentication asks, credentials follow it, the rest is a mistake in the service file.

use crate::arguments::Arguments;
use crate::audit::Audit;
use crate::ffi::panic;
use crate::login;
use crate::outcome::{self, Outcome};
use crate::request::Request;
use pam::constants::{PamFlag, PamResultCode};
use pam::module::{PamHandle, PamHooks};
use std::ffi::CStr;
use totp_host::settings;

/// What libpam calls.
pub(crate) struct EntryPoints;

impl PamHooks for EntryPoints {
    fn sm_authenticate(pamh: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        panic::silence();
        login::authenticate(pamh, &args, flags).into()
    }

    /// There are no credentials to set; libpam asks anyone who authenticated.
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

/// A line of another type than `auth` asks for no code; to let it pass would let an administrator believe that it does.
fn misplaced(pamh: &mut PamHandle, args: &[&CStr], facility: &'static str) -> PamResultCode {
    panic::silence();
    let request = Request::read(pamh, facility);
    let outcome = Outcome::Misplaced { facility };
    let socket = settings::log_socket(Arguments::config_file(args).as_deref(), Some(&request.service));
    Audit::open(&socket, &request).outcome(&outcome, None);
    outcome.into()
}
