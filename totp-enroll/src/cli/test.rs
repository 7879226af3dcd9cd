//! `test`.

use clap::{Args, ValueHint};

#[derive(Args)]
pub(crate) struct Test {
    /// Account; your own if omitted
    #[arg(value_hint = ValueHint::Username)]
    pub(crate) user: Option<String>,
    /// Read the code from this file descriptor (0 is standard input); prompted for if omitted
    #[arg(long, value_name = "N")]
    pub(crate) code_fd: Option<u32>,
}
