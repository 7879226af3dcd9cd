//! `explain`.

use clap::{Args, ValueHint};
use totp_core::time::Seconds;

#[derive(Args)]
pub(crate) struct Explain {
    /// The account
    #[arg(value_hint = ValueHint::Username)]
    pub(crate) user: String,
    /// The PAM service (the name of its file in /etc/pam.d)
    #[arg(long, value_name = "NAME", default_value = "sshd")]
    pub(crate) service: String,
    /// The address that the login comes from; none if left out
    #[arg(long, value_name = "ADDRESS", value_hint = ValueHint::Hostname)]
    pub(crate) rhost: Option<String>,
    /// The fingerprint of the SSH key that came first (SHA256:...); none came if left out
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) key: Option<String>,
    /// That key is in a FIDO2 security key
    #[arg(long)]
    pub(crate) security_key: bool,
    /// The line in the service file has the argument nullok
    #[arg(long)]
    pub(crate) nullok: bool,
    /// The line in the service file has the argument after_first_factor
    #[arg(long)]
    pub(crate) after_first_factor: bool,
    /// The line in the service file has the argument fresh=DURATION, such as 15m; it has none if left out
    #[arg(long, value_name = "DURATION", value_parser = Seconds::parse)]
    pub(crate) fresh: Option<Seconds>,
    /// A code was accepted in the same login session this long ago, such as 90s; none was if left out
    #[arg(long, value_name = "DURATION", value_parser = Seconds::parse)]
    pub(crate) since_code: Option<Seconds>,
}
