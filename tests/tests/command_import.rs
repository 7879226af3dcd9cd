//! Importing pam_oath's users file: all lines, or none and the number of the bad one.

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::{Fixture, users_file};
use acceptance::login::PamCode;
use std::fs;

const SECRET: &str = "3132333435363738393031323334353637383930";

#[test]
fn the_users_in_the_file_get_in_once_and_nobody_else() {
    let people: Vec<(String, Authenticator)> =
        (0..20).map(|n| (format!("user{n}"), Authenticator::random())).collect();
    let fixture = Fixture::builder().build();
    let done = import(&fixture, &users_file(&people), &["--allow-unknown"]);
    done.assert_done();
    assert_eq!(done.json(), serde_json::json!({"imported": 20, "already_enrolled": [], "skipped": []}));
    for (user, phone) in &people {
        let code = phone.code_at(THEN);
        assert_eq!(fixture.login(user).types(&code).at(THEN).code(), PamCode::SUCCESS, "{user}");
        assert_eq!(fixture.login(user).types(&code).at(THEN).code(), PamCode::AUTH_ERR, "{user} again");
        assert_eq!(fixture.login("user99").types(&code).at(THEN).code(), PamCode::AUTH_ERR);
    }
}

#[test]
fn every_way_to_write_a_line_that_pam_oath_has_is_read() {
    let lines = [
        "# a comment",
        "",
        &format!("HOTP/T30 one - {SECRET}"),
        &format!("HOTP/T30/6\ttwo\t-\t{SECRET}"),
        &format!("  HOTP/T30/8   three  -  {SECRET}  "),
        &format!("HOTP/T60/7 four - {}\r", SECRET.to_uppercase()),
        &format!("HOTP/T30/6 five - {SECRET} 0 123456 2010-05-03T12:00:00L"),
    ];
    let fixture = Fixture::builder().build();
    let done = import(&fixture, &lines.join("\n"), &["--allow-unknown"]);
    assert_eq!(done.json()["imported"], 5, "{done:?}");
    for (user, digits, period) in
        [("one", 6, 30), ("two", 6, 30), ("three", 8, 30), ("four", 7, 60), ("five", 6, 30)]
    {
        let secret = b"12345678901234567890".to_vec();
        let phone = Authenticator { secret, digits, period, ..Authenticator::random() };
        assert_eq!(
            fixture.login(user).types(phone.code_at(THEN)).at(THEN).code(),
            PamCode::SUCCESS,
            "{user}"
        );
    }
}

#[test]
fn two_lines_of_one_person_are_two_authenticators() {
    let phones = [Authenticator::random(), Authenticator::random()];
    let fixture = Fixture::builder().build();
    let people = phones.clone().map(|phone| ("alice".to_owned(), phone));
    let done = import(&fixture, &users_file(&people), &["--allow-unknown"]);
    assert_eq!(done.json()["imported"], 1, "{done:?}");
    for phone in &phones {
        assert_eq!(fixture.login("alice").types(phone.code_at(THEN)).at(THEN).code(), PamCode::SUCCESS);
    }
}

#[test]
fn a_user_may_have_four_lines_anywhere_in_the_file() {
    let phones: Vec<Authenticator> = (0..5).map(|_| Authenticator::random()).collect();
    let fixture = Fixture::builder().build();
    let mut people = Vec::new();
    for (n, phone) in phones.iter().enumerate() {
        people.push(("alice".to_owned(), phone.clone()));
        people.extend((0..20).map(|other| (format!("user{n}-{other}"), Authenticator::random())));
    }
    let done = import(&fixture, &users_file(&people), &["--allow-unknown", "--keep-going"]);
    assert_eq!(done.json()["imported"], 101, "{done:?}");
    assert_eq!(done.json()["skipped"][0]["line"], 4 * 21 + 1, "{done:?}");
    for (n, phone) in phones.iter().enumerate() {
        let expected = if n < 4 { PamCode::SUCCESS } else { PamCode::AUTH_ERR };
        assert_eq!(fixture.login("alice").types(phone.code_at(THEN)).at(THEN).code(), expected, "{n}");
    }
    let status = fixture.totp_enroll(&["--json", "status", "alice"]).json();
    let labels: Vec<_> =
        status["authenticators"].as_array().into_iter().flatten().map(|one| &one["label"]).collect();
    assert_eq!(labels, ["oath", "oath-2", "oath-3", "oath-4"], "{status}");
}

#[test]
fn a_bad_line_is_named_by_its_number_and_nothing_is_written() {
    for bad in [
        "HOTP/T30/6 bob -",
        "HOTP/T30/6 bob",
        "HOTP/T30/6",
        "TOTP bob - 3132333435363738393031323334353637383930",
        "HOTP/T30/6 bob - 313",
        "HOTP/T30/6 bob - 3132",
        "HOTP/T30/6 bob - zz32333435363738393031323334353637383930",
        "HOTP/T30/5 bob - 3132333435363738393031323334353637383930",
        "HOTP/T30/9 bob - 3132333435363738393031323334353637383930",
        "HOTP/T0/6 bob - 3132333435363738393031323334353637383930",
        "HOTP/T30/6 ../bob - ",
        "HOTP/E/5 bob - 3132333435363738393031323334353637383930",
        "HOTP bob - 3132333435363738393031323334353637383930 -1",
        "HOTP bob - 3132333435363738393031323334353637383930 7 fob-17",
        "HOTP/T30/6 alice - 3132333435363738393031323334353637383930",
        "\u{1b}[2J",
    ] {
        let fixture = Fixture::builder().build();
        let text = format!("# users\nHOTP/T30/6 alice - {SECRET}\n{bad}\nHOTP/T30/6 carol - {SECRET}\n");
        let done = import(&fixture, &text, &["--allow-unknown"]);
        assert_eq!(done.status, 1, "{bad}: {done:?}");
        assert!(
            (done.stdout.clone() + &done.stderr).contains("line 3") || done.stdout.contains("\"line\":3"),
            "{done:?}"
        );
        assert!(!done.stdout.contains('\u{1b}') && !done.stderr.contains('\u{1b}'), "{done:?}");
        assert_eq!(everybody(&fixture), 0, "{bad}");
    }
}

