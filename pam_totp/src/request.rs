//! What the application says of itself and of who asks: PAM items and the PAM environment, never the process's.

use crate::ffi::libpam;
use pam::items::{Item, RHost, Service, Tty};
use pam::module::PamHandle;
use std::ffi::CStr;

/// Who asks, from where, through which service. All of it is only for the log and for the config's overrides.
#[derive(Debug)]
pub(crate) struct Request {
    /// `PAM_SERVICE`; also names the overrides in the config.
    pub(crate) service: String,
    /// `PAM_RHOST`, as the application gave it.
    pub(crate) rhost: Option<String>,
    /// `PAM_TTY`.
    pub(crate) tty: Option<String>,
    /// What sshd says came first: the first word of `SSH_AUTH_INFO_0` (sshd_config(5), `ExposeAuthInfo`).
    pub(crate) first_factor: Option<String>,
    /// The type of the line in the service file.
    pub(crate) facility: &'static str,
}

impl Request {
    pub(crate) fn read(pamh: &mut PamHandle, facility: &'static str) -> Self {
        let first_factor = libpam::environment(pamh, c"SSH_AUTH_INFO_0")
            .and_then(|info| info.split_whitespace().next().map(str::to_owned));
        Self {
            service: text::<Service<'_>>(pamh, |item| item.0).unwrap_or_else(|| "unknown".to_owned()),
            rhost: text::<RHost<'_>>(pamh, |item| item.0),
            tty: text::<Tty<'_>>(pamh, |item| item.0),
            first_factor,
            facility,
        }
    }
}

fn text<'a, T: Item<'a>>(pamh: &'a PamHandle, bytes: impl Fn(&T) -> &'a CStr) -> Option<String> {
    let item = pamh.get_item::<T>().ok().flatten()?;
    Some(bytes(&item).to_string_lossy().into_owned()).filter(|text| !text.is_empty())
}
