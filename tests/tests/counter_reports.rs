//! What `status`, `list`, `explain` and `doctor` say of a counter token: where its counter is, and what its owner has to do.

use acceptance::counter_token::{CounterToken, LAST};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::site::Site;

#[test]
fn the_next_counter_and_the_look_ahead_are_shown() {
    let fixture = Fixture::builder().account("alice").config("[hotp]\nlook_ahead = 3").build();
    let fob = CounterToken::random();
    fob.enrol(&fixture, "alice", None, 5);
    let counter = |fixture: &Fixture| {
        let status = fixture.totp_enroll(&["--json", "status", "alice"]).json();
        status["authenticators"][0]["counter"].clone()
    };
    assert_eq!(counter(&fixture), serde_json::json!({"next": 5, "look_ahead": 3, "state": "in_step"}));
    assert_eq!(fixture.login("alice").types(fob.press(8)).code(), PamCode::SUCCESS);
    assert_eq!(counter(&fixture)["next"], 9);
    let said = |arguments: &[&str]| fixture.totp_enroll(arguments).stdout;
    let status = said(&["status", "alice"]);
    assert!(status.contains("hotp, SHA1, 6 digits, next counter 9, look-ahead 3, "), "{status}");
    assert!(said(&["list"]).contains("oath (hotp)  "), "{}", said(&["list"]));
    let explained = said(&["explain", "alice", "--service", "sshd"]);
    assert!(explained.contains("authenticators: oath (hotp)\n"), "{explained}");
}

#[test]
fn the_whole_look_ahead_counts_as_codes_that_are_right_at_once() {
    for (config, one_try, tries) in [("", 11_000, 36), ("[hotp]\nlook_ahead = 50", 51_000, 7)] {
        let fixture = Fixture::builder().config(config).build();
        CounterToken::random().enrol(&fixture, "alice", None, 5);
        let status = fixture.totp_enroll(&["--json", "status", "alice"]).json();
        assert_eq!(status["budget"]["one_try"], one_try, "{config} {status}");
        assert_eq!(status["budget"]["tries"], tries, "{config} {status}");
    }
}

#[test]
fn a_token_out_of_step_is_shown_until_two_codes_were_accepted() {
    let site = Site::new();
    let fixture = &site.fixture;
    let fob = CounterToken::random();
    fob.enrol(fixture, "bob", None, 5);
    assert_said(&site, "in_step", "oath (hotp)  ", None);
    fixture.totp_enroll(&["--json", "restored", "--yes", "--force"]).assert_done();
    assert_said(&site, "out_of_step", "oath (hotp, out of step)", Some("type \"sync\""));
    site.doctor(&[]).assert_found(
        "info",
        "out_of_step",
        "1 counter token needs two codes once: \"oath\" of bob",
    );
    let pair = fixture.login("bob").types(fob.presses(7, 1).join(" "));
    assert_eq!(pair.code(), PamCode::SUCCESS);
    assert_said(&site, "in_step", "oath (hotp)  ", None);
}

#[test]
fn a_token_at_the_end_of_its_counter_is_shown() {
    let site = Site::new();
    let fob = CounterToken::random();
    fob.enrol(&site.fixture, "bob", None, LAST);
    assert_said(&site, "in_step", "oath (hotp)  ", None);
    assert_eq!(site.fixture.login("bob").types(fob.press(LAST)).code(), PamCode::SUCCESS);
    assert_said(&site, "counter_ended", "oath (hotp, ended)", Some("no further code"));
    let finding = "1 counter token has no further code: \"oath\" of bob";
    site.doctor(&[]).assert_found("warning", "counter_ended", finding);
}

#[test]
fn a_risk_under_which_no_code_of_a_token_is_checked_is_found() {
    let finding = |risk: &str| {
        let site = Site::of(Fixture::builder().config(&format!("[limit]\nyearly_risk = {risk}")));
        CounterToken::random().enrol(&site.fixture, "bob", None, 5);
        site.doctor(&[])
    };
    finding("0.0000274").assert_found("warning", "counter_never_checked", "with a counter token: bob");
    let enough = finding("0.0000275");
    assert_eq!(enough.named("counter_never_checked"), [] as [serde_json::Value; 0]);
}

/// What each report says: the state in JSON, the name in a list, and what to do.
fn assert_said(site: &Site, state: &str, listed: &str, what_to_do: Option<&str>) {
    let said = |arguments: &[&str]| site.fixture.totp_enroll(arguments).stdout;
    let status = site.fixture.totp_enroll(&["--json", "status", "bob"]).json();
    let shown = status.pointer("/authenticators/0/counter/state").and_then(serde_json::Value::as_str);
    assert_eq!(shown, Some(state), "{status}");
    assert!(said(&["list"]).contains(listed), "{}", said(&["list"]));
    for text in [said(&["status", "bob"]), said(&["explain", "bob", "--service", "sshd"])] {
        match what_to_do {
            Some(what) => assert!(text.contains(what), "{text}"),
            None => assert!(!text.contains("sync") && !text.contains("no further code"), "{text}"),
        }
    }
}
