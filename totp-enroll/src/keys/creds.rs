//! Runs systemd-creds(1), which seals the keyring to this machine. The keyring goes through pipes: no file and no argument holds it.

use super::seal_options::SealOptions;
use crate::failure::Failure;
use std::io::Write;
use std::process::{Command, Stdio};
use totp_core::secret::Secret;

const PROGRAM: &str = "/usr/bin/systemd-creds";
/// The name that is sealed with the keyring: another credential does not open in its place.
const NAME: &str = "--name=pam_totp-keyring";
/// The only environment variable that is passed on: the path of the machine's key, if it is not the default.
const HOST_KEY: &str = "SYSTEMD_CREDENTIAL_SECRET";
/// At most this much of its error message is repeated, in characters.
const LONGEST_MESSAGE: usize = 300;

/// Seals a keyring. The caller opens it again before it relies on the result.
pub(super) fn encrypt(text: &Secret, seal_options: &SealOptions) -> Result<Secret, Failure> {
    let key = format!("--with-key={}", seal_options.with.as_str());
    // The default is PCR 7, which a firmware update can change on every machine at once.
    let pcrs = format!("--tpm2-pcrs={}", seal_options.pcrs.as_str());
    run(&[NAME, &key, &pcrs, "encrypt", "-", "-"], text)
        .map_err(|problem| Failure::refused(format!("the keyring cannot be sealed: {problem}")))
}

/// Opens what was sealed on this machine.
pub(super) fn decrypt(sealed: &Secret) -> Result<Secret, Failure> {
    run(&[NAME, "decrypt", "-", "-"], sealed).map_err(|problem| {
        Failure::refused(format!(
            "does not open on this machine: {problem}; restore a backup with \"totp-enroll keys restore FILE\""
        ))
    })
}

fn run(arguments: &[&str], input: &Secret) -> Result<Secret, String> {
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
