//! Step-up freshness: no second code for a while in the same login session. Real sshd, sudo and tmux.

mod accounts;

use acceptance::fixture::{Builder, Fixture};
use acceptance::login::{PROMPT, PamCode};
use acceptance::machine::PASSWORD;
use acceptance::sshd::{KEY_AND_CODE, Key, Sshd};
use acceptance::strace;
use acceptance::terminal::Terminal;
use acceptance::wait;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const RAN: &str = "ran as 0\r\n";
/// Anyone who comes over ssh needs no code, so that a session can be without one.
const NO_CODE_AT_SSHD: &str = "[service.sshd.require]\nexempt_networks = [\"127.0.0.0/8\"]";
/// Some service is spared a code, so that every login leaves a timestamp; sudo itself has the time that its line says, or none.
const SPARED_ELSEWHERE: &str = "[service.su.fresh]\nfor = \"15m\"";

/// The look-up may wait for a directory service, and a held ledger keeps every other login of that account waiting.
#[test]
fn the_requester_is_looked_up_before_the_ledger_is_held() {
    let fixture = builder().account("bob").enrolled("alice").arguments("fresh=15m").build();
    let mut login = fixture.login_with_code("alice");
    login.ruser = Some(b"bob".to_vec());
    let (outcome, trace) = strace::trace_login(&login);
    assert_eq!(outcome.code, PamCode::SUCCESS);
    let text = trace.text();
    let (before, after) = text.split_once("LOCK_EX").unwrap();
    assert_eq!(before.matches("openat(AT_FDCWD</>, \"/etc/passwd\"").count(), 2, "alice, and bob: {text}");
    for rest in after.split("LOCK_EX") {
        let (held, _) = rest.split_once("LOCK_UN").unwrap();
        assert!(!held.contains("/etc/passwd"), "{held}");
    }
}

#[test]
fn sudo_does_not_ask_within_the_time_of_the_code_of_the_login() {
    let site = Site::new(builder().config(SPARED_ELSEWHERE), "fresh=15m");
    let mut shell = site.logs_in_with_a_code();
    assert_eq!(sudo(&mut shell), RAN);
    let event = site.fixture.journal.last();
    let fields = ["event", "user", "method"].map(|key| event.field(key));
    assert_eq!(fields, ["accepted", "alice", "fresh"], "{event:?}");
    assert!(event.field("seconds").parse::<u64>().unwrap() < 900, "{event:?}");
}

#[test]
fn a_time_in_the_config_does_the_same() {
    let site = Site::new(builder().config("[service.sudo.fresh]\nfor = \"15m\""), "");
    assert_eq!(sudo(&mut site.logs_in_with_a_code()), RAN);
}

#[test]
fn without_a_time_sudo_asks() {
    let site = Site::new(builder().config(SPARED_ELSEWHERE), "");
    let mut shell = site.logs_in_with_a_code();
    assert_eq!(timestamps(&site.fixture), 1);
    assert_eq!(sudo(&mut shell), PROMPT);
}

#[test]
fn sudo_asks_again_when_the_time_is_over() {
    let site = Site::new(builder().config(SPARED_ELSEWHERE), "fresh=2s");
    let mut shell = site.logs_in_with_a_code();
    assert_eq!(timestamps(&site.fixture), 1);
    let written = std::fs::read_dir(site.fixture.path("run/fresh")).unwrap().next().unwrap().unwrap();
    let written = written.metadata().unwrap().modified().unwrap();
    // Ages are counted in whole seconds.
    wait::until("two seconds are over", || written.elapsed().is_ok_and(|age| age > Duration::from_secs(3)));
    assert_eq!(sudo(&mut shell), PROMPT);
}

#[test]
fn a_code_counts_in_its_own_session_only() {
    let site = Site::new(builder().config(NO_CODE_AT_SSHD), "fresh=15m");
    let (mut one, mut other) = (site.logs_in(), site.logs_in());
    assert_eq!(sudo(&mut one), PROMPT);
    one.types(&site.fixture.code("alice"));
    one.expect(RAN);
    assert_eq!(sudo(&mut one), RAN, "in the same session");
    assert_eq!(sudo(&mut other), PROMPT, "in the other");
}

