//! Stores as earlier versions of the program left them, from `fixtures/`.

use crate::damage::set_mode;
use crate::fixture::Fixture;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;

/// The user of the stored files, which never change.
pub const STORED_USER: &str = "somebody";
/// The secret of that user's authenticator.
pub const STORED_SECRET: &[u8] = b"12345678901234567890";
/// Recovery codes of that user, of the first version's set.
pub const STORED_CODES: [&str; 1] = ["V1V9-TDNX-AVYW-GD2A"];

/// A machine with what `fixtures/VERSION` has of these people, and nobody else.
///
/// # Panics
/// When it cannot be set up.
#[must_use]
pub fn stored_by(version: &str, people: &[&str]) -> Fixture {
    let fixture = Fixture::with(&["another"]);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(version);
    let mut files = vec![(fixtures.join("keyring.toml"), fixture.keyring())];
    for user in people {
        files.push((fixtures.join(format!("credentials/{user}.toml")), fixture.credential(user)));
        files.push((fixtures.join(format!("ledgers/{user}")), fixture.ledger(user)));
    }
    // The other's credential is of the fixture's own keyring, and would be a broken one here.
    for file in [fixture.credential("another"), fixture.ledger("another")] {
        fs::remove_file(file).unwrap();
    }
    for (from, place) in files {
        let copied = fs::copy(&from, &place);
        assert!(copied.is_ok(), "{from:?}: {copied:?}");
        set_mode(&place, 0o600);
    }
    fixture
}

/// Writes into a ledger of version 1, as that version would have: wrong codes in a row, and a lock.
///
/// # Panics
/// When it is no ledger of that version without remembered devices.
pub fn lock_in_version_1(ledger: &Path, consecutive: u32, locked: std::ops::Range<u64>) {
    const SLOT: usize = 2048;
    const FIELDS: usize = 448;
    // Behind magic, version, sequence, credential, four authenticators and the recent attempts.
    const CONSECUTIVE: usize = 36 + 4 + 4 * 16 + 4 + 16 * 8;
    let mut bytes = fs::read(ledger).unwrap();
    assert_eq!(bytes.len(), 2 * SLOT);
    for slot in bytes.chunks_mut(SLOT) {
        if slot[..8] != *b"PTLEDGER" {
            continue;
        }
        assert_eq!(Sha256::digest(&slot[..FIELDS])[..], slot[SLOT - 32..]);
        slot[CONSECUTIVE..CONSECUTIVE + 4].copy_from_slice(&consecutive.to_be_bytes());
        slot[CONSECUTIVE + 4..CONSECUTIVE + 12].copy_from_slice(&locked.start.to_be_bytes());
        slot[CONSECUTIVE + 12..CONSECUTIVE + 20].copy_from_slice(&locked.end.to_be_bytes());
        let checksum = Sha256::digest(&slot[..FIELDS]);
        slot[SLOT - 32..].copy_from_slice(&checksum);
    }
    fs::write(ledger, bytes).unwrap();
}
