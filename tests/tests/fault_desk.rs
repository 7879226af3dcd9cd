//! A command of which a system call on stored data fails: done, or not done and said so; never half, and done when it is
//! given again.

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::desk::{self, Done};
use acceptance::files::Files;
use acceptance::login::PamCode;
use acceptance::resetting::wait_for_the_cool_down;
use acceptance::scene::{Scene, users_file};
use acceptance::stand::{NOT_ENROLLED, Stand, is_whole, renewed};
use acceptance::strace::{self, ERRORS, Point, Trace};
use acceptance::sweep::Sweep;
use acceptance::terminal::{Ended, Terminal};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

#[test]
fn recovery_codes_of_which_a_call_fails_leave_the_old_set_or_the_new_one() {
    let scene = Scene::with(&["alice"]);
    let old = renewed(&scene.desk(&RENEW).stdout).unwrap();
    let stand = Stand::of(&scene);
    each_call_fails(
        &scene,
        &RENEW,
        &ERRORS,
        || stand.put_back(),
        |done, case| {
            assert_eq!(done.status == 0, done.stderr.is_empty(), "{case}: {done:?}");
            assert!(is_whole(&scene, "alice", THEN, case), "{case}");
            let by_old = opens(&scene, &old[0]);
            match renewed(&done.stdout) {
                Some(new) => assert!(!by_old && opens(&scene, &new[0]), "not the set that was shown: {case}"),
                None => assert_eq!(done.status, 1, "no codes, and no word of it: {case}: {done:?}"),
            }
            let again = renewed(&scene.desk(&RENEW).stdout).expect(case);
            assert!(opens(&scene, &again[0]) && !opens(&scene, &old[1]), "{case}");
        },
    );
}

#[test]
fn disable_of_which_a_call_fails_leaves_the_enrolment_or_none() {
    let scene = Scene::with(&["alice"]);
    let stand = Stand::of(&scene);
    let disable = ["--json", "disable", "alice", "--yes"];
    each_call_fails(
        &scene,
        &disable,
        &ERRORS,
        || stand.put_back(),
        |done, case| {
            let enrolled = is_whole(&scene, "alice", THEN, case);
            assert!(done.status == 1 || !enrolled, "said to be done: {case}");
            let again = scene.desk(&disable);
            assert_eq!(again.status, if enrolled { 0 } else { NOT_ENROLLED }, "{case}: {again:?}");
            assert!(!is_whole(&scene, "alice", THEN, case), "{case}");
        },
    );
}

#[test]
fn a_request_of_a_reset_of_which_a_call_fails_is_made_or_not_and_never_silent() {
    let scene = Scene::with(&["alice"]);
    let request = ["--json", "reset", "request", "alice", "--reason", "lost"];
    let stand = Stand::of(&scene);
    each_call_fails(
        &scene,
        &request,
        &ERRORS,
        || stand.put_back(),
        |done, case| {
            let is_made = scene.path("state/resets/alice.toml").exists();
            assert!(done.status == 1 || is_made, "said to be made: {case}");
            let status = scene.desk(&["--json", "status", "alice"]);
            assert!(!is_made || !status.json()["reset"].is_null(), "silent: {case}");
            assert!(is_whole(&scene, "alice", THEN, case), "{case}");
            let again = scene.desk(&request);
            assert_eq!(again.status, i32::from(is_made), "{case}: {again:?}");
        },
    );
}

#[test]
fn a_completion_of_which_a_call_fails_leaves_the_enrolment_or_a_ticket_to_be_had() {
    let config = "[reset]\napprovals = 0\ncooldown = \"1s\"";
    let scene = Scene::builder().config(config).enrolled("alice").build();
    scene.desk(&["--json", "reset", "request", "alice", "--reason", "lost"]).assert_done();
    wait_for_the_cool_down(&scene);
    let complete = ["--json", "reset", "complete", "alice", "--yes"];
    let stand = Stand::of(&scene);
    each_call_fails(
        &scene,
        &complete,
        &ERRORS,
        || stand.put_back(),
        |done, case| {
            let enrolled = is_whole(&scene, "alice", THEN, case);
            assert!(done.status == 1 || !enrolled, "said to be done: {case}");
            let again = scene.desk(&complete);
            assert_eq!(again.status, 0, "{case}: {again:?}");
            assert!(again.json()["ticket"].is_string(), "{case}: {again:?}");
            assert!(!is_whole(&scene, "alice", THEN + 60, case), "{case}");
        },
    );
}

