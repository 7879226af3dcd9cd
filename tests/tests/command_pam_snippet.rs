//! `pam-snippet`: the lines that it prints pass `doctor`, ask for a code, and keep the arguments of the lines they replace.

use acceptance::enroll_command::CommandOutput;
use acceptance::login::{Login, PamCode};
use acceptance::machine::PASSWORD;
use acceptance::site::{PASSWORD_AND_CODE, Site};
use acceptance::sshd::{Key, ONLY_PAM};
use std::fs;
use std::path::PathBuf;

#[test]
fn the_lines_for_each_service_are_sound() {
    let mut site = Site::new();
    for (service, before, options) in [
        ("sshd", "@include common-auth", &[][..]),
        ("sshd", "@include common-auth", &["--first", "password"]),
        ("sshd", "auth required pam_sepermit.so\n@include common-auth", &[]),
        ("sudo", "@include common-auth", &[]),
        ("sudo-i", "@include common-auth", &[]),
        ("su", "auth sufficient pam_rootok.so\n@include common-auth", &[]),
        ("su-l", "auth include su", &[]),
        (
            "login",
            "auth optional pam_faildelay.so delay=3000000\nauth requisite pam_nologin.so\n@include common-auth\nauth optional pam_group.so",
            &[],
        ),
        ("polkit-1", "@include common-auth", &[]),
        ("vpn", "auth requisite pam_unix.so", &[]),
    ] {
        site.service(service, before);
        let printed = printed(&site, service, options);
        printed.assert_done();
        put_in_place(&mut site, service, &printed);
        let of_others = ["paired_service_unprotected"];
        let found = site.doctor(&["--service", service]).all();
        let found: Vec<_> = found
            .iter()
            .filter(|one| !of_others.contains(&one["name"].as_str().unwrap_or_default()))
            .collect();
        assert!(found.is_empty(), "{service} {options:?}:\n{}\n{found:#?}", printed.stdout);
    }
}

#[test]
fn a_service_without_a_file_gets_the_password_as_well() {
    let mut site = Site::new();
    let printed = printed(&site, "vpn", &[]);
    assert!(
        printed.stdout.contains("\n@include common-auth\nauth    required    pam_totp.so"),
        "{}",
        printed.stdout
    );
    put_in_place(&mut site, "vpn", &printed);
    site.doctor(&["--service", "vpn"]).assert_none();
}

#[test]
fn the_line_of_another_module_is_replaced_with_its_arguments() {
    let mut site = Site::new();
    for (service, before, now, said) in [
        (
            "sshd",
            "@include common-auth\nauth required pam_google_authenticator.so nullok grace_period=3600",
            "@include common-auth\nauth    required    pam_totp.so CONF nullok\n",
            &[
                "replaces line 2",
                "mode = \"always\"",
                "for = \"3600s\"",
                "bind = [\"address\"]",
                "AuthenticationMethods keyboard-interactive:pam",
            ][..],
        ),
        (
            "sshd",
            "auth required pam_google_authenticator.so nullok\nauth required pam_permit.so",
            "auth    required    pam_totp.so CONF nullok\nauth required pam_permit.so\n",
            &["AuthenticationMethods publickey,keyboard-interactive:pam"],
        ),
        (
            "sshd",
            "auth required pam_google_authenticator.so nullok",
            "auth    required    pam_totp.so CONF nullok\nauth    required    pam_permit.so\n",
            &[],
        ),
        (
            "sudo",
            "@include common-auth\nauth [success=done default=die] /lib/security/pam_google_authenticator.so [authtok_prompt=Code, please: ] grace_period=60",
            "@include common-auth\nauth    required    pam_totp.so CONF [prompt=Code, please: ] fresh=60s\n",
            &["success=done default=die"],
        ),
        (
            "app",
            "auth requisite pam_unix.so\nauth requisite pam_oath.so usersfile=/etc/users.oath window=20 digits=6 alwaysok",
            "auth requisite pam_unix.so\nauth    requisite   pam_totp.so CONF\n",
            &[
                "import oath /etc/users.oath",
                "drift_steps = 4 in the config, not 20",
                "alwaysok becomes nothing",
            ],
        ),
    ] {
        site.service(service, before);
        let printed = printed(&site, service, &[]);
        printed.assert_done();
        let now = now.replace("CONF", &format!("conf={}", site.fixture.conf().display()));
        assert!(printed.stdout.contains(&format!("\n{now}")), "{service}: {now}\n{}", printed.stdout);
        for words in said {
            assert!(printed.stdout.contains(words), "{words}: {}", printed.stdout);
        }
        put_in_place(&mut site, service, &printed);
        let serious: Vec<_> = site.doctor(&["--service", service]).all();
        let serious: Vec<_> = serious
            .iter()
            .filter(|one| one["severity"] != "info" && one["name"] != "paired_service_unprotected")
            .collect();
        assert!(serious.is_empty(), "{}\n{serious:#?}", printed.stdout);
    }
}

