//! The ledger, read by the table of offsets in docs/file-formats.md alone, holds what happened.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what is not there fails the test"
)]

use acceptance::clock::THEN;
use acceptance::documents;
use acceptance::fixture::Fixture;
use acceptance::reset_steps::{KEY, requests};
use acceptance::snapshot::renewed_codes;
use data_encoding::HEXLOWER;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn each_field_is_at_the_documented_offset() {
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
    let layout = Layout::of_the_document();
    let before = layout.read(&fixture.ledger("alice"));
    assert_eq!(before.bytes("magic"), b"PTLEDGER");
    assert_eq!(before.number("version"), 1);
    assert_eq!(before.number("authenticators"), 1);
    assert_eq!(before.bytes("credential"), ids(&fixture)[0]);
    assert_eq!(before.number("last login") + before.number("last method"), 0);

    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    let _ = fixture.login("alice").types(wrong).at(THEN).code();
    let after = layout.read(&fixture.ledger("alice"));
    assert!(after.number("sequence") > before.number("sequence"));
    assert_eq!((after.number("recent"), after.part("tries", 0, 8), after.number("in a row")), (1, THEN, 1));
    assert_eq!(after.number("locked at") + after.number("locked until"), 0);

    let _ = fixture.login("alice").types(&codes[3]).at(THEN + 30).code();
    let after = layout.read(&fixture.ledger("alice"));
    assert_eq!(after.bytes("recovery set"), ids(&fixture)[1]);
    let used: Vec<u64> = (0..16).map(|code| after.part("recovery used", 8 * code, 8)).collect();
    assert_eq!(used.iter().filter(|&&used| used != 0).count(), 1);
    assert_eq!(used[3], THEN + 30);
    assert_eq!((after.number("last login"), after.number("last method")), (THEN + 30, 2));
    assert_eq!(after.number("devices"), 0);

    let with_code = fixture.login_with_code_at("alice", THEN + 60).after(KEY).from_host("192.0.2.7");
    let _ = with_code.code();
    let after = layout.read(&fixture.ledger("alice"));
    assert_eq!((after.part("progress", 0, 8), after.part("progress", 8, 8)), ((THEN + 60) / 30, THEN + 60));
    assert_eq!((after.number("last login"), after.number("last method")), (THEN + 60, 1));
    assert_eq!(after.number("devices"), 1);
    let month = 30 * 86400;
    let device = [32, 40, 48].map(|at| after.part("device", at, 8));
    assert_eq!(device, [THEN + 60, THEN + 60 + month, THEN + 60]);

    requests(&fixture, "bob", THEN + 90).assert_done();
    let after = layout.read(&fixture.ledger("alice"));
    assert_eq!((after.number("reset at"), after.number("reset until")), (THEN + 90, THEN + 90 + 86400));
    assert_eq!(after.number("reset by"), u64::from(fixture.machine().uid("bob")));
}

#[test]
fn a_lock_is_at_the_documented_offset() {
    let fixture = Fixture::builder().config("[limit]\nlock_after = 1\n").enrolled("alice").build();
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    let _ = fixture.login("alice").types(wrong).at(THEN).code();
    let layout = Layout::of_the_document();
    let after = layout.read(&fixture.ledger("alice"));
    assert_eq!((after.number("locked at"), after.number("locked until")), (THEN, THEN + 60));
}

#[test]
fn the_table_covers_every_byte_of_a_slot() {
    let layout = Layout::of_the_document();
    let mut expected = 0;
    for range in &layout.all {
        assert_eq!(range.start, expected, "{range:?}");
        expected = range.end;
    }
    assert_eq!(expected, PAGE);
}

const PAGE: usize = 2048;

/// Where each field lies in a page.
struct Layout {
    fields: BTreeMap<String, Range<usize>>,
    all: Vec<Range<usize>>,
}

impl Layout {
    fn of_the_document() -> Self {
        let text = documents::read("docs/file-formats.md").text;
        let (_, ledger) = text.split_once("\n## The ledger\n").unwrap();
        let (ledger, _) = ledger.split_once("\n## ").unwrap();
        let mut layout = Self { fields: BTreeMap::new(), all: Vec::new() };
        for row in ledger.lines() {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let [_, offset, bytes, field, ..] = cells[..] else { continue };
            let (Ok(offset), Ok(bytes)) = (offset.parse::<usize>(), bytes.parse::<usize>()) else { continue };
            let range = offset..offset + bytes;
            layout.all.push(range.clone());
            if let Some(name) = field.strip_prefix('`').and_then(|field| field.split('`').next()) {
                layout.fields.insert(name.to_owned(), range);
            }
        }
        layout
    }

    /// The slot in use: the higher sequence number of those with a right checksum.
    fn read(&self, file: &Path) -> Page<'_> {
        let bytes = fs::read(file).unwrap();
        assert_eq!(bytes.len(), 2 * PAGE);
        let pages = bytes.chunks(PAGE).map(|page| Page { layout: self, page: page.to_vec() });
        pages.filter(Page::checks).max_by_key(|page| page.number("sequence")).unwrap()
    }
}

struct Page<'l> {
    layout: &'l Layout,
    page: Vec<u8>,
}

impl Page<'_> {
    fn bytes(&self, field: &str) -> &[u8] {
        let range = self.layout.fields.get(field).unwrap_or_else(|| panic!("the table has no {field}"));
        &self.page[range.clone()]
    }

    fn number(&self, field: &str) -> u64 {
        number(self.bytes(field))
    }

    fn part(&self, field: &str, at: usize, bytes: usize) -> u64 {
        number(&self.bytes(field)[at..at + bytes])
    }

    fn checks(&self) -> bool {
        let covered = if self.number("devices") == 0 { 448 } else { 1408 };
        sha256(&self.page[..covered]) == self.bytes("checksum")
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// By another program than the one under test.
fn sha256(bytes: &[u8]) -> Vec<u8> {
    let mut child =
        Command::new("/usr/bin/sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let out = child.wait_with_output().unwrap().stdout;
    HEXLOWER.decode(&out[..64]).unwrap()
}

/// The ids in alice's credential: its own, and that of her recovery codes.
fn ids(fixture: &Fixture) -> Vec<Vec<u8>> {
    let credential = fs::read_to_string(fixture.credential("alice")).unwrap();
    let ids = credential.lines().filter_map(|line| line.strip_prefix("id = \"")?.strip_suffix('"'));
    ids.map(|id| HEXLOWER.decode(id.as_bytes()).unwrap()).collect()
}
