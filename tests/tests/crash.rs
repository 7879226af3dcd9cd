//! The machine crashes: a write is torn or lost. What was reported as done was on the disk before.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a fixture that cannot be built fails its test"
)]

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::counter_token::phone_and_fob;
use acceptance::fixture::{Fixture, users_file};
use acceptance::login::{Login, PamCode};
use acceptance::reset_steps::wait_for_the_cool_down;
use acceptance::snapshot::renewed_codes;
use acceptance::strace::{self, Trace};
use acceptance::sweep::Sweep;
use acceptance::unsynced::{Output, outputs_after_a_change};
use std::fmt;
use std::fs;
use std::process::Stdio;

#[test]
fn after_a_torn_write_no_code_is_accepted_twice() {
    let fixture = Fixture::with(&["alice"]);
    assert_eq!(fixture.login_with_code_at("alice", THEN - 60).code(), PamCode::SUCCESS);
    let of_before =
        fixture.login("alice").types(fixture.authenticator("alice").code_at(THEN - 60)).at(THEN - 30);
    let writes = Writes::of(&fixture, &fixture.login_with_code_at("alice", THEN));
    for torn in Sweep::today().points(writes.torn()) {
        torn.put_in_place(&fixture);
        assert_eq!(of_before.clone().code(), PamCode::AUTH_ERR, "used long before: {torn:?}");
        assert_eq!(fixture.journal.last().what(), "refused replayed", "{torn:?}");
        torn.put_in_place(&fixture);
        // Only a crash tears a write, and after that the machine has just started.
        assert_eq!(fixture.login_with_code_at("alice", THEN).up_for(5).code(), PamCode::AUTH_ERR, "{torn:?}");
        if !torn.is_whole {
            let what = fixture.journal.last().what();
            assert_eq!(what, "refused before_boot", "not by the slot before it: {torn:?}");
        }
        torn.put_in_place(&fixture);
        assert_eq!(fixture.totp_enroll(&["--json", "status", "alice"]).status, 0, "{torn:?}");
        let next = fixture.login_with_code_at("alice", THEN + 60).up_for(65);
        assert_eq!(next.clone().code(), PamCode::SUCCESS, "{torn:?}");
        assert_eq!(next.code(), PamCode::AUTH_ERR, "{torn:?}");
    }
}

#[test]
fn a_torn_write_does_not_bring_back_a_recovery_code() {
    let fixture = Fixture::with(&["alice"]);
    let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    let login = |code: &str| fixture.login("alice").types(code).at(THEN);
    let writes = Writes::of(&fixture, &login(&codes[0]));
    assert_eq!(writes.writes.len(), 2, "a recovery code is on both slots");
    let (first, twin): (Vec<_>, Vec<_>) = writes.torn().into_iter().partition(|torn| torn.write == 0);
    for torn in Sweep::today().points(twin) {
        torn.put_in_place(&fixture);
        assert_eq!(login(&codes[0]).code(), PamCode::AUTH_ERR, "it opened before: {torn:?}");
        assert_eq!(login(&codes[1]).code(), PamCode::SUCCESS, "{torn:?}");
        assert_eq!(login(&codes[1]).code(), PamCode::AUTH_ERR, "{torn:?}");
    }
    // Before the first was synced nobody was let in: the code may be good, or not, but not twice.
    for torn in Sweep::today().points(first) {
        torn.put_in_place(&fixture);
        let opened = [login(&codes[0]).code(), login(&codes[0]).code()];
        assert_ne!(opened, [PamCode::SUCCESS; 2], "{torn:?}");
        if !torn.is_whole {
            assert_eq!(opened[0], PamCode::SUCCESS, "not by the slot before it: {torn:?}");
        }
    }
}

