//! What may be typed. Help, completions and the man page come from here.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use totp_core::time::Seconds;
use totp_core::totp::Algorithm;

/// Enrol people for one-time codes, show them their codes, and let them back in.
///
/// Exit status: 0 done; 1 refused or failed; 2 usage; 3 not enrolled; 4 not permitted.
#[derive(Parser)]
#[command(name = "totp-enroll", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// The config, in place of /etc/pam_totp/config.toml
    #[arg(long, value_name = "FILE", global = true)]
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
        user: Option<String>,
    },
    /// List who is enrolled
    List,
    /// Replace the recovery codes; the old ones are dead at once
    RecoveryCodes {
        /// The account; yourself if left out
        user: Option<String>,
        /// As root, do not ask for the account's name
        #[arg(long)]
        yes: bool,
    },
    /// Withdraw a user's enrolment
    Disable {
        /// The account; yourself if left out
        user: Option<String>,
        /// As root, do not ask for the account's name
        #[arg(long)]
        yes: bool,
    },
    /// Forgive wrong codes and lift a lock
    Unlock {
        /// The account
        user: String,
        /// Make a new ledger where it is missing or broken; voids the recovery codes
        #[arg(long)]
        repair: bool,
    },
    /// List the remembered devices of a user, or forget them
    Devices {
        /// The account; yourself if left out
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
    /// Say rule by rule what would be asked of a user, and why
    Explain(Explain),
    /// The keys that seal the secrets
    #[command(subcommand)]
    Keys(Keys),
    /// Take over enrolments from another program
    #[command(subcommand)]
    Import(Import),
}

#[derive(Args)]
pub(crate) struct Enroll {
    /// The account; yourself if left out
    pub(crate) user: Option<String>,
    /// Add an authenticator beside those that are there
    #[arg(long, conflicts_with = "replace")]
    pub(crate) add: bool,
    /// Replace the whole enrolment, recovery codes included
    #[arg(long)]
    pub(crate) replace: bool,
    /// As root, do not ask for the account's name
    #[arg(long)]
    pub(crate) yes: bool,
    /// What this authenticator is called in the log
    #[arg(long, value_name = "TEXT", default_value = "phone")]
    pub(crate) label: String,
    /// What the app shows beside the account; this machine's name if left out
    #[arg(long, value_name = "TEXT")]
    pub(crate) issuer: Option<String>,
    /// The hash; many apps know only SHA1
    #[arg(long, value_enum, default_value = "SHA1")]
    pub(crate) algorithm: Hash,
    /// Digits of a code, 6 to 8
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub(crate) digits: u8,
    /// Seconds that a code lasts
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) period: u64,
    /// Show the otpauth:// URI too
    #[arg(long)]
    pub(crate) show_uri: bool,
}

#[derive(Args)]
pub(crate) struct Explain {
    /// The account
    pub(crate) user: String,
    /// The PAM service (the name of its file in /etc/pam.d)
    #[arg(long, value_name = "NAME", default_value = "sshd")]
    pub(crate) service: String,
    /// The address that the login comes from
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) rhost: Option<String>,
    /// The fingerprint of the SSH key that came first (SHA256:...)
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
    /// The line in the service file has the argument fresh=DURATION
    #[arg(long, value_name = "DURATION", value_parser = Seconds::parse)]
    pub(crate) fresh: Option<Seconds>,
    /// A code was accepted in the same login session this long ago
    #[arg(long, value_name = "DURATION", value_parser = Seconds::parse)]
    pub(crate) since_code: Option<Seconds>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Hash {
    #[value(name = "SHA1")]
    Sha1,
    #[value(name = "SHA256")]
    Sha256,
    #[value(name = "SHA512")]
    Sha512,
}

impl From<Hash> for Algorithm {
    fn from(hash: Hash) -> Self {
        match hash {
            Hash::Sha1 => Self::Sha1,
            Hash::Sha256 => Self::Sha256,
            Hash::Sha512 => Self::Sha512,
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Make this machine's keyring; one that is there stays as it is
    Init,
    /// List the keys by id, and how many enrolments each has sealed; never a key
    List,
    /// Make a new key, seal everybody's secrets with it, and drop the old one; logins go on meanwhile
    ///
    /// Killed or stopped, it leaves every enrolment as good as before, and goes on when it is run again.
    Rotate {
        /// Make a new key although an older rotation could not be finished
        #[arg(long)]
        new_key: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum Import {
    /// The users file of pam_oath (liboath)
    Oath(Source),
    /// otpauth://totp/ URIs, one a line; blank lines and lines that begin with # say nothing
    Uri {
        #[command(flatten)]
        source: Source,
        /// The account of the one URI, in place of that in its label
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
}

/// Where enrolments are taken over from, and what is done about lines that cannot be.
#[derive(Args)]
pub(crate) struct Source {
    /// The file; - for standard input
    pub(crate) file: PathBuf,
    /// Take names that the system does not know, too
    #[arg(long)]
    pub(crate) allow_unknown: bool,
    /// Report bad lines and take the others
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
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
