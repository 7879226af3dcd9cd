//! A caller of the real su limits the size of files (RLIMIT_FSIZE, setrlimit(2)) while a code is judged: the answer tells nothing of
//! the code, and what was looked at is used up.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

use acceptance::clock::{self, THEN};
use acceptance::counter_token::{CounterToken, phone_and_fob};
use acceptance::enroll_command;
use acceptance::fixture::{Fixture, users_file};
use acceptance::login::{PROMPT, PamCode};
use acceptance::machine::PASSWORD;
use acceptance::site::Site;
use acceptance::snapshot::{Snapshot, renewed_codes};
use acceptance::strace::{self, Point};
use acceptance::sweep::Sweep;
use acceptance::terminal::Terminal;
use std::process::Command;

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
fn at_every_size_limit_a_code_looks_wrong_or_is_used_up() {
    each_size_limit_tells_nothing(site(0), &a_right_code, &a_wrong_code);
}

#[test]
fn at_every_size_limit_a_code_after_a_wrong_one_looks_wrong_or_is_used_up() {
    each_size_limit_tells_nothing(site(1), &a_right_code, &a_wrong_code);
}

#[test]
fn at_every_size_limit_a_recovery_code_looks_wrong_or_is_used_up() {
    each_size_limit_tells_nothing(site(0), &a_recovery_code, &|_| WRONG_RECOVERY_CODE.to_owned());
}

#[test]
fn at_every_size_limit_a_recovery_code_after_a_wrong_code_looks_wrong_or_is_used_up() {
    each_size_limit_tells_nothing(site(1), &a_recovery_code, &|_| WRONG_RECOVERY_CODE.to_owned());
}

#[test]
fn at_every_size_limit_a_counter_code_looks_wrong_or_is_used_up() {
    let (site, fob) = site_with_fob();
    let wrong = fob.wrong_codes(1).remove(0);
    each_size_limit_tells_nothing(site, &|_, _| fob.press(7), &|_| wrong.clone());
}

#[test]
fn at_every_size_limit_two_codes_look_wrong_or_are_used_up() {
    let (site, fob) = site_with_fob();
    let wrong = [fob.press(35), fob.press(37)].join(" ");
    each_size_limit_tells_nothing(site, &|_, _| fob.presses(35, 1).join(" "), &|_| wrong.clone());
}

fn a_right_code(site: &Site, _: &[String]) -> String {
    present_code(site)
}

fn a_wrong_code(site: &Site) -> String {
    site.fixture.authenticator("alice").wrong_code()
}

fn a_recovery_code(_: &Site, codes: &[String]) -> String {
    codes[0].clone()
}

#[test]
fn under_a_size_limit_a_command_tells_nothing_of_a_code() {
    let fixture = Fixture::with(&["alice"]);
    let renew = fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]);
    let recovery_code = renewed_codes(&renew.stdout).unwrap().remove(0);
    let snapshot = Snapshot::of(&fixture);
    let test = |size: usize, typed: &str| {
        snapshot.restore();
        let command = fixture.command(&["test", "alice", "--code-fd", "0"]);
        let mut limited = Command::new("/usr/bin/prlimit");
        limited.arg(format!("--fsize={size}")).arg(command.get_program()).args(command.get_args());
        enroll_command::run(limited, typed)
    };
    for size in Sweep::today().points(sizes()) {
        let code = fixture.authenticator("alice").code_at(clock::well_inside_a_step(30, 5));
        let wrong = fixture.authenticator("alice").wrong_code();
        for (right, wrong) in [(&code, &wrong), (&recovery_code, &WRONG_RECOVERY_CODE.to_owned())] {
            let [right, wrong] = [right, wrong].map(|typed| test(size, typed));
            assert!(
                right.status == 0 || (right.status, &right.stderr) == (wrong.status, &wrong.stderr),
                "right {right:?}, wrong {wrong:?}: {size}"
            );
        }
    }
}

#[test]
fn a_record_that_fails_after_the_look_looks_like_a_wrong_code() {
    let fixture = Fixture::with(&["alice"]);
    let typed = fixture.authenticator("alice").code_at(THEN);
    // The charge.
    each_failure_after_the_look_looks_wrong(&fixture, &typed, 1);
}

#[test]
fn a_recovery_code_whose_record_fails_looks_like_a_wrong_one() {
    let fixture = Fixture::with(&["alice"]);
    let renew = fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]);
    // Both slots as they are.
    each_failure_after_the_look_looks_wrong(&fixture, &renewed_codes(&renew.stdout).unwrap()[0], 1);
}

#[test]
fn a_counter_code_whose_record_fails_looks_like_a_wrong_one() {
    for typed in [|fob: &CounterToken| fob.press(5), |fob: &CounterToken| fob.presses(35, 1).join(" ")] {
        let (fixture, fob) = phone_and_fob(Fixture::builder());
        // Both slots as they are, and the charge.
        each_failure_after_the_look_looks_wrong(&fixture, &typed(&fob), 2);
    }
}

