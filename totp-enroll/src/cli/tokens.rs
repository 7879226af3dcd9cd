//! The arguments of `tokens`, and of the imports that fill the inventory.

use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Tokens {
    /// List the tokens; never shows a secret
    ///
    /// Tokens that cannot be read are listed too, and then the exit status is 1.
    List {
        /// Only tokens that are assigned
        #[arg(long, conflicts_with = "unassigned")]
        assigned: bool,
        /// Only tokens that can be assigned
        #[arg(long)]
        unassigned: bool,
    },
    /// Assign a token to an account, with a code of the token
    ///
    /// The token becomes an authenticator of the account, with its serial number as the label.
    /// An account that is not enrolled is enrolled with it, without recovery codes.
    /// After ten wrong codes of one token in a row, no further code of it is checked for a day.
    Assign(AssignToken),
    /// Take a token back from its account
    ///
    /// It can be assigned again; codes that were used are never accepted again.
    /// The only authenticator of an account cannot be taken back: use "totp-enroll disable".
    /// Remembered devices of the account are forgotten.
    Unassign {
        /// Serial number
        serial: String,
        /// Skip the prompt for the account name (root only)
        #[arg(long)]
        yes: bool,
    },
    /// Revoke a token that is lost or broken, for good
    ///
    /// It is taken back from its account first, as with "tokens unassign".
    Revoke {
        /// Serial number
        serial: String,
        /// Skip the prompt for the account name (root only), or for the serial number of a token that is not assigned
        #[arg(long)]
        yes: bool,
    },
    /// Remove tokens that were imported by mistake
    ///
    /// Only tokens that were never assigned and are not revoked can be removed.
    /// If one of those named cannot, none is removed.
    Remove {
        /// Serial numbers
        #[arg(required = true, value_name = "SERIAL")]
        serials: Vec<String>,
        /// Skip the prompt for the serial number, or for the number of tokens
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Args)]
pub(crate) struct AssignToken {
    /// Serial number
    #[arg(required_unless_present = "batch", requires = "user")]
    pub(crate) serial: Option<String>,
    /// Account
    #[arg(value_hint = ValueHint::Username)]
    pub(crate) user: Option<String>,
    /// Assign the tokens of a list, without prompting: one line each, "SERIAL USER CODE"; - reads standard input
    ///
    /// A counter token may need two codes, one after the other: "SERIAL USER CODE CODE".
    /// Blank lines and lines that begin with # are ignored.
    /// If a line does not have this form, no token is assigned.
    /// If another line is refused, it is reported, the rest is done, and the exit status is 1.
    /// A token that its account has already stays as it is, so the list can be given again.
    /// A list with more than three lines about one token is refused as a whole.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["serial", "code_fd"])]
    pub(crate) batch: Option<PathBuf>,
    /// With --batch: also assign tokens to accounts that do not exist on this system
    #[arg(long)]
    pub(crate) allow_unknown: bool,
    /// Read the code from this file descriptor (0 is standard input); prompted for if omitted
    ///
    /// A counter token may need two codes, with a blank between them.
    #[arg(long, value_name = "N")]
    pub(crate) code_fd: Option<u32>,
    /// Assign a token even if it has expired or is not valid yet
    #[arg(long)]
    pub(crate) expired: bool,
    /// Skip the prompt for the account name (root only)
    #[arg(long)]
    pub(crate) yes: bool,
}

/// A vendor's file.
#[derive(Args)]
pub(crate) struct SeedFile {
    /// File to import; - reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Print what would be imported, without changing anything
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args)]
pub(crate) struct PskcFile {
    #[command(flatten)]
    pub(crate) seeds: SeedFile,
    /// File with the pre-shared key, in hexadecimal digits or as bytes (root, mode 0600)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "passphrase_file")]
    pub(crate) key_file: Option<PathBuf>,
    /// File with the passphrase (root, mode 0600)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) passphrase_file: Option<PathBuf>,
}
