//! A snapshot of everything that is stored, to be restored and compared.

use crate::fixture::Fixture;
use crate::login::PamCode;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A copy of everything that is stored.
#[derive(Debug)]
pub struct Snapshot {
    state: PathBuf,
    kept: PathBuf,
    /// The generation beside the keyring.
    generation: PathBuf,
}

impl Snapshot {
    /// Copies what is stored now.
    #[must_use]
    pub fn of(fixture: &Fixture) -> Self {
        let snapshot = Self {
            state: fixture.state(),
            kept: fixture.path("kept"),
            generation: fixture.generation_beside_keyring(),
        };
        copy(&snapshot.state, &snapshot.kept);
        if snapshot.generation.exists() {
            copy(&snapshot.generation, &snapshot.kept.join("beside"));
        }
        snapshot
    }

    /// Restores it, and removes what was added since.
    ///
    /// # Panics
    /// When it cannot.
    pub fn restore(&self) {
        fs::remove_dir_all(&self.state).unwrap();
        copy(&self.kept, &self.state);
        // Otherwise the state would be refused as one that was restored.
        let kept = self.state.join("beside");
        if kept.exists() {
            fs::rename(kept, &self.generation).unwrap();
        } else if self.generation.exists() {
            fs::remove_file(&self.generation).unwrap();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("/bin/cp").arg("--archive").args([from, to]).status().unwrap();
    assert!(copied.success());
}

/// The recovery codes in the output of `recovery-codes --json`, if there are any.
#[must_use]
pub fn renewed_codes(said: &str) -> Option<Vec<String>> {
    let document: serde_json::Value = serde_json::from_str(said).ok()?;
    let codes = document.get("recovery_codes")?.as_array()?;
    codes.iter().map(|code| code.as_str().map(str::to_owned)).collect()
}

/// Whether a user is enrolled. If so, the code of that moment is accepted; if not, a login is refused without an error.
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
            assert_eq!(event.field("event"), "refused", "an error about {user}: {event:?}: {case}");
        }
        other => panic!("status {other} of {user}: {case}"),
    }
    status == 0
}

/// The exit status for a user who is not enrolled.
pub const NOT_ENROLLED: i32 = 3;

/// The credential and the ledger of a user.
///
/// # Panics
/// When one cannot be read.
#[must_use]
pub fn files_of(fixture: &Fixture, user: &str) -> [Vec<u8>; 2] {
    [fixture.credential(user), fixture.ledger(user)].map(|path| fs::read(path).unwrap())
}
