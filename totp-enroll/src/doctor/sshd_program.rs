//! Runs sshd for its options (`sshd -T`), also if it has not run since the machine started: then a directory is missing that it checks
//! before it reads its configuration.

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

/// What `sshd -T -C connection` prints.
///
/// # Errors
/// If it cannot be started.
pub(super) fn options(sshd: &Path, connection: &str) -> std::io::Result<Output> {
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
