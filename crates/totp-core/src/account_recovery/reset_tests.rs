//! Who may take which step of a reset, and when.

use super::super::reset_step::ResetReasonError;
use super::*;
use crate::fixture::{Counter, NOON, alice};
use crate::user::User;
use proptest::prelude::*;
use std::path::Path;

const HOUR: u64 = 3600;
const DAY: u64 = 86400;
const ENROLMENT: ExpectedEnrolment = ExpectedEnrolment::Enrolment(Id::new([1; 16]));

fn person(uid: u32) -> Person {
    Person { uid, name: format!("operator{uid}") }
}

fn rules(approvals: u32) -> ResetRules {
    ResetRules { approvals, ..ResetRules::DEFAULT }
}

fn reason() -> ResetReason {
    ResetReason::parse("the phone is in the river").unwrap()
}

/// Requested by operator 1 at noon.
fn requested(rules: ResetRules) -> Reset {
    Reset::request(&alice(), ENROLMENT, None, (person(1), reason()), rules, NOON).unwrap()
}

fn approve(reset: &mut Reset, uid: u32, now: u64) -> Result<(), ResetError> {
    reset.approve(&alice(), ENROLMENT, person(uid), &rules(0), now)
}

fn stage(reset: &Reset, now: u64) -> Stage {
    reset.stage(&alice(), ENROLMENT, &rules(0), now)
}

fn complete(reset: &mut Reset, now: u64) -> Result<(), ResetError> {
    let done = reset.complete(&alice(), ENROLMENT, &person(1), &rules(0), (now, &mut Counter(1)));
    done.map(drop).map_err(|error| match error {
        CompletionError::Refused(refused) => refused,
        CompletionError::NoEntropy(error) => panic!("{error}"),
    })
}

#[test]
fn a_reset_takes_two_and_time() {
    let mut reset = requested(rules(1));
    assert_eq!(stage(&reset, NOON), Stage::Unapproved(1));
    assert_eq!(complete(&mut reset, NOON + 2 * HOUR), Err(ResetError::Unapproved(1)));
    approve(&mut reset, 2, NOON + 2 * HOUR).unwrap();
    assert_eq!(stage(&reset, NOON + 2 * HOUR), Stage::Cooling(Seconds(HOUR)));
    assert_eq!(complete(&mut reset, NOON + 3 * HOUR - 1), Err(ResetError::Cooling(Seconds(1))));
    assert_eq!(stage(&reset, NOON + 3 * HOUR), Stage::Ready);
    complete(&mut reset, NOON + 3 * HOUR).unwrap();
}

#[test]
fn neither_the_requester_nor_the_owner_nor_root_in_nobodys_name_approves() {
    let mut reset = requested(rules(1));
    assert_eq!(approve(&mut reset, 1, NOON), Err(ResetError::SamePerson));
    assert_eq!(approve(&mut reset, alice().uid.unwrap(), NOON), Err(ResetError::Own));
    assert_eq!(approve(&mut reset, 0, NOON), Err(ResetError::NobodyInPerson));
    assert_eq!(reset.approvals(), []);
}

#[test]
fn the_owner_neither_requests_nor_completes() {
    let owner = person(alice().uid.unwrap());
    let by = (owner.clone(), reason());
    assert_eq!(Reset::request(&alice(), ENROLMENT, None, by, rules(0), NOON), Err(ResetError::Own));
    let mut reset = requested(rules(0));
    let done = reset.complete(&alice(), ENROLMENT, &owner, &rules(0), (NOON + HOUR, &mut Counter(1)));
    assert!(matches!(done, Err(CompletionError::Refused(ResetError::Own))));
}

#[test]
fn the_owner_of_an_account_without_a_uid_is_known_by_name() {
    let account = Account { uid: None, ..alice() };
    let by = |name: &str| (Person { uid: 7, name: name.to_owned() }, reason());
    let request = |name| Reset::request(&account, ENROLMENT, None, by(name), rules(1), NOON);
    assert_eq!(request("alice"), Err(ResetError::Own));
    assert!(request("bob").is_ok());
}

#[test]
fn a_root_shell_requests_and_others_approve() {
    let by = (Person { uid: 0, name: "root".to_owned() }, reason());
    let mut reset = Reset::request(&alice(), ENROLMENT, None, by, rules(1), NOON).unwrap();
    assert_eq!(approve(&mut reset, 0, NOON), Err(ResetError::SamePerson));
    approve(&mut reset, 2, NOON).unwrap();
}