#[test]
fn with_keep_going_a_bad_line_is_skipped_and_reported() {
    let fixture = Fixture::builder().build();
    let text =
        format!("HOTP/T30/6 alice - {SECRET}\nwhat\nHOTP/T30/6 carol - {SECRET}\nHOTP/T30/6 dave - 12\n");
    let done = import(&fixture, &text, &["--allow-unknown", "--keep-going"]);
    let document = done.json();
    assert_eq!(document["imported"], 2, "{document}");
    let skipped = document["skipped"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert_eq!(skipped.iter().map(|line| line["line"].as_u64()).collect::<Vec<_>>(), [Some(2), Some(4)]);
    assert!(skipped.iter().all(|line| line["problem"].as_str().is_some_and(|problem| !problem.is_empty())));
    assert_eq!(everybody(&fixture), 2);
}

#[test]
fn an_unknown_name_is_a_bad_line_unless_allowed() {
    let fixture = Fixture::builder().account("alice").build();
    let text = format!("HOTP/T30/6 alice - {SECRET}\nHOTP/T30/6 mallory - {SECRET}\n");
    let done = import(&fixture, &text, &[]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!((done.stdout + &done.stderr).contains("mallory"));
    assert_eq!(everybody(&fixture), 0);
    import(&fixture, &format!("HOTP/T30/6 alice - {SECRET}\n"), &[]).assert_done();
    assert_eq!(everybody(&fixture), 1);
}

#[test]
fn an_import_does_not_overwrite_an_enrolment() {
    let fixture = Fixture::with(&["alice"]);
    let stored = fixture.stored();
    let done = import(
        &fixture,
        &format!("HOTP/T30/6 bob - {SECRET}\nHOTP/T30/6 alice - {SECRET}\n"),
        &["--allow-unknown"],
    );
    assert_eq!(done.status, 1, "{done:?}");
    assert!((done.stdout + &done.stderr).contains("alice"));
    stored.assert_unchanged(&fixture.state());
}

#[test]
fn a_file_can_be_read_from_a_pipe() {
    let fixture = Fixture::builder().build();
    let command = fixture.command(&["--json", "import", "oath", "-", "--allow-unknown"]);
    enroll_command::run(command, &format!("HOTP/T30/6 alice - {SECRET}\n")).assert_done();
    assert_eq!(everybody(&fixture), 1);
}

#[test]
fn a_file_that_is_missing_or_not_text_is_named() {
    let fixture = Fixture::builder().build();
    fs::write(fixture.path("noise"), acceptance::authenticator::random_bytes(4096)).unwrap();
    for name in ["missing", "noise"] {
        let path = fixture.path(name);
        let done = fixture.totp_enroll(&["import", "oath", path.to_str().unwrap(), "--allow-unknown"]);
        assert_eq!(done.status, 1, "{done:?}");
        assert!(done.stderr.contains(path.to_str().unwrap()), "{done:?}");
    }
    assert_eq!(everybody(&fixture), 0);
}

#[test]
fn an_import_is_in_the_log() {
    let fixture = Fixture::builder().build();
    import(&fixture, &format!("HOTP/T30/6 alice - {SECRET}\n"), &["--allow-unknown"]).assert_done();
    let events = fixture.journal.command_events();
    assert!(events.iter().any(|event| event.field("event") == "imported"), "{events:?}");
    assert!(!fixture.journal.lines().concat().contains(SECRET));
}

#[test]
fn a_long_import_shows_progress_on_a_terminal_only() {
    let people: Vec<(String, Authenticator)> =
        (0..300).map(|n| (format!("user{n}"), Authenticator::random())).collect();
    let fixture = Fixture::builder().build();
    let file = fixture.write("users.oath", &users_file(&people)).display().to_string();
    let ended = fixture.at_terminal(&["import", "oath", &file, "--allow-unknown"]).end();
    assert_eq!(ended.status, 0, "{}", ended.screen);
    assert!(ended.screen.contains("/300"), "{}", ended.screen);
    assert_eq!(everybody(&fixture), 300);
    let elsewhere = Fixture::builder().build();
    let done = elsewhere.totp_enroll(&["import", "oath", &file, "--allow-unknown"]);
    done.assert_done();
    assert!(!(done.stdout + &done.stderr).contains("/300"));
}

/// Imports a users file with this text.
fn import(fixture: &Fixture, text: &str, options: &[&str]) -> CommandOutput {
    let file = fixture.write("users.oath", text);
    let file = file.display().to_string();
    let mut arguments = vec!["--json", "import", "oath", &file];
    arguments.extend(options);
    fixture.totp_enroll(&arguments)
}

/// How many are enrolled.
fn everybody(fixture: &Fixture) -> usize {
    fixture
        .totp_enroll(&["--json", "list"])
        .json()
        .get("users")
        .and_then(|users| users.as_array())
        .map_or(0, Vec::len)
}