/// How many wrong codes went before: a charge is one record, so the next record goes to the other slot.
const WRONG_BEFORE: [usize; 2] = [0, 1];
/// Blocks of 512 bytes: below, between and above the slots of each version of a ledger.
const LIMITS: [u64; 4] = [0, 4, 8, 16];
/// The signal of a file that becomes too large is left to itself, or ignored; a program inherits that (execve(2)).
const CALLERS: [&str; 2] = [":", "trap '' XFSZ"];
/// What a limit, a full disk, a quota and a broken disk answer.
const ERRORS: [&str; 4] = ["EFBIG", "ENOSPC", "EDQUOT", "EIO"];
/// It has the form of one.
const WRONG_RECOVERY_CODE: &str = "0000-0000-0000-0000";

/// The sizes from nothing to a whole ledger: each near the beginning of its slots, where their content is, and some of the others.
fn sizes() -> impl Iterator<Item = usize> {
    (0..=2 * 4096 + 1)
        .filter(|size| size % 4096 <= 600 && size % 3 == 0 || size % 512 == 0 || size % 4096 == 4095)
}

/// The same for su, which waits three seconds after a wrong code.
fn few_sizes() -> impl Iterator<Item = usize> {
    sizes().filter(|size| size % 4096 == 4095 || size % 150 == 0 || size % 2048 == 0)
}

/// A right code under each limit, with and without a wrong one before: accepted, or refused like a wrong code; and if it was
/// charged, used up.
fn each_size_limit_tells_nothing(
    mut site: Site,
    right: &dyn Fn(&Site, &[String]) -> String,
    wrong: Typed<'_>,
) {
    let renew = site.fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]);
    let codes = renewed_codes(&renew.stdout).unwrap();
    let (snapshot, before) = (Snapshot::of(&site.fixture), charged(&site));
    for size in Sweep::today().points(few_sizes()) {
        snapshot.restore();
        let wrong = wrong(&site);
        let wrong = su_limited(&mut site, &format!("ulimit -c 0; exec prlimit --fsize={size}"), &wrong);
        snapshot.restore();
        let typed = right(&site, &codes);
        let right = su_limited(&mut site, &format!("ulimit -c 0; exec prlimit --fsize={size}"), &typed);
        assert!(
            right.is_accepted || right.said == wrong.said,
            "right {:?}, wrong {:?}: {size} bytes",
            right.said,
            wrong.said
        );
        if right.is_accepted || charged(&site) > before {
            let again = site.fixture.login("alice").types(&typed).code();
            assert_eq!(again, PamCode::AUTH_ERR, "{:?}, then: {size} bytes", right.said);
        }
    }
}

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

/// Alice has a fob beside her phone, whose next counter is 5.
fn site_with_fob() -> (Site, CounterToken) {
    let (site, fob) = (site(0), CounterToken::random());
    site.fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
    let phone = ("alice".to_owned(), site.fixture.authenticator("alice").clone());
    fob.enrol(&site.fixture, "alice", Some(&users_file(&[phone])), 5);
    (site, fob)
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

/// So many writes are before the look; each write and sync behind them fails once.
fn each_failure_after_the_look_looks_wrong(fixture: &Fixture, typed: &str, before_look: usize) {
    let login = fixture.login("alice").types(typed).at(THEN);
    let snapshot = Snapshot::of(fixture);
    let points = strace::record_login(&login, &[fixture.ledger("alice")]);
    let stores = |point: &Point| ["pwrite64", "fdatasync"].contains(&point.name.as_str());
    let cases = points.into_iter().filter(stores).skip(before_look);
    for (point, error) in cases.flat_map(|point| ERRORS.map(|error| (point.clone(), error))) {
        snapshot.restore();
        let code = strace::login_failing_at(&login, &point, error).code;
        assert!([PamCode::SUCCESS, PamCode::AUTH_ERR].contains(&code), "{code:?}: {error}, {}", point.line);
        let reason = fixture.journal.last().field("reason").to_owned();
        assert_eq!(reason == "unrecorded", code == PamCode::AUTH_ERR, "{reason}: {error}, {}", point.line);
    }
}

/// Bob calls su for alice, with her password and this code.
fn su(site: &mut Site, caller: &str, blocks: u64, typed: &str) -> Answer {
    su_limited(site, &format!("{caller}; ulimit -f {blocks};"), typed)
}

fn su_limited(site: &mut Site, limit: &str, typed: &str) -> Answer {
    let bob = site.fixture.machine().uid("bob").to_string();
    let mut shell = site.fixture.machine().namespace().command("/usr/bin/setpriv");
    shell.args(["--reuid", &bob, "--regid", &bob, "--clear-groups", "/bin/sh", "-c"]);
    shell.arg(format!("({limit} su alice -c true); echo status $?"));
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
