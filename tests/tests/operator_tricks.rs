//! What an attacker tries next: an option behind a narrow sudo rule, a home that never answers, a key for one command only, and
//! stacks whose first question tells accounts apart.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use acceptance::clock::THEN;
use acceptance::daemon::Daemon;
use acceptance::enroll_command::ASKS_FOR_A_CODE;
use acceptance::fixture::{Builder, Fixture, SERVICE};
use acceptance::login::{PROMPT, TWO_CODES};
use acceptance::operator::with_login_uid;
use acceptance::reset_steps::wait_for_the_cool_down;
use acceptance::site::Site;
use acceptance::sshd::{KEY_AND_CODE, Key, NO_TERMINAL};
use acceptance::stacks::block;
use acceptance::strace::{Injection, Trace};
use acceptance::terminal::Terminal;
use acceptance::wait;
use nix::sys::signal::{Signal, kill};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[test]
fn behind_a_narrow_sudo_rule_another_config_is_refused() {
    let said = requested_with_another_config("bob ALL = (root) PROGRAM reset request *\n");
    assert!(said.contains("--config") && !said.contains("\"done\""), "{said}");
}

#[test]
fn behind_a_rule_for_this_command_another_config_is_refused() {
    let said = requested_with_another_config("bob ALL = (root) PROGRAM\n");
    assert!(said.contains("--config") && !said.contains("\"done\""), "{said}");
}

#[test]
fn behind_a_rule_for_everything_another_config_is_read() {
    let said = requested_with_another_config("bob ALL = (ALL:ALL) ALL\n");
    assert!(said.contains("reset_requested"), "{said}");
}

#[test]
fn the_documented_rule_lifts_locks_and_allows_no_option() {
    let mut fixture = Fixture::builder().account("bob").build();
    let program = fixture.machine().install(&acceptance::built::command());
    let program = program.to_str().unwrap();
    let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for document in ["docs/locked-out.md", "packaging/man/totp-enroll.1.in"] {
        let text = fs::read_to_string(documents.join(document)).unwrap();
        let rule = text.lines().find(|line| line.starts_with('%') && line.contains("^unlock")).unwrap();
        let rule = rule.replace("%firstlevel", "bob").replace("/usr/bin/totp-enroll", program);
        fixture.machine().write("sudoers.d/bob", 0o440, &format!("{rule}\n"));
        let namespace = fixture.machine().namespace();
        let allows = |arguments: &str| {
            let mut sudo = namespace.command("/usr/bin/sudo");
            sudo.args(["-n", "-l", "-U", "bob", program]).args(arguments.split(' '));
            sudo.output().unwrap().status.success()
        };
        assert!(allows("unlock alice") && allows("unlock svc_web-1.example"), "{document}: {rule}");
        for refused in [
            "unlock --budget alice",
            "unlock alice --budget",
            "unlock alice --budge",
            "unlock alice --repair",
            "unlock --budget --yes alice",
            "unlock alice bob",
            "unlock --json alice",
            "--config /tmp/c.toml unlock alice",
            "unlock -h",
            "test alice",
        ] {
            assert!(!allows(refused), "{document}: {refused}");
        }
    }
}

#[test]
fn an_option_cannot_be_shortened() {
    let fixture = Fixture::with(&["alice"]);
    for option in ["--budge", "--repai", "--y"] {
        assert_eq!(fixture.totp_enroll(&["unlock", "alice", option]).status, 2, "{option}");
    }
}

#[test]
fn a_frozen_command_does_not_keep_a_reset_from_being_cancelled() {
    // Without a machine of its own: strace follows nobody into one.
    let fixture = Fixture::builder().enrolled("daemon").build();
    fixture.totp_enroll(&["reset", "request", "daemon", "--reason", "lost"]).assert_done();
    let trace = Trace::new();
    // One that is refused, so that an operator can freeze it at any time: the account has a request already.
    let request = fixture.command(&["--json", "reset", "request", "daemon", "--reason", "lost"]);
    let mut freezing = trace.stopping_after(&request, "flock", &fixture.ledger("daemon"));
    let mut running =
        freezing.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let frozen = trace.stopped();
    let cancelled = fixture.totp_enroll(&["--json", "reset", "cancel", "daemon", "--yes"]);
    drop(frozen);
    drop(running.wait());
    assert_eq!(cancelled.status, 0, "{cancelled:?}");
}

