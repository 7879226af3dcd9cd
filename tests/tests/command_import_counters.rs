//! Importing counter tokens from each format, with the codes of oathtool, and beside the modules that they come from: of one file,
//! the same codes open in both.

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::counter_token::CounterToken;
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER};
use std::fs;

/// Of RFC 4226 appendix D: no two of its first sixty codes are the same.
const SECRET: &[u8] = b"12345678901234567890";

#[test]
fn the_next_code_opens_after_an_import_of_each_format() {
    let [six, seven, eight] = [6, 7, 8].map(|digits| CounterToken { digits, ..CounterToken::random() });
    let (hex, base32) = (|fob: &CounterToken| HEXLOWER.encode(&fob.secret), base32);
    let used = format!("HOTP/E/8 alice - {} 4 {} 2026-01-02T03:04:05L", hex(&eight), eight.press(4));
    for (fob, format, text, next) in [
        (&six, "oath", format!("HOTP alice - {} 5", hex(&six)), 5),
        (&six, "oath", format!("HOTP/E alice - {}", hex(&six)), 0),
        (&eight, "oath", used, 5),
        (&seven, "uri", format!("otpauth://hotp/A:alice?secret={}&digits=7&counter=5", base32(&seven)), 5),
        (&six, "uri", format!("otpauth://hotp/alice?secret={}&issuer=A", base32(&six)), 0),
        (&eight, "uri", export("alice", &eight, 4), 5),
        (&six, "google-authenticator", format!("{}\n\" HOTP_COUNTER 5\n", base32(&six)), 5),
    ] {
        let fixture = Fixture::builder().account("alice").build();
        import(&fixture, format, &text, &[]).assert_done();
        let opens = |counter: u64| fixture.login("alice").types(fob.press(counter)).at(THEN).code();
        for before in (0..next).rev().take(2) {
            assert_eq!(opens(before), PamCode::AUTH_ERR, "{format}: {before} before {next}");
            assert_eq!(fixture.journal.last().field("reason"), "replayed");
        }
        for counter in [next, next + 1, next + 12] {
            assert_eq!(opens(counter), PamCode::SUCCESS, "{format}: {counter}");
            assert_eq!(opens(counter), PamCode::AUTH_ERR, "{format}: {counter} again");
        }
    }
}

#[test]
fn google_authenticators_window_becomes_the_look_ahead() {
    for (window, config, last, own, noted) in [
        (Some(1), "", 5, Some(0), false),
        (Some(17), "", 21, Some(16), false),
        (Some(11), "", 15, None, false),
        (Some(51), "", 55, Some(50), false),
        (Some(100), "", 55, Some(50), true),
        (Some(100), "[hotp]\nlook_ahead = 50", 55, None, true),
        (None, "", 15, None, false),
    ] {
        let fob = CounterToken::random();
        let fixture = Fixture::builder().account("alice").config(config).build();
        let window = window.map_or_else(String::new, |codes| format!("\" WINDOW_SIZE {codes}\n"));
        let text = format!("{}\n{window}\" HOTP_COUNTER 5\n", base32(&fob));
        let document = import(&fixture, "google-authenticator", &text, &[]).json();
        let told = &document["users"][0];
        assert_eq!((&told["counter"], told["look_ahead"].as_u64()), (&5.into(), own), "{document}");
        assert_eq!(told["notes"].to_string().contains("a look-ahead of 50 codes, not 99"), noted, "{told}");
        let opens = |counter: u64| fixture.login("alice").types(fob.press(counter)).at(THEN).code();
        assert_eq!(opens(last + 1), PamCode::AUTH_ERR, "{window}");
        assert_eq!(opens(last), PamCode::SUCCESS, "{window}");
    }
}

#[test]
fn a_dry_run_tells_the_next_counter() {
    let (fob, fixture) = (rfc(), Fixture::builder().account("alice").build());
    let key = base32(&fob);
    for (format, text, said) in [
        ("uri", format!("otpauth://hotp/alice?secret={key}&counter=5"), "SHA1, 6 digits, counter 5\n"),
        ("oath", format!("HOTP/E/8 alice - {} 4", HEXLOWER.encode(SECRET)), "SHA1, 8 digits, counter 4\n"),
        (
            "google-authenticator",
            format!("{key}\n\" HOTP_COUNTER 5\n\" WINDOW_SIZE 3\n"),
            "counter 5, look-ahead of 2 codes, 0 scratch codes\n",
        ),
    ] {
        let arguments = arguments(format, &["--dry-run"]);
        let told = enroll_command::run(fixture.command(&arguments[1..]), &text);
        assert!(told.stdout.contains("would import alice") && told.stdout.contains(said), "{told:?}");
        let json = import(&fixture, format, &text, &["--dry-run"]);
        assert!(json.stdout.contains("\"counter\"") && !json.stdout.contains("\"period\""), "{json:?}");
    }
}