#[test]
fn config_settings_are_printed_for_the_config_of_the_line() {
    let mut site = Site::new();
    site.service("front.app", "auth requisite pam_unix.so\nauth required pam_oath.so window=2");
    let printed = printed(&site, "front.app", &[]);
    put_in_place(&mut site, "front.app", &printed);
    let config = site.fixture.conf();
    let (head, then) = (
        format!("# {}:", config.display()),
        format!("# then check with: totp-enroll doctor --service front.app --config {}", config.display()),
    );
    let below = printed.stdout.lines().skip_while(|line| *line != head).skip(1);
    let belongs: Vec<_> = below.take_while(|line| line.starts_with("#   ")).map(|line| &line[4..]).collect();
    assert_eq!(belongs, ["[service.\"front.app\".totp]", "drift_steps = 2"], "{}", printed.stdout);
    assert_eq!(printed.stdout.lines().last(), Some(then.as_str()));
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}\n{}\n", belongs.join("\n"))).unwrap();
    site.doctor(&["--service", "front.app"]).assert_none();
    let told = self::printed(&site, "front.app", &["--json"]).json();
    assert_eq!(told["config_file"], config.to_str().unwrap(), "{told}");
}

#[test]
fn the_printed_lines_accept_a_code() {
    let mut site = Site::new();
    site.service("app", "auth required pam_google_authenticator.so nullok");
    let printed = printed(&site, "app", &["--from", "google-authenticator"]);
    put_in_place(&mut site, "app", &printed);
    let login =
        |user: &str| Login { confdir: PathBuf::from("/etc/pam.d"), ..site.fixture.login_at("app", user) };
    assert_eq!(login("alice").types(site.fixture.code("alice")).code(), PamCode::SUCCESS);
    assert_eq!(login("alice").types("no code").code(), PamCode::AUTH_ERR);
    assert_eq!(login("bob").code(), PamCode::SUCCESS, "nullok was carried over");
}

/// That module binds it to the address; no key comes with a password.
#[test]
fn a_grace_period_is_one_also_without_a_key() {
    let mut site = Site::new();
    site.service("sshd", "@include common-auth\nauth required pam_google_authenticator.so grace_period=3600");
    let printed = printed(&site, "sshd", &[]);
    put_in_place(&mut site, "sshd", &printed);
    let below = printed.stdout.lines().skip_while(|line| !line.contains("[service.sshd.remember]"));
    let config: Vec<&str> =
        below.take_while(|line| line.starts_with("#   ")).map(|line| &line[4..]).collect();
    site.fixture.configure(&config.join("\n"));
    site.doctor(&["--service", "sshd"]).assert_none();
    let sshd = site.fixture.sshd_with(PASSWORD_AND_CODE, ONLY_PAM);
    let mut asked = sshd.ssh("alice", Key::None, "echo inside");
    asked.expect("Password: ");
    asked.types(PASSWORD);
    asked.expect("code: ");
    asked.types(&site.fixture.code("alice"));
    asked.expect("inside");
    let mut remembered = sshd.ssh("alice", Key::None, "echo inside");
    remembered.expect("Password: ");
    remembered.types(PASSWORD);
    assert_eq!(remembered.expect_any(&["code: ", "inside"]).0, 1, "{}", remembered.screen());
}

