//! Importing the secret files of google-authenticator-libpam, made by its own program.

mod homes;

use acceptance::authenticator::Authenticator;
use acceptance::clock::{self, THEN};
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use std::fs;
use std::process::Command;

/// What the program is asked for most: time-based, no reuse, three logins in thirty seconds.
const USUAL: [&str; 6] = ["-t", "-d", "-r", "3", "-R", "30"];

#[test]
fn an_imported_file_accepts_codes_and_each_scratch_code_once() {
    let fixture = Fixture::builder().account("alice").build();
    let file = made(&fixture, &[&USUAL[..], &["-w", "3"]].concat());
    let scratch = file.scratch_codes();
    assert_eq!(scratch.len(), 5);
    let done = import(&fixture, &file.text, &[]);
    done.assert_done();
    let document = done.json();
    assert_eq!((&document["imported"], &document["skipped"]), (&1.into(), &serde_json::json!([])));
    assert_eq!(document["users"][0]["scratch_codes"], 5, "{document}");
    assert_eq!(document["users"][0]["notes"], serde_json::json!([]), "{document}");

    let code = file.phone().code_at(THEN);
    assert_eq!(fixture.login("alice").types(&code).at(THEN).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login("alice").types(&code).at(THEN).code(), PamCode::AUTH_ERR);
    for code in &scratch {
        assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::SUCCESS, "{code}");
        assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::AUTH_ERR, "{code} again");
    }
    let events = fixture.journal.events();
    let used: Vec<_> = events.iter().filter(|event| event.field("event") == "recovery_used").collect();
    assert_eq!(used.len(), 5);
    assert!(used.iter().all(|event| event.field("method") == "scratch_code"), "{used:?}");
    let imported = fixture.journal.command_events();
    assert!(
        imported.iter().any(|event| event.field("from") == "google-authenticator"
            && event.field("user") == "alice"
            && event.field("scratch_codes") == "5"),
        "{imported:?}"
    );
    for line in fixture.journal.lines() {
        assert!(!line.contains(&file.secret()) && !scratch.iter().any(|code| line.contains(code)), "{line}");
    }
}

#[test]
fn scratch_codes_are_limited_and_lift_no_lock() {
    let fixture = Fixture::builder().account("alice").build();
    let file = made(&fixture, &USUAL);
    import(&fixture, &file.text, &[]).assert_done();
    let scratch = file.scratch_codes();
    let wrong = (10_000_000..).map(|n: u32| n.to_string()).filter(|code| !scratch.contains(code));
    for code in wrong.take(5) {
        assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::AUTH_ERR);
    }
    assert_eq!(fixture.login("alice").types(&scratch[0]).at(THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().field("reason"), "limited");
    assert_eq!(fixture.login("alice").types(&scratch[0]).at(THEN + 60).code(), PamCode::SUCCESS);
}

#[test]
fn no_scratch_code_is_spent_on_a_confirmation() {
    let fixture = Fixture::builder().account("alice").build();
    let file = made(&fixture, &USUAL);
    import(&fixture, &file.text, &[]).assert_done();
    let code = &file.scratch_codes()[0];
    let done = fixture.totp_enroll(&["enroll", "alice", "--confirm", "--code", code]);
    assert!(done.status == 1 && done.stderr.contains("not a code of a pending authenticator"), "{done:?}");
    assert_eq!(fixture.totp_enroll(&["--json", "status", "alice"]).json()["recovery_left"], 5);
    fixture.totp_enroll(&["enroll", "alice", "--confirm", "--code", &file.phone().code()]).assert_done();
}

