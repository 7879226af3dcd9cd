//! strace(1): a program's system calls are recorded, it is killed at one of them, or one of them fails.

mod logins;

pub use logins::{calls_of_login, ending, login_failing_at, login_killed_at, record_login, trace_login};

use crate::fixture::Fixture;
use crate::{enroll_command, wait};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One call that a program makes: the third `openat`, say.
#[derive(Clone, Debug)]
pub struct Point {
    /// The system call.
    pub name: String,
    /// Which of its calls on `paths`, counted from one.
    pub occurrence: usize,
    /// What is counted: calls on one of these; with none, all that the program makes.
    pub paths: Vec<PathBuf>,
    /// The call as strace shows it.
    pub line: String,
}

/// Calls that count whatever path they name: the line in the log (Rust's sockets `write`), the answer, and the end. What
/// libpam sends to the kernel's audit does not count.
fn is_output_or_exit(name: &str, line: &str) -> bool {
    let spoken = line.contains("<socket:") || line.contains("write(1<");
    name == "exit_group" || name == "write" && spoken
}

/// What a call on stored data may fail with, each once.
pub const ERRORS: [&str; 6] = ["EIO", "ENOSPC", "EROFS", "EACCES", "EMFILE", "EINTR"];

/// What is injected into a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The process is killed before the call is made.
    Kill,
    /// The call is not made, and fails with this error.
    Error(&'static str),
}

/// What is injected into a system call, each time or at one of the times only.
#[derive(Clone, Debug)]
pub struct Injection {
    /// The system call.
    pub call: &'static str,
    /// As strace(1) has it after `--inject=CALL:`: `retval=0`, `delay_enter=250ms:when=1`, `signal=STOP`.
    pub action: String,
}

impl Point {
    fn options(&self, fault: Fault) -> Vec<String> {
        let what = match fault {
            Fault::Kill => "signal=KILL".to_owned(),
            Fault::Error(error) => format!("error={error}"),
        };
        let Self { name, occurrence, .. } = self;
        let mut options = only(&self.paths);
        options.extend([format!("--trace={name}"), format!("--inject={name}:{what}:when={occurrence}")]);
        options
    }
}

/// The calls of a command that name one of `paths` or something below it, what it says and sends to the log, and its end.
///
/// # Panics
/// When it fails.
#[must_use]
pub fn record(command: &Command, paths: &[&Path]) -> Vec<Point> {
    let trace = Trace::new();
    let out =
        Command::output(&mut trace.around(command, &[])).expect("no strace: install tests/apt-packages");
    assert!(out.status.success(), "recorded a failure: {out:?}");
    trace.points(paths)
}

/// The calls of a command on exactly these `paths`, in order: also of one that starts others, which have none there.
///
/// # Panics
/// When it fails.
#[must_use]
pub fn record_on(command: &Command, paths: &[PathBuf]) -> Vec<Point> {
    let trace = Trace::new();
    let out = trace.around(command, &only(paths)).output().expect("no strace: install tests/apt-packages");
    assert!(out.status.success(), "recorded a failure: {out:?}");
    let mut points = trace.points(&[Path::new("")]);
    for point in &mut points {
        paths.clone_into(&mut point.paths);
    }
    points
}

/// Everything stored that a login of `user` reads or writes.
#[must_use]
pub fn stored(fixture: &Fixture, user: &str) -> Vec<PathBuf> {
    let state = fixture.state();
    vec![
        fixture.conf(),
        fixture.keyring(),
        state.join("credentials"),
        state.join("ledgers"),
        state,
        fixture.credential(user),
        fixture.ledger(user),
    ]
}

/// A system call, and everything that it was given or gave, as bytes.
#[derive(Debug)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// Names and contents, one after the other.
    pub bytes: Vec<u8>,
    /// The call as strace shows it.
    pub line: String,
}

impl Call {
    /// Does it hold this text?
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        self.bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }
}

fn in_full() -> [String; 2] {
    ["--strings-in-hex=all", "--string-limit=1000000"].map(str::to_owned)
}

/// Runs a command that dies at a call; gives its standard output.
///
/// # Panics
/// When it ran to its end: then there was no such call.
#[must_use]
pub fn killed_at(command: &Command, point: &Point) -> String {
    let trace = Trace::new();
    let mut command = trace.around(command, &point.options(Fault::Kill));
    let out = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(out.status.signal(), Some(9), "did not die at {point:?}: {out:?}");
    String::from_utf8(out.stdout).unwrap()
}

/// Runs a command of which a call fails.
///
/// # Panics
/// When the process is killed by a signal, or never makes that call.
#[must_use]
pub fn failing_at(command: &Command, point: &Point, error: &'static str) -> enroll_command::CommandOutput {
    let trace = Trace::new();
    let done = enroll_command::run(trace.around(command, &point.options(Fault::Error(error))), "");
    assert!(trace.text().contains("(INJECTED)"), "there was no such call: {point:?}: {}", trace.text());
    done
}

