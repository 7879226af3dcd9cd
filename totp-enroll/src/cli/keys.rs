//! `keys`.

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Make this machine's keyring; one that is there stays as it is
    Init {
        /// Where one is there already, say so and be done
        #[arg(long)]
        if_missing: bool,
    },
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
    Seal(Seal),
    /// Open the sealed keyring into the runtime directory, as is done when the machine starts
    Open,
    /// Put the sealed keyring back in the clear
    Unseal,
    /// Write the keyring to a file behind a passphrase, in the format of age
    Backup {
        /// The file; one that is there stays as it is
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
    },
    /// Take the keyring back from such a file
    Restore {
        /// The file
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
        /// Replace the keyring that is there, as long as every enrolment that opens now still does
        #[arg(long)]
        replace: bool,
    },
}

#[derive(Args)]
pub(crate) struct Seal {
    /// What it is sealed with; if left out, as it was sealed before, else what systemd-creds takes by itself
    #[arg(long, value_enum, value_name = "KEY")]
    pub(crate) with_key: Option<With>,
    /// Registers of the TPM whose values of now it is bound to as well, as 7+11; if left out, as before, else none
    ///
    /// An update of the firmware, of the boot loader or of what Secure Boot forbids changes them, and then it does not open.
    #[arg(long, value_name = "PCRS", value_parser = Pcrs::parse)]
    pub(crate) tpm2_pcrs: Option<Pcrs>,
    /// Replace a sealed keyring that does not open any more, and whatever keys only it holds
    #[arg(long)]
    pub(crate) discard_unopened: bool,
}

#[derive(Args)]
pub(crate) struct Passphrase {
    /// Read the passphrase from this file, root's own, 0600; asked for if left out
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "passphrase_fd")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Read the passphrase from this descriptor; asked for if left out
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

/// Platform configuration registers of a TPM, as systemd-creds(1) takes them: numbers with a plus between them, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Pcrs(String);

impl Pcrs {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let is_register = |word: &str| {
            matches!(word.len(), 1 | 2) && word.parse::<u8>().is_ok_and(|register| register <= 23)
        };
        if text.is_empty() || text.split('+').all(is_register) {
            return Ok(Self(text.to_owned()));
        }
        Err("numbers of 0 to 23 with + between them, or nothing, as in 7+11".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_are_numbers_up_to_23() {
        for text in ["", "0", "7+11", "23"] {
            assert_eq!(Pcrs::parse(text).map(|pcrs| pcrs.as_str().to_owned()), Ok(text.to_owned()));
        }
        for text in ["24", "7+", "+7", "7,11", "7 ", "007", "7:sha256", "-1", "+"] {
            assert!(Pcrs::parse(text).is_err(), "{text}");
        }
    }
}