#[test]
fn a_line_that_is_not_there_is_not_replaced() {
    let mut site = Site::new();
    site.service("app", "auth requisite pam_unix.so\nauth required pam_oath.so");
    let printed = printed(&site, "app", &["--from", "google-authenticator"]);
    assert!(printed.status == 1 && printed.stdout.is_empty(), "{printed:?}");
    assert!(printed.stderr.contains("pam_google_authenticator.so"), "{printed:?}");
}

#[test]
fn a_service_that_asks_already_is_left_as_it_is() {
    let mut site = Site::new();
    site.service("app", "auth requisite pam_unix.so\nauth required TOTP");
    let printed = printed(&site, "app", &[]);
    printed.assert_done();
    assert!(printed.stdout.contains("already"), "{}", printed.stdout);
    assert_eq!(printed.stdout.matches("pam_totp.so").count(), 1, "{}", printed.stdout);
}

#[test]
fn lines_in_which_the_code_would_be_skipped_are_not_printed() {
    let mut site = Site::new();
    site.service("app", "auth sufficient pam_unix.so\nauth required pam_deny.so");
    let printed = printed(&site, "app", &[]);
    assert!(printed.status == 1 && printed.stdout.is_empty(), "{printed:?}");
    assert!(printed.stderr.contains("pam_unix.so `sufficient`"), "{printed:?}");
}

#[test]
fn lines_that_had_tabs_between_their_words_work() {
    let mut site = Site::new();
    site.service("app", "auth\t\trequired\tpam_permit.so\nauth\trequired\tpam_unix.so\tnullok");
    let printed = printed(&site, "app", &[]);
    assert!(!printed.stdout.contains('\\'), "{}", printed.stdout);
    site.service("app", "auth\t\trequired\tpam_permit.so");
    let printed = self::printed(&site, "app", &["--from", "oath"]);
    assert_eq!(printed.status, 1, "{printed:?}");
    site.service("app", "auth\t\trequired\tpam_permit.so\nauth\trequired\tpam_oath.so");
    let printed = self::printed(&site, "app", &[]);
    put_in_place(&mut site, "app", &printed);
    let login = Login { confdir: PathBuf::from("/etc/pam.d"), ..site.fixture.login_at("app", "alice") };
    assert_eq!(login.types(site.fixture.code("alice")).code(), PamCode::SUCCESS, "{}", printed.stdout);
}

#[test]
fn it_is_one_document_when_asked_for() {
    let mut site = Site::new();
    site.service(
        "sshd",
        "@include common-auth\nauth required pam_oath.so usersfile=/etc/users.oath window=2",
    );
    let document = printed(&site, "sshd", &["--json"]).json();
    assert_eq!(document["file"], "/etc/pam.d/sshd");
    assert_eq!(document["replaces"][0]["line"], 2, "{document}");
    assert_eq!(document["carried"].as_array().map(Vec::len), Some(2), "{document}");
    assert_eq!(document["config"][1], "drift_steps = 2", "{document}");
    assert_eq!(document["auth"].as_array().map(Vec::len), Some(2), "{document}");
}

#[test]
fn a_path_is_not_a_service() {
    let site = Site::new();
    for service in ["../shadow", "/etc/shadow", "", ".."] {
        assert_eq!(printed(&site, service, &[]).status, 2, "{service}");
    }
}

fn printed(site: &Site, service: &str, options: &[&str]) -> CommandOutput {
    let mut arguments = vec!["pam-snippet", service];
    arguments.extend(options);
    site.fixture.totp_enroll(&arguments)
}

/// Does what an administrator does with it: the lines into the service file, those for sshd into its drop-in.
fn put_in_place(site: &mut Site, service: &str, printed: &CommandOutput) {
    let module = site.module.split(' ').next().unwrap_or_default().to_owned();
    let lines: Vec<String> = printed
        .stdout
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.replace("pam_totp.so", &module))
        .collect();
    site.service(service, &lines.join("\n"));
    let drop_in = printed.stdout.lines().skip_while(|line| !line.contains("50-totp.conf")).skip(1);
    let drop_in: String =
        drop_in.take_while(|line| line.starts_with("#   ")).map(|line| format!("{}\n", &line[4..])).collect();
    if service == "sshd" {
        site.sshd(&drop_in);
    }
}
