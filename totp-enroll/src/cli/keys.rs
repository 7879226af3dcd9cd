//! The arguments of `keys`.

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Create this machine's keyring; an existing one is not changed
    ///
    /// If a keyring exists, the exit status is 1.
    /// Refused while there are enrolments or tokens: a new keyring decrypts none of them; restore the old one instead.
    Init {
        /// If a keyring exists, say so and exit with status 0
        #[arg(long)]
        if_missing: bool,
        /// Create it even if there are enrolments or tokens
        ///
        /// People who are enrolled are refused until they are enrolled again.
        #[arg(long)]
        force: bool,
    },
    /// List key ids and the number of enrolments sealed with each; never shows a key
    List,
    /// Create a new key, reseal all secrets with it, and remove the old key
    ///
    /// Logins continue meanwhile.
    /// An interrupted rotation damages no enrolment; run the command again to continue it.
    Rotate {
        /// Create a new key even if an earlier rotation is unfinished
        #[arg(long)]
        new_key: bool,
    },
    /// Convert stored enrolments to the file formats of this version
    ///
    /// The Debian package runs this when it is upgraded; logins continue meanwhile.
    /// A login converts its own ledger too, but needs free disk space for that.
    /// Earlier versions of this program then refuse the enrolments.
    Upgrade,
    /// Seal the keyring to this machine with systemd-creds and remove the unencrypted one
    ///
    /// pam-totp-keyring.service opens it into the runtime directory when the machine boots.
    /// A keyring that is already sealed is sealed again.
    /// Before you run this, make a backup; during the first reboot, keep a root session open.
    Seal(Seal),
    /// Open the sealed keyring into the runtime directory (paths.runtime), as at boot
    Open,
    /// Replace the sealed keyring with an unencrypted one
    Unseal,
    /// Back up the keyring to a new file, encrypted with a passphrase (age format)
    ///
    /// The passphrase has at least 15 characters; age(1) can decrypt the file.
    Backup {
        /// Backup file to create; an existing file is not overwritten
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
    },
    /// Restore the keyring from a backup
    ///
    /// Refused if an enrolment or a token that can be decrypted now could no longer be decrypted.
    Restore {
        /// Backup file to read
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
        /// Replace the existing keyring, if every enrolment and token that can be decrypted now still can
        #[arg(long, conflicts_with = "merge")]
        replace: bool,
        /// Add the keys of the backup to the existing keyring
        ///
        /// Everything that was sealed with either keyring can then be decrypted.
        /// If they have different keys with the same id, enrolments and tokens are first resealed with a new key.
        #[arg(long)]
        merge: bool,
    },
}

#[derive(Args)]
pub(crate) struct Seal {
    /// Key to seal with; if omitted, the one used last time, else the default of systemd-creds
    ///
    /// Only a TPM2 protects the keyring on a stolen disk.
    #[arg(long, value_enum, value_name = "KEY")]
    pub(crate) with_key: Option<With>,
    /// TPM2 PCRs to bind to, 0 to 23, for example 7+11; if omitted, those used last time, else none
    ///
    /// An update of the firmware, the boot loader or the Secure Boot deny list changes PCRs; the sealed keyring then never opens again.
    #[arg(long, value_name = "PCRS", value_parser = Pcrs::parse)]
    pub(crate) tpm2_pcrs: Option<Pcrs>,
    /// Replace a sealed keyring that can no longer be opened, and lose the keys that only it holds
    #[arg(long)]
    pub(crate) discard_unopened: bool,
}

#[derive(Args)]
pub(crate) struct Passphrase {
    /// Read the passphrase from a file owned by root with mode 0600; prompted for if omitted
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "passphrase_fd")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Read the passphrase from this file descriptor; prompted for if omitted
    #[arg(long, value_name = "N")]
    pub(crate) passphrase_fd: Option<u32>,
}

/// The key that seals a keyring, by the names of systemd-creds(1).
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

/// TPM2 PCRs as systemd-creds(1) takes them: numbers joined by `+`, or nothing.
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
        Err("expected PCR numbers from 0 to 23 joined by +, for example 7+11, or an empty value".to_owned())
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
