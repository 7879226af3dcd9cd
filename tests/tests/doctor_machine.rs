//! `doctor` about the machine: stored files, the keyring, the clock, sandboxes, the mail program, the installed module.

use acceptance::clock;
use acceptance::counter_token::CounterToken;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::site::Site;
use acceptance::snapshot::renewed_codes;
use std::path::Path;

#[test]
fn two_stores_are_found() {
    let mut site = Site::new();
    let other = site.fixture.write("other.toml", "[paths]\nstate = \"/elsewhere\"\n");
    let module = site.module.split(' ').next().unwrap_or_default().to_owned();
    site.service(
        "app",
        &format!("auth requisite pam_unix.so\nauth required {module} conf={}", other.display()),
    );
    site.doctor(&["--service", "app"]).assert_found("serious", "other_store", "/elsewhere");
}

#[test]
fn each_enrolment_that_accepts_no_code_is_found() {
    for (line, severity, name, what) in [
        ("rm CREDENTIAL", "serious", "credential_missing", "alice"),
        ("rm LEDGER", "serious", "ledger_unreadable", "alice"),
        ("echo oh no > CREDENTIAL", "serious", "credential_unreadable", "alice"),
        ("head -c 4096 /dev/zero > LEDGER", "serious", "ledger_unreadable", "alice"),
        ("chmod 644 CREDENTIAL", "serious", "credential_unreadable", "0600"),
        ("chown 1 LEDGER", "serious", "ledger_unreadable", "root:root"),
        ("sed -i 's/^label = .*/label = \"other\"/' CREDENTIAL", "serious", "seal_broken", "alice"),
        ("sed -i 's/^key = .*/key = \"k9\"/' CREDENTIAL", "serious", "seal_broken", "k9"),
        ("rm KEYRING", "serious", "keyring_missing", "keyring.toml"),
        ("chmod 640 KEYRING", "serious", "keyring_unreadable", "0600"),
        ("echo oh no > KEYRING", "serious", "keyring_unreadable", "line 1"),
        ("chmod 755 STATE/ledgers", "serious", "state_unusable", "0700"),
        (
            "touch STATE/credentials/notes; chmod 600 STATE/credentials/notes",
            "warning",
            "stray_file",
            "notes",
        ),
        ("mkdir STATE/backup", "warning", "stray_file", "backup"),
        ("touch -d yesterday STATE/credentials/.new.alice", "warning", "stale_draft", ".new.alice"),
        ("sed -i '/^alice:/d' /etc/passwd", "warning", "account_gone", "alice"),
        ("sed -i 's/^alice:x:[0-9]*:/alice:x:61999:/' /etc/passwd", "serious", "account_other_uid", "61999"),
        ("mkdir -p RUNTIME; chmod 777 RUNTIME", "warning", "runtime_unusable", "run"),
        ("mkdir -p RUNTIME/fresh; chmod 755 RUNTIME/fresh", "warning", "runtime_unusable", "run/fresh"),
        ("mkdir -p RUNTIME; ln -s /tmp RUNTIME/fresh", "warning", "runtime_unusable", "run/fresh"),
    ] {
        let mut site = Site::new();
        site.service("app", "auth requisite pam_unix.so\nauth required TOTP");
        let fixture = &site.fixture;
        let paths = [
            ("CREDENTIAL", fixture.credential("alice")),
            ("LEDGER", fixture.ledger("alice")),
            ("KEYRING", fixture.keyring()),
            ("STATE", fixture.state()),
            ("RUNTIME", fixture.path("run")),
        ];
        let line = paths
            .iter()
            .fold(line.to_owned(), |line, (word, path)| line.replace(word, &path.display().to_string()));
        site.doctor(&["--service", "app"]).assert_none();
        site.shell(&line);
        site.doctor(&["--service", "app"]).assert_found(severity, name, what);
    }
}

#[test]
fn files_of_the_store_are_not_reported_as_unknown() {
    let told = "[notify]\ncommand = [\"/bin/false\"]";
    let mut site = Site::of(Fixture::builder().config(told));
    site.service("app", "auth requisite pam_unix.so\nauth required TOTP");
    site.fixture.totp_enroll(&["--json", "reset", "request", "alice", "--reason", "lost"]).assert_done();
    let state = site.fixture.state();
    for directory in ["resets", "spool"] {
        assert!(state.join(directory).is_dir(), "no {directory}");
    }
    site.doctor(&["--service", "app"]).assert_none();
    let path = |name: &str| state.join(name).display().to_string();
    for (damage, fix, severity, name, what) in [
        ("chmod 755 resets", "chmod 700 resets", "serious", "state_unusable", "resets"),
        ("chmod 755 spool", "chmod 700 spool", "serious", "state_unusable", "spool"),
        (
            "touch -d yesterday resets/.new.bob",
            "rm resets/.new.bob",
            "warning",
            "stale_draft",
            "resets/.new.bob",
        ),
        ("touch -d yesterday spool/.new.x", "rm spool/.new.x", "warning", "stale_draft", "spool/.new.x"),
        ("touch spool/notes", "rm spool/notes", "warning", "stray_file", "spool/notes"),
        ("touch resets/notes", "rm resets/notes", "warning", "stray_file", "resets/notes"),
        ("chmod 644 spool/*", "chmod 600 spool/*", "warning", "notice_unreadable", "0600"),
        ("echo no > resets/alice.toml", "true", "serious", "reset_unreadable", "alice.toml"),
        (
            "for notice in spool/*; do echo no > $notice; done",
            "true",
            "warning",
            "notice_unreadable",
            "spool",
        ),
    ] {
        let state = path("");
        site.shell(&format!("cd {state}; {damage}"));
        site.doctor(&["--service", "app"]).assert_found(severity, name, what);
        site.shell(&format!("cd {state}; {fix}"));
    }
}

