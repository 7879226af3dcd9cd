//! What the application says of itself and of the user: PAM items and the PAM environment, never the process's own.

use crate::ffi::libpam;
use crate::ssh_auth_info::{FirstFactor, SshKey};
use pam::items::{Item, RHost, RUser, Service, Tty};
use pam::module::PamHandle;
use std::ffi::CStr;
use std::net::IpAddr;
use totp_core::network;
use totp_core::policy::device::Traits;
use totp_core::policy::timestamp_record::SessionOrigin;

/// Which service asks, for whom, from where.
#[derive(Debug)]
pub(crate) struct Request {
    /// `PAM_SERVICE`; the config may have a section for it.
    pub(crate) service: String,
    /// `PAM_RHOST`, as the application gave it.
    pub(crate) rhost: Option<String>,
    /// `PAM_RUSER`: for sudo and su, the account that called them.
    pub(crate) requester: Option<String>,
    /// `PAM_TTY`.
    pub(crate) tty: Option<String>,
    /// What sshd says came first.
    pub(crate) first_factor: Option<FirstFactor>,
    /// The type of the line in the service file.
    pub(crate) facility: &'static str,
}

/// The name that sshd uses for its terminal before there is one (auth-pam.c).
const SSHD: &str = "ssh";

impl Request {
    pub(crate) fn read(pamh: &mut PamHandle, facility: &'static str) -> Self {
        let tty = text::<Tty<'_>>(pamh, |item| item.0);
        // Only sshd's is trusted: in another program pam_env(8) may let users set variables.
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

    /// Whether sshd asks.
    pub(crate) fn is_sshd(&self) -> bool {
        self.tty.as_deref() == Some(SSHD)
    }

    /// Where it comes from, as freshness needs to know it.
    pub(crate) fn origin(&self) -> SessionOrigin {
        match (self.is_sshd(), &self.rhost) {
            (true, _) => SessionOrigin::Sshd,
            (false, Some(_)) => SessionOrigin::Remote,
            (false, None) => SessionOrigin::Local,
        }
    }

    /// What identifies the device at the other end of the connection.
    pub(crate) fn traits(&self) -> Traits<'_> {
        Traits { key: self.key().map(|key| key.fingerprint.as_str()), address: self.address() }
    }

    /// The remote address; `None`: a host name, or no remote host.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.rhost.as_deref().and_then(network::address)
    }

    /// The SSH key of the first factor.
    pub(crate) fn key(&self) -> Option<&SshKey> {
        self.first_factor.as_ref()?.key.as_ref()
    }
}

fn text<'a, T: Item<'a>>(pamh: &'a PamHandle, bytes: impl Fn(&T) -> &'a CStr) -> Option<String> {
    let item = pamh.get_item::<T>().ok().flatten()?;
    Some(bytes(&item).to_string_lossy().into_owned()).filter(|text| !text.is_empty())
}
