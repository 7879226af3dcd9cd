//! Where the built things are, and what to do when they are not.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The module that sshd and sudo load.
#[must_use]
pub fn module() -> PathBuf {
    released("libpam_totp.so")
}

/// The command at the desk.
#[must_use]
pub fn command() -> PathBuf {
    released("totp-enroll")
}

/// The program that makes one login; cargo puts it beside the other programs, one directory above the tests.
#[must_use]
pub fn pam_login() -> PathBuf {
    let test = this_test();
    let mut candidates = test.ancestors().skip(1).take(2).map(|directory| directory.join("pam-login"));
    candidates.find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("pam-login is not built (near {}): run `cargo test -p acceptance`", test.display())
    })
}

/// Stops a test that was not started by root, in words.
pub fn need_root() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "the acceptance tests need root (PAM, accounts, sshd): run them as root, or run tests/run"
    );
}

/// In the target directory that this test lies in, wherever that is.
fn released(name: &str) -> PathBuf {
    let test = this_test();
    let mut candidates =
        test.ancestors().skip(2).take(3).map(|directory| directory.join("release").join(name));
    candidates.find(|path| path.is_file()).unwrap_or_else(|| {
        panic!(
            "{name} is not built (release, near {}): run `cargo build --release --locked` first",
            test.display()
        )
    })
}

/// The program that runs the test. Asked for once, before its thread gets mounts of its own: from there a path in a chroot is
/// shown as it is outside.
pub(crate) fn this_test() -> &'static Path {
    static TEST: OnceLock<PathBuf> = OnceLock::new();
    TEST.get_or_init(|| env::current_exe().unwrap())
}