#[test]
fn a_sealed_keyring_is_looked_at_where_it_was_opened() {
    let mut site = Site::new();
    site.service("app", "auth requisite pam_unix.so\nauth required TOTP");
    let opened = site.fixture.path("run").join("keyring.toml");
    // The host key of the machine lies there.
    site.shell("mount -t tmpfs -o mode=755 tmpfs /var/lib/systemd");
    site.fixture.totp_enroll(&["keys", "seal", "--with-key", "host"]).assert_done();
    site.doctor(&["--service", "app"]).assert_none();
    let credential = site.fixture.credential("alice").display().to_string();
    site.shell(&format!(
        "sed -i.bak 's/^label = .*/label = \"other\"/' {credential}; mv {credential}.bak /run"
    ));
    site.doctor(&["--service", "app"]).assert_found("serious", "seal_broken", "alice");
    site.shell(&format!("rm {}", opened.display()));
    let found = site.doctor(&["--service", "app"]);
    found.assert_found("serious", "keyring_not_opened", "keyring.cred");
    assert!(found.named("keyring_missing").is_empty(), "{:?}", found.all());
}

#[test]
fn a_machine_without_a_mail_program_is_found() {
    let mut site = Site::new();
    site.service("app", "auth requisite pam_unix.so\nauth required TOTP");
    site.fixture.configure("[notify]\nto = \"root@localhost\"");
    let there = Path::new("/usr/sbin/sendmail").exists();
    let found = site.doctor(&["--service", "app"]);
    assert_eq!(found.named("no_mail_program").is_empty(), there, "{:?}", found.all());
}

#[test]
fn few_recovery_codes_are_pointed_out() {
    let mut site = Site::of(Fixture::builder().config("[recovery]\ncodes = 2\nwarn_below = 3"));
    site.service("app", "auth requisite pam_unix.so\nauth required TOTP");
    site.fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]).assert_done();
    site.doctor(&["--service", "app"]).assert_found("info", "few_recovery_codes", "alice");
}

#[test]
fn a_user_without_a_recovery_code_is_a_warning_unless_the_config_wants_none() {
    let mut site = Site::of(Fixture::builder().config("[recovery]\ncodes = 1\nwarn_below = 1"));
    site.service("app", "auth requisite pam_unix.so\nauth required TOTP");
    let doctor = |site: &Site| site.doctor(&["--service", "app"]);
    let last = renewed(&site);
    doctor(&site).assert_none();
    assert_eq!(site.fixture.login("alice").types(last).code(), PamCode::SUCCESS);
    doctor(&site).assert_found("warning", "no_recovery_codes", "1 user has no recovery code: alice");
    renewed(&site);
    doctor(&site).assert_none();
    CounterToken::random().enrol(&site.fixture, "bob", None, 5);
    doctor(&site).assert_found("warning", "no_recovery_codes", "1 user has no recovery code: bob");
    site.fixture.configure("[recovery]\nwarn_below = 0");
    doctor(&site).assert_none();
}

fn renewed(site: &Site) -> String {
    let said = site.fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]).stdout;
    renewed_codes(&said).and_then(|codes| codes.into_iter().next()).unwrap_or_default()
}

#[test]
fn a_budget_that_is_nearly_used_up_is_found() {
    // Room for two wrong codes of 0.000003 each.
    let config = "[limit]\nyearly_risk = 0.000018";
    let mut site = Site::of(Fixture::builder().config(config).arguments("after_first_factor"));
    site.service("app", "auth requisite pam_unix.so\nauth required TOTP");
    let now = clock::now();
    let wrong = site.fixture.authenticator("alice").wrong_codes_at(2, now);
    let guess = |at: usize, second: u64| {
        let login = site.fixture.login("alice").types(&wrong[at]).from_host("192.0.2.1").at(second);
        assert_eq!(login.code(), PamCode::AUTH_ERR);
    };
    guess(0, now);
    site.doctor(&["--service", "app"]).assert_none();
    // A clock that is three days fast.
    guess(1, now + 3 * 86400);
    let found = site.doctor(&["--service", "app"]);
    found.assert_found("warning", "budget_low", "83 % of alice's budget");
    found.assert_found("warning", "budget_ahead", "in the future");
}

