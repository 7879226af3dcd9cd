//! The keys rotated: everybody's codes are as good, or as used, as before; whatever stops it, and whoever comes meanwhile.

#![expect(clippy::unwrap_used, reason = "a keyring that is not there fails the test")]

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::damage::edit;
use acceptance::desk::{self, Done};
use acceptance::files::Files;
use acceptance::login::PamCode;
use acceptance::scene::{Scene, users_file};
use acceptance::stand::{NOT_ENROLLED, Stand, files_of, renewed};
use acceptance::strace::{self, ERRORS, Point};
use acceptance::sweep::Sweep;
use acceptance::wait;
use nix::fcntl::{Flock, FlockArg};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

#[test]
fn codes_are_as_used_as_before_and_the_next_ones_open() {
    let scene = Scene::with(&["alice", "bob"]);
    let codes = renewed(&scene.desk(&RENEW).stdout).unwrap();
    assert_eq!(opens(&scene, "alice", &codes[0]), PamCode::SUCCESS);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let (keys, ledger) = (keys(&scene), files_of(&scene, "alice")[1].clone());
    let done = rotate(&scene);
    done.assert_done();
    assert_eq!(files_of(&scene, "alice")[1], ledger, "the ledger was touched");
    let document = done.json();
    assert_eq!((&document["resealed"], &document["resumed"]), (&2.into(), &false.into()), "{document}");
    assert_eq!(document["dropped"], serde_json::json!(keys));
    assert_eq!((&document["left"], &document["kept"]), (&serde_json::json!([]), &serde_json::json!([])));
    assert_eq!(self::keys(&scene), [document["active"].as_str().unwrap()]);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::AUTH_ERR, "a used code");
    assert_eq!(scene.journal.last().what(), "refused replayed");
    assert_eq!(opens(&scene, "alice", &codes[0]), PamCode::AUTH_ERR, "a used recovery code");
    assert_eq!(opens(&scene, "alice", &codes[1]), PamCode::SUCCESS);
    assert_eq!(scene.login_with_code_at("alice", THEN + 30).code(), PamCode::SUCCESS);
    assert_eq!(scene.login_with_code_at("bob", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn the_old_key_opens_nothing_any_more() {
    let scene = Scene::with(&["alice"]);
    let old = fs::read(scene.keyring()).unwrap();
    rotate(&scene).assert_done();
    let new = fs::read(scene.keyring()).unwrap();
    fs::write(scene.keyring(), old).unwrap();
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SYSTEM_ERR);
    assert!(scene.journal.last().field("problem").contains("restore"), "{:?}", scene.journal.last());
    fs::write(scene.keyring(), new).unwrap();
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn one_rotation_follows_another() {
    let scene = Scene::with(&["alice"]);
    let mut seen = BTreeSet::from([keys(&scene)]);
    for n in 0..5 {
        rotate(&scene).assert_done();
        assert!(seen.insert(keys(&scene)), "a key that was there before: {seen:?}");
        assert_eq!(scene.login_with_code_at("alice", THEN + 30 * n).code(), PamCode::SUCCESS);
    }
}

#[test]
fn who_rotates_and_what_came_of_it_is_in_the_log() {
    let scene = Scene::with(&["alice", "bob"]);
    let old = keys(&scene).remove(0);
    rotate(&scene).assert_done();
    let events = scene.journal.desk_events();
    let told: Vec<_> = events.iter().filter(|event| event.what() == "key_rotated").collect();
    let [begun, done] = told[..] else { panic!("{events:?}") };
    for event in [begun, done] {
        assert_eq!((event.field("by"), event.field("old")), ("root", old.as_str()), "{event:?}");
        assert_eq!(event.field("new"), keys(&scene)[0], "{event:?}");
    }
    assert_eq!(begun.field("state"), "begun");
    assert_eq!([done.field("state"), done.field("enrolments"), done.field("left")], ["done", "2", "0"]);
}

#[test]
fn a_rotation_killed_at_any_call_locks_nobody_out_and_goes_on_where_it_was() {
    let scene = Scene::with(&["alice", "bob"]);
    let codes = renewed(&scene.desk(&RENEW).stdout).unwrap();
    let stand = Standing::of(&scene);
    let points = strace::record(&scene.command(&ROTATE), &[&scene.path("")]);
    let (sweep, mut looked, mut resumed) = (Sweep::today(), 0, BTreeSet::new());
    for point in sweep.points(points) {
        stand.put_back(&scene);
        let before = Files::below(&scene.path(""));
        drop(strace::killed_at(&scene.command(&ROTATE), &point));
        if Files::below(&scene.path("")) == before {
            continue;
        }
        looked += 1;
        everybody_gets_in_at(&scene, THEN, &point);
        let keys_then = keys(&scene);
        let again = rotate(&scene);
        assert_eq!(again.status, 0, "{point:?}: {again:?}");
        let document = again.json();
        resumed.insert(document["resumed"].as_bool().unwrap());
        // With two keys it goes on with the newer one, and makes no third.
        if let [_, newer] = &keys_then[..] {
            assert_eq!(keys(&scene), std::slice::from_ref(newer), "{point:?}");
        }
        assert_eq!(keys(&scene).len(), 1, "{point:?}");
        everybody_gets_in_at(&scene, THEN + 60, &point);
        assert_eq!(opens(&scene, "alice", &codes[0]), PamCode::SUCCESS, "{point:?}");
        assert_eq!(opens(&scene, "alice", &codes[0]), PamCode::AUTH_ERR, "twice: {point:?}");
        let left: Vec<_> =
            scene.stored().names().into_iter().filter(|name| name.starts_with(".new")).collect();
        assert!(left.is_empty(), "{left:?}: {point:?}");
    }
    sweep.assert_more_than(20, looked, "changes");
    sweep.assert_met(&resumed, [false, true]);
}

#[test]
fn a_rotation_of_which_a_call_fails_locks_nobody_out_and_says_so_or_is_done() {
    let scene = Scene::with(&["alice", "bob"]);
    let stand = Standing::of(&scene);
    let points = strace::record(
        &scene.command(&ROTATE),
        &[&scene.state(), &scene.keyring(), &scene.path(".new.keyring.toml")],
    );
    let mut ended = BTreeSet::new();
    let sweep = Sweep::today();
    for (point, error) in sweep.points(points.iter().zip(ERRORS.iter().cycle())) {
        if point.name == "exit_group" {
            continue;
        }
        stand.put_back(&scene);
        let done = strace::failing_at(&scene.command(&ROTATE), point, error);
        assert!([0, 1].contains(&done.status), "{error} at {point:?}: {done:?}");
        assert!(done.json().is_object(), "{error} at {point:?}: {done:?}");
        assert_eq!(done.status == 0, keys(&scene).len() == 1 && done.json()["active"] == keys(&scene)[0]);
        ended.insert(done.status);
        everybody_gets_in_at(&scene, THEN, point);
        let again = rotate(&scene);
        assert_eq!(again.status, 0, "{error} at {point:?}: {again:?}");
        assert_eq!(keys(&scene).len(), 1, "{error} at {point:?}");
        everybody_gets_in_at(&scene, THEN + 60, point);
    }
    sweep.assert_met(&ended, [0, 1]);
}

#[test]
fn nobody_is_refused_while_the_keys_are_rotated() {
    let people = ["alice", "bob", "carol"];
    let scene = Scene::with(&people);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let logins = people.map(|user| {
            let (scene, over) = (&scene, &over);
            scope.spawn(move || {
                let mut then = THEN;
                while !over.load(Ordering::Relaxed) {
                    let outcome = scene.login_with_code_at(user, then).run();
                    assert_eq!(outcome.code, PamCode::SUCCESS, "{user}: {:?}", scene.journal.events());
                    then += 30;
                }
                (then - THEN) / 30
            })
        });
        let rotated: Vec<Done> = (0..25).map(|_| rotate(&scene)).collect();
        over.store(true, Ordering::Relaxed);
        let logins = logins.map(|login| login.join().unwrap());
        assert!(logins.iter().all(|&count| count > 5), "{logins:?}");
        rotated.iter().for_each(Done::assert_done);
    });
}

