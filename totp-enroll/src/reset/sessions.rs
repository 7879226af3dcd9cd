//! Ending the login sessions of an account, by systemd-logind.

use std::path::Path;
use std::process::{Command, Stdio};
use totp_core::user::Account;

/// There where systemd runs the machine (sd_booted(3)).
const BOOTED: &str = "/run/systemd/system";
const LOGINCTL: &str = "/usr/bin/loginctl";

/// Ends them, or says what is left to do.
pub(super) fn end(account: &Account) -> Result<(), String> {
    // By number: a name could be taken for something else.
    let Some(uid) = account.uid else { return Err("the system does not know the account".to_owned()) };
    let left = |why: &str| {
        format!(
            "the login sessions were not ended ({why}): \"pkill -KILL -u {uid}\" ends what runs for the account"
        )
    };
    if !Path::new(BOOTED).is_dir() {
        return Err(left("there is no systemd-logind here"));
    }
    let ended = Command::new(LOGINCTL)
        .args(["terminate-user", &uid.to_string()])
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| left(&format!("{LOGINCTL}: {error}")))?;
    let said = String::from_utf8_lossy(&ended.stderr);
    // Someone without a session has none that could be ended.
    if ended.status.success() || said.contains("not logged in") {
        return Ok(());
    }
    Err(left(said.trim()))
}
