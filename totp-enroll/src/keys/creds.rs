//! systemd-creds(1), which seals to this machine: with the key of its disk, of its TPM, or of both. The text goes through pipes;
//! no file and no argument holds it.

use super::how::How;
use crate::failure::Failure;
use std::io::Write;
use std::process::{Command, Stdio};
use totp_core::secret::Secret;

const PROGRAM: &str = "/usr/bin/systemd-creds";
/// What a sealed keyring is called inside: another credential in its place does not open.
const NAME: &str = "--name=pam_totp-keyring";
/// The only variable that the program is left: where the machine's key lies, if not where it does by default.
const HOST_KEY: &str = "SYSTEMD_CREDENTIAL_SECRET";
/// The most of its words that are repeated, in characters.
const MOST_WORDS: usize = 300;

/// Seals; the caller opens it again before it relies on that.
pub(super) fn encrypt(text: &Secret, how: &How) -> Result<Secret, Failure> {
    let key = format!("--with-key={}", how.with.as_str());
    // Left out it is 7, which the next update of the firmware changes on every machine at once.
    let pcrs = format!("--tpm2-pcrs={}", how.pcrs.as_str());
    run(&[NAME, &key, &pcrs, "encrypt", "-", "-"], text)
        .map_err(|problem| Failure::refused(format!("the keyring cannot be sealed: {problem}")))
}

/// Opens what was sealed on this machine.
pub(super) fn decrypt(sealed: &Secret) -> Result<Secret, Failure> {
    run(&[NAME, "decrypt", "-", "-"], sealed).map_err(|problem| {
        Failure::refused(format!(
            "does not open on this machine: {problem}; \"totp-enroll keys restore FILE\" takes a backup instead"
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
    // Both texts are shorter than a pipe holds (pipe(7)), so nobody waits for the other. A program that ends without having
    // read says why.
    let given = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input.expose()));
    let done =
        child.wait_with_output().map_err(|error| format!("{PROGRAM} cannot be waited for: {error}"))?;
    let output = Secret::new(done.stdout);
    if done.status.success() && given.is_ok() {
        return Ok(output);
    }
    let words = String::from_utf8_lossy(&done.stderr);
    let words: Vec<&str> = words.split_whitespace().collect();
    let words: String = words.join(" ").chars().take(MOST_WORDS).collect();
    Err(format!("{PROGRAM} {}: {words}", done.status))
}
