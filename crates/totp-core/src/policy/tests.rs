//! What each rule of the policy decides, and of whom none does.

use super::*;
use crate::time::Date;

const NOW: u64 = 1_800_000_000;

/// Someone who is known and enrolled, and of whom nothing else is known.
fn input() -> PolicyInput {
    PolicyInput {
        known: true,
        groups: Ok(Vec::new()),
        address: None,
        security_key: false,
        introduced: false,
        may_converse: true,
        enrolled: Some(true),
        reset: false,
        since_code: None,
        remembered: false,
        now: NOW,
    }
}

fn policy() -> Policy {
    Policy::strict()
}

fn decision(policy: &Policy, input: &PolicyInput) -> String {
    match policy.decide(input) {
        Decision::Ask => "ask".to_owned(),
        Decision::Recognised => "recognised".to_owned(),
        Decision::Exempt(exemption) => match exemption.why() {
            Exempted::Exempt(rule) => format!("exempt by {rule}"),
            Exempted::Fresh(age) => format!("fresh {age}"),
            Exempted::SecurityKey => "security key".to_owned(),
            Exempted::RememberedDevice(_) => "remembered without a record".to_owned(),
        },
        Decision::NotYetRequired(unenrolled) => format!("let past {:?}", unenrolled.days_left()),
        Decision::Enroll(excuse) => format!("enroll {:?}", excuse.map(|excuse| excuse.days_left())),
    }
}

fn day(after_today: u64) -> Option<Date> {
    Some(Date::of(NOW + after_today * 86400))
}

