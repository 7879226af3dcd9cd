//! Enrolling a counter token: at a terminal, beside a phone, in place of one, and by a script.

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::counter_token::CounterToken;
use acceptance::enroll_command::{self, ASKS_FOR_A_CODE, asks_for_the_name};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::qr;
use acceptance::terminal::{Ended, Terminal};
use data_encoding::BASE32_NOPAD;

#[test]
fn a_token_that_was_pressed_before_is_enrolled_with_its_next_code() {
    let fixture = alice();
    let mut terminal = fixture.at_terminal(&["enroll", "alice", "--type", "hotp", "--counter", "7"]);
    let (fob, shown) = fob(&mut terminal);
    assert!(shown.contains("codes of 6 digits (HMAC-SHA1) from counter 7 on"), "{shown}");
    // Pressed ten times on the way: the look-ahead ends there.
    let ended = confirm(terminal, &fob.press(17));
    assert!(ended.screen.contains("alice has the authenticator \"token\""), "{}", ended.screen);
    assert_eq!(enroll_command::recovery_codes(&ended.last).len(), 10);
    for used in [7, 17] {
        assert_eq!(by_fob(&fixture, &fob, used), PamCode::AUTH_ERR);
        assert_eq!(fixture.journal.last().what(), "refused replayed");
    }
    assert_eq!(by_fob(&fixture, &fob, 18), PamCode::SUCCESS);
    let events = fixture.journal.done_by_commands();
    let enrolled: Vec<_> = events.iter().filter(|event| event.field("event") == "enrolled").collect();
    let [event] = enrolled.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.field("type"), event.field("authenticator")), ("hotp", "token"));
}

#[test]
fn the_qr_code_has_the_kind_and_the_counter() {
    let fixture = alice();
    let arguments =
        ["enroll", "alice", "--type", "hotp", "--counter", "42", "--digits", "8", "--issuer", "x"];
    let mut terminal = fixture.at_terminal(&arguments);
    let (fob, shown) = fob(&mut terminal);
    let secret = BASE32_NOPAD.encode(&fob.secret);
    let uri = format!("otpauth://hotp/x:alice?secret={secret}&issuer=x&algorithm=SHA1&digits=8&counter=42");
    assert_eq!(qr::read(&shown), Ok(uri.clone()));
    terminal.types("uri");
    assert!(terminal.expect(ASKS_FOR_A_CODE).contains(&uri));
    let fob = CounterToken { digits: 8, ..fob };
    confirm(terminal, &fob.press(42));
    assert_eq!(by_fob(&fixture, &fob, 43), PamCode::SUCCESS);
}

#[test]
fn a_wrong_first_code_says_which_counters_are_right() {
    let fixture = alice();
    let mut terminal = fixture.at_terminal(&["enroll", "alice", "--type", "hotp", "--counter", "7"]);
    let (fob, _) = fob(&mut terminal);
    for outside in [6, 18] {
        terminal.types(&fob.press(outside));
        let shown = terminal.expect(ASKS_FOR_A_CODE);
        assert!(shown.contains("its counter is not 7 to 17"), "{outside}: {shown}");
    }
    terminal.types("12345");
    assert!(terminal.expect(ASKS_FOR_A_CODE).contains("not a code of 6 digits (2 attempts left)"));
    confirm(terminal, &fob.press(7));
    assert_eq!(by_fob(&fixture, &fob, 8), PamCode::SUCCESS);
}

#[test]
fn a_fob_beside_a_phone_and_in_place_of_both() {
    let mut fixture = alice();
    fixture.enrol("alice", &[]);
    let enrol = |option: &str| {
        let mut terminal = fixture.at_terminal(&["enroll", "alice", "--type", "hotp", option]);
        terminal.expect(&asks_for_the_name("alice"));
        terminal.types("alice");
        let (fob, _) = fob(&mut terminal);
        let ended = confirm(terminal, &fob.press(0));
        (fob, enroll_command::recovery_codes(&ended.last).len())
    };
    let (first, recovery_codes) = enrol("--add");
    assert_eq!(recovery_codes, 0, "those of the enrolment stay");
    let phone = fixture.authenticator("alice").clone();
    let by_phone = |later| fixture.login("alice").types(phone.code_in(later)).code();
    assert_eq!((by_phone(1), by_fob(&fixture, &first, 1)), (PamCode::SUCCESS, PamCode::SUCCESS));
    let status = fixture.totp_enroll(&["--json", "status", "alice"]).json();
    assert_eq!([0, 1].map(|at| &status["authenticators"][at]["label"]), ["phone", "token"]);
    let (second, recovery_codes) = enrol("--replace");
    assert_eq!(recovery_codes, 10);
    assert_eq!((by_phone(2), by_fob(&fixture, &first, 2)), (PamCode::AUTH_ERR, PamCode::AUTH_ERR));
    assert_eq!(by_fob(&fixture, &second, 1), PamCode::SUCCESS);
}

