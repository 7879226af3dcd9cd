//! `prune`.

use clap::Args;

#[derive(Args)]
pub(crate) struct Prune {
    /// Print what would be removed, without changing anything
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Skip the confirmation prompt
    #[arg(long)]
    pub(crate) yes: bool,
    /// Also remove enrolments of accounts that never existed (imported with --allow-unknown)
    #[arg(long)]
    pub(crate) unknown: bool,
    /// Trust the account database even if it may be incomplete right now
    #[arg(long)]
    pub(crate) trust_database: bool,
}
