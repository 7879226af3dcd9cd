//! What every engine promises a command that changes an enrolment: entries, batches, resets.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what an engine does not keep has to fail its test"
)]

use super::observed::{LONG, enrol_many, enrolled, entry, held, is_enrolled, ledger, request, user};
use crate::account_recovery::Reset;
use crate::credential::Credential;
use crate::enrolment::ExpectedEnrolment;
use crate::enrolment::withdraw;
use crate::fixture::{
    Fixture, NOON, PATIENCE, PHONE, SPARE, alice, at, code, logged_in, once_more_wrong, word,
};
use crate::ledger::Ledger;
use crate::store::{Entries, Entry, Held, Store, StoreError};

/// "Not enrolled" is a value and not an error, and looking does not enrol.
pub fn nobody_is_enrolled_in_an_empty_store<G, S: Store + Entries>((_guard, store): (G, S)) {
    assert!(!is_enrolled(&store));
    let entry = entry(&store);
    assert!(entry.credential().is_none() && !entry.is_enrolled() && entry.ledger().is_none());
    assert!(entry.reset().unwrap().is_none() && !entry.forget_reset().unwrap());
    drop(entry);
    assert!(!is_enrolled(&store));
}

/// From the commit until the enrolment is withdrawn; then one can enrol again.
pub fn credential_and_ledger_come_and_go_together<G, S: Store + Entries>((_guard, store): (G, S)) {
    let mut fixture = Fixture::of(store);
    let codes = fixture.enrol(PHONE);
    let there = held(&fixture.store);
    assert!(there.ledger().fits(there.credential()));
    drop(there);
    assert_eq!(word(fixture.login(codes[0].expose(), at(NOON))), "recovered 9");
    let expected = fixture.in_place();
    assert!(matches!(expected, ExpectedEnrolment::Enrolment(_)));
    withdraw(entry(&fixture.store), expected).unwrap();
    assert!(!is_enrolled(&fixture.store));
    assert!(entry(&fixture.store).ledger().is_none());
    withdraw(
        fixture.store.entry_to_withdraw(&alice().user, LONG).unwrap().unwrap(),
        ExpectedEnrolment::Nothing,
    )
    .unwrap();
    fixture.enrol(SPARE);
    assert_eq!(word(fixture.login(&code(SPARE, NOON), at(NOON))), "accepted phone");
}

/// Two entries of one user at once: the second waits in vain, or each change through it is a conflict.
pub fn of_two_commands_at_once_one_changes_the_enrolment<G, S: Store + Entries>((_guard, store): (G, S)) {
    type Change<E> = fn(E, &Credential, &Ledger, &Reset) -> Result<(), StoreError>;
    let changes: [Change<S::Entry>; 7] = [
        |entry, credential, ledger, _| entry.commit(credential, ledger),
        |entry, credential, ledger, _| {
            S::Entry::commit_all(vec![(entry, credential.clone(), ledger.clone())])
        },
        |mut entry, _, ledger, _| entry.note(ledger),
        |entry, _, ledger, _| entry.record(ledger),
        |entry, _, _, _| entry.withdraw(),
        |entry, _, _, reset| entry.keep_reset(reset),
        |entry, _, _, _| entry.forget_reset().map(drop),
    ];
    let fixture = enrolled(store);
    let reset = request(&fixture);
    for (second, change) in (1..).zip(changes) {
        let first = entry(&fixture.store);
        let Some(other) = fixture.store.entry(&alice().user, PATIENCE).unwrap() else { continue };
        let credential = first.credential().unwrap().unwrap().clone();
        let next = logged_in(first.ledger().unwrap().clone(), NOON + second);
        let lost = once_more_wrong(next.clone());
        first.record(&next).unwrap();
        assert_eq!(change(other, &credential, &lost, &reset), Err(StoreError::Conflict), "change {second}");
        assert!(ledger(&fixture.store) == next && entry(&fixture.store).reset().unwrap().is_none());
    }
}

/// A reset that was changed meanwhile is not written over: two wrong tokens at once are charged twice, or one is tried again.
pub fn a_reset_is_not_overwritten_by_an_older_entry<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let reset = request(&fixture);
    let first = entry(&fixture.store);
    let Some(second) = fixture.store.entry(&alice().user, PATIENCE).unwrap() else { return };
    first.keep_reset(&reset).unwrap();
    first.keep_reset(&reset).unwrap();
    assert_eq!(second.keep_reset(&reset), Err(StoreError::Conflict));
    assert_eq!(second.reset().err(), Some(StoreError::Conflict));
}

/// No code of the old enrolment is right any more.
pub fn a_new_enrolment_ends_the_old_one<G, S: Store + Entries>((_guard, store): (G, S)) {
    let mut fixture = Fixture::of(store);
    let old = fixture.enrol(PHONE);
    fixture.replace(SPARE);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "wrong");
    assert_eq!(word(fixture.login(old[0].expose(), at(NOON))), "wrong");
    assert_eq!(word(fixture.login(&code(SPARE, NOON), at(NOON))), "accepted phone");
}

/// Through an entry that is kept, and through one that is used up.
pub fn a_login_finds_what_a_command_wrote<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let mut entry = entry(&fixture.store);
    let noted = once_more_wrong(entry.ledger().unwrap().clone());
    entry.note(&noted).unwrap();
    assert!(entry.ledger() == Some(&noted));
    let recorded = once_more_wrong(noted);
    entry.record(&recorded).unwrap();
    assert!(ledger(&fixture.store) == recorded);
}

/// Each of them can log in.
pub fn each_user_of_a_batch_is_enrolled<G, S: Store + Entries>((_guard, store): (G, S)) {
    let mut fixture = Fixture::of(store);
    enrol_many(&mut fixture, 10);
    for number in 0..10 {
        let verdict = fixture.login_as(&user(number), &code(PHONE, NOON), at(NOON));
        assert_eq!(word(verdict), "accepted phone");
    }
}

/// A reset that is kept twice replaces itself; one that is forgotten is gone.
pub fn a_reset_is_kept_and_forgotten<G, S: Store + Entries>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let reset = request(&fixture);
    let entry = entry(&fixture.store);
    entry.keep_reset(&reset).unwrap();
    entry.keep_reset(&reset).unwrap();
    assert!(entry.reset().unwrap().is_some_and(|kept| kept.account() == &alice()));
    assert_eq!((entry.forget_reset().unwrap(), entry.forget_reset().unwrap()), (true, false));
    assert!(entry.reset().unwrap().is_none());
}
