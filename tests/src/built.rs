//! Where the built things are, and what to do when they are not.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The module that sshd and sudo load.
#[must_use]
pub fn module() -> PathBuf {
    released("libpam_totp.so")
}

/// `totp-enroll`.
#[must_use]
pub fn command() -> PathBuf {
    released("totp-enroll")
}

/// The command as the tests build it for backups: from the same sources, but scrypt does next to no work.
#[must_use]
pub fn command_with_small_backup_work() -> PathBuf {
    beside_this_test("totp-enroll", "cargo build --workspace --bins --features totp-enroll/small-backup-work")
}

/// The program that makes one login; cargo puts it beside the other programs, one directory above the tests.
#[must_use]
pub fn pam_login() -> PathBuf {
    beside_this_test("pam-login", "cargo test -p acceptance")
}

/// Fails a test that was not started by root, with a message.
pub fn need_root() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "the acceptance tests need root (PAM, accounts, sshd): run them as root, or run tests/run"
    );
}

/// A file that is generated when the package is built: the completions, the man page of the command.
#[must_use]
pub fn generated(name: &str) -> PathBuf {
    released(&format!("generated/{name}"))
}

/// In the directory of the profile that this test was built in.
fn beside_this_test(name: &str, builds: &str) -> PathBuf {
    let test = this_test();
    let mut candidates = test.ancestors().skip(1).take(2).map(|directory| directory.join(name));
    candidates
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is not built (near {}): run `{builds}`", test.display()))
}

/// In the target directory that this test lies in, wherever that is.
fn released(name: &str) -> PathBuf {
    let test = this_test();
    let mut candidates =
        test.ancestors().skip(2).take(3).map(|directory| directory.join("release").join(name));
    candidates.find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("{name} is not built (release, near {}): run `packaging/build-release` first", test.display())
    })
}

/// The program that runs the test. Looked up once, before its thread has its own mounts: from there a path in a chroot is
/// shown as it is outside.
pub(crate) fn this_test() -> &'static Path {
    static TEST: OnceLock<PathBuf> = OnceLock::new();
    TEST.get_or_init(|| env::current_exe().unwrap())
}
