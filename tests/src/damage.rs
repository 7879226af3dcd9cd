//! Damaged files, and what a login must do about them: refuse, name the file in the log, change nothing, and never take it for
//! "not enrolled".

use crate::authenticator::Authenticator;
use crate::clock::THEN;
use crate::files::Files;
use crate::fixture::{Fixture, SERVICE};
use crate::login::PamCode;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// A service whose line says `nullok`.
pub const LENIENT: &str = "lenient";
/// The user and group id of nobody.
pub const ANOTHER: u32 = 65_534;

/// A line number of any kind, or none.
pub const ANY_LINE: &str = "any";

/// Alice, who has an account, and bob; both with eight digits and sixty seconds, which can be weakened.
#[must_use]
pub fn fixture() -> Fixture {
    let phone = || Authenticator { digits: 8, period: 60, ..Authenticator::random() };
    let fixture =
        Fixture::builder().account("alice").enrolled_with("alice", phone()).enrolled_with("bob", phone());
    let fixture = fixture.build();
    fixture.service(LENIENT, &fixture.module("nullok"));
    fixture
}

/// Alice is refused with this PAM code and an error in the log that names the file and the line; nothing changes.
/// Gives what the log says is the problem.
pub fn refused(fixture: &Fixture, code: PamCode, file: &Path, line: &str) -> String {
    let problem = refused_whatever_it_names(fixture, code);
    let event = fixture.journal.last();
    assert_eq!(event.field("file"), file.to_str().unwrap(), "{event:?}");
    if line != ANY_LINE {
        assert_eq!(event.field("line"), line, "{event:?}");
    }
    problem
}

/// The same, for an error about two files.
pub fn refused_whatever_it_names(fixture: &Fixture, code: PamCode) -> String {
    let before = Files::below(&fixture.path(""));
    for service in [SERVICE, LENIENT] {
        let logged = fixture.journal.events().len();
        let login =
            fixture.login_at(service, "alice").types(fixture.authenticator("alice").code_at(THEN)).at(THEN);
        let outcome = login.run();
        assert_eq!(outcome.code, code, "{service}: {outcome:?}");
        if service == SERVICE {
            // Before a configuration is read nobody is asked; after that strangers learn nothing from what is broken.
            let asks = usize::from(code != PamCode::SERVICE_ERR);
            assert_eq!(outcome.asked().len(), asks, "{outcome:?}");
        }
        assert_eq!(fixture.journal.events().len(), logged + 1, "{service}: not one line");
    }
    before.assert_unchanged(&fixture.path(""));
    let event = fixture.journal.last();
    assert_eq!((event.what().as_str(), event.priority), ("error", 83), "{event:?}");
    assert_ne!(event.field("file"), "", "{event:?}");
    let problem = event.field("problem").to_owned();
    assert!(problem.contains(": ") || problem.contains("; "), "what to do is not said: {event:?}");
    problem
}

/// Writes more to the end of a file.
pub fn append(path: &Path, text: &str) {
    let old = fs::read_to_string(path).unwrap();
    fs::write(path, old + text).unwrap();
}

/// Puts one text in the place of another.
///
/// # Panics
/// When the text is not there.
pub fn edit(path: &Path, from: &str, to: &str) {
    let old = fs::read_to_string(path).unwrap();
    assert!(old.contains(from), "{from:?} is not in {}:\n{old}", path.display());
    fs::write(path, old.replace(from, to)).unwrap();
}

/// Sets the mode of a file or directory.
pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The thing itself lies beside it, as good as ever.
pub fn put_a_link_in_its_place(path: &Path) {
    let real = path.with_extension("real");
    fs::rename(path, &real).unwrap();
    symlink(&real, path).unwrap();
}

/// A named pipe lies where the file was; opened carelessly it holds up the reader for ever.
///
/// # Panics
/// When it cannot be made.
pub fn put_a_pipe_in_its_place(path: &Path) {
    fs::remove_file(path).unwrap();
    let made = Command::new("mkfifo").args(["-m", "600"]).arg(path).status().expect("no mkfifo");
    assert!(made.success());
}