#[test]
fn the_next_session_does_not_profit_from_the_one_before() {
    let site = Site::new(builder().config(NO_CODE_AT_SSHD), "fresh=15m");
    let mut one = site.logs_in();
    assert_eq!(sudo(&mut one), PROMPT);
    one.types(&site.fixture.code("alice"));
    one.expect(RAN);
    one.types("exit");
    assert_eq!(one.end().status, 0);
    assert_eq!(timestamps(&site.fixture), 1);
    assert_eq!(sudo(&mut site.logs_in()), PROMPT);
}

#[test]
fn a_wrong_code_makes_nothing_fresh() {
    let site = Site::new(builder().config(NO_CODE_AT_SSHD), "fresh=15m");
    let mut shell = site.logs_in();
    assert_eq!(sudo(&mut shell), PROMPT);
    shell.types(&site.fixture.authenticator("alice").wrong_code());
    shell.expect("did not run");
    assert_eq!(sudo(&mut shell), PROMPT);
}

#[test]
fn an_enrolment_that_was_replaced_takes_its_freshness_along() {
    let mut fixture = builder().config(SPARED_ELSEWHERE).build();
    let codes = fixture.enrol("alice", &[]).recovery_codes;
    let mut site = Site::of(fixture, "fresh=15m");
    let mut shell = site.logs_in_by(&codes[0]);
    assert_eq!(sudo(&mut shell), RAN);
    let _ = site.fixture.enrol("alice", &["--replace", "--yes"]);
    assert_eq!(sudo(&mut shell), PROMPT);
}

#[test]
fn what_a_session_left_behind_does_not_profit() {
    let site = Site::new(builder().config(NO_CODE_AT_SSHD), "fresh=15m");
    let mut first = site.logs_in();
    first.types("tmux -S ~/socket -f /dev/null new-session -d 'exec /bin/sh'; echo started");
    first.expect("started\r\n");
    assert_eq!(sudo(&mut first), PROMPT);
    first.types(&site.fixture.code("alice"));
    first.expect(RAN);
    first.types("exit");
    let _ = first.end();
    assert_eq!(timestamps(&site.fixture), 1);
    let mut second = site.logs_in();
    second.types("tmux -S ~/socket attach");
    second.expect("$ ");
    // Neither from the session that started it ...
    assert_eq!(sudo(&mut second), PROMPT);
    second.types(&site.fixture.authenticator("alice").code_in(1));
    second.expect("ran as 0");
    // ... nor from what is typed into it: nobody knows who will attach next.
    assert_eq!(sudo(&mut second), PROMPT);
    // Not Ctrl-C: one that comes right after sudo's question is sometimes lost on a busy machine.
    second.types(&site.fixture.authenticator("alice").wrong_code());
    second.expect("did not run");
    second.expect("$ ");
    // Nor where sudo takes the place of the shell that it was typed into, and with that its number.
    second.types("exec sudo id -u");
    assert_eq!(second.expect_any(&[PROMPT, "\r\n0"]).0, 0);
    second.presses_ctrl('c');
}

