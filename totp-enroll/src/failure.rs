//! The former name of [`crate::command_error::CommandError`], until every command uses the new one.

pub(crate) use crate::command_error::CommandError as Failure;
