//! README.md and docs/: each command is accepted, each block is read, each log line is written, each link has a target.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use acceptance::authenticator::Authenticator;
use acceptance::clock::THEN;
use acceptance::damage::set_mode;
use acceptance::documents::{self, Block, Document, all, calls};
use acceptance::enroll_command;
use acceptance::fixture::Fixture;
use acceptance::journal::Event;
use acceptance::login::PamCode;
use acceptance::site::{KEY_AND_CODE, Site};
use acceptance::snapshot::renewed_codes;
use acceptance::{built, recording};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Named blocks of this document are gone through, one by one, by tests of their own.
const STACKS: &str = "docs/stacks.md";

#[test]
fn every_command_in_a_block_is_one_that_the_program_takes() {
    let for_everybody = tempfile::tempdir().unwrap();
    fs::set_permissions(for_everybody.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = for_everybody.path().join("totp-enroll");
    fs::copy(built::command(), &program).unwrap();
    let mut seen = 0;
    for Block { place, text, .. } in blocks(|block| block.kind == "console") {
        for (line, call) in
            typed(&text).into_iter().flat_map(|line| calls(line).into_iter().map(move |call| (line, call)))
        {
            seen += 1;
            // Anyone who is not root is refused everything, but only what is a command at all.
            let mut command = Command::new("/usr/bin/setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program).args(call);
            let done = enroll_command::run(command, "");
            assert_ne!(done.status, 2, "{place}: {line}\n{}", done.stderr);
        }
    }
    assert!(seen > 30, "only {seen} commands were found");
}

#[test]
fn every_command_in_the_text_is_one_that_the_program_takes() {
    let mut seen = 0;
    for document in all() {
        for (at, span) in document.spans() {
            if !span.starts_with("totp-enroll ") && !span.starts_with("sudo totp-enroll ") {
                continue;
            }
            for call in calls(span) {
                seen += 1;
                let mut command = Command::new(built::command());
                command.args(call).arg("--help");
                let done = enroll_command::run(command, "");
                assert_eq!(done.status, 0, "{}:{at}: {span}\n{}", document.name, done.stderr);
            }
        }
    }
    assert!(seen > 40, "only {seen} commands were found");
}

#[test]
fn every_script_that_is_called_is_there() {
    for Block { place, text, .. } in blocks(|block| block.kind == "console") {
        for line in typed(&text) {
            let first = line.split(' ').find(|word| *word != "sudo").unwrap();
            if ["packaging/", "tests/", "docs/"].iter().any(|ours| first.starts_with(ours)) {
                assert!(documents::top().join(first).is_file(), "{place}: {first} is not there");
            }
        }
    }
}

#[test]
fn every_config_is_one_that_is_read() {
    let fixture = Fixture::builder().account("alice").build();
    let mut seen = 0;
    for Block { place, text, .. } in blocks(|block| block.kind == "toml") {
        seen += 1;
        fixture.configure(&text);
        for service in ["sshd", "sudo"] {
            let done = fixture.totp_enroll(&["explain", "alice", "--service", service]);
            assert_eq!(done.status, 0, "{place}: {}", done.stderr);
        }
    }
    assert!(seen > 1, "only {seen} configs were found");
}

#[test]
fn every_stored_document_has_the_keys_that_are_stored() {
    let fixture = Fixture::builder().account("alice").build();
    fixture.totp_enroll(&["--json", "enroll", "alice", "--batch"]).assert_done();
    for (name, file) in [("credential", fixture.credential("alice")), ("keyring", fixture.keyring())] {
        let shown = blocks(|block| block.kind == format!("toml {name}")).pop().unwrap();
        let stored = fs::read_to_string(file).unwrap();
        assert_eq!(keys(&shown.text), keys(&stored), "{}: the {name}", shown.place);
    }
}

#[test]
fn every_line_for_a_service_is_one_that_the_module_takes() {
    let fixture = Fixture::with(&["alice"]);
    let mut seen = 0;
    for Block { place, text, .. } in blocks(|block| block.kind == "pam") {
        for line in text.lines().filter(|line| line.contains("pam_totp.so")) {
            seen += 1;
            let (_, arguments) = line.split_once("pam_totp.so").unwrap();
            fixture.service("shown", &fixture.module(arguments));
            let _ = fixture.login_at("shown", "alice").types(fixture.code("alice")).code();
            let event = fixture.journal.last();
            assert_ne!(event.field("event"), "error", "{place}: {line}\n{}", event.line);
        }
    }
    assert!(seen > 5, "only {seen} lines were found");
}

#[test]
fn the_stack_for_a_move_asks_each_by_the_module_that_knows_them() {
    let document = documents::read("docs/moving-from-google-authenticator.md");
    let stack = document.blocks().into_iter().find(|block| block.kind == "pam").unwrap().text;
    let mut site = Site::new();
    let old = Authenticator::random();
    let secret = data_encoding::BASE32_NOPAD.encode(&old.secret);
    let file = site.fixture.write("google", &format!("{secret}\n\" DISALLOW_REUSE\n\" TOTP_AUTH\n"));
    let google = format!("pam_google_authenticator.so secret={} user=root", file.display());
    let stack = stack.replace("pam_totp.so", &site.module).replace("pam_google_authenticator.so", &google);
    site.fixture.service("moving", &stack);
    site.service("sshd", &stack);
    site.sshd(KEY_AND_CODE);
    let found = site.doctor(&["--service", "sshd"]);
    let serious: Vec<_> =
        found.all().into_iter().filter(|finding| finding["severity"] == "serious").collect();
    assert!(serious.is_empty() && !found.named("old_module").is_empty(), "{found:#?}");
    // Anyone who is asked by both gives both the same answer.
    let login = |user: &str, code: &str| site.fixture.login_at("moving", user).types(code).types(code).code();
    assert_eq!(
        login("alice", &site.fixture.authenticator("alice").wrong_code()),
        PamCode::AUTH_ERR,
        "pam_totp decides"
    );
    assert_eq!(login("alice", &site.fixture.code("alice")), PamCode::SUCCESS, "who has moved");
    assert_ne!(login("alice", &old.code()), PamCode::SUCCESS, "who has moved, by the old module");
    assert_ne!(login("bob", &old.wrong_code()), PamCode::SUCCESS, "the old module decides");
    assert_eq!(login("bob", &old.code()), PamCode::SUCCESS, "who has not moved");
    set_mode(&site.fixture.credential("alice"), 0o644);
    assert_ne!(login("alice", &old.code_in(1)), PamCode::SUCCESS, "an error is not absence");
}

#[test]
fn every_log_line_is_one_that_is_written() {
    for event in written() {
        println!("{}", event.line);
    }
    let written: BTreeSet<Shape> = written().iter().map(Shape::of).collect();
    let mut seen = 0;
    for Block { place, text, .. } in blocks(|block| block.kind == "log") {
        for line in text.lines() {
            seen += 1;
            let shape = Shape::of(&Event::parse(&format!("<85>{line}")));
            assert!(written.contains(&shape), "{place}: {line}\nof the lines that are written: {written:#?}");
        }
    }
    assert!(seen > 5, "only {seen} lines were found");
}

#[test]
fn the_log_tables_have_every_event_and_reason() {
    let manual = documents::read("packaging/man/pam_totp.8").text;
    let log = documents::read("docs/log.md").text;
    for (sections, subsection) in
        [(["Logins", "Commands"].as_slice(), "Events"), (&["Reasons"], "Reasons of a refusal")]
    {
        let (_, items) = manual.split_once(&format!("\n.Ss {subsection}\n")).unwrap();
        let items = items.split("\n.Ss ").next().unwrap().split("\n.Sh ").next().unwrap();
        let known: BTreeSet<&str> = items.lines().filter_map(|line| line.strip_prefix(".It Sy ")).collect();
        let tables = sections
            .iter()
            .map(|section| log.split_once(&format!("\n## {section}\n")).unwrap().1.split("\n## ").next());
        let rows = tables
            .flatten()
            .flat_map(|table| table.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next()));
        let is_word =
            |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let named: BTreeSet<&str> = rows.flat_map(|row| row.split([',', ' ', '`']).filter(is_word)).collect();
        assert_eq!(named, known, "{subsection}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut seen = 0;
    for document in all() {
        for (at, link) in document.links() {
            if link.starts_with("https://") {
                continue;
            }
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = document.path.parent().unwrap().join(file);
            assert!(file.is_empty() || target.exists(), "{}:{at}: {link} is not there", document.name);
            if !anchor.is_empty() {
                let path = if file.is_empty() { &document.path } else { &target };
                let text = fs::read_to_string(path).unwrap();
                let there = Document { name: file.to_owned(), path: path.clone(), text };
                assert!(
                    there.anchors().iter().any(|known| known == anchor),
                    "{}:{at}: {link}: no such heading",
                    document.name
                );
            }
        }
    }
    assert!(seen > 60, "only {seen} links were found");
}

fn is_there(source: &str, test: &str) -> bool {
    let lines = || source.lines().map(str::trim);
    let name = format!("fn {test}(");
    lines().zip(lines().skip(1)).any(|(before, line)| before == "#[test]" && line.starts_with(&name))
}

#[test]
fn every_test_that_is_named_is_there() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (tests, rules) = (here.join("tests"), here.join("../crates/totp-core/src"));
    let mut seen = 0;
    for document in all() {
        for (at, span) in document.spans() {
            let Some((file, test)) = span.split_once(".rs::") else { continue };
            seen += 1;
            let read = |of: &Path| fs::read_to_string(of.join(format!("{file}.rs"))).ok();
            let source = read(&tests).or_else(|| read(&rules)).unwrap_or_default();
            assert!(is_there(&source, test), "{}:{at}: there is no test {span}", document.name);
        }
    }
    assert!(seen > 80, "only {seen} tests were named");
}

#[test]
fn the_figures_in_the_readme_are_those_of_the_benchmark() {
    let results = documents::read("tests/bench/RESULTS.md").text;
    let readme = documents::read("README.md").text;
    let mut seen = 0;
    for row in
        readme.lines().filter(|line| line.starts_with("| one login") || line.starts_with("| logins a second"))
    {
        seen += 1;
        let (_, case) = row.split_once('(').unwrap();
        let (case, _) = case.split_once(')').unwrap();
        // The table of medians is first; they are between asterisks, before the 99th percentiles.
        let measured: Vec<&str> =
            results.lines().filter(|line| line.starts_with(&format!("| {case} |"))).collect();
        let [times, rates] = measured[..] else { panic!("RESULTS.md has not two rows {case}") };
        let measured = if row.starts_with("| one login") { times } else { rates };
        let figures = |row: &str| -> Vec<String> {
            let figure =
                |cell: &str| cell.trim().trim_start_matches("**").split("**").next().map(str::to_owned);
            row.split('|').filter_map(figure).collect()
        };
        // After the case: pam_totp and the others. In RESULTS.md pam_permit is before them.
        let (given, measured) = (figures(row), figures(measured));
        assert_eq!(
            given[2..5],
            measured[3..6],
            "{row}\nthe benchmark was run again: write its figures into README.md"
        );
    }
    assert!(seen > 3, "only {seen} figures were found");
}

#[test]
fn the_picture_of_an_enrolment_shows_what_the_program_shows() {
    let shown = documents::read("docs/enrolment.svg").text;
    let (shown, now) = (recording::words_of(&shown), recording::words_of(&recording::enrolment()));
    assert!(shown.len() > 15, "{shown:#?}");
    assert_eq!(shown, now, "packaging/record-enrolment makes it anew");
}

#[test]
fn the_qr_code_in_the_picture_says_the_key_below_it() {
    let shown = documents::read("docs/enrolment.svg").text;
    let uri = acceptance::qr::read_modules(&recording::modules_in(&shown)).unwrap();
    let (_, key) = shown.split_once(acceptance::authenticator::MANUAL_KEY).unwrap();
    let key: String = key.split('<').next().unwrap().split(' ').collect();
    assert!(
        uri.starts_with("otpauth://totp/example.com:alice?") && uri.contains(&format!("secret={key}&")),
        "{uri}"
    );
}

/// The blocks of all documents that are meant, but those that tests of their own go through.
fn blocks(is_meant: impl Fn(&Block) -> bool) -> Vec<Block> {
    let ours = |block: &Block| !(block.place.starts_with(STACKS) && block.kind.contains(' '));
    all().iter().flat_map(Document::blocks).filter(|block| ours(block) && is_meant(block)).collect()
}

/// What is typed behind a prompt (`$`, `bob$`) in a block that shows a terminal.
fn typed(text: &str) -> Vec<&str> {
    let behind_the_prompt = |line: &'_ str| -> Option<usize> {
        let (prompt, _) = line.split_once("$ ")?;
        prompt.chars().all(char::is_alphanumeric).then_some(prompt.len() + 2)
    };
    text.lines().filter_map(|line| line.get(behind_the_prompt(line)?..)).collect()
}

/// The keys of a document, each with its section.
fn keys(toml: &str) -> BTreeSet<String> {
    let mut section = "";
    let mut keys = BTreeSet::new();
    for line in toml.lines() {
        if line.starts_with('[') {
            section = line;
        } else if let Some((key, _)) = line.split_once(" = ")
            && !line.starts_with('#')
        {
            keys.insert(format!("{section} {key}"));
        }
    }
    keys
}

/// What makes a line the kind of line that it is: who wrote it, what happened, and which fields say so, in which order.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Shape {
    at_login: bool,
    what: String,
    fields: Vec<String>,
}

