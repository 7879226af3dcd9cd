//! Importing `otpauth://` URIs: all lines, or none and the number of the bad one.

use acceptance::authenticator::{Authenticator, random_bytes};
use acceptance::clock::THEN;
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::files::Files;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use data_encoding::BASE32_NOPAD;
use std::fs;

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

#[test]
fn imported_uris_accept_codes_for_all_parameters() {
    let mut people = Vec::new();
    for (algorithm, length) in [("SHA1", 20), ("SHA256", 32), ("SHA512", 64)] {
        for digits in [6, 7, 8] {
            for period in [5, 30, 60, 300] {
                let secret = random_bytes(length);
                let phone = Authenticator { secret, algorithm: algorithm.to_owned(), digits, period };
                people.push((format!("user{}", people.len()), phone));
            }
        }
    }
    let text: String = people.iter().map(|(user, phone)| uri(user, phone) + "\n").collect();
    let fixture = Fixture::builder().build();
    let done = import(&fixture, &text, &["--allow-unknown"]);
    assert_eq!(done.json(), serde_json::json!({"imported": 36, "already_enrolled": [], "skipped": []}));
    for (user, phone) in &people {
        let code = phone.code_at(THEN);
        assert_eq!(fixture.login(user).types(&code).at(THEN).code(), PamCode::SUCCESS, "{user} {phone:?}");
        assert_eq!(fixture.login(user).types(&code).at(THEN).code(), PamCode::AUTH_ERR, "{user} again");
    }
    assert_eq!(fixture.login("user99").types("123456").at(THEN).code(), PamCode::AUTH_ERR);
}

#[test]
fn every_way_to_write_a_uri_is_read() {
    let lines = [
        "# a comment".to_owned(),
        String::new(),
        format!("otpauth://totp/one?secret={SECRET}"),
        format!("otpauth://totp/ACME%20Ltd:two?secret={}&issuer=Someone%20else\r", SECRET.to_lowercase()),
        format!(
            "  otpauth://totp/ACME%3A%20three?digits=8&secret={SECRET}&image=https%3A%2F%2Fa.example%2Fb.png "
        ),
        format!("OTPAUTH://TOTP/A: four?PERIOD=60&Secret={SECRET}&Algorithm=sha256&lock=true"),
        "otpauth://totp/five?secret=GEZDGNBVGY3TQOJQGE======&digits=7".to_owned(),
        "otpauth://totp/six?secret=GEZDGNBVGY3TQOJQGE%3D%3D%3d%3d%3d%3d".to_owned(),
        // The last two bits are no byte.
        "otpauth://totp/seven?secret=GEZDGNBVGY3TQOJQGH".to_owned(),
        format!("otpauth://totp/s%C3%B8ren%40example.com?secret={SECRET}"),
    ];
    let fixture = Fixture::builder().build();
    let done = import(&fixture, &lines.join("\n"), &["--allow-unknown"]);
    assert_eq!(done.json()["imported"], 8, "{done:?}");
    let (long, short) = ("12345678901234567890", "12345678901");
    for (user, secret, algorithm, digits, period) in [
        ("one", long, "SHA1", 6, 30),
        ("two", long, "SHA1", 6, 30),
        ("three", long, "SHA1", 8, 30),
        ("four", long, "SHA256", 6, 60),
        ("five", short, "SHA1", 7, 30),
        ("six", short, "SHA1", 6, 30),
        ("seven", short, "SHA1", 6, 30),
        ("søren@example.com", long, "SHA1", 6, 30),
    ] {
        let secret = secret.as_bytes().to_vec();
        let phone = Authenticator { secret, algorithm: algorithm.to_owned(), digits, period };
        assert_eq!(
            fixture.login(user).types(phone.code_at(THEN)).at(THEN).code(),
            PamCode::SUCCESS,
            "{user}"
        );
    }
}

