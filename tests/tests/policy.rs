//! The policy: for which users, networks and days a code is asked for, and what the log says of it.

#![expect(clippy::panic, reason = "what is not in the table fails the test")]

use acceptance::clock::THEN;
use acceptance::fixture::{Fixture, SERVICE};
use acceptance::login::{Login, Outcome, PamCode};

/// A key as `SSH_AUTH_INFO_0` has it; the blob is any base64.
const KEY: &str = "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKeyOfALaptopThatIsRemembered12345678901234";
const SECURITY_KEY: &str = "publickey sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t";
const NETWORKS: &str = "[require]\nexempt_networks = [\"192.0.2.0/24\", \"2001:db8::/32\"]";

/// How one fixture differs: the config, who comes, how; then what comes of it.
type Row = (&'static str, &'static str, fn(Login) -> Login, What);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// A code is asked for, and a right one opens.
    Asked,
    /// Nothing is asked; the log names the method, and what else it names.
    Opens(&'static str, (&'static str, &'static str)),
    /// Nothing is asked, and the module takes no part.
    Past(&'static str),
    /// The same, for want of anybody who vouches for the person.
    LeftOver,
    /// A code is asked for, and none opens.
    Shut,
}
use What::{Asked, LeftOver, Opens, Past, Shut};

const BY_NETWORK: What = Opens("exempt", ("rule", "require.exempt_networks"));
const STAFF: &str = "[require]\ngroups = [\"crew\"]";
const ROBOTS: &str = "[require]\nexempt_groups = [\"robots\"]";
const BOTH: &str = "[require]\ngroups = [\"crew\"]\nexempt_groups = [\"robots\"]";
const KEYS: &str = "[accept]\nssh_security_keys = true";
const UNTIL_2033: &str = "[require]\nenroll_by = 2033-05-20";
const OVER: &str = "[require]\nenroll_by = \"2033-05-17\"";

/// alice is enrolled and in "crew" (and robby, too, who is also in "robots"); carol is not enrolled and in no group; the
/// clock is at 2033-05-18. The service is "app"; "side" is another one.
const TABLE: &[Row] = &[
    // The network of the remote host, which is an address and no name.
    ("alice", NETWORKS, |login| login.from_host("192.0.2.77"), BY_NETWORK),
    ("alice", NETWORKS, |login| login.from_host("::ffff:192.0.2.77"), BY_NETWORK),
    ("alice", NETWORKS, |login| login.from_host("2001:db8:1::2"), BY_NETWORK),
    ("alice", NETWORKS, |login| login.from_host("192.0.3.1"), Asked),
    ("alice", NETWORKS, |login| login.from_host("::1"), Asked),
    ("alice", NETWORKS, |login| login.from_host("192.0.2.77.example.net"), Asked),
    ("alice", NETWORKS, |login| login.from_host("192.0.2.77 "), Asked),
    ("alice", NETWORKS, |login| login.from_host("localhost"), Asked),
    ("alice", NETWORKS, |login| login, Asked),
    ("carol", NETWORKS, |login| login.from_host("192.0.2.77"), BY_NETWORK),
    ("nobody-of-that-name", NETWORKS, |login| login.from_host("192.0.2.77"), Shut),
    (
        "alice",
        "[service.side.require]\nexempt_networks = [\"192.0.2.0/24\"]",
        |login| login.from_host("192.0.2.77"),
        Asked,
    ),
    (
        "alice",
        "[require]\nexempt_networks = [\"192.0.2.0/24\"]\n[service.app.require]\nexempt_networks = []",
        |login| login.from_host("192.0.2.77"),
        Asked,
    ),
    // The groups.
    ("alice", STAFF, |login| login, Asked),
    ("carol", STAFF, |login| login, Opens("exempt", ("rule", "require.groups"))),
    ("nobody-of-that-name", STAFF, |login| login, Shut),
    ("alice", ROBOTS, |login| login, Asked),
    ("robby", ROBOTS, |login| login, Opens("exempt", ("rule", "require.exempt_groups"))),
    ("robby", BOTH, |login| login, Opens("exempt", ("rule", "require.exempt_groups"))),
    ("alice", BOTH, |login| login, Asked),
    ("alice", "[require]\ngroups = [\"no-such-group\"]", |login| login, Asked),
    ("robby", "[require]\nexempt_groups = [\"robots\", \"no-such-group\"]", |login| login, Asked),
    // sshd asks PAM first of all: a exemption would be all there is, so the rest of the stack is to decide, and there is none.
    ("alice", NETWORKS, |login| first_of_all(login.from_host("192.0.2.77")), LeftOver),
    ("alice", NETWORKS, |login| login.after(KEY).from_host("192.0.2.77"), BY_NETWORK),
    // Security keys.
    ("alice", KEYS, |login| login.after(SECURITY_KEY), Opens("security_key", ("first_factor", "publickey"))),
    ("carol", KEYS, |login| login.after(SECURITY_KEY), Opens("security_key", ("first_factor", "publickey"))),
    ("alice", KEYS, |login| login.after(KEY), Asked),
    ("alice", KEYS, |login| login, Asked),
    ("alice", KEYS, |login| in_another_program(login.after(SECURITY_KEY)), Asked),
    ("alice", "", |login| login.after(SECURITY_KEY), Asked),
    ("nobody-of-that-name", KEYS, |login| login.after(SECURITY_KEY), Shut),
    // The last day.
    ("carol", UNTIL_2033, |login| login, Past("2")),
    ("carol", "[require]\nenroll_by = \"2033-05-18\"", |login| login, Past("0")),
    ("carol", OVER, |login| login, Shut),
    ("carol", "", |login| login, Shut),
    ("alice", UNTIL_2033, |login| login, Asked),
    ("nobody-of-that-name", UNTIL_2033, |login| login, Shut),
    ("carol", "[service.side.require]\nenroll_by = 2033-05-20", |login| login, Shut),
];

#[test]
fn every_case_of_the_table_has_its_result() {
    let mut fixture = Fixture::builder()
        .account("alice")
        .account("robby")
        .account("carol")
        .enrolled("alice")
        .enrolled("robby")
        .build();
    let machine = fixture.machine();
    machine.add_group("crew", &["alice", "robby"]);
    machine.add_group("robots", &["robby"]);
    for (at, &(user, config, how, what)) in TABLE.iter().enumerate() {
        fixture.configure(config);
        // Each at a step of its own: no code twice.
        let then = THEN + 60 * u64::try_from(at).unwrap();
        let code = fixture.authenticator(if user == "robby" { "robby" } else { "alice" }).code_at(then);
        let outcome = how(fixture.login(user)).types(code).at(then).run();
        assert_eq!(came_of_it(&fixture, &outcome, what), what, "{user} with {config:?}: {outcome:?}");
    }
}

/// What it was, in the terms of the table; `expected` says which field of the log is worth a look.
fn came_of_it(fixture: &Fixture, outcome: &Outcome, expected: What) -> What {
    let event = fixture.journal.last();
    match (outcome.code, outcome.asked().is_empty(), event.field("method")) {
        (PamCode::SUCCESS, false, "totp") => Asked,
        (PamCode::AUTH_ERR, false, "") => Shut,
        (PamCode::PERM_DENIED, true, "exempt") if event.field("reason") == "not_enrolled" => match expected {
            Past(days)
                if event.field("days_left") == days
                    && outcome.prompts.iter().any(|prompt| prompt.text.contains("no authenticator")) =>
            {
                expected
            }
            Asked | LeftOver | Opens(..) | Past(_) | Shut => panic!("let past: {event:?} {outcome:?}"),
        },
        (PamCode::PERM_DENIED, true, "exempt") if event.field("pam") == "ignore" => LeftOver,
        (PamCode::SUCCESS, true, _) => match expected {
            Opens(method, (key, value)) if event.field("method") == method && event.field(key) == value => {
                expected
            }
            Asked | LeftOver | Opens(..) | Past(_) | Shut => panic!("not asked: {event:?}"),
        },
        _ => panic!("{outcome:?} {event:?}"),
    }
}

/// As sshd asks by the method `keyboard-interactive` alone.
fn first_of_all(mut login: Login) -> Login {
    login.tty = Some(b"ssh".to_vec());
    login
}

/// The variable is sshd's only where the terminal is called as sshd calls its own.
fn in_another_program(mut login: Login) -> Login {
    login.tty = Some(b"pts/3".to_vec());
    login
}

#[test]
fn a_group_that_does_not_exist_is_logged() {
    let mut fixture = Fixture::builder().account("alice").enrolled("alice").build();
    fixture.machine().add_group("crew", &[]);
    fixture.configure("[require]\nexempt_groups = [\"crew\", \"no-such-group\"]");
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS);
    let events = fixture.journal.events();
    let logged = events.iter().find(|event| event.field("event") == "error").expect("no error was logged");
    assert!(logged.field("problem").contains("no-such-group"), "{logged:?}");
    assert_eq!(events.last().unwrap().field("method"), "totp");
}