#[test]
fn an_import_of_which_a_call_fails_leaves_an_enrolment_or_none() {
    let mut scene = Scene::with(&["alice"]);
    let phone = Authenticator::random();
    let users = scene.write("users.oath", &users_file(&[("carol".to_owned(), phone.clone())]));
    scene.note("carol", phone);
    let import = ["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown"];
    let stand = Stand::of(&scene);
    each_call_fails(
        &scene,
        &import,
        &ERRORS,
        || stand.put_back(),
        |done, case| {
            let enrolled = is_whole(&scene, "carol", THEN, case);
            assert!(done.status == 1 || enrolled, "said to be done: {case}");
            let again = scene.desk(&import);
            assert_eq!(again.status, i32::from(enrolled), "{case}: {again:?}");
            assert!(is_whole(&scene, "carol", THEN + 60, case), "{case}");
            assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS, "{case}");
        },
    );
}

#[test]
fn unlock_of_which_a_call_fails_leaves_the_lock_or_lifts_it() {
    let scene =
        Scene::builder().config("[limit]\nlock_after = 1\nlock_for = \"1h\"").enrolled("alice").build();
    let wrong = scene.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
    assert_eq!(scene.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    let unlock = ["--json", "unlock", "alice"];
    let stand = Stand::of(&scene);
    each_call_fails(
        &scene,
        &unlock,
        &ERRORS,
        || stand.put_back(),
        |done, case| {
            let code = scene.login_with_code_at("alice", THEN).code();
            assert!([PamCode::SUCCESS, PamCode::MAXTRIES].contains(&code), "{code:?}: {case}");
            assert!(done.status == 1 || code == PamCode::SUCCESS, "said to be done: {case}");
            scene.desk(&unlock).assert_done();
            assert_eq!(scene.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS, "{case}");
        },
    );
}

#[test]
fn a_repair_of_which_a_call_fails_leaves_a_broken_ledger_or_a_good_one() {
    let scene = Scene::with(&["alice"]);
    let codes = renewed(&scene.desk(&RENEW).stdout).unwrap();
    let used = scene.code("alice");
    assert_eq!(scene.login("alice").types(&used).code(), PamCode::SUCCESS);
    fs::write(scene.ledger("alice"), vec![7; 4096]).unwrap();
    let repair = ["--json", "unlock", "alice", "--repair"];
    let stand = Stand::of(&scene);
    each_call_fails(
        &scene,
        &repair,
        &ERRORS,
        || stand.put_back(),
        |done, case| {
            assert_ne!(scene.login("alice").types(&used).code(), PamCode::SUCCESS, "{case}");
            let code = scene.login_with_code_at("alice", THEN).code();
            assert!([PamCode::SUCCESS, PamCode::SYSTEM_ERR].contains(&code), "{code:?}: {case}");
            assert!(done.status == 1 || code == PamCode::SUCCESS, "said to be done: {case}");
            scene.desk(&repair).assert_done();
            assert!(!opens(&scene, &codes[0]), "a recovery code outlived the repair: {case}");
            assert_eq!(scene.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS, "{case}");
        },
    );
}

#[test]
fn a_keyring_of_whose_making_a_call_fails_is_whole_or_not_there() {
    let scene = Scene::builder().build();
    let init = ["--json", "keys", "init"];
    let nothing_yet = || {
        drop(fs::remove_file(scene.keyring()));
        drop(fs::remove_dir_all(scene.state()));
    };
    each_call_fails(&scene, &init, &ERRORS, nothing_yet, |done, case| {
        let made = fs::read(scene.keyring()).ok();
        assert!(done.status == 1 || made.is_some(), "said to be done: {case}");
        let again = scene.desk(&init);
        assert_eq!(again.status, i32::from(made.is_some()), "{case}: {again:?}");
        if let Some(made) = made {
            assert_eq!(fs::read(scene.keyring()).unwrap(), made, "another key: {case}");
        }
        let keys = scene.desk(&["--json", "keys", "list"]).json();
        assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1), "{case}: {keys}");
        let users = scene.write("users.oath", &users_file(&[("alice".to_owned(), Authenticator::random())]));
        scene.desk(&["--json", "import", "oath", users.to_str().unwrap(), "--allow-unknown"]).assert_done();
    });
}

