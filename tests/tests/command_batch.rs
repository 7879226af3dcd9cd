//! Enrolling from a script: no questions, the secrets are printed once, the first right code confirms.

use acceptance::authenticator::Authenticator;
use acceptance::clock::{self, THEN};
use acceptance::enroll_command;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::qr;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufReader;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

#[test]
fn a_user_enrolled_by_a_script_gets_in_with_its_output() {
    let fixture = Fixture::builder().account("alice").build();
    let done = fixture.totp_enroll(&["--json", "enroll", "alice", "--batch"]);
    done.assert_done();
    let document = done.json();
    assert_eq!((&document["user"], &document["pending"]), (&"alice".into(), &true.into()));
    let phone = phone(&document);
    let uri = text(&document, "uri");
    assert!(
        uri.starts_with("otpauth://totp/") && uri.contains(&text(&document, "manual_key").replace(' ', ""))
    );
    assert_eq!(qr::read_uncoloured(&text(&document, "qr")), Ok(uri));
    let codes = enroll_command::recovery_codes_in(&done.stdout);
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), 10);
    assert_eq!(fixture.login("alice").types(phone.code_at(THEN)).at(THEN).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
    assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::AUTH_ERR);
}

#[test]
fn a_pending_enrolment_is_asked_for_its_code_at_login() {
    let fixture = Fixture::builder().account("alice").arguments("nullok").build();
    let document = fixture.totp_enroll(&["--json", "enroll", "alice", "--batch"]).json();
    let state = |fixture: &Fixture| {
        let status = fixture.totp_enroll(&["--json", "status", "alice"]).json();
        let listed = fixture.totp_enroll(&["list"]).stdout;
        (status["pending"].as_bool(), listed.contains("open, pending"))
    };
    assert_eq!(state(&fixture), (Some(true), true));
    // Absence would be let pass here.
    let wrong = phone(&document).wrong_codes_at(1, THEN).remove(0);
    assert_eq!(fixture.login("alice").types(wrong).at(THEN).code(), PamCode::AUTH_ERR);
    assert_eq!(state(&fixture), (Some(true), true));
    assert_eq!(
        fixture.login("alice").types(phone(&document).code_at(THEN)).at(THEN).code(),
        PamCode::SUCCESS
    );
    assert_eq!(state(&fixture), (Some(false), false));
}

#[test]
fn the_command_confirms_a_pending_enrolment_with_a_code() {
    let fixture = Fixture::builder().account("alice").build();
    let document = fixture.totp_enroll(&["--json", "enroll", "alice", "--batch"]).json();
    let phone = phone(&document);
    let recovery = text(&serde_json::json!({"code": document["recovery_codes"][0]}), "code");
    for (code, said) in [
        ("12345", "not a code"),
        (&*recovery, "not a code of an authenticator"),
        (&*phone.wrong_code(), "wrong"),
    ] {
        let done = fixture.totp_enroll(&["enroll", "alice", "--confirm", "--code", code]);
        assert_eq!(done.status, 1, "{done:?}");
        assert!(done.stderr.contains(said), "{done:?}");
    }
    assert_eq!(fixture.totp_enroll(&["--json", "status", "alice"]).json()["wrong_in_a_row"], 1);
    let code = phone.code();
    let command = fixture.command(&["--json", "enroll", "alice", "--confirm", "--code", "-"]);
    let done = enroll_command::run(command, &format!("{code}\n"));
    assert_eq!(done.json()["done"], "confirmed", "{done:?}");
    assert_eq!(fixture.totp_enroll(&["--json", "status", "alice"]).json()["pending"], false);
    assert_eq!(fixture.login("alice").types(&code).code(), PamCode::AUTH_ERR);
    let again = fixture.totp_enroll(&["enroll", "alice", "--confirm", "--code", "123456"]);
    assert!(again.status == 1 && again.stderr.contains("alice has no pending authenticator"), "{again:?}");
    assert_eq!(fixture.totp_enroll(&["enroll", "nobody", "--confirm", "--code", "123456"]).status, 3);
    // A recovery code is not spent on it.
    assert_eq!(fixture.totp_enroll(&["--json", "status", "alice"]).json()["recovery_left"], 10);
}

