//! `doctor` about sshd: every way around PAM, Match blocks, time for an enrolment, a configuration that is not in force.

use acceptance::site::{KEY_AND_CODE, PASSWORD_AND_CODE, Site};

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
            "publickey alone is enough to log in, without a code: everybody",
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
fn a_code_typed_with_the_password_needs_an_account_line_in_sshd() {
    let mut site = Site::new();
    site.sshd(PASSWORD_AND_CODE);
    let auth = "auth required TOTP forward_pass\nauth required pam_unix.so try_first_pass";
    for (account, name) in [
        ("", Some("source_not_confirmed")),
        ("account optional TOTP confirm_source", None),
        ("account optional TOTP confirm_source nullok", Some("bad_argument")),
        ("account optional TOTP", Some("misplaced_line")),
        ("session optional TOTP confirm_source", Some("misplaced_line")),
    ] {
        site.service("sshd", &format!("{auth}\n{account}"));
        let found = site.doctor(&["--service", "sshd"]);
        for of_line in ["source_not_confirmed", "bad_argument", "misplaced_line"] {
            let is_expected = name == Some(of_line)
                // A line that is not an account line with the argument confirms nothing.
                || of_line == "source_not_confirmed" && name == Some("misplaced_line");
            assert_eq!(
                !found.named(of_line).is_empty(),
                is_expected,
                "{account}: {of_line}: {:#?}",
                found.all()
            );
        }
    }
    site.service("openvpn", auth);
    assert!(site.doctor(&["--service", "openvpn"]).named("source_not_confirmed").is_empty());
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
fn an_sshd_that_has_not_run_yet_is_checked_all_the_same() {
    let mut site = Site::new();
    site.service("sshd", "auth required TOTP");
    site.sshd(KEY_AND_CODE);
    site.shell("rmdir /run/sshd");
    site.doctor(&["--service", "sshd"]).assert_none();
    site.sshd(&KEY_AND_CODE.replace("UsePAM yes", "UsePAM no"));
    site.doctor(&["--service", "sshd"]).assert_found("serious", "sshd_without_pam", "UsePAM");
    site.shell("! [ -e /run/sshd ]");
}

#[test]
fn an_sshd_that_cannot_be_asked_is_not_called_broken() {
    let mut site = Site::new();
    site.service("sshd", "auth required TOTP");
    site.sshd(KEY_AND_CODE);
    site.shell("rmdir /run/sshd; mount --bind /bin/false /usr/bin/unshare");
    site.doctor(&["--service", "sshd"]).assert_found("warning", "sshd_not_asked", "/run/sshd");
}
