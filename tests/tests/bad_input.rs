//! Hostile names, hosts and answers: refused, in one line of the log, without harm to the application.

use acceptance::built;
use acceptance::clock::THEN;
use acceptance::fixture::Fixture;
use acceptance::login::{Answer, Login, PamCode};
use acceptance::strace::calls_of_login;

/// What a line, a path, a format, a terminal or a parser might trip over.
const HOSTILE: [&[u8]; 16] = [
    b"",
    b" ",
    b".",
    b"..",
    b"../../../../etc/shadow",
    b"/etc/passwd",
    b"alice/../alice",
    b"alice\nevent=accepted user=root",
    b"alice event=accepted",
    b"alice\" event=accepted user=\"root",
    b"al\x1b[2Jice\x07\x08\r",
    b"%s%n%s%n%1000000d",
    b"\xff\xfe\xc0\xaf",
    "\u{202e}ecila\u{2028}".as_bytes(),
    b"-rf",
    b"%2e%2e%2fkeyring",
];

#[test]
fn a_hostile_name_is_refused_in_one_line() {
    let fixture = Fixture::with(&["alice"]);
    for name in HOSTILE {
        let before = fixture.journal.events().len();
        let code = fixture.login(name).types(fixture.code("alice")).code();
        assert!(refused(code), "{name:?}: {code:?}");
        assert_eq!(fixture.journal.events().len(), before + 1, "{name:?}: not one line");
    }
}

#[test]
fn a_hostile_name_changes_nothing_on_the_disk() {
    let fixture = Fixture::with(&["alice"]);
    let (stored, everything) = (fixture.stored(), fixture.path(""));
    for name in HOSTILE {
        let _ = fixture.login(name).types(fixture.code("alice")).run();
    }
    stored.assert_unchanged(&fixture.state());
    assert!(!everything.join("etc").exists() && !everything.join("shadow").exists());
}

#[test]
fn no_file_is_looked_for_under_a_hostile_name() {
    const ELSEWHERE: &str = "../../../../etc/elsewhere";
    let fixture = Fixture::with(&["alice"]);
    let mut login = fixture.login(ELSEWHERE).types(fixture.code("alice")).from_host(ELSEWHERE);
    (login.ruser, login.tty) = (Some(ELSEWHERE.into()), Some(ELSEWHERE.into()));
    let alice = Login { user: Some("alice".into()), ..login.clone() };
    for login in [login, alice] {
        let calls = calls_of_login(&login);
        // Not what brings the name in, nor the lines in the log and in the kernel's audit.
        let mut files =
            calls.iter().filter(|call| !["read", "write", "sendto"].contains(&call.name.as_str()));
        assert!(files.clone().any(|call| call.name == "openat" && call.holds("keyring.toml")));
        let found = files.find(|call| call.holds("etc/elsewhere"));
        assert!(found.is_none(), "{found:?}");
    }
}

#[test]
fn a_hostile_name_is_not_ignored_even_where_absence_is_allowed() {
    let fixture = Fixture::builder().arguments("nullok").enrolled("alice").build();
    for name in HOSTILE {
        let code = fixture.login(name).types("123456").code();
        assert!(refused(code), "{name:?}: {code:?}");
    }
}

#[test]
fn a_name_of_a_megabyte_is_refused_in_a_short_line() {
    let fixture = Fixture::with(&["alice"]);
    let code = fixture.login(vec![b'a'; 1 << 20]).types("123456").code();
    assert!(refused(code), "{code:?}");
    let lines = fixture.journal.lines();
    let last = lines.last().map_or(0, String::len);
    assert!((1..2000).contains(&last), "{last} bytes in the log");
}

#[test]
fn a_hostile_host_or_terminal_changes_no_result() {
    let fixture = Fixture::with(&["alice"]);
    for (i, text) in (0..).zip(HOSTILE) {
        let second = THEN + 30 * i;
        let mut login = fixture.login_with_code_at("alice", second).from_host(text);
        login.tty = Some(text.to_vec());
        login.ruser = Some(text.to_vec());
        assert_eq!(login.code(), PamCode::SUCCESS, "{text:?}");
        let event = fixture.journal.last();
        assert_eq!((event.field("event"), event.field("user")), ("accepted", "alice"), "{event:?}");
    }
    assert_eq!(fixture.journal.events().len(), HOSTILE.len());
}

#[test]
fn a_hostile_answer_is_refused_and_appears_nowhere() {
    let fixture = Fixture::with(&["alice"]);
    for answer in HOSTILE {
        assert_eq!(fixture.login("alice").types(answer).code(), PamCode::AUTH_ERR, "{answer:?}");
        assert_eq!(fixture.journal.last().what(), "refused malformed");
    }
    let log: String = fixture.journal.events().into_iter().map(|event| event.line).collect();
    for word in ["shadow", "passwd", "ecila", "keyring", "root"] {
        assert!(!log.contains(word), "{word}: {log}");
    }
}