#[test]
fn a_code_whose_record_was_lost_in_a_crash_is_refused() {
    let fixture = Fixture::with(&["alice"]);
    assert_eq!(fixture.login_with_code_at("alice", THEN - 90).code(), PamCode::SUCCESS);
    let older = fs::read(fixture.ledger("alice")).unwrap();
    let lose_the_write = || fs::write(fixture.ledger("alice"), &older).unwrap();
    let boot = THEN + 5;
    // Of the clock's step, of the one before, and of the one after it, which drift allows.
    for step in [THEN - 30, THEN, THEN + 30] {
        let login = fixture.login("alice").types(fixture.authenticator("alice").code_at(step)).at(THEN);
        assert_eq!(login.clone().code(), PamCode::SUCCESS, "of {step}");
        lose_the_write();
        // What a login sees that does not know of the crash: without the boot rule the code would be good again.
        assert_eq!(login.clone().code(), PamCode::SUCCESS, "nothing was lost: of {step}");
        for second in [boot + 1, boot + 20, boot + 39] {
            lose_the_write();
            let again = login.clone().at(second).up_for(second - boot);
            assert_eq!(again.code(), PamCode::AUTH_ERR, "of {step}, at {second}");
        }
        lose_the_write();
    }
}

#[test]
fn after_a_crash_the_log_says_when_codes_are_accepted_again() {
    let fixture = Fixture::with(&["alice"]);
    let boot = THEN + 5;
    let at = |second| fixture.login_with_code_at("alice", second).up_for(second - boot);
    assert_eq!(at(boot + 1).code(), PamCode::AUTH_ERR);
    let event = fixture.journal.last();
    assert_eq!(event.what(), "refused before_boot", "{event:?}");
    let wait: u64 = event.field("wait_seconds").parse().unwrap();
    assert!((1..=60).contains(&wait), "{event:?}");
    assert_eq!(at(boot + wait).code(), PamCode::AUTH_ERR, "a second too early");
    assert_eq!(at(boot + 1 + wait).code(), PamCode::SUCCESS);
}

#[test]
fn a_used_recovery_code_is_synced_before_the_answer() {
    let fixture = Fixture::with(&["alice"]);
    let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    let (outcome, trace) = strace::trace_login(&fixture.login("alice").types(&codes[0]).at(THEN));
    assert_eq!(outcome.code, PamCode::SUCCESS);
    nothing_unsynced(&outputs_after_a_change(&trace, &fixture.state()), 2);
}

#[test]
fn a_used_counter_is_synced_before_the_answer() {
    let (fixture, fob) = phone_and_fob(Fixture::builder());
    for typed in [fob.press(5), fob.presses(35, 1).join(" ")] {
        let (outcome, trace) = strace::trace_login(&fixture.login("alice").types(typed).at(THEN));
        assert_eq!(outcome.code, PamCode::SUCCESS);
        nothing_unsynced(&outputs_after_a_change(&trace, &fixture.state()), 2);
    }
}

#[test]
fn a_torn_write_does_not_bring_back_a_counter_code() {
    for (typed, next) in [([5, 0], 6), ([35, 1], 37)] {
        let (fixture, fob) = phone_and_fob(Fixture::builder());
        let codes = |[first, more]: [u64; 2]| fob.presses(first, u32::try_from(more).unwrap()).join(" ");
        // The machine has just started.
        let login = |typed: &str| fixture.login("alice").types(typed).at(THEN).up_for(5);
        let used = codes(typed);
        let writes = Writes::of(&fixture, &fixture.login("alice").types(&used).at(THEN));
        assert_eq!(writes.writes.len(), 2, "a counter is on both slots");
        let (first, twin): (Vec<_>, Vec<_>) = writes.torn().into_iter().partition(|torn| torn.write == 0);
        for torn in Sweep::today().points(twin) {
            torn.put_in_place(&fixture);
            assert_eq!(login(&used).code(), PamCode::AUTH_ERR, "it opened before: {torn:?}");
            assert_eq!(fixture.journal.last().what(), "refused replayed", "{torn:?}");
            assert_eq!(login(&fob.press(next)).code(), PamCode::SUCCESS, "{torn:?}");
        }
        // Before the first was synced nobody was let in.
        for torn in Sweep::today().points(first) {
            torn.put_in_place(&fixture);
            let opened = [login(&used).code(), login(&used).code()];
            assert_ne!(opened, [PamCode::SUCCESS; 2], "{torn:?}");
            assert_eq!(opened[0] == PamCode::SUCCESS, !torn.is_whole, "{torn:?}");
            assert_eq!(login(&fob.press(next)).code(), PamCode::SUCCESS, "{torn:?}");
        }
    }
}

