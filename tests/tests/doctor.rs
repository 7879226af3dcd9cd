//! `doctor`: no finding for sound configurations; each broken one is found by name.

use acceptance::fixture::Fixture;
use acceptance::site::{KEY_AND_CODE, PASSWORD_AND_CODE, Site};
use std::fs;
use std::path::Path;

const PASSWORD_THEN_CODE: &str = "@include common-auth\nauth required TOTP";

#[test]
fn the_stacks_of_the_readme_are_sound() {
    let mut site = Site::new();
    site.service("sshd", "auth required TOTP");
    site.sshd(KEY_AND_CODE);
    site.service("sudo", PASSWORD_THEN_CODE);
    site.service("sudo-i", PASSWORD_THEN_CODE);
    site.service("su", "auth sufficient pam_rootok.so\n@include common-auth\nauth required TOTP");
    site.service("su-l", "auth include su");
    site.doctor(&[]).assert_none();
    let said = site.fixture.totp_enroll(&["doctor"]);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str(), said.status), ("nothing to fix\n", "", 0));
    site.service("sshd", PASSWORD_THEN_CODE);
    site.sshd(PASSWORD_AND_CODE);
    site.doctor(&[]).assert_none();
    site.doctor(&["--service", "sshd", "--service", "sudo"]).assert_none();
}

#[test]
fn the_shipped_profile_is_sound_in_every_including_service() {
    let mut site = Site::new();
    site.service("sudo", "@include common-auth");
    site.service("sshd", "@include common-auth");
    site.sshd(PASSWORD_AND_CODE);
    site.pam_auth_update("totp");
    site.doctor(&[]).assert_none();
    site.doctor(&["--service", "login", "--service", "sudo-i", "--service", "su"]).assert_none();
}

#[test]
fn the_lenient_profile_is_sound_and_said_to_be_lenient() {
    let mut site = Site::new();
    site.service("sudo", "@include common-auth");
    site.pam_auth_update("totp-nullok");
    let found = site.doctor(&["--service", "sudo"]);
    found.assert_found("info", "code_ignored", "takes no part");
    assert_eq!(found.all().len(), 1, "{:?}", found.all());
}

#[test]
fn a_machine_where_nothing_is_switched_on_gets_a_warning() {
    let site = Site::new();
    site.doctor(&[]).assert_found("warning", "not_switched_on", "no file");
    site.doctor(&["--service", "sudo"]).assert_found("serious", "not_in_stack", "sudo");
}

#[test]
fn each_stack_that_skips_the_code_is_found_with_its_line() {
    let mut site = Site::new();
    for (auth, name, what) in [
        (
            "auth sufficient pam_unix.so\nauth required TOTP",
            "code_skipped",
            "line 1 of /etc/pam.d/app: pam_unix.so `sufficient` ends",
        ),
        ("auth [success=done default=die] pam_unix.so\nauth required TOTP", "code_skipped", "line 1 of"),
        (
            "auth [success=2 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required TOTP\nauth required pam_permit.so",
            "code_skipped",
            "jumps over 2",
        ),
        (
            "auth sufficient pam_rootok.so\nauth required pam_unix.so\nauth required TOTP",
            "code_skipped",
            "pam_rootok.so",
        ),
        (
            "auth sufficient pam_google_authenticator.so\nauth required TOTP",
            "code_skipped",
            "pam_google_authenticator.so",
        ),
        ("auth required pam_unix.so\nauth optional TOTP", "code_not_counted", "line 2 of"),
        ("auth required pam_unix.so\nauth sufficient TOTP", "code_not_counted", "`sufficient`"),
        ("auth required pam_unix.so\nauth [success=ok default=ignore] TOTP", "code_not_counted", "line 2 of"),
        (
            "auth required TOTP\nauth [default=reset] pam_unix.so\nauth sufficient pam_permit.so",
            "code_not_counted",
            "line 1 of",
        ),
        ("auth required TOTP nullok\nauth required pam_permit.so", "nothing_asked", "some people"),
    ] {
        site.service("app", auth);
        site.doctor(&["--service", "app"]).assert_found("serious", name, what);
    }
}