#[test]
fn a_code_of_another_authenticator_confirms_nothing() {
    let fixture = Fixture::builder().account("alice").build();
    let first = phone(&fixture.totp_enroll(&["--json", "enroll", "alice", "--batch"]).json());
    let added = ["--json", "enroll", "alice", "--batch", "--add", "--yes", "--label", "spare"];
    let spare = phone(&fixture.totp_enroll(&added).json());
    let confirm = |code: &str| fixture.totp_enroll(&["enroll", "alice", "--confirm", "--code", code]);
    let pending = || fixture.totp_enroll(&["--json", "status", "alice"]).json()["pending"].clone();
    assert_eq!(pending(), true);
    let done = confirm(&first.code());
    assert!(done.status == 0 && done.stdout.contains("still pending: spare"), "{done:?}");
    assert_eq!(pending(), false, "one of the two was used");
    let other = first.code_at(clock::now() + 30);
    let done = confirm(&other);
    assert!(done.status == 1 && done.stderr.contains("still pending: spare"), "{done:?}");
    let done = confirm(&spare.code());
    assert!(done.status == 0 && !done.stdout.contains("still pending"), "{done:?}");
    let again = confirm(&spare.code_at(clock::now() + 30));
    assert!(again.status == 1 && again.stderr.contains("alice has no pending authenticator"), "{again:?}");
}

#[test]
fn a_list_is_enrolled_with_a_document_for_each_in_its_order() {
    let people = ["carol", "alice", "bob"];
    let fixture = people.iter().fold(Fixture::builder(), |builder, user| builder.account(user)).build();
    let list = "# new people\ncarol\n\n  alice  \nbob\n";
    for (arguments, options) in [
        (&["--json", "enroll", "--batch", "--list", "-"][..], &[][..]),
        (&["--json", "enroll", "-", "--batch"], &["--replace", "--yes"]),
    ] {
        let done = enroll_command::run(fixture.command(&[arguments, options].concat()), list);
        done.assert_done();
        let documents: Vec<serde_json::Value> =
            done.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_default()).collect();
        assert_eq!(documents.iter().map(|one| text(one, "user")).collect::<Vec<_>>(), people);
        for (user, document) in people.iter().zip(&documents) {
            let code = phone(document).code_at(THEN);
            assert_eq!(fixture.login(user).types(code).at(THEN).code(), PamCode::SUCCESS, "{user}");
        }
    }
}

#[test]
fn a_list_with_a_mistake_enrols_nobody_and_names_the_line() {
    let fixture = Fixture::builder().account("alice").account("bob").enrolled("bob").build();
    let stored = fixture.stored();
    for (list, line, said) in [
        ("alice\nnobody-of-that-name\n", Some(2), "there is no account"),
        ("alice\nbob\n", Some(2), "bob is already enrolled"),
        ("alice\n\nalice\n", Some(3), "twice"),
        ("", None, "contains no account name"),
        ("alice\nx\u{1b}y\n", Some(2), ""),
    ] {
        let done =
            enroll_command::run(fixture.command(&["--json", "enroll", "--batch", "--list", "-"]), list);
        assert_eq!(done.status, 1, "{list}: {done:?}");
        let document = done.json();
        assert_eq!(document["line"].as_u64(), line, "{document}");
        assert!(text(&document, "error").contains(said), "{said}: {document}");
        stored.assert_unchanged(&fixture.state());
    }
    // What is missing is the directory, whatever line it was for.
    let missing = fixture.path("pictures");
    let arguments =
        ["--json", "enroll", "--batch", "--list", "-", "--qr-png", missing.to_str().unwrap_or_default()];
    let done = enroll_command::run(fixture.command(&arguments), "alice\n");
    assert_eq!((done.status, text(&done.json(), "file")), (1, missing.display().to_string()), "{done:?}");
    for arguments in [
        &["enroll", "--list", "-"][..],
        &["enroll", "alice", "--qr-png", "x"],
        &["enroll", "bob", "--batch", "--replace"],
        &["enroll", "bob", "--batch", "--list", "-"],
        &["enroll", "alice", "--batch", "--confirm"],
        &["enroll", "alice", "--code", "123456"],
    ] {
        assert_eq!(fixture.totp_enroll(arguments).status, 2, "{arguments:?}");
    }
}

