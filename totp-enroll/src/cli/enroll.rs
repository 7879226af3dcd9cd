//! `enroll`.

use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;
use totp_core::factor::totp::Algorithm;

#[derive(Args)]
pub(crate) struct Enroll {
    /// The account; yourself if left out
    #[arg(value_hint = ValueHint::Username)]
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
    /// Ask for the ticket that a reset left for this account
    #[arg(long, conflicts_with_all = ["add", "replace", "batch", "confirm"])]
    pub(crate) ticket: bool,
    /// Take that ticket from a file, root's own, 0600
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["add", "replace", "ticket", "list", "confirm"])]
    pub(crate) ticket_file: Option<PathBuf>,
    /// What this authenticator is called in the log, 1 to 32 characters
    #[arg(long, value_name = "TEXT", default_value = "phone")]
    pub(crate) label: String,
    /// What the app shows beside the account, 1 to 64 characters; this machine's name if left out
    #[arg(long, value_name = "TEXT")]
    pub(crate) issuer: Option<String>,
    /// The hash; many apps know only SHA1
    #[arg(long, value_enum, default_value = "SHA1")]
    pub(crate) algorithm: Hash,
    /// Digits of a code, 6 to 8
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub(crate) digits: u8,
    /// Seconds that a code lasts, 5 to 300; many apps know only 30
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) period: u64,
    /// Show the otpauth:// URI too
    #[arg(long)]
    pub(crate) show_uri: bool,
    /// Ask nothing and print what was made; the first right code, at the door or with --confirm, confirms it
    #[arg(long, conflicts_with_all = ["confirm", "show_uri"])]
    pub(crate) batch: bool,
    /// Enrol everybody in a file, one name a line; - for standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "batch", conflicts_with = "user")]
    pub(crate) list: Option<PathBuf>,
    /// Write the QR code to a new file, readable by root alone; with a list into a directory, as NAME.png
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "batch")]
    pub(crate) qr_png: Option<PathBuf>,
    /// The same as SVG
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "batch")]
    pub(crate) qr_svg: Option<PathBuf>,
    /// Confirm an enrolment that is pending with a first code of its authenticator
    #[arg(long, conflicts_with_all = ["add", "replace", "show_uri"])]
    pub(crate) confirm: bool,
    /// That code, in place of being asked for it; - for standard input
    #[arg(long, value_name = "CODE", requires = "confirm")]
    pub(crate) code: Option<String>,
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
