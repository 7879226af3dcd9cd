//! Runs the mail program: without a shell, with a clean environment and no files but the message, and killed after a time-out.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use totp_core::config::{Command as MailCommand, Config, SENDMAIL};
use totp_core::time::Seconds;

/// Its environment.
const ENVIRONMENT: [(&str, &str); 5] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/root"),
    ("USER", "root"),
    ("LOGNAME", "root"),
    ("LC_ALL", "C.UTF-8"),
];
/// How often to check whether it has ended, in milliseconds.
const POLL: u8 = 5;
/// How long to wait for its error message after it has ended: one of its children may keep the pipe open.
const STDERR_TIMEOUT: Duration = Duration::from_millis(200);
/// At most this much of its error message is logged, in bytes.
const LONGEST_STDERR: usize = 160;

/// Why a message was not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SendError {
    /// The program refused this message.
    Refused(String),
    /// The program cannot be started or does not end; other messages would meet the same.
    Program(String),
}

/// The program and its arguments, by the config; `None`: there is none.
pub(crate) fn command(config: &Config) -> Option<Vec<String>> {
    match &config.notify.command {
        MailCommand::Off => None,
        MailCommand::Program(words) => Some(words.clone()),
        MailCommand::Sendmail => {
            let is_there = SENDMAIL.first().is_some_and(|program| Path::new(program).exists());
            is_there.then(|| SENDMAIL.map(str::to_owned).to_vec())
        }
    }
}

/// Hands a message to the program.
pub(super) fn send(words: &[String], message: &[u8], timeout: Seconds) -> Result<(), SendError> {
    let (program, arguments) =
        words.split_first().ok_or_else(|| SendError::Program("no program is named".to_owned()))?;
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(ENVIRONMENT)
        .current_dir("/")
        // A process group of its own: Ctrl-C does not reach it, and all its processes can be killed.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| SendError::Program(format!("{program} cannot be started: {error}")))?;
    let mut pipes = Pipes::of(&mut child, message);
    let status = ended(&mut child, &mut pipes, started, Duration::from_secs(timeout.0))
        .map_err(|error| SendError::Program(format!("{program} cannot be waited for: {error}")))?;
    pipes.drain(STDERR_TIMEOUT);
    let (said, written) = (pipes.said(), pipes.written);
    match (status, written) {
        (None, _) => {
            Err(SendError::Program(format!("{program} did not end within {timeout} and was ended{said}")))
        }
        (Some(status), Err(error)) if status.success() && error.kind() != ErrorKind::BrokenPipe => {
            Err(SendError::Refused(format!("{program} cannot be given the message: {error}{said}")))
        }
        // Success without reading everything still counts as accepted.
        (Some(status), Ok(()) | Err(_)) if status.success() => Ok(()),
        (Some(status), _) => Err(SendError::Refused(format!("{program} {}{said}", ending(status)))),
    }
}

/// Waits until it has ended; `None`: it was killed after the time-out.
fn ended(
    child: &mut Child,
    pipes: &mut Pipes<'_>,
    started: Instant,
    timeout: Duration,
) -> std::io::Result<Option<ExitStatus>> {
    loop {
        pipes.move_bytes();
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= timeout {
            if let Ok(group) = i32::try_from(child.id()) {
                // It may have ended in between.
                let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            }
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        pipes.wait();
    }
}

/// The two pipes to it. Neither blocks, and no thread is needed, which a limit on processes or memory could refuse.
struct Pipes<'a> {
    stdin: Option<ChildStdin>,
    message: &'a [u8],
    /// Whether the message was written, as far as it goes.
    written: std::io::Result<()>,
    /// `None` once it has ended.
    stderr: Option<ChildStderr>,
    /// The beginning of what it said.
    text: Vec<u8>,
}

impl<'a> Pipes<'a> {
    fn of(child: &mut Child, message: &'a [u8]) -> Self {
        let (mut stdin, mut stderr) = (child.stdin.take(), child.stderr.take());
        let written = stdin.as_ref().map_or(Ok(()), |stdin| never_blocking(stdin.as_fd()));
        if written.is_err() {
            stdin = None;
        }
        if stderr.as_ref().is_some_and(|stderr| never_blocking(stderr.as_fd()).is_err()) {
            stderr = None;
        }
        Self { stdin, message, written, stderr, text: Vec::new() }
    }

    /// Writes and reads what can be written and read at once.
    fn move_bytes(&mut self) {
        self.write();
        self.read();
    }

