//! What a login and a command need: holds, replacements, enrolments, resets.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "what an engine does not keep is to end its test; and many ask at once, in threads"
)]

use super::steps::{
    LONG, MANY, charge, enrol_many, enrolled, entry, held, is_enrolled, ledger, request, somebody,
};
use crate::enrolment::ExpectedEnrolment;
use crate::enrolment::withdraw;
use crate::fixture::{
    Fixture, NOON, PATIENCE, PHONE, SPARE, alice, at, code, logged_in, once_more_wrong, word,
};
use crate::login::{JudgeError, Verdict};
use crate::store::{Durability, Entries, Entry, Held, Hold, Store, StoreError};

/// Nobody is enrolled, which is a value and no error.
pub fn an_empty_store_has_nobody_enrolled<G, S: Store + Entries>((_guard, store): (G, S)) {
    assert!(!is_enrolled(&store));
    let entry = entry(&store);
    assert!(entry.credential().is_none() && !entry.is_enrolled() && entry.ledger().is_none());
    assert!(entry.reset().unwrap().is_none() && !entry.forget_reset().unwrap());
    drop(entry);
    assert!(!is_enrolled(&store), "to look is not to enrol");
}

/// One code, many at once: one is let in, and all others are told that it was used.
pub fn of_many_at_once_with_one_code_one_is_let_in<G, S: Store + Entries + Sync>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let login = || loop {
        match fixture.login(&code(PHONE, NOON), at(NOON)) {
            Err(JudgeError::Store(StoreError::Conflict)) => {}
            Ok(Verdict::Accepted(_)) => return true,
            verdict => match word(verdict).as_str() {
                "busy" => {}
                // Limited: others are charged for as long as they judge.
                "replayed" | "limited" => return false,
                other => panic!("{other}"),
            },
        }
    };
    let accepted = std::thread::scope(|scope| {
        let many: Vec<_> = (0..MANY).map(|_| scope.spawn(login)).collect();
        many.into_iter().map(|one| one.join().unwrap()).filter(|is_in| *is_in).count()
    });
    assert_eq!(accepted, 1);
}

/// Who holds at the same time waits, or is told of a conflict: no two replacements follow from one ledger.
pub fn what_changed_since_it_was_held_is_not_replaced<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let mut first = held(&fixture.files);
    let second = fixture.files.hold(&alice().user, PATIENCE).unwrap();
    let next = logged_in(first.ledger().clone(), NOON + 1);
    first.replace(&next, Durability::Process).unwrap();
    match second {
        Hold::Busy => {}
        Hold::NotEnrolled => panic!("she is enrolled"),
        Hold::Held(mut second) => {
            let lost = logged_in(second.ledger().clone(), NOON + 2);
            assert!(matches!(second.replace(&lost, Durability::Machine), Err(StoreError::Conflict)));
        }
    }
    drop(first);
    assert!(ledger(&fixture.files) == next);
}

/// However durable each was asked to be, and however many there were in one hold.
pub fn every_replacement_is_found_by_the_next_hold<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let (process, machine) = (Durability::Process, Durability::Machine);
    let mut at = NOON;
    for durabilities in [&[process][..], &[machine], &[process, machine, process, machine, machine, process]]
    {
        let mut held = held(&fixture.files);
        let mut next = held.ledger().clone();
        for durability in durabilities {
            at += 1;
            next = logged_in(next, at);
            held.replace(&next, *durability).unwrap();
        }
        drop(held);
        assert!(ledger(&fixture.files) == next);
    }
}

/// A process that dies between charge and record leaves the charge.
pub fn what_was_charged_outlives_a_hold_that_is_dropped<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let mut held = held(&fixture.files);
    let charged = once_more_wrong(held.ledger().clone());
    held.replace(&charged, Durability::Process).unwrap();
    drop(held);
    assert!(ledger(&fixture.files) == charged);
}

/// And one that dies before leaves nothing, and keeps nobody out.
pub fn a_hold_that_replaced_nothing_changes_nothing<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let before = ledger(&fixture.files);
    drop(held(&fixture.files));
    assert!(ledger(&fixture.files) == before);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