#[test]
fn each_of_several_approvals_is_another_operators_and_the_last_starts_the_cool_down() {
    let mut reset = requested(rules(3));
    for (uid, missing) in [(2, 3), (3, 2), (4, 1)] {
        let now = NOON + u64::from(uid) * HOUR;
        assert_eq!(stage(&reset, now), Stage::Unapproved(missing));
        approve(&mut reset, uid, now).unwrap();
        let again = approve(&mut reset, uid, now);
        assert_eq!(again, Err(ResetError::ApprovedBefore));
    }
    assert_eq!(stage(&reset, NOON + 4 * HOUR), Stage::Cooling(Seconds(HOUR)));
    assert_eq!(approve(&mut reset, 5, NOON + 4 * HOUR), Err(ResetError::Enough));
    assert_eq!(reset.ready_at(&rules(0)), Some(NOON + 5 * HOUR));
}

#[test]
fn without_approvals_the_cool_down_stays() {
    let mut reset = requested(rules(0));
    assert_eq!(complete(&mut reset, NOON + HOUR - 1), Err(ResetError::Cooling(Seconds(1))));
    complete(&mut reset, NOON + HOUR).unwrap();
}

#[test]
fn a_config_that_is_loosened_later_loosens_nothing_and_one_that_is_tightened_tightens() {
    let strict = ResetRules {
        cooldown: Seconds(2 * HOUR),
        approvals: 2,
        expires: Seconds(DAY),
        ..ResetRules::DEFAULT
    };
    let loose =
        ResetRules { cooldown: Seconds(60), approvals: 0, expires: Seconds(9 * DAY), ..ResetRules::DEFAULT };
    for (then, now) in [(strict, loose), (loose, strict)] {
        let mut reset = requested(then);
        let stage = |reset: &Reset, at| reset.stage(&alice(), ENROLMENT, &now, at);
        assert_eq!(reset.approvals_needed(&now), 2);
        assert_eq!(stage(&reset, NOON + HOUR), Stage::Unapproved(2));
        for uid in [2, 3] {
            reset.approve(&alice(), ENROLMENT, person(uid), &now, NOON + HOUR).unwrap();
        }
        assert_eq!(stage(&reset, NOON + HOUR), Stage::Cooling(Seconds(2 * HOUR)));
        assert_eq!(stage(&reset, NOON + DAY - 1), Stage::Ready);
        assert_eq!(stage(&reset, NOON + DAY), Stage::Expired);
        assert_eq!(reset.expires_at(&now), NOON + DAY);
    }
}

#[test]
fn an_expired_request_is_neither_approved_nor_completed_and_another_can_follow() {
    let mut reset = requested(rules(1));
    assert_eq!(approve(&mut reset, 2, NOON + DAY), Err(ResetError::Expired));
    approve(&mut reset, 2, NOON).unwrap();
    assert_eq!(complete(&mut reset, NOON + DAY), Err(ResetError::Expired));
    let by = || (person(3), reason());
    let again = |now| Reset::request(&alice(), ENROLMENT, Some(&reset), by(), rules(1), now);
    assert_eq!(again(NOON + DAY - 1), Err(ResetError::Requested));
    assert_eq!(again(NOON + DAY).unwrap().requested().by, person(3));
}

#[test]
fn an_approval_that_comes_too_late_to_wait_is_refused() {
    let mut reset = requested(rules(2));
    approve(&mut reset, 2, NOON + DAY - 1).unwrap();
    assert_eq!(approve(&mut reset, 3, NOON + DAY - HOUR), Err(ResetError::TooLate));
    approve(&mut reset, 3, NOON + DAY - HOUR - 1).unwrap();
}

#[test]
fn a_reset_of_another_enrolment_or_account_is_void() {
    let mut reset = requested(rules(1));
    let others = [
        ExpectedEnrolment::Enrolment(Id::new([2; 16])),
        ExpectedEnrolment::Unreadable,
        ExpectedEnrolment::Nothing,
    ];
    for other in others {
        assert_eq!(reset.stage(&alice(), other, &rules(0), NOON), Stage::Void);
        let approved = reset.approve(&alice(), other, person(2), &rules(0), NOON);
        assert_eq!(approved, Err(ResetError::Void));
    }
    let made_again = Account { uid: Some(1002), ..alice() };
    assert_eq!(reset.stage(&made_again, ENROLMENT, &rules(0), NOON), Stage::Void);
    let by = (person(3), reason());
    assert!(Reset::request(&alice(), others[0], Some(&reset), by, rules(1), NOON).is_ok());
}

#[test]
fn what_cannot_be_read_or_is_not_there_can_be_reset() {
    for in_place in [ExpectedEnrolment::Unreadable, ExpectedEnrolment::Nothing] {
        let by = (person(1), reason());
        let mut reset = Reset::request(&alice(), in_place, None, by, rules(0), NOON).unwrap();
        assert_eq!(reset.stage(&alice(), in_place, &rules(0), NOON + HOUR), Stage::Ready);
        let clock = (NOON + HOUR, &mut Counter(1) as &mut dyn Entropy);
        assert!(reset.complete(&alice(), in_place, &person(1), &rules(0), clock).is_ok());
    }
}

