//! What a login tells the user, and what it keeps to itself.

use super::*;
use totp_core::factor::{ClockOff, FactorKind};
use totp_core::ledger::LastLogin;

#[test]
fn a_refusal_says_how_long_to_wait() {
    let said =
        |reason: Reason, next_code| refusal(&Refusal { next_code, ..reason.into() }, &with_arguments(&[]));
    assert_eq!(
        said(Reason::Replayed, Some(Seconds(12))).unwrap(),
        "That code was used already; wait 12 seconds for the next one."
    );
    assert!(said(Reason::Replayed, Some(Seconds(0))).unwrap().contains("shows now"));
    assert!(said(Reason::Replayed, None).unwrap().contains("used already; take another"));
    assert!(said(Reason::OutOfStep, None).unwrap().contains("type \"sync\" in place of a code"));
    assert!(said(Reason::CounterEnded, None).unwrap().contains("Ask the administrator for another"));
    assert!(said(Reason::Locked(Seconds(121)), None).unwrap().contains("in 3 minutes. A recovery code"));
    for silent in [
        Reason::Wrong,
        Reason::ClockOff(ClockOff { steps: 3, seconds: 90 }),
        Reason::UnknownUser,
        Reason::Malformed,
    ] {
        assert_eq!(said(silent, None), None, "{silent:?}");
    }
}

#[test]
fn a_wrong_code_and_one_of_another_time_are_answered_alike() {
    let reasons = [Reason::Wrong, Reason::ClockOff(ClockOff { steps: 3, seconds: 90 })];
    let after = |token: Option<TokenAdvice>, lock: Option<Seconds>, arguments: &[&str]| {
        let said = reasons
            .map(|reason| refusal(&Refusal { token, lock, ..reason.into() }, &with_arguments(arguments)));
        assert_eq!(said[0], said[1], "{token:?}");
        said[0].clone().unwrap_or_default()
    };
    let ahead = Some(TokenAdvice::MayBeAhead);
    let said = after(ahead, None, &[]);
    assert!(said.contains("token with a button, log in again, type \"sync\" in place of a code"), "{said}");
    assert!(after(ahead, None, &["try_first_pass"]).contains("type \"sync\" in place of a code"));
    assert!(
        after(ahead, None, &["forward_pass"]).contains("type your password and right behind it \"sync\"")
    );
    assert!(after(ahead, None, &["use_first_pass"]).contains("with a blank between them"));
    assert_eq!(after(ahead, None, &["use_first_pass", "forward_pass"]), "", "it cannot be done there");
    assert_eq!(after(ahead, Some(Seconds(60)), &[]), "", "two codes do not help during a lock");
    assert_eq!(after(None, None, &[]), "");
    for (unusable, reason) in
        [(Unusable::OutOfStep, Reason::OutOfStep), (Unusable::Ended, Reason::CounterEnded)]
    {
        let alone = refusal(&reason.into(), &with_arguments(&[])).unwrap();
        // Beside a phone it may have been a mistyped code of that.
        let expected = alone.replace("This token", "If that code came from a token with a button, it");
        assert_eq!(after(Some(TokenAdvice::Unusable(unusable)), None, &[]), expected);
    }
}

fn with_arguments(words: &[&str]) -> Arguments {
    Arguments::parse(words).unwrap()
}

#[test]
fn only_what_the_user_has_to_check_is_shown() {
    let login = |method| Some(LastLogin { at: 1000, method });
    let said =
        |login, wrong, device| since(&SinceLast { login, wrong, device, ..SinceLast::default() }, 8200);
    assert_eq!(said(login(LoginMethod::Code(FactorKind::Totp)), 0, false), None);
    assert_eq!(
        said(login(LoginMethod::Code(FactorKind::Totp)), 1, true).unwrap(),
        "Last login: 2 hours ago with a code. Since then: 1 wrong code, a device was remembered."
    );
    assert_eq!(
        said(login(LoginMethod::RecoveryCode), 0, false).unwrap(),
        "Last login: 2 hours ago with a recovery code."
    );
    assert_eq!(
        said(None, 2, false).unwrap(),
        "This is the first login with a code. Since then: 2 wrong codes."
    );
    assert_eq!(said(None, 0, false), None);
}

#[test]
fn wrong_codes_from_unknown_places_are_told_with_what_to_do() {
    let login = Some(LastLogin { at: 1000, method: LoginMethod::Code(FactorKind::Totp) });
    let said = |wrong, foreign, places| {
        let foreign = Some(ForeignTries { wrong: foreign, places });
        since(&SinceLast { login, wrong, foreign, ..SinceLast::default() }, 8200).unwrap()
    };
    assert_eq!(
        said(30, 30, 3),
        "Last login: 2 hours ago with a code. Since then: 30 wrong codes from 3 places; if this goes on, change your password."
    );
    assert!(said(32, 30, 1).contains("Since then: 32 wrong codes, 30 of them from 1 place; if this goes on"));
    assert!(said(9, 9, 1).ends_with("Since then: 9 wrong codes from 1 place."));
}

#[test]
fn a_warning_of_a_reset_says_who_when_and_what_to_do() {
    let said = reset_requested("bob\u{1b}[2J\n", 1000, 8200);
    assert!(
        said.contains("(2 hours ago, by bob\\u{1b}[2J\\n)")
            && said.contains("reset cancel\" or tell an administrator"),
        "{said}"
    );
    assert!(!said.contains(char::is_control), "{said:?}");
}

#[test]
fn only_yes_is_yes() {
    assert!(is_yes(b"y") && is_yes(b" YES "));
    for no in [&b""[..], b"n", b"yy", b"Yeah", b"123456"] {
        assert!(!is_yes(no));
    }
}

#[test]
fn a_length_is_rounded_up_but_not_by_much() {
    for (seconds, said) in [
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (61, "61 seconds"),
        (121, "3 minutes"),
        (129_600, "36 hours"),
        (2_592_000, "30 days"),
    ] {
        assert_eq!(length(Seconds(seconds)), said);
    }
}

#[test]
fn the_last_day_is_named() {
    assert!(reminder(0).contains("today is the last day"));
    assert!(reminder(1).contains("1 day is left"));
    assert!(reminder(5).contains("5 days are left"));
}

#[test]
fn every_recovery_code_has_a_line_of_its_own() {
    let codes = [b"AAAABBBBCCCCDDDD", b"EEEEFFFFGGGGHHHH"].map(|code| Secret::new(code.to_vec()));
    let text = recovery_codes(&codes);
    let text = std::str::from_utf8(text.expose()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1..3], ["  AAAA-BBBB-CCCC-DDDD", "  EEEE-FFFF-GGGG-HHHH"]);
    assert_eq!(lines.len(), 4);
}

#[test]
fn after_a_wrong_code_the_tries_left_are_shown_but_not_the_drift() {
    assert!(not_confirmed(NotConfirmed::Wrong, 4).ends_with(" 4 more tries."));
    let off = not_confirmed(NotConfirmed::ClockOff(ClockOff { steps: -77, seconds: -2310 }), 1);
    assert!(off.ends_with(" One more try.") && !off.contains("77"), "{off}");
}

#[test]
fn the_prompt_asks_for_what_is_to_be_typed() {
    let prompt_of = |words: &[&str]| prompt(&Arguments::parse(words).unwrap()).to_owned();
    assert_eq!(prompt_of(&[]), "Verification code: ");
    assert_eq!(prompt_of(&["forward_pass"]), "Password & verification code: ");
    assert_eq!(prompt_of(&["forward_pass", "prompt=Both: "]), "Both: ");
}
