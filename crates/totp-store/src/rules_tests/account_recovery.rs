//! Tests of a reset over files, from its request to the use of its token.

use crate::FileEntry;
use crate::fixture::Counter;
use crate::fixture::{Fixture, NOON, PATIENCE, PHONE, alice, at, code, word};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use totp_core::account_recovery;
use totp_core::account_recovery::MOST_WRONG;
use totp_core::account_recovery::*;
use totp_core::account_recovery::{Person, ResetError, ResetReason, ResetRules};
use totp_core::random::Secret;
use totp_core::store::Entries;
use totp_core::store::Entry;
use totp_core::store::Resets;
use totp_core::store::Store;
use totp_core::store::StoreError;
use totp_core::user::Account;

const HOUR: u64 = 3600;

fn enrolled() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.enrol(PHONE);
    fixture
}

fn entry(fixture: &Fixture) -> FileEntry {
    fixture.store.entry(&alice().user, PATIENCE).unwrap().unwrap()
}

fn asked(account: &Account, uid: u32, now: u64) -> StepInputs<'_> {
    StepInputs {
        account,
        by: Person { uid, name: format!("operator{uid}") },
        rules: ResetRules::DEFAULT,
        now,
    }
}

fn request(
    entry: FileEntry,
    asked: StepInputs<'_>,
    reason: ResetReason,
) -> Result<Reset, AccountRecoveryError> {
    account_recovery::request(entry, asked, reason, |_| Ok(()))
}

fn approve(entry: FileEntry, asked: StepInputs<'_>) -> Result<Reset, AccountRecoveryError> {
    account_recovery::approve(entry, asked, |_| Ok(()))
}

fn complete(
    entry: FileEntry,
    asked: &StepInputs<'_>,
    entropy: &mut Counter,
) -> Result<(Reset, Secret), AccountRecoveryError> {
    account_recovery::complete(entry, asked, entropy, |_| Ok(()))
}

fn requested(fixture: &Fixture) {
    let grounds = ResetReason::parse("all is lost").unwrap();
    request(entry(fixture), asked(&alice(), 1, NOON), grounds).unwrap();
}

/// Requested at noon, approved, and completed an hour later.
fn completed(fixture: &Fixture) -> Secret {
    requested(fixture);
    approve(entry(fixture), asked(&alice(), 2, NOON)).unwrap();
    complete(entry(fixture), &asked(&alice(), 1, NOON + HOUR), &mut Counter(5)).unwrap().1
}

fn tried(fixture: &Fixture, code: &[u8], now: u64) -> String {
    match try_token(&entry(fixture), &alice(), &Secret::new(code.to_vec()), now).unwrap() {
        TokenOutcome::NoReset => "no reset".to_owned(),
        TokenOutcome::TokenAccepted(_) => "admitted".to_owned(),
        TokenOutcome::Refused(why) => why.as_str().to_owned(),
    }
}

fn token_accepted(fixture: &Fixture, code: &Secret, now: u64) -> Authorised {
    match try_token(&entry(fixture), &alice(), code, now).unwrap() {
        TokenOutcome::TokenAccepted(token_accepted) => Authorised::ByToken(token_accepted),
        other @ (TokenOutcome::NoReset | TokenOutcome::Refused(_)) => panic!("{other:?}"),
    }
}

/// The notice in the ledger, as a login finds it.
fn notice(fixture: &Fixture) -> Option<totp_core::account_recovery::ResetNotice> {
    entry(fixture).ledger().unwrap().notice()
}

#[test]
fn the_owner_is_told_from_the_request_to_its_end() {
    let fixture = enrolled();
    assert_eq!(notice(&fixture), None);
    requested(&fixture);
    let told = Some(totp_core::account_recovery::ResetNotice { at: NOON, until: NOON + 24 * HOUR, by: 1 });
    assert_eq!(notice(&fixture), told);
    // Also after a login, which writes the slot anew.
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(notice(&fixture), told);
    cancel(entry(&fixture), &alice()).unwrap();
    assert_eq!(notice(&fixture), None);
    assert!(matches!(cancel(entry(&fixture), &alice()), Err(AccountRecoveryError::NoReset)));
}

#[test]
fn a_repair_of_the_ledger_keeps_the_notice_for_the_owner() {
    let fixture = enrolled();
    requested(&fixture);
    fs::write(fixture.file("ledgers/alice"), [7; 4096]).unwrap();
    totp_core::enrolment::repair(entry(&fixture), &crate::fixture::rules().windows, at(NOON)).unwrap();
    let told = Some(totp_core::account_recovery::ResetNotice { at: NOON, until: NOON + 24 * HOUR, by: 1 });
    assert_eq!(notice(&fixture), told);
    approve(entry(&fixture), asked(&alice(), 2, NOON)).unwrap();
    assert_eq!(notice(&fixture), told);
}

