//! `enroll_at_login`: the login itself enrols. Leaving before the end changes nothing.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod unfinished;

use acceptance::authenticator::{Authenticator, MANUAL_KEY, shown_key};
use acceptance::clock::THEN;
use acceptance::enroll_command;
use acceptance::files::Files;
use acceptance::fixture::{Builder, Fixture};
use acceptance::login::{Answer, Login, Outcome, PROMPT, PamCode};
use acceptance::qr;
use std::collections::BTreeSet;
use std::fs;

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
fn enrolling_before_the_last_day_counts() {
    let fixture = service("enroll_by = 2033-05-20").build();
    assert_eq!(enrols(&fixture).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login("alice").types("").at(THEN).code(), PamCode::AUTH_ERR, "asked from then on");
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

fn assert_is_asked_as_everybody(fixture: &Fixture, outcome: &Outcome) {
    assert_eq!(outcome.code, PamCode::AUTH_ERR, "{outcome:?}");
    assert_eq!(outcome.asked(), [PROMPT], "{outcome:?}");
    assert!(!said(outcome).contains(MANUAL_KEY), "{outcome:?}");
    assert!(Files::below(&fixture.state()).names().is_empty());
}