#[test]
fn pictures_say_what_the_uri_says_and_are_roots_alone() {
    let fixture = Fixture::builder().account("alice").account("bob").build();
    let (png, svg) = (fixture.path("alice.png"), fixture.path("alice.svg"));
    let options =
        ["--qr-png", png.to_str().unwrap_or_default(), "--qr-svg", svg.to_str().unwrap_or_default()];
    let done = fixture.totp_enroll(&[&["--json", "enroll", "alice", "--batch"][..], &options].concat());
    let document = done.json();
    let uri = text(&document, "uri");
    assert_eq!(document["pictures"].as_array().map(Vec::len), Some(2), "{document}");
    assert_eq!(read_png(&png), Ok(uri.clone()));
    assert_eq!(read_svg(&svg), Ok(uri));
    for picture in [&png, &svg] {
        let found = fs::metadata(picture).unwrap_or_else(|error| panic!("{picture:?}: {error}"));
        assert_eq!((found.mode() & 0o7777, found.uid()), (0o600, 0), "{picture:?}");
    }
    let directory = fixture.path("pictures");
    fs::create_dir(&directory).unwrap_or_else(|error| panic!("{error}"));
    let of_list = ["--json", "enroll", "--batch", "--list", "-", "--qr-png"];
    let done = enroll_command::run(
        fixture.command(&[&of_list[..], &[directory.to_str().unwrap_or_default()]].concat()),
        "bob\n",
    );
    assert_eq!(read_png(&directory.join("bob.png")), Ok(text(&done.json(), "uri")));
}

#[test]
fn a_picture_that_cannot_be_written_enrols_nobody() {
    let fixture = Fixture::builder().account("alice").account("bob").build();
    let (there, link, target) = (fixture.path("there"), fixture.path("link"), fixture.path("target"));
    fs::write(&there, "mine")
        .and_then(|()| symlink(&target, &link))
        .unwrap_or_else(|error| panic!("{error}"));
    let missing = fixture.path("missing/alice.png");
    for (file, said) in
        [(&there, "not overwritten"), (&link, "not overwritten"), (&missing, "not a directory")]
    {
        let done = fixture.totp_enroll(&[
            "enroll",
            "alice",
            "--batch",
            "--qr-svg",
            file.to_str().unwrap_or_default(),
        ]);
        assert_eq!(done.status, 1, "{done:?}");
        assert!(done.stderr.contains(said), "{done:?}");
        assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, 3);
    }
    assert_eq!(fs::read_to_string(&there).ok().as_deref(), Some("mine"));
    assert!(!target.exists());
    // Of a list nobody is enrolled where one has a picture already.
    let directory = fixture.path("pictures");
    fs::create_dir(&directory)
        .and_then(|()| fs::write(directory.join("bob.png"), "mine"))
        .unwrap_or_else(|e| panic!("{e}"));
    let arguments = ["enroll", "--batch", "--list", "-", "--qr-png", directory.to_str().unwrap_or_default()];
    let done = enroll_command::run(fixture.command(&arguments), "alice\nbob\n");
    assert!(done.status == 1 && done.stderr.contains("no account was enrolled"), "{done:?}");
    assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, 3);
    assert!(!directory.join("alice.png").exists());
}

#[test]
fn an_enrolment_that_fails_leaves_no_picture() {
    let fixture = Fixture::builder().account("alice").account("bob").enrolled("bob").build();
    let picture = fixture.path("alice.png");
    // What would be put in place cannot be written.
    let made = fs::create_dir(fixture.credential(".new.alice").with_extension(""));
    assert!(made.is_ok(), "{made:?}");
    let done = fixture.totp_enroll(&[
        "enroll",
        "alice",
        "--batch",
        "--qr-png",
        picture.to_str().unwrap_or_default(),
    ]);
    assert_eq!(done.status, 1, "{done:?}");
    assert_eq!(fixture.totp_enroll(&["status", "alice"]).status, 3);
    assert!(!picture.exists(), "{done:?}");
}

