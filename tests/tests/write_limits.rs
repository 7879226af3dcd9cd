//! A caller of the real su limits the size of files (RLIMIT_FSIZE, setrlimit(2)) while a code is judged: the answer tells nothing of
//! the code, and what was looked at is used up.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

use acceptance::clock::{self, THEN};
use acceptance::fixture::Fixture;
use acceptance::login::{PROMPT, PamCode};
use acceptance::machine::PASSWORD;
use acceptance::site::Site;
use acceptance::snapshot::{Snapshot, renewed_codes};
use acceptance::strace::{self, Point};
use acceptance::terminal::Terminal;

#[test]
fn under_a_size_limit_a_right_code_is_accepted_or_looks_wrong() {
    for wrong_before in WRONG_BEFORE {
        let mut site = site(wrong_before);
        answers_tell_nothing(&mut site, &present_code, &|site| {
            site.fixture.authenticator("alice").wrong_code()
        });
    }
}

#[test]
fn under_a_size_limit_a_recovery_code_is_accepted_or_looks_wrong() {
    for wrong_before in WRONG_BEFORE {
        let mut site = site(wrong_before);
        let renew = site.fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]);
        let right = renewed_codes(&renew.stdout).unwrap().remove(0);
        answers_tell_nothing(&mut site, &|_| right.clone(), &|_| WRONG_RECOVERY_CODE.to_owned());
    }
}

#[test]
fn a_code_that_was_charged_under_a_size_limit_is_used_up() {
    for wrong_before in WRONG_BEFORE {
        let mut site = site(wrong_before);
        let (snapshot, before) = (Snapshot::of(&site.fixture), charged(&site));
        for caller in CALLERS {
            for blocks in LIMITS {
                snapshot.restore();
                let right = present_code(&site);
                let limited = su(&mut site, caller, blocks, &right).said;
                let is_charged = charged(&site) > before;
                let again = site.fixture.login("alice").types(&right).code();
                assert!(
                    !is_charged || again == PamCode::AUTH_ERR,
                    "charged with {limited:?}, and then {again:?}: {blocks} blocks, {caller:?}"
                );
            }
        }
    }
}

#[test]
fn a_record_that_fails_after_the_look_looks_like_a_wrong_code() {
    let fixture = Fixture::with(&["alice"]);
    let typed = fixture.authenticator("alice").code_at(THEN);
    each_failure_after_the_look_looks_wrong(&fixture, &typed);
}

#[test]
fn a_recovery_code_whose_record_fails_looks_like_a_wrong_one() {
    let fixture = Fixture::with(&["alice"]);
    let renew = fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]);
    each_failure_after_the_look_looks_wrong(&fixture, &renewed_codes(&renew.stdout).unwrap()[0]);
}

/// How many wrong codes went before: a charge is one record, so the next record goes to the other slot.
const WRONG_BEFORE: [usize; 2] = [0, 1];
/// Blocks of 512 bytes: below, between and above the slots of each version of a ledger.
const LIMITS: [u64; 4] = [0, 4, 8, 16];
/// The signal of a file that becomes too large is left to itself, or ignored; a program inherits that (execve(2)).
const CALLERS: [&str; 2] = [":", "trap '' XFSZ"];
/// It has the form of one.
const WRONG_RECOVERY_CODE: &str = "0000-0000-0000-0000";

/// What is typed at a call.
type Typed<'a> = &'a dyn Fn(&Site) -> String;

/// What su says to a code, and what the module logged.
struct Answer {
    said: String,
    is_accepted: bool,
}

fn site(wrong_before: usize) -> Site {
    let site = Site::by(&["su"]);
    for wrong in site.fixture.authenticator("alice").wrong_codes_at(wrong_before, clock::now()) {
        assert_eq!(site.fixture.login("alice").types(wrong).code(), PamCode::AUTH_ERR);
    }
    site
}

/// The code of now, which lasts for the call.
fn present_code(site: &Site) -> String {
    site.fixture.authenticator("alice").code_at(clock::well_inside_a_step(30, 5))
}

fn answers_tell_nothing(site: &mut Site, right: Typed<'_>, wrong: Typed<'_>) {
    let snapshot = Snapshot::of(&site.fixture);
    for caller in CALLERS {
        for blocks in LIMITS {
            let [right, wrong] = [right, wrong].map(|typed| {
                snapshot.restore();
                let typed = typed(site);
                su(site, caller, blocks, &typed)
            });
            assert!(
                right.is_accepted || right.said == wrong.said,
                "right {:?}, wrong {:?}: {blocks} blocks, {caller:?}",
                right.said,
                wrong.said
            );
        }
    }
}

/// How many tries are charged to alice.
fn charged(site: &Site) -> u64 {
    let status = site.fixture.totp_enroll(&["--json", "status", "alice"]);
    status.json()["wrong_in_a_row"].as_u64().unwrap()
}

/// The first write is the charge, before the look; each write and sync behind it fails once.
fn each_failure_after_the_look_looks_wrong(fixture: &Fixture, typed: &str) {
    let login = fixture.login("alice").types(typed).at(THEN);
    let snapshot = Snapshot::of(fixture);
    let points = strace::record_login(&login, &[fixture.ledger("alice")]);
    let stores = |point: &Point| ["pwrite64", "fdatasync"].contains(&point.name.as_str());
    for point in points.into_iter().filter(stores).skip(1) {
        snapshot.restore();
        let code = strace::login_failing_at(&login, &point, "EIO").code;
        assert!([PamCode::SUCCESS, PamCode::AUTH_ERR].contains(&code), "{code:?}: {}", point.line);
    }
}

/// Bob calls su for alice, with her password and this code.
fn su(site: &mut Site, caller: &str, blocks: u64, typed: &str) -> Answer {
    let bob = site.fixture.machine().uid("bob").to_string();
    let mut shell = site.fixture.machine().namespace().command("/usr/bin/setpriv");
    shell.args(["--reuid", &bob, "--regid", &bob, "--clear-groups", "/bin/sh", "-c"]);
    shell.arg(format!("{caller}; ulimit -f {blocks}; su alice -c true; echo status $?"));
    let logged = site.fixture.journal.events().len();
    let mut su = Terminal::open(shell.env("LC_ALL", "C.UTF-8"));
    su.expect("Password: ");
    su.types(PASSWORD);
    su.expect(PROMPT);
    su.types(typed);
    let said = su.end().last;
    let events = site.fixture.journal.events();
    let is_accepted =
        events[logged..].iter().any(|event| ["accepted", "recovery_used"].contains(&event.field("event")));
    Answer { said, is_accepted }
}
