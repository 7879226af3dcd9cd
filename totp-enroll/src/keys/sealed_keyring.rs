//! The keyring as a credential of systemd-creds(1), which only this machine can open: writing it, opening it, and the options that it
//! is sealed with.

use super::tpm_lockout::TpmLockout;
use crate::cli::{Pcrs, Seal, With};
use crate::command_error::CommandError;
use crate::context::Context;
use std::io::Write;
use std::process::{Command, Stdio};
use totp_core::keyring::Keyring;
use totp_core::random::Secret;
use totp_core::store::StoreError;
use totp_host::config_and_keyring::KeyringFiles;
use totp_host::documents::{Access, create_document, read_document, replace_document};

/// Replaces the keyring in use, sealed or clear. The caller holds the lock.
pub(super) fn replace(context: &Context, text: &Secret) -> Result<(), CommandError> {
    let files = KeyringFiles::of(&context.config.paths);
    let (file, before) = context.keyring_text()?;
    if file == files.clear {
        return Ok(replace_document(&file, text)?);
    }
    let (seal_options, _) = split_options(&before);
    let (_, bare) = split_options(text);
    replace_sealed(&files, bare, &seal_options.unwrap_or_else(SealOptions::auto))
}

/// Writes the sealed keyring, then its opened copy: the keyring in use is never newer than the one that a reboot opens.
pub(super) fn replace_sealed(
    files: &KeyringFiles,
    bare: Secret,
    seal_options: &SealOptions,
) -> Result<(), CommandError> {
    let text = with_options(seal_options, &bare);
    drop(bare);
    let sealed = encrypt(&text, seal_options)?;
    if decrypt(&sealed)?.expose() != text.expose() {
        let problem = "the sealed keyring does not open to the same text; nothing was changed";
        return Err(CommandError::refused(problem));
    }
    if !create_document(&files.sealed(), &sealed)? {
        replace_document(&files.sealed(), &sealed)?;
    }
    let written = read_document(&files.sealed(), Access::RootOnly)?;
    if written.is_none_or(|written| written.expose() != sealed.expose()) {
        let problem = "does not contain what was written; the keyring in use was not changed; check the disk";
        return Err(CommandError::refused(problem).at(files.sealed(), None));
    }
    if !create_document(&files.opened, &text)? {
        replace_document(&files.opened, &text)?;
    }
    Ok(())
}

/// The content of the sealed keyring; `None`: there is none.
pub(crate) fn opened(files: &KeyringFiles) -> Result<Option<Secret>, CommandError> {
    let Some(sealed) = read_document(&files.sealed(), Access::RootOnly)? else { return Ok(None) };
    let text = decrypt(&sealed).map_err(|failure| failure.at(files.sealed(), None))?;
    Keyring::parse(&files.sealed(), text.expose()).map_err(StoreError::from)?;
    Ok(Some(text))
}

const PROGRAM: &str = "/usr/bin/systemd-creds";
/// The name that is sealed with the keyring: another credential does not open in its place.
const NAME: &str = "--name=pam_totp-keyring";
/// The only environment variable that is passed on: the path of the machine's key, if it is not the default.
const HOST_KEY: &str = "SYSTEMD_CREDENTIAL_SECRET";
/// At most this much of its error message is repeated, in characters.
const LONGEST_MESSAGE: usize = 300;

/// Seals a keyring. The caller opens it again before it relies on the result.
fn encrypt(text: &Secret, seal_options: &SealOptions) -> Result<Secret, CommandError> {
    let key = format!("--with-key={}", seal_options.with.as_str());
    // The default is PCR 7, which a firmware update can change on every machine at once.
    let pcrs = format!("--tpm2-pcrs={}", seal_options.pcrs.as_str());
    systemd_creds(&[NAME, &key, &pcrs, "encrypt", "-", "-"], text)
        .map_err(|problem| CommandError::refused(format!("the keyring cannot be sealed: {problem}")))
}

/// Opens what was sealed on this machine.
fn decrypt(sealed: &Secret) -> Result<Secret, CommandError> {
    systemd_creds(&[NAME, "decrypt", "-", "-"], sealed).map_err(|problem| {
        match TpmLockout::of_this_machine() {
            Some(lockout) => {
                let problem = format!("does not open now: {lockout} ({problem})");
                // pam-totp-keyring-retry.service goes by the exit status.
                if lockout.ends_by_itself() {
                    CommandError::not_yet(problem)
                } else {
                    CommandError::refused(problem)
                }
            }
            None => CommandError::refused(format!(
                "does not open on this machine: {problem}; restore a backup with \"totp-enroll keys restore FILE\""
            )),
        }
    })
}

/// Runs systemd-creds(1). The keyring goes through pipes: no file and no argument holds it.
fn systemd_creds(arguments: &[&str], input: &Secret) -> Result<Secret, String> {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env_clear().env("LC_ALL", "C.UTF-8").current_dir("/");
    if let Some(file) = std::env::var_os(HOST_KEY) {
        command.env(HOST_KEY, file);
    }
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(
            |error| format!("{PROGRAM} cannot be started ({error}): it comes with systemd 250 or newer"),
        )?;
    // Both texts fit into a pipe (pipe(7)), so neither side blocks. A program that exits without reading says why on stderr.
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input.expose()));
    let done =
        child.wait_with_output().map_err(|error| format!("{PROGRAM} cannot be waited for: {error}"))?;
    let output = Secret::new(done.stdout);
    if done.status.success() && written.is_ok() {
        return Ok(output);
    }
    let message = String::from_utf8_lossy(&done.stderr);
    let words: Vec<&str> = message.split_whitespace().collect();
    let message: String = words.join(" ").chars().take(LONGEST_MESSAGE).collect();
    Err(format!("{PROGRAM} {}: {message}", done.status))
}

/// The start of the first line of a sealed keyring, which records the options; TOML takes it for a comment. A rotation seals again with the same options.
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
