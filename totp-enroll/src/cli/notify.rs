//! `notify`.

use clap::Args;

#[derive(Args)]
pub(crate) struct Notify {
    /// List waiting notices without sending them
    #[arg(long)]
    pub(crate) list: bool,
    /// Send all waiting notices now, including those that wait for a retry
    #[arg(long, conflicts_with = "list")]
    pub(crate) now: bool,
}