#[test]
fn a_login_that_waited_while_its_keys_were_rotated_gets_in() {
    let scene = Scene::with(&["alice"]);
    let before = Standing::of(&scene);
    rotate(&scene).assert_done();
    let after = [scene.keyring(), scene.credential("alice")].map(|file| (fs::read(&file).unwrap(), file));
    before.put_back(&scene);
    let ledger = Flock::lock(File::open(scene.ledger("alice")).unwrap(), FlockArg::LockExclusive).unwrap();
    let login = scene.login_with_code_at("alice", THEN).hold().release();
    // By then it has read the keyring, and waits for the ledger.
    wait::until_open(login.pid(), &scene.ledger("alice"));
    for (content, file) in after {
        fs::write(file, content).unwrap();
    }
    drop(ledger);
    assert_eq!(login.outcome().map(|outcome| outcome.code).ok(), Some(PamCode::SUCCESS));
}

#[test]
fn an_enrolment_begun_before_a_rotation_and_confirmed_after_it_is_good() {
    let mut scene = Scene::builder().account("alice").enrolled("bob").build();
    let mut terminal = scene.at_terminal(&["enroll", "alice"]);
    let phone = desk::shown_authenticator(&mut terminal, &[]);
    rotate(&scene).assert_done();
    terminal.types(&phone.code());
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    scene.note("alice", phone);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let code = desk::recovery_codes(&ended.screen).remove(0);
    assert_eq!(opens(&scene, "alice", &code), PamCode::SUCCESS);
}