fn over() -> Option<Date> {
    Some(Date::of(NOW - 86400))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn nothing_set_asks_everybody_whatever_is_known() {
    let everything = PolicyInput {
        groups: Ok(names(&["wheel"])),
        address: "192.0.2.1".parse().ok(),
        security_key: true,
        introduced: true,
        since_code: Some(Seconds(0)),
        remembered: true,
        ..input()
    };
    for enrolled in [None, Some(true), Some(false)] {
        assert_eq!(decision(&policy(), &PolicyInput { enrolled, ..everything.clone() }), "ask");
    }
    assert!(!policy().depends_on_enrolment());
}

#[test]
fn no_rule_exempts_an_account_that_does_not_exist() {
    let lax = Policy {
        exempt_networks: vec![Network::parse("0.0.0.0/0").unwrap()],
        exempt_groups: names(&["all"]),
        groups: names(&["some"]),
        enroll_by: day(9),
        enroll_at_login: true,
        nullok: true,
        fresh: Seconds(900),
        ssh_security_keys: true,
        ..policy()
    };
    let stranger = PolicyInput {
        known: false,
        groups: Ok(names(&["all"])),
        address: "192.0.2.1".parse().ok(),
        security_key: true,
        introduced: true,
        enrolled: Some(false),
        since_code: Some(Seconds(0)),
        remembered: true,
        ..input()
    };
    assert_eq!(decision(&lax, &stranger), "ask");
}

#[test]
fn a_network_exempts_who_comes_from_it() {
    let policy = Policy { exempt_networks: vec![Network::parse("192.0.2.0/24").unwrap()], ..policy() };
    let from = |address: &str| PolicyInput { address: address.parse().ok(), ..input() };
    assert_eq!(decision(&policy, &from("192.0.2.9")), "exempt by require.exempt_networks");
    assert_eq!(decision(&policy, &from("198.51.100.1")), "ask");
    assert_eq!(decision(&policy, &input()), "ask");
}

#[test]
fn groups_say_who_must_and_who_need_not() {
    let of = |groups: &[&str]| PolicyInput { groups: Ok(names(groups)), ..input() };
    let some = Policy { groups: names(&["staff", "wheel"]), ..policy() };
    assert_eq!(decision(&some, &of(&["wheel"])), "ask");
    assert_eq!(decision(&some, &of(&[])), "exempt by require.groups");
    let but = Policy { exempt_groups: names(&["robots"]), ..policy() };
    assert_eq!(decision(&but, &of(&["robots"])), "exempt by require.exempt_groups");
    assert_eq!(decision(&but, &of(&[])), "ask");
    let both = Policy { groups: names(&["staff"]), exempt_groups: names(&["robots"]), ..policy() };
    assert_eq!(decision(&both, &of(&["robots", "staff"])), "exempt by require.exempt_groups");
    assert_eq!(decision(&both, &of(&["staff"])), "ask");
}

#[test]
fn groups_that_could_not_be_looked_up_exempt_nobody() {
    let unclear = PolicyInput { groups: Err("there is no group \"staff\"".to_owned()), ..input() };
    for policy in [
        Policy { groups: names(&["staff"]), ..policy() },
        Policy { exempt_groups: names(&["staff"]), ..policy() },
    ] {
        assert_eq!(decision(&policy, &unclear), "ask");
    }
}

#[test]
fn a_security_key_satisfies_where_that_is_accepted() {
    let key = PolicyInput { security_key: true, enrolled: None, ..input() };
    let accepting = Policy { ssh_security_keys: true, ..policy() };
    assert_eq!(decision(&accepting, &key), "security key");
    assert_eq!(decision(&accepting, &input()), "ask");
}

#[test]
fn who_is_not_enrolled_is_let_past_enrolled_or_asked() {
    // nullok, enroll_by, enroll_at_login, a first factor is known, more may be said and asked: what comes of it
    let table = [
        (false, None, false, true, true, "ask"),
        (true, None, false, false, true, "let past None"),
        (false, day(3), false, false, true, "let past Some(3)"),
        (false, day(0), false, false, true, "let past Some(0)"),
        (false, over(), false, false, true, "ask"),
        (true, day(3), false, false, true, "let past Some(3)"),
        (true, over(), false, false, true, "ask"),
        (false, None, true, true, true, "enroll None"),
        (false, None, true, false, true, "ask"),
        (false, None, true, true, false, "ask"),
        (true, None, true, true, true, "enroll Some(None)"),
        (true, None, true, false, true, "let past None"),
        (true, None, true, true, false, "let past None"),
        (false, day(3), true, true, true, "enroll Some(Some(3))"),
        (false, day(3), true, false, true, "let past Some(3)"),
        (false, day(3), true, true, false, "let past Some(3)"),
        (false, over(), true, true, true, "enroll None"),
        (true, over(), true, true, true, "enroll None"),
        (false, over(), true, false, true, "ask"),
        (false, over(), true, true, false, "ask"),
    ];
    for (nullok, enroll_by, enroll_at_login, introduced, may_converse, outcome) in table {
        let policy = Policy { nullok, enroll_by, enroll_at_login, ..policy() };
        let fixture = format!("{policy:?}, introduced: {introduced}, may_converse: {may_converse}");
        let input = PolicyInput { introduced, may_converse, ..input() };
        assert_eq!(
            decision(&policy, &PolicyInput { enrolled: Some(false), ..input.clone() }),
            outcome,
            "{fixture}"
        );
        assert_eq!(decision(&policy, &input), "ask", "enrolled: {fixture}");
        assert_eq!(
            decision(&policy, &PolicyInput { enrolled: None, ..input }),
            "ask",
            "not known: {fixture}"
        );
        assert_eq!(policy.depends_on_enrolment(), nullok || enroll_by.is_some() || enroll_at_login);
    }
}

#[test]
fn a_code_of_this_session_lasts_for_its_time_and_no_second_longer() {
    let policy = Policy { fresh: Seconds(900), ..policy() };
    let aged = |age| PolicyInput { since_code: Some(Seconds(age)), ..input() };
    assert_eq!(decision(&policy, &aged(0)), "fresh 0s");
    assert_eq!(decision(&policy, &aged(899)), "fresh 899s");
    assert_eq!(decision(&policy, &aged(900)), "ask");
    assert_eq!(decision(&policy, &input()), "ask");
    assert!(policy.depends_on_enrolment());
    assert_eq!(
        decision(&policy, &PolicyInput { enrolled: Some(false), ..aged(0) }),
        "ask",
        "no longer enrolled"
    );
}

#[test]
fn a_remembered_device_is_recognised_where_devices_are_remembered() {
    let known = PolicyInput { remembered: true, ..input() };
    for mode in [RememberMode::Ask, RememberMode::Always] {
        let policy = Policy { remember: RememberRules { mode, ..RememberRules::OFF }, ..policy() };
        assert_eq!(decision(&policy, &known), "recognised");
        assert_eq!(decision(&policy, &input()), "ask");
        assert!(policy.depends_on_enrolment());
    }
}

#[test]
fn every_rule_says_why() {
    let policy = Policy { fresh: Seconds(900), ..policy() };
    let input = PolicyInput { since_code: Some(Seconds(1000)), ..input() };
    let findings: Vec<Finding> = policy.findings(&input).collect();
    assert_eq!(findings.len(), 9);
    assert!(findings.iter().all(|finding| !finding.why.is_empty()));
    let fresh = findings.iter().find(|finding| finding.rule == "fresh.for").unwrap();
    assert_eq!(fresh.why, "the last code of this login session is 1000s old, and the limit is 15m");
}

#[test]
fn a_reset_lets_nobody_past_and_enrols_nobody_by_itself() {
    let lax = Policy { nullok: true, enroll_at_login: true, enroll_by: day(9), ..policy() };
    let input = PolicyInput { introduced: true, enrolled: Some(false), ..input() };
    for policy in
        [lax.clone(), Policy { enroll_at_login: false, ..lax.clone() }, Policy { enroll_by: None, ..lax }]
    {
        assert_ne!(decision(&policy, &input), "ask");
        assert_eq!(decision(&policy, &PolicyInput { reset: true, ..input.clone() }), "ask");
        let enrolled = PolicyInput { reset: true, enrolled: Some(true), ..input.clone() };
        assert_eq!(decision(&policy, &enrolled), "ask");
    }
}

#[test]
fn a_reset_asks_no_more_of_whom_a_rule_exempts() {
    let policy = Policy { exempt_groups: names(&["robots"]), ..policy() };
    let input = PolicyInput { reset: true, enrolled: Some(false), groups: Ok(names(&["robots"])), ..input() };
    assert_eq!(decision(&policy, &input), "exempt by require.exempt_groups");
}