#[test]
fn letting_in_without_enrolment_needs_a_line_that_accepts() {
    let mut site = Site::new();
    site.service("sshd", "auth required TOTP nullok");
    site.sshd(KEY_AND_CODE);
    site.doctor(&["--service", "sshd"]).assert_found("warning", "ignored_is_refused", "takes no part");
    site.service("sshd", "auth required TOTP nullok\nauth required pam_permit.so");
    assert!(site.doctor(&["--service", "sshd"]).named("ignored_is_refused").is_empty());
}

#[test]
fn a_rule_that_lets_some_skip_the_code_is_a_warning() {
    let mut site = Site::new();
    site.service("app", "auth required pam_unix.so\nauth [success=1 default=ignore] pam_succeed_if.so quiet user ingroup robots\nauth required TOTP");
    site.doctor(&["--service", "app"]).assert_found("warning", "code_skipped", "pam_succeed_if.so");
}

#[test]
fn what_a_file_includes_is_gone_through_and_named() {
    let mut site = Site::new();
    site.fixture.machine().write("pam.d/inner", 0o644, "auth sufficient pam_unix.so\n");
    site.service("app", "auth substack inner\nauth required TOTP");
    assert!(site.doctor(&["--service", "app"]).named("code_skipped").is_empty());
    for how in ["auth include inner", "@include inner"] {
        site.service("app", &format!("{how}\nauth required TOTP"));
        site.doctor(&["--service", "app"]).assert_found(
            "serious",
            "code_skipped",
            "line 1 of /etc/pam.d/inner",
        );
    }
}

#[test]
fn each_line_that_refuses_all_users_is_found() {
    let mut site = Site::new();
    for (auth, name, what) in [
        ("auth required pam_unix.so\nauth required TOTP nullOK", "bad_argument", "nullOK"),
        (
            "auth required pam_unix.so\nauth required /nowhere/pam_totp.so",
            "module_missing",
            "/nowhere/pam_totp.so",
        ),
        ("auth required pam_unix.so\natuh required TOTP", "line_unreadable", "line 2"),
        ("auth required pam_unix.so\nauth required TOTP\nauth include nowhere", "line_unreadable", "line 3"),
        ("@include nowhere\nauth required TOTP", "stack_unreadable", "@include"),
        ("auth required TOTP use_first_pass", "nothing_to_use", "line 1"),
        ("auth required pam_unix.so\nauth required TOTP\naccount required TOTP", "misplaced_line", "line 3"),
    ] {
        site.service("app", auth);
        site.doctor(&["--service", "app"]).assert_found("serious", name, what);
    }
    let module = site.module.split(' ').next().unwrap_or_default().to_owned();
    site.service("app", &format!("auth required pam_unix.so\nauth required {module} conf=/nowhere.toml"));
    site.doctor(&["--service", "app"]).assert_found("serious", "config_unreadable", "/nowhere.toml");
}

#[test]
fn each_unlikely_arrangement_is_found() {
    let mut site = Site::new();
    for (auth, severity, name, what) in [
        (
            "auth required pam_unix.so\nauth required TOTP\nauth required TOTP",
            "warning",
            "asked_twice",
            "line 3",
        ),
        (
            "auth required pam_unix.so\nauth required pam_oath.so\nauth required TOTP",
            "warning",
            "old_module",
            "pam_oath.so",
        ),
        ("auth required TOTP", "warning", "one_factor", "a code alone"),
        (
            "auth required TOTP forward_pass\nauth required pam_unix.so",
            "warning",
            "nobody_takes_the_password",
            "line 1",
        ),
        (
            "auth required pam_unix.so\nauth required TOTP after_first_factor",
            "serious",
            "after_no_first_factor",
            "line 2",
        ),
        (
            "auth required TOTP after_first_factor\nauth required pam_unix.so",
            "serious",
            "after_no_first_factor",
            "line 1",
        ),
    ] {
        site.service("app", auth);
        site.doctor(&["--service", "app"]).assert_found(severity, name, what);
    }
    site.service("sudo", PASSWORD_THEN_CODE);
    site.doctor(&["--service", "sudo"]).assert_found("serious", "twin_left_out", "sudo-i");
}