#[test]
fn a_lost_record_of_a_phone_does_not_bring_back_a_counter_code() {
    let (fixture, fob) = phone_and_fob(Fixture::builder());
    let by_fob = fixture.login("alice").types(fob.press(5)).at(THEN);
    assert_eq!(by_fob.clone().code(), PamCode::SUCCESS);
    let writes = Writes::of(&fixture, &fixture.login_with_code_at("alice", THEN));
    for torn in Sweep::today().points(writes.torn()) {
        torn.put_in_place(&fixture);
        assert_eq!(by_fob.clone().up_for(5).code(), PamCode::AUTH_ERR, "{torn:?}");
        assert_eq!(fixture.journal.last().what(), "refused replayed", "{torn:?}");
    }
}

#[test]
fn a_lock_is_synced_before_the_answer() {
    let fixture = Fixture::builder().config("[limit]\nlock_after = 1").enrolled("alice").build();
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    let (outcome, trace) = strace::trace_login(&fixture.login("alice").types(wrong).at(THEN));
    assert_eq!((outcome.code, fixture.journal.last().field("event")), (PamCode::AUTH_ERR, "locked"));
    nothing_unsynced(&outputs_after_a_change(&trace, &fixture.state()), 2);
}

#[test]
fn a_login_by_an_authenticator_does_not_wait_for_the_disk() {
    let fixture = Fixture::with(&["alice"]);
    let (outcome, trace) = strace::trace_login(&fixture.login_with_code_at("alice", THEN));
    assert_eq!(outcome.code, PamCode::SUCCESS);
    let words = outputs_after_a_change(&trace, &fixture.state());
    // The boot rule covers it; and the search for unsynced files does find it.
    assert!(words.iter().all(|word| word.unsynced.contains(&fixture.ledger("alice"))), "{words:?}");
}

