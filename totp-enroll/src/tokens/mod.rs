//! `tokens`: the inventory of hardware tokens: lists it, assigns tokens, takes them back and revokes them; and the imports that fill it.
//!
//! The token is claimed in the inventory before the enrolment with it is stored, and freed after that enrolment ended. So a command
//! that is killed never leaves one token with two persons.

mod assign;
mod assign_batch;
mod assignment;
mod import;
mod list;
mod release;
mod take_back;
mod voided;

pub(crate) use import::{import_csv, import_pskc};
pub(crate) use release::carry_positions;
pub(crate) use voided::void_after_restore;

use crate::cli::Tokens;
use crate::command_error::CommandError;
use crate::context::{Context, Store};
use take_back::TakeBack;
use totp_core::store::Tokens as _;
use totp_core::token::{Serial, Token};

/// The inventory, held.
pub(crate) type Inventory = <Store as totp_core::store::Tokens>::Inventory;

pub(crate) fn run(context: &Context, command: &Tokens) -> Result<(), CommandError> {
    match command {
        Tokens::List { assigned, unassigned } => list::run(context, list::Wanted::of(*assigned, *unassigned)),
        Tokens::Assign(asked) => match &asked.batch {
            Some(file) => assign_batch::run(context, file, asked),
            None => assign::run(context, asked),
        },
        Tokens::Unassign { serial, yes } => {
            take_back::run(context, serial, (*yes).into(), TakeBack::ToInventory)
        }
        Tokens::Revoke { serial, yes } => take_back::run(context, serial, (*yes).into(), TakeBack::ForGood),
    }
}

/// The serial number that was typed.
fn serial_of(typed: &str) -> Result<Serial, CommandError> {
    Serial::parse(typed).map_err(|error| CommandError::usage(error.to_string()))
}

/// A token of the inventory.
fn token(context: &Context, serial: &Serial) -> Result<Token, CommandError> {
    context.store.token(serial)?.ok_or_else(|| {
        let problem = format!(
            "there is no token \"{serial}\" in the inventory; see \"totp-enroll tokens list\"; upper and lower case differ"
        );
        CommandError::refused(problem)
    })
}