/// Codes are pasted with what nobody sees around them, and keyboards of some scripts have digits of their own.
#[test]
fn a_code_is_read_as_the_person_sees_it() {
    let fixture = Fixture::with(&["alice"]);
    let code = |step: u64| fixture.authenticator("alice").code_at(THEN + 30 * step);
    let full_width = |code: &str| -> String {
        code.chars().filter_map(|digit| char::from_u32(u32::from(digit) + 0xff10 - 0x30)).collect()
    };
    let ways: [&dyn Fn(&str) -> String; 8] = [
        &|code| format!("{code}\r"),
        &|code| format!("{code}\n"),
        &|code| format!("{code}\r\n"),
        &|code| format!("{code}\t"),
        &|code| format!("{code}\u{a0}"),
        &|code| format!("{}\u{2009}{}", &code[..3], &code[3..]),
        &|code| format!("\u{2068}{code}\u{2069}\u{200b}"),
        &full_width,
    ];
    for (step, typed) in (0..).map(|at| at * 3).zip(ways) {
        let (now, code) = (THEN + 30 * step, code(step));
        assert_eq!(fixture.login("alice").types(typed(&code)).at(now).code(), PamCode::SUCCESS, "{step}");
        // However it is written, it is the same code.
        for again in [code.clone(), typed(&code)] {
            assert_eq!(fixture.login("alice").types(again).at(now).code(), PamCode::AUTH_ERR);
            assert_eq!(fixture.journal.last().field("reason"), "replayed", "{step}");
        }
    }
    let wrong = fixture.authenticator("alice").wrong_codes_at(2, THEN + 900);
    let budget = || fixture.totp_enroll(&["--json", "status", "alice"]).json()["budget"]["used"].as_u64();
    let mut used = vec![budget()];
    for typed in [wrong[0].clone(), full_width(&wrong[1])] {
        assert_eq!(fixture.login("alice").types(typed).at(THEN + 900).code(), PamCode::AUTH_ERR);
        assert_eq!(fixture.journal.last().field("reason"), "wrong");
        used.push(budget());
    }
    let used: Vec<u64> = used.into_iter().flatten().collect();
    assert!(used.len() == 3 && used[1] - used[0] == used[2] - used[1], "{used:?}");
}

#[test]
fn an_answer_of_a_megabyte_is_refused() {
    let fixture = Fixture::with(&["alice"]);
    for byte in [b'1', b'A', b' ', 0xff] {
        assert_eq!(fixture.login("alice").types(vec![byte; 1 << 20]).code(), PamCode::AUTH_ERR);
    }
    let padded = [&[b' '; 1 << 20], fixture.code("alice").as_bytes()].concat();
    assert_eq!(
        fixture.login("alice").types(padded).code(),
        PamCode::AUTH_ERR,
        "a code behind a megabyte of spaces"
    );
}

#[test]
fn a_conversation_that_answers_with_nothing_is_refused() {
    for answer in [Answer::NullReply, Answer::NullArray, Answer::Fails] {
        let fixture = Fixture::with(&["alice"]);
        let outcome = fixture.login("alice").answers_with(answer.clone()).run();
        assert_eq!(outcome.code, PamCode::CONV_ERR, "{answer:?}");
        assert_eq!(fixture.journal.last().what(), "refused conversation", "{answer:?}");
    }
}

#[test]
fn an_empty_answer_with_nullok_is_refused() {
    let fixture = Fixture::builder().account("absent").arguments("nullok").enrolled("alice").build();
    for answer in [Answer::NullReply, Answer::NullArray, Answer::Fails] {
        let code = fixture.login("alice").answers_with(answer.clone()).code();
        assert!(refused(code), "{answer:?}: {code:?}");
    }
}

#[test]
fn a_name_that_the_application_will_not_tell_is_refused() {
    let fixture = Fixture::with(&["alice"]);
    let nameless = || {
        let mut login = fixture.login("");
        login.user = None;
        login
    };
    for answer in [Answer::NullReply, Answer::NullArray, Answer::Fails, Answer::Typed(Vec::new())] {
        let login: Login = nameless().answers_with(answer.clone()).types(fixture.code("alice"));
        let code = login.code();
        assert!(refused(code), "{answer:?}: {code:?}");
    }
}

#[test]
fn what_the_environment_says_makes_no_difference() {
    let fixture = Fixture::with(&["alice"]);
    let mut login = fixture.login("alice").types(fixture.authenticator("alice").wrong_code());
    for (name, value) in [
        ("PAM_TOTP_CONFIG", "/nonexistent"),
        ("RUST_BACKTRACE", "full"),
        ("RUST_LOG", "trace"),
        ("TZ", ":/etc/shadow"),
        ("TMPDIR", "/nonexistent"),
        ("HOME", "/nonexistent"),
        ("http_proxy", "http://127.0.0.1:1/"),
        ("SUDO_USER", "alice"),
    ] {
        login.environment.push((name.to_owned(), value.to_owned()));
    }
    assert_eq!(login.clone().code(), PamCode::AUTH_ERR);
    login.answers = vec![Answer::Typed(fixture.code("alice").into_bytes())];
    assert_eq!(login.code(), PamCode::SUCCESS);
}

#[test]
fn an_application_that_is_not_root_is_refused_with_nullok() {
    let mut fixture = Fixture::builder().account("absent").enrolled("alice").build();
    let config = std::fs::read_to_string(fixture.conf()).unwrap();
    let code = fixture.code("alice");
    let machine = fixture.machine();
    let (program, module) = (machine.install(&built::pam_login()), machine.install(&built::module()));
    machine.write("acceptance/config.toml", 0o644, &config);
    let line = format!("auth required {} conf=/etc/acceptance/config.toml nullok\n", module.display());
    machine.write("acceptance/pam.d/app", 0o644, &line);
    for user in ["alice", "absent"] {
        let mut login = fixture.login(user).types(&code);
        login.confdir = "/etc/acceptance/pam.d".into();
        login.unprivileged = Some(program.clone());
        assert_eq!(login.code(), PamCode::SYSTEM_ERR, "{user}");
    }
}

/// Neither let in nor waved through, by a code that means a refusal.
fn refused(code: PamCode) -> bool {
    [PamCode::AUTH_ERR, PamCode::CONV_ERR, PamCode::SYSTEM_ERR, PamCode::SERVICE_ERR].contains(&code)
        || code == PamCode(10)
}