#[test]
fn an_enrolment_of_which_a_call_fails_is_the_old_one_or_the_new() {
    let mut scene = Scene::builder().account("alice").build();
    let old = scene.enrol("alice", &[]);
    let replace = ["enroll", "alice", "--replace"];
    let stand = Stand::of(&scene);
    let trace = Trace::new();
    let (_, ended) = at_the_terminal(&trace.recording(&scene.command(&replace)));
    assert_eq!(ended.status, 0, "{}", ended.screen);
    let points = trace.points(&[&scene.state(), &scene.keyring(), &scene.conf()]);
    let mut ends = BTreeSet::new();
    // A person at a terminal takes a while: each call fails with one of the errors.
    let points = points.iter().filter(is_a_call_on_what_is_stored);
    let points = points.filter(|point| !point.line.contains("</dev/pts"));
    let sweep = Sweep::today();
    for (point, error) in sweep.points(points.zip(ERRORS.iter().cycle())) {
        stand.put_back();
        let case = format!("{error} at {point:?}");
        let trace = Trace::new();
        let (new, ended) = at_the_terminal(&trace.failing(&scene.command(&replace), point, error));
        assert!([0, 1].contains(&ended.status), "{case}: {}", ended.screen);
        assert!(trace.text().contains("(INJECTED)"), "there was no such call: {case}");
        let opens_with = |phone: &Authenticator| {
            let login = scene.login("alice").types(phone.code_at(THEN)).at(THEN);
            login.code() == PamCode::SUCCESS
        };
        let (by_old, by_new) = (opens_with(&old.authenticator), new.as_ref().is_some_and(opens_with));
        assert!(by_old != by_new, "old {by_old}, new {by_new}: {case}: {}", ended.screen);
        assert!(ended.status == 1 || by_new, "said to be done: {case}: {}", ended.screen);
        assert_eq!(opens(&scene, &old.recovery_codes[0]), by_old, "half an enrolment: {case}");
        match desk::recovery_codes(&ended.last).first() {
            Some(code) => assert!(opens(&scene, code), "shown, but not good: {case}"),
            None => assert_eq!(ended.status, 1, "no codes, and no word of it: {case}: {}", ended.screen),
        }
        ends.insert((ended.status, by_new));
    }
    let has_both = ends.contains(&(0, true)) && ends.contains(&(1, false));
    assert!(has_both || !sweep.is_complete(), "{ends:?}");
    let (_, again) = at_the_terminal(&scene.command(&replace));
    assert_eq!(again.status, 0, "{}", again.screen);
}

const RENEW: [&str; 4] = ["--json", "recovery-codes", "alice", "--yes"];

/// Each call of a command on anything of the scene, and each word of it, fails once with each of these errors: it says so or has
/// done what it should, and what it changed is looked at.
fn each_call_fails(
    scene: &Scene,
    arguments: &[&str],
    errors: &[&'static str],
    set: impl Fn(),
    mut check: impl FnMut(&Done, &str),
) {
    set();
    let command = scene.command(arguments);
    let points = strace::record(&command, &[&scene.path("")]);
    let mut ends = BTreeSet::new();
    let points = points.iter().filter(is_a_call_on_what_is_stored);
    let cases = points.flat_map(|point| errors.iter().map(move |error| (point, *error)));
    let sweep = Sweep::today();
    for (point, error) in sweep.points(cases) {
        set();
        let case = format!("{error} at {point:?}");
        let before = Files::below(&scene.path(""));
        let done = strace::failing_at(&command, point, error);
        assert!([0, 1].contains(&done.status), "{case}: {done:?}");
        let said = !done.stderr.is_empty() || !done.stdout.is_empty();
        assert!(done.status == 0 || said, "no word: {case}: {done:?}");
        ends.insert(done.status);
        // Nothing done and said so: there is nothing to look at.
        if done.status == 0 || Files::below(&scene.path("")) != before {
            check(&done, &case);
        }
    }
    // Some do no harm and most do: else nothing of this was shown.
    sweep.assert_met(&ends, [0, 1]);
}

fn is_a_call_on_what_is_stored(point: &&Point) -> bool {
    point.name != "exit_group"
}

fn opens(scene: &Scene, answer: &str) -> bool {
    scene.login("alice").types(answer).at(THEN).code() == PamCode::SUCCESS
}

/// Alice is enrolled anew by root, as far as it goes; gives what her phone then has.
fn at_the_terminal(command: &Command) -> (Option<Authenticator>, Ended) {
    let mut terminal = Terminal::open(command);
    if terminal.expect_any_or_the_end(&[&desk::asks_for_the_name("alice")]).is_none() {
        return (None, terminal.end());
    }
    terminal.types("alice");
    let Some((_, shown)) = terminal.expect_any_or_the_end(&[desk::ASKS_FOR_A_CODE]) else {
        return (None, terminal.end());
    };
    let phone = desk::authenticator_in(&shown);
    terminal.types(&phone.code());
    (Some(phone), terminal.end())
}