/// Where strace writes while a program runs.
#[derive(Debug)]
pub struct Trace(tempfile::NamedTempFile);

impl Trace {
    /// A new file for the trace.
    ///
    /// # Panics
    /// When there is no temporary directory.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes a file")]
    pub fn new() -> Self {
        Self(tempfile::NamedTempFile::new().unwrap())
    }

    /// The same command, every call recorded.
    #[must_use]
    pub fn recording(&self, command: &Command) -> Command {
        self.around(command, &[])
    }

    /// The same command, every call recorded in full.
    #[must_use]
    pub fn recording_in_full(&self, command: &Command) -> Command {
        self.around(command, &in_full())
    }

    /// What was recorded in full.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        let byte = |escaped: &str| u8::from_str_radix(escaped.get(..2)?, 16).ok();
        let call = |line: &str| {
            let call = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
            let (name, arguments) = call.split_once('(')?;
            let bytes = arguments.split("\\x").filter_map(byte).collect();
            Some(Call { name: name.to_owned(), bytes, line: line.to_owned() })
        };
        self.text().lines().filter_map(call).collect()
    }

    /// The same command, which dies at a call.
    #[must_use]
    pub fn killing(&self, command: &Command, point: &Point) -> Command {
        self.around(command, &point.options(Fault::Kill))
    }

    /// The same command, of which a call fails.
    #[must_use]
    pub fn failing(&self, command: &Command, point: &Point, error: &'static str) -> Command {
        self.around(command, &point.options(Fault::Error(error)))
    }

    /// The same command, with this done to its calls, which are all that is recorded.
    #[must_use]
    pub fn injecting(&self, command: &Command, injected: &[Injection]) -> Command {
        let calls: Vec<&str> = injected.iter().map(|injection| injection.call).collect();
        let mut options = vec![format!("--trace={}", calls.join(","))];
        options.extend(injected.iter().map(|Injection { call, action }| format!("--inject={call}:{action}")));
        self.around(command, &options)
    }

    pub(crate) fn around(&self, command: &Command, options: &[String]) -> Command {
        let mut traced = Command::new("/usr/bin/strace");
        traced
            .args([
                "--follow-forks",
                "--quiet=attach,personality",
                "--decode-fds=path",
                "--string-limit=200",
                "--output",
            ])
            .arg(self.0.path());
        traced.args(options);
        for (name, value) in command.get_envs() {
            match value {
                // Not in strace's own environment: its clock and its libraries are its own.
                Some(value) => {
                    traced.arg("-E").arg(format!("{}={}", name.to_str().unwrap(), value.to_str().unwrap()))
                }
                None => traced.arg("-E").arg(name),
            };
        }
        traced.arg("--").arg(command.get_program()).args(command.get_args());
        traced
    }

    /// Everything that strace wrote so far.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn text(&self) -> String {
        fs::read_to_string(self.0.path()).unwrap()
    }

    /// Waits until strace has written this, and gives the number of the process that it is about.
    ///
    /// # Panics
    /// With what it wrote, when that does not appear.
    #[must_use]
    pub fn wait_for(&self, what: &str) -> Pid {
        let process = || self.text().lines().find(|line| line.contains(what)).and_then(process_of);
        wait::until_some(process).unwrap_or_else(|| panic!("{what:?} never came: {}", self.text()))
    }

    /// Removes what libfaketime leaves in shared memory when its process is killed: the next process of that number
    /// would find it.
    pub(crate) fn sweep(&self) {
        for pid in self.processes() {
            for name in ["faketime_shm_", "sem.faketime_sem_"] {
                drop(fs::remove_file(format!("/dev/shm/{name}{pid}")));
            }
        }
    }

    /// Ends what still runs under strace: strace itself would leave it stopped.
    pub(crate) fn end_processes(&self) {
        for pid in self.processes() {
            let _ = kill(pid, Signal::SIGKILL);
        }
        self.sweep();
    }

    fn processes(&self) -> BTreeSet<Pid> {
        self.text().lines().filter_map(process_of).collect()
    }

    /// The recorded calls that name one of `paths` or something below it.
    #[must_use]
    pub fn points(&self, paths: &[&Path]) -> Vec<Point> {
        let paths: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut points = Vec::new();
        for line in self.text().lines() {
            let call = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
            let Some((name, _)) = call.split_once('(') else { continue };
            let count = counts.entry(name.to_owned()).or_default();
            *count += 1;
            // The program itself is not what it has stored.
            let stored = name != "execve" && paths.iter().any(|path| line.contains(path));
            if stored || is_output_or_exit(name, line) {
                let (name, line) = (name.to_owned(), line.to_owned());
                points.push(Point { name, occurrence: *count, paths: Vec::new(), line });
            }
        }
        points
    }
}

fn process_of(line: &str) -> Option<Pid> {
    let digits = line.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().map(Pid::from_raw)
}

fn only(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| format!("--trace-path={}", path.display())).collect()
}