#[test]
fn a_yearly_risk_that_was_smaller_once_and_stays_in_force_is_found() {
    let mut site = Site::of(Fixture::builder().config("[limit]\nyearly_risk = 0.0005"));
    site.service("app", "auth requisite pam_unix.so\nauth required TOTP");
    assert_eq!(site.fixture.login_with_code("alice").code(), PamCode::SUCCESS);
    site.doctor(&["--service", "app"]).assert_none();
    site.fixture.configure("[limit]\nyearly_risk = 0.001");
    site.doctor(&["--service", "app"]).assert_found("warning", "yearly_risk_kept", "alice");
    site.fixture.totp_enroll(&["unlock", "alice", "--budget", "--yes"]).assert_done();
    site.doctor(&["--service", "app"]).assert_none();
}

#[test]
fn a_clock_that_is_not_synchronised_is_found() {
    let mut site = Site::new();
    site.service("app", "auth requisite pam_unix.so\nauth required TOTP");
    // Processes of its own: those of the machine that the tests run on are not the question.
    site.shell("rm /run/systemd/timesync/synchronized; mount -t tmpfs none /proc");
    site.doctor(&["--service", "app"]).assert_found("warning", "no_time_service", "no time service");
    site.shell("mkdir /proc/7; echo systemd-timesyn > /proc/7/comm");
    site.doctor(&["--service", "app"]).assert_found("warning", "clock_unsynchronised", "systemd-timesyn");
    site.shell("echo ntpd > /proc/7/comm");
    site.doctor(&["--service", "app"]).assert_none();
}

#[test]
fn a_sandbox_in_which_no_code_can_be_recorded_is_found() {
    let mut site = Site::new();
    site.service("polkit-1", "auth requisite pam_unix.so\nauth required TOTP");
    let unit = "systemd/system/polkit-agent-helper@.service";
    site.fixture.machine().write(unit, 0o644, "[Service]\nProtectSystem=strict\nReadWritePaths=/run\n");
    site.doctor(&["--service", "polkit-1"]).assert_found(
        "serious",
        "sandboxed",
        "polkit-agent-helper@.service",
    );
    let state = site.fixture.state();
    let drop_in = format!("[Service]\nReadWritePaths={}\n", state.display());
    site.fixture.machine().write(&format!("{unit}.d/totp.conf"), 0o644, &drop_in);
    site.doctor(&["--service", "polkit-1"]).assert_none();
}

#[test]
fn the_sandbox_of_polkitd_is_not_that_of_the_helper_that_asks() {
    let mut site = Site::new();
    site.service("polkit-1", "auth requisite pam_unix.so\nauth required TOTP");
    // As Debian 13 has it, whose agents start the helper themselves.
    let unit = "[Service]\nUser=polkitd\nNoNewPrivileges=yes\nProtectSystem=strict\n";
    site.fixture.machine().write("systemd/system/polkit.service", 0o644, unit);
    site.doctor(&["--service", "polkit-1"]).assert_none();
}

#[test]
fn a_module_of_another_version_is_found() {
    let mut site = Site::new();
    let module = site.module.split(' ').next().unwrap_or_default().to_owned();
    site.shell(&format!(
        "cp {module} /run/pam_totp.so; sed -i 's/begun (pam_totp [0-9]/begun (pam_totp 9/' /run/pam_totp.so"
    ));
    let line = site.module.replace(&module, "/run/pam_totp.so");
    site.service("app", &format!("auth requisite pam_unix.so\nauth required {line}"));
    site.doctor(&["--service", "app"]).assert_found("warning", "other_version", "is version 9.");
}

#[test]
fn a_program_that_still_uses_a_replaced_module_is_found() {
    let mut site = Site::new();
    let module = site.module.split(' ').next().unwrap_or_default().to_owned();
    site.shell(&format!("cp {module} /run/pam_totp.so"));
    let line = site.module.replace(&module, "/run/pam_totp.so");
    site.service("app", &format!("auth requisite pam_unix.so\nauth required {line}"));
    site.service("held", &format!("auth required {line}"));
    let mut login = site.fixture.login_at("held", "alice").types("no code");
    login.confdir = "/etc/pam.d".into();
    let waiting = login.hold();
    site.shell(&format!("cp {module} /run/new; mv /run/new /run/pam_totp.so"));
    let found = site.doctor(&["--service", "app"]);
    let pid = format!("({})", waiting.pid());
    drop(waiting.outcome());
    found.assert_found("warning", "stale_module", &pid);
}