/// Each follows from the one before it.
pub fn no_replacement_is_lost_among_many<G, S: Store + Entries + Sync>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    std::thread::scope(|scope| {
        for _ in 0..MANY {
            scope.spawn(|| (0..5).for_each(|_| charge(&fixture.files)));
        }
    });
    assert_eq!(ledger(&fixture.files).failures().consecutive(), MANY as u32 * 5);
}

/// A login's ledger is not replaced over a command's, nor a command's over a login's.
pub fn a_command_and_a_login_exclude_each_other<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let mut login = held(&fixture.files);
    let next = logged_in(login.ledger().clone(), NOON + 1);
    let Some(command) = fixture.files.entry(&alice().user, PATIENCE).unwrap() else {
        login.replace(&next, Durability::Process).unwrap();
        drop(login);
        let command = entry(&fixture.files);
        assert!(matches!(fixture.files.hold(&alice().user, PATIENCE), Ok(Hold::Busy)));
        assert!(command.ledger() == Some(&next));
        return;
    };
    let of_command = logged_in(command.ledger().unwrap().clone(), NOON + 2);
    command.record(&of_command).unwrap();
    assert!(matches!(login.replace(&next, Durability::Process), Err(StoreError::Conflict)));
    assert!(ledger(&fixture.files) == of_command);
}

/// Credential and ledger come together and go together.
pub fn an_enrolment_is_there_as_a_whole_until_it_is_withdrawn<G, S: Store + Entries>(
    (_guard, store): (G, S),
) {
    let mut fixture = Fixture::of(store);
    let codes = fixture.enrol(PHONE);
    let there = held(&fixture.files);
    assert!(there.ledger().fits(there.credential()));
    drop(there);
    assert_eq!(word(fixture.login(codes[0].expose(), at(NOON))), "recovered 9");
    let permitted = fixture.in_place();
    assert!(matches!(permitted, ExpectedEnrolment::Enrolment(_)));
    withdraw(entry(&fixture.files), permitted).unwrap();
    assert!(!is_enrolled(&fixture.files));
    assert!(entry(&fixture.files).ledger().is_none());
    withdraw(
        fixture.files.entry_to_withdraw(&alice().user, LONG).unwrap().unwrap(),
        ExpectedEnrolment::Nothing,
    )
    .unwrap();
    fixture.enrol(SPARE);
    assert_eq!(word(fixture.login(&code(SPARE, NOON), at(NOON))), "accepted phone");
}

/// What opened the old one opens nothing.
pub fn a_new_enrolment_ends_the_old_one<G, S: Store + Entries>((_guard, store): (G, S)) {
    let mut fixture = Fixture::of(store);
    let old = fixture.enrol(PHONE);
    fixture.replace(SPARE);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "wrong");
    assert_eq!(word(fixture.login(old[0].expose(), at(NOON))), "wrong");
    assert_eq!(word(fixture.login(&code(SPARE, NOON), at(NOON))), "accepted phone");
}

/// Once with a hold that goes on, once with one that ends.
pub fn what_a_command_records_is_found_by_a_login<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let mut entry = entry(&fixture.files);
    let noted = once_more_wrong(entry.ledger().unwrap().clone());
    entry.note(&noted).unwrap();
    assert!(entry.ledger() == Some(&noted));
    let recorded = once_more_wrong(noted);
    entry.record(&recorded).unwrap();
    assert!(ledger(&fixture.files) == recorded);
}

/// Each of a batch is enrolled whole.
pub fn a_batch_is_enrolled_to_the_last<G, S: Store + Entries>((_guard, store): (G, S)) {
    let mut fixture = Fixture::of(store);
    enrol_many(&mut fixture, 10);
    for number in 0..10 {
        let verdict = fixture.login_as(&somebody(number), &code(PHONE, NOON), at(NOON));
        assert_eq!(word(verdict), "accepted phone");
    }
}

/// Also where it takes the place of another.
pub fn a_reset_is_kept_and_forgotten<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let reset = request(&fixture);
    let entry = entry(&fixture.files);
    entry.keep_reset(&reset).unwrap();
    entry.keep_reset(&reset).unwrap();
    assert!(entry.reset().unwrap().is_some_and(|kept| kept.account() == &alice()));
    assert_eq!((entry.forget_reset().unwrap(), entry.forget_reset().unwrap()), (true, false));
    assert!(entry.reset().unwrap().is_none());
}
