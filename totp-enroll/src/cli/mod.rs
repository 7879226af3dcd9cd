//! What may be typed. Help and completions come from here, and the man page is compared with it.

#[cfg(test)]
mod completions_tests;
mod doctor;
mod enroll;
mod explain;
mod import;
mod keys;
#[cfg(test)]
mod manual_tests;
mod notify;
mod pam_snippet;
mod prune;
mod reset;
mod test;

pub(crate) use doctor::Doctor;
pub(crate) use enroll::Enroll;
pub(crate) use explain::Explain;
pub(crate) use import::{GoogleAuthenticator, Import, Source};
pub(crate) use keys::{Keys, Passphrase, Pcrs, Seal, With};
pub(crate) use notify::Notify;
pub(crate) use pam_snippet::{First, From, PamSnippet};
pub(crate) use prune::Prune;
pub(crate) use reset::Reset;
pub(crate) use test::Test;

use clap::{Parser, Subcommand, ValueHint};
use std::path::PathBuf;

/// Enrol people for one-time codes, show them their codes, and let them back in.
///
/// Exit status: 0 done; 1 refused or failed; 2 usage; 3 not enrolled; 4 not permitted.
#[derive(Parser)]
#[command(name = "totp-enroll", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// The config, in place of /etc/pam_totp/config.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON document on standard output and ask nothing
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Enrol a user with an authenticator app, on this terminal
    Enroll(Enroll),
    /// Show how a user is enrolled; never a secret
    Status {
        /// The account; yourself if left out
        #[arg(value_hint = ValueHint::Username)]
        user: Option<String>,
    },
    /// List who is enrolled
    List,
    /// Replace the recovery codes; the old ones are dead at once
    RecoveryCodes {
        /// The account; yourself if left out
        #[arg(value_hint = ValueHint::Username)]
        user: Option<String>,
        /// As root, do not ask for the account's name
        #[arg(long)]
        yes: bool,
    },
    /// Withdraw a user's enrolment
    Disable {
        /// The account; yourself if left out
        #[arg(value_hint = ValueHint::Username)]
        user: Option<String>,
        /// As root, do not ask for the account's name
        #[arg(long)]
        yes: bool,
    },
    /// Forgive wrong codes and lift a lock
    Unlock {
        /// The account
        #[arg(value_hint = ValueHint::Username)]
        user: String,
        /// Make a new ledger where it is missing or broken; voids the recovery codes
        #[arg(long)]
        repair: bool,
    },
    /// List the remembered devices of a user, or forget them
    Devices {
        /// The account; yourself if left out
        #[arg(value_hint = ValueHint::Username)]
        user: Option<String>,
        /// Forget the device of this name
        #[arg(long, value_name = "ID", conflicts_with = "revoke_all")]
        revoke: Option<String>,
        /// Forget all of them
        #[arg(long)]
        revoke_all: bool,
        /// As root, do not ask for the account's name
        #[arg(long)]
        yes: bool,
    },
    /// Let somebody back in who lost everything: two operators, a cool-down, a ticket
    #[command(subcommand)]
    Reset(Reset),
    /// Say rule by rule what would be asked of a user, and why
    Explain(Explain),
    /// Say what is the matter with a code; it is charged and used up as at a login, and opens nothing
    Test(Test),
    /// Look for what is wrong with this machine's set-up, and say what mends it; changes nothing
    ///
    /// Exit status 1: something serious was found.
    Doctor(Doctor),
    /// Print the lines that have a PAM service ask for a code, made from those that it has; changes nothing
    PamSnippet(PamSnippet),
    /// The keys that seal the secrets
    #[command(subcommand)]
    Keys(Keys),
    /// Send what people are to be told of changes to their factor, or list it
    Notify(Notify),
    /// Take over enrolments from another program
    #[command(subcommand)]
    Import(Import),
    /// Withdraw the enrolments of people who left, and take away what killed programs left behind
    Prune(Prune),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn adding_and_replacing_exclude_each_other() {
        assert!(Cli::try_parse_from(["totp-enroll", "enroll", "--add", "--replace"]).is_err());
    }
}
