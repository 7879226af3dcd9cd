//! The arguments of `enroll` and `import`.

use super::{PskcFile, SeedFile};
use clap::{Args, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;
use totp_core::factor::totp::Algorithm;

#[derive(Args)]
pub(crate) struct Enroll {
    /// Account; your own if omitted
    #[arg(value_hint = ValueHint::Username)]
    pub(crate) user: Option<String>,
    /// Add an authenticator to an existing enrolment, up to four
    #[arg(long, conflicts_with = "replace")]
    pub(crate) add: bool,
    /// Replace the whole enrolment, including its recovery codes
    #[arg(long)]
    pub(crate) replace: bool,
    /// Skip the prompt for the account name (root only)
    #[arg(long)]
    pub(crate) yes: bool,
    /// Prompt for the reset token of this account
    #[arg(long, conflicts_with_all = ["add", "replace", "batch", "confirm"])]
    pub(crate) token: bool,
    /// Read the reset token from a file owned by root with mode 0600
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["add", "replace", "token", "list", "confirm"])]
    pub(crate) token_file: Option<PathBuf>,
    /// Kind of authenticator
    ///
    /// hotp: the codes are SHA1 of a counter, so --algorithm and --period do not apply.
    /// Write the key that is shown into the token.
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value = "totp")]
    pub(crate) kind: Kind,
    /// With --type hotp, counter of the first code that the token will show; 0 if omitted
    #[arg(long, value_name = "N")]
    pub(crate) counter: Option<u64>,
    /// Name of this authenticator in the log, 1 to 32 characters; with --type hotp "token" if omitted
    #[arg(long, value_name = "TEXT", default_value = "phone", default_value_if("kind", "hotp", "token"))]
    pub(crate) label: String,
    /// Name that the app shows for this system, 1 to 64 characters without a colon; the host name if omitted
    #[arg(long, value_name = "TEXT")]
    pub(crate) issuer: Option<String>,
    /// Hash algorithm; many apps support only SHA1
    #[arg(long, value_enum, default_value = "SHA1")]
    pub(crate) algorithm: Hash,
    /// Number of digits of a code, 6 to 8
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub(crate) digits: u8,
    /// Seconds that a code is valid, 5 to 300; many apps support only 30
    #[arg(long, value_name = "SECONDS", default_value = "30", default_value_if("kind", "hotp", None))]
    pub(crate) period: Option<u64>,
    /// Show the otpauth:// URI as well
    #[arg(long)]
    pub(crate) show_uri: bool,
    /// Create the enrolment without prompting and print its secret and recovery codes
    ///
    /// The enrolment is pending until its first correct code, at a login or with --confirm.
    /// Logins of this account require a code from the start.
    #[arg(long, conflicts_with_all = ["confirm", "show_uri"])]
    pub(crate) batch: bool,
    /// Enrol every account listed in a file, one name per line; - reads standard input
    ///
    /// If any line is wrong, no account is enrolled.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "batch", conflicts_with = "user")]
    pub(crate) list: Option<PathBuf>,
    /// Write the QR code as PNG to a new file that only root can read; with --list, to a directory, as NAME.png
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "batch")]
    pub(crate) qr_png: Option<PathBuf>,
    /// Write the QR code as SVG; otherwise like --qr-png
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "batch")]
    pub(crate) qr_svg: Option<PathBuf>,
    /// Confirm a pending enrolment with a code from its authenticator
    #[arg(long, conflicts_with_all = ["add", "replace", "show_uri"])]
    pub(crate) confirm: bool,
    /// Code for --confirm; - reads a line from standard input; prompted for if omitted
    ///
    /// Other users can see a code on the command line; they cannot see standard input.
    #[arg(long, value_name = "CODE", requires = "confirm")]
    pub(crate) code: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    /// An authenticator app: codes by time
    Totp,
    /// A counter token, such as a fob or a key that types: codes by counter
    Hotp,
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
pub(crate) enum Import {
    /// Import secret files of google-authenticator-libpam: one, those in a directory, or those in all homes
    ///
    /// Give FILE and --user for one account, a directory of files named by user (secret=/some/where/${USER}), or --all-homes.
    /// Scratch codes, window, used codes and the counter of a counter token (HOTP) are imported too.
    /// The old files stay.
    /// Accounts that are already enrolled are not changed; with another secret that is an error, unless --skip-enrolled is given.
    /// If any file is bad, no account is imported, unless --keep-going is given.
    GoogleAuthenticator(GoogleAuthenticator),
    /// Import the users file of pam_oath (liboath)
    ///
    /// Lines by time (HOTP/T30) and by counter (HOTP, HOTP/E) are read; several lines of one account are several authenticators.
    /// A counter continues after the last accepted code.
    /// Accounts that are already enrolled are not changed; with another secret that is an error, unless --skip-enrolled is given.
    /// If any line is bad, no account is imported, unless --keep-going is given.
    Oath(LineSource),
    /// Import the tokens of a vendor's PSKC file (RFC 6030) into the inventory
    ///
    /// Assign them with "totp-enroll tokens assign".
    /// A token that is in the inventory already, with the same secret, is not changed.
    /// If anything in the file is bad, no token is imported.
    Pskc(PskcFile),
    /// Import the tokens of a vendor's CSV file into the inventory
    ///
    /// Assign them with "totp-enroll tokens assign".
    /// A token that is in the inventory already, with the same secret, is not changed.
    /// If anything in the file is bad, no token is imported.
    Tokens(SeedFile),
    /// Import otpauth:// URIs (totp, hotp) and Google Authenticator exports (otpauth-migration://), one per line
    ///
    /// A plain export of Aegis or 2FAS (JSON) is read too.
    /// The counter of an otpauth://hotp/ URI is that of the next code; 0 if it is missing.
    /// Blank lines and lines that begin with # are ignored.
    /// Accounts that are already enrolled are not changed; with another secret that is an error, unless --skip-enrolled is given.
    /// If any line is bad, no account is imported, unless --keep-going is given.
    Uri {
        #[command(flatten)]
        source: LineSource,
        /// Account for a single URI, instead of the one in its label
        #[arg(long, value_name = "NAME", value_hint = ValueHint::Username, conflicts_with = "map")]
        user: Option<String>,
    },
}

