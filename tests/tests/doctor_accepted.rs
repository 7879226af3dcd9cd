//! Findings of `doctor` that are wanted, settings that can match nobody, and misspelt modules.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built fails its test")]

use acceptance::site::{KEY_AND_CODE, Site};

const KEY_ALONE: &str = "Match User alice\nAuthenticationMethods publickey\n";

/// Writes the entries; gives the place of their line in the words of `doctor`.
fn accepting(site: &Site, entries: &str) -> String {
    site.fixture.configure(&format!("[doctor]\naccepted = [{entries}]"));
    let conf = site.fixture.conf();
    let text = std::fs::read_to_string(&conf).unwrap();
    let at = text.lines().position(|line| line.starts_with("accepted")).unwrap() + 1;
    format!("{} line {at}: ", conf.display())
}

#[test]
fn a_finding_that_is_accepted_is_shown_and_does_not_count() {
    let mut site = Site::new();
    site.service("sshd", "auth required TOTP");
    site.sshd(&format!("{KEY_AND_CODE}{KEY_ALONE}"));
    site.doctor(&[]).assert_found("serious", "sshd_skips_pam", ": alice");
    let _ = accepting(&site, "\"sshd_skips_pam:sshd\"");
    let said = site.fixture.totp_enroll(&["doctor"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stdout.starts_with("accepted [sshd] sshd_skips_pam: "), "{}", said.stdout);
    let document = site.fixture.totp_enroll(&["--json", "doctor"]).json();
    let finding = &document["findings"][0];
    assert_eq!(document["serious"], 0);
    assert!(finding["accepted"] == true && finding["severity"] == "serious", "{document}");
    site.sshd(
        &format!("{KEY_AND_CODE}PermitEmptyPasswords yes\nPasswordAuthentication yes\n{KEY_ALONE}")
            .replace("PasswordAuthentication no\n", ""),
    );
    assert_eq!(site.fixture.totp_enroll(&["doctor"]).status, 1, "another finding counts");
}

#[test]
fn an_entry_that_accepts_nothing_is_named_with_its_line() {
    let mut site = Site::new();
    site.service("sshd", "auth required TOTP");
    site.sshd(KEY_AND_CODE);
    let place = accepting(&site, "\"sshd_skip_pam:sshd\"");
    let found = site.doctor(&[]);
    found.assert_found("serious", "accepted_unknown", &place);
    found.assert_found("serious", "accepted_unknown", "is sshd_skips_pam meant?");
    let place = accepting(&site, "\"sshd_skips_pam:sshd\"");
    site.doctor(&[]).assert_found("info", "accepted_unused", &place);
    site.service("sudo", "@include common-auth\nauth required TOTP");
    assert!(site.doctor(&["--service", "sudo"]).named("accepted_unused").is_empty());
    // A login does not look at it.
    let _ = accepting(&site, "\"wat\"");
    site.service("app", "auth required TOTP");
    let mut login = site.fixture.login_at("app", "alice").types(site.fixture.code("alice"));
    login.confdir = "/etc/pam.d".into();
    assert_eq!(login.code(), acceptance::login::PamCode::SUCCESS);
}

#[test]
fn a_setting_that_can_match_nobody_is_named() {
    let mut site = Site::new();
    site.fixture.machine().add_group("empty", &[]);
    site.fixture.machine().add_group("robots", &["bob"]);
    site.service("sudo", "@include common-auth\nauth required TOTP");
    site.service("sudo-i", "@include common-auth\nauth required TOTP");
    site.service("sshd", "auth required TOTP");
    site.sshd(KEY_AND_CODE);
    for (config, idle) in [
        ("[service.sudo.remember]\nmode = \"always\"", Some(("sudo", "remember.bind"))),
        ("[service.sudo.remember]\nmode = \"always\"\nbind = [\"address\"]", Some(("sudo", "remember.bind"))),
        ("[remember]\nmode = \"always\"", None),
        ("[service.sshd.remember]\nmode = \"always\"", None),
        (
            "[service.sudo.require]\nexempt_networks = [\"192.0.2.0/24\"]",
            Some(("sudo", "require.exempt_networks")),
        ),
        ("[require]\nexempt_networks = [\"192.0.2.0/24\"]", None),
        ("[service.sudo.accept]\nssh_security_keys = true", Some(("sudo", "accept.ssh_security_keys"))),
        ("[service.sshd.accept]\nssh_security_keys = true", None),
        ("[service.sshd.fresh]\nfor = \"15m\"", Some(("sshd", "fresh.for"))),
        ("[fresh]\nfor = \"15m\"", None),
        ("[service.sudo.require]\nenroll_at_login = true", Some(("sudo", "require.enroll_at_login"))),
        ("[require]\nexempt_groups = [\"empty\"]", Some(("sshd", "require.exempt_groups"))),
        ("[require]\nexempt_groups = [\"robots\"]", None),
        ("[require]\ngroups = [\"empty\"]", Some(("sshd", "require.groups"))),
    ] {
        site.fixture.configure(config);
        let found = site.doctor(&[]);
        let named = found.named("setting_without_effect");
        let explained =
            |service| site.fixture.totp_enroll(&["explain", "alice", "--service", service]).stdout;
        let Some((service, setting)) = idle else {
            assert!(named.is_empty(), "{config}: {named:?}");
            continue;
        };
        found.assert_found("warning", "setting_without_effect", setting);
        let text = explained(service);
        assert!(text.contains(&format!("no effect at {service}: {setting}: ")), "{config}: {text}");
        let other = if service == "sudo" { "sshd" } else { "sudo" };
        assert!(config.starts_with("[require]") || !explained(other).contains("no effect"), "{config}");
    }
    site.sshd(&KEY_AND_CODE.replace("publickey,", ""));
    site.service("sshd", "@include common-auth\nauth required TOTP");
    for config in
        ["[service.sshd.remember]\nmode = \"always\"", "[service.sshd.accept]\nssh_security_keys = true"]
    {
        site.fixture.configure(config);
        site.doctor(&[]).assert_found("warning", "setting_without_effect", "no SSH key");
    }
}

#[test]
fn a_misspelt_module_is_serious_also_where_nothing_else_asks() {
    let mut site = Site::new();
    for (line, why) in [
        ("auth required pam_topt.so", "every login is refused"),
        ("auth optional pam-totp.so", "succeed without a code"),
        ("-auth [success=ok default=ignore] pam_otp.so", "succeed without a code"),
    ] {
        site.service("app", &format!("auth required pam_permit.so\n{line}"));
        let found = site.doctor(&[]);
        found.assert_found("serious", "module_missing", "line 2 of /etc/pam.d/app");
        found.assert_found("serious", "module_missing", "is pam_totp.so meant?");
        assert!(
            found.named("module_missing")[0]["why"].as_str().unwrap().contains(why),
            "{line}: {:?}",
            found.all()
        );
        assert!(found.named("not_switched_on").is_empty());
        // As the fix says.
        site.service("app", "auth requisite pam_unix.so\nauth required TOTP");
        assert!(site.doctor(&[]).named("module_missing").is_empty());
    }
}

#[test]
fn a_password_that_is_read_as_a_code_is_said_where_it_is_configured() {
    let mut site = Site::new();
    site.service("app", "@include common-auth\nauth required TOTP try_first_pass forward_pass");
    let found = site.doctor(&["--service", "app"]);
    found.assert_found("info", "password_like_a_code", "line 2 of /etc/pam.d/app");
    assert!(found.named("forwarded_password_unused").is_empty(), "the password was checked above");
    // openssl passwd -6 -salt acceptance hunter123456
    let hash = "$6$acceptance$cohXAPro12Bk7KNMRjz8/Eo/6E9/H8Y7Y3Stl/gcnu.EnIWcwRhGmew1M/0tAGsvBTH6XMpGYpO/FYg03dVKt.";
    site.fixture.machine().set_password("alice", hash);
    let login = |site: &Site| {
        let login = site.fixture.login_at("app", "alice").types("hunter123456");
        let mut login = login.types(site.fixture.code("alice"));
        login.confdir = "/etc/pam.d".into();
        (login.code(), site.fixture.journal.events().iter().map(|event| event.what()).collect::<Vec<_>>())
    };
    let charged = ["refused wrong".to_owned(), "accepted".to_owned()].to_vec();
    assert_eq!(login(&site), (acceptance::login::PamCode::SUCCESS, charged));
    for fixed in ["", "try_first_pass"] {
        site.service("app", &format!("@include common-auth\nauth required TOTP {fixed}"));
        site.doctor(&["--service", "app"]).assert_none();
    }
}