#[test]
fn a_config_that_exempts_too_many_is_found() {
    let mut site = Site::new();
    site.service("app", "auth required pam_unix.so\nauth required TOTP");
    for (toml, severity, name, what) in [
        ("[require]\nexempt_networks = [\"0.0.0.0/0\"]", "serious", "exempt_everybody", "0.0.0.0/0"),
        ("[service.app.require]\nexempt_networks = [\"::/0\"]", "serious", "exempt_everybody", "::/0"),
        ("[require]\ngroups = [\"nobody-of-that-name\"]", "warning", "no_such_group", "nobody-of-that-name"),
        ("[service.sshdd.totp]\ndrift_steps = 0", "warning", "no_such_service", "sshdd"),
        ("[requires]\n", "serious", "config_unreadable", "requires"),
    ] {
        site.fixture.configure(toml);
        site.doctor(&["--service", "app"]).assert_found(severity, name, what);
    }
    site.fixture.configure("[require]\nexempt_networks = [\"192.0.2.0/24\"]");
    site.doctor(&["--service", "app"]).assert_none();
    site.service("app", "auth required TOTP");
    site.doctor(&["--service", "app"]).assert_found("serious", "exempt_from_everything", "nothing at all");
}

#[test]
fn two_stores_are_found() {
    let mut site = Site::new();
    let other = site.fixture.write("other.toml", "[paths]\nstate = \"/elsewhere\"\n");
    let module = site.module.split(' ').next().unwrap_or_default().to_owned();
    site.service(
        "app",
        &format!("auth required pam_unix.so\nauth required {module} conf={}", other.display()),
    );
    site.doctor(&["--service", "app"]).assert_found("serious", "other_store", "/elsewhere");
}

#[test]
fn each_way_around_pam_in_sshd_is_found_with_its_users() {
    let mut site = Site::new();
    site.service("sshd", "auth required TOTP");
    let key_for = |whom: &str| format!("{KEY_AND_CODE}Match {whom}\nAuthenticationMethods publickey\n");
    let without = |line: &str, instead: &str| KEY_AND_CODE.replace(line, instead);
    for (lines, severity, name, what) in [
        (
            "KbdInteractiveAuthentication yes\nPasswordAuthentication no\n".to_owned(),
            "serious",
            "sshd_skips_pam",
            "publickey alone lets in, without a code: everybody",
        ),
        (key_for("User alice"), "serious", "sshd_skips_pam", ": alice"),
        (key_for("User bob"), "warning", "sshd_skips_pam", ": bob"),
        (key_for("Address 192.0.2.0/24"), "warning", "sshd_skips_pam", "everybody from 192.0.2.0"),
        (without("UsePAM yes", "UsePAM no"), "serious", "sshd_without_pam", "UsePAM is no"),
        (
            "KbdInteractiveAuthentication no\n".to_owned(),
            "serious",
            "sshd_cannot_ask",
            "KbdInteractiveAuthentication is no",
        ),
        (PASSWORD_AND_CODE.to_owned(), "serious", "sshd_one_factor", "everybody"),
        (
            "KbdInteractiveAuthentication yes\n".to_owned(),
            "warning",
            "sshd_password_method",
            "PasswordAuthentication",
        ),
        ("Wat yes\n".to_owned(), "serious", "sshd_refuses_config", "Wat"),
    ] {
        site.sshd(&lines);
        let found = site.doctor(&["--service", "sshd"]);
        found.assert_found(severity, name, what);
    }
    site.service("sshd", "auth required TOTP nullok\nauth required pam_permit.so");
    site.sshd(PASSWORD_AND_CODE);
    site.doctor(&["--service", "sshd"]).assert_found("serious", "sshd_asks_nothing", "everybody");
}