#[test]
fn a_phone_and_a_fob_in_one_file_of_uris_are_both_imported() {
    let fixture = Fixture::builder().account("alice").build();
    let (fob, other, phone) = (CounterToken::random(), CounterToken::random(), Authenticator::random());
    let fobs = |fob: &CounterToken| format!("otpauth://hotp/alice?secret={}&counter=5\n", base32(fob));
    let text = fobs(&fob) + &format!("otpauth://totp/alice?secret={}\n", BASE32_NOPAD.encode(&phone.secret));
    let refused = import(&fixture, "uri", &format!("{text}{}", fobs(&other)), &[]);
    assert_eq!((refused.status, &refused.json()["line"]), (1, &3.into()), "{refused:?}");
    assert!(refused.stdout.contains("keep only the entry that is in use"), "{refused:?}");
    import(&fixture, "uri", &text, &[]).assert_done();
    for code in [fob.press(5), phone.code_at(THEN)] {
        assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::SUCCESS);
    }
}

/// `no_increment_hotp`: a wrong code leaves its counter where it was, as it always does here.
#[test]
fn google_authenticator_opens_to_the_same_codes_of_the_same_file() {
    let (fob, text) = (rfc(), google("71744121\n"));
    let fixture = Fixture::builder().account("alice").build();
    import(&fixture, "google-authenticator", &text, &[]).assert_done();
    let _ = google_service(&fixture, &text, "no_increment_hotp");
    let typed = [5, 5, 4, 6, 9, 7, 8, 13, 10, 12, 11, 16, 15].map(|counter| fob.press(counter));
    let others = ["71744121", "71744121", "12345678", "75522", ""].map(str::to_owned);
    let opened = both(&fixture, [&typed[..], &others].concat());
    let expected = [5, 6, 9, 10, 12, 15].map(|counter| fob.press(counter));
    assert_eq!(opened, [&expected[..], &["71744121".to_owned()]].concat());
}

#[test]
fn a_wrong_code_moves_google_authenticators_counter_and_none_here() {
    let (fob, text) = (rfc(), google(""));
    let fixture = Fixture::builder().account("alice").build();
    import(&fixture, "google-authenticator", &text, &[]).assert_done();
    let file = google_service(&fixture, &text, "");
    let wrong = fob.press(4);
    assert_eq!(fixture.login_at("former", "alice").types(&wrong).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.login("alice").types(&wrong).code(), PamCode::AUTH_ERR);
    let moved = fs::read_to_string(&file).unwrap();
    assert!(moved.contains("HOTP_COUNTER 6\n"), "{moved}");
    assert_eq!(fixture.login_at("former", "alice").types(fob.press(5)).code(), PamCode::AUTH_ERR);
    // The second refusal moved it too.
    assert_eq!(fixture.login_at("former", "alice").types(fob.press(7)).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login("alice").types(fob.press(5)).code(), PamCode::SUCCESS);
}

/// `window=10`: the noted counter and ten after it.
#[test]
fn pam_oath_opens_to_the_same_codes_of_the_same_file() {
    let fob = rfc();
    let text = format!("HOTP/E/6 alice - {} 5\n", HEXLOWER.encode(&fob.secret));
    let fixture = Fixture::builder().account("alice").build();
    import(&fixture, "oath", &text, &[]).assert_done();
    let _ = oath_service(&fixture, &text);
    let typed = [4, 16, 15, 15, 5, 14, 16, 17, 29, 27, 27, 17].map(|counter| fob.press(counter));
    let others = ["755224", "75522", "75522412", ""].map(str::to_owned);
    let opened = both(&fixture, [&typed[..], &others].concat());
    assert_eq!(opened, [15, 16, 17, 27].map(|counter| fob.press(counter)));
}

/// pam_oath counts its window from the last accepted counter, and pam_totp from the next one.
#[test]
fn the_window_reaches_one_counter_further_than_pam_oaths() {
    let fob = rfc();
    let text = format!("HOTP alice - {} 5\n", HEXLOWER.encode(&fob.secret));
    let fixture = Fixture::builder().account("alice").build();
    import(&fixture, "oath", &text, &[]).assert_done();
    let _ = oath_service(&fixture, &text);
    assert_eq!(both(&fixture, vec![fob.press(5)]).len(), 1);
    let furthest = fob.press(16);
    assert_ne!(fixture.login_at("former", "alice").types(&furthest).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login("alice").types(&furthest).code(), PamCode::SUCCESS);
}

