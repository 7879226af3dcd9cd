//! Cockpit with the lines of `docs/stacks.md`. Its package would open a port, so it is not installed: the service file is
//! written here as Debian ships it, and its login is simulated.

use acceptance::login::{Login, PROMPT, PamCode};
use acceptance::machine::PASSWORD;
use acceptance::site::Site;
use acceptance::stacks::block;
use std::path::PathBuf;

/// Of cockpit-ws 287 and 337, without the session lines.
const SHIPPED: &str = "#%PAM-1.0
auth       required     pam_sepermit.so
auth       substack     common-auth
auth       optional     pam_ssh_add.so
account    required     pam_listfile.so item=user sense=deny file=/etc/cockpit/disallowed-users onerr=succeed
account    required     pam_nologin.so
account    include      common-account
";

#[test]
fn cockpit_asks_for_the_password_and_a_code() {
    let mut site = Site::new();
    site.follows_in(&block("cockpit"), SHIPPED);
    site.assert_sound(&["cockpit"]);
    let login =
        || Login { confdir: PathBuf::from("/etc/pam.d"), ..site.fixture.login_at("cockpit", "alice") };
    let outcome = login().types(PASSWORD).types(site.fixture.code("alice")).run();
    assert_eq!((outcome.code, outcome.asked()), (PamCode::SUCCESS, vec!["Password: ", PROMPT]));
    let code = site.fixture.authenticator("alice").code_in(1);
    for (answers, asked) in
        [([PASSWORD, "000"], &["Password: ", PROMPT][..]), (["not the password", &code], &["Password: "])]
    {
        let outcome = answers.iter().fold(login(), |login, answer| login.types(answer)).run();
        assert_ne!(outcome.code, PamCode::SUCCESS, "{answers:?}");
        assert_eq!(outcome.asked(), asked, "{answers:?}");
    }
}