#[test]
fn a_completion_can_be_given_again_and_its_last_token_is_the_one() {
    let mut reset = requested(rules(0));
    let mut entropy = Counter(1);
    let mut give = |reset: &mut Reset, in_place, now| {
        reset.complete(&alice(), in_place, &person(1), &rules(0), (now, &mut entropy))
    };
    let first = give(&mut reset, ENROLMENT, NOON + HOUR).unwrap();
    // Killed before it withdrew: it is as it was.
    assert_eq!(stage(&reset, NOON + HOUR), Stage::Ready);
    let second = give(&mut reset, ENROLMENT, NOON + HOUR).unwrap();
    // Killed after it withdrew, and before anybody saw the token.
    let third = give(&mut reset, ExpectedEnrolment::Nothing, NOON + HOUR).unwrap();
    let token = reset.token().unwrap();
    let is = [first, second, third].map(|code| token.is(&alice().user, &code));
    assert_eq!(is, [false, false, true]);
    let withdrawn = reset.stage(&alice(), ExpectedEnrolment::Nothing, &rules(0), NOON + HOUR);
    assert_eq!(withdrawn, Stage::Withdrawn(TokenState::Open(Seconds(DAY))));
    // For as long as it was asked for, and no longer.
    assert!(give(&mut reset, ExpectedEnrolment::Nothing, NOON + DAY).is_err());
    let other = ExpectedEnrolment::Enrolment(Id::new([2; 16]));
    assert!(give(&mut reset, other, NOON + HOUR).is_err(), "someone was enrolled meanwhile");
}

#[test]
fn a_clock_that_was_set_back_starts_the_cool_down_anew_and_no_later() {
    let mut reset = requested(rules(1));
    approve(&mut reset, 2, NOON + HOUR).unwrap();
    let now = NOON - 9 * DAY;
    assert!(reset.settle(now));
    assert!(!reset.settle(now));
    assert_eq!(stage(&reset, now), Stage::Cooling(Seconds(HOUR)));
    assert_eq!(stage(&reset, now + HOUR), Stage::Ready);
}

#[test]
fn a_clock_that_was_set_back_gives_a_token_no_more_than_its_time() {
    let mut reset = requested(rules(0));
    complete(&mut reset, NOON + HOUR).unwrap();
    let now = NOON - 9 * DAY;
    assert!(reset.settle(now));
    let standing = |reset: &Reset, now| reset.token().unwrap().state(now);
    assert_eq!(standing(&reset, now), TokenState::Open(Seconds(DAY)));
    assert_eq!(standing(&reset, now + DAY), TokenState::Expired);
}

#[test]
fn grounds_are_one_line_that_says_something() {
    for text in [
        "",
        "  ",
        "two\nlines",
        "a\u{1b}[2J",
        "a\u{202e}b",
        "a\u{feff}b",
        "a\u{2028}b",
        "a\u{200f}",
        &"a".repeat(201),
    ] {
        assert_eq!(ResetReason::parse(text), Err(ResetReasonError), "{text:?}");
    }
    assert_eq!(ResetReason::parse(" lost \u{fc}berall ").unwrap().as_str(), "lost \u{fc}berall");
    assert!(ResetReason::parse(&"\u{e4}".repeat(200)).is_ok());
}

#[test]
fn missing_approvals_are_counted_in_the_message() {
    let message = |missing| ResetError::Unapproved(missing).to_string();
    assert!(message(1).starts_with("1 more approval is needed: "), "{}", message(1));
    assert!(message(2).starts_with("2 more approvals are needed: "), "{}", message(2));
}

/// A reset that left a token.
fn completed() -> Reset {
    let mut reset = requested(rules(1));
    approve(&mut reset, 2, NOON).unwrap();
    complete(&mut reset, NOON + HOUR).unwrap();
    reset
}

fn read(text: &str) -> Result<Reset, String> {
    Reset::parse(Path::new("/r.toml"), text.as_bytes(), &alice().user).map_err(|error| error.to_string())
}

fn written(reset: &Reset) -> String {
    reset.to_document(Path::new("/r.toml")).unwrap()
}

