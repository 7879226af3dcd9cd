//! The program that takes a message: started without a shell, with nothing of ours but the message, and ended when it takes
//! too long.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use totp_core::time::Seconds;

/// What it finds in its environment.
const ENVIRONMENT: [(&str, &str); 5] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/root"),
    ("USER", "root"),
    ("LOGNAME", "root"),
    ("LC_ALL", "C.UTF-8"),
];
/// How often it is looked whether it has ended.
const GLANCE: Duration = Duration::from_millis(5);
/// How long its last words are waited for once it has ended: a child of its own may keep the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// The most of its words that the log gets, in bytes.
const MOST_WORDS: usize = 160;

/// Why a message was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It said no to this one.
    Refused(String),
    /// It cannot be started, or does not end.
    Stuck(String),
}

/// Hands a message to the program.
pub(super) fn send(words: &[String], message: &[u8], timeout: Seconds) -> Result<(), Stop> {
    let (program, arguments) =
        words.split_first().ok_or_else(|| Stop::Stuck("no program is named".to_owned()))?;
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(ENVIRONMENT)
        .current_dir("/")
        // A group of its own: Ctrl-C in the command is not meant for it, and all of it can be ended.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Stop::Stuck(format!("{program} cannot be started: {error}")))?;
    let words = child.stderr.take().map(listen);
    // A message is shorter than a pipe holds (pipe(7): 64 KiB), so this does not wait for it to be read.
    let given = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(message));
    let status = ended(&mut child, started, Duration::from_secs(timeout.0))
        .map_err(|error| Stop::Stuck(format!("{program} cannot be waited for: {error}")))?;
    let said = words.and_then(|words| words.recv_timeout(LAST_WORDS).ok()).unwrap_or_default();
    match (status, given) {
        (None, _) => Err(Stop::Stuck(format!("{program} did not end within {timeout} and was ended{said}"))),
        (Some(status), Err(error)) if status.success() && error.kind() != ErrorKind::BrokenPipe => {
            Err(Stop::Refused(format!("{program} cannot be given the message: {error}{said}")))
        }
        // It says that it took what it did not read.
        (Some(status), Ok(()) | Err(_)) if status.success() => Ok(()),
        (Some(status), _) => Err(Stop::Refused(format!("{program} {}{said}", ending(status)))),
    }
}

/// Waits for the end; `None`: it came too late, and was brought about.
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
        thread::sleep(GLANCE);
    }
}

/// Reads all that it says, so that it never waits for a reader, and keeps the beginning.
fn listen(mut stderr: ChildStderr) -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let (mut words, mut buffer) = (Vec::new(), [0; 1024]);
        while let Ok(count @ 1..) = stderr.read(&mut buffer) {
            let room = MOST_WORDS.saturating_sub(words.len()).min(count);
            words.extend_from_slice(buffer.get(..room).unwrap_or_default());
        }
        let words = String::from_utf8_lossy(&words).trim().replace(char::is_control, " ");
        // Anyone who asked may have stopped waiting.
        let _ = tell.send(if words.is_empty() { words } else { format!("; it said: {words}") });
    });
    told
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

    fn sh(script: &str, message: &[u8], timeout: u64) -> Result<(), Stop> {
        let words = ["/bin/sh", "-c", script].map(str::to_owned);
        send(&words, message, Seconds(timeout))
    }

    fn problem(result: Result<(), Stop>) -> String {
        match result {
            Ok(()) => panic!("it was taken"),
            Err(Stop::Refused(problem)) => format!("refused: {problem}"),
            Err(Stop::Stuck(problem)) => format!("stuck: {problem}"),
        }
    }

    #[test]
    fn a_message_is_taken_when_the_program_says_so() {
        assert_eq!(sh("test \"$(cat)\" = hello", b"hello\n", 30), Ok(()));
        assert_eq!(sh("exit 0", &[b'x'; 30_000], 30), Ok(()), "unread, but taken");
    }

    #[test]
    fn how_it_failed_and_what_it_said_is_told() {
        let said = problem(sh("echo 'no such\tuser' >&2; exit 67", b"", 30));
        assert_eq!(said, "refused: /bin/sh ended with exit status 67; it said: no such user");
        assert_eq!(problem(sh("kill -9 $$", b"", 30)), "refused: /bin/sh was ended by signal 9");
        let long = problem(sh("head -c 1000000 /dev/zero | tr '\\0' a >&2; exit 1", b"", 30));
        assert!(long.len() < 300, "{}", long.len());
        let missing = problem(send(&["/no/such/program".to_owned()], b"", Seconds(1)));
        assert!(missing.starts_with("stuck: /no/such/program cannot be started"), "{missing}");
    }

    #[test]
    fn one_that_does_not_end_is_ended_with_all_that_it_started() {
        let note = tempfile::NamedTempFile::new().unwrap();
        let script = format!("sleep 1000 & echo $! > {}; wait", note.path().display());
        let said = problem(sh(&script, b"", 1));
        assert!(said.starts_with("stuck: /bin/sh did not end within 1s"), "{said}");
        let process = std::fs::read_to_string(note.path()).unwrap();
        // One that has ended, and whose end nobody has asked for yet, has no command line any more.
        let command_line = format!("/proc/{}/cmdline", process.trim());
        while std::fs::read(&command_line).is_ok_and(|line| !line.is_empty()) {
            thread::sleep(GLANCE);
        }
    }

    #[test]
    fn it_finds_no_files_of_pam_totp() {
        let script = "test $(env | grep -c CARGO) = 0 && test \"$HOME\" = /root && test $(pwd) = /";
        assert_eq!(sh(script, b"", 30), Ok(()));
        let ours = tempfile::NamedTempFile::new().unwrap();
        let script = format!("! ls -l /proc/self/fd | grep -q {}", ours.path().display());
        assert_eq!(sh(&script, b"", 30), Ok(()));
    }
}
