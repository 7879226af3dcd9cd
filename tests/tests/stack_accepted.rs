//! Set-ups that `doctor` calls serious, and that docs/stacks.md accepts.

use acceptance::machine::PASSWORD;
use acceptance::site::Site;
use acceptance::sshd::Key;
use acceptance::stacks::block;

const LISTS: &str = "sshd-key-or-password-config";

#[test]
fn a_key_alone_or_password_and_code_is_accepted_as_wanted() {
    let mut site = Site::by(&["sshd-password", LISTS]);
    site.doctor(&["--service", "sshd"]).assert_found("serious", "sshd_skips_pam", "everybody");
    site.fixture.configure(&block("sshd-accepted-config").lines);
    let said = site.fixture.totp_enroll(&["doctor", "--service", "sshd"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(said.stdout.matches("accepted [sshd] sshd_skips_pam: ").count(), 1, "{}", said.stdout);
    assert_eq!(said.stdout.lines().count(), 3, "nothing else: {}", said.stdout);
    let sshd = site.fixture.sshd_with(&block(LISTS).lines, "publickey,keyboard-interactive");
    let mut by_key = sshd.ssh("alice", Key::Offered, "echo inside");
    by_key.expect("inside");
    let mut by_password = sshd.ssh("alice", Key::None, "echo inside");
    by_password.expect("Password: ");
    by_password.types(PASSWORD);
    by_password.expect("Verification code: ");
    by_password.types(&site.fixture.code("alice"));
    by_password.expect("inside");
}
