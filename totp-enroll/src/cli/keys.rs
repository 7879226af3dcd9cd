//! `keys`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

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
    /// Seal the keyring to this machine (systemd-creds); the clear one goes
    ///
    /// pam-totp-keyring.service opens it into the runtime directory when the machine starts. Of a keyring that is sealed already
    /// it makes the seal anew.
    Seal {
        /// What it is sealed with; if left out, as it was sealed before, else what systemd-creds takes by itself
        #[arg(long, value_enum, value_name = "KEY")]
        with_key: Option<With>,
    },
    /// Open the sealed keyring into the runtime directory, as is done when the machine starts
    Open,
    /// Put the sealed keyring back in the clear
    Unseal,
    /// Write the keyring to a file behind a passphrase, in the format of age
    Backup {
        /// The file; one that is there stays as it is
        file: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
    },
    /// Take the keyring back from such a file
    Restore {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
        /// Replace the keyring that is there, as long as every enrolment that opens now still does
        #[arg(long)]
        replace: bool,
    },
}

#[derive(Args)]
pub(crate) struct Passphrase {
    /// Read the passphrase from this file, root's own, 0600
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Read the passphrase from this descriptor
    #[arg(long, value_name = "N")]
    pub(crate) passphrase_fd: Option<u32>,
}

/// What a keyring is sealed with, by the names that systemd-creds(1) has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum With {
    #[value(name = "auto")]
    Auto,
    #[value(name = "host")]
    Host,
    #[value(name = "tpm2")]
    Tpm2,
    #[value(name = "host+tpm2")]
    HostAndTpm2,
}

impl With {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Host => "host",
            Self::Tpm2 => "tpm2",
            Self::HostAndTpm2 => "host+tpm2",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::value_variants().iter().copied().find(|with| with.as_str() == word)
    }
}
