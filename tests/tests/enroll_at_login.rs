//! `enroll_at_login`: the login itself enrols. Leaving before the end changes nothing.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use acceptance::authenticator::{Authenticator, MANUAL_KEY, shown_key};
use acceptance::clock::THEN;
use acceptance::enroll_command;
use acceptance::files::Files;
use acceptance::fixture::{Builder, Fixture, users_file};
use acceptance::login::{Answer, Login, Outcome, PROMPT, PamCode};
use acceptance::qr;
use acceptance::snapshot::Snapshot;
use acceptance::strace;
use acceptance::sweep::Sweep;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

#[test]
fn a_login_enrols_and_the_next_one_asks_for_a_code() {
    let fixture = service("").build();
    let outcome = enrols(&fixture).run();
    assert_eq!(outcome.code, PamCode::SUCCESS, "{outcome:?}");
    let events = fixture.journal.events();
    let [event] = events.as_slice() else { panic!("one line for one login: {events:?}") };
    let fields = ["event", "user", "way", "method", "authenticator", "recovery_codes"];
    let fields = fields.map(|key| event.field(key));
    assert_eq!(fields, ["enrolled", "alice", "at_login", "totp", "phone", "10"], "{event:?}");
    let next = fixture.login("alice").types(phone(&outcome).code_at(THEN + 30)).at(THEN + 30).run();
    assert_eq!((next.code, next.asked()), (PamCode::SUCCESS, vec![PROMPT]));
}

#[test]
fn the_code_that_confirmed_is_used_up() {
    let fixture = service("").build();
    let phone = phone(&enrols(&fixture).run());
    let again = fixture.login("alice").types(phone.code_at(THEN)).at(THEN);
    assert_eq!(again.code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused replayed");
}

#[test]
fn it_leaves_a_timestamp_only_where_freshness_is_asked_for() {
    for (config, timestamps) in [("", 0), ("\n[service.sudo.fresh]\nfor = \"15m\"", 1)] {
        let fixture = service(config).build();
        assert_eq!(enrols(&fixture).through_sshd().code(), PamCode::SUCCESS);
        let found = fs::read_dir(fixture.path("run/fresh"));
        assert_eq!(found.is_ok(), timestamps > 0, "{config}");
        assert_eq!(found.map_or(0, Iterator::count), timestamps, "{config}");
    }
}

#[test]
fn each_recovery_code_that_was_shown_lets_in() {
    let fixture = service("").build();
    let outcome = enrols(&fixture).run();
    let codes = enroll_command::recovery_codes(&said(&outcome));
    assert_eq!(codes.len(), 10, "{codes:?}");
    for code in codes {
        assert_eq!(fixture.login("alice").types(&code).at(THEN).code(), PamCode::SUCCESS, "{code}");
        assert_eq!(fixture.login("alice").types(&code).at(THEN).code(), PamCode::AUTH_ERR, "{code}");
    }
}

#[test]
fn a_login_shows_account_issuer_key_and_its_qr_code() {
    let fixture = service("").build();
    let outcome = fixture.login("alice").types("uri").types("").at(THEN).run();
    let said = said(&outcome);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert!(said.contains("account: alice\n") && said.contains(&format!("issuer: {host}")), "{said}");
    let uri = said.split_once("uri: ").unwrap().1.lines().next().unwrap();
    assert_eq!(qr::read_uncoloured(&said).unwrap(), uri);
    let key: String = key(&outcome).split(' ').collect();
    assert!(uri.contains(&format!("secret={key}&")), "{uri} {key}");
    assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{said:?}");
}

#[test]
fn the_manual_key_is_shown_in_groups_of_four() {
    let fixture = service("").build();
    let outcome = fixture.login("alice").types("").at(THEN).run();
    assert!(key(&outcome).split(' ').all(|group| group.len() == 4), "{}", key(&outcome));
}

#[test]
fn typing_ascii_shows_the_qr_code_without_blocks() {
    let fixture = service("").build();
    let outcome = fixture.login("alice").types("ascii").types("uri").types("").at(THEN).run();
    let texts: Vec<&str> = outcome.prompts.iter().map(|prompt| prompt.text.as_str()).collect();
    let ascii = texts.iter().find(|text| text.contains("##")).expect("no such QR code");
    assert!(ascii.is_ascii());
    let uri = texts.iter().find_map(|text| text.strip_prefix("uri: ")).expect("no URI");
    assert_eq!(qr::read_uncoloured(ascii).unwrap(), uri);
}

#[test]
fn to_see_the_card_again_is_not_one_of_the_five_tries() {
    let fixture = service("").build();
    let mut login = fixture.login("alice").at(THEN);
    for text in ["uri", "1", "ascii", "2", "uri", "3", "ascii", "4", "uri"] {
        login = login.types(text);
    }
    let outcome = login.answers_with(Answer::CodeOfTheShownKey(0)).types("yes").run();
    assert_eq!(outcome.code, PamCode::SUCCESS, "{outcome:?}");
}

#[test]
fn a_card_is_not_shown_for_ever() {
    let fixture = service("").build();
    let login = (0..50).fold(fixture.login("alice").at(THEN), |login, _| login.types("uri"));
    let outcome = login.run();
    assert_eq!(outcome.code, PamCode::AUTH_ERR);
    assert!(outcome.asked().len() < 20, "{}", outcome.asked().len());
}

#[test]
fn five_codes_are_tried_and_no_more() {
    let fixture = service("").build();
    let before = fixture.stored();
    let mut login = fixture.login("alice").at(THEN);
    for steps in [-40, -41, -42, -43, -44] {
        login = login.answers_with(Answer::CodeOfTheShownKey(steps));
    }
    let outcome = login.answers_with(Answer::CodeOfTheShownKey(0)).types("yes").run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::AUTH_ERR, 5), "{outcome:?}");
    let event = fixture.journal.last();
    assert!(["refused wrong", "refused clock_off"].contains(&event.what().as_str()), "{event:?}");
    before.assert_unchanged(&fixture.state());
}

