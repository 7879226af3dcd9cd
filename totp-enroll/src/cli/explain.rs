//! `explain`.

use clap::{Args, ValueHint};
use totp_core::time::Seconds;

#[derive(Args)]
pub(crate) struct Explain {
    /// Account
    #[arg(value_hint = ValueHint::Username)]
    pub(crate) user: String,
    /// PAM service, by its file name in /etc/pam.d
    #[arg(long, value_name = "NAME", default_value = "sshd")]
    pub(crate) service: String,
    /// Remote address of the login; a local login if omitted
    #[arg(long, value_name = "ADDRESS", value_hint = ValueHint::Hostname)]
    pub(crate) rhost: Option<String>,
    /// Fingerprint of the accepted SSH key (SHA256:...); no key if omitted
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) key: Option<String>,
    /// Assume that the SSH key is on a FIDO2 security key
    #[arg(long)]
    pub(crate) security_key: bool,
    /// Assume the module argument nullok
    #[arg(long)]
    pub(crate) nullok: bool,
    /// Assume the module argument after_first_factor
    #[arg(long)]
    pub(crate) after_first_factor: bool,
    /// Assume the module argument fresh=DURATION, for example 15m
    #[arg(long, value_name = "DURATION", value_parser = Seconds::parse)]
    pub(crate) fresh: Option<Seconds>,
    /// Assume that a code was accepted this long ago in the same login session, for example 90s
    #[arg(long, value_name = "DURATION", value_parser = Seconds::parse)]
    pub(crate) since_code: Option<Seconds>,
}
