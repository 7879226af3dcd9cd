//! Runs the mail program: without a shell, with a clean environment and no files but the message, and killed after a time-out.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
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
/// How often to check whether it has ended.
const POLL: Duration = Duration::from_millis(5);
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
    let stderr = child.stderr.take().map(read_stderr);
    // A message fits into a pipe (64 KiB, pipe(7)), so this does not block.
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(message));
    let status = ended(&mut child, started, Duration::from_secs(timeout.0))
        .map_err(|error| SendError::Program(format!("{program} cannot be waited for: {error}")))?;
    let said = stderr.and_then(|stderr| stderr.recv_timeout(STDERR_TIMEOUT).ok()).unwrap_or_default();
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
fn ended(child: &mut Child, started: Instant, timeout: Duration) -> std::io::Result<Option<ExitStatus>> {
    loop {
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
        thread::sleep(POLL);
    }
}

/// Reads all of its stderr, so that it never blocks on it, and keeps the beginning.
fn read_stderr(mut stderr: ChildStderr) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (mut text, mut buffer) = (Vec::new(), [0; 1024]);
        while let Ok(count @ 1..) = stderr.read(&mut buffer) {
            let kept = LONGEST_STDERR.saturating_sub(text.len()).min(count);
            text.extend_from_slice(buffer.get(..kept).unwrap_or_default());
        }
        let text = String::from_utf8_lossy(&text).trim().replace(char::is_control, " ");
        // The receiver may have stopped waiting.
        let _ = sender.send(if text.is_empty() { text } else { format!("; it said: {text}") });
    });
    receiver
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
            thread::sleep(POLL);
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
