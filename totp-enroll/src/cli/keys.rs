//! `keys`.

use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Make this machine's keyring; one that is there stays as it is
    Init,
    /// List the keys by id, and how many enrolments each has sealed; never a key
    List,
    /// Make a new key, seal everybody's secrets with it, and drop the old one; logins go on meanwhile
    ///
    /// Killed or stopped, it leaves every enrolment as good as before, and goes on when it is run again.
    Rotate {
        /// Make a new key although an older rotation could not be finished
        #[arg(long)]
        new_key: bool,
    },
}