#[test]
fn a_reset_file_is_readable_by_root_only() {
    let fixture = enrolled();
    requested(&fixture);
    let mode = |name: &str| fs::metadata(fixture.file(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("resets"), mode("resets/alice.toml")), (0o700, 0o600));
    for (name, mode) in [("resets", 0o755), ("resets/alice.toml", 0o644)] {
        let before = fs::metadata(fixture.file(name)).unwrap().permissions();
        fs::set_permissions(fixture.file(name), PermissionsExt::from_mode(mode)).unwrap();
        assert!(entry(&fixture).reset().is_err(), "{name}");
        fs::set_permissions(fixture.file(name), before).unwrap();
    }
    assert!(entry(&fixture).reset().unwrap().is_some());
}

#[test]
fn a_completion_withdraws_and_its_token_admits_once() {
    let fixture = enrolled();
    let token = completed(&fixture);
    assert_eq!(word(fixture.login(&code(PHONE, NOON + HOUR), at(NOON + HOUR))), "not_enrolled");
    assert_eq!(tried(&fixture, b"0000000000000000", NOON + HOUR), "wrong");
    let authorised = token_accepted(&fixture, &token, NOON + HOUR);
    let mut fixture = fixture;
    admit(&entry(&fixture), &alice(), &authorised, NOON + HOUR).unwrap();
    fixture.enrol(PHONE);
    assert_eq!(entry(&fixture).reset().unwrap(), None, "its token is used up");
    assert_eq!(tried(&fixture, token.expose(), NOON + HOUR), "no reset");
    let permitted = fixture.in_place();
    totp_core::enrolment::withdraw(entry(&fixture), permitted).unwrap();
    assert_eq!(tried(&fixture, token.expose(), NOON + HOUR), "no reset");
    assert!(matches!(
        admit(&entry(&fixture), &alice(), &authorised, NOON + HOUR),
        Err(AdmissionError::ResetToken(TokenRefused::None))
    ));
}

#[test]
fn a_reset_user_does_not_enrol_at_login_without_the_token() {
    let fixture = enrolled();
    let token = completed(&fixture);
    let by_themselves =
        |now| admit(&entry(&fixture), &alice(), &Authorised::ByThemselves, now).map_err(|e| e.to_string());
    for now in [NOON + HOUR, NOON + 100 * HOUR] {
        assert!(by_themselves(now).unwrap_err().contains("enrol with the reset token"), "{now}");
    }
    for _ in 0..MOST_WRONG {
        assert_eq!(tried(&fixture, b"0000000000000000", NOON + HOUR), "wrong");
    }
    assert_eq!(tried(&fixture, token.expose(), NOON + HOUR), "dead");
    assert!(by_themselves(NOON + HOUR).is_err(), "dead, and a bar still");
    assert!(admit(&entry(&fixture), &alice(), &Authorised::ByAnOperator, NOON).is_ok());
}

#[test]
fn one_operator_voids_a_token_and_the_account_stays_barred() {
    let fixture = enrolled();
    let token = completed(&fixture);
    let bars = || admit(&entry(&fixture), &alice(), &Authorised::ByThemselves, NOON + HOUR).is_err();
    for _ in 0..2 {
        assert_eq!(cancel(entry(&fixture), &alice()).unwrap(), Cancelled::Barred);
        assert_eq!(tried(&fixture, token.expose(), NOON + HOUR), "none");
        assert!(bars());
    }
    for uid in [1, 2, 3] {
        let again = complete(entry(&fixture), &asked(&alice(), uid, NOON + HOUR), &mut Counter(6));
        assert!(matches!(again, Err(AccountRecoveryError::Refused(ResetError::CalledOff))), "{uid}");
    }
    requested(&fixture);
    assert!(bars(), "another request is a bar from its beginning");
    assert_eq!(cancel(entry(&fixture), &alice()).unwrap(), Cancelled::Barred);
    assert!(bars());
    fs::write(fixture.file("resets/alice.toml"), "version = ").unwrap();
    assert!(cancel(entry(&fixture), &alice()).is_err() && bars(), "who knows what it said");
}