/// The file of an import that reads line by line.
#[derive(Args)]
pub(crate) struct LineSource {
    /// File to import; - reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// File that maps names to accounts, one per line: the name as the imported file has it, a blank, the account
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) map: Option<PathBuf>,
    /// Also import accounts that do not exist on this system
    #[arg(long)]
    pub(crate) allow_unknown: bool,
    /// Skip accounts that are already enrolled, even with another secret; they are not changed
    #[arg(long)]
    pub(crate) skip_enrolled: bool,
    /// Report bad lines and import the others; the exit status is then 1
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Print what would be done, and every bad line, without changing anything
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also tell each person by mail; without it, the administrators get one summary
    #[arg(long)]
    pub(crate) notify: bool,
}

/// The secret files to import: one, or those in all home directories.
#[derive(Args)]
pub(crate) struct GoogleAuthenticator {
    /// File to import, or a directory with one file for each account, named after it; - reads standard input
    #[arg(required_unless_present = "all_homes", value_hint = ValueHint::AnyPath)]
    pub(crate) file: Option<PathBuf>,
    /// Account that the file belongs to; not for a directory
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Username, requires = "file")]
    pub(crate) user: Option<String>,
    /// Import ~/.google_authenticator of every account in the account database
    #[arg(long, conflicts_with_all = ["file", "allow_unknown"])]
    pub(crate) all_homes: bool,
    /// Import the account even if it does not exist on this system
    #[arg(long)]
    pub(crate) allow_unknown: bool,
    /// Skip accounts that are already enrolled, even with another secret; they are not changed
    #[arg(long)]
    pub(crate) skip_enrolled: bool,
    /// Report bad files and import the others; the exit status is then 1
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Print what would be done, and every bad file, without changing anything
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also tell each person by mail; without it, the administrators get one summary
    #[arg(long)]
    pub(crate) notify: bool,
}
