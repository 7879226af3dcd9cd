//! `pam-snippet`.

use clap::{Args, ValueEnum};

#[derive(Args)]
pub(crate) struct PamSnippet {
    /// PAM service, by its file name in /etc/pam.d
    pub(crate) service: String,
    /// Module to replace; if omitted, whichever the service uses
    #[arg(long, value_enum, value_name = "MODULE")]
    pub(crate) from: Option<From>,
    /// First factor at sshd
    #[arg(long, value_enum, value_name = "FACTOR", default_value = "key")]
    pub(crate) first: First,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum From {
    GoogleAuthenticator,
    Oath,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum First {
    /// SSH key, checked by sshd
    Key,
    /// Password, prompted for by PAM
    Password,
}

impl From {
    /// The file name of the module.
    pub(crate) fn module(self) -> &'static str {
        match self {
            Self::GoogleAuthenticator => "pam_google_authenticator.so",
            Self::Oath => "pam_oath.so",
        }
    }
}