/// As with `systemd-run --user --scope` and sudo: the cgroup is the caller's.
#[test]
fn a_caller_who_freezes_their_cgroup_does_not_stop_the_command() {
    let fixture = Fixture::builder().build();
    let cgroup = Cgroup::new();
    let command = fixture.command(&["enroll", "daemon"]);
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "echo $$ >\"$1/cgroup.procs\"; shift; exec \"$@\"", "sh"]).arg(&cgroup.0);
    shell.arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.envs([("SUDO_COMMAND", "totp-enroll"), ("SUDO_USER", "root"), ("SUDO_UID", "0")]);
    let mut terminal = Terminal::open(&shell);
    terminal.expect(ASKS_FOR_A_CODE);
    fs::write(cgroup.0.join("cgroup.freeze"), "1").unwrap();
    terminal.types("000");
    terminal.expect("left)");
}

#[test]
fn a_completion_that_stood_still_through_the_cool_down_is_refused() {
    // While it holds the account, the owner neither logs in nor cancels: that would be a reset without a cool-down.
    let fixture =
        Fixture::builder().config("[reset]\napprovals = 0\ncooldown = \"3s\"").enrolled("daemon").build();
    fixture.totp_enroll(&["reset", "request", "daemon", "--reason", "lost"]).assert_done();
    let trace = Trace::new();
    let complete = fixture.command(&["--json", "reset", "complete", "daemon", "--yes"]);
    let held_at_last = Injection { call: "flock", action: "signal=STOP".to_owned() };
    let mut freezing = trace.injecting(&complete, &[held_at_last]);
    let mut running =
        freezing.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let frozen = trace.wait_for("stopped by SIGSTOP");
    wait_for_the_cool_down(&fixture);
    let ended = wait::until_some(|| {
        let _ = kill(frozen, Signal::SIGCONT);
        running.try_wait().unwrap()
    });
    assert!(ended.is_some_and(|status| !status.success()), "completed: {ended:?}");
}

#[test]
fn a_home_that_never_answers_does_not_stop_an_import() {
    let mut site = Site::of(Fixture::builder());
    let uid = site.fixture.machine().uid("bob");
    let _hangs = site_home_hangs(&mut site, uid);
    let mut import =
        site.fixture.command(&["--json", "import", "google-authenticator", "--all-homes", "--dry-run"]);
    let mut running =
        import.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let ended = wait::until_some(|| running.try_wait().unwrap());
    if ended.is_none() {
        drop(running.kill());
    }
    assert!(ended.is_some(), "the import waits for bob's home for ever");
}

/// The process that reads a home is the command itself; sudo always leaves it an environment.
#[test]
fn the_reader_of_homes_is_no_command_of_its_own() {
    let fixture = Fixture::builder().build();
    let read = fixture.totp_enroll(&["read-in-home", ".google_authenticator", "0", "0", "/root"]);
    assert_eq!((read.status, read.stdout.as_str()), (2, ""), "{read:?}");
}

/// The module is not told what a key may do. What keeps it from enrolling is that its account is exempt.
#[test]
fn a_key_for_one_command_of_an_exempt_account_enrols_nothing() {
    let config = "[require]\nenroll_at_login = true\nexempt_groups = [\"programs\"]";
    let mut fixture = Fixture::builder().config(config).account("alice").build();
    fixture.machine().add_group("programs", &["alice"]);
    let stack = format!("{}\nauth required pam_permit.so", fixture.module(""));
    let sshd = fixture.sshd(KEY_AND_CODE, &stack);
    let restricts = "sed -i 's/^/restrict,command=\"echo backed up\" /' /etc/ssh/acceptance_keys";
    let done = fixture.machine().namespace().command("/bin/sh").args(["-c", restricts]).status().unwrap();
    assert!(done.success());
    let ended = sshd.ssh_with("alice", Key::Offered, "", NO_TERMINAL).end();
    assert!(ended.screen.contains("backed up") && !ended.screen.contains("issuer"), "{}", ended.screen);
}