#[test]
fn a_script_enrols_a_list_with_tokens_and_the_first_code_confirms() {
    let fixture = Fixture::builder().account("alice").account("bob").account("carol").build();
    let list = ["--json", "enroll", "--batch", "--list", "-", "--type", "hotp", "--counter", "3"];
    let done = enroll_command::run(fixture.command(&list), "alice\nbob\ncarol\n");
    done.assert_done();
    let documents: Vec<serde_json::Value> =
        done.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fobs: Vec<CounterToken> = documents
        .iter()
        .map(|document| {
            assert_eq!((&document["type"], &document["counter"]), (&"hotp".into(), &3.into()));
            assert_eq!((&document["period"], &document["algorithm"]), (&().into(), &"SHA1".into()));
            assert!(document["uri"].as_str().unwrap().starts_with("otpauth://hotp/"), "{document}");
            assert!(document["uri"].as_str().unwrap().ends_with("&counter=3"), "{document}");
            let key = document["manual_key"].as_str().unwrap();
            CounterToken { secret: Authenticator::from_manual_key(key).secret, digits: 6 }
        })
        .collect();
    let pending = |user| fixture.totp_enroll(&["--json", "status", user]).json()["pending"].clone();
    let by_fob = |user, code: String| fixture.login(user).types(code).at(THEN).code();
    assert_eq!((by_fob("alice", fobs[0].press(2)), pending("alice")), (PamCode::AUTH_ERR, true.into()));
    assert_eq!((by_fob("alice", fobs[0].press(3)), pending("alice")), (PamCode::SUCCESS, false.into()));
    // One that was pressed often needs two codes, as at a login.
    for (user, code, status) in [
        ("bob", fobs[1].press(13), 0),
        ("carol", fobs[2].press(14), 1),
        ("carol", fobs[2].presses(500, 1).join(" "), 0),
    ] {
        let done = fixture.totp_enroll(&["enroll", user, "--confirm", "--code", &code]);
        assert_eq!(done.status, status, "{user} {done:?}");
        assert_eq!(pending(user), status != 0, "{user}");
    }
}

#[test]
fn a_script_shows_an_app_as_before_with_its_kind() {
    let fixture = alice();
    let document = fixture.totp_enroll(&["--json", "enroll", "alice", "--batch"]).json();
    assert_eq!((&document["type"], &document["period"]), (&"totp".into(), &30.into()));
    assert_eq!(document["counter"], serde_json::Value::Null);
    let events = fixture.journal.done_by_commands();
    assert_eq!(events.last().unwrap().field("type"), "totp", "{events:?}");
}

#[test]
fn what_no_token_has_is_a_usage_error() {
    let fixture = alice();
    for (options, said) in [
        (&["--type", "hotp", "--algorithm", "SHA256"][..], "always SHA1"),
        (&["--type", "hotp", "--period", "30"], "do not depend on the time"),
        (&["--type", "hotp", "--digits", "9"], "digits must be 6, 7 or 8"),
        (
            &["--type", "hotp", "--counter", "9223372036854775807"],
            "--counter must be 0 to 9223372036854775806",
        ),
        (&["--type", "hotp", "--counter=-1"], "--counter"),
        (&["--type", "sms"], "possible values: totp, hotp"),
        (&["--counter", "1"], "add --type hotp"),
    ] {
        let done = fixture.totp_enroll(&[&["enroll", "alice", "--batch"], options].concat());
        assert_eq!((done.status, done.stderr.contains(said)), (2, true), "{options:?}: {done:?}");
    }
    assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, 3);
}

#[test]
fn codes_that_a_key_types_on_a_french_keyboard_are_no_tries() {
    let fixture = alice();
    let mut terminal = fixture.at_terminal(&["enroll", "alice", "--type", "hotp"]);
    let (key, _) = fob(&mut terminal);
    confirm(terminal, &key.press(0));
    let row = ["à", "&", "é", "\"", "'", "(", "-", "è", "_", "ç"];
    let french =
        |code: String| -> String { code.bytes().map(|digit| row[usize::from(digit - b'0')]).collect() };
    for counter in 1..=10 {
        assert_eq!(fixture.login("alice").types(french(key.press(counter))).code(), PamCode::AUTH_ERR);
        assert_eq!(fixture.journal.last().what(), "refused malformed");
    }
    assert_eq!(fixture.totp_enroll(&["--json", "status", "alice"]).json()["wrong_in_a_row"], 0);
    assert_eq!(by_fob(&fixture, &key, 11), PamCode::SUCCESS);
    // What it types in front of a code with --identifier.
    let identified = fixture.login("alice").types(format!("ubhe12345678{}", key.press(12)));
    assert_eq!(identified.code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().what(), "refused malformed");
}

fn alice() -> Fixture {
    Fixture::builder().account("alice").build()
}

/// The token with the key on the screen, and the screen.
fn fob(terminal: &mut Terminal) -> (CounterToken, String) {
    let shown = terminal.expect(ASKS_FOR_A_CODE);
    (CounterToken::shown(&shown), shown)
}

fn confirm(mut terminal: Terminal, code: &str) -> Ended {
    terminal.types(code);
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "not enrolled: {}", ended.screen);
    ended
}

fn by_fob(fixture: &Fixture, fob: &CounterToken, counter: u64) -> PamCode {
    fixture.login("alice").types(fob.press(counter)).code()
}