#[test]
fn a_right_code_may_follow_wrong_ones() {
    let fixture = service("").build();
    let login = fixture.login("alice").at(THEN).types("hello").answers_with(Answer::CodeOfTheShownKey(-40));
    let outcome = login.answers_with(Answer::CodeOfTheShownKey(0)).types("yes").run();
    assert_eq!(outcome.code, PamCode::SUCCESS, "{outcome:?}");
}

#[test]
fn a_code_of_another_time_tells_that_a_clock_is_off() {
    let fixture = service("").build();
    let mut login = fixture.login("alice").at(THEN);
    for _ in 0..5 {
        login = login.answers_with(Answer::CodeOfTheShownKey(4));
    }
    assert_eq!(login.code(), PamCode::AUTH_ERR);
    let event = fixture.journal.last();
    assert_eq!((event.what().as_str(), event.field("steps")), ("refused clock_off", "+4"), "{event:?}");
}

#[test]
fn each_enrolment_has_a_key_of_its_own() {
    let fixture = service("").build();
    let keys: BTreeSet<String> =
        (0..3).map(|_| key(&fixture.login("alice").types("").at(THEN).run())).collect();
    assert_eq!(keys.len(), 3);
}

#[test]
fn cancelling_enrols_nobody_and_is_refused() {
    for login in CANCELLATIONS {
        let fixture = service("").build();
        let before = fixture.stored();
        assert_eq!(login(fixture.login("alice").at(THEN)).code(), PamCode::AUTH_ERR);
        let event = fixture.journal.last();
        assert_eq!((event.what().as_str(), event.field("way")), ("refused cancelled", "at_login"));
        before.assert_unchanged(&fixture.state());
    }
}

#[test]
fn cancelling_before_the_day_lets_in_with_a_reminder() {
    for login in CANCELLATIONS {
        let fixture = service("enroll_by = 2033-05-20").build();
        let before = fixture.stored();
        let outcome = login(witness(&fixture).at(THEN)).run();
        assert_eq!(outcome.code, PamCode::SUCCESS, "{outcome:?}");
        assert!(outcome.prompts.last().unwrap().text.contains("2 days are left"), "{outcome:?}");
        let event = fixture.journal.last();
        let fields = ["event", "method", "reason", "days_left"].map(|key| event.field(key));
        assert_eq!(fields, ["accepted", "exempt", "not_enrolled", "2"], "{event:?}");
        before.assert_unchanged(&fixture.state());
    }
}

