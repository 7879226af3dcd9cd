//! Leaves the cgroup of the person who started the command through sudo or doas: theirs may be delegated to them
//! (`systemd-run --user --scope`), and who freezes it stops the command while it holds an account, or kills it.

use nix::unistd::geteuid;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Variables that sudo and doas set for the command.
const CALLERS: [&str; 2] = ["SUDO_COMMAND", "DOAS_USER"];
/// Where systemd mounts cgroup2: alone, or beside version 1 (cgroups(7)).
const ROOTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// Moves this process to the root of the hierarchy. Where that is not possible, as in many containers, it stays where it is: what is
/// held can then be stopped, and `reset cancel` waits for no lock.
pub(crate) fn leave() {
    if !geteuid().is_root() || CALLERS.iter().all(|name| std::env::var_os(name).is_none()) {
        return;
    }
    // "0" is the process that writes.
    let moved = |root: &&'static str| {
        let file = OpenOptions::new().write(true).open(Path::new(root).join("cgroup.procs"));
        file.and_then(|mut file| file.write_all(b"0")).is_ok()
    };
    let _ = ROOTS.into_iter().find(moved);
}