#[test]
fn no_other_request_or_operator_voids_a_token() {
    let fixture = enrolled();
    let token = completed(&fixture);
    let again = |now| {
        request(entry(&fixture), asked(&alice(), 3, now), ResetReason::parse("lost").unwrap()).map(drop)
    };
    assert!(matches!(again(NOON + HOUR), Err(AccountRecoveryError::Refused(ResetError::TokenOut))));
    let third = complete(entry(&fixture), &asked(&alice(), 3, NOON + HOUR), &mut Counter(6));
    assert!(matches!(third, Err(AccountRecoveryError::Refused(ResetError::NoPart))));
    assert_eq!(tried(&fixture, token.expose(), NOON + HOUR), "admitted");
    again(NOON + 25 * HOUR).unwrap();
}

#[test]
fn each_operator_of_a_completion_can_repeat_it() {
    for uid in [1, 2, 4, 0] {
        let fixture = enrolled();
        requested(&fixture);
        approve(entry(&fixture), asked(&alice(), 2, NOON)).unwrap();
        complete(entry(&fixture), &asked(&alice(), 4, NOON + HOUR), &mut Counter(5)).unwrap();
        complete(entry(&fixture), &asked(&alice(), uid, NOON + HOUR), &mut Counter(6)).unwrap();
        complete(entry(&fixture), &asked(&alice(), 4, NOON + HOUR), &mut Counter(7)).unwrap();
    }
}

#[test]
fn a_dead_expired_or_renewed_token_enrols_nobody() {
    let fixture = enrolled();
    let token = completed(&fixture);
    let token_accepted = token_accepted(&fixture, &token, NOON + HOUR);
    assert!(admit(&entry(&fixture), &alice(), &token_accepted, NOON + 25 * HOUR).is_err(), "expired");
    assert_eq!(tried(&fixture, token.expose(), NOON + 25 * HOUR), "expired");
    complete(entry(&fixture), &asked(&alice(), 1, NOON + HOUR), &mut Counter(6)).unwrap();
    assert!(admit(&entry(&fixture), &alice(), &token_accepted, NOON + HOUR).is_err(), "made anew");
    assert_eq!(tried(&fixture, token.expose(), NOON + HOUR), "wrong");
}

#[test]
fn right_tokens_cost_no_tries() {
    let fixture = enrolled();
    let token = completed(&fixture);
    for _ in 0..3 * MOST_WRONG {
        assert_eq!(tried(&fixture, token.expose(), NOON + HOUR), "admitted");
    }
}

#[test]
fn a_recreated_account_inherits_neither_token_nor_bar() {
    let fixture = enrolled();
    let token = completed(&fixture);
    let again = Account { uid: Some(1002), ..alice() };
    let tried = try_token(&entry(&fixture), &again, &token, NOON + HOUR).unwrap();
    assert!(matches!(tried, TokenOutcome::NoReset));
    let by_themselves = |account| admit(&entry(&fixture), account, &Authorised::ByThemselves, NOON + HOUR);
    assert!(by_themselves(&again).is_ok());
    let unknown = Account { uid: None, ..alice() };
    assert!(by_themselves(&unknown).is_err(), "nobody knows that it is another one");
    assert_eq!(cancel(entry(&fixture), &again).unwrap(), Cancelled::Gone);
}

#[test]
fn a_token_of_a_killed_completion_opens_nothing() {
    let fixture = enrolled();
    requested(&fixture);
    approve(entry(&fixture), asked(&alice(), 2, NOON)).unwrap();
    let mut reset = entry(&fixture).reset().unwrap().unwrap();
    let account = alice();
    let StepInputs { by, rules: terms, now, .. } = asked(&account, 1, NOON + HOUR);
    let token = reset.complete(&account, fixture.in_place(), &by, &terms, (now, &mut Counter(9))).unwrap();
    entry(&fixture).keep_reset(&reset).unwrap();
    assert_eq!(tried(&fixture, token.expose(), NOON + HOUR), "no reset");
    assert_eq!(word(fixture.login(&code(PHONE, now), at(now))), "accepted phone");
    complete(entry(&fixture), &asked(&account, 1, now), &mut Counter(10)).unwrap();
    assert_eq!(tried(&fixture, token.expose(), NOON + HOUR), "wrong");
}

#[test]
fn damaged_enrolments_can_be_reset() {
    for broken in ["ledgers/alice", "credentials/alice.toml"] {
        let fixture = enrolled();
        fs::write(fixture.file(broken), [7; 4096]).unwrap();
        completed(&fixture);
        assert!(matches!(
            fixture.store.hold(&alice().user, PATIENCE),
            Ok(totp_core::store::Hold::NotEnrolled)
        ));
    }
}

#[test]
fn an_unreadable_reset_can_only_be_cancelled() {
    let fixture = enrolled();
    requested(&fixture);
    fs::write(fixture.file("resets/alice.toml"), "version = ").unwrap();
    assert!(approve(entry(&fixture), asked(&alice(), 2, NOON)).is_err());
    cancel(entry(&fixture), &alice()).unwrap();
    requested(&fixture);
}

