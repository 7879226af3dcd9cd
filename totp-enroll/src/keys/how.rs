//! How a keyring is sealed, and the line in it that says so, for the next time.

use crate::cli::{Pcrs, Seal, With};
use crate::failure::Failure;
use totp_core::secret::Secret;

/// The first line of a keyring that was sealed; TOML takes it for a comment. A rotation seals again in the same way.
const SEALED_WITH: &str = "# sealed with ";

/// Between the key and the registers in that line, where there are any.
const PCRS: &str = " pcrs=";

/// How a keyring is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct How {
    pub(super) with: With,
    pub(super) pcrs: Pcrs,
}

impl How {
    /// What systemd-creds takes by itself.
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

    /// As it is asked for, else as it was.
    pub(super) fn of(options: &Seal, before: Option<Self>) -> Result<Self, Failure> {
        let before = before.unwrap_or_else(Self::auto);
        let with = options.with_key.unwrap_or(before.with);
        let pcrs = match (with, &options.tpm2_pcrs) {
            (With::Host, Some(pcrs)) if *pcrs != Pcrs::default() => {
                return Err(Failure::usage("the key of the disk is bound to no TPM: leave --tpm2-pcrs out"));
            }
            (With::Host, _) => Pcrs::default(),
            (With::Auto | With::Tpm2 | With::HostAndTpm2, pcrs) => pcrs.clone().unwrap_or(before.pcrs),
        };
        Ok(Self { with, pcrs })
    }
}

/// How it was sealed, if it was, and the keyring without the line that says so.
pub(super) fn parted(text: &Secret) -> (Option<How>, Secret) {
    let bytes = text.expose();
    let line = bytes.strip_prefix(SEALED_WITH.as_bytes()).and_then(|rest| {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (word, rest) = rest.split_at_checked(end)?;
        Some((How::parse(std::str::from_utf8(word).ok()?)?, rest.get(1..)?))
    });
    match line {
        Some((how, rest)) => (Some(how), Secret::new(rest.to_vec())),
        None => (None, Secret::new(bytes.to_vec())),
    }
}

/// The keyring with that line.
pub(super) fn joined(how: &How, bare: &Secret) -> Secret {
    Secret::new([how.line().as_bytes(), bare.expose()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_keyring_was_sealed_is_read_from_its_first_line() {
        let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
        for with in [With::Auto, With::Host, With::Tpm2, With::HostAndTpm2] {
            for pcrs in ["", "7", "7+11"] {
                let how = How { with, pcrs: Pcrs::parse(pcrs).unwrap() };
                let (found, bare) = parted(&joined(&how, &secret("version = 1\n")));
                assert_eq!((found, bare.expose()), (Some(how), &b"version = 1\n"[..]));
            }
        }
        for text in [
            "version = 1\n",
            "# sealed with",
            "# sealed with wax\nversion = 1\n",
            "# sealed with tpm2 pcrs=99\n",
            "",
        ] {
            let (found, bare) = parted(&secret(text));
            assert_eq!((found, bare.expose()), (None, text.as_bytes()));
        }
    }

    #[test]
    fn without_a_word_about_them_the_registers_are_as_before_and_none_at_first() {
        let pcrs = |text| Pcrs::parse(text).unwrap();
        let asked = |with_key, tpm2_pcrs| Seal { with_key, tpm2_pcrs, discard_unopened: false };
        let before = How { with: With::Tpm2, pcrs: pcrs("7") };
        let how = |options: &Seal, before: Option<&How>| How::of(options, before.cloned()).ok();
        assert_eq!(how(&asked(None, None), None), Some(How::auto()));
        assert_eq!(how(&asked(None, None), Some(&before)), Some(before.clone()));
        let none = How { with: With::Tpm2, pcrs: pcrs("") };
        assert_eq!(how(&asked(None, Some(pcrs(""))), Some(&before)), Some(none));
        let host = How { with: With::Host, pcrs: pcrs("") };
        assert_eq!(how(&asked(Some(With::Host), None), Some(&before)), Some(host));
        assert_eq!(how(&asked(Some(With::Host), Some(pcrs("7"))), None), None);
    }
}
