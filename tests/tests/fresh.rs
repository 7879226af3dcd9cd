//! Step-up freshness: no second code within its time, in the same login session. Real sshd, real sudo, real tmux.

use acceptance::login::{PROMPT, PamCode};
use acceptance::scene::{Builder, Scene};
use acceptance::sshd::{KEY_AND_CODE, Key, Sshd};
use acceptance::strace;
use acceptance::terminal::Terminal;
use acceptance::wait;
use std::time::Duration;

const RAN: &str = "ran as 0\r\n";
/// Whoever comes over ssh needs no code, so that a session can be without one.
const NO_CODE_AT_SSHD: &str = "[service.sshd.require]\nexempt_networks = [\"127.0.0.0/8\"]";
/// Some service is spared a code, so that every login leaves a stamp; sudo itself has the time that its line says, or none.
const SPARED_ELSEWHERE: &str = "[service.su.fresh]\nfor = \"15m\"";

#[test]
fn sudo_does_not_ask_within_the_time_of_the_code_of_the_login() {
    let site = Site::new(builder().config(SPARED_ELSEWHERE), "fresh=15m");
    let mut shell = site.logs_in_with_a_code();
    assert_eq!(sudo(&mut shell), RAN);
    let event = site.scene.journal.last();
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
    assert_eq!(stamps(&site.scene), 1);
    assert_eq!(sudo(&mut shell), PROMPT);
}

#[test]
fn sudo_asks_again_when_the_time_is_over() {
    let site = Site::new(builder().config(SPARED_ELSEWHERE), "fresh=2s");
    let mut shell = site.logs_in_with_a_code();
    assert_eq!(stamps(&site.scene), 1);
    let written = std::fs::read_dir(site.scene.path("run/fresh")).unwrap().next().unwrap().unwrap();
    let written = written.metadata().unwrap().modified().unwrap();
    // Ages are counted in whole seconds.
    wait::until("two seconds are over", || written.elapsed().is_ok_and(|age| age > Duration::from_secs(3)));
    assert_eq!(sudo(&mut shell), PROMPT);
}

#[test]
fn a_session_does_not_profit_from_the_code_of_another_session_of_the_same_person() {
    let site = Site::new(builder().config(NO_CODE_AT_SSHD), "fresh=15m");
    let (mut one, mut other) = (site.logs_in(), site.logs_in());
    assert_eq!(sudo(&mut one), PROMPT);
    one.types(&site.scene.code("alice"));
    one.expect(RAN);
    assert_eq!(sudo(&mut one), RAN, "in the same session");
    assert_eq!(sudo(&mut other), PROMPT, "in the other");
}

#[test]
fn the_next_session_does_not_profit_from_the_one_before() {
    let site = Site::new(builder().config(NO_CODE_AT_SSHD), "fresh=15m");
    let mut one = site.logs_in();
    assert_eq!(sudo(&mut one), PROMPT);
    one.types(&site.scene.code("alice"));
    one.expect(RAN);
    one.types("exit");
    assert_eq!(one.end().status, 0);
    assert_eq!(stamps(&site.scene), 1);
    assert_eq!(sudo(&mut site.logs_in()), PROMPT);
}

#[test]
fn a_wrong_code_makes_nothing_fresh() {
    let site = Site::new(builder().config(NO_CODE_AT_SSHD), "fresh=15m");
    let mut shell = site.logs_in();
    assert_eq!(sudo(&mut shell), PROMPT);
    shell.types(&site.scene.authenticator("alice").wrong_code());
    shell.expect("did not run");
    assert_eq!(sudo(&mut shell), PROMPT);
}

#[test]
fn an_enrolment_that_was_replaced_takes_its_freshness_along() {
    let mut scene = builder().config(SPARED_ELSEWHERE).build();
    let codes = scene.enrol("alice", &[]).recovery_codes;
    let mut site = Site::of(scene, "fresh=15m");
    let mut shell = site.logs_in_by(&codes[0]);
    assert_eq!(sudo(&mut shell), RAN);
    let _ = site.scene.enrol("alice", &["--replace", "--yes"]);
    assert_eq!(sudo(&mut shell), PROMPT);
}

