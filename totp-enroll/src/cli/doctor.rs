//! `doctor`.

use clap::Args;

#[derive(Args)]
pub(crate) struct Doctor {
    /// PAM service to check, by its file name in /etc/pam.d (repeatable); if omitted, all that use pam_totp.so
    #[arg(long = "service", value_name = "NAME")]
    pub(crate) services: Vec<String>,
}
