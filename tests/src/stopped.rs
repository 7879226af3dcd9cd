//! A program that is stopped after a system call, or at its end, to be examined.

use crate::built;
use crate::login::Login;
use crate::strace::Trace;
use crate::wait;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts a login that stops once it has made its first call of that name on `path`, and waits there.
///
/// # Panics
/// When it never does.
#[must_use]
pub fn login_stopped_after(login: &Login, call: &str, path: &Path) -> Stopped {
    let trace = Trace::new();
    let request = serde_json::to_string(login).unwrap() + "\n";
    let mut child = trace
        .stopping_after(&Command::new(built::pam_login()), call, path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("no strace: install tests/apt-packages");
    child.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    trace.stopped().of(child)
}

/// Runs a command without a terminal until it stops at its end, and waits there. Gives its standard output as well.
///
/// # Panics
/// When it never does.
#[must_use]
pub fn stopped_at_its_end(command: &Command) -> (Stopped, String) {
    let trace = Trace::new();
    let said = tempfile::NamedTempFile::new().unwrap();
    let child = trace
        .stopping_at_its_end(command)
        .stdin(Stdio::null())
        .stdout(said.reopen().unwrap())
        .spawn()
        .expect("no strace: install tests/apt-packages");
    let stopped = trace.stopped().of(child);
    stopped.assert_is_the_command();
    (stopped, fs::read_to_string(said.path()).unwrap())
}

/// The same for a command that starts others and waits for them: those run to their ends.
///
/// # Panics
/// When it never does.
#[must_use]
pub fn alone_stopped_at_its_end(command: &Command) -> (Stopped, String) {
    let trace = Trace::new();
    let said = tempfile::NamedTempFile::new().unwrap();
    let stopping = trace.stopping_at_its_end(command);
    let strace = Command::new(stopping.get_program())
        .args(stopping.get_args().filter(|argument| *argument != "--follow-forks"))
        .stdin(Stdio::null())
        .stdout(said.reopen().unwrap())
        .spawn()
        .expect("no strace: install tests/apt-packages");
    wait::until("it stopped", || trace.text().contains("stopped by SIGSTOP"));
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", strace.id())).unwrap();
    let pid = Pid::from_raw(children.trim().parse().expect("one child"));
    (Stopped { pid, strace: None }.of(strace), fs::read_to_string(said.path()).unwrap())
}

impl Trace {
    /// The same command, which stops once it has made its first call of that name on `path`, and waits to be looked at.
    #[must_use]
    pub fn stopping_after(&self, command: &Command, call: &str, path: &Path) -> Command {
        let options = [
            format!("--trace-path={}", path.display()),
            format!("--trace={call}"),
            format!("--inject={call}:signal=STOP:when=1"),
        ];
        self.around(command, &options)
    }

    /// The same command, which stops at its end: everything has been let go, and its memory is still there.
    #[must_use]
    pub fn stopping_at_its_end(&self, command: &Command) -> Command {
        // A call that ends the process does not come back to be stopped: it has to fail as well.
        let options = ["--trace=exit_group", "--inject=exit_group:error=ENOSYS:signal=STOP"];
        self.around(command, &options.map(str::to_owned))
    }

    /// Waits until the program has stopped.
    ///
    /// # Panics
    /// When it never does.
    #[must_use]
    pub fn stopped(&self) -> Stopped {
        Stopped { pid: self.wait_for("stopped by SIGSTOP"), strace: None }
    }
}

/// A program that was stopped. It is killed when dropped.
#[derive(Debug)]
pub struct Stopped {
    pid: Pid,
    strace: Option<Child>,
}

impl Stopped {
    /// The number of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().cast_unsigned()
    }

    /// Else something that the command started stopped first, and the command would wait for it for ever.
    fn assert_is_the_command(&self) {
        let strace = self.strace.as_ref().unwrap().id();
        let started = fs::read_to_string(format!("/proc/{strace}/task/{strace}/children")).unwrap();
        if !started.split_whitespace().any(|pid| pid == self.pid.to_string()) {
            for pid in started.split_whitespace().filter_map(|pid| pid.parse().ok()) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            panic!("something that it started stopped first: use alone_stopped_at_its_end");
        }
    }

    fn of(mut self, strace: Child) -> Self {
        self.strace = Some(strace);
        self
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill(self.pid, Signal::SIGKILL);
        if let Some(strace) = &mut self.strace {
            drop(strace.wait());
        }
    }
}
