//! Runs sshd for its options (`sshd -T`), also if it has not run since the machine started: then a directory is missing that it checks
//! before it reads its configuration.

use super::matches::Connection;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

/// What sshd says without that directory, on Debian and Ubuntu. systemd creates it when it starts sshd, with `ssh.socket` at the
/// first connection.
const MISSING: &str = "Missing privilege separation directory: /run/sshd";

/// Gives sshd that directory without making one on this machine. In a mount namespace that ends with sshd, a tmpfs with the directory is
/// mounted over /run, with links to what /run contains. mount(8) would note that in this machine's /run/mount; `-n` keeps it from that.
const WITH_DIRECTORY: &str = r#"
    PATH=/usr/sbin:/usr/bin:/sbin:/bin
    mount -n -t tmpfs -o mode=755 none /tmp
    mkdir -m 755 /tmp/sshd /tmp/.run
    mount -n --rbind /run /tmp/.run
    for entry in /run/*; do ln -s ".run/${entry#/run/}" "/tmp/${entry#/run/}"; done
    mount -n --move /tmp /run
    echo mounted
    exec "$@"
"#;

/// The options that hold for one login, with their values.
pub(super) type EffectiveOptions = BTreeMap<String, Vec<String>>;

/// The options for a login.
///
/// # Errors
/// What sshd says, in one line.
pub(super) fn effective(sshd: &Path, connection: &Connection) -> Result<EffectiveOptions, String> {
    let connection = connection.specification().ok_or("sshd -C cannot take a value with a comma")?;
    let output = options(sshd, &connection).map_err(|error| format!("cannot be run: {error}"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        return Err(lines.join("; "));
    }
    let mut options: EffectiveOptions = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some((option, value)) = line.split_once(' ') {
            options.entry(option.to_ascii_lowercase()).or_default().push(value.to_owned());
        }
    }
    Ok(options)
}

/// The first value of an option.
pub(super) fn first<'a>(login: &'a EffectiveOptions, option: &str) -> Option<&'a str> {
    login.get(option).and_then(|values| values.first()).map(String::as_str)
}

/// Whether an option has another value than `no`.
pub(super) fn is_on(login: &EffectiveOptions, option: &str) -> bool {
    first(login, option).is_some_and(|value| value != "no")
}

/// What `sshd -T -C connection` prints.
///
/// # Errors
/// If it cannot be started.
fn options(sshd: &Path, connection: &str) -> std::io::Result<Output> {
    let output = Command::new(sshd).args(["-T", "-C", connection]).env_clear().output()?;
    if !String::from_utf8_lossy(&output.stderr).contains(MISSING) {
        return Ok(output);
    }
    let with_directory = Command::new("/usr/bin/unshare")
        .args(["--mount", "--propagation", "private", "/bin/sh", "-euc", WITH_DIRECTORY, "sh"])
        .arg(sshd)
        .args(["-T", "-C", connection])
        .env_clear()
        .output();
    // A container may not allow it: then what sshd itself said is returned. No line of options consists of one word.
    let is_mounted = |output: &Output| output.stdout.starts_with(b"mounted\n");
    Ok(with_directory.ok().filter(is_mounted).unwrap_or(output))
}
