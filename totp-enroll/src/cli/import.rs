//! The arguments of `import`.

use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Import {
    /// Import secret files of google-authenticator-libpam: one file, or those in all home directories
    ///
    /// Give FILE and --user for one account, or --all-homes.
    /// Scratch codes, window and used codes are imported too.
    /// The old files stay, and accounts that are already enrolled are not changed.
    /// If any file is bad, no account is imported, unless --keep-going is given.
    GoogleAuthenticator(GoogleAuthenticator),
    /// Import the users file of pam_oath (liboath)
    ///
    /// Accounts that are already enrolled are not changed.
    /// If any line is bad, no account is imported, unless --keep-going is given.
    Oath(LineSource),
    /// Import otpauth://totp/ URIs and Google Authenticator exports (otpauth-migration://), one per line
    ///
    /// Blank lines and lines that begin with # are ignored.
    /// Accounts that are already enrolled are not changed.
    /// If any line is bad, no account is imported, unless --keep-going is given.
    Uri {
        #[command(flatten)]
        source: LineSource,
        /// Account for a single URI, instead of the one in its label
        #[arg(long, value_name = "NAME", value_hint = ValueHint::Username)]
        user: Option<String>,
    },
}

/// The file of an import that reads line by line.
#[derive(Args)]
pub(crate) struct LineSource {
    /// File to import; - reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Also import accounts that do not exist on this system
    #[arg(long)]
    pub(crate) allow_unknown: bool,
    /// Report bad lines and import the others
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Print what would be done, without changing anything
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// The secret files to import: one, or those in all home directories.
#[derive(Args)]
pub(crate) struct GoogleAuthenticator {
    /// File to import; - reads standard input
    #[arg(required_unless_present = "all_homes", requires = "user", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Account that the file belongs to
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Username, requires = "file")]
    pub(crate) user: Option<String>,
    /// Import ~/.google_authenticator of every account in the account database
    #[arg(long, conflicts_with_all = ["file", "allow_unknown"])]
    pub(crate) all_homes: bool,
    /// Import the account even if it does not exist on this system
    #[arg(long)]
    pub(crate) allow_unknown: bool,
    /// Report bad files and import the others
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Print what would be done, without changing anything
    #[arg(long)]
    pub(crate) dry_run: bool,
}
