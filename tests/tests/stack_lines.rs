//! `pam-snippet` prints the lines of `docs/stacks.md` for services as Debian ships them.

use acceptance::site::Site;
use acceptance::stacks::block;

#[test]
fn pam_snippet_prints_the_lines_of_the_document() {
    for (name, service, options) in [
        ("sshd-key", "sshd", &[][..]),
        ("sshd-password", "sshd", &["--first", "password"]),
        ("sudo", "sudo", &[]),
        ("sudo-i", "sudo-i", &[]),
        ("su", "su", &[]),
        ("login", "login", &[]),
        ("polkit", "polkit-1", &[]),
        ("openvpn", "openvpn", &[]),
    ] {
        let mut site = Site::new();
        if name != "openvpn" {
            site.as_shipped(service);
        }
        let mut arguments = vec!["pam-snippet", service];
        arguments.extend(options);
        let printed = site.fixture.totp_enroll(&arguments);
        printed.assert_done();
        site.follows(&block(name));
        let file = site.file(&format!("/etc/pam.d/{service}")).unwrap();
        assert_eq!(auth_lines(&site, &printed.stdout), auth_lines(&site, &file), "{name}");
    }
}

#[test]
fn pam_snippet_prints_the_lines_for_sshd_of_the_document() {
    for (pam, config, first) in
        [("sshd-key", "sshd-key-config", "key"), ("sshd-password", "sshd-password-config", "password")]
    {
        let mut site = Site::new();
        site.follows(&block(pam));
        let document = site.fixture.totp_enroll(&["--json", "pam-snippet", "sshd", "--first", first]).json();
        let printed: Vec<&str> = document["sshd_config"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|line| line.as_str())
            .collect();
        assert_eq!(printed, block(config).lines.lines().collect::<Vec<_>>());
    }
}

/// Sorted: pam_group refuses nobody, so its position does not matter.
fn auth_lines(site: &Site, text: &str) -> Vec<String> {
    let conf = format!("conf={}", site.fixture.conf().display());
    let text = text.replace(&site.module, "pam_totp.so").replace(&conf, "");
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut lines: Vec<String> =
        lines.filter(|line| line.starts_with("auth ") || line == "@include common-auth").collect();
    lines.sort();
    lines
}