impl Shape {
    fn of(event: &Event) -> Self {
        let (_, fields) = event.line.split_once("event=").unwrap();
        let fields =
            fields.split(' ').filter_map(|field| field.split_once('=')).map(|(key, _)| key.to_owned());
        let what = ["event", "reason", "method"].map(|key| event.field(key));
        // The reason of a reset is a sentence.
        let what = if event.field("event").starts_with("reset_requested") {
            event.field("event").to_owned()
        } else {
            what.join(" ")
        };
        Self { at_login: !event.module.is_empty(), what, fields: fields.collect() }
    }
}

/// The lines of a day: what people do, and what goes wrong.
fn written() -> Vec<Event> {
    let config = "[limit]\nlock_after = 3\n";
    let builder = Fixture::builder().account("bob").account("carol").account("dave");
    let fixture = builder.account("alice").enrolled("alice").config(config).build();
    fixture.service("sshd", &fixture.module(""));
    fixture.service("sudo", &fixture.module(""));
    fixture.service("open", &fixture.module("nullok"));
    let phone = fixture.authenticator("alice").clone();
    let by_ssh = |answer: &str, second: u64| {
        let login = fixture.login_at("sshd", "alice").from_host("192.0.2.7");
        let _ = login.after("publickey ssh-ed25519 AAAA").types(answer).at(second).code();
    };
    let by_sudo = |answer: &str, second: u64| {
        let mut login = fixture.login_at("sudo", "alice").types(answer).at(second);
        login.tty = Some(b"/dev/pts/0".to_vec());
        login.ruser = Some(b"alice".to_vec());
        let _ = login.code();
    };
    let right = |second: u64| phone.code_at(second);
    by_ssh(&right(THEN), THEN);
    by_ssh(&right(THEN), THEN);
    by_ssh(&right(THEN - 300), THEN + 60);
    by_ssh(&right(THEN + 60), THEN + 60);
    by_ssh(&right(THEN + 120), THEN + 120);
    for wrong in phone.wrong_codes_at(3, THEN + 300) {
        by_sudo(&wrong, THEN + 300);
    }
    for wrong in phone.wrong_codes_at(4, THEN + 500) {
        by_ssh(&wrong, THEN + 500);
    }
    fixture.totp_enroll(&["unlock", "alice"]).assert_done();
    let codes =
        renewed_codes(&fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]).stdout).unwrap();
    by_ssh(codes.first().unwrap(), THEN + 600);
    let passer =
        fixture.login_at("open", "dave").from_host("192.0.2.9").after("publickey ssh-ed25519 AAAA").at(THEN);
    let _ = passer.code();
    for (who, step) in [
        ("bob", ["reset", "request", "alice", "--reason", "phone lost, known to me by voice"].as_slice()),
        ("bob", &["reset", "approve", "alice"]),
        ("carol", &["reset", "approve", "alice"]),
    ] {
        let _ = fixture.command_of_operator(who, step, THEN + 700);
    }
    set_mode(&fixture.credential("alice"), 0o644);
    by_ssh(&right(THEN + 900), THEN + 900);
    [fixture.journal.events(), fixture.journal.command_events()].concat()
}