#[test]
fn what_a_session_left_behind_does_not_profit() {
    let site = Site::new(builder().config(NO_CODE_AT_SSHD), "fresh=15m");
    let mut first = site.logs_in();
    first.types("tmux -S ~/socket -f /dev/null new-session -d 'exec /bin/sh'; echo started");
    first.expect("started\r\n");
    assert_eq!(sudo(&mut first), PROMPT);
    first.types(&site.scene.code("alice"));
    first.expect(RAN);
    first.types("exit");
    let _ = first.end();
    assert_eq!(stamps(&site.scene), 1);
    let mut second = site.logs_in();
    second.types("tmux -S ~/socket attach");
    second.expect("$ ");
    // Neither from the session that started it ...
    assert_eq!(sudo(&mut second), PROMPT);
    second.types(&site.scene.authenticator("alice").code_in(1));
    second.expect("ran as 0");
    // ... nor from what is typed into it: nobody knows who will attach next.
    assert_eq!(sudo(&mut second), PROMPT);
    // Not Ctrl-C: one that comes right after sudo's question is sometimes lost on a busy machine.
    second.types(&site.scene.authenticator("alice").wrong_code());
    second.expect("did not run");
    second.expect("$ ");
    // Nor where sudo takes the place of the shell that it was typed into, and with that its number.
    second.types("exec sudo id -u");
    assert_eq!(second.expect_any(&[PROMPT, "\r\n0"]).0, 0);
    second.presses_ctrl('c');
}

