//! pam_totp(8) names every argument, PAM code and reason of a refusal, and no others; its example lines are valid.

use crate::login_audit;
use crate::messages::{PROMPT, PROMPT_LOCKED, PROMPT_LOCKED_ALONE, PROMPT_WITH_PASSWORD};
use crate::outcome::{EnrolmentAborted, FAIL_AT_MAXTRIES, Unanswered};
use manual::{PAGES, Part, every, page};
use std::collections::BTreeSet;
use totp_core::account_recovery::TokenRefused;
use totp_core::audit_event::{self, Event, Name};
use totp_core::enrolment::draft::NotConfirmed;
use totp_core::factor::ClockOff;
use totp_core::login::{Reason, Unrecorded};
use totp_core::module_arguments::Arguments;
use totp_core::time::Seconds;

/// The first word of each item, each once.
fn words(part: &Part) -> BTreeSet<String> {
    let items = part.items();
    let words: BTreeSet<String> = items.iter().map(|item| item.marked[0].1.clone()).collect();
    assert_eq!(words.len(), items.len(), "an item is there twice");
    words
}

/// The arguments, from the arms of the one match that reads them: name, and whether a value belongs to it.
fn arguments() -> BTreeSet<(String, bool)> {
    let source = include_str!("../../crates/totp-core/src/module_arguments.rs");
    let arms = source.lines().filter_map(|line| line.trim().strip_prefix("(b\""));
    let read: BTreeSet<(String, bool)> = arms
        .filter_map(|arm| {
            let (name, rest) = arm.split_once('"')?;
            Some((name.to_owned(), rest.starts_with(", Some(")))
        })
        .collect();
    assert!(read.len() >= 10, "the match was not found: {read:?}");
    read
}

#[test]
fn the_page_has_every_argument_and_no_other() {
    let page = page("pam_totp.8").section("ARGUMENTS");
    let listed: BTreeSet<(String, bool)> =
        page.items().iter().map(|item| (item.marked[0].1.clone(), item.head.contains('='))).collect();
    assert_eq!(listed, arguments());
    for item in page.items() {
        assert!(item.body.contains("Default: "), "{}", item.head);
    }
    let synopsis = manual::page("pam_totp.8").section("SYNOPSIS").marked("Cm");
    for (name, _) in arguments() {
        assert!(synopsis.contains(&name), "the synopsis lacks {name}");
    }
}

#[test]
fn the_error_about_an_unknown_argument_names_those_that_are_known() {
    let error = Arguments::parse(&["wat"]).unwrap_err().to_string();
    let (_, known) = error.split_once("known are ").unwrap();
    let known: BTreeSet<(String, bool)> = known
        .split(", ")
        .map(|word| (word.split('=').next().unwrap().to_owned(), word.contains('=')))
        .collect();
    assert_eq!(known, arguments());
}

#[test]
fn the_page_shows_the_default_prompts() {
    let page = page("pam_totp.8").section("ARGUMENTS").text();
    for prompt in [PROMPT, PROMPT_WITH_PASSWORD, PROMPT_LOCKED, PROMPT_LOCKED_ALONE] {
        assert!(page.contains(prompt), "{prompt}");
    }
}

#[test]
fn every_argument_that_a_page_names_exists() {
    let known = arguments();
    let is_known = |word: &String| known.iter().any(|(name, _)| name == word);
    for name in PAGES {
        // The synopsis begins as the lines in a service file do.
        let line = ["auth", "required", "account", "optional", "pam_totp.so", "=", "|"];
        let unknown: Vec<String> = page(name)
            .marked("Cm")
            .into_iter()
            .filter(|word| !is_known(word) && !line.contains(&word.as_str()))
            .collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
    }
}

#[test]
fn every_line_that_the_page_shows_is_valid() {
    let mut lines = 0;
    for line in page("pam_totp.8").displays().concat() {
        let Some((control, arguments)) = line.split_once("pam_totp.so").filter(|_| line.starts_with("auth "))
        else {
            continue;
        };
        assert_eq!(control.split_whitespace().collect::<Vec<_>>(), ["auth", "required"]);
        // pam.conf(5): brackets hold an argument with blanks together.
        let mut rest = arguments.trim();
        let mut words = Vec::new();
        while !rest.is_empty() {
            let (word, behind) = match rest.strip_prefix('[') {
                Some(inner) => inner.split_once(']').unwrap(),
                None => rest.split_once(' ').unwrap_or((rest, "")),
            };
            words.push(word);
            rest = behind.trim_start();
        }
        assert!(Arguments::parse(&words).is_ok(), "{line}");
        lines += 1;
    }
    assert!(lines >= 5, "{lines}");
}