#[test]
fn what_other_desks_change_meanwhile_is_neither_lost_nor_undone() {
    let people: Vec<String> = (0..40).map(|n| format!("user{n}")).collect();
    let scene = people.iter().fold(Scene::builder(), |builder, user| builder.enrolled(user)).build();
    let over = AtomicBool::new(false);
    let codes: Vec<(&String, Vec<String>)> = thread::scope(|scope| {
        let rotating = scope.spawn(|| {
            let mut rotated = Vec::new();
            while !over.load(Ordering::Relaxed) {
                rotated.push(rotate(&scene));
            }
            rotated
        });
        let codes = people[..20].iter().map(|user| {
            let done = scene.desk(&["--json", "recovery-codes", user, "--yes"]);
            (user, renewed(&done.stdout).unwrap_or_else(|| panic!("{done:?}")))
        });
        let codes = codes.collect();
        for user in &people[20..] {
            scene.desk(&["--json", "disable", user, "--yes"]).assert_done();
        }
        over.store(true, Ordering::Relaxed);
        let rotated = rotating.join().unwrap();
        assert!(rotated.len() > 1);
        rotated.iter().for_each(Done::assert_done);
        codes
    });
    for (user, codes) in codes {
        assert_eq!(opens(&scene, user, &codes[0]), PamCode::SUCCESS, "{user}");
        assert_eq!(scene.login_with_code_at(user, THEN).code(), PamCode::SUCCESS, "{user}");
    }
    for user in &people[20..] {
        assert_eq!(scene.desk(&["--json", "status", user]).status, NOT_ENROLLED, "{user} is back");
    }
    rotate(&scene).assert_done();
}

#[test]
fn people_are_enrolled_while_the_keys_are_rotated() {
    let scene = Scene::with(&["alice"]);
    let people: Vec<(String, Authenticator)> =
        (0..30).map(|n| (format!("user{n}"), Authenticator::random())).collect();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let rotating = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                rotate(&scene).assert_done();
            }
        });
        for person in &people {
            let users = scene.write("users.oath", &users_file(std::slice::from_ref(person)));
            let users = users.to_string_lossy();
            scene.desk(&["--json", "import", "oath", &users, "--allow-unknown"]).assert_done();
        }
        over.store(true, Ordering::Relaxed);
        rotating.join().unwrap();
    });
    for (user, phone) in &people {
        assert_eq!(opens(&scene, user, &phone.code_at(THEN)), PamCode::SUCCESS, "{user}");
    }
}