#[test]
fn doctor_finds_a_key_for_one_command_where_logins_enrol() {
    let mut site = Site::of(Fixture::builder().config("[require]\nenroll_at_login = true"));
    site.follows(&block("sshd-key"));
    site.follows(&block("sshd-key-config"));
    site.shell(
        "mkdir -m 700 /run/home/bob/.ssh
         key=$(cat /etc/ssh/ssh_host_ed25519_key.pub)
         echo \"restrict,command=\\\"echo backed up\\\" $key\" >/run/home/bob/.ssh/authorized_keys
         chown -R bob:bob /run/home/bob/.ssh; chmod 600 /run/home/bob/.ssh/authorized_keys",
    );
    let found = site.doctor(&[]).all();
    let says = |finding: &serde_json::Value| finding["what"].to_string().contains("command=");
    assert!(found.iter().any(says), "{found:#?}");
}

#[test]
fn before_a_first_factor_nullok_asks_who_is_not_enrolled_the_same() {
    let fixture = people(Fixture::builder().arguments("nullok"));
    assert_questions_are_the_same(&fixture);
}

#[test]
fn before_a_first_factor_an_exempt_group_is_asked_the_same() {
    let mut fixture = people(Fixture::builder().config("[require]\nexempt_groups = [\"robots\"]"));
    fixture.machine().add_group("robots", &["carol"]);
    assert_questions_are_the_same(&fixture);
}

#[test]
fn before_a_first_factor_who_is_not_required_is_asked_the_same() {
    let mut fixture = people(Fixture::builder().config("[require]\ngroups = [\"crew\"]"));
    fixture.machine().add_group("crew", &["alice"]);
    assert_questions_are_the_same(&fixture);
}

#[test]
fn before_a_first_factor_a_last_day_to_enrol_asks_the_same() {
    let fixture = people(Fixture::builder().config("[require]\nenroll_by = 9999-12-31"));
    assert_questions_are_the_same(&fixture);
}

#[test]
fn doctor_finds_a_code_first_stack_that_tells_accounts_apart() {
    let mut site = Site::of(Fixture::builder());
    site.service("code-first", "auth required TOTP nullok\nauth required pam_unix.so");
    let found = site.doctor(&["--service", "code-first"]).all();
    let says = |finding: &serde_json::Value| finding["why"].to_string().contains("who is enrolled");
    assert!(found.iter().any(says), "{found:#?}");
}

#[test]
fn no_documented_sudo_rule_has_a_wildcard() {
    let documents = ["docs/locked-out.md", "docs/enrolling.md", "docs/stacks.md", "docs/switching-on.md"];
    let mut rules = 0;
    for document in documents.map(acceptance::documents::read) {
        for block in document.blocks().iter().filter(|block| block.kind.starts_with("sudoers")) {
            for command in block.text.split("/usr/bin/totp-enroll").skip(1) {
                rules += 1;
                let words = command.trim().trim_end_matches([',', ' ']);
                let is_fixed = words.starts_with('^') && words.trim_end_matches(", ").ends_with('$')
                    || !words.is_empty() && !words.contains(['*', '?', '[', '\\']);
                assert!(is_fixed, "{words}");
            }
        }
    }
    assert!(rules > 2, "{rules} rules");
}

#[test]
fn doctor_finds_a_sudo_rule_for_the_command_with_a_wildcard() {
    let mut site = Site::of(Fixture::builder());
    let rule = "%helpdesk ALL = /usr/bin/totp-enroll reset *\n";
    site.fixture.machine().write("sudoers.d/helpdesk", 0o440, rule);
    let found = site.doctor(&[]).all();
    let says = |finding: &serde_json::Value| finding["what"].to_string().contains("sudoers.d/helpdesk");
    assert!(found.iter().any(says), "{found:#?}");
}

