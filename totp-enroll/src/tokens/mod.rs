//! `tokens`: lists the inventory of hardware tokens, assigns tokens, takes them back, revokes and removes them; and the imports that fill
//! it.
//!
//! A token is claimed in the inventory before the enrolment with it is stored, and freed after that enrolment has ended. So even if a
//! command is killed, no token belongs to two persons.

mod assign;
mod assign_batch;
mod assignment;
mod import;
mod inventory;
mod list;
mod new_tokens;
mod release;
mod remove;
mod secrets_in_use;
mod take_back;
mod voided;

pub(crate) use import::{import_csv, import_pskc};
pub(crate) use release::{EndingTokens, ReturningTokens};
pub(crate) use secrets_in_use::{Holding, SecretsOfPeople, SecretsOfTokens};
pub(crate) use voided::void_after_restore;

use crate::cli::Tokens;
use crate::command_error::CommandError;
use crate::context::Context;
use take_back::TakeBack;

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
        Tokens::Remove { serials, yes } => remove::run(context, serials, (*yes).into()),
        Tokens::Revoke { serial, yes } => take_back::run(context, serial, (*yes).into(), TakeBack::ForGood),
    }
}