#[test]
fn the_page_has_every_pam_code_and_no_other() {
    let (table, _) = include_str!("outcome.rs").split_once("#[cfg(test)]").unwrap();
    let (_, table) = table.split_once("impl From<Outcome> for PamResultCode").unwrap();
    let code = |word: &str| {
        word.split(|char: char| !char.is_ascii_uppercase() && char != '_').next().unwrap().to_owned()
    };
    let codes: BTreeSet<String> =
        table.split("Self::").skip(1).map(code).filter(|word| word.starts_with("PAM_")).collect();
    assert!(codes.contains("PAM_SUCCESS"));
    assert_eq!(words(&page("pam_totp.8").section("RETURN VALUES OF THE MODULE")), codes);
}

#[test]
fn the_page_names_the_services_that_do_not_get_maxtries() {
    let items = page("pam_totp.8").section("RETURN VALUES OF THE MODULE").items();
    let maxtries = items.iter().find(|item| item.marked[0].1 == "PAM_MAXTRIES").unwrap();
    assert!(maxtries.body.contains(&FAIL_AT_MAXTRIES.join(", ")), "{}", maxtries.body);
}

#[test]
fn the_page_has_every_reason_of_a_refusal_and_no_other() {
    let wait = Seconds(1);
    let reasons = every!(Reason:
        Reason::Wrong => Reason::Wrong,
        Reason::ClockOff(_) => Reason::ClockOff(ClockOff { steps: 2, seconds: 60 }),
        Reason::Replayed => Reason::Replayed,
        Reason::ClockBack(_) => Reason::ClockBack(wait),
        Reason::BeforeBoot(_) => Reason::BeforeBoot(wait),
        Reason::CounterEnded => Reason::CounterEnded,
        Reason::OutOfStep => Reason::OutOfStep,
        Reason::Malformed => Reason::Malformed,
        Reason::Limited(_) => Reason::Limited(wait),
        Reason::Locked(_) => Reason::Locked(wait),
        Reason::Disabled => Reason::Disabled,
        Reason::OverBudget => Reason::OverBudget,
        Reason::NotEnrolled => Reason::NotEnrolled,
        Reason::UnknownUser => Reason::UnknownUser,
        Reason::Busy => Reason::Busy,
    );
    let unanswered = every!(Unanswered:
        Unanswered::Late => Unanswered::Late,
        Unanswered::Conversation => Unanswered::Conversation,
        Unanswered::RecoveryCode => Unanswered::RecoveryCode,
    );
    let enrolment_aborted = every!(EnrolmentAborted:
        EnrolmentAborted::Cancelled => EnrolmentAborted::Cancelled,
        EnrolmentAborted::Limited(_) => EnrolmentAborted::Limited(wait),
        EnrolmentAborted::NotConfirmed(NotConfirmed::Malformed { .. }) => {
            EnrolmentAborted::NotConfirmed(NotConfirmed::Malformed { digits: 6 })
        },
        EnrolmentAborted::NotConfirmed(NotConfirmed::Wrong) => EnrolmentAborted::NotConfirmed(NotConfirmed::Wrong),
        EnrolmentAborted::NotConfirmed(NotConfirmed::ClockOff(_)) => {
            EnrolmentAborted::NotConfirmed(NotConfirmed::ClockOff(ClockOff { steps: 2, seconds: 60 }))
        },
        EnrolmentAborted::Late => EnrolmentAborted::Late,
        EnrolmentAborted::Conversation => EnrolmentAborted::Conversation,
        EnrolmentAborted::Meanwhile => EnrolmentAborted::Meanwhile,
        EnrolmentAborted::NotAuthorised(_) => EnrolmentAborted::NotAuthorised(TokenRefused::Missing),
        EnrolmentAborted::KeysRotated => EnrolmentAborted::KeysRotated,
    );
    let logged = enrolment_aborted.into_iter().map(|why| {
        let line = login_audit::enrolment_aborted(Event::new(Name::Refused), why).to_string();
        let fields = audit_event::fields(&line).unwrap();
        fields.into_iter().find(|(key, _)| *key == "reason").unwrap().1
    });
    let mut all: BTreeSet<String> = logged.collect();
    all.insert(Unrecorded::REASON.to_owned());
    all.extend(unanswered.into_iter().map(|why| why.as_str().to_owned()));
    all.extend(reasons.into_iter().map(|reason| reason.as_str().to_owned()));
    assert_eq!(words(&page("pam_totp.8").section("LOG").subsection("Reasons of a refusal")), all);
}