    fn write(&mut self) {
        while let Some(stdin) = &mut self.stdin {
            match stdin.write(self.message) {
                Ok(count) => self.message = self.message.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    self.written = Err(error);
                    self.stdin = None;
                }
            }
            if self.message.is_empty() {
                // Closed: the message has ended.
                self.stdin = None;
            }
        }
    }

    /// Reads all of its stderr, so that it never blocks on it, and keeps the beginning.
    fn read(&mut self) {
        let mut buffer = [0; 1024];
        while let Some(stderr) = &mut self.stderr {
            match stderr.read(&mut buffer) {
                Ok(count @ 1..) => {
                    let kept = LONGEST_STDERR.saturating_sub(self.text.len()).min(count);
                    self.text.extend_from_slice(buffer.get(..kept).unwrap_or_default());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => self.stderr = None,
            }
        }
    }

    /// Waits until there is something to read or write, for a moment at most.
    fn wait(&self) {
        let mut ends = Vec::with_capacity(2);
        ends.extend(self.stdin.as_ref().map(|end| PollFd::new(end.as_fd(), PollFlags::POLLOUT)));
        ends.extend(self.stderr.as_ref().map(|end| PollFd::new(end.as_fd(), PollFlags::POLLIN)));
        // It says only that it is time to look again.
        let _ = poll(&mut ends, POLL);
    }

    /// Reads what it said, until all its processes have closed the pipe or `longest` has passed.
    fn drain(&mut self, longest: Duration) {
        let started = Instant::now();
        self.read();
        while self.stderr.is_some() && started.elapsed() < longest {
            self.wait();
            self.read();
        }
    }

    fn said(&self) -> String {
        let text = String::from_utf8_lossy(&self.text).trim().replace(char::is_control, " ");
        if text.is_empty() { text } else { format!("; it said: {text}") }
    }
}

fn never_blocking(end: BorrowedFd<'_>) -> std::io::Result<()> {
    let flags = OFlag::from_bits_retain(fcntl(end, FcntlArg::F_GETFL)?);
    fcntl(end, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, message: &[u8], timeout: u64) -> Result<(), SendError> {
        let words = ["/bin/sh", "-c", script].map(str::to_owned);
        send(&words, message, Seconds(timeout))
    }

    fn problem(result: Result<(), SendError>) -> String {
        match result {
            Ok(()) => panic!("it was accepted"),
            Err(SendError::Refused(problem)) => format!("refused: {problem}"),
            Err(SendError::Program(problem)) => format!("program: {problem}"),
        }
    }

    #[test]
    fn a_message_is_accepted_when_the_program_succeeds() {
        assert_eq!(sh("test \"$(cat)\" = hello", b"hello\n", 30), Ok(()));
        assert_eq!(sh("exit 0", &[b'x'; 30_000], 30), Ok(()), "unread, but accepted");
    }

    #[test]
    fn a_failure_reports_the_exit_status_and_stderr() {
        let said = problem(sh("echo 'no such\tuser' >&2; exit 67", b"", 30));
        assert_eq!(said, "refused: /bin/sh ended with exit status 67; it said: no such user");
        assert_eq!(problem(sh("kill -9 $$", b"", 30)), "refused: /bin/sh was ended by signal 9");
        let long = problem(sh("head -c 1000000 /dev/zero | tr '\\0' a >&2; exit 1", b"", 30));
        assert!(long.len() < 300, "{}", long.len());
        let missing = problem(send(&["/no/such/program".to_owned()], b"", Seconds(1)));
        assert!(missing.starts_with("program: /no/such/program cannot be started"), "{missing}");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_with_its_children() {
        let note = tempfile::NamedTempFile::new().unwrap();
        let script = format!("sleep 1000 & echo $! > {}; wait", note.path().display());
        let said = problem(sh(&script, b"", 1));
        assert!(said.starts_with("program: /bin/sh did not end within 1s"), "{said}");
        let process = std::fs::read_to_string(note.path()).unwrap();
        // A zombie has no command line.
        let command_line = format!("/proc/{}/cmdline", process.trim());
        while std::fs::read(&command_line).is_ok_and(|line| !line.is_empty()) {
            std::thread::sleep(Duration::from_millis(POLL.into()));
        }
    }

    #[test]
    fn the_program_inherits_no_environment_and_no_files() {
        let script = "test $(env | grep -c CARGO) = 0 && test \"$HOME\" = /root && test $(pwd) = /";
        assert_eq!(sh(script, b"", 30), Ok(()));
        let open = tempfile::NamedTempFile::new().unwrap();
        let script = format!("! ls -l /proc/self/fd | grep -q {}", open.path().display());
        assert_eq!(sh(&script, b"", 30), Ok(()));
    }
}