#[test]
fn secrets_are_not_logged_and_a_failing_output_is_reported() {
    let fixture = Fixture::builder().account("alice").account("bob").build();
    let done = fixture.totp_enroll(&["enroll", "alice", "--batch"]);
    done.assert_done();
    let phone = Authenticator::shown(&done.stdout);
    let code = phone.code_at(THEN);
    assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::SUCCESS);
    let key = done.stdout.lines().find_map(|line| line.strip_prefix("manual key: ")).unwrap_or_default();
    assert!(key.len() > 30);
    let recovery = done.stdout.lines().filter_map(|line| line.strip_prefix("recovery code: "));
    let secrets: Vec<String> =
        recovery.map(str::to_owned).chain([key.to_owned(), key.replace(' ', "")]).collect();
    assert_eq!(secrets.len(), 12);
    for line in fixture.journal.lines() {
        assert!(!secrets.iter().any(|secret| line.contains(secret)), "{line}");
    }
    let events = fixture.journal.command_events();
    let enrolled = events.iter().find(|event| event.field("event") == "enrolled");
    assert!(enrolled.is_some_and(|event| event.field("state") == "pending"), "{events:?}");
    // A full disk behind standard output.
    for format in [&[][..], &["--json"]] {
        let mut command =
            fixture.command(&[format, &["enroll", "bob", "--batch", "--replace", "--yes"]].concat());
        let full = File::options().write(true).open("/dev/full").unwrap_or_else(|error| panic!("{error}"));
        let out = command.stdout(full).output().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(out.status.code(), Some(1));
        let told = String::from_utf8_lossy(&out.stderr);
        assert!(told.contains("was not shown; run the command again"), "{told}");
    }
}

#[test]
fn a_script_of_the_user_needs_a_present_code_to_replace() {
    let fixture = Fixture::builder().account("alice").enrolled("alice").build();
    let stored = fixture.stored();
    let command = fixture.command_of("alice", &["enroll", "alice", "--batch", "--replace", "--yes"]);
    let done = enroll_command::run(command, "");
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stderr.contains("current code"), "{done:?}");
    stored.assert_unchanged(&fixture.state());
}

fn text(document: &serde_json::Value, key: &str) -> String {
    document[key].as_str().unwrap_or_default().to_owned()
}

fn phone(document: &serde_json::Value) -> Authenticator {
    Authenticator::from_manual_key(&text(document, "manual_key"))
}

/// What the code in a picture says, by its modules of eight dots each.
fn read_png(file: &Path) -> Result<String, String> {
    let open = File::open(file).map_err(|error| error.to_string())?;
    let mut decoder = png::Decoder::new(BufReader::new(open));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let mut dots = vec![0; reader.output_buffer_size().unwrap_or_default()];
    let info = reader.next_frame(&mut dots).map_err(|error| error.to_string())?;
    let side = usize::try_from(info.width).unwrap_or_default();
    let is_light = |x: usize, y: usize| dots.get(y * 8 * side + x * 8) == Some(&255);
    read_modules(side / 8, is_light)
}

fn read_svg(file: &Path) -> Result<String, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let size = text.split_once("viewBox=\"0 0 ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    let dark: BTreeSet<(usize, usize)> = text
        .split('M')
        .filter_map(|module| {
            module.strip_suffix("h1v1h-1z").or_else(|| module.split_once("h1v1h-1z\"").map(|(at, _)| at))
        })
        .filter_map(|at| at.split_once(' '))
        .filter_map(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)))
        .collect();
    read_modules(size.ok_or("no size")?, |x, y| !dark.contains(&(x, y)))
}

fn read_modules(size: usize, is_light: impl Fn(usize, usize) -> bool) -> Result<String, String> {
    let row = |y: usize| (0..size).map(|x| if is_light(x, y) { "##" } else { "  " }).collect::<String>();
    qr::read_uncoloured(&(0..size).map(row).collect::<Vec<_>>().join("\n"))
}
