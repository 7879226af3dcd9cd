//! sshd with the lines of `docs/stacks.md` in Debian's own service file: real sshd, real ssh.

use acceptance::documents;
use acceptance::login::PROMPT;
use acceptance::machine::PASSWORD;
use acceptance::site::Site;
use acceptance::sshd::{Key, Sshd};
use acceptance::stacks::block;
use acceptance::terminal::Terminal;

const METHODS: &str = "publickey,keyboard-interactive";
const INSIDE: &str = "echo inside as $(id -un)";
/// The same host by another address, from which the client is told to come.
const FROM_THE_OFFICE: &str = "BindAddress=127.0.0.2";
const FROM_ELSEWHERE: &str = "BindAddress=127.0.0.1";
const OFFICE: &str = "127.0.0.2/32";
const OFFICE_IN_THE_DOCUMENT: &str = "192.0.2.0/24";

#[test]
fn ssh_asks_for_a_key_and_a_code() {
    let mut site = Site::by(&["sshd-key", "sshd-key-config"]);
    site.assert_sound(&["sshd"]);
    let sshd = sshd(&mut site, "sshd-key-config");
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    assert!(!ssh.expect(PROMPT).contains("assword"), "and for nothing else");
    ssh.types(&site.fixture.code("alice"));
    assert_let_in(ssh);
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    ssh.expect(PROMPT);
    ssh.types(PASSWORD);
    assert_kept_out(ssh);
    assert_kept_out(sshd.ssh("alice", Key::None, INSIDE));
}

#[test]
fn ssh_asks_for_a_password_and_a_code() {
    let mut site = Site::by(&["sshd-password", "sshd-password-config"]);
    site.assert_sound(&["sshd"]);
    let sshd = sshd(&mut site, "sshd-password-config");
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    ssh.expect("Password: ");
    ssh.types(PASSWORD);
    ssh.expect(PROMPT);
    ssh.types(&site.fixture.code("alice"));
    assert_let_in(ssh);
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    ssh.expect("Password: ");
    ssh.types("not the password");
    assert_kept_out(ssh);
}

#[test]
fn ssh_asks_for_a_code_from_elsewhere_only_by_the_config() {
    let mut site = Site::by(&["sshd-key", "sshd-key-config"]);
    let office = block("sshd-networks-config").with(OFFICE_IN_THE_DOCUMENT, OFFICE);
    site.fixture.configure(&office.lines);
    site.assert_sound(&["sshd"]);
    let sshd = sshd(&mut site, "sshd-key-config");
    asks_from_elsewhere_only(&site, &sshd);
    let exempted = site.fixture.journal.events().into_iter().find(|event| event.field("method") == "exempt");
    assert_eq!(exempted.unwrap().field("rule"), "require.exempt_networks");
}

#[test]
fn ssh_asks_for_a_code_from_elsewhere_only_by_a_match_block() {
    let mut site = Site::by(&["sshd-key", "sshd-networks-match"]);
    // Said by doctor, because it is so: who comes from there is let in by the key alone.
    let found = site.doctor(&["--service", "sshd"]);
    found.assert_found("warning", "sshd_skips_pam", "everybody from 192.0.2.0");
    assert_eq!(found.all().len(), 1, "{:#?}", found.all());
    let sshd = sshd(&mut site, "sshd-networks-match");
    asks_from_elsewhere_only(&site, &sshd);
}

#[test]
fn ssh_does_not_ask_for_a_code_after_a_security_key() {
    let mut site = Site::by(&["sshd-key", "sshd-key-config"]);
    site.fixture.configure(&block("sshd-security-keys").lines);
    site.assert_sound(&["sshd"]);
    let sshd = sshd(&mut site, "sshd-key-config");
    let agent = site.fixture.plug_in_a_security_key();
    assert_let_in(sshd.ssh_with("alice", Key::Security, INSIDE, &agent));
    let event = site.fixture.journal.last();
    assert_eq!((event.field("method"), event.field("first_factor")), ("security_key", "publickey"));
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    ssh.expect(PROMPT);
    ssh.types("");
    assert_kept_out(ssh);
}