#[test]
fn a_command_has_done_on_the_disk_what_it_says_that_it_did() {
    let fixture = Fixture::with(&["alice", "bob"]);
    let new_users = ["carol", "dave"].map(|user| (user.to_owned(), Authenticator::random()));
    let users = fixture.write("newcomers.oath", &users_file(&new_users));
    let import = ["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown"];
    said_after_it_was_synced(&fixture, &import);
    said_after_it_was_synced(&fixture, &RENEW);
    let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    assert_eq!(fixture.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    said_after_it_was_synced(&fixture, &["--json", "unlock", "alice"]);
    fs::write(fixture.ledger("alice"), vec![7; 4096]).unwrap();
    said_after_it_was_synced(&fixture, &["--json", "unlock", "alice", "--repair"]);
    fs::remove_file(fixture.ledger("alice")).unwrap();
    said_after_it_was_synced(&fixture, &["--json", "unlock", "alice", "--repair"]);
    said_after_it_was_synced(&fixture, &["--json", "disable", "alice", "--yes"]);
    fs::remove_file(fixture.keyring()).unwrap();
    said_after_it_was_synced(&fixture, &["--json", "keys", "init", "--force"]);
    fs::remove_file(fixture.keyring()).unwrap();
    fs::remove_dir_all(fixture.state()).unwrap();
    said_after_it_was_synced(&fixture, &["--json", "keys", "init", "--force"]);
}

#[test]
fn a_step_of_a_reset_is_synced_before_it_is_reported() {
    let config = "[reset]\napprovals = 0\ncooldown = \"1s\"";
    let fixture = Fixture::builder().config(config).enrolled("alice").build();
    let request = ["--json", "reset", "request", "alice", "--reason", "lost"];
    said_after_it_was_synced(&fixture, &request);
    said_after_it_was_synced(&fixture, &["--json", "reset", "cancel", "alice", "--yes"]);
    said_after_it_was_synced(&fixture, &request);
    wait_for_the_cool_down(&fixture);
    said_after_it_was_synced(&fixture, &["--json", "reset", "complete", "alice", "--yes"]);
    said_after_it_was_synced(&fixture, &["--json", "reset", "complete", "alice", "--yes"]);
}

const RENEW: [&str; 4] = ["--json", "recovery-codes", "alice", "--yes"];

fn said_after_it_was_synced(fixture: &Fixture, arguments: &[&str]) {
    let trace = Trace::new();
    let out = trace.recording(&fixture.command(arguments)).stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{arguments:?}: {out:?}");
    nothing_unsynced(&outputs_after_a_change(&trace, &fixture.path("")), 2);
}

/// The line in the log, and the answer, were written after the sync.
fn nothing_unsynced(words: &[Output], at_least: usize) {
    assert!(words.len() >= at_least, "{words:?}");
    for word in words {
        assert!(word.unsynced.is_empty(), "{word}");
    }
}

/// What a login wrote to a ledger.
struct Writes {
    /// The ledger before it.
    before: Vec<u8>,
    /// Where each of its writes went, and what it wrote, in order.
    writes: Vec<(usize, Vec<u8>)>,
}

impl Writes {
    fn of(fixture: &Fixture, login: &Login) -> Self {
        let ledger = fixture.ledger("alice");
        let before = fs::read(&ledger).unwrap();
        let points = strace::record_login(login, std::slice::from_ref(&ledger));
        let after = fs::read(&ledger).unwrap();
        let writes = points.iter().filter(|point| point.name == "pwrite64").map(|point| {
            let (length, offset) = extent(&point.line);
            (offset, after[offset..offset + length].to_vec())
        });
        // What is written to both slots at once, before a look, is what is there.
        let mut writes: Vec<(usize, Vec<u8>)> =
            writes.filter(|(_, written)| written.len() < before.len()).collect();
        // The charge of a code is written over by the record of the look.
        writes.dedup_by_key(|(offset, _)| *offset);
        assert!(matches!(writes.len(), 1 | 2), "each slot once: {points:?}");
        Self { before, writes }
    }

    /// The ledger with each of the writes torn in each of the ways, those before it whole.
    fn torn(&self) -> Vec<Torn> {
        let mut torn = Vec::new();
        let mut ledger = self.before.clone();
        for (write, (offset, page)) in self.writes.iter().enumerate() {
            for tear in tears() {
                let mut contents = ledger.clone();
                for at in (0..page.len()).filter(|at| tear.wrote(*at)) {
                    contents[offset + at] = page[at];
                }
                let is_whole = contents[*offset..offset + page.len()] == page[..];
                torn.push(Torn { write, tear, contents, is_whole });
            }
            ledger[*offset..offset + page.len()].copy_from_slice(page);
        }
        torn
    }
}

/// `pwrite64(5</a>, "..."..., 4096, 0) = 4096`: how much, and where.
fn extent(line: &str) -> (usize, usize) {
    let (call, _) = line.rsplit_once(") = ").unwrap();
    let mut numbers = call.rsplit(", ").map(|number| number.parse().unwrap());
    let offset = numbers.next().unwrap();
    (numbers.next().unwrap(), offset)
}

/// What of a page reached the disk.
#[derive(Clone, Copy, Debug)]
enum Tear {
    /// So many bytes from its beginning.
    Prefix(usize),
    /// The sectors of 512 bytes whose bit is set: a disk writes them in any order.
    Sectors(u8),
}

const SECTOR: usize = 512;

impl Tear {
    fn wrote(self, at: usize) -> bool {
        match self {
            Self::Prefix(length) => at < length,
            Self::Sectors(sectors) => sectors >> (at / SECTOR) & 1 == 1,
        }
    }
}

/// Every beginning of a page is torn in the unit test of the ledger; these are at the edges of its fields and between.
fn tears() -> impl Iterator<Item = Tear> {
    let prefixes = [0, 1, 8, 12, 15, 19, 20, 21, 37, 40, 42, 60, 80, 100, 120, 140, 160, 200, 300, 512, 4095];
    prefixes.into_iter().map(Tear::Prefix).chain((1..0b1111).map(Tear::Sectors))
}

struct Torn {
    write: usize,
    tear: Tear,
    contents: Vec<u8>,
    /// What did not reach the disk was the same before.
    is_whole: bool,
}

impl fmt::Debug for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write {}, torn: {:?}", self.write + 1, self.tear)
    }
}

impl Torn {
    fn put_in_place(&self, fixture: &Fixture) {
        fs::write(fixture.ledger("alice"), &self.contents).unwrap();
    }
}
