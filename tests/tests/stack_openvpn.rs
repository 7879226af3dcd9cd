//! OpenVPN's PAM plugin with the lines of `docs/stacks.md`: a real server and a real client.

use acceptance::login::PROMPT;
use acceptance::machine::PASSWORD;
use acceptance::site::Site;
use acceptance::stacks::block;
use acceptance::terminal::Terminal;
use acceptance::vpn::{CONNECTED, REFUSED, Vpn};
use serde_json::Value;

/// OpenVPN ends the question in its own way.
fn asked_for_a_code() -> String {
    format!("CHALLENGE: {}", PROMPT.trim_end_matches(": "))
}

#[test]
fn openvpn_asks_for_a_password_and_a_code() {
    let (site, vpn) = with_a_challenge();
    site.assert_sound(&["openvpn"]);
    let mut client = calls_in(&vpn, "openvpn-client", PASSWORD);
    client.expect(&asked_for_a_code());
    client.types(&site.fixture.code("alice"));
    client.expect(CONNECTED);
    let event = site.fixture.journal.last();
    assert_eq!((event.module.as_str(), event.what().as_str()), ("pam_totp(openvpn:auth)", "accepted"));
    assert_eq!(event.field("rhost"), "127.0.0.1");
}

#[test]
fn openvpn_needs_both_the_password_and_the_code() {
    let (site, vpn) = with_a_challenge();
    for (password, code) in [(PASSWORD, "000"), ("not the password", site.fixture.code("alice").as_str())] {
        let mut client = calls_in(&vpn, "openvpn-client", password);
        client.expect(&asked_for_a_code());
        client.types(code);
        client.expect(REFUSED);
    }
}

#[test]
fn openvpn_stays_connected_when_keys_are_renegotiated() {
    let (site, vpn) = with_a_challenge();
    let mut client = calls_in(&vpn, "openvpn-client", PASSWORD);
    client.expect(&asked_for_a_code());
    client.types(&site.fixture.code("alice"));
    client.expect(CONNECTED);
    // Whichever side begins an exchange, the client looks at the server's certificate in each. The second comes after a good one.
    client.expect("VERIFY OK: depth=0, CN=server");
    client.expect("VERIFY OK: depth=0, CN=server");
    assert!(!client.screen().contains(REFUSED), "{}", client.screen());
    assert_eq!(site.fixture.journal.events().len(), 1, "the code was asked for once");
}

#[test]
fn openvpn_takes_password_and_code_in_one_answer() {
    let mut site = Site::by(&["openvpn-one-answer"]);
    // What the server cannot do better: it asks once, and bots ask too.
    let found = site.doctor(&["--service", "openvpn"]);
    found.assert_found("warning", "guessed_before_password", "before a first factor");
    assert_eq!(found.all().len(), 1);
    let vpn = site.fixture.vpn(&block("openvpn-one-answer-server").lines);
    let mut client = calls_in(&vpn, "openvpn-one-answer-client", PASSWORD);
    client.expect(REFUSED);
    let code = site.fixture.code("alice");
    let mut client = calls_in(&vpn, "openvpn-one-answer-client", &format!("not the password{code}"));
    client.expect(REFUSED);
    assert_eq!(known_places(&site), 0, "the password was wrong");
    // That code is spent.
    let code = site.fixture.authenticator("alice").code_in(1);
    let mut client = calls_in(&vpn, "openvpn-one-answer-client", &format!("{PASSWORD}{code}"));
    client.expect(CONNECTED);
    assert_eq!(site.fixture.journal.last().module, "pam_totp(openvpn:auth)");
    assert_eq!(known_places(&site), 1);
}

fn known_places(site: &Site) -> usize {
    let status = site.fixture.totp_enroll(&["--json", "status", "alice"]).json();
    let sources = status.get("sources").and_then(Value::as_array).into_iter().flatten();
    sources.filter(|source| source.get("kind").is_some_and(|kind| kind == "address")).count()
}

fn with_a_challenge() -> (Site, Vpn) {
    let mut site = Site::by(&["openvpn"]);
    let vpn = site.fixture.vpn(&block("openvpn-server").lines);
    (site, vpn)
}

/// Alice, at her terminal, with this password.
fn calls_in(vpn: &Vpn, lines: &str, password: &str) -> Terminal {
    let mut client = vpn.client(&block(lines).lines);
    client.expect("Enter Auth Username:");
    client.types("alice");
    client.expect("Enter Auth Password:");
    client.types(password);
    client
}