#[test]
fn what_was_used_there_does_not_open_here_and_the_next_code_does() {
    let fob = rfc();
    for (format, text) in [
        ("google-authenticator", google("")),
        ("oath", format!("HOTP/E/6 alice - {} 5\n", HEXLOWER.encode(&fob.secret))),
    ] {
        let fixture = Fixture::builder().account("alice").build();
        let file = match format {
            "oath" => oath_service(&fixture, &text),
            _ => google_service(&fixture, &text, ""),
        };
        for counter in [5, 7] {
            let there = fixture.login_at("former", "alice").types(fob.press(counter));
            assert_eq!(there.code(), PamCode::SUCCESS, "{format}");
        }
        import(&fixture, format, &fs::read_to_string(&file).unwrap(), &[]).assert_done();
        for used in [7, 6, 5] {
            assert_eq!(fixture.login("alice").types(fob.press(used)).code(), PamCode::AUTH_ERR);
            assert_eq!(fixture.journal.last().field("reason"), "replayed", "{format} {used}");
        }
        assert_eq!(fixture.login("alice").types(fob.press(8)).code(), PamCode::SUCCESS, "{format}");
    }
}

#[test]
fn a_phone_and_a_fob_in_one_users_file_both_open_in_both_modules() {
    let (fob, phone) = (rfc(), Authenticator::random());
    let people = [("alice".to_owned(), phone.clone())];
    let fobs = format!("HOTP/E/6 alice - {} 5\n", HEXLOWER.encode(&fob.secret));
    let text = acceptance::fixture::users_file(&people) + &fobs;
    let fixture = Fixture::builder().account("alice").build();
    import(&fixture, "oath", &text, &[]).assert_done();
    let _ = oath_service(&fixture, &text);
    for code in [fob.press(5), phone.code(), fob.press(6)] {
        assert_eq!(both(&fixture, vec![code.clone()]), [code]);
    }
    let status = fixture.totp_enroll(&["--json", "status", "alice"]).json();
    assert_eq!([0, 1].map(|at| &status["authenticators"][at]["type"]), ["totp", "hotp"], "{status}");
}

/// A fob with the secret of RFC 4226.
fn rfc() -> CounterToken {
    CounterToken { secret: SECRET.to_vec(), digits: 6 }
}

/// A file of google-authenticator with the next counter 5, and three codes that are right at a time.
fn google(scratch: &str) -> String {
    format!("{}\n\" WINDOW_SIZE 3\n\" HOTP_COUNTER 5\n{scratch}", base32(&rfc()))
}

fn base32(fob: &CounterToken) -> String {
    BASE32_NOPAD.encode(&fob.secret)
}

/// An export of Google Authenticator's app: it showed the code with this counter last.
fn export(user: &str, fob: &CounterToken, shown: u8) -> String {
    let field = |number: u8, content: &[u8]| {
        [&[number << 3 | 2, u8::try_from(content.len()).unwrap_or(u8::MAX)], content].concat()
    };
    let digits = if fob.digits == 8 { 2 } else { 1 };
    let numbers = vec![4 << 3, 1, 5 << 3, digits, 6 << 3, 1, 7 << 3, shown];
    let account = [field(1, &fob.secret), field(2, user.as_bytes()), numbers].concat();
    let data = BASE64.encode(&field(1, &account)).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("otpauth-migration://offline?data={data}")
}

/// The service "former", with the module of google-authenticator. Returns its file.
fn google_service(fixture: &Fixture, text: &str, arguments: &str) -> std::path::PathBuf {
    let file = fixture.write("former", text);
    let path = file.display();
    let line = format!("auth required pam_google_authenticator.so secret={path} user=root {arguments}");
    fixture.service("former", &line);
    file
}

/// The service "former", with pam_oath. Returns its file.
fn oath_service(fixture: &Fixture, text: &str) -> std::path::PathBuf {
    let file = fixture.write("former", text);
    let line = format!("auth required pam_oath.so usersfile={} window=10 digits=6", file.display());
    fixture.service("former", &line);
    file
}

/// Types each at the other module and here. Returns those that open, which are the same.
fn both(fixture: &Fixture, typed: Vec<String>) -> Vec<String> {
    let mut opened = Vec::new();
    for (at, typed) in typed.into_iter().enumerate() {
        let there = fixture.login_at("former", "alice").types(&typed).code() == PamCode::SUCCESS;
        let here = fixture.login("alice").types(&typed).code();
        let events = fixture.journal.events();
        assert_eq!(here == PamCode::SUCCESS, there, "{at}: {typed} {here:?} {:?}", events.last());
        if there {
            opened.push(typed);
        }
    }
    opened
}

/// Imports a file with this text for alice, through standard input.
fn import(fixture: &Fixture, format: &str, text: &str, options: &[&str]) -> CommandOutput {
    enroll_command::run(fixture.command(&arguments(format, options)), text)
}

fn arguments<'a>(format: &'a str, options: &[&'a str]) -> Vec<&'a str> {
    let of_one = if format == "google-authenticator" { &["--user", "alice"][..] } else { &[] };
    [&["--json", "import", format, "-"], of_one, options].concat()
}
