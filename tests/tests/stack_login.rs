//! login(1) with the lines of `docs/stacks.md` in Debian's own service file, at a terminal.

use acceptance::login::PROMPT;
use acceptance::machine::PASSWORD;
use acceptance::site::Site;
use acceptance::terminal::Terminal;

#[test]
fn login_asks_for_the_password_and_a_code() {
    let mut site = Site::by(&["login"]);
    site.assert_sound(&["login"]);
    let mut login = login(&mut site);
    login.expect(PROMPT);
    login.types(&site.fixture.code("alice"));
    login.expect("$ ");
    login.types("id -un");
    login.expect("alice\r\n");
    let event = site.fixture.journal.last();
    assert_eq!((event.module.as_str(), event.what().as_str()), ("pam_totp(login:auth)", "accepted"));
}

#[test]
fn login_does_not_open_by_the_password_alone() {
    let mut site = Site::by(&["login"]);
    let mut login = login(&mut site);
    login.expect(PROMPT);
    login.types("");
    login.expect("Login incorrect");
    assert_eq!(site.fixture.journal.last().what(), "refused malformed");
}

/// Name and password are given, at a terminal of that machine: login looks for it in /dev.
fn login(site: &mut Site) -> Terminal {
    let mut program = site.fixture.machine().namespace().command("/usr/bin/script");
    let mut login = Terminal::open(program.args(["-q", "-c", "exec /bin/login", "/dev/null"]));
    login.expect("login: ");
    login.types("alice");
    login.expect("Password: ");
    login.types(PASSWORD);
    login
}