#[test]
fn a_stamp_that_others_could_have_written_counts_for_nothing() {
    let site = Site::new(builder().config(SPARED_ELSEWHERE), "fresh=15m");
    let mut shell = site.logs_in_with_a_code();
    let stamps = site.scene.path("run").join("fresh");
    std::fs::set_permissions(&stamps, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(sudo(&mut shell), PROMPT);
}

#[test]
fn where_nobody_asks_for_freshness_a_login_leaves_nothing_and_does_not_look_at_its_session() {
    for (config, is_asked_for) in [("", false), (SPARED_ELSEWHERE, true)] {
        let scene = builder().enrolled("alice").config(config).build();
        let (outcome, trace) = strace::trace_login(&scene.login_with_code("alice"));
        assert_eq!(outcome.code, PamCode::SUCCESS);
        assert_eq!(scene.path("run").exists(), is_asked_for, "{config}");
        assert_eq!(stamps(&scene), usize::from(is_asked_for), "{config}");
        let text = trace.text();
        assert_eq!(text.contains("random/boot_id"), is_asked_for, "{config}: {text}");
        assert_eq!(text.contains("/stat\", O_RDONLY"), is_asked_for, "{config}: {text}");
        if !is_asked_for {
            // What asks for none looks once whether others have.
            assert_eq!(text.matches("/run/fresh").count(), 1, "{text}");
        }
    }
}

#[test]
fn a_login_over_ssh_leaves_nothing_where_nobody_asks_for_freshness() {
    let site = Site::new(builder(), "");
    let mut shell = site.logs_in_with_a_code();
    assert_eq!(sudo(&mut shell), PROMPT);
    shell.types(&site.scene.authenticator("alice").code_in(1));
    shell.expect(RAN);
    assert!(!site.scene.path("run").exists());
}

#[test]
fn a_time_on_sshds_line_makes_its_codes_count_as_well() {
    let scene = builder().enrolled("alice").arguments("fresh=15m").build();
    assert_eq!(scene.login_with_code("alice").code(), PamCode::SUCCESS);
    assert_eq!(stamps(&scene), 1);
}

#[test]
fn with_a_time_on_its_line_alone_sudo_asks_once_after_the_boot_and_then_spares_a_code_after_a_login() {
    let mut scene = builder().build();
    let codes = scene.enrol("alice", &[]).recovery_codes;
    let site = Site::of(scene, "fresh=15m");
    // Sshd's codes left no stamp until then, and sudo's own counts.
    let mut first = site.logs_in_by(&codes[0]);
    assert_eq!(stamps(&site.scene), 0);
    assert_eq!(sudo(&mut first), PROMPT);
    first.types(&codes[1]);
    first.expect(RAN);
    assert_eq!(sudo(&mut first), RAN);
    assert_eq!(stamps(&site.scene), 1);
    let mut later = site.logs_in_by(&codes[2]);
    assert_eq!(stamps(&site.scene), 2);
    assert_eq!(sudo(&mut later), RAN);
    // As a boot does.
    std::fs::remove_dir_all(site.scene.path("run")).unwrap();
    let mut after = site.logs_in_by(&codes[3]);
    assert!(!site.scene.path("run").exists());
    assert_eq!(sudo(&mut after), PROMPT);
}

#[test]
fn sudo_need_only_ask_and_the_codes_of_logins_count() {
    let mut scene = builder().build();
    let codes = scene.enrol("alice", &[]).recovery_codes;
    let site = Site::of(scene, "fresh=15m");
    let mut first = site.logs_in_by(&codes[0]);
    assert_eq!(sudo(&mut first), PROMPT);
    assert_eq!(sudo(&mut site.logs_in_by(&codes[1])), RAN);
}

#[test]
fn where_stamps_cannot_be_kept_sudo_asks_and_says_why_to_whoever_debugs() {
    let site = Site::new(builder(), "fresh=15m debug");
    let run = site.scene.path("run");
    std::fs::create_dir(&run).unwrap();
    std::fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let mut shell = site.logs_in_with_a_code();
    assert_eq!(sudo(&mut shell), PROMPT);
    let lines = site.scene.journal.lines();
    let why = "run: must belong to root and be writable by nobody else";
    assert!(lines.iter().any(|line| line.contains("no stamps: ") && line.contains(why)), "{lines:?}");
    shell.types(&site.scene.authenticator("alice").code_in(1));
    shell.expect(RAN);
    assert!(!run.join("fresh").exists());
}

/// How many lie there.
fn stamps(scene: &Scene) -> usize {
    std::fs::read_dir(scene.path("run/fresh")).map_or(0, Iterator::count)
}

/// A machine with sshd and sudo, and alice.
struct Site {
    scene: Scene,
    sshd: Sshd,
}

impl Site {
    fn new(builder: Builder, sudo_arguments: &str) -> Self {
        Self::of(builder.enrolled("alice").build(), sudo_arguments)
    }

    fn of(mut scene: Scene, sudo_arguments: &str) -> Self {
        let (sshd_stack, sudo_stack) = (scene.module(""), scene.module(sudo_arguments));
        let machine = scene.machine();
        machine.service("sudo", &sudo_stack);
        // sudo remembers by itself otherwise, and does not ask PAM.
        let rule = "Defaults lecture=never, !use_pty, passwd_tries=1, timestamp_timeout=0\nalice ALL=(ALL:ALL) ALL\n";
        machine.write("sudoers.d/alice", 0o440, rule);
        let sshd = scene.sshd(KEY_AND_CODE, &sshd_stack);
        Self { scene, sshd }
    }

    fn logs_in_with_a_code(&self) -> Terminal {
        self.logs_in_by(&self.scene.code("alice"))
    }

    fn logs_in_by(&self, code: &str) -> Terminal {
        let mut shell = self.sshd.ssh("alice", Key::Offered, "/bin/sh");
        shell.expect(PROMPT);
        shell.types(code);
        shell.expect("$ ");
        shell
    }

    fn logs_in(&self) -> Terminal {
        let mut shell = self.sshd.ssh("alice", Key::Offered, "/bin/sh");
        shell.expect("$ ");
        shell
    }
}

/// Calls sudo; gives what came first, the question or its end.
fn sudo(shell: &mut Terminal) -> &'static str {
    // Not as one word, so that what the terminal echoes is not taken for it.
    shell.types("sudo sh -c 'echo ran as $(id -u)' || echo did not run");
    match shell.expect_any(&[PROMPT, "ran as 0"]).0 {
        0 => PROMPT,
        _ => RAN,
    }
}

fn builder() -> Builder {
    Scene::builder().account("alice")
}