#[test]
fn every_match_block_is_asked_about_by_all_that_it_says() {
    let mut site = Site::new();
    site.service("sshd", "auth required TOTP");
    site.fixture.machine().write(
        "ssh/more/included",
        0o644,
        "Match LocalPort 2222\nAuthenticationMethods publickey\n",
    );
    for (whom, severity, what) in [
        ("User alice Address 10.0.0.0/8", "serious", ": alice from 10.0.0.0"),
        ("Address 192.168.*", "warning", "everybody from 192.168."),
        ("Address 10.0.0.0/8,!10.0.0.0/24", "warning", "everybody from 10.255.255.255"),
        ("LocalPort 2222", "warning", "everybody to port 2222"),
        ("LocalAddress 192.0.2.1", "warning", "everybody to 192.0.2.1"),
        ("Host *.example.org", "warning", "everybody from x.example.org"),
        ("User al*", "serious", "alice"),
        ("User b*", "warning", "bob"),
        ("Group bob", "warning", ": bob"),
    ] {
        site.sshd(&format!("{KEY_AND_CODE}Match {whom}\nAuthenticationMethods publickey\n"));
        site.doctor(&["--service", "sshd"]).assert_found(severity, "sshd_skips_pam", what);
    }
    site.sshd(&format!("{KEY_AND_CODE}Include /etc/ssh/mor?/incl*\n"));
    site.doctor(&["--service", "sshd"]).assert_found("warning", "sshd_skips_pam", "everybody to port 2222");
    site.sshd(&format!("{KEY_AND_CODE}Match RDomain x\nAuthenticationMethods publickey\n"));
    site.doctor(&["--service", "sshd"]).assert_found(
        "warning",
        "match_not_asked",
        "line 5 of /etc/ssh/sshd_config.d/50-totp.conf",
    );
    site.sshd(&format!("{KEY_AND_CODE}Match User alice Address 10.0.0.0/8\nX11Forwarding no\n"));
    site.doctor(&["--service", "sshd"]).assert_none();
}

#[test]
fn a_comment_in_another_encoding_hides_no_match_block() {
    let mut site = Site::new();
    site.service("sshd", "auth required TOTP");
    site.sshd(&format!("{KEY_AND_CODE}Match User bob\nAuthenticationMethods publickey\n"));
    site.shell("printf '# f\\374r bob\\n' >>/etc/ssh/sshd_config.d/50-totp.conf");
    site.doctor(&["--service", "sshd"]).assert_found("warning", "sshd_skips_pam", ": bob");
}

