//! polkit with the lines of `docs/stacks.md` in Debian's own service file: the real polkitd, pkexec and agent.

use acceptance::login::PROMPT;
use acceptance::polkit::Polkit;
use acceptance::site::Site;

#[test]
fn polkit_asks_for_the_password_and_a_code_of_an_administrator() {
    let mut polkit = Polkit::of(Site::by(&["polkit"]));
    polkit.site.assert_sound(&["polkit-1"]);
    let code = polkit.site.fixture.code("bob");
    let mut shell = polkit.alice_calls_pkexec();
    shell.expect(PROMPT);
    shell.expect_no_echo();
    shell.types(&code);
    shell.expect("ran as 0");
    let event = polkit.site.fixture.journal.last();
    let fields = (event.module.as_str(), event.field("event"), event.field("user"));
    assert_eq!(fields, ("pam_totp(polkit-1:auth)", "accepted", "bob"));
}

#[test]
fn polkit_runs_nothing_by_the_password_alone() {
    let mut polkit = Polkit::of(Site::by(&["polkit"]));
    let mut shell = polkit.alice_calls_pkexec();
    shell.expect(PROMPT);
    shell.expect_no_echo();
    shell.types("");
    shell.expect("did not run");
    assert!(!shell.screen().contains("ran as 0"), "{}", shell.screen());
}
