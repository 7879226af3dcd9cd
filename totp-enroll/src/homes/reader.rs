//! Reads a file of a home directory in a process of its own, and gives up after a time: a home can be a file system of its owner's
//! (FUSE) that never answers, and a process that waits for it cannot even be killed.
//!
//! The child is this program again. It gets its task as arguments, with no environment, and writes its answer to standard output: a
//! byte for the kind, eight for the length, and the text.

use super::home_owner::{HomeFile, HomeOwner, LARGEST};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

const PROGRAM: &str = "/proc/self/exe";
/// The first argument of the child.
const TASK: &str = "read-in-home";
/// How long a home may take; an automounted one takes seconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often to look whether the child has ended.
const POLL: Duration = Duration::from_millis(1);

const TEXT: u8 = b't';
const NO_FILE: u8 = b'n';
const PROBLEM: u8 = b'p';
const HEAD: usize = 9;

/// The text of a file; `None`: it does not exist.
///
/// # Errors
/// What is wrong with the file, and what to do.
pub(crate) fn read(owner: &HomeOwner, file: HomeFile) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
    let failed = |error: std::io::Error| format!("cannot be read: {error}");
    let mut child = Command::new(PROGRAM)
        .arg(TASK)
        .args(owner.arguments(file))
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let deadline = Instant::now().checked_add(PATIENCE);
    let answer = answer(&mut child, deadline).map_err(failed);
    end(&mut child);
    let answer = answer?.ok_or_else(|| {
        format!(
            "the home directory did not answer within {} seconds: check whether its file system hangs",
            PATIENCE.as_secs()
        )
    })?;
    let incomplete = || "cannot be read: the process that reads it was killed".to_owned();
    let (head, text) = answer.split_at_checked(HEAD).ok_or_else(incomplete)?;
    let (kind, length) = head.split_first().ok_or_else(incomplete)?;
    if length != (text.len() as u64).to_be_bytes() {
        return Err(incomplete());
    }
    match *kind {
        NO_FILE => Ok(None),
        TEXT => Ok(Some(Zeroizing::new(text.to_vec()))),
        _ => Err(String::from_utf8_lossy(text).into_owned()),
    }
}

/// All that the child writes; `None`: it did not end in time.
fn answer(child: &mut Child, deadline: Option<Instant>) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    let Some(mut from) = child.stdout.take() else { return Err(std::io::ErrorKind::BrokenPipe.into()) };
    // Full capacity at once: a buffer that grows leaves copies of the secret behind.
    let mut answer = Zeroizing::new(vec![0; LARGEST.saturating_add(HEAD).saturating_add(2)]);
    let mut filled = 0_usize;
    loop {
        let left =
            deadline.map_or(Duration::ZERO, |deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        match poll(&mut [PollFd::new(from.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let free = answer.get_mut(filled..).unwrap_or_default();
        match from.read(free) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    answer.truncate(filled);
    Ok(Some(answer))
}

/// Ends the child. One that hangs is left behind: it ends with the file system that it waits for.
fn end(child: &mut Child) {
    // It may have ended already.
    let _ = child.kill();
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE / 10 && matches!(child.try_wait(), Ok(None)) {
        sleep(POLL);
    }
}

/// Does the task of a child, if this process is one. `None`: it is not.
///
/// With an environment it is none: sudo and doas always set variables, so no rule of theirs leads here.
pub(crate) fn serve() -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    if words.next()? != TASK || std::env::vars_os().next().is_some() {
        return None;
    }
    let done = HomeOwner::of_arguments(&words.collect::<Vec<OsString>>())
        .is_some_and(|(owner, file)| write(owner.read(file)).is_ok());
    Some(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write(read: Result<Option<Zeroizing<Vec<u8>>>, String>) -> std::io::Result<()> {
    let (kind, text) = match read {
        Ok(Some(text)) => (TEXT, text),
        Ok(None) => (NO_FILE, Zeroizing::new(Vec::new())),
        Err(problem) => (PROBLEM, Zeroizing::new(problem.into_bytes())),
    };
    let mut out = std::io::stdout().lock();
    out.write_all(&[kind])?;
    out.write_all(&(text.len() as u64).to_be_bytes())?;
    out.write_all(&text)?;
    out.flush()
}
