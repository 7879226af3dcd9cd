//! What every engine promises a login: holds, replacements, and judging over them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::disallowed_methods,
    reason = "what an engine does not keep has to fail its test; and several tests ask at once, in threads"
)]

use super::{LONG, MANY, Meeting, ObservedStore, charge, enrolled, entry, held, is_enrolled, ledger};
use crate::code::Answer;
use crate::fixture::{Fixture, NOON, PATIENCE, PHONE, alice, at, code, logged_in, once_more_wrong, word};
use crate::login::Verdict;
use crate::store::{Charging, Durability, Entries, Entry, Held, Hold, Store, StoreError};
use std::cell::{Cell, RefCell};

fn never_fails() -> Result<(), StoreError> {
    Ok(())
}

fn phone_code() -> Answer {
    Answer::recognise(&code(PHONE, NOON)).unwrap()
}

/// Many log in at once with the same code: one is let in, and the others are told that the code was used.
pub fn of_many_at_once_with_one_code_one_is_let_in<G, S: Store + Entries + Sync>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let meeting = Meeting::default();
    let login = || {
        let observed = ObservedStore {
            store: &fixture.store,
            after_hold: &|| meeting.wait(),
            before_replace: &never_fails,
        };
        loop {
            match word(fixture.login_at(&observed, &alice(), &phone_code(), at(NOON))).as_str() {
                "accepted phone" => return true,
                // Limited: with the charges of the others, which are refunded when they are judged.
                "replayed" | "limited" => return false,
                "busy" => {}
                other => panic!("{other}"),
            }
        }
    };
    let accepted = std::thread::scope(|scope| {
        let many: Vec<_> = (0..MANY).map(|_| scope.spawn(login)).collect();
        many.into_iter().map(|one| one.join().unwrap()).filter(|is_in| *is_in).count()
    });
    assert_eq!(accepted, 1);
}

/// Many add to the ledger at once: each addition is there in the end.
pub fn no_replacement_is_lost_among_many<G, S: Store + Entries + Sync>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let meeting = Meeting::default();
    let charges = || {
        let observed = ObservedStore {
            store: &fixture.store,
            after_hold: &|| meeting.wait(),
            before_replace: &never_fails,
        };
        (0..5).for_each(|_| charge(&observed));
    };
    std::thread::scope(|scope| (0..MANY).for_each(|_| drop(scope.spawn(charges))));
    assert_eq!(ledger(&fixture.store).guesses().wrong_codes(), MANY as u32 * 5);
}

/// With a lock the second login waits in vain; with a comparison the first finds the code used when it is judged anew.
pub fn a_login_that_was_overtaken_is_judged_anew<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let second = RefCell::new(None);
    let overtake = || {
        if second.borrow().is_none() {
            second.replace(Some(word(fixture.login(&code(PHONE, NOON), at(NOON)))));
        }
    };
    let observed =
        ObservedStore { store: &fixture.store, after_hold: &overtake, before_replace: &never_fails };
    let first = word(fixture.login_at(&observed, &alice(), &phone_code(), at(NOON)));
    match (first.as_str(), second.into_inner().unwrap().as_str()) {
        ("accepted phone", "busy") | ("replayed", "accepted phone") => {}
        other => panic!("{other:?}"),
    }
}

/// A crash between charge and record: nobody was let in, the charge stays if the engine charges before the look, and the code is
/// not used.
pub fn a_login_that_dies_before_its_record_lets_nobody_in<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let charges: u32 = match S::CHARGING {
        Charging::BeforeLook => 1,
        Charging::WithCommit => 0,
    };
    let left = Cell::new(charges);
    let die_at_the_record = || {
        let dead = StoreError::System { about: "the test".to_owned(), problem: "died".to_owned() };
        left.set(left.get().checked_sub(1).ok_or(dead)?);
        Ok(())
    };
    let observed =
        ObservedStore { store: &fixture.store, after_hold: &|| (), before_replace: &die_at_the_record };
    let verdict = fixture.login_at(&observed, &alice(), &phone_code(), at(NOON));
    assert!(matches!(verdict, Ok(Verdict::Unrecorded(_))));
    assert_eq!(ledger(&fixture.store).guesses().wrong_codes(), charges);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

/// A guesser who is over the limit costs no write.
pub fn a_refusal_by_limit_writes_nothing<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    for _ in 0..5 {
        assert_eq!(word(fixture.login(b"000000", at(NOON))), "wrong");
    }
    let (before, writes) = (ledger(&fixture.store), Cell::new(0));
    let count = || {
        writes.set(writes.get() + 1);
        Ok(())
    };
    let observed = ObservedStore { store: &fixture.store, after_hold: &|| (), before_replace: &count };
    let verdict = fixture.login_at(&observed, &alice(), &phone_code(), at(NOON));
    assert_eq!((word(verdict), writes.get()), ("limited".to_owned(), 0));
    assert!(ledger(&fixture.store) == before);
}

