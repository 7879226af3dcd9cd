//! Locks on files and directories.

use super::*;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

fn ledger() -> tempfile::NamedTempFile {
    tempfile::NamedTempFile::new().unwrap()
}

fn opened(file: &tempfile::NamedTempFile) -> OwnedFd {
    file.reopen().unwrap().into()
}

fn deadline_in(patience: Duration) -> Option<Instant> {
    Instant::now().checked_add(patience)
}

#[test]
fn a_lock_released_in_time_is_taken() {
    let file = ledger();
    let Ok(Lock::Locked(held)) = lock(opened(&file), file.path(), None) else { panic!("free") };
    let waits = nix::unistd::gettid();
    let holder = std::thread::spawn(move || {
        crate::fixture::until_it_sleeps(waits);
        drop(held);
    });
    let patience = deadline_in(Duration::from_secs(30));
    assert!(matches!(lock(opened(&file), file.path(), patience), Ok(Lock::Locked(_))));
    holder.join().unwrap();
}

#[test]
fn waiting_for_a_lock_ends_at_the_deadline() {
    let file = ledger();
    let _held = lock(opened(&file), file.path(), None);
    for patience in [None, deadline_in(Duration::ZERO), deadline_in(Duration::from_millis(1))] {
        assert!(matches!(lock(opened(&file), file.path(), patience), Ok(Lock::Busy)));
    }
}

#[test]
fn a_lock_ends_though_a_child_inherited_the_file() {
    let file = ledger();
    let Ok(Lock::Locked(held)) = lock(opened(&file), file.path(), None) else { panic!("free") };
    let _inherited = held.try_clone().unwrap();
    drop(held);
    assert!(matches!(lock(opened(&file), file.path(), None), Ok(Lock::Locked(_))));
}

#[test]
fn a_removed_file_is_not_locked() {
    let file = ledger();
    let fd = opened(&file);
    std::fs::remove_file(file.path()).unwrap();
    assert!(matches!(lock(fd, file.path(), None), Ok(Lock::Gone)));
}

#[test]
fn a_file_that_cannot_be_locked_is_an_error_and_not_busy() {
    let file = ledger();
    // O_PATH names the file without opening it, and flock refuses that.
    let fd = open(file.path(), OFlag::O_PATH, Mode::empty()).unwrap();
    assert!(lock(fd, file.path(), None).is_err());
}
