//! What the application says of itself and of who asks: PAM items and the PAM environment, never the process's.

use crate::ffi::libpam;
use crate::first_factor::FirstFactor;
use pam::items::{Item, RHost, RUser, Service, Tty};
use pam::module::PamHandle;
use std::ffi::CStr;
use std::net::IpAddr;
use totp_core::network;
use totp_core::policy::device::Traits;
use totp_core::policy::timestamp_record::SessionOrigin;

/// Who asks, from where, through which service.
#[derive(Debug)]
pub(crate) struct Request {
    /// `PAM_SERVICE`; also names the overrides in the config.
    pub(crate) service: String,
    /// `PAM_RHOST`, as the application gave it.
    pub(crate) rhost: Option<String>,
    /// `PAM_RUSER`: to sudo and su, the account that calls them.
    pub(crate) requester: Option<String>,
    /// `PAM_TTY`.
    pub(crate) tty: Option<String>,
    /// What sshd says came first.
    pub(crate) first_factor: Option<FirstFactor>,
    /// The type of the line in the service file.
    pub(crate) facility: &'static str,
}

impl Request {
    pub(crate) fn read(pamh: &mut PamHandle, facility: &'static str) -> Self {
        let tty = text::<Tty<'_>>(pamh, |item| item.0);
        // In another program the variable would be from elsewhere: pam_env(8) can be told to let users set some.
        let first_factor =
            libpam::environment(pamh, c"SSH_AUTH_INFO_0").filter(|_| tty.as_deref() == Some(SSHD));
        Self {
            service: text::<Service<'_>>(pamh, |item| item.0).unwrap_or_else(|| "unknown".to_owned()),
            rhost: text::<RHost<'_>>(pamh, |item| item.0),
            requester: text::<RUser<'_>>(pamh, |item| item.0),
            tty,
            first_factor: first_factor.and_then(|info| FirstFactor::parse(&info)),
            facility,
        }
    }
}

/// What sshd calls its terminal before there is one (auth-pam.c).
const SSHD: &str = "ssh";

impl Request {
    /// Whether sshd asks.
    pub(crate) fn is_sshd(&self) -> bool {
        self.tty.as_deref() == Some(SSHD)
    }

    /// Where it comes from, as far as that decides on freshness.
    pub(crate) fn origin(&self) -> SessionOrigin {
        match (self.is_sshd(), &self.rhost) {
            (true, _) => SessionOrigin::Sshd,
            (false, Some(_)) => SessionOrigin::Remote,
            (false, None) => SessionOrigin::Local,
        }
    }

    /// What the connection shows of the device at its other end.
    pub(crate) fn traits(&self) -> Traits<'_> {
        let key = self.first_factor.as_ref().and_then(|first| first.key.as_ref());
        Traits { key: key.map(|key| key.fingerprint.as_str()), address: self.address() }
    }

    /// Where it comes from, if that is an address and no name.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.rhost.as_deref().and_then(network::address)
    }

    /// Whether the first factor was a FIDO2 SSH key.
    pub(crate) fn by_security_key(&self) -> bool {
        let key = self.first_factor.as_ref().and_then(|first| first.key.as_ref());
        key.is_some_and(|key| key.is_security_key)
    }
}

fn text<'a, T: Item<'a>>(pamh: &'a PamHandle, bytes: impl Fn(&T) -> &'a CStr) -> Option<String> {
    let item = pamh.get_item::<T>().ok().flatten()?;
    Some(bytes(&item).to_string_lossy().into_owned()).filter(|text| !text.is_empty())
}
