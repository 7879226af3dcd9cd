//! The shipped profiles for pam-auth-update, in the stacks that it writes.

#![expect(clippy::expect_used, reason = "a profile that is not there fails the test")]

use acceptance::built;
use acceptance::clock::THEN;
use acceptance::fixture::{Fixture, SERVICE};
use acceptance::login::PamCode;
use std::fs;
use std::path::Path;

#[test]
fn a_right_code_after_a_right_password_lets_in() {
    for profile in PROFILES {
        assert_eq!(
            common_auth(profile, RIGHT).login_with_code_at("alice", THEN).code(),
            PamCode::SUCCESS,
            "{profile}"
        );
    }
}

#[test]
fn a_right_password_does_not_jump_over_the_code() {
    for profile in PROFILES {
        let fixture = common_auth(profile, RIGHT);
        let wrong = fixture.authenticator("alice").wrong_codes_at(1, THEN).remove(0);
        for answer in ["", "hello", &wrong] {
            let code = fixture.login("alice").types(answer).at(THEN).code();
            assert_eq!(code, PamCode::AUTH_ERR, "{profile} {answer:?}");
        }
    }
}

#[test]
fn a_wrong_password_is_not_followed_by_the_question_for_a_code() {
    for profile in PROFILES {
        let outcome = common_auth(profile, WRONG).login_with_code_at("alice", THEN).run();
        assert_ne!(outcome.code, PamCode::SUCCESS, "{profile}");
        assert_eq!(outcome.asked().len(), 0, "{profile}");
    }
}

#[test]
fn only_the_lenient_profile_lets_in_without_enrolment() {
    for (profile, expected) in [("totp", false), ("totp-nullok", true)] {
        let code = common_auth(profile, RIGHT).login("absent").types("123456").code();
        assert_eq!(code == PamCode::SUCCESS, expected, "{profile}: {code:?}");
    }
}

#[test]
fn a_broken_installation_lets_nobody_in() {
    for profile in PROFILES {
        let fixture = common_auth(profile, RIGHT);
        let login = || fixture.login_with_code_at("alice", THEN).code();
        fs::write(fixture.credential("alice"), "oh no").expect("a credential");
        assert_ne!(login(), PamCode::SUCCESS, "{profile}: a broken credential");
        fs::write(fixture.conf(), "oh no").expect("a configuration");
        assert_ne!(login(), PamCode::SUCCESS, "{profile}: a broken configuration");
    }
}

const PROFILES: [&str; 2] = ["totp", "totp-nullok"];

/// In place of pam_unix as a Primary module, with a right and with a wrong password.
const RIGHT: &str = "pam_permit.so";
const WRONG: &str = "pam_deny.so";

/// `common-auth` as pam-auth-update writes it: the Primary block, the line between, the Additional block.
fn common_auth(profile: &str, password: &str) -> Fixture {
    let fixture = Fixture::builder().account("absent").account("alice").enrolled("alice").build();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/pam-configs").join(profile);
    let text = fs::read_to_string(&path).expect("a profile of that name");
    assert!(text.contains("Auth-Type: Additional\n"), "{text}");
    let (_, lines) = text.split_once("Auth:\n").expect("a profile for auth");
    let module = format!("{} conf={}", built::module().display(), fixture.conf().display());
    let line = lines.trim().replace("pam_totp.so", &module);
    let stack = format!(
        "auth [success=1 default=ignore] {password}\nauth requisite pam_deny.so\nauth required pam_permit.so\nauth {line}"
    );
    fixture.service(SERVICE, &stack);
    fixture
}
