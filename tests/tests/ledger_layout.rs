//! The ledger, read by the tables in docs/file-formats.md alone, holds what happened.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

use acceptance::clock::THEN;
use acceptance::fixture::Fixture;
use acceptance::reset_steps::{KEY, requests};
use acceptance::snapshot::renewed_codes;
use data_encoding::{BASE64, HEXLOWER};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn each_record_is_as_documented() {
    let remember = "[remember]\nmode = \"always\"\n";
    let builder = Fixture::builder()
        .account("bob")
        .account("carol")
        .account("alice")
        .enrolled("alice")
        .config(remember);
    let mut fixture = builder.build();
    let codes =
        renewed_codes(&fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]).stdout).unwrap();
    let before = Slot::in_use(&fixture);
    assert_eq!(before.credential, ids(&fixture)[0]);
    assert_eq!(before.types(), [1], "nothing has happened");

    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    let _ = fixture.login("alice").types(wrong).at(THEN).code();
    let after = Slot::in_use(&fixture);
    assert!(after.sequence > before.sequence);
    let failures = after.one(2);
    assert_eq!((number(&failures[..4]), number(&failures[4..20])), (1, 0), "one in a row, no lock");
    assert_eq!((number(&failures[20..28]), failures.len()), (THEN, 28));

    let _ = fixture.login("alice").types(&codes[3]).at(THEN + 30).code();
    let after = Slot::in_use(&fixture);
    let recovery = after.one(3);
    assert_eq!(recovery[..16], ids(&fixture)[1]);
    assert_eq!((recovery[16], number(&recovery[17..]), recovery.len()), (3, THEN + 30, 25));
    let last = after.one(4);
    assert_eq!((number(&last[..8]), last[8], last.len()), (THEN + 30, 2, 9));

    let with_code = fixture.login_with_code_at("alice", THEN + 60).after(KEY).from_host("192.0.2.7");
    let _ = with_code.code();
    let after = Slot::in_use(&fixture);
    let factor = after.one(1);
    assert_eq!((number(&factor[..8]), number(&factor[8..])), ((THEN + 60) / 30, THEN + 60));
    assert_eq!(after.one(4)[8], 1);
    let device = after.one(5);
    let month = 30 * 86400;
    let times = [32, 40, 48].map(|at| number(&device[at..at + 8]));
    assert_eq!(times, [THEN + 60, THEN + 60 + month, THEN + 60]);
    assert_eq!((number(&device[56..]), device.len()), (0, 60));

    requests(&fixture, "bob", THEN + 90).assert_done();
    let after = Slot::in_use(&fixture);
    let reset = after.one(6);
    assert_eq!((number(&reset[..8]), number(&reset[8..16])), (THEN + 90, THEN + 90 + 86400));
    assert_eq!(number(&reset[16..]), u64::from(fixture.machine().uid("bob")));
}

#[test]
fn a_lock_is_where_the_document_says() {
    let fixture = Fixture::builder().config("[limit]\nlock_after = 1\n").enrolled("alice").build();
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    let _ = fixture.login("alice").types(wrong).at(THEN).code();
    let failures = Slot::in_use(&fixture).one(2).to_vec();
    assert_eq!((number(&failures[4..12]), number(&failures[12..20])), (THEN, THEN + 60));
}

const SLOT: usize = 4096;

/// A slot whose checks are right, read by the tables of the document alone.
struct Slot {
    sequence: u64,
    credential: Vec<u8>,
    /// The type and the content of each record.
    records: Vec<(u8, Vec<u8>)>,
}

impl Slot {
    /// The slot in use: the one with the higher sequence number.
    fn in_use(fixture: &Fixture) -> Self {
        let bytes = fs::read(fixture.ledger("alice")).unwrap();
        assert_eq!(bytes.len(), 2 * SLOT);
        let key = key_of(fixture);
        let slots = bytes.chunks(SLOT).zip(0u8..).filter_map(|(slot, place)| Self::read(slot, place, &key));
        slots.max_by_key(|slot| slot.sequence).unwrap()
    }

    /// `None`: a slot that was not written yet, or that says that nobody is enrolled.
    fn read(slot: &[u8], place: u8, (id, key): &(String, Vec<u8>)) -> Option<Self> {
        let mut rest = slot;
        let mut take = |bytes: usize| {
            let (field, behind) = rest.split_at(bytes);
            rest = behind;
            field.to_vec()
        };
        if take(8) != b"PTLEDGER" {
            return None;
        }
        assert_eq!(number(&take(4)), 2, "the version");
        let sequence = number(&take(8));
        assert_eq!(take(1), [place]);
        let credential = take(16);
        let length = take(1)[0];
        let named = take(length.into());
        let length = number(&take(2));
        let content = take(usize::try_from(length).unwrap());
        let covered = 8 + 4 + 8 + 1 + 16 + 1 + named.len() + 2 + content.len();
        let mac = take(32);
        assert_eq!(number(&take(4)), u64::from(crc32c(&slot[..covered + 32])));
        if credential == [0; 16] {
            return None;
        }
        assert_eq!(named, id.as_bytes());
        // The key derived for this purpose, and the MAC over the user's name and the slot.
        let derived = hmac(key, &[b"pam_totp ledger 2".as_slice(), &[1]].concat());
        let over = [&5u64.to_be_bytes()[..], b"alice", &slot[..covered]].concat();
        assert_eq!(mac, hmac(&derived, &over));
        let mut records = Vec::new();
        let mut content = content.as_slice();
        while let [kind, high, low, behind @ ..] = content {
            let (record, behind) = behind.split_at(usize::from(u16::from_be_bytes([*high, *low])));
            records.push((*kind, record.to_vec()));
            content = behind;
        }
        Some(Self { sequence, credential, records })
    }

    fn types(&self) -> Vec<u8> {
        self.records.iter().map(|(kind, _)| *kind).collect()
    }

    /// The only record of a type.
    fn one(&self, kind: u8) -> &[u8] {
        let found: Vec<_> = self.records.iter().filter(|(one, _)| *one == kind).collect();
        assert_eq!(found.len(), 1, "type {kind}");
        &found[0].1
    }
}

/// The id and the bytes of the only key of the keyring.
fn key_of(fixture: &Fixture) -> (String, Vec<u8>) {
    let text = fs::read_to_string(fixture.keyring()).unwrap();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{key} = \"")));
        line.and_then(|line| line.strip_suffix('"')).unwrap().to_owned()
    };
    (value("id"), BASE64.decode(value("secret").as_bytes()).unwrap())
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// CRC-32C bit by bit (RFC 3720 appendix B.4: the reflected polynomial).
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

/// HMAC-SHA-256, by another program than the one under test.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = format!("hexkey:{}", HEXLOWER.encode(key));
    let mut child = Command::new("/usr/bin/openssl")
        .args(["dgst", "-sha256", "-mac", "HMAC", "-macopt", &key, "-binary"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(message).unwrap();
    child.wait_with_output().unwrap().stdout
}

/// The ids in alice's credential: its own, and that of her recovery codes.
fn ids(fixture: &Fixture) -> Vec<Vec<u8>> {
    let credential = fs::read_to_string(fixture.credential("alice")).unwrap();
    let ids = credential.lines().filter_map(|line| line.strip_prefix("id = \"")?.strip_suffix('"'));
    ids.map(|id| HEXLOWER.decode(id.as_bytes()).unwrap()).collect()
}