/// A cgroup of the unified hierarchy, thawed and removed with the test.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new() -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let root = mounts.lines().find(|mount| mount.starts_with("cgroup2 ")).unwrap();
        let root = root.split(' ').nth(1).unwrap();
        let cgroup = PathBuf::from(root).join(format!("pam_totp-test-{}", std::process::id()));
        fs::create_dir(&cgroup).unwrap();
        Self(cgroup)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        drop(fs::write(self.0.join("cgroup.freeze"), "0"));
        drop(fs::write(self.0.join("cgroup.kill"), "1"));
        let _ = wait::until_some(|| fs::remove_dir(&self.0).ok());
    }
}

/// Bob requests a reset of alice under a config of his, through the real sudo by this rule.
fn requested_with_another_config(rule: &str) -> String {
    let mut fixture = Fixture::builder().account("alice").account("bob").enrolled("alice").build();
    let config = fs::read_to_string(fixture.conf()).unwrap();
    let machine = fixture.machine();
    machine.service("sudo", "auth required pam_permit.so");
    machine.write("pam_totp/config.toml", 0o600, &config);
    machine.write("pam_totp/another.toml", 0o600, &format!("{config}[reset]\napprovals = 0\n"));
    let program = machine.install(&acceptance::built::command());
    let program = program.to_str().unwrap();
    let rule = format!("Defaults lecture=never, !use_pty\n{}", rule.replace("PROGRAM", program));
    machine.write("sudoers.d/bob", 0o440, &rule);
    let bob = machine.uid("bob").to_string();
    let mut sudo = machine.namespace().command("/usr/bin/setpriv");
    sudo.args([
        "--reuid",
        &bob,
        "--regid",
        &bob,
        "--clear-groups",
        "/usr/bin/sudo",
        program,
        "reset",
        "request",
    ]);
    sudo.args(["--json", "--config", "/etc/pam_totp/another.toml", "alice", "--reason", "lost"]);
    let ended = with_login_uid(&sudo, bob.parse().ok()).stdin(Stdio::null()).output().unwrap();
    [ended.stdout, ended.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}

/// Mounts on the home of bob a file system of his own (FUSE) that answers no request. Everybody may look into it, as with
/// `user_allow_other` in fuse.conf(5).
fn site_home_hangs(site: &mut Site, uid: u32) -> Daemon {
    let mount = format!(
        "mount -i -t fuse -o fd=3,rootmode=40000,user_id={uid},group_id={uid},allow_other hangs /run/home/bob; \
         touch /run/hangs; sleep 1000"
    );
    let inside = site.fixture.machine().namespace().command("/bin/sh");
    let mut daemon = Command::new("/bin/sh");
    daemon.args(["-c", "exec 3<>/dev/fuse; exec \"$@\"", "sh"]);
    daemon.arg(inside.get_program()).args(inside.get_args()).args(["-c", &mount]);
    let daemon = Daemon::start(&daemon);
    wait::until("bob's home is mounted", || site.file("/run/hangs").is_some());
    let mounts = site.file("/proc/self/mounts").unwrap();
    assert!(mounts.contains("/run/home/bob fuse"), "no FUSE here: {mounts}");
    daemon
}

/// Alice is enrolled, carol is not.
fn people(builder: Builder) -> Fixture {
    builder.account("alice").account("carol").enrolled("alice").build()
}

/// In an sshd that asks PAM first: for one who is enrolled, one who is not, and an account that there is not.
fn assert_questions_are_the_same(fixture: &Fixture) {
    for (typed, expected) in [(&["123456"][..], &[PROMPT][..]), (&["sync", "1", ""], &TWO_CODES)] {
        for user in ["alice", "carol", "no-such-account"] {
            let login = fixture.login_at(SERVICE, user).through_sshd().at(THEN);
            let outcome = typed.iter().fold(login, |login, typed| login.types(typed)).run();
            let asked: Vec<&str> = outcome.prompts.iter().map(|prompt| prompt.text.as_str()).collect();
            assert_eq!(asked, expected, "{user}");
        }
    }
}
