//! The options with which a keyring is sealed, and the first line of the keyring, which records them.

use crate::cli::{Pcrs, Seal, With};
use crate::command_error::CommandError;
use totp_core::secret::Secret;

/// The start of that line; TOML takes it for a comment. A rotation seals again with the same options.
const SEALED_WITH: &str = "# sealed with ";

/// Separates the key and the PCRs in that line, if there are any.
const PCRS: &str = " pcrs=";

/// The key that seals a keyring, and the TPM2 PCRs to which it is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SealOptions {
    pub(super) with: With,
    pub(super) pcrs: Pcrs,
}

impl SealOptions {
    /// systemd-creds chooses the key.
    pub(super) fn auto() -> Self {
        Self { with: With::Auto, pcrs: Pcrs::default() }
    }

    fn parse(words: &str) -> Option<Self> {
        let (with, pcrs) = words.split_once(PCRS).unwrap_or((words, ""));
        Some(Self { with: With::parse(with)?, pcrs: Pcrs::parse(pcrs).ok()? })
    }

    fn line(&self) -> String {
        let Self { with, pcrs } = self;
        let pcrs = match pcrs.as_str() {
            "" => String::new(),
            pcrs => format!("{PCRS}{pcrs}"),
        };
        format!("{SEALED_WITH}{}{pcrs}\n", with.as_str())
    }

    /// The options that the command line asks for, else those of before.
    pub(super) fn of(options: &Seal, before: Option<Self>) -> Result<Self, CommandError> {
        let before = before.unwrap_or_else(Self::auto);
        let with = options.with_key.unwrap_or(before.with);
        let pcrs = match (with, &options.tpm2_pcrs) {
            (With::Host, Some(pcrs)) if *pcrs != Pcrs::default() => {
                return Err(CommandError::usage(
                    "--with-key=host does not use the TPM: leave out --tpm2-pcrs",
                ));
            }
            (With::Host, _) => Pcrs::default(),
            (With::Auto | With::Tpm2 | With::HostAndTpm2, pcrs) => pcrs.clone().unwrap_or(before.pcrs),
        };
        Ok(Self { with, pcrs })
    }
}

/// The options with which the keyring was sealed, if it was, and the keyring without their line.
pub(super) fn split_options(text: &Secret) -> (Option<SealOptions>, Secret) {
    let bytes = text.expose();
    let line = bytes.strip_prefix(SEALED_WITH.as_bytes()).and_then(|rest| {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (word, rest) = rest.split_at_checked(end)?;
        Some((SealOptions::parse(std::str::from_utf8(word).ok()?)?, rest.get(1..)?))
    });
    match line {
        Some((options, rest)) => (Some(options), Secret::new(rest.to_vec())),
        None => (None, Secret::new(bytes.to_vec())),
    }
}

/// The keyring with the line that records the options.
pub(super) fn with_options(options: &SealOptions, bare: &Secret) -> Secret {
    Secret::new([options.line().as_bytes(), bare.expose()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seal_options_are_read_from_the_first_line() {
        let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
        for with in [With::Auto, With::Host, With::Tpm2, With::HostAndTpm2] {
            for pcrs in ["", "7", "7+11"] {
                let options = SealOptions { with, pcrs: Pcrs::parse(pcrs).unwrap() };
                let (found, bare) = split_options(&with_options(&options, &secret("version = 1\n")));
                assert_eq!((found, bare.expose()), (Some(options), &b"version = 1\n"[..]));
            }
        }
        for text in [
            "version = 1\n",
            "# sealed with",
            "# sealed with wax\nversion = 1\n",
            "# sealed with tpm2 pcrs=99\n",
            "",
        ] {
            let (found, bare) = split_options(&secret(text));
            assert_eq!((found, bare.expose()), (None, text.as_bytes()));
        }
    }

    #[test]
    fn pcrs_that_are_not_named_stay_as_before_and_are_none_at_first() {
        let pcrs = |text| Pcrs::parse(text).unwrap();
        let asked = |with_key, tpm2_pcrs| Seal { with_key, tpm2_pcrs, discard_unopened: false };
        let before = SealOptions { with: With::Tpm2, pcrs: pcrs("7") };
        let chosen =
            |options: &Seal, before: Option<&SealOptions>| SealOptions::of(options, before.cloned()).ok();
        assert_eq!(chosen(&asked(None, None), None), Some(SealOptions::auto()));
        assert_eq!(chosen(&asked(None, None), Some(&before)), Some(before.clone()));
        let none = SealOptions { with: With::Tpm2, pcrs: pcrs("") };
        assert_eq!(chosen(&asked(None, Some(pcrs(""))), Some(&before)), Some(none));
        let host = SealOptions { with: With::Host, pcrs: pcrs("") };
        assert_eq!(chosen(&asked(Some(With::Host), None), Some(&before)), Some(host));
        assert_eq!(chosen(&asked(Some(With::Host), Some(pcrs("7"))), None), None);
    }
}