#[test]
fn a_reset_is_read_as_it_was_written() {
    let mut reset = requested(rules(2));
    let token_for = |reset: &Reset| Reset { rules: rules(2), ..reset.clone() };
    for uid in [2, 3] {
        assert_eq!(read(&written(&reset)), Ok(token_for(&reset)));
        approve(&mut reset, uid, NOON).unwrap();
    }
    complete(&mut reset, NOON + HOUR).unwrap();
    assert_eq!(read(&written(&reset)), Ok(reset.clone()));
    let called_off = Reset { called_off: true, ..reset.clone() };
    assert_eq!(read(&written(&called_off)), Ok(called_off));
    for of in [ExpectedEnrolment::Unreadable, ExpectedEnrolment::Nothing] {
        let reset = Reset { of, account: Account { uid: None, ..alice() }, ..reset.clone() };
        assert_eq!(read(&written(&reset)), Ok(reset));
    }
}

#[test]
fn a_document_is_written_as_version_2_with_its_token() {
    let text = written(&completed());
    assert!(text.starts_with("version = 2\n") && text.contains("\n[token]\n"), "{text}");
    assert!(!text.contains("ticket"), "{text}");
}

#[test]
fn a_document_of_version_1_is_read_with_its_ticket() {
    let reset = completed();
    let version_1 = written(&reset).replace("version = 2\n", "version = 1\n").replace("[token]", "[ticket]");
    assert_eq!(read(&version_1), Ok(reset));
}

#[test]
fn each_version_knows_its_own_name_of_the_token_only() {
    let text = written(&completed());
    for (from, to, unknown) in [("version = 2", "version = 1", "token"), ("[token]", "[ticket]", "ticket")] {
        let error = read(&text.replace(from, to)).unwrap_err();
        assert!(error.contains(&format!("unknown field `{unknown}`")), "{error}");
    }
}

#[test]
fn a_foreign_document_is_refused_by_name() {
    let mut reset = requested(rules(1));
    approve(&mut reset, 2, NOON).unwrap();
    complete(&mut reset, NOON + HOUR).unwrap();
    let text = written(&reset);
    let hash = text.lines().find(|line| line.starts_with("hash")).unwrap();
    for (from, to, problem) in [
        ("version = 2", "version = 3", "is newer than this program reads"),
        ("version = 2", "version = 0", "is not one that this program reads"),
        ("user = \"alice\"", "user = \"bob\"", "another user's"),
        ("of = \"0101", "of = \"x101", "names no enrolment"),
        ("reason = \"the", "reason = \"\\u0007", "control character"),
        ("approvals = 1", "approvals = 4", "more approvals"),
        ("wrong = 0", "wrong = -1", "`wrong`: is a negative number"),
        ("wrong = 0", "wrong = 0\nright = 1", "unknown field"),
        (hash, "hash = \"AAAA\"", "hash has the wrong length"),
    ] {
        assert!(text.contains(from), "{from}: {text}");
        let error = read(&text.replacen(from, to, 1)).unwrap_err();
        assert!(error.starts_with("/r.toml") && error.contains(problem), "{to}: {error}");
    }
    assert!(Reset::parse(Path::new("/r"), text.as_bytes(), &User::parse("bob").unwrap()).is_err());
}

#[derive(Debug, Clone)]
enum Move {
    Clock(i64),
    Approve(u32),
    Complete(u32),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        (-4000i64..4000).prop_map(Move::Clock),
        (0u32..6).prop_map(Move::Approve),
        (0u32..6).prop_map(Move::Complete),
    ];
    proptest::collection::vec(one, 0..60)
}

proptest! {
    /// Whatever the clock does and anyone who comes: who completes has as many others behind them as it takes, and the clock has
    /// gone on by the cool-down since the last of them.
    #[test]
    fn no_reset_is_completed_by_too_few_or_too_early(approvals in 0u32..4, moves in moves()) {
        let mut reset = requested(rules(approvals));
        let (mut now, mut waited, mut approvers) = (NOON, 0, Vec::new());
        for step in moves {
            match step {
                Move::Clock(by) => {
                    now = now.saturating_add_signed(by);
                    waited += u64::try_from(by).unwrap_or(0);
                }
                Move::Approve(uid) => {
                    reset.settle(now);
                    if approve(&mut reset, uid, now).is_ok() {
                        approvers.push(uid);
                        waited = 0;
                    }
                }
                Move::Complete(uid) => {
                    reset.settle(now);
                    if reset.complete(&alice(), ENROLMENT, &person(uid), &rules(0), (now, &mut Counter(1))).is_ok() {
                        prop_assert!(waited >= HOUR, "waited {waited}");
                        approvers.sort_unstable();
                        approvers.dedup();
                        prop_assert!(!approvers.contains(&1) && !approvers.contains(&0));
                        prop_assert!(approvers.len() >= approvals as usize);
                    }
                }
            }
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC*") {
        let _ = read(&text);
    }
}
