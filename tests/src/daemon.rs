//! A program that runs beside a test. It ends with the test, together with its children, also when the test is killed.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A running daemon.
#[derive(Debug)]
pub struct Daemon(Child);

impl Daemon {
    /// Starts it in its own process group, which ends when this side of a pipe is closed.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(command: &Command) -> Self {
        let mut group = Command::new("/bin/sh");
        group.args(["-c", "\"$@\" </dev/null & cat >/dev/null; kill -KILL 0", "sh"]);
        group.arg(command.get_program()).args(command.get_args());
        let quiet = group.stdout(Stdio::null()).stderr(Stdio::null());
        Self(quiet.stdin(Stdio::piped()).process_group(0).spawn().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}
