//! `import`, `enroll --batch` and `prune` killed at every system call on stored data, and with each call failing once: each user
//! is whole or absent, and the command can be run again.

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::enroll_command::CommandOutput;
use acceptance::files::Files;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::snapshot::{Snapshot, files_of, is_whole};
use acceptance::strace::{self, ERRORS, Point};
use acceptance::sweep::Sweep;
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn a_killed_import_of_a_secret_file_imports_all_or_nothing() {
    let mut fixture = Fixture::with(&["bob"]);
    let bobs = files_of(&fixture, "bob");
    fixture.note("alice", Authenticator::from_manual_key(SECRET));
    let text = format!("{SECRET}\n\" DISALLOW_REUSE\n\" TOTP_AUTH\n{}\n{}\n", SCRATCH[0], SCRATCH[1]);
    let file = fixture.write("secret", &text);
    let file = file.to_str().unwrap();
    let import = ["--json", "import", "google-authenticator", file, "--user", "alice", "--allow-unknown"];
    let mut enrolled = BTreeSet::new();
    cut_short_at_each(&fixture, &import, |end, case| {
        let is_enrolled = is_whole(&fixture, "alice", THEN, case);
        enrolled.insert(is_enrolled);
        assert!(is_enrolled || !end.says_it_is_done(), "said to be done: {case}");
        if is_enrolled {
            let left = status(&fixture, "alice").json()["recovery_left"].clone();
            assert_eq!(left, SCRATCH.len(), "a part of the scratch codes: {case}");
            assert!(opens(&fixture, SCRATCH[0]) && !opens(&fixture, SCRATCH[0]), "{case}");
        }
        let again = fixture.totp_enroll(&import);
        assert_eq!(again.status, 0, "{case}: {again:?}");
        assert_eq!(status(&fixture, "alice").status, 0, "{case}");
        assert!(opens(&fixture, SCRATCH[1]), "{case}");
        assert_eq!(files_of(&fixture, "bob"), bobs, "another process was touched: {case}");
    });
    Sweep::today().assert_met(&enrolled, [false, true]);
}

#[test]
fn a_killed_batch_enrolment_is_whole_or_can_be_repeated() {
    let fixture = Fixture::builder().account("alice").build();
    let enroll = ["--json", "enroll", "alice", "--batch"];
    let mut enrolled = BTreeSet::new();
    cut_short_at_each(&fixture, &enroll, |end, case| {
        let is_enrolled = status(&fixture, "alice").status == 0;
        enrolled.insert(is_enrolled);
        assert!(is_enrolled || !end.says_it_is_done(), "said to be done: {case}");
        if let Some(phone) = serde_json::from_str(end.said()).ok().as_ref().and_then(phone) {
            assert!(opens(&fixture, &phone.code_at(THEN)), "shown, and not good: {case}");
        }
        // What was not shown is useless: it is enrolled again.
        let again: &[&str] = if is_enrolled { &["--replace", "--yes"] } else { &[] };
        let again = fixture.totp_enroll(&[&enroll[..], again].concat());
        again.assert_done();
        assert!(opens(&fixture, &phone(&again.json()).unwrap().code_at(THEN)), "{case}");
    });
    Sweep::today().assert_met(&enrolled, [false, true]);
}

#[test]
fn a_killed_prune_leaves_each_enrolment_whole_or_removed() {
    let fixture =
        Fixture::builder().account("alice").enrolled("alice").enrolled("ann").enrolled("ben").build();
    let alices = files_of(&fixture, "alice");
    let prune = ["--json", "prune", "--yes", "--unknown"];
    let mut left = BTreeSet::new();
    cut_short_at_each(&fixture, &prune, |end, case| {
        let here = ["ann", "ben"].into_iter().filter(|user| is_whole(&fixture, user, THEN, case)).count();
        left.insert(here);
        assert!(here == 0 || !end.says_it_is_done(), "said to be done: {case}");
        fixture.totp_enroll(&prune).assert_done();
        for user in ["ann", "ben"] {
            assert!(
                !is_whole(&fixture, user, THEN, case) && !fixture.ledger(user).exists(),
                "{user}: {case}"
            );
        }
        assert_eq!(files_of(&fixture, "alice"), alices, "another process was touched: {case}");
    });
    Sweep::today().assert_met(&left, [0, 1, 2]);
}

const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
const SCRATCH: [&str; 2] = ["12345678", "87654321"];

/// How a command ended.
enum End {
    /// It was killed, and had said this.
    Killed(String),
    /// A call of it failed.
    Failed(CommandOutput),
}

impl End {
    fn says_it_is_done(&self) -> bool {
        matches!(self, Self::Failed(done) if done.status == 0)
    }

    fn said(&self) -> &str {
        match self {
            Self::Killed(said) => said,
            Self::Failed(done) => &done.stdout,
        }
    }
}

/// Kills a command at each of its calls, lets each of them fail with one of the errors in turn, and looks at what it left wherever
/// that is not what was there before.
fn cut_short_at_each(fixture: &Fixture, arguments: &[&str], mut check: impl FnMut(&End, &str)) {
    let snapshot = Snapshot::of(fixture);
    let points = strace::record(&fixture.command(arguments), &[&fixture.path("")]);
    let (mut by_kills, mut by_errors) = (0, 0);
    let mut at = |point: &Point, error: Option<&'static str>| {
        snapshot.restore();
        let before = Files::below(&fixture.state());
        let command = fixture.command(arguments);
        let end = match error {
            None => End::Killed(strace::killed_at(&command, point)),
            Some(error) => End::Failed(strace::failing_at(&command, point, error)),
        };
        if let End::Failed(done) = &end {
            assert!([0, 1].contains(&done.status), "{error:?} at {point:?}: {done:?}");
            assert!(
                done.status == 0 || !done.stderr.is_empty() || !done.stdout.is_empty(),
                "no word: {point:?}"
            );
        }
        let has_spoken = matches!(&end, End::Killed(said) if !said.is_empty());
        if has_spoken || end.says_it_is_done() || Files::below(&fixture.state()) != before {
            *error.map_or(&mut by_kills, |_| &mut by_errors) += 1;
            check(&end, &format!("{error:?} at {point:?}"));
        }
    };
    let sweep = Sweep::today();
    for (point, error) in sweep.points(points.iter().zip(ERRORS.iter().cycle())) {
        at(point, None);
        // The last call has no error.
        if point.name != "exit_group" {
            at(point, Some(error));
        }
    }
    sweep.assert_more_than(3, by_kills, "changes by a kill");
    sweep.assert_more_than(3, by_errors, "changes by an error");
}

fn status(fixture: &Fixture, user: &str) -> CommandOutput {
    fixture.totp_enroll(&["--json", "status", user])
}

fn opens(fixture: &Fixture, answer: &str) -> bool {
    fixture.login("alice").types(answer).at(THEN).code() == PamCode::SUCCESS
}

/// What the phone then has, unless an error is shown.
fn phone(shown: &Value) -> Option<Authenticator> {
    shown["manual_key"].as_str().map(Authenticator::from_manual_key)
}