/// The second hold waits in vain, or its replacement is a conflict.
pub fn a_hold_does_not_overwrite_a_later_change<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let mut first = held(&fixture.store);
    let second = fixture.store.hold(&alice().user, PATIENCE).unwrap();
    let next = logged_in(first.ledger().clone(), NOON + 1);
    first.replace(&next, Durability::Process).unwrap();
    match second {
        Hold::Busy => {}
        Hold::NotEnrolled => panic!("alice is enrolled"),
        Hold::Held(mut second) => {
            let lost = logged_in(second.ledger().clone(), NOON + 2);
            assert!(matches!(second.replace(&lost, Durability::Machine), Err(StoreError::Conflict)));
        }
    }
    drop(first);
    assert!(ledger(&fixture.store) == next);
}

/// However durable each write was to be, and however many there were in one hold.
pub fn the_next_hold_finds_what_was_written<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let (process, machine) = (Durability::Process, Durability::Machine);
    let mut at = NOON;
    for durabilities in [&[process][..], &[machine], &[process, machine, process, machine, machine, process]]
    {
        let mut held = held(&fixture.store);
        let mut next = held.ledger().clone();
        for durability in durabilities {
            at += 1;
            next = logged_in(next, at);
            held.replace(&next, *durability).unwrap();
        }
        drop(held);
        assert!(ledger(&fixture.store) == next);
    }
}

/// A process that dies after the charge leaves it.
pub fn a_charge_outlives_its_hold<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let mut held = held(&fixture.store);
    let charged = once_more_wrong(held.ledger().clone());
    held.replace(&charged, Durability::Process).unwrap();
    drop(held);
    assert!(ledger(&fixture.store) == charged);
}

/// It is no replacement: nobody who compares is overtaken by it, and what is there stays.
pub fn a_check_that_it_can_be_written_changes_nothing<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    charge(&fixture.store);
    let before = ledger(&fixture.store);
    let mut checked = held(&fixture.store);
    checked.check_writable().unwrap();
    drop(checked);
    assert!(ledger(&fixture.store) == before);
    let mut held = held(&fixture.store);
    held.check_writable().unwrap();
    let charged = once_more_wrong(before);
    held.replace(&charged, Durability::Process).unwrap();
    held.check_writable().unwrap();
    drop(held);
    assert!(ledger(&fixture.store) == charged);
}

/// A process that dies before its first write leaves nothing and locks nobody out.
pub fn a_dropped_hold_changes_nothing<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let before = ledger(&fixture.store);
    drop(held(&fixture.store));
    assert!(ledger(&fixture.store) == before);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

/// A login does not write over what a command wrote, nor a command over a login.
pub fn a_command_and_a_login_exclude_each_other<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let mut login = held(&fixture.store);
    let next = logged_in(login.ledger().clone(), NOON + 1);
    let Some(command) = fixture.store.entry(&alice().user, PATIENCE).unwrap() else {
        login.replace(&next, Durability::Process).unwrap();
        drop(login);
        let command = entry(&fixture.store);
        assert!(matches!(fixture.store.hold(&alice().user, PATIENCE), Ok(Hold::Busy)));
        assert!(command.ledger() == Some(&next));
        return;
    };
    let of_command = logged_in(command.ledger().unwrap().clone(), NOON + 2);
    command.record(&of_command).unwrap();
    assert!(matches!(login.replace(&next, Durability::Process), Err(StoreError::Conflict)));
    assert!(ledger(&fixture.store) == of_command);
}

/// A login that goes on while a command withdraws the enrolment does not bring it back.
pub fn a_login_does_not_revive_a_withdrawn_enrolment<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture: Fixture<S> = enrolled(store);
    let mut login = held(&fixture.store);
    let next = logged_in(login.ledger().clone(), NOON + 1);
    match fixture.store.entry(&alice().user, PATIENCE).unwrap() {
        Some(command) => {
            command.withdraw().unwrap();
            assert!(matches!(login.replace(&next, Durability::Process), Err(StoreError::Conflict)));
        }
        None => {
            drop(login);
            fixture.store.entry(&alice().user, LONG).unwrap().unwrap().withdraw().unwrap();
        }
    }
    assert!(!is_enrolled(&fixture.store));
}
