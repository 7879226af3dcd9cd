//! The arguments of the commands that have few: doctor, explain, notify, pam-snippet, prune, reset, test, unlock.

use clap::{Args, Subcommand, ValueEnum, ValueHint};
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
    /// Send all waiting notices now, including those that wait for a retry; only in a root shell
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

#[derive(Subcommand)]
pub(crate) enum Reset {
    /// Request the reset of an enrolment
    ///
    /// The owner is notified by mail, at each login while the request is open, and by "totp-enroll status".
    /// Operators are identified by their uid behind sudo.
    /// Operators cannot reset their own enrolment or approve their own request.
    Request {
        /// Account
        #[arg(value_hint = ValueHint::Username)]
        user: String,
        /// Reason, shown to the approver and the owner
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Approve a reset that another operator requested
    Approve {
        /// Account
        #[arg(value_hint = ValueHint::Username)]
        user: String,
    },
    /// Cancel a reset, as the owner with a code or as an operator
    ///
    /// If the enrolment has already been removed, the reset token becomes void and an operator must enrol the account.
    Cancel {
        /// Account; your own if omitted
        #[arg(value_hint = ValueHint::Username)]
        user: Option<String>,
        /// Skip the prompt for the account name (operators only)
        #[arg(long)]
        yes: bool,
    },
    /// After the cool-down, remove the enrolment and show a reset token, once
    ///
    /// The owner types the token at a login instead of a code, or at "totp-enroll enroll --token".
    /// If you missed the token, run the command again; it shows a new one.
    Complete {
        /// Account
        #[arg(value_hint = ValueHint::Username)]
        user: String,
        /// Also terminate the login sessions of the account
        ///
        /// If that fails, the exit status is 1 although the reset is complete.
        #[arg(long)]
        end_sessions: bool,
        /// Skip the prompt for the account name
        #[arg(long)]
        yes: bool,
    },
    /// List pending resets and unused reset tokens
    List,
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

#[derive(Args)]
pub(crate) struct Unlock {
    /// Account
    #[arg(value_hint = ValueHint::Username)]
    pub(crate) user: String,
    /// Create a new ledger if it is missing or corrupt; voids the recovery codes
    ///
    /// An intact ledger is kept.
    /// In a new ledger, nothing of the budget for guesses is used.
    #[arg(long, conflicts_with = "budget")]
    pub(crate) repair: bool,
    /// Also refill the budget for guesses
    ///
    /// As many wrong codes as were charged to it can then be tried once more within the year.
    /// The risk that this adds is shown first, and the owner is told by mail.
    #[arg(long)]
    pub(crate) budget: bool,
    /// Skip the prompt for the account name that --budget asks for
    #[arg(long, requires = "budget")]
    pub(crate) yes: bool,
}
