//! Waiting for an event, with a deadline. No other code of the tests waits.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Nothing that a test waits for takes longer, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until `look` finds something; `None`: it never did.
pub fn until_some<T>(look: impl FnMut() -> Option<T>) -> Option<T> {
    within(PATIENCE, look)
}

/// Waits until something is so.
///
/// # Panics
/// When it never is.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    assert!(until_some(|| is_so().then_some(())).is_some(), "this did not happen: {what}");
}

/// Waits until a process has opened a file.
///
/// # Panics
/// When it never does.
pub fn until_open(pid: u32, file: &Path) {
    let is_open = || {
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        descriptors.into_iter().any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == file))
    };
    until(&format!("process {pid} has opened {}", file.display()), is_open);
}

fn within<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        let is_last = Instant::now() >= deadline;
        let seen = look();
        if seen.is_some() || is_last {
            return seen;
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn what_comes_later_is_waited_for() {
        let mut looks = 0;
        let seen = until_some(|| {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(seen, Some(3));
    }

    #[test]
    fn what_never_comes_is_given_up_and_was_looked_for_to_the_last() {
        let mut looks = 0;
        let seen: Option<()> = within(Duration::ZERO, || {
            looks += 1;
            None
        });
        assert_eq!((seen, looks), (None, 1));
    }

    #[test]
    fn a_file_that_a_process_has_open_is_seen() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let held = File::open(file.path()).unwrap();
        until_open(std::process::id(), file.path());
        drop(held);
    }
}