#[test]
fn a_reset_ends_with_its_enrolment() {
    let mut fixture = enrolled();
    requested(&fixture);
    fixture.replace(PHONE);
    assert_eq!(entry(&fixture).reset().unwrap(), None);
    requested(&fixture);
    fixture.add("spare", crate::fixture::SPARE).unwrap();
    assert!(entry(&fixture).reset().unwrap().is_some(), "the enrolment is the same");
    assert!(notice(&fixture).is_some());
    let permitted = fixture.in_place();
    totp_core::enrolment::withdraw(entry(&fixture), permitted).unwrap();
    assert_eq!(entry(&fixture).reset().unwrap(), None);
}

/// A command that was stopped while it held the account goes on, and finds the reset called off.
#[test]
fn a_reset_that_was_called_off_past_a_lock_is_not_completed() {
    let fixture = enrolled();
    requested(&fixture);
    approve(entry(&fixture), asked(&alice(), 2, NOON)).unwrap();
    let stopped = entry(&fixture);
    let reset = stopped.reset().unwrap().unwrap();
    fixture.store.call_off(&alice().user, Cancellation::of(&reset)).unwrap();
    assert!(complete(stopped, &asked(&alice(), 1, NOON + HOUR), &mut Counter(9)).is_err());
    assert_eq!(word(fixture.login(&code(PHONE, NOON + HOUR), at(NOON + HOUR))), "accepted phone");
    // Another one can be requested later, and is not called off.
    request(entry(&fixture), asked(&alice(), 1, NOON + HOUR), reset.reason().clone()).unwrap();
    approve(entry(&fixture), asked(&alice(), 2, NOON + HOUR)).unwrap();
    complete(entry(&fixture), &asked(&alice(), 1, NOON + 2 * HOUR), &mut Counter(9)).unwrap();
}

/// It was stopped after its last look: the token is void, and nobody enrols by themselves.
#[test]
fn a_reset_that_was_called_off_too_late_opens_nothing() {
    let fixture = enrolled();
    requested(&fixture);
    approve(entry(&fixture), asked(&alice(), 2, NOON)).unwrap();
    let in_place = fixture.in_place();
    let stopped = entry(&fixture);
    let mut reset = stopped.reset().unwrap().unwrap();
    let account = alice();
    let StepInputs { by, rules: terms, now, .. } = asked(&account, 1, NOON + HOUR);
    let token = reset.complete(&account, in_place, &by, &terms, (now, &mut Counter(9))).unwrap();
    stopped.keep_reset(&reset).unwrap();
    fixture.store.call_off(&alice().user, Cancellation::of(&reset)).unwrap();
    stopped.withdraw().unwrap();
    assert_ne!(tried(&fixture, token.expose(), NOON + HOUR), "admitted");
    assert!(admit(&entry(&fixture), &account, &Authorised::ByThemselves, NOON + HOUR).is_err());
}

#[test]
fn a_step_that_cannot_be_told_is_not_taken() {
    let fixture = enrolled();
    let refused = || StoreError::System { about: "spool".to_owned(), problem: "is full".to_owned() };
    let is_told = |done: Result<(), AccountRecoveryError>| {
        assert!(matches!(done, Err(AccountRecoveryError::Store(error)) if error == refused()));
    };
    let stored = || entry(&fixture).reset().unwrap();
    let grounds = ResetReason::parse("lost").unwrap();
    let asked_by = |uid, now| asked(Box::leak(Box::new(alice())), uid, now);
    is_told(
        account_recovery::request(entry(&fixture), asked_by(1, NOON), grounds, |_| Err(refused())).map(drop),
    );
    assert!(stored().is_none() && entry(&fixture).ledger().unwrap().notice().is_none());
    requested(&fixture);
    let told = |reset: &Reset| {
        assert_eq!(reset.approvals().len(), 1, "as it will be stored");
        Err(refused())
    };
    is_told(account_recovery::approve(entry(&fixture), asked_by(2, NOON), told).map(drop));
    assert!(stored().unwrap().approvals().is_empty());
    approve(entry(&fixture), asked_by(2, NOON)).unwrap();
    let told = |reset: &Reset| {
        assert!(reset.token().is_some());
        Err(refused())
    };
    let step = asked_by(1, NOON + HOUR);
    is_told(account_recovery::complete(entry(&fixture), &step, &mut Counter(5), told).map(drop));
    assert!(stored().unwrap().token().is_none() && entry(&fixture).is_enrolled());
}
