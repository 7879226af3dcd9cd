//! Refuses `--config` behind a sudo rule that does not allow everything: with a config of their own, a helpdesk could reset an account
//! without an approval.

use crate::command_error::CommandError;
use std::path::Path;
use std::process::{Command, Stdio};
use totp_core::config::DEFAULT_FILE;

/// Variables that sudo sets for the command, whatever its caller's environment says (sudo(8), "Command environment").
const COMMAND: &str = "SUDO_COMMAND";
const CALLER: &str = "SUDO_USER";

/// A command that nobody may run as root but who may run all: from a shell every other command can be run.
const SHELL: &str = "/bin/sh";
/// sudo, and sudo-rs where it takes sudo's place.
const SUDO: &str = "/usr/bin/sudo";
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Checks that the caller of sudo may choose the config.
///
/// # Errors
/// [`CommandError`] if sudo does not let them run a shell as root, or does not say so.
pub(crate) fn check_config(config: Option<&Path>) -> Result<(), CommandError> {
    let is_default = config.is_none_or(|file| file == Path::new(DEFAULT_FILE));
    // Without root there is nothing that a config could open.
    if is_default || !nix::unistd::geteuid().is_root() || std::env::var_os(COMMAND).is_none() {
        return Ok(());
    }
    let caller = std::env::var(CALLER).map_err(|_| refused())?;
    if may_run_a_shell(&caller) { Ok(()) } else { Err(refused()) }
}

/// Asks sudo, as root, by its own rules. It answers by its exit status (sudo(8), `--list` with a command).
fn may_run_a_shell(caller: &str) -> bool {
    let listed = Command::new(SUDO)
        .args(["-n", "-l", "-U", caller, SHELL])
        .env_clear()
        // Without one, sudo 1.9.16 (Debian 13) crashes.
        .env("PATH", PATH)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    listed.is_ok_and(|status| status.success())
}

fn refused() -> CommandError {
    CommandError::not_permitted(
        "--config is refused: your sudo rules do not allow a shell as root, and another config may have weaker rules; \
         run the command without --config, or in a root shell",
    )
}
