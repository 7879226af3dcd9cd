//! The command line: `--help`, the shell completions and the commands in totp-enroll(1) are generated from this definition.

mod enroll;
mod keys;
mod small_commands;
mod tokens;

pub(crate) use enroll::{Enroll, GoogleAuthenticator, Import, Kind, LineSource};
pub(crate) use keys::{Keys, Passphrase, Pcrs, Seal, With};
pub(crate) use small_commands::{
    Doctor, Explain, First, From, Notify, PamSnippet, Prune, Reset, Test, Unlock,
};
pub(crate) use tokens::{AssignToken, PskcFile, SeedFile, Tokens};

use clap::{Parser, Subcommand, ValueHint};
use std::path::PathBuf;

/// Manage enrolments for one-time codes: enrol, recover, import, diagnose
///
/// Exit status: 0 done; 1 refused or failed; 2 usage; 3 not enrolled; 4 not permitted; 5 not yet.
#[derive(Parser)]
#[command(name = "totp-enroll", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Configuration file, instead of /etc/pam_totp/config.toml
    ///
    /// A file given here must exist; the default may be missing.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON document and never prompt
    ///
    /// "enroll --batch" prints one document per line.
    /// A failure is a document with error, file and line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Enrol an account with an authenticator app or a counter token
    ///
    /// After five wrong codes in ten minutes, no more are checked for the account; "totp-enroll unlock" clears them.
    Enroll(Enroll),
    /// Show the enrolment of an account; never shows a secret
    ///
    /// It lists authenticators, remaining recovery codes, the last login, wrong codes and locks by place, and the budget for guesses.
    Status {
        /// Account; your own if omitted
        #[arg(value_hint = ValueHint::Username)]
        user: Option<String>,
    },
    /// List enrolled accounts
    ///
    /// An enrolment that cannot be read has its own line, and the exit status is 1.
    List,
    /// Replace the recovery codes of an account
    ///
    /// The new codes are shown once; the old ones are void at once.
    RecoveryCodes {
        /// Account; your own if omitted
        #[arg(value_hint = ValueHint::Username)]
        user: Option<String>,
        /// Skip the prompt for the account name (root only)
        #[arg(long)]
        yes: bool,
    },
    /// Remove the enrolment of an account
    ///
    /// An enrolment that cannot be read, or whose account is gone, is removed too.
    /// If the account is not enrolled, its pending reset is cancelled.
    Disable {
        /// Account; your own if omitted
        #[arg(value_hint = ValueHint::Username)]
        user: Option<String>,
        /// Skip the prompt for the account name (root only)
        #[arg(long)]
        yes: bool,
    },
    /// Clear wrong codes and locks of an account
    ///
    /// Clears those of all places, and says what it lifts.
    /// Wrong codes during enrolment are cleared too.
    /// The budget for guesses stays as it is, unless --budget is given.
    /// Users cannot unlock their own account.
    Unlock(Unlock),
    /// List or revoke the remembered devices of an account
    Devices {
        /// Account; your own if omitted
        #[arg(value_hint = ValueHint::Username)]
        user: Option<String>,
        /// Revoke the device with this id
        #[arg(long, value_name = "ID", conflicts_with = "revoke_all")]
        revoke: Option<String>,
        /// Revoke all devices
        #[arg(long)]
        revoke_all: bool,
        /// Skip the prompt for the account name (root only)
        #[arg(long)]
        yes: bool,
    },
    /// Reset the enrolment of a user who lost phone and recovery codes
    #[command(subcommand)]
    Reset(Reset),
    /// Show what a login would require, rule by rule, and whether a code would be checked (read-only)
    Explain(Explain),
    /// Check a code and explain the result
    ///
    /// The code is judged, charged, used up and recorded as at a login, but grants no access.
    /// A code from a phone whose clock is ahead is reported only as wrong, because it becomes valid later; the log has the details.
    Test(Test),
    /// Check this machine's configuration and suggest fixes (read-only)
    ///
    /// It checks PAM stacks, the effective sshd configuration, config, enrolments, keyring, file modes and the clock.
    /// The exit status is 1 if a finding is serious, unless the config accepts it ("accepted" in its section "doctor").
    Doctor(Doctor),
    /// Print the PAM configuration that makes a service ask for a code (read-only)
    ///
    /// The output is based on the service's present file.
    /// If it would refuse every login, or allow one without a code, nothing is printed and the exit status is 1.
    PamSnippet(PamSnippet),
    /// Manage the keys that encrypt the secrets
    #[command(subcommand)]
    Keys(Keys),
    /// Send or list waiting notices about changes to enrolments
    ///
    /// systemd or cron runs it; no other command sends mail.
    /// Through sudo it starts pam-totp-notify.service, which sends those that are due.
    Notify(Notify),
    /// Import enrolments from another program
    #[command(subcommand)]
    Import(Import),
    /// Manage the inventory of hardware tokens
    #[command(subcommand)]
    Tokens(Tokens),
    /// Remove the enrolments of deleted accounts, and stale files
    ///
    /// Files that interrupted programs left behind are removed after a day.
    /// If the account database does not answer, no account counts as deleted.
    /// An enrolment with unsafe or unreadable files is kept and listed, and the exit status is 1; a corrupt one is removed with its account.
    Prune(Prune),
    /// Accept a state that was restored from a backup
    ///
    /// In a restored state, codes that were used since the backup would be valid again, so logins that read it are refused.
    /// This command voids every code up to now, all recovery codes, all remembered devices and all pending resets; then logins work again.
    /// Wrong codes, locks and the budget for guesses are those of the backup.
    /// Create new recovery codes afterwards.
    /// Authenticators that were removed since the backup are back: compare "totp-enroll list" with what you know.
    Restored {
        /// Skip the prompt for the number of enrolments
        #[arg(long)]
        yes: bool,
        /// Do it even if the restore was not noticed, or if an enrolment cannot be changed
        ///
        /// A restore of single files, of the whole machine (a snapshot) or to another machine is not noticed.
        #[arg(long)]
        force: bool,
    },
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
