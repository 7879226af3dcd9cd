//! Importing the secret files of google-authenticator-libpam, made by its own program.

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
    assert_eq!(fixture.login("alice").types(&scratch[0]).at(THEN).code(), PamCode::MAXTRIES);
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
fn a_counter_token_is_listed_and_not_lost() {
    let fixture = Fixture::builder().account("alice").build();
    let file = made(&fixture, &["-c"]);
    for options in [&[][..], &["--dry-run"]] {
        let done = import(&fixture, &file.text, options);
        assert_eq!(done.status, 1, "{done:?}");
        assert!(done.stdout.contains("counter-based (HOTP)"), "{done:?}");
    }
    let document = import(&fixture, &file.text, &["--keep-going"]).json();
    assert_eq!(document["imported"], 0, "{document}");
    assert_eq!(document["skipped"][0]["user"], "alice", "{document}");
    assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, 3);
}

#[test]
fn a_bad_file_is_refused_by_line_and_nothing_is_written() {
    let fixture = Fixture::builder().account("alice").build();
    let file = made(&fixture, &USUAL);
    let stored = fixture.stored();
    let secret = file.secret();
    for (text, line, said) in [
        (String::new(), None, "is empty"),
        (secret[..9].to_owned(), Some(1), "base32"),
        (format!("{}\n\" TOTP_AUTH\n", &secret[..15]), Some(1), "10 to 128 bytes"),
        (secret.clone(), None, "TOTP_AUTH"),
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

#[test]
fn all_users_with_a_file_are_imported_and_the_files_stay() {
    let people = ["alice", "bob", "carol", "dave"];
    let mut fixture = people.iter().fold(Fixture::builder(), |builder, user| builder.account(user)).build();
    for user in ["alice", "bob"] {
        made_in_home(&mut fixture, user, &USUAL);
    }
    made_in_home(&mut fixture, "carol", &["-c"]);
    let refused = fixture.totp_enroll(&["import", "google-authenticator", "--all-homes"]);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.stderr.contains("carol: /run/home/carol/.google_authenticator"), "{refused:?}");
    assert!(refused.stderr.contains("nothing was imported"), "{refused:?}");
    let told =
        fixture.totp_enroll(&["import", "google-authenticator", "--all-homes", "--keep-going", "--dry-run"]);
    assert!(told.stdout.contains("would import bob") && told.stdout.contains("2 users would"), "{told:?}");
    assert_eq!(fixture.totp_enroll(&["status", "bob"]).status, 3);
    let done = fixture.totp_enroll(&["import", "google-authenticator", "--all-homes", "--keep-going"]);
    done.assert_done();
    assert!(done.stdout.contains("2 users imported, 1 file skipped"), "{done:?}");
    assert!(done.stdout.contains("runuser -u USER -- shred"), "{done:?}");
    for user in ["alice", "bob"] {
        let text = output(&mut fixture, &["cat", &format!("/run/home/{user}/.google_authenticator")]);
        let code = File { text }.phone().code_at(THEN);
        assert_eq!(fixture.login(user).types(&code).at(THEN).code(), PamCode::SUCCESS, "{user}");
    }
    // Once more: who is enrolled is named, and stays as they are.
    let stored = fixture.stored();
    let again =
        fixture.totp_enroll(&["--json", "import", "google-authenticator", "--all-homes", "--keep-going"]);
    let skipped = again.json()["skipped"].to_string();
    assert!(
        skipped.contains("alice is already enrolled") && skipped.contains("bob is already enrolled"),
        "{skipped}"
    );
    stored.assert_unchanged(&fixture.state());
}

#[test]
fn nothing_in_a_home_makes_root_read_what_its_owner_could_not() {
    let mut fixture = Fixture::builder().account("alice").account("bob").build();
    made_in_home(&mut fixture, "bob", &USUAL);
    let (alices, bobs) = ("/run/home/alice/.google_authenticator", "/run/home/bob/.google_authenticator");
    for (set_up, said) in [
        (format!("ln -s {bobs} {alices}"), "symbolic link"),
        (format!("ln {bobs} {alices}"), "owned neither"),
        (format!("cp {bobs} {alices}"), ""),
        (format!("cp {bobs} {alices}; ln {alices} /run/home/alice/other"), "second hard link"),
        (format!("cp {bobs} {alices}; chown bob {alices}; chmod 0644 {alices}"), "owned neither"),
        (format!("cp {bobs} {alices}; chown alice {alices}; chmod 0440 {alices}"), "readable by group"),
        (format!("mkdir {alices}"), "not a regular file"),
        (format!("mkfifo {alices}; chown alice {alices}"), "not a regular file"),
        // A file of root's in a place of root's, by way of a home that is a link.
        (
            format!(
                "rmdir /run/home/alice; mkdir -m 0700 /run/home/roots; cp {bobs} /run/home/roots; ln -s roots /run/home/alice"
            ),
            "cannot be opened",
        ),
        ("rm /run/home/alice; ln -s /run/home/bob /run/home/alice".to_owned(), "cannot be opened"),
    ] {
        let _ = output(&mut fixture, &["sh", "-c", &set_up]);
        let told = fixture.totp_enroll(&[
            "--json",
            "import",
            "google-authenticator",
            "--all-homes",
            "--keep-going",
            "--dry-run",
        ]);
        let document = told.json();
        if said.is_empty() {
            // Root's own copy, which alice cannot read herself.
            assert!(document["would_import"].to_string().contains("alice"), "{document}");
        } else {
            let skipped = document["skipped"].to_string();
            assert!(skipped.contains("alice") && skipped.contains(said), "{set_up}: {document}");
            assert!(!document["would_import"].to_string().contains("\"alice\""), "{set_up}: {document}");
        }
        let _ = output(&mut fixture, &["sh", "-c", &format!("rm -rf {alices} /run/home/alice/other")]);
    }
}

#[test]
fn a_file_that_is_named_is_opened_with_the_same_care() {
    let mut fixture = Fixture::builder().account("alice").account("bob").build();
    made_in_home(&mut fixture, "bob", &USUAL);
    let (bobs, file) = ("/run/home/bob/.google_authenticator", "/run/home/named");
    for (set_up, status, said) in [
        (format!("ln -s {bobs} {file}"), 1, "symbolic link"),
        (format!("mkfifo {file}"), 1, "not a regular file"),
        (format!("mkdir {file}"), 1, "not a regular file"),
        (format!("cp {bobs} {file}; chmod 0644 {file}"), 0, "readable by group"),
        (format!("cp {bobs} {file}; chown bob {file}"), 0, "neither the account nor root"),
        (format!("cp {bobs} {file}; chown alice {file}"), 0, "\"notes\":[]"),
    ] {
        let _ = output(&mut fixture, &["sh", "-c", &set_up]);
        let done = fixture.totp_enroll(&[
            "--json",
            "import",
            "google-authenticator",
            file,
            "--user",
            "alice",
            "--dry-run",
        ]);
        assert!(done.status == status && done.stdout.contains(said), "{set_up}: {done:?}");
        let _ = output(&mut fixture, &["rm", "-rf", file]);
    }
}

/// A server of homes may take root for nobody (exports(5), root_squash).
#[test]
fn a_home_is_read_as_its_owner() {
    let mut fixture = Fixture::builder().account("alice").build();
    made_in_home(&mut fixture, "alice", &USUAL);
    let trace = fixture.path("trace").display().to_string();
    let command = fixture.command(&["import", "google-authenticator", "--all-homes"]);
    let words: Vec<String> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    let (_, program) = words.split_at(words.iter().position(|word| word == "--").map_or(0, |at| at + 1));
    let strace = ["strace", "-f", "-o", &trace, "-e", "trace=setresuid,openat"];
    let program: Vec<&str> = program.iter().map(String::as_str).collect();
    let _ = output(&mut fixture, &[&strace[..], &program].concat());
    let traced = fs::read_to_string(&trace).unwrap_or_default();
    let home = traced.find("\"/run/home/alice\"").unwrap_or_default();
    let opened = traced[home..].find("\".google_authenticator\"").map_or(0, |at| home + at);
    let who = traced[..opened].rfind("setresuid(-1, ").map(|at| &traced[at..opened]);
    let uid = fixture.machine().uid("alice");
    assert!(who.is_some_and(|who| who.starts_with(&format!("setresuid(-1, {uid}, -1)"))), "{traced}");
    let written = traced.rfind("credentials").unwrap_or_default();
    let who = traced[..written].rfind("setresuid(-1, ").map(|at| &traced[at..written]);
    assert!(who.is_some_and(|who| who.starts_with("setresuid(-1, 0, -1)")), "{traced}");
}

/// A home is its owner's: what lies there can be a link to anything.
#[test]
fn the_documented_clean_up_removes_files_and_no_link_targets() {
    let guide = acceptance::documents::read("docs/moving-from-google-authenticator.md");
    let blocks = guide.blocks();
    let mut lines = blocks.iter().flat_map(|block| block.text.lines());
    let typed = lines.find_map(|line| line.strip_prefix("$ sudo sh -c '")?.strip_suffix('\''));
    let mut fixture = Fixture::builder().account("alice").account("mallory").build();
    made_in_home(&mut fixture, "alice", &USUAL);
    fixture.machine().write("precious", 0o600, "precious");
    let link = "/run/home/mallory/.google_authenticator";
    let _ = output(&mut fixture, &["ln", "-s", "/etc/precious", link]);
    // Only these: the homes of this machine's users are visible here as well.
    let typed = typed.unwrap_or_default().replace("getent passwd", "getent passwd alice mallory");
    assert!(typed.contains(" alice mallory "), "{typed}");
    let removing = format!("{{ {typed}; }} 2>&1 || true");
    let said = output(&mut fixture, &["sh", "-c", &removing]);
    let left = output(&mut fixture, &["sh", "-c", "cat /etc/precious; ls -A /run/home/alice"]);
    assert_eq!(left.trim(), "precious", "{said}");
}

#[test]
fn a_file_needs_a_user_or_all_homes() {
    let fixture = Fixture::builder().account("alice").build();
    for arguments in [
        &["import", "google-authenticator"][..],
        &["import", "google-authenticator", "-"],
        &["import", "google-authenticator", "--user", "alice"],
        &["import", "google-authenticator", "-", "--user", "alice", "--all-homes"],
        &["import", "google-authenticator", "--all-homes", "--allow-unknown"],
    ] {
        assert_eq!(fixture.totp_enroll(arguments).status, 2, "{arguments:?}");
    }
    let done = import_for(&fixture, "nobody-of-that-name", "GEZDGNBVGY3TQOJQ\n\" TOTP_AUTH\n", &[]);
    assert!(done.stdout.contains("there is no account"), "{done:?}");
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