#[test]
fn the_uri_thin_the_command_shows_is_read_on_another_machine() {
    let mut fixture = Fixture::builder().account("alice").build();
    let issuer = "Example & Söhne";
    let options = ["--show-uri", "--issuer", issuer, "--algorithm", "SHA512", "--digits", "8"];
    let enrolment = fixture.enrol("alice", &options);
    let uri =
        enrolment.screen.split_whitespace().find(|word| word.starts_with("otpauth://")).expect("no URI");
    let elsewhere = Fixture::builder().account("alice").build();
    import(&elsewhere, uri, &[]).assert_done();
    let code = enrolment.authenticator.code_at(THEN);
    assert_eq!(elsewhere.login("alice").types(code).at(THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_bad_uri_is_named_by_its_line_and_nothing_is_written() {
    let good = |user: &str| format!("otpauth://totp/ACME:{user}?secret={SECRET}");
    for (bad, said) in [
        ("bob".to_owned(), "not an otpauth:// URI"),
        (format!("https://totp/bob?secret={SECRET}"), "not an otpauth:// URI"),
        (format!("otpauth-migration://offline?data={SECRET}"), "otpauth-migration"),
        (
            format!("otpauth://totp/Site:bob?secret={SECRET}&amp;issuer=Site&amp;digits=8&amp;period=60"),
            "write & in each of these places",
        ),
        (format!("{}&#038;digits=8", good("bob")), "write & in each of these places"),
        (format!("{}&%23038;digits=8", good("bob")), "write & in each of these places"),
        (
            format!("{}&alg=SHA256", good("bob")),
            "the parameter alg, which apps ignore; it probably means algorithm",
        ),
        (format!("{}&digit=8", good("bob")), "it probably means digits"),
        (format!("{}&length=8", good("bob")), "it probably means digits"),
        (format!("{}&timer=60", good("bob")), "it probably means period"),
        (format!("{}& digits=8", good("bob")), "a blank beside the parameter digits"),
        (format!("{}&digits%20=8", good("bob")), "a blank beside the parameter digits"),
        (format!("{}&wat=8", good("bob")), "the unknown parameter wat"),
        ("Title,URL,Username,Password,Notes,OTPAuth".to_owned(), "a line of a table (CSV)"),
        (format!("Site,https://site.example,bob,pw,,{}", good("bob")), "has other text beside the URI"),
        ("steam://GEZDGNBV".to_owned(), "is a URI of another kind"),
        (format!("otpauth://hotp/bob?secret={SECRET}&counter=-7"), "the counter is not a number from 0"),
        (format!("otpauth://hotp/bob?secret={SECRET}&counter=seven"), "the counter is not a number from 0"),
        (format!("otpauth://hotp/bob?secret={SECRET}&counter=9223372036854775807"), "from 0 to 2^63-2"),
        (format!("otpauth://hotp/bob?secret={SECRET}&algorithm=SHA256"), "the algorithm is SHA256, but"),
        (format!("otpauth://hotp/bob?secret={SECRET}&digits=9"), "digits must be 6, 7 or 8"),
        (format!("otpauth://steam/bob?secret={SECRET}"), "not have the type"),
        (format!("otpauth://totp?secret={SECRET}"), "not have the type"),
        ("otpauth://totp/bob".to_owned(), "no secret"),
        (format!("otpauth://totp/bob&secret={SECRET}"), "no secret"),
        ("otpauth://totp/bob?secret=".to_owned(), "10 to 128 bytes"),
        ("otpauth://totp/bob?secret=GEZDGNBVGY3TQ".to_owned(), "10 to 128 bytes"),
        ("otpauth://totp/bob?secret=GEZDGNBVGY3TQOJ".to_owned(), "10 to 128 bytes"),
        ("otpauth://totp/bob?secret=GEZD%20GNBV%20GY3T".to_owned(), "10 to 128 bytes"),
        (format!("otpauth://totp/bob?secret={}", SECRET.repeat(7)), "10 to 128 bytes"),
        (format!("otpauth://totp/bob?secret={SECRET}!"), "not base32"),
        (format!("otpauth://totp/bob?secret=0{SECRET}"), "which base32 does not have"),
        (format!("otpauth://totp/bob?secret={SECRET}%3F{SECRET}"), "not base32"),
        (format!("{}&algorithm=MD5", good("bob")), "MD5"),
        (format!("{}&algorithm=SHA3", good("bob")), "algorithm"),
        (format!("{}&digits=5", good("bob")), "digits"),
        (format!("{}&digits=9", good("bob")), "digits"),
        (format!("{}&digits=six", good("bob")), "digits"),
        (format!("{}&period=4", good("bob")), "period"),
        (format!("{}&period=301", good("bob")), "period"),
        (format!("{}&period=-30", good("bob")), "period"),
        (format!("{}&encoder=steam", good("bob")), "encoder"),
        (format!("{}&digits=6&digits=8", good("bob")), "twice"),
        (format!("{}#&digits=8", good("bob")), "%23"),
        (format!("{}&image={}&digits=8", good("bob"), "x".repeat(5000)), "longer than"),
        (good(""), "no account"),
        (good("%zz"), "hexadecimal"),
        (good("%ff"), "UTF-8"),
        (good("%00"), "control"),
        (good("alice").replace(SECRET, &SECRET.to_lowercase().replace('g', "h")), "keep only the entry"),
    ] {
        let fixture = Fixture::builder().build();
        let text = format!("# people\n{}\n{bad}\n{}\n", good("alice"), good("carol"));
        let file = fixture.write("people.uri", &text).display().to_string();
        let done = fixture.totp_enroll(&["import", "uri", &file, "--allow-unknown"]);
        assert_eq!(done.status, 1, "{bad}: {done:?}");
        assert!(
            done.stderr.contains(&format!("{file} line 3: ")) && done.stderr.contains(said),
            "{bad}: {done:?}"
        );
        let json = import(&fixture, &text, &["--allow-unknown"]);
        assert!(json.stdout.contains("\"line\":3") && json.stdout.contains(said), "{bad}: {json:?}");
        for told in [&done, &json] {
            assert!(!(told.stdout.clone() + &told.stderr).contains("GEZDGNB"), "{bad}: {told:?}");
        }
        assert_eq!(everybody(&fixture), 0, "{bad}");
    }
}

#[test]
fn with_keep_going_bad_uris_are_skipped_and_reported() {
    let fixture = Fixture::builder().build();
    let other = SECRET.replace("GEZDGNBV", "AAAAAAAA");
    let text = format!(
        "otpauth://totp/alice?secret={SECRET}\notpauth://hotp/bob?secret={SECRET}&counter=x\n\n\
         otpauth://totp/carol?secret={SECRET}\notpauth://totp/alice?secret={other}\n"
    );
    let done = import(&fixture, &text, &["--allow-unknown", "--keep-going"]);
    assert_eq!(done.status, 1, "{done:?}");
    let document = done.json();
    assert_eq!(document["imported"], 2, "{document}");
    let skipped = document["skipped"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert_eq!(skipped.iter().map(|line| line["line"].as_u64()).collect::<Vec<_>>(), [Some(2), Some(5)]);
    assert!(
        skipped[0]["problem"].as_str().is_some_and(|problem| problem.contains("the counter is not")),
        "{document}"
    );
    let code = phone().code_at(THEN);
    assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::SUCCESS);
    let status = fixture.totp_enroll(&["--json", "status", "alice"]).json();
    assert_eq!(status["authenticators"].as_array().map(Vec::len), Some(1), "{status}");
}

#[test]
fn a_name_can_be_given_for_one_uri_and_for_no_more() {
    let line = format!("otpauth://totp/ACME:alice%40example.com?secret={SECRET}\n");
    let fixture = Fixture::builder().account("alice").build();
    for text in [line.clone() + &line, line.clone() + "what\n", "# nobody\n".to_owned()] {
        for options in [&["--user", "alice"][..], &["--user", "alice", "--keep-going"]] {
            let done = import(&fixture, &text, options);
            assert_eq!(done.status, 1, "{text}: {done:?}");
            assert!(done.stdout.contains("exactly one"), "{text}: {done:?}");
        }
    }
    assert_eq!(everybody(&fixture), 0);
    let done = import(&fixture, &line, &[]);
    assert!(done.stdout.contains("there is no account"), "{done:?}");
    import(&fixture, &format!("# hers\n{line}\n"), &["--user", "alice"]).assert_done();
    assert_eq!(fixture.login("alice").types(phone().code_at(THEN)).at(THEN).code(), PamCode::SUCCESS);
}

#[test]
fn an_import_of_uris_does_not_overwrite_an_enrolment() {
    let fixture = Fixture::with(&["alice"]);
    let stored = fixture.stored();
    let text = format!("otpauth://totp/bob?secret={SECRET}\notpauth://totp/alice?secret={SECRET}\n");
    for options in [&["--allow-unknown"][..], &["--allow-unknown", "--dry-run"]] {
        let done = import(&fixture, &text, options);
        assert_eq!(done.status, 1, "{done:?}");
        assert!(done.stdout.contains("alice is already enrolled"), "{done:?}");
    }
    stored.assert_unchanged(&fixture.state());
}

#[test]
fn a_dry_run_says_who_would_be_enrolled_and_writes_nothing() {
    for enrolled in [&[][..], &["zoe"]] {
        let fixture = Fixture::with(enrolled);
        if enrolled.is_empty() {
            // Nor is there a place yet where enrolments would lie.
            fs::remove_dir_all(fixture.state()).unwrap();
        }
        let stored = Files::below(&fixture.path("."));
        let before = fixture.journal.lines().len();
        let uris = format!(
            "otpauth://totp/bob?secret={SECRET}&digits=8\nwhat\notpauth://totp/ACME:alice?secret={SECRET}&algorithm=SHA256&period=60\n"
        );
        let hex = "3132333435363738393031323334353637383930";
        let oath = format!("HOTP/T30/8 bob - {hex}\nwhat\nHOTP/T60 alice - {hex}\nHOTP/T30 bob - {hex}31\n");
        for (kind, text, expected) in [
            (
                "uri",
                uris,
                serde_json::json!([
                    {"user": "bob", "authenticators": [{"algorithm": "SHA1", "digits": 8, "period": 30}]},
                    {"user": "alice", "authenticators": [{"algorithm": "SHA256", "digits": 6, "period": 60}]},
                ]),
            ),
            (
                "oath",
                oath,
                serde_json::json!([
                    {"user": "bob", "authenticators": [
                        {"algorithm": "SHA1", "digits": 8, "period": 30}, {"algorithm": "SHA1", "digits": 6, "period": 30},
                    ]},
                    {"user": "alice", "authenticators": [{"algorithm": "SHA1", "digits": 6, "period": 60}]},
                ]),
            ),
        ] {
            let arguments = ["import", kind, "-", "--allow-unknown", "--keep-going", "--dry-run"];
            let json = enroll_command::run(fixture.command(&[&["--json"], &arguments[..]].concat()), &text);
            // As the import would end: with a line that is not imported.
            assert_eq!(json.status, 1, "{json:?}");
            assert_eq!(
                (&json.json()["would_import"], &json.json()["dry_run"]),
                (&expected, &true.into()),
                "{json:?}"
            );
            assert_eq!(json.json()["skipped"][0]["line"], 2, "{json:?}");
            let told = enroll_command::run(fixture.command(&arguments), &text);
            assert_eq!(told.status, 1, "{told:?}");
            assert!(
                told.stdout.contains("would import alice: ") && told.stdout.contains("2 users would be"),
                "{told:?}"
            );
            assert!(told.stderr.contains("- line 2: "), "{told:?}");
            for done in [&json, &told] {
                assert!(!done.stdout.contains("GEZDGNBV") && !done.stdout.contains(hex), "{done:?}");
            }
            let refused = enroll_command::run(
                fixture.command(&["import", kind, "-", "--allow-unknown", "--dry-run"]),
                &text,
            );
            assert_eq!(refused.status, 1, "{refused:?}");
            // Without --keep-going as well, it shows all that would happen.
            assert!(refused.stdout.contains("would import alice: "), "{refused:?}");
            assert!(refused.stderr.contains("the import would stop, and import no one"), "{refused:?}");
        }
        stored.assert_unchanged(&fixture.path("."));
        assert_eq!(fixture.journal.lines().len(), before);
    }
}

#[test]
fn an_import_is_in_the_log_and_holds_no_secret() {
    let fixture = Fixture::builder().build();
    import(&fixture, &format!("otpauth://totp/alice?secret={SECRET}\n"), &["--allow-unknown"]).assert_done();
    let events = fixture.journal.command_events();
    assert!(
        events.iter().any(|event| event.field("event") == "imported" && event.field("from") == "uri"),
        "{events:?}"
    );
    assert!(!fixture.journal.lines().concat().contains(SECRET));
}

/// The authenticator of [`SECRET`].
fn phone() -> Authenticator {
    Authenticator { secret: b"12345678901234567890".to_vec(), ..Authenticator::random() }
}

/// As an app would be enrolled by it.
fn uri(user: &str, phone: &Authenticator) -> String {
    let Authenticator { secret, algorithm, digits, period } = phone;
    let secret = BASE32_NOPAD.encode(secret);
    format!(
        "otpauth://totp/ACME:{user}?secret={secret}&issuer=ACME&algorithm={algorithm}&digits={digits}&period={period}"
    )
}

/// Imports a file with this text.
fn import(fixture: &Fixture, text: &str, options: &[&str]) -> CommandOutput {
    let file = fixture.write("people.uri", text).display().to_string();
    fixture.totp_enroll(&[&["--json", "import", "uri", &file], options].concat())
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
