//! `prune`.

use clap::Args;

#[derive(Args)]
pub(crate) struct Prune {
    /// Say what would be removed, and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Remove enrolments of names that the system never knew, too (imported with --allow-unknown)
    #[arg(long)]
    pub(crate) unknown: bool,
    /// Believe the account database although it may not list everybody right now
    #[arg(long)]
    pub(crate) trust_database: bool,
}
