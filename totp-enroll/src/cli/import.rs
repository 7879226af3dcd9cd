//! `import`.

use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Import {
    /// The secret files of google-authenticator-libpam: one user's, or those in everybody's home
    GoogleAuthenticator(GoogleAuthenticator),
    /// The users file of pam_oath (liboath)
    Oath(Source),
    /// otpauth://totp/ URIs, and exports of Google Authenticator (otpauth-migration://), one a line; blank lines and lines that begin with # say nothing
    Uri {
        #[command(flatten)]
        source: Source,
        /// The account of the one URI, in place of that in its label
        #[arg(long, value_name = "NAME", value_hint = ValueHint::Username)]
        user: Option<String>,
    },
}

/// Where enrolments are taken over from, and what is done about lines that cannot be.
#[derive(Args)]
pub(crate) struct Source {
    /// The file; - for standard input
    #[arg(value_hint = ValueHint::FilePath)]
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

/// Whose secret files are taken over, and what is done about those that cannot be.
#[derive(Args)]
pub(crate) struct GoogleAuthenticator {
    /// The file; - for standard input
    #[arg(required_unless_present = "all_homes", requires = "user", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// The account that the file is of
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Username, requires = "file")]
    pub(crate) user: Option<String>,
    /// Take ~/.google_authenticator of every account that the account database lists
    #[arg(long, conflicts_with_all = ["file", "allow_unknown"])]
    pub(crate) all_homes: bool,
    /// Take a name that the system does not know, too
    #[arg(long)]
    pub(crate) allow_unknown: bool,
    /// Report files that cannot be taken over and take the others
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
