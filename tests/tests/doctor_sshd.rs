//! `doctor` about sshd: every way around PAM, Match blocks, time for an enrolment, a configuration that is not in force.

use acceptance::fixture::Fixture;
use acceptance::site::{KEY_AND_CODE, PASSWORD_AND_CODE, Site};
use acceptance::sshd::{KEY_AND_CODE as KEY_THEN_CODE, Key};

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
            "KbdInteractiveAuthentication no\nPasswordAuthentication no\n".to_owned(),
            "serious",
            "sshd_cannot_ask",
            "KbdInteractiveAuthentication is no",
        ),
        (PASSWORD_AND_CODE.to_owned(), "serious", "sshd_one_factor", "everybody"),
        (
            "KbdInteractiveAuthentication yes\n".to_owned(),
            "warning",
            "sshd_password_method",
            "the method password",
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

/// With the README's lines and Debian's `PermitRootLogin`, root's key is not enough and nothing else of root is accepted.
#[test]
fn root_whose_key_is_not_enough_is_found_locked_out() {
    let mut site = Site::of(Fixture::builder().enrolled("root"));
    site.service("sshd", "auth required TOTP");
    let options = |root: &str| format!("{KEY_AND_CODE}PermitRootLogin {root}\n");
    site.sshd(&options("prohibit-password"));
    site.doctor(&["--service", "sshd"]).assert_none();
    site.fixture.machine().write("ssh/keys_of_root", 0o600, "# none yet\n");
    site.doctor(&["--service", "sshd"]).assert_none();
    site.fixture.machine().write("ssh/keys_of_root", 0o600, "ssh-ed25519 AAAA root\n");
    for (value, lets_in) in [("prohibit-password", false), ("forced-commands-only", false), ("yes", true)] {
        site.sshd(&options(value));
        let found = site.doctor(&["--service", "sshd"]);
        match lets_in {
            true => found.assert_none(),
            false => found.assert_found("serious", "sshd_root_locked_out", ": root"),
        }
        let sshd = site.fixture.sshd_with(&options(value), KEY_THEN_CODE);
        let mut ssh = sshd.ssh("root", Key::Offered, "echo inside");
        if ssh.expect_any_or_the_end(&["code: "]).is_some() {
            ssh.types(&site.fixture.code("root"));
        }
        let inside = ssh.expect_any_or_the_end(&["inside"]).is_some();
        assert_eq!(inside, lets_in, "{value}: {}", ssh.screen());
        drop(sshd);
        std::fs::remove_dir_all(site.fixture.path("sshd")).unwrap();
    }
    site.sshd(&format!("{}Match User root\nAuthenticationMethods publickey\n", options("prohibit-password")));
    let found = site.doctor(&["--service", "sshd"]);
    assert!(found.named("sshd_root_locked_out").is_empty());
    found.assert_found("serious", "sshd_skips_pam", ": root");
}

#[test]
fn a_dead_list_of_some_accounts_is_found_with_its_fix() {
    let mut site = Site::new();
    site.service("sshd", "@include common-auth\nauth required TOTP");
    let lists = |lists: &str| format!("{KEY_AND_CODE}Match User alice\nAuthenticationMethods {lists}\n");
    for (written, severity, name) in [
        ("publickey,password", "serious", "sshd_nobody_gets_in"),
        ("publickey,password publickey,keyboard-interactive:pam", "warning", "sshd_dead_list"),
        ("publickey,keyboard-interactive:bsdauth", "serious", "sshd_nobody_gets_in"),
    ] {
        site.sshd(&lists(written));
        site.doctor(&["--service", "sshd"]).assert_found(severity, name, "alice");
        // As the fix says.
        let fixed = written.replace("publickey,password publickey", "publickey").replace("bsdauth", "pam");
        site.sshd(&lists(&fixed.replace("password", "keyboard-interactive:pam")));
        site.doctor(&["--service", "sshd"]).assert_none();
    }
}

/// What `setting_without_effect` says of settings that need a key.
#[test]
fn sshd_tells_pam_of_a_key_only_where_one_is_asked_for() {
    let mut site = Site::new();
    site.service("sshd", "auth required TOTP");
    site.fixture.configure("[service.sshd.remember]\nmode = \"always\"\nbind = [\"ssh-key\"]");
    for (methods, tells) in [("publickey,keyboard-interactive", true), ("keyboard-interactive", false)] {
        let options =
            format!("UsePAM yes\nKbdInteractiveAuthentication yes\nAuthenticationMethods {methods}\n");
        site.sshd(&options);
        let found = site.doctor(&["--service", "sshd"]);
        assert_eq!(found.named("setting_without_effect").is_empty(), tells, "{methods}: {:#?}", found.all());
        let sshd = site.fixture.sshd_with(&options, methods);
        let mut ssh = sshd.ssh("alice", Key::Offered, "echo inside");
        ssh.expect("code: ");
        ssh.types(&site.fixture.authenticator("alice").code_in(i64::from(!tells)));
        ssh.expect("inside");
        let lines = site.fixture.journal.lines();
        let accepted = lines.iter().rfind(|line| line.contains("event=accepted")).unwrap();
        assert_eq!(accepted.contains("first_factor=publickey"), tells, "{methods}: {accepted}");
        drop(sshd);
        std::fs::remove_dir_all(site.fixture.path("sshd")).unwrap();
    }
}
