//! The arguments of a pam_totp line, read by the module's own parser.

use std::path::PathBuf;
use totp_core::module_arguments::{ArgumentError, Arguments};

/// What a pam_totp line says.
pub(crate) type Said = Arguments;

/// Reads the words; `Err` says why the module refuses every login at that line.
pub(crate) fn read(words: &[String]) -> Result<Said, ArgumentError> {
    Arguments::parse(words)
}

/// The config that is named, even if other words are refused.
pub(crate) fn config_file(words: &[String]) -> Option<PathBuf> {
    Arguments::config_file(words)
}
