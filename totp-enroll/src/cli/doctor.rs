//! `doctor`.

use clap::Args;

#[derive(Args)]
pub(crate) struct Doctor {
    /// A PAM service (the name of its file in /etc/pam.d), once for each; those that name the module if left out
    #[arg(long = "service", value_name = "NAME")]
    pub(crate) services: Vec<String>,
}
