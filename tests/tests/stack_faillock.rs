//! login(1) with pam_faillock and the lines of `docs/stacks.md` in Debian's own service file, at a terminal.

use acceptance::login::PROMPT;
use acceptance::machine::PASSWORD;
use acceptance::site::Site;
use acceptance::terminal::Terminal;

#[test]
fn login_with_pam_faillock_asks_for_the_password_and_a_code() {
    let mut site = Site::by(&["faillock"]);
    site.assert_sound(&["login"]);
    let mut login = login(&mut site, PASSWORD);
    login.expect(PROMPT);
    login.types(&site.fixture.code("alice"));
    login.expect("$ ");
    login.types("id -un");
    login.expect("alice\r\n");
}

#[test]
fn login_asks_an_account_that_pam_faillock_has_locked_for_nothing() {
    let mut site = Site::by(&["faillock"]);
    for _ in 0..3 {
        login(&mut site, "not the password").expect("Login incorrect");
    }
    at_the_name(&mut site).expect("Login incorrect");
    assert!(site.fixture.journal.events().is_empty(), "{:?}", site.fixture.journal.events());
}

fn login(site: &mut Site, password: &str) -> Terminal {
    let mut login = at_the_name(site);
    login.expect("Password: ");
    login.types(password);
    login
}

/// The name is given, at a terminal of that machine: login looks for it in /dev.
fn at_the_name(site: &mut Site) -> Terminal {
    let mut program = site.fixture.machine().namespace().command("/usr/bin/script");
    let mut login = Terminal::open(program.args(["-q", "-c", "exec /bin/login", "/dev/null"]));
    login.expect("login: ");
    login.types("alice");
    login
}
