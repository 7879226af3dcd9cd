//! `pam-snippet`.

use clap::{Args, ValueEnum};

#[derive(Args)]
pub(crate) struct PamSnippet {
    /// The PAM service (the name of its file in /etc/pam.d)
    pub(crate) service: String,
    /// The module whose line ours takes the place of; that which is there if left out
    #[arg(long, value_enum)]
    pub(crate) from: Option<From>,
    /// What comes before the code at sshd
    #[arg(long, value_enum, default_value = "key")]
    pub(crate) first: First,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum From {
    GoogleAuthenticator,
    Oath,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum First {
    /// An SSH key, which sshd checks by itself
    Key,
    /// The password, which PAM asks for
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