#[test]
fn cancelling_after_the_day_is_refused() {
    for login in CANCELLATIONS {
        let fixture = service("enroll_by = 2033-05-01").build();
        assert_eq!(login(witness(&fixture).at(THEN)).code(), PamCode::AUTH_ERR);
        assert_eq!(fixture.journal.last().what(), "refused cancelled");
    }
}

#[test]
fn nullok_lets_in_a_user_who_cancels() {
    let fixture = service("").arguments("after_first_factor nullok").build();
    assert_eq!(witness_of(&fixture, "nullok").types("").at(THEN).code(), PamCode::SUCCESS);
    assert_eq!(fixture.journal.last().what(), "accepted not_enrolled");
}

#[test]
fn enrolling_before_the_last_day_counts() {
    let fixture = service("enroll_by = 2033-05-20").build();
    assert_eq!(enrols(&fixture).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login("alice").types("").at(THEN).code(), PamCode::AUTH_ERR, "asked from then on");
}

#[test]
fn a_conversation_that_fails_enrols_nobody_and_lets_nobody_past() {
    for answer in [Answer::NullReply, Answer::NullArray, Answer::Fails] {
        for answered in 0..2 {
            let fixture = service("enroll_by = 2033-05-20").build();
            let before = fixture.stored();
            let mut login = witness(&fixture).at(THEN);
            if answered == 1 {
                login = login.answers_with(Answer::CodeOfTheShownKey(0));
            }
            assert_eq!(login.answers_with(answer.clone()).code(), PamCode::CONV_ERR, "{answer:?}");
            assert_eq!(fixture.journal.last().what(), "refused conversation");
            before.assert_unchanged(&fixture.state());
        }
    }
}

