//! `notify`.

use clap::Args;

#[derive(Args)]
pub(crate) struct Notify {
    /// List what waits, and send nothing
    #[arg(long)]
    pub(crate) list: bool,
    /// Send also what was tried a moment ago and is to wait
    #[arg(long, conflicts_with = "list")]
    pub(crate) now: bool,
}