#[test]
fn longer_recovery_codes_are_advised_and_replace_the_old() {
    let fixture = Fixture::builder().account("alice").build();
    let file = made(&fixture, &USUAL);
    import(&fixture, &file.text, &[]).assert_done();
    let scratch = file.scratch_codes();
    let outcome = fixture.login("alice").types(&scratch[0]).at(THEN).run();
    let told = format!("{outcome:?}");
    assert!(told.contains("4 recovery codes are left") && told.contains("makes longer ones"), "{told}");
    let status = fixture.totp_enroll(&["status", "alice"]);
    assert!(status.stdout.contains("4 imported scratch codes"), "{status:?}");
    assert_eq!(fixture.totp_enroll(&["--json", "status", "alice"]).json()["recovery_kind"], "scratch_code");
    let renewed = fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]);
    assert_eq!(fixture.login("alice").types(&scratch[1]).at(THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().field("reason"), "malformed");
    let longer = &enroll_command::recovery_codes_in(&renewed.stdout)[0];
    assert_eq!(fixture.login("alice").types(longer).at(THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_code_that_was_used_there_does_not_open_here() {
    let mut fixture = Fixture::builder().account("alice").build();
    let pam = "/usr/lib/x86_64-linux-gnu/security/pam_google_authenticator.so";
    let before = ".google_authenticator";
    made_in_home(&mut fixture, "alice", &USUAL);
    let secret = format!("secret=/run/home/${{USER}}/{before}");
    fixture.service("old", &format!("auth required {pam} {secret}"));
    let path = format!("/run/home/alice/{before}");
    let phone = File { text: output(&mut fixture, &["cat", &path]) }.phone();
    let second = clock::well_inside_a_step(30, 15);
    let code = phone.code_at(second);
    assert_eq!(fixture.login_at("old", "alice").types(&code).code(), PamCode::SUCCESS);
    let text = output(&mut fixture, &["cat", &path]);
    assert!(text.contains(&format!("DISALLOW_REUSE {}", second / 30)), "{text}");
    fixture.totp_enroll(&["--json", "import", "google-authenticator", "--all-homes"]).assert_done();
    assert_eq!(fixture.login("alice").types(&code).code(), PamCode::AUTH_ERR);
    assert_eq!(fixture.journal.last().field("reason"), "replayed");
    assert_eq!(fixture.login("alice").types(phone.code_at(second + 30)).code(), PamCode::SUCCESS);
}

#[test]
fn safe_settings_are_imported_and_the_others_are_named() {
    for (options, period, drift, noted) in [
        (&["-S", "60", "-w", "3"][..], 60, 1, None),
        (&["-S", "30", "-w", "9"], 30, 4, None),
        (&["-w", "17"], 30, 4, Some("WINDOW_SIZE 17")),
        (&["-w", "1"], 30, 0, None),
    ] {
        let fixture = Fixture::builder().account("alice").build();
        let file = made(&fixture, &[&USUAL[..], options].concat());
        let document = import(&fixture, &file.text, &[]).json();
        let notes = document["users"][0]["notes"].to_string();
        assert_eq!(
            notes.contains("WINDOW_SIZE 17 is imported as a drift of 4 time steps"),
            noted.is_some(),
            "{document}"
        );
        let phone = Authenticator { period, ..file.phone() };
        let at = |steps: u64| phone.code_at(THEN + steps * period);
        let beyond = fixture.login("alice").types(at(drift + 1)).at(THEN).code();
        assert_eq!(beyond, PamCode::AUTH_ERR, "{options:?}");
        let within = fixture.login("alice").types(at(drift)).at(THEN).code();
        assert_eq!(within, PamCode::SUCCESS, "{options:?}");
    }
}

#[test]
fn an_imported_window_within_the_config_is_kept() {
    let fixture = Fixture::builder().account("alice").config("[totp]\ndrift_steps = 9\n").build();
    let file = made(&fixture, &[&USUAL[..], &["-w", "17"]].concat());
    let document = import(&fixture, &file.text, &[]).json();
    assert_eq!(document["users"][0]["notes"], serde_json::json!([]), "{document}");
    let code = file.phone().code_at(THEN + 8 * 30);
    assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::SUCCESS);
}

#[test]
fn what_is_not_carried_is_named() {
    let fixture = Fixture::builder().account("alice").build();
    let text = "GEZDGNBVGY3TQOJQ\n\" RATE_LIMIT 1 300\n\" TOTP_AUTH\n\" TIME_SKEW -4\n\" SOMETHING_NEW\n"
        .to_owned()
        + &(0..17).map(|n| format!("{}\n", 12_345_678 + n)).collect::<String>();
    let document = import(&fixture, &text, &["--dry-run"]).json();
    let notes = document["would_import"][0]["notes"].to_string();
    for said in [
        "120 seconds behind",
        "RATE_LIMIT 1 300",
        "line 5 has an unknown option",
        "1 scratch code is not imported",
    ] {
        assert!(notes.contains(said), "{said}: {notes}");
    }
    assert_eq!(document["would_import"][0]["scratch_codes"], 16);
}

#[test]
fn a_counter_that_the_program_ignores_is_listed_and_not_lost() {
    let fixture = Fixture::builder().account("alice").build();
    let file = made(&fixture, &["-c"]);
    for counter in ["0", "-1", "one"] {
        let text = file.text.replace("HOTP_COUNTER 1\n", &format!("HOTP_COUNTER {counter}\n"));
        assert_ne!(text, file.text);
        for (options, line) in [(&[][..], "/line"), (&["--dry-run"], "/skipped/0/line")] {
            let done = import(&fixture, &text, options);
            assert_eq!((done.status, done.json().pointer(line)), (1, Some(&3.into())), "{counter}: {done:?}");
            assert!(done.stdout.contains("HOTP_COUNTER is not a counter"), "{done:?}");
        }
        let document = import(&fixture, &text, &["--keep-going"]).json();
        assert_eq!(document["imported"], 0, "{document}");
        assert_eq!(document["skipped"][0]["user"], "alice", "{document}");
        assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, 3);
    }
}

#[test]
fn a_bad_file_is_refused_by_line_and_nothing_is_written() {
    let fixture = Fixture::builder().account("alice").build();
    let file = made(&fixture, &USUAL);
    let stored = fixture.stored();
    let secret = file.secret();
    for (text, line, said) in [
        (String::new(), None, "is empty"),
        (secret[..9].to_owned(), None, "TOTP_AUTH"),
        (format!("{}\n\" TOTP_AUTH\n", &secret[..9]), Some(1), "10 to 128 bytes"),
        (format!("{}\n\" TOTP_AUTH\n", &secret[..15]), Some(1), "10 to 128 bytes"),
        (secret.clone(), None, "TOTP_AUTH"),
        (format!("{secret}\n\" TOTP_AUTH\n\" HOTP_COUNTER 1\n"), None, "both HOTP_COUNTER and TOTP_AUTH"),
        (format!("{}717", file.text), Some(11), "incomplete"),
        (format!("{secret}\n\" TOTP_AUTH\n\" STEP_SIZE 4\n"), None, "period must be"),
        ("\u{0}".repeat(200_000), None, "larger than"),
    ] {
        let done = import(&fixture, &text, &[]);
        assert_eq!(done.status, 1, "{text}: {done:?}");
        let document = done.json();
        assert!(document["error"].to_string().contains(said), "{said}: {document}");
        assert_eq!(document["line"].as_u64(), line, "{document}");
        assert!(!done.stdout.contains(&secret[..9]) && !done.stderr.contains(&secret[..9]), "{done:?}");
    }
    stored.assert_unchanged(&fixture.state());
}

/// A file that the program has made.
struct File {
    text: String,
}

impl File {
    fn secret(&self) -> String {
        self.text.lines().next().unwrap_or_default().to_owned()
    }

    fn phone(&self) -> Authenticator {
        Authenticator::from_manual_key(&self.secret())
    }

    fn scratch_codes(&self) -> Vec<String> {
        let digits = |line: &&str| line.bytes().all(|byte| byte.is_ascii_digit());
        self.text.lines().filter(digits).map(str::to_owned).collect()
    }
}

/// Has the program make a file.
fn made(fixture: &Fixture, options: &[&str]) -> File {
    let path = fixture.path("made");
    let made = Command::new("google-authenticator")
        .args(["--force", "--quiet", "--no-confirm", "--secret"])
        .arg(&path)
        .args(limited(options))
        .args(options)
        .output();
    assert!(made.as_ref().is_ok_and(|made| made.status.success()), "google-authenticator: {made:?}");
    let text = fs::read_to_string(&path).unwrap_or_default();
    drop(fs::remove_file(&path));
    assert!(!text.is_empty());
    File { text }
}

/// Makes a file with the program, in the home of the user who runs it.
fn made_in_home(fixture: &mut Fixture, user: &str, options: &[&str]) {
    let (name, home) = (format!("--reuid={user}"), format!("HOME=/run/home/{user}"));
    let group = format!("--regid={user}");
    let program = ["google-authenticator", "--force", "--quiet", "--no-confirm"];
    let who = ["setpriv", &name, &group, "--clear-groups", "env", &home];
    let _ = output(fixture, &[&who[..], &program, &limited(options), options].concat());
}

/// The program asks where it is not told, also in its quiet mode.
fn limited(options: &[&str]) -> Vec<&'static str> {
    let mut more = Vec::new();
    if !options.contains(&"-r") {
        more.push("--no-rate-limit");
    }
    if !options.contains(&"-w") {
        more.push("--minimal-window");
    }
    more
}

/// What a program says on the fixture's machine.
fn output(fixture: &mut Fixture, command: &[&str]) -> String {
    let (program, arguments) = command.split_first().unwrap_or((&"true", &[]));
    let done = fixture.machine().namespace().command(program).args(arguments).output();
    assert!(done.as_ref().is_ok_and(|done| done.status.success()), "{command:?}: {done:?}");
    done.map(|done| String::from_utf8_lossy(&done.stdout).into_owned()).unwrap_or_default()
}

/// Imports alice's file with this text, through standard input.
fn import(fixture: &Fixture, text: &str, options: &[&str]) -> CommandOutput {
    import_for(fixture, "alice", text, options)
}

fn import_for(fixture: &Fixture, user: &str, text: &str, options: &[&str]) -> CommandOutput {
    let arguments = ["--json", "import", "google-authenticator", "-", "--user", user];
    enroll_command::run(fixture.command(&[&arguments[..], options].concat()), text)
}
