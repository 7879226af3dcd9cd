//! `test`.

use clap::{Args, ValueHint};

#[derive(Args)]
pub(crate) struct Test {
    /// The account; yourself if left out
    #[arg(value_hint = ValueHint::Username)]
    pub(crate) user: Option<String>,
    /// Read the code from this open file (0: standard input); asked for if left out
    #[arg(long, value_name = "N")]
    pub(crate) code_fd: Option<u32>,
}