#[test]
fn an_exemption_does_not_cover_a_broken_enrolment() {
    let fixture = Fixture::builder().account("alice").enrolled("alice").build();
    std::fs::write(fixture.ledger("alice"), b"not a ledger").unwrap();
    for config in
        ["[fresh]\nfor = \"15m\"", "[remember]\nmode = \"always\"", "[require]\nenroll_by = 2033-05-20"]
    {
        fixture.configure(config);
        let outcome = fixture.login_with_code_at("alice", THEN).run();
        assert_eq!(outcome.code, PamCode::SYSTEM_ERR, "{config}: {outcome:?}");
        assert_eq!(fixture.journal.last().what(), "error");
    }
}

#[test]
fn explain_says_what_a_login_does_and_why() {
    let mut fixture = Fixture::builder().account("alice").account("carol").enrolled("alice").build();
    fixture.machine().add_group("crew", &["alice"]);
    fixture
        .configure(&format!("{NETWORKS}\ngroups = [\"crew\"]\n[service.sudo.fresh]\nfor = \"15m\"\n{KEYS}"));
    let outcome = |arguments: &[&str]| {
        let words = ["--json", "explain"].iter().chain(arguments).copied().collect::<Vec<_>>();
        let done = fixture.totp_enroll(&words);
        done.assert_done();
        done.json()["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(outcome(&["alice"]), "code");
    assert_eq!(outcome(&["alice", "--rhost", "192.0.2.9"]), "exempt");
    assert_eq!(outcome(&["carol"]), "exempt");
    assert_eq!(outcome(&["alice", "--security-key"]), "security_key");
    assert_eq!(outcome(&["alice", "--since-code", "5m"]), "code");
    assert_eq!(outcome(&["alice", "--since-code", "5m", "--service", "sudo"]), "fresh");
    assert_eq!(outcome(&["alice", "--since-code", "5m", "--fresh", "10m"]), "fresh");
    fixture.configure("");
    assert_eq!(outcome(&["carol"]), "code");
    assert_eq!(outcome(&["carol", "--nullok"]), "not_yet_required");
    let done = fixture.totp_enroll(&["explain", "alice", "--rhost", "laptop.example.net"]);
    assert_eq!(done.status, 2, "{done:?}");
    let text = fixture.totp_enroll(&["explain", "carol"]).stdout;
    assert!(
        text.starts_with("carol at sshd: a code is required, and every login is refused")
            && text.contains("-> "),
        "{text}"
    );
    assert!(fixture.journal.events().is_empty(), "explaining is no login");
    assert_eq!(fixture.login_with_code_at("alice", THEN).code(), PamCode::SUCCESS, "nothing was used up");
}

#[test]
fn a_line_in_the_service_file_overrides_the_config() {
    let fixture = Fixture::builder().account("carol").config(OVER).build();
    fixture.service(SERVICE, &fixture.module("nullok"));
    let outcome = fixture.login("carol").types("123456").at(THEN).run();
    assert_eq!(
        (outcome.code, outcome.asked().len()),
        (PamCode::AUTH_ERR, 1),
        "nullok does not outlast the last day"
    );
    fixture.configure(UNTIL_2033);
    assert_eq!(fixture.login("carol").at(THEN).run().asked().len(), 0);
}