#[test]
fn of_two_rotations_at_once_one_refuses() {
    let scene = Scene::with(&["alice", "bob"]);
    let ledger = Flock::lock(File::open(scene.ledger("alice")).unwrap(), FlockArg::LockExclusive).unwrap();
    let first = thread::scope(|scope| {
        let first = scope.spawn(|| rotate(&scene));
        wait::until("there is a new key beside the old one", || {
            assert!(!first.is_finished(), "it made no new key beside the old one");
            keys(&scene).len() == 2
        });
        let before = fs::read(scene.keyring()).unwrap();
        let second = rotate(&scene);
        assert_eq!(second.status, 1, "{second:?}");
        assert!(second.stderr.contains("rotated already"), "{second:?}");
        assert_eq!(fs::read(scene.keyring()).unwrap(), before);
        first.join().unwrap()
    });
    // She could not be held: she is named, and her key stays.
    assert_eq!(first.status, 1, "{first:?}");
    assert_eq!(first.json()["left"][0]["user"], "alice", "{first:?}");
    assert_eq!((&first.json()["resealed"], keys(&scene).len()), (&1.into(), 2));
    drop(ledger);
    let again = rotate(&scene);
    again.assert_done();
    assert_eq!((&again.json()["resealed"], keys(&scene).len()), (&1.into(), 1));
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_damaged_credential_is_named_and_left_with_its_key_and_the_others_are_done() {
    let scene = Scene::with(&["alice", "bob"]);
    let old = keys(&scene).remove(0);
    let whole = fs::read(scene.credential("bob")).unwrap();
    edit(&scene.credential("bob"), "digits = 6", "digits = 7");
    let damaged = fs::read(scene.credential("bob")).unwrap();
    let done = scene.desk(&["keys", "rotate"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stderr.contains(scene.credential("bob").to_str().unwrap()), "{done:?}");
    let both = keys(&scene);
    assert_eq!((both.len(), &both[0]), (2, &old));
    assert_eq!(fs::read(scene.credential("bob")).unwrap(), damaged);
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    // Again: no further key.
    let again = rotate(&scene);
    assert_eq!((again.status, &again.json()["kept"]), (1, &serde_json::json!([old])), "{again:?}");
    assert_eq!((&again.json()["left"][0]["user"], keys(&scene)), (&"bob".into(), both));
    // Unless one is asked for; bob's stays, the one in between goes.
    let asked = scene.desk(&["--json", "keys", "rotate", "--new-key"]);
    assert_eq!((asked.status, &asked.json()["resealed"]), (1, &1.into()), "{asked:?}");
    assert_eq!((keys(&scene).len(), &keys(&scene)[0]), (2, &old));
    fs::write(scene.credential("bob"), whole).unwrap();
    rotate(&scene).assert_done();
    assert_eq!(keys(&scene).len(), 1);
    for user in ["alice", "bob"] {
        assert_eq!(scene.login_with_code_at(user, THEN + 30).code(), PamCode::SUCCESS, "{user}");
    }
}

#[test]
fn a_credential_that_cannot_be_read_keeps_every_key() {
    let scene = Scene::with(&["alice", "bob"]);
    fs::write(scene.credential("bob"), "oh no").unwrap();
    let done = rotate(&scene);
    assert_eq!(done.status, 1, "{done:?}");
    assert_eq!(done.json()["left"][0]["file"], scene.credential("bob").to_str().unwrap(), "{done:?}");
    assert_eq!(keys(&scene).len(), 2);
    scene.desk(&["disable", "bob", "--yes"]).assert_done();
    rotate(&scene).assert_done();
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
}

#[test]
fn on_a_full_disk_nobody_is_locked_out_and_it_goes_on_when_there_is_room() {
    let mut scene = Scene::builder().account("alice").build();
    fs::remove_dir_all(scene.state()).unwrap();
    on_its_machine(&mut scene, "mkdir -m 700 \"$1\" && mount -t tmpfs -o size=64k,mode=700 small \"$1\"");
    let enrolment = scene.enrol("alice", &[]);
    on_its_machine(&mut scene, "! cat /dev/zero >\"$1/filling\" 2>/dev/null");
    let done = rotate(&scene);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stderr.contains("No space left"), "{done:?}");
    assert_eq!(scene.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    on_its_machine(&mut scene, "rm \"$1/filling\"");
    let again = rotate(&scene);
    again.assert_done();
    assert_eq!((&again.json()["resumed"], keys(&scene).len()), (&true.into(), 1));
    assert_eq!(scene.login_with_code_at("alice", THEN + 30).code(), PamCode::SUCCESS);
    assert_eq!(opens(&scene, "alice", &enrolment.recovery_codes[0]), PamCode::SUCCESS);
}

#[test]
fn a_keyring_that_cannot_be_replaced_stays_as_it_is() {
    let mut scene = Scene::builder().account("alice").enrolled("bob").build();
    let before = fs::read(scene.keyring()).unwrap();
    let parent = scene.path("");
    let mut command: Command = scene.machine().namespace().command("/bin/sh");
    let script = "mount --bind \"$1\" \"$1\" && mount -o remount,ro,bind \"$1\"";
    assert!(command.args(["-c", script, "sh"]).arg(&parent).status().unwrap().success());
    let done = rotate(&scene);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stderr.contains("Read-only file system"), "{done:?}");
    assert_eq!(fs::read(scene.keyring()).unwrap(), before);
}

#[test]
fn a_long_rotation_shows_its_progress_on_a_terminal_and_not_in_a_pipe() {
    let people: Vec<(String, Authenticator)> =
        (0..600).map(|n| (format!("user{n}"), Authenticator::random())).collect();
    let scene = Scene::builder().build();
    let users = scene.write("users.oath", &users_file(&people));
    scene.desk(&["import", "oath", users.to_str().unwrap(), "--allow-unknown"]).assert_done();
    let ended = scene.at_terminal(&["keys", "rotate"]).end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    assert!(ended.screen.contains("/600") && ended.screen.contains("600 enrolments"), "{}", ended.screen);
    let done = scene.desk(&["keys", "rotate"]);
    done.assert_done();
    assert!(!(done.stdout + &done.stderr).contains("/600"));
    let (user, phone) = &people[599];
    assert_eq!(opens(&scene, user, &phone.code_at(THEN)), PamCode::SUCCESS);
}

#[test]
fn a_keyring_that_is_full_takes_no_further_key_and_says_so() {
    let scene = Scene::with(&["alice"]);
    let text = fs::read_to_string(scene.keyring()).unwrap();
    let (_, key) = text.split_once("[[key]]").unwrap();
    let more: String =
        (2..=16).map(|n| format!("\n[[key]]{}", key.replace("\"k1\"", &format!("\"k{n}\"")))).collect();
    fs::write(scene.keyring(), text + &more).unwrap();
    let before = fs::read(scene.keyring()).unwrap();
    let done = scene.desk(&["--json", "keys", "rotate", "--new-key"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stderr.contains("16 keys"), "{done:?}");
    assert_eq!(fs::read(scene.keyring()).unwrap(), before);
    // Those that seal nothing go.
    rotate(&scene).assert_done();
    assert_eq!(keys(&scene), ["k1"]);
}

const ROTATE: [&str; 3] = ["--json", "keys", "rotate"];
const RENEW: [&str; 4] = ["--json", "recovery-codes", "alice", "--yes"];

/// Everything that is stored, with the keyring.
struct Standing {
    state: Stand,
    keyring: Vec<u8>,
}

impl Standing {
    fn of(scene: &Scene) -> Self {
        Self { state: Stand::of(scene), keyring: fs::read(scene.keyring()).unwrap() }
    }

    fn put_back(&self, scene: &Scene) {
        self.state.put_back();
        // Its draft, should a kill have left one.
        drop(fs::remove_file(scene.path(".new.keyring.toml")));
        fs::write(scene.keyring(), &self.keyring).unwrap();
    }
}

fn rotate(scene: &Scene) -> Done {
    scene.desk(&ROTATE)
}

/// The ids in the keyring.
fn keys(scene: &Scene) -> Vec<String> {
    let text = fs::read_to_string(scene.keyring()).unwrap();
    let id = |line: &str| Some(line.strip_prefix("id = \"")?.strip_suffix('"')?.to_owned());
    text.lines().filter_map(id).collect()
}

fn opens(scene: &Scene, user: &str, answer: &str) -> PamCode {
    scene.login(user).types(answer).at(THEN).code()
}

fn everybody_gets_in_at(scene: &Scene, then: u64, point: &Point) {
    for user in ["alice", "bob"] {
        let code = scene.login_with_code_at(user, then).code();
        assert_eq!(code, PamCode::SUCCESS, "{user}: {point:?}: {:?}", scene.journal.last());
    }
}

/// Runs a script where the scene's mounts are seen, with the state directory as its argument.
fn on_its_machine(scene: &mut Scene, script: &str) {
    let state = scene.state();
    let mut command: Command = scene.machine().namespace().command("/bin/sh");
    let done = command.args(["-c", script, "sh"]).arg(state).status();
    assert!(done.is_ok_and(|status| status.success()), "{script}");
}
