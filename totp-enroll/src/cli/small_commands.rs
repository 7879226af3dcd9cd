//! The arguments of the commands that have few: doctor, explain, notify, pam-snippet, prune, test.

use clap::{Args, ValueEnum, ValueHint};
use totp_core::time::Seconds;

#[derive(Args)]
pub(crate) struct Doctor {
    /// PAM service to check, by its file name in /etc/pam.d (repeatable); if omitted, all that use pam_totp.so
    #[arg(long = "service", value_name = "NAME")]
    pub(crate) services: Vec<String>,
}

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

#[derive(Args)]
pub(crate) struct Notify {
    /// List waiting notices without sending them
    #[arg(long)]
    pub(crate) list: bool,
    /// Send all waiting notices now, including those that wait for a retry
    #[arg(long, conflicts_with = "list")]
    pub(crate) now: bool,
}

#[derive(Args)]
pub(crate) struct PamSnippet {
    /// PAM service, by its file name in /etc/pam.d
    pub(crate) service: String,
    /// Module to replace; if omitted, the one that the service uses
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

#[derive(Args)]
pub(crate) struct Prune {
    /// Print what would be removed, without changing anything
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Skip the confirmation prompt
    #[arg(long)]
    pub(crate) yes: bool,
    /// Also remove enrolments of accounts that never existed (imported with --allow-unknown)
    #[arg(long)]
    pub(crate) unknown: bool,
    /// Trust the account database even if it may be incomplete right now
    #[arg(long)]
    pub(crate) trust_database: bool,
}

#[derive(Args)]
pub(crate) struct Test {
    /// Account; your own if omitted
    #[arg(value_hint = ValueHint::Username)]
    pub(crate) user: Option<String>,
    /// Read the code from this file descriptor (0 is standard input); prompted for if omitted
    #[arg(long, value_name = "N")]
    pub(crate) code_fd: Option<u32>,
}
