//! What is stored at one moment: kept aside to be put back, and looked at.

use crate::fixture::Fixture;
use crate::login::PamCode;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Everything that is stored, to be put back before the next kill.
#[derive(Debug)]
pub struct Snapshot {
    state: PathBuf,
    kept: PathBuf,
}

impl Snapshot {
    /// Keeps what there is now.
    #[must_use]
    pub fn of(fixture: &Fixture) -> Self {
        let snapshot = Self { state: fixture.state(), kept: fixture.path("kept") };
        copy(&snapshot.state, &snapshot.kept);
        snapshot
    }

    /// Puts it back, and takes away what came since.
    ///
    /// # Panics
    /// When it cannot.
    pub fn restore(&self) {
        fs::remove_dir_all(&self.state).unwrap();
        copy(&self.kept, &self.state);
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("/bin/cp").arg("--archive").args([from, to]).status().unwrap();
    assert!(copied.success());
}

/// The codes in what `recovery-codes --json` said, if it came to that.
#[must_use]
pub fn renewed_codes(said: &str) -> Option<Vec<String>> {
    let document: serde_json::Value = serde_json::from_str(said).ok()?;
    let codes = document.get("recovery_codes")?.as_array()?;
    codes.iter().map(|code| code.as_str().map(str::to_owned)).collect()
}

/// Is someone enrolled? If so their code of that moment is accepted, and if not nothing is left of them that is taken for
/// trouble.
///
/// # Panics
/// When neither is so.
#[must_use]
pub fn is_whole(fixture: &Fixture, user: &str, then: u64, case: &str) -> bool {
    let status = fixture.totp_enroll(&["--json", "status", user]).status;
    let code = fixture.login_with_code_at(user, then).code();
    let event = fixture.journal.last();
    match status {
        0 => assert_eq!(code, PamCode::SUCCESS, "{user} is enrolled by half: {event:?}: {case}"),
        NOT_ENROLLED => {
            assert_ne!(code, PamCode::SUCCESS, "{user}: {case}");
            assert_eq!(event.field("event"), "refused", "trouble with {user}: {event:?}: {case}");
        }
        other => panic!("status {other} of {user}: {case}"),
    }
    status == 0
}

/// The exit status for someone who is not enrolled.
pub const NOT_ENROLLED: i32 = 3;

/// Someone's credential and ledger.
///
/// # Panics
/// When one cannot be read.
#[must_use]
pub fn files_of(fixture: &Fixture, user: &str) -> [Vec<u8>; 2] {
    [fixture.credential(user), fixture.ledger(user)].map(|path| fs::read(path).unwrap())
}