#[test]
fn a_login_that_enrols_needs_time() {
    let mut site = Site::new();
    site.fixture.configure("[require]\nenroll_at_login = true");
    site.service("sshd", "auth required TOTP");
    site.sshd(KEY_AND_CODE);
    site.doctor(&["--service", "sshd"]).assert_found("warning", "sshd_grace_too_short", "120 seconds");
    site.sshd(&format!("{KEY_AND_CODE}LoginGraceTime 600\n"));
    site.doctor(&["--service", "sshd"]).assert_none();
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
        ("touch -d yesterday STATE/credentials/.new.alice", "warning", "left_draft", ".new.alice"),
        ("sed -i '/^alice:/d' /etc/passwd", "warning", "account_gone", "alice"),
        ("sed -i 's/^alice:x:[0-9]*:/alice:x:61999:/' /etc/passwd", "serious", "account_other_uid", "61999"),
        ("mkdir -p RUNTIME; chmod 777 RUNTIME", "warning", "runtime_unusable", "run"),
        ("mkdir -p RUNTIME/fresh; chmod 755 RUNTIME/fresh", "warning", "runtime_unusable", "run/fresh"),
        ("mkdir -p RUNTIME; ln -s /tmp RUNTIME/fresh", "warning", "runtime_unusable", "run/fresh"),
    ] {
        let mut site = Site::new();
        site.service("app", "auth required pam_unix.so\nauth required TOTP");
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
fn fresh_on_one_line_alone_is_pointed_out() {
    let mut site = Site::new();
    for (service, line) in [("app", "TOTP fresh=15m"), ("sshd", "TOTP fresh=15m"), ("app", "TOTP fresh=0s")] {
        site.service(service, &format!("auth required pam_unix.so\nauth required {line}"));
        site.sshd(PASSWORD_AND_CODE);
        let found = site.doctor(&["--service", service]);
        if (service, line) == ("app", "TOTP fresh=15m") {
            found.assert_found("info", "fresh_on_the_line_alone", "line 2 of /etc/pam.d/app");
            let fix = found.named("fresh_on_the_line_alone")[0]["fix"].to_string();
            assert!(fix.contains("[service.app.fresh]: for = \\\"15m\\\""), "{fix}");
        } else {
            assert!(found.named("fresh_on_the_line_alone").is_empty(), "{service}: {line}");
        }
    }
    let mut site = Site::of(Fixture::builder().config("[service.app.fresh]\nfor = \"15m\""));
    site.service("app", "auth required pam_unix.so\nauth required TOTP fresh=15m");
    site.doctor(&["--service", "app"]).assert_none();
}

#[test]
fn fresh_on_a_service_that_asks_for_a_code_only_is_found() {
    let mut site = Site::new();
    site.service("app", "auth required TOTP");
    site.doctor(&["--service", "app"]).assert_found("warning", "one_factor", "a code alone");
    site.service("app", "auth required TOTP fresh=15m");
    site.doctor(&["--service", "app"]).assert_found("serious", "exempt_from_everything", "asked for nothing");
}

#[test]
fn files_of_the_store_are_not_reported_as_unknown() {
    let told = "[notify]\ncommand = [\"/bin/false\"]";
    let mut site = Site::of(Fixture::builder().config(told));
    site.service("app", "auth required pam_unix.so\nauth required TOTP");
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
            "left_draft",
            "resets/.new.bob",
        ),
        ("touch -d yesterday spool/.new.x", "rm spool/.new.x", "warning", "left_draft", "spool/.new.x"),
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
    site.service("app", "auth required pam_unix.so\nauth required TOTP");
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
fn a_service_that_lost_its_line_is_found() {
    let mut site = Site::new();
    site.service("sudo", PASSWORD_THEN_CODE);
    site.service("sudo-i", PASSWORD_THEN_CODE);
    site.service("sshd", "auth required pam_unix.so");
    site.doctor(&[]).assert_none();
    site.sshd(KEY_AND_CODE);
    site.doctor(&[]).assert_found("warning", "not_in_stack", "sshd demands publickey,keyboard-interactive");
    site.service("sshd", "auth required TOTP");
    site.doctor(&[]).assert_none();
    site.service("app", "auth required pam_unix.so");
    site.fixture.configure("[service.app.totp]\ndrift_steps = 0");
    site.doctor(&[]).assert_found("warning", "not_in_stack", "[service.app]");
}

#[test]
fn an_included_file_is_judged_within_its_services() {
    let mut site = Site::new();
    site.service("second-factor", "auth required TOTP");
    site.service("app.rpmsave", "auth sufficient pam_unix.so\nauth required TOTP");
    site.service("app", "auth required pam_unix.so\nauth include second-factor");
    site.doctor(&[]).assert_none();
    site.doctor(&["--service", "second-factor"]).assert_found("warning", "one_factor", "alone");
    site.service("su", "auth required TOTP");
    site.service("su-l", "auth include su");
    let found = site.doctor(&[]);
    found.assert_found("warning", "one_factor", "alone");
    let services = &found.named("one_factor")[0]["services"];
    assert_eq!(services.to_string(), "[\"su\",\"su-l\"]");
}

#[test]
fn a_machine_without_a_mail_program_is_found() {
    let mut site = Site::new();
    site.service("app", "auth required pam_unix.so\nauth required TOTP");
    site.fixture.configure("[notify]\nto = \"root@localhost\"");
    let there = Path::new("/usr/sbin/sendmail").exists();
    let found = site.doctor(&["--service", "app"]);
    assert_eq!(found.named("no_mail_program").is_empty(), there, "{:?}", found.all());
}

#[test]
fn a_stack_that_lets_in_nobody_is_found() {
    let mut site = Site::new();
    let common = "auth requisite pam_deny.so\nauth required pam_permit.so\n";
    site.fixture.machine().write("pam.d/common-auth", 0o644, common);
    site.service("app", PASSWORD_THEN_CODE);
    site.doctor(&["--service", "app"]).assert_found("serious", "nobody_gets_in", "right code");
}

#[test]
fn few_recovery_codes_are_pointed_out() {
    let mut site = Site::of(Fixture::builder().config("[recovery]\ncodes = 2\nwarn_below = 3"));
    site.service("app", "auth required pam_unix.so\nauth required TOTP");
    site.fixture.totp_enroll(&["--json", "recovery-codes", "alice", "--yes"]).assert_done();
    site.doctor(&["--service", "app"]).assert_found("info", "few_recovery_codes", "alice");
}

#[test]
fn a_clock_that_is_not_synchronised_is_found() {
    let mut site = Site::new();
    site.service("app", "auth required pam_unix.so\nauth required TOTP");
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
    site.service("polkit-1", "auth required pam_unix.so\nauth required TOTP");
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
    site.service("polkit-1", "auth required pam_unix.so\nauth required TOTP");
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
    site.service("app", &format!("auth required pam_unix.so\nauth required {line}"));
    site.doctor(&["--service", "app"]).assert_found("warning", "other_version", "is version 9.");
}

#[test]
fn a_program_that_still_uses_a_replaced_module_is_found() {
    let mut site = Site::new();
    let module = site.module.split(' ').next().unwrap_or_default().to_owned();
    site.shell(&format!("cp {module} /run/pam_totp.so"));
    let line = site.module.replace(&module, "/run/pam_totp.so");
    site.service("app", &format!("auth required pam_unix.so\nauth required {line}"));
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

#[test]
fn an_sshd_that_has_not_read_its_configuration_is_found() {
    let mut site = Site::new();
    site.service("sshd", "auth required TOTP");
    site.sshd(KEY_AND_CODE);
    site.shell("mkdir -p /run/bin; cp /bin/sleep /run/bin/sshd; /run/bin/sshd 60 >/dev/null 2>&1 & echo $! > /run/sshd.pid; touch -d yesterday /run/sshd.pid");
    let found = site.doctor(&["--service", "sshd"]);
    site.shell("touch -d '1 minute' /run/sshd.pid");
    let reloaded = site.doctor(&["--service", "sshd"]);
    site.shell("kill $(cat /run/sshd.pid)");
    found.assert_found("warning", "sshd_not_reloaded", "was changed after sshd read it");
    reloaded.assert_none();
}

#[test]
fn an_sshd_that_has_not_run_yet_is_not_called_broken() {
    let mut site = Site::new();
    site.service("sshd", "auth required TOTP");
    site.sshd(KEY_AND_CODE);
    site.shell("rmdir /run/sshd");
    site.doctor(&["--service", "sshd"]).assert_found("warning", "sshd_not_asked", "/run/sshd");
}

#[test]
fn a_path_is_not_a_service() {
    let site = Site::new();
    for service in ["/etc/shadow", "../shadow", ""] {
        assert_eq!(site.fixture.totp_enroll(&["doctor", "--service", service]).status, 2, "{service}");
    }
}

#[test]
fn nothing_is_changed_by_looking() {
    let mut site = Site::new();
    site.service("sshd", "auth required TOTP");
    site.sshd(KEY_AND_CODE);
    let before = site.fixture.stored();
    let _ = site.doctor(&[]);
    assert!(before == site.fixture.stored());
}

#[test]
fn no_finding_holds_a_secret() {
    let mut site = Site::new();
    site.service("app", "auth required pam_unix.so\nauth required TOTP");
    let text = fs::read_to_string(site.fixture.keyring()).unwrap_or_default();
    let secrets: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("secret = ")).collect();
    assert!(!secrets.is_empty(), "no secret in {text}");
    for damage in ["secret = 5", "secret = \"\"", "wat"] {
        fs::write(site.fixture.keyring(), format!("{text}\n{damage}\n")).unwrap_or_default();
        let said = site.fixture.totp_enroll(&["doctor", "--service", "app"]);
        for secret in &secrets {
            assert!(!said.stdout.contains(secret.trim_matches('"')), "{}", said.stdout);
        }
    }
}