#[test]
fn a_late_answer_enrols_nobody_and_lets_nobody_past() {
    let fixture = service("enroll_by = 2033-05-20\n[totp]\nanswer_within = \"1s\"").build();
    let before = fixture.stored();
    let mut login = witness(&fixture).at(THEN).answers_with(Answer::CodeOfTheShownKey(0)).types("yes");
    login.pause_ms = 1200;
    assert_eq!(login.code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused late");
    before.assert_unchanged(&fixture.state());
}

#[test]
fn the_time_to_answer_is_that_of_each_answer() {
    let fixture = service("[totp]\nanswer_within = \"3s\"").build();
    let mut login = fixture.login("alice").at(THEN).types("uri").types("uri");
    login = login.answers_with(Answer::CodeOfTheShownKey(0)).types("yes");
    login.pause_ms = 1000;
    assert_eq!(login.code(), PamCode::SUCCESS);
}

#[test]
fn a_user_enrolled_elsewhere_meanwhile_stays_enrolled_by_that() {
    let mut fixture = service("").build();
    let at_prompt = enrols(&fixture).hold();
    // No lock is held while a person thinks: the command is not kept waiting.
    import(&mut fixture);
    let outcome = at_prompt.release().outcome().unwrap();
    assert_eq!(outcome.code, PamCode::AUTH_ERR, "{outcome:?}");
    assert_eq!(fixture.journal.last().what(), "refused changed_meanwhile");
    assert_eq!(fixture.login_with_code_at("alice", THEN + 60).code(), PamCode::SUCCESS);
}

#[test]
fn cancelling_does_not_bypass_an_enrolment_made_meanwhile() {
    let mut fixture = service("enroll_by = 2033-05-20").build();
    let at_prompt = witness(&fixture).at(THEN).types("").hold();
    import(&mut fixture);
    let outcome = at_prompt.release().outcome().unwrap();
    assert_eq!(outcome.code, PamCode::AUTH_ERR, "{outcome:?}");
    assert_eq!(fixture.journal.last().what(), "refused changed_meanwhile");
}

#[test]
fn a_login_that_is_killed_at_a_prompt_has_enrolled_nobody() {
    let fixture = service("").build();
    let before = fixture.stored();
    enrols(&fixture).hold().kill();
    before.assert_unchanged(&fixture.state());
    assert_eq!(enrols(&fixture).code(), PamCode::SUCCESS);
}

#[test]
fn an_enrolment_that_is_killed_at_any_call_is_whole_or_none() {
    let fixture = rules("").build();
    let login = person(fixture.login(USER).at(THEN));
    let snapshot = Snapshot::of(&fixture);
    // Not those after it: the phone of this person is a process as well, and makes some of them.
    let points = strace::record_login(&login, &paths(&fixture));
    let (sweep, mut enrolled) = (Sweep::today(), BTreeSet::new());
    for point in sweep.points(points) {
        snapshot.restore();
        assert!(strace::login_killed_at(&login, &point).is_none(), "it had come to its end: {point:?}");
        let status = fixture.totp_enroll(&["--json", "status", USER]).status;
        assert!([0, NOT_ENROLLED].contains(&status), "status {status}: {point:?}");
        enrolled.insert(status == 0);
        if status == NOT_ENROLLED {
            let names = fixture.stored().names();
            let left = names.iter().filter(|name| !name.starts_with(".new."));
            assert!(left.clone().all(|name| name == USER), "left behind: {names:?} {point:?}");
            assert_eq!(login.clone().code(), PamCode::SUCCESS, "cannot enrol any more: {point:?}");
        }
    }
    sweep.assert_met(&enrolled, [false, true]);
}

#[test]
fn a_failing_call_during_enrolment_lets_in_no_unenrolled_user() {
    let fixture = rules("enroll_by = 2033-05-20").build();
    let login = person(fixture.login(USER).at(THEN));
    let snapshot = Snapshot::of(&fixture);
    let points = strace::record_login(&login, &paths(&fixture));
    let mut codes = BTreeSet::new();
    let sweep = Sweep::today();
    let cases = points.iter().zip(["EIO", "ENOSPC", "EROFS", "EACCES"].iter().cycle());
    for (point, error) in sweep.points(cases) {
        snapshot.restore();
        let outcome = strace::login_failing_at(&login, point, error);
        codes.insert(outcome.code);
        let status = fixture.totp_enroll(&["--json", "status", USER]).status;
        assert!([0, NOT_ENROLLED].contains(&status), "status {status}: {error} {point:?}");
        // libpam's result for a stack in which all modules ignore.
        assert_ne!(
            outcome.code,
            PamCode::PERM_DENIED,
            "an error was taken for permission: {error} {point:?}"
        );
        if outcome.code == PamCode::SUCCESS {
            assert_eq!(status, 0, "let in and not enrolled: {error} {point:?}");
        } else {
            assert_eq!(fixture.journal.last().field("event"), "error", "{error} {point:?}");
        }
    }
    assert!(!sweep.is_complete() || codes.contains(&PamCode::SYSTEM_ERR), "{codes:?}");
}

#[test]
fn nothing_secret_is_in_the_log_or_in_clear_on_the_disk() {
    let fixture = service("").arguments("after_first_factor debug").build();
    let outcome = enrols(&fixture).run();
    let (log, stored) = (fixture.journal.lines().concat(), fixture.stored());
    let key: String = key(&outcome).split(' ').collect();
    let codes = enroll_command::recovery_codes(&said(&outcome));
    assert!(!codes.is_empty());
    for secret in codes.iter().chain([&key, &phone(&outcome).code_at(THEN)]) {
        assert!(!log.contains(secret.as_str()) && !stored.hold(secret.as_bytes()), "{secret}:\n{log}");
    }
    assert!(!stored.hold(&phone(&outcome).secret));
}

#[test]
fn without_a_first_factor_a_login_enrols_nobody() {
    let fixture = service("").arguments("").build();
    assert_is_asked_as_everybody(&fixture, &fixture.login("alice").types("123456").run());
}

#[test]
fn nobody_is_enrolled_where_nothing_may_be_said() {
    let fixture = service("").build();
    let mut login = fixture.login("alice").types("123456").at(THEN);
    login.silent = true;
    assert_is_asked_as_everybody(&fixture, &login.run());
}

#[test]
fn nobody_is_enrolled_where_nobody_may_be_asked() {
    let fixture = service("").arguments("after_first_factor use_first_pass").build();
    let outcome = fixture.login("alice").at(THEN).run();
    assert_eq!((outcome.code, outcome.asked().len()), (PamCode::AUTH_ERR, 0), "{outcome:?}");
    assert!(!said(&outcome).contains(MANUAL_KEY));
}

#[test]
fn a_name_without_an_account_is_not_enrolled_at_login() {
    let fixture = service("").build();
    assert_is_asked_as_everybody(&fixture, &fixture.login("no-account").types("123456").at(THEN).run());
}

#[test]
fn nobody_is_enrolled_unless_the_configuration_says_so() {
    let fixture = Fixture::builder().arguments("after_first_factor").account("alice").build();
    assert_is_asked_as_everybody(&fixture, &fixture.login("alice").types("123456").at(THEN).run());
}

#[test]
fn nobody_scans_anything_where_no_key_could_be_sealed() {
    let fixture = service("enroll_by = 2033-05-20").build();
    fs::remove_file(fixture.keyring()).unwrap();
    let outcome = witness(&fixture).at(THEN).types("").run();
    assert_eq!((outcome.code, outcome.prompts.len()), (PamCode::SYSTEM_ERR, 0), "{outcome:?}");
    assert_eq!(fixture.journal.last().field("event"), "error");
}

#[test]
fn an_enrolled_user_is_asked_for_a_code_and_nothing_else() {
    let fixture = rules("").account("alice").enrolled("alice").build();
    let outcome = fixture.login_with_code_at("alice", THEN).run();
    assert_eq!((outcome.code, outcome.prompts.len()), (PamCode::SUCCESS, 1), "{outcome:?}");
}

/// An account of every Debian: strace follows no login into a machine of its own.
const USER: &str = "daemon";
/// The exit status of the command for a user who is not enrolled.
const NOT_ENROLLED: i32 = 3;

/// The configuration, with more in its table `[require]` and after it.
fn rules(more: &str) -> Builder {
    Fixture::builder()
        .config(&format!("[require]\nenroll_at_login = true\n{more}"))
        .arguments("after_first_factor")
}

fn service(more: &str) -> Builder {
    rules(more).account("alice")
}

/// Alice, who scans, types the code, and saves the recovery codes.
fn enrols(fixture: &Fixture) -> Login {
    person(fixture.login("alice").at(THEN))
}

/// What such a login reads and writes.
fn paths(fixture: &Fixture) -> Vec<PathBuf> {
    let mut paths = strace::stored(fixture, USER);
    paths.push(fixture.state().join("credentials").join(format!(".new.{USER}")));
    paths
}

fn person(login: Login) -> Login {
    login.answers_with(Answer::CodeOfTheShownKey(0)).types("yes")
}

/// Alice at a stack that tells `PAM_IGNORE` of the module, as success, from all else; libpam makes a refusal of a stack in
/// which all modules ignore. An enrolment is refused there.
fn witness(fixture: &Fixture) -> Login {
    witness_of(fixture, "")
}

fn witness_of(fixture: &Fixture, arguments: &str) -> Login {
    let line = fixture.module(&format!("after_first_factor {arguments}"));
    let line = line.replacen("required", "[ignore=1 default=bad]", 1);
    fixture.service("witness", &format!("{line}\nauth requisite pam_deny.so\nauth required pam_permit.so"));
    fixture.login_at("witness", "alice")
}

/// Every place at which one can leave.
const CANCELLATIONS: [fn(Login) -> Login; 4] = [
    |login| login.types(""),
    |login| login.types("hello").types(" "),
    |login| login.answers_with(Answer::CodeOfTheShownKey(0)).types(""),
    |login| (0..20).fold(login.answers_with(Answer::CodeOfTheShownKey(0)), |login, _| login.types("no")),
];

/// Everything that was said and asked.
fn said(outcome: &Outcome) -> String {
    outcome.prompts.iter().map(|prompt| format!("{}\n", prompt.text)).collect()
}

fn key(outcome: &Outcome) -> String {
    shown_key(&said(outcome)).to_owned()
}

fn phone(outcome: &Outcome) -> Authenticator {
    Authenticator::shown(&said(outcome))
}

/// Enrols alice in the command.
fn import(fixture: &mut Fixture) {
    let phone = ("alice".to_owned(), Authenticator::random());
    let users = fixture.write("users.oath", &users_file(std::slice::from_ref(&phone)));
    fixture.totp_enroll(&["--json", "import", "oath", users.to_str().unwrap()]).assert_done();
    fixture.note("alice", phone.1);
}

fn assert_is_asked_as_everybody(fixture: &Fixture, outcome: &Outcome) {
    assert_eq!(outcome.code, PamCode::AUTH_ERR, "{outcome:?}");
    assert_eq!(outcome.asked(), [PROMPT], "{outcome:?}");
    assert!(!said(outcome).contains(MANUAL_KEY), "{outcome:?}");
    assert!(Files::below(&fixture.state()).names().is_empty());
}
