//! The files that are imported: those in the users' homes, read as their owners, and those that are named.

use super::{File, USUAL, import_for, made_in_home, output};
use acceptance::clock::THEN;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use std::fs;

#[test]
fn all_users_with_a_file_are_imported_and_the_files_stay() {
    let people = ["alice", "bob", "carol", "dave"];
    let mut fixture = people.iter().fold(Fixture::builder(), |builder, user| builder.account(user)).build();
    for user in ["alice", "bob"] {
        made_in_home(&mut fixture, user, &USUAL);
    }
    made_in_home(&mut fixture, "carol", &USUAL);
    let broken = "echo '\" HOTP_COUNTER 0' >>/run/home/carol/.google_authenticator";
    let _ = output(&mut fixture, &["sh", "-c", broken]);
    let refused = fixture.totp_enroll(&["import", "google-authenticator", "--all-homes"]);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.stderr.contains("carol: /run/home/carol/.google_authenticator"), "{refused:?}");
    assert!(refused.stderr.contains("nothing was imported"), "{refused:?}");
    let told =
        fixture.totp_enroll(&["import", "google-authenticator", "--all-homes", "--keep-going", "--dry-run"]);
    assert!(told.stdout.contains("would import bob") && told.stdout.contains("2 users would"), "{told:?}");
    assert_eq!(fixture.totp_enroll(&["status", "bob"]).status, 3);
    let done = fixture.totp_enroll(&["import", "google-authenticator", "--all-homes", "--keep-going"]);
    assert_eq!(done.status, 1, "{done:?}");
    assert!(done.stdout.contains("2 users imported, 1 file skipped"), "{done:?}");
    assert!(done.stderr.contains("1 bad file not imported; correct them"), "{done:?}");
    assert!(done.stdout.contains("runuser -u USER -- shred"), "{done:?}");
    for user in ["alice", "bob"] {
        let text = output(&mut fixture, &["cat", &format!("/run/home/{user}/.google_authenticator")]);
        let code = File { text }.phone().code_at(THEN);
        assert_eq!(fixture.login(user).types(&code).at(THEN).code(), PamCode::SUCCESS, "{user}");
    }
    // Once more, with carol's file corrected: who is enrolled is named, and stays as they are.
    let alices = fixture.stored();
    let again = ["--json", "import", "google-authenticator", "--all-homes"];
    let told = fixture.totp_enroll(&[&again[..], &["--keep-going"]].concat());
    assert_eq!(told.status, 1, "{told:?}");
    let enrolled = told.json()["already_enrolled"].to_string();
    assert!(enrolled.contains("alice") && enrolled.contains("bob"), "{enrolled}");
    assert!(!enrolled.contains("\"same_secret\":false"), "{enrolled}");
    assert_eq!(told.json()["skipped"][0]["user"], "carol", "{told:?}");
    alices.assert_unchanged(&fixture.state());
    let corrected = "sed -i '$d' /run/home/carol/.google_authenticator";
    let _ = output(&mut fixture, &["sh", "-c", corrected]);
    let told = fixture.totp_enroll(&again);
    told.assert_done();
    assert_eq!(told.json()["imported"], 1, "{told:?}");
    // A new file of alice's is another secret: an error, unless such accounts are to be left alone.
    made_in_home(&mut fixture, "alice", &USUAL);
    let stored = fixture.stored();
    let refused = fixture.totp_enroll(&again);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.stdout.contains("alice is already enrolled, and not with this secret"), "{refused:?}");
    let skipping = fixture.totp_enroll(&[&again[..], &["--skip-enrolled"]].concat());
    skipping.assert_done();
    assert!(skipping.stdout.contains("\"same_secret\":false"), "{skipping:?}");
    let _ = output(
        &mut fixture,
        &["sh", "-c", &format!("{broken}; chmod 0666 /run/home/bob/.google_authenticator")],
    );
    assert_eq!(fixture.totp_enroll(&again).status, 1);
    fixture.totp_enroll(&[&again[..], &["--skip-enrolled"]].concat()).assert_done();
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
        (format!("cp {bobs} {alices}; chown alice {alices}; chmod 0602 {alices}"), "writable by group"),
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
        (format!("mkdir {file}"), 2, "is a directory, whose files name their users"),
        (format!("cp {bobs} {file}; chmod 0644 {file}"), 0, "readable by group"),
        (format!("cp {bobs} {file}; chmod 0620 {file}"), 0, "writable by group"),
        (format!("cp {bobs} {file}; chmod 0666 {file}"), 0, "writable by group"),
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

/// With `secret=/some/where/${USER}` the files are in one directory.
#[test]
fn a_directory_of_files_named_by_user_is_imported() {
    let people = ["alice", "bob", "carol"];
    let mut fixture = people.iter().fold(Fixture::builder(), |builder, user| builder.account(user)).build();
    for user in people {
        made_in_home(&mut fixture, user, &USUAL);
    }
    let directory = "/run/home/secrets";
    let copied = format!(
        "mkdir -m 0700 {directory}; for user in alice bob; do cp /run/home/$user/.google_authenticator {directory}/$user; done; \
         chown bob {directory}/bob"
    );
    let _ = output(&mut fixture, &["sh", "-c", &copied]);
    let import = ["--json", "import", "google-authenticator", directory];
    let done = fixture.totp_enroll(&import);
    done.assert_done();
    assert_eq!(done.json()["imported"], 2, "{done:?}");
    for user in ["alice", "bob"] {
        let text = output(&mut fixture, &["cat", &format!("{directory}/{user}")]);
        let code = File { text }.phone().code_at(THEN);
        assert_eq!(fixture.login(user).types(&code).at(THEN).code(), PamCode::SUCCESS, "{user}");
    }
    let other = format!("{directory}/carol");
    for (set_up, said) in [
        (format!("cp {directory}/bob {other}; chown alice {other}"), "owned neither by the account"),
        (format!("cp {directory}/bob {other}; chmod 0640 {other}"), "readable by group"),
        (format!("cp {directory}/bob {other}; chmod 0620 {other}"), "writable by group"),
        (format!("ln -s {directory}/bob {other}"), "symbolic link"),
        (format!("mkdir {other}"), "not a regular file"),
        (format!("cp {directory}/bob {directory}/bob~"), "there is no account"),
    ] {
        let _ = output(&mut fixture, &["sh", "-c", &set_up]);
        let done = fixture.totp_enroll(&import);
        assert!(done.status == 1 && done.stdout.contains(said), "{set_up}: {done:?}");
        let _ = output(&mut fixture, &["sh", "-c", &format!("rm -rf {other} {directory}/bob~")]);
    }
    let named = fixture.totp_enroll(&["import", "google-authenticator", directory, "--user", "alice"]);
    assert!(named.status == 2 && named.stderr.contains("leave out --user"), "{named:?}");
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
