//! `doctor`: no finding for sound configurations; each broken one is found by name.

use acceptance::fixture::Fixture;
use acceptance::site::{KEY_AND_CODE, PASSWORD_AND_CODE, Site};
use std::fs;

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
    found.assert_found("info", "code_ignored", "PAM_IGNORE");
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
        (
            "auth requisite pam_unix.so\nauth [success=ok default=ignore] TOTP",
            "code_not_counted",
            "line 2 of",
        ),
        (
            "auth required TOTP\nauth [default=reset] pam_unix.so\nauth sufficient pam_permit.so",
            "code_not_counted",
            "line 1 of",
        ),
        ("auth required TOTP nullok\nauth required pam_permit.so", "nothing_asked", "some users"),
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
    site.doctor(&["--service", "sshd"]).assert_found("warning", "ignored_is_refused", "not enrolled");
    site.service("sshd", "auth required TOTP nullok\nauth required pam_permit.so");
    assert!(site.doctor(&["--service", "sshd"]).named("ignored_is_refused").is_empty());
}

#[test]
fn a_rule_that_lets_some_skip_the_code_is_a_warning() {
    let mut site = Site::new();
    site.service("app", "auth requisite pam_unix.so\nauth [success=1 default=ignore] pam_succeed_if.so quiet user ingroup robots\nauth required TOTP");
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
        ("auth requisite pam_unix.so\nauth required TOTP nullOK", "bad_argument", "nullOK"),
        (
            "auth requisite pam_unix.so\nauth required /nowhere/pam_totp.so",
            "module_missing",
            "/nowhere/pam_totp.so",
        ),
        ("auth required pam_unix.so\natuh required TOTP", "line_unreadable", "line 2"),
        ("auth requisite pam_unix.so\nauth required TOTP\nauth include nowhere", "line_unreadable", "line 3"),
        ("@include nowhere\nauth required TOTP", "stack_unreadable", "@include"),
        ("auth required TOTP use_first_pass", "nothing_to_use", "line 1"),
        ("auth requisite pam_unix.so\nauth required TOTP\naccount required TOTP", "misplaced_line", "line 3"),
    ] {
        site.service("app", auth);
        site.doctor(&["--service", "app"]).assert_found("serious", name, what);
    }
    let module = site.module.split(' ').next().unwrap_or_default().to_owned();
    site.service("app", &format!("auth requisite pam_unix.so\nauth required {module} conf=/nowhere.toml"));
    site.doctor(&["--service", "app"]).assert_found("serious", "config_unreadable", "/nowhere.toml");
}

#[test]
fn each_unlikely_arrangement_is_found() {
    let mut site = Site::new();
    for (auth, severity, name, what) in [
        (
            "auth requisite pam_unix.so\nauth required TOTP\nauth required TOTP",
            "warning",
            "asked_twice",
            "line 3",
        ),
        (
            "auth requisite pam_unix.so\nauth required pam_oath.so\nauth required TOTP",
            "warning",
            "old_module",
            "pam_oath.so",
        ),
        ("auth required TOTP", "warning", "one_factor", "a code alone"),
        (
            "auth required TOTP forward_pass\nauth required pam_userdb.so",
            "warning",
            "forwarded_password_unused",
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
    site.doctor(&["--service", "sudo"]).assert_found("serious", "paired_service_unprotected", "sudo-i");
}

#[test]
fn a_code_that_strangers_can_guess_before_a_password_is_found() {
    let mut site = Site::new();
    let first = "auth required TOTP forward_pass\nauth required pam_unix.so use_first_pass";
    let before = "auth required TOTP\n@include common-auth";
    for (service, auth, is_found) in [
        ("vsftpd", first, true),
        ("vsftpd", before, true),
        ("vsftpd", PASSWORD_THEN_CODE, false),
        ("app", first, false),
        ("sshd", before, true),
        ("sshd", PASSWORD_THEN_CODE, false),
    ] {
        site.service(service, auth);
        site.sshd(PASSWORD_AND_CODE);
        let found = site.doctor(&["--service", service]).named("guessed_before_password");
        assert_eq!(!found.is_empty(), is_found, "{service}: {auth}");
    }
    site.service("sshd", before);
    site.sshd(KEY_AND_CODE);
    let found = site.doctor(&["--service", "sshd"]);
    assert!(found.named("guessed_before_password").is_empty(), "{:?}", found.all());
}

#[test]
fn a_service_that_does_not_say_who_asks_is_found() {
    let mut site = Site::new();
    site.service("xrdp-sesman", PASSWORD_THEN_CODE);
    let found = site.doctor(&["--service", "xrdp-sesman"]);
    found.assert_found("info", "source_unknown", "xrdp-sesman");
    site.fixture.configure("[limit]\nlocal_services = [\"xrdp-sesman\"]\nyearly_risk = 0.005");
    let found = site.doctor(&["--service", "xrdp-sesman"]);
    found.assert_found("warning", "network_service_local", "xrdp-sesman");
    found.assert_found("info", "yearly_risk_high", "0.5 % a year");
}

#[test]
fn a_config_that_exempts_too_many_is_found() {
    let mut site = Site::new();
    site.service("app", "auth requisite pam_unix.so\nauth required TOTP");
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
fn fresh_on_one_line_alone_is_pointed_out() {
    let mut site = Site::new();
    for (service, line) in [("app", "TOTP fresh=15m"), ("sshd", "TOTP fresh=15m"), ("app", "TOTP fresh=0s")] {
        site.service(service, &format!("auth requisite pam_unix.so\nauth required {line}"));
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
    site.service("app", "auth requisite pam_unix.so\nauth required TOTP fresh=15m");
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
fn a_service_that_lost_its_line_is_found() {
    let mut site = Site::new();
    site.service("sudo", PASSWORD_THEN_CODE);
    site.service("sudo-i", PASSWORD_THEN_CODE);
    site.service("sshd", "auth required pam_unix.so");
    site.doctor(&[]).assert_none();
    site.sshd(KEY_AND_CODE);
    site.doctor(&[]).assert_found("warning", "not_in_stack", "sshd requires publickey,keyboard-interactive");
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
    site.service("app", "auth requisite pam_unix.so\nauth include second-factor");
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
fn a_stack_that_lets_in_nobody_is_found() {
    let mut site = Site::new();
    let common = "auth requisite pam_deny.so\nauth required pam_permit.so\n";
    site.fixture.machine().write("pam.d/common-auth", 0o644, common);
    site.service("app", PASSWORD_THEN_CODE);
    site.doctor(&["--service", "app"]).assert_found("serious", "nobody_gets_in", "right code");
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
    site.service("app", "auth requisite pam_unix.so\nauth required TOTP");
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
