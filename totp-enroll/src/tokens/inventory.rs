//! Finding a token of the inventory by the serial number that was typed.

use crate::command_error::CommandError;
use crate::context::Context;
use totp_core::store::Tokens;
use totp_core::token::{Serial, Token};

/// The serial number that was typed.
pub(super) fn serial_of(typed: &str) -> Result<Serial, CommandError> {
    Serial::parse(typed).map_err(|error| CommandError::usage(error.to_string()))
}

/// A token of the inventory.
pub(super) fn token(context: &Context, serial: &Serial) -> Result<Token, CommandError> {
    context.store.token(serial)?.ok_or_else(|| {
        let problem = format!(
            "there is no token \"{serial}\" in the inventory; see \"totp-enroll tokens list\"; upper and lower case differ"
        );
        CommandError::refused(problem)
    })
}
