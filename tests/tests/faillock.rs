//! The real pam_faillock above the module: while it has locked the account, a login must spend no code.

use acceptance::fixture::Fixture;
use acceptance::login::{Login, PROMPT, PamCode};
use acceptance::machine::PASSWORD;
use acceptance::site::Site;
use acceptance::stacks::block;
use std::path::PathBuf;

/// Why doctor has to find this stack: the module cannot know what a line above it has answered.
#[test]
fn behind_a_required_preauth_a_login_that_fails_spends_its_code() {
    let mut site = Site::of(Fixture::builder());
    site.service(SERVICE, REQUIRED_PREAUTH);
    lock(&site);
    let code = site.fixture.code("alice");
    assert_ne!(login(&site).types(PASSWORD).types(&code).run().code, PamCode::SUCCESS);
    assert_eq!(site.fixture.journal.last().what(), "accepted");
}

#[test]
fn doctor_finds_a_pam_faillock_that_lets_a_code_be_spent() {
    let mut site = Site::of(Fixture::builder());
    site.service(SERVICE, REQUIRED_PREAUTH);
    let found = site.doctor(&["--service", SERVICE]).all();
    let names_it = found.iter().any(|finding| finding["what"].to_string().contains("pam_faillock"));
    assert!(names_it, "{found:#?}");
}

#[test]
fn doctor_finds_a_password_line_that_lets_a_code_be_spent() {
    let mut site = Site::of(Fixture::builder());
    site.service(SERVICE, "auth required pam_unix.so\nauth required TOTP");
    let found = site.doctor(&["--service", SERVICE]).all();
    let names_it = found.iter().any(|finding| finding["what"].to_string().contains("pam_unix"));
    assert!(names_it, "{found:#?}");
}

#[test]
fn doctor_finds_no_fault_where_pam_faillock_ends_the_login() {
    let mut site = Site::of(Fixture::builder());
    site.service(SERVICE, &REQUIRED_PREAUTH.replace("required pam_faillock.so", "requisite pam_faillock.so"));
    site.assert_sound(&[SERVICE]);
}

#[test]
fn by_the_documented_stack_a_locked_account_is_not_asked() {
    let site = documented();
    lock_at(&site, DOCUMENTED_SERVICE);
    let outcome = login_at(&site, DOCUMENTED_SERVICE).types(PASSWORD).types(site.fixture.code("alice")).run();
    assert!(outcome.code != PamCode::SUCCESS && !outcome.asked().contains(&PROMPT), "{outcome:?}");
    site.assert_sound(&[DOCUMENTED_SERVICE]);
}

#[test]
fn by_the_documented_stack_the_code_of_a_locked_account_stays_good() {
    let mut site = documented();
    lock_at(&site, DOCUMENTED_SERVICE);
    let code = site.fixture.code("alice");
    let refused = login_at(&site, DOCUMENTED_SERVICE).types(PASSWORD).types(&code).run();
    assert_ne!(refused.code, PamCode::SUCCESS);
    site.shell("faillock --user alice --reset");
    let outcome = login_at(&site, DOCUMENTED_SERVICE).types(PASSWORD).types(&code).run();
    assert_eq!(outcome.code, PamCode::SUCCESS, "{outcome:?}");
}

const SERVICE: &str = "with-faillock";
/// The service of the block in docs/stacks.md.
const DOCUMENTED_SERVICE: &str = "login";
/// The form of the second example in pam_faillock(8), with the module where a second factor goes.
const REQUIRED_PREAUTH: &str = "auth required pam_faillock.so preauth silent deny=3\n\
    auth [success=1 default=ignore] pam_unix.so nodelay\nauth [default=die] pam_faillock.so authfail deny=3\n\
    auth required TOTP";

fn documented() -> Site {
    let mut site = Site::of(Fixture::builder());
    site.follows(&block("faillock"));
    site
}

fn login(site: &Site) -> Login {
    login_at(site, SERVICE)
}

fn login_at(site: &Site, service: &str) -> Login {
    Login { confdir: PathBuf::from("/etc/pam.d"), ..site.fixture.login_at(service, "alice") }
}

fn lock(site: &Site) {
    lock_at(site, SERVICE);
}

/// Three wrong passwords.
fn lock_at(site: &Site, service: &str) {
    for _ in 0..3 {
        assert_ne!(login_at(site, service).types("not the password").run().code, PamCode::SUCCESS);
    }
}