#[test]
fn a_timestamp_record_others_could_write_is_ignored() {
    let site = Site::new(builder().config(SPARED_ELSEWHERE), "fresh=15m");
    let mut shell = site.logs_in_with_a_code();
    let timestamps = site.fixture.path("run").join("fresh");
    std::fs::set_permissions(&timestamps, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(sudo(&mut shell), PROMPT);
}

#[test]
fn without_freshness_a_login_keeps_no_record_of_its_session() {
    for (config, is_asked_for) in [("", false), (SPARED_ELSEWHERE, true)] {
        let fixture = builder().enrolled("alice").config(config).build();
        let (outcome, trace) = strace::trace_login(&fixture.login_with_code("alice").through_sshd());
        assert_eq!(outcome.code, PamCode::SUCCESS);
        assert_eq!(fixture.path("run").exists(), is_asked_for, "{config}");
        assert_eq!(timestamps(&fixture), usize::from(is_asked_for), "{config}");
        let text = trace.text();
        // Once for the generation of the state.
        assert_eq!(text.matches("random/boot_id\", O_RDONLY").count() > 1, is_asked_for, "{config}: {text}");
        assert_eq!(text.contains("\"stat\", O_RDONLY"), is_asked_for, "{config}: {text}");
        if !is_asked_for {
            // What asks for none looks once whether others have.
            assert_eq!(text.matches("/run/fresh").count(), 1, "{text}");
        }
    }
}

#[test]
fn without_freshness_a_login_over_ssh_leaves_no_record() {
    let site = Site::new(builder(), "");
    let mut shell = site.logs_in_with_a_code();
    assert_eq!(sudo(&mut shell), PROMPT);
    shell.types(&site.fixture.authenticator("alice").code_in(1));
    shell.expect(RAN);
    assert!(!site.fixture.path("run").exists());
}

#[test]
fn a_time_on_sshds_line_makes_its_codes_count_as_well() {
    let fixture = builder().enrolled("alice").arguments("fresh=15m").build();
    assert_eq!(fixture.login_with_code("alice").through_sshd().code(), PamCode::SUCCESS);
    assert_eq!(timestamps(&fixture), 1);
}

#[test]
fn fresh_on_the_sudo_line_alone_asks_once_after_a_boot() {
    let mut fixture = builder().build();
    let codes = fixture.enrol("alice", &[]).recovery_codes;
    let site = Site::of(fixture, "fresh=15m");
    // Sshd's codes left no timestamp until then, and sudo's own counts.
    let mut first = site.logs_in_by(&codes[0]);
    assert_eq!(timestamps(&site.fixture), 0);
    assert_eq!(sudo(&mut first), PROMPT);
    first.types(&codes[1]);
    first.expect(RAN);
    assert_eq!(sudo(&mut first), RAN);
    assert_eq!(timestamps(&site.fixture), 1);
    let mut later = site.logs_in_by(&codes[2]);
    assert_eq!(timestamps(&site.fixture), 2);
    assert_eq!(sudo(&mut later), RAN);
    // As a boot does.
    std::fs::remove_dir_all(site.fixture.path("run")).unwrap();
    let mut after = site.logs_in_by(&codes[3]);
    assert!(!site.fixture.path("run").exists());
    assert_eq!(sudo(&mut after), PROMPT);
}

#[test]
fn sudo_need_only_ask_and_the_codes_of_logins_count() {
    let mut fixture = builder().build();
    let codes = fixture.enrol("alice", &[]).recovery_codes;
    let site = Site::of(fixture, "fresh=15m");
    let mut first = site.logs_in_by(&codes[0]);
    assert_eq!(sudo(&mut first), PROMPT);
    assert_eq!(sudo(&mut site.logs_in_by(&codes[1])), RAN);
}

#[test]
fn where_timestamps_cannot_be_kept_sudo_asks_and_debug_says_why() {
    let site = Site::new(builder(), "fresh=15m debug");
    let run = site.fixture.path("run");
    std::fs::create_dir(&run).unwrap();
    std::fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let mut shell = site.logs_in_with_a_code();
    assert_eq!(sudo(&mut shell), PROMPT);
    let lines = site.fixture.journal.lines();
    let why = "run: must belong to root and be writable by nobody else";
    assert!(lines.iter().any(|line| line.contains("no timestamps: ") && line.contains(why)), "{lines:?}");
    shell.types(&site.fixture.authenticator("alice").code_in(1));
    shell.expect(RAN);
    assert!(!run.join("fresh").exists());
}

#[test]
fn a_login_at_a_terminal_is_fresh_for_sudo() {
    let mut site = Site::new(builder().config(SPARED_ELSEWHERE).config(NO_CODE_AT_SSHD), "fresh=15m");
    let stack = format!("auth required pam_unix.so\n{}", site.fixture.module(""));
    site.fixture.machine().service("login", &stack);
    site.add_to_sudoers("alice ALL=(root) NOPASSWD: /usr/bin/script\n");
    let mut shell = site.logs_in();
    // login(1) is root's alone.
    shell.types("sudo -n /usr/bin/script -q -c 'exec /bin/login' /dev/null");
    shell.expect("login: ");
    shell.types("alice");
    shell.expect("Password: ");
    shell.types(PASSWORD);
    shell.expect(PROMPT);
    shell.types(&site.fixture.code("alice"));
    shell.expect("$ ");
    assert_eq!(records(&site.fixture), 1);
    assert_eq!(sudo(&mut shell), RAN);
}

/// How many lie there.
fn timestamps(fixture: &Fixture) -> usize {
    records(fixture)
}

/// How many timestamp records lie there.
fn records(fixture: &Fixture) -> usize {
    std::fs::read_dir(fixture.path("run/fresh")).map_or(0, Iterator::count)
}

/// A machine with sshd and sudo, and alice.
struct Site {
    fixture: Fixture,
    sshd: Sshd,
}

impl Site {
    fn new(builder: Builder, sudo_arguments: &str) -> Self {
        Self::of(builder.enrolled("alice").build(), sudo_arguments)
    }

    fn of(mut fixture: Fixture, sudo_arguments: &str) -> Self {
        let (sshd_stack, sudo_stack) = (fixture.module(""), fixture.module(sudo_arguments));
        let machine = fixture.machine();
        machine.service("sudo", &sudo_stack);
        // sudo remembers by itself otherwise, and does not ask PAM.
        let rule = "Defaults lecture=never, !use_pty, passwd_tries=1, timestamp_timeout=0\nalice ALL=(ALL:ALL) ALL\n";
        machine.write("sudoers.d/alice", 0o440, rule);
        let sshd = fixture.sshd(KEY_AND_CODE, &sshd_stack);
        Self { fixture, sshd }
    }

    fn logs_in_with_a_code(&self) -> Terminal {
        self.logs_in_by(&self.fixture.code("alice"))
    }

    fn logs_in_by(&self, code: &str) -> Terminal {
        let mut shell = self.sshd.ssh("alice", Key::Offered, "/bin/sh");
        shell.expect(PROMPT);
        shell.types(code);
        shell.expect("$ ");
        shell
    }

    fn logs_in(&self) -> Terminal {
        self.logs_in_as("alice")
    }

    fn logs_in_as(&self, account: &str) -> Terminal {
        let mut shell = self.sshd.ssh(account, Key::Offered, "/bin/sh");
        shell.expect("$ ");
        shell
    }

    /// With bob as well, and su with password and code.
    fn with_bob(config: &str, sudo_arguments: &str) -> Self {
        let builder = builder().account("bob").config(config);
        let mut fixture = builder.enrolled("alice").enrolled("bob").build();
        let stack = format!("auth required pam_unix.so\n{}", fixture.module(""));
        fixture.machine().service("su", &stack);
        Self::of(fixture, sudo_arguments)
    }

    fn add_to_sudoers(&mut self, lines: &str) {
        self.fixture.machine().write("sudoers.d/more", 0o440, lines);
    }
}

/// Calls sudo; gives what happens first, the prompt or the end.
fn sudo(shell: &mut Terminal) -> &'static str {
    // Each call has its own number, because a multiplexer may draw what an earlier one printed again.
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    // Not as one word, so that what the terminal echoes is not taken for it.
    shell.types(&format!("sudo sh -c 'echo $(({call})): ran as $(id -u)' || echo did not run"));
    match shell.expect_any(&[PROMPT, &format!("{call}: ran as 0")]).0 {
        0 => PROMPT,
        _ => RAN,
    }
}

fn builder() -> Builder {
    Fixture::builder().account("alice")
}