#[test]
fn one_code_opens_every_session_of_a_shared_connection() {
    let mut site = Site::by(&["sshd-key", "sshd-key-config"]);
    let sshd = sshd(&mut site, "sshd-key-config");
    let socket = site.fixture.path("master").display().to_string();
    let shared = block("ssh-shared").with("*.example.net", "127.0.0.1").with("~/.ssh/master-%C", &socket);
    // Nothing of the test is to be left for ten minutes.
    sshd.configure_clients(&shared.with("ControlPersist 10m", "ControlPersist no").lines);
    let mut first = sshd.ssh("alice", Key::Offered, "/bin/sh");
    first.expect(PROMPT);
    first.types(&site.fixture.code("alice"));
    first.expect("$ ");
    for _ in 0..2 {
        assert_let_in(sshd.ssh("alice", Key::Offered, INSIDE));
    }
    assert_eq!(site.fixture.journal.events().len(), 1, "one login, one code");
    first.types("exit");
    let _ = first.end();
}

/// By `nullok`, or `require.enroll_by`: where pam_totp is the only line of a stack, another line has to accept.
#[test]
fn the_two_lines_for_late_enrolment_let_in_a_key_only_together() {
    let document = documents::read("docs/switching-on.md");
    let lines =
        document.blocks().into_iter().find(|block| block.kind == "pam" && block.text.contains("nullok"));
    let lines = lines.map_or_else(String::new, |block| block.text.replace("pam_totp.so", "TOTP"));
    let mut site = Site::by(&["sshd-key", "sshd-key-config"]);
    site.fixture.totp_enroll(&["disable", "alice", "--yes"]).assert_done();
    let sshd = sshd(&mut site, "sshd-key-config");
    site.service("sshd", &lines);
    assert_let_in(sshd.ssh("alice", Key::Offered, INSIDE));
    site.service("sshd", lines.lines().next().unwrap_or_default());
    assert_kept_out(sshd.ssh("alice", Key::Offered, INSIDE));
    site.fixture.configure("[require]\nenroll_by = 2999-12-31\n");
    site.service("sshd", "auth required TOTP");
    assert_kept_out(sshd.ssh("alice", Key::Offered, INSIDE));
    assert_eq!(site.fixture.journal.last().field("pam"), "ignore");
}

/// Without an auth line of its own a service has those of `/etc/pam.d/other` (pam.conf(5)), which ask for a password on Debian.
#[test]
fn removing_only_the_line_lets_in_no_key_without_a_password() {
    let mut site = Site::by(&["sshd-key", "sshd-key-config"]);
    let sshd = sshd(&mut site, "sshd-key-config");
    site.service("sshd", "");
    let mut ssh = sshd.ssh("alice", Key::Offered, INSIDE);
    ssh.expect("Password: ");
    ssh.types("");
    assert_kept_out(ssh);
}

fn asks_from_elsewhere_only(site: &Site, sshd: &Sshd) {
    assert_let_in(sshd.ssh_with("alice", Key::Offered, INSIDE, FROM_THE_OFFICE));
    assert_kept_out(sshd.ssh_with("alice", Key::None, INSIDE, FROM_THE_OFFICE));
    let mut ssh = sshd.ssh_with("alice", Key::Offered, INSIDE, FROM_ELSEWHERE);
    ssh.expect(PROMPT);
    ssh.types(&site.fixture.code("alice"));
    assert_let_in(ssh);
}

/// With the lines of a block as its configuration, as its drop-in would have them.
fn sshd(site: &mut Site, block: &str) -> Sshd {
    let options = acceptance::stacks::block(block);
    let options = match block {
        "sshd-networks-match" => options.with(OFFICE_IN_THE_DOCUMENT, OFFICE),
        _ => options,
    };
    site.fixture.sshd_with(&options.lines, METHODS)
}

fn assert_let_in(ssh: Terminal) {
    let ended = ssh.end();
    let last = ended.last.lines().last().unwrap_or_default();
    assert_eq!((ended.status, last), (0, "inside as alice"), "{}", ended.screen);
}

fn assert_kept_out(ssh: Terminal) {
    let ended = ssh.end();
    assert!(ended.status == 255 && !ended.screen.contains("inside as"), "{} {}", ended.status, ended.screen);
    assert!(ended.screen.contains("Permission denied"), "{}", ended.screen);
}
