//! What every engine promises a command: entries, batches and resets; lists, resealing, the keyring's locks, enrolment
//! attempts, notices, the check.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "what an engine does not keep has to fail its test; and several tests ask at once, in threads"
)]

use super::{LONG, MANY, charge, enrol_many, enrolled, entry, held, is_enrolled, ledger, request, user};
use crate::account_recovery::{Cancellation, Reset};
use crate::audit_event::{Event, Name};
use crate::credential::Credential;
use crate::enrolment::{ExpectedEnrolment, renew_recovery, withdraw};
use crate::fixture::{
    Counter, Fixture, NOON, PATIENCE, PHONE, SPARE, alice, at, code, logged_in, once_more_wrong,
    with_new_key, word,
};
use crate::keyring::rotation::Rotation;
use crate::ledger::Ledger;
use crate::notice::Notice;
use crate::store::notices::{Begun, NoticeSpool, Origin, SendLock, Sending, Source, Topic};
use crate::store::{
    Engine, EnrolmentAttempts, Entries, Entry, FoundCredential, Held, Resealed, Resealing, Store, StoreError,
};
use crate::time::Seconds;
use crate::user::User;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

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

/// All of them and nobody else, sorted by name, until they are withdrawn.
pub fn enrolled_users_are_listed<G, S: Engine>((_guard, store): (G, S)) {
    let mut fixture = Fixture::of(store);
    enrol_many(&mut fixture, 3);
    let names = |users: Vec<User>| users.iter().map(|user| user.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(fixture.store.users().unwrap()), ["user0", "user1", "user2"]);
    let gone = fixture.store.entry(&user(1).user, LONG).unwrap().unwrap();
    gone.withdraw().unwrap();
    assert_eq!(names(fixture.store.users().unwrap()), ["user0", "user2"]);
    let known: Vec<User> = fixture.store.known().unwrap().map(Result::unwrap).collect();
    assert!(fixture.store.users().unwrap().iter().all(|user| known.contains(user)));
    let read = |number: usize| fixture.store.credential(&user(number).user).unwrap();
    assert!(read(0).is_some() && read(1).is_none());
    assert_eq!(fixture.store.expected(&user(1).user).unwrap(), ExpectedEnrolment::Nothing);
    let id = read(0).map(|credential| credential.owner().id).unwrap();
    assert_eq!(fixture.store.expected(&user(0).user).unwrap(), ExpectedEnrolment::Enrolment(id));
}

/// From the request until the reset is forgotten.
pub fn a_reset_is_listed_and_read_without_a_hold<G, S: Engine>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let listed =
        || fixture.store.resets().unwrap().into_iter().flatten().map(Result::unwrap).collect::<Vec<_>>();
    assert!(listed().is_empty() && fixture.store.reset(&alice().user).unwrap().is_none());
    let reset = request(&fixture);
    entry(&fixture.store).keep_reset(&reset).unwrap();
    assert_eq!(listed(), [alice().user]);
    assert_eq!(fixture.store.reset(&alice().user).unwrap(), Some(reset.clone()));
    // While another holds the user, who sees it.
    let held = entry(&fixture.store);
    fixture.store.call_off(&alice().user, Cancellation::of(&reset)).unwrap();
    for read in [held.reset(), fixture.store.reset(&alice().user)] {
        assert!(read.unwrap().is_some_and(|called_off| called_off != reset));
    }
    drop(held);
    entry(&fixture.store).forget_reset().unwrap();
    assert!(listed().is_empty());
}

/// Resealing under load: each credential is resealed, and no login is lost.
pub fn credentials_are_resealed_while_users_log_in<G, S: Engine + Sync>((_guard, store): (G, S)) {
    let mut fixture = enrolled(store);
    enrol_many(&mut fixture, 20);
    fixture.keyring = with_new_key(&fixture.keyring);
    let (is_over, charged) = (AtomicBool::new(false), AtomicU32::new(0));
    let rotated = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                charge(&fixture.store);
                charged.fetch_add(1, Ordering::SeqCst);
            }
        });
        let rotation = Rotation {
            store: &fixture.store,
            keyring: &fixture.keyring,
            entropy: &mut Counter(77),
            patience: LONG,
        };
        let rotated = rotation.run(&mut |_| {});
        is_over.store(true, Ordering::SeqCst);
        rotated.ok().unwrap()
    });
    assert_eq!((rotated.resealed, rotated.left.len(), &rotated.unnamed[..]), (21, 0, &["k1".to_owned()][..]));
    assert_eq!(ledger(&fixture.store).guesses().wrong_codes(), charged.into_inner());
    let credential = held(&fixture.store).credential().keys().all(|key| key == fixture.keyring.active());
    assert!(credential);
}

/// A credential that was changed since it was drafted stays as it is.
pub fn resealing_undoes_no_change<G, S: Engine>((_guard, store): (G, S)) {
    let mut fixture = enrolled(store);
    fixture.keyring = with_new_key(&fixture.keyring);
    let expected = fixture.in_place();
    let mut resealing = fixture.store.resealing().unwrap();
    let found = resealing.find(&alice().user).unwrap().unwrap();
    let resealed = found.credential().resealed(&fixture.keyring, &mut Counter(5)).unwrap().unwrap();
    resealing.draft(found, &resealed).unwrap();
    assert_eq!(resealing.waiting(), 1);
    let new = fixture
        .inputs(NOON, |store, inputs| renew_recovery(entry(store), &alice(), 10, expected, inputs))
        .unwrap();
    let mut told = Vec::new();
    resealing.put_in_place(LONG, |user, resealed| told.push((user, resealed.ok()))).unwrap();
    assert_eq!(told, [(alice().user, Some(Resealed::Changed))]);
    assert_eq!(word(fixture.login(new[0].expose(), at(NOON))), "recovered 9");
    fixture.store.sync_credentials().unwrap();
}

/// Many may seal at once, but nobody while the active key is changed; and one rotates at a time.
pub fn sealing_and_changing_keys_exclude_each_other<G, S: Engine>((_guard, store): (G, S)) {
    let sealing = store.lock_to_seal(PATIENCE).unwrap().unwrap();
    assert!(store.lock_to_seal(PATIENCE).unwrap().is_some(), "two seal at once");
    assert!(store.lock_to_change_keys(PATIENCE).unwrap().is_none());
    let rotating = store.lock_to_rotate().unwrap().unwrap();
    assert!(store.lock_to_rotate().unwrap().is_none(), "one rotates");
    drop((sealing, rotating));
    let changing = store.lock_to_change_keys(PATIENCE).unwrap();
    assert!(changing.is_some() && store.lock_to_seal(PATIENCE).unwrap().is_none());
    drop(changing);
    assert!(store.lock_to_seal(PATIENCE).unwrap().is_some());
}

/// They are counted across programs, until they are forgotten.
pub fn each_account_has_five_enrolment_attempts<G, S: Engine>((_guard, store): (G, S)) {
    for at in 0..5 {
        assert_eq!(store.enrolment_attempts().wait(1001, 9000 + at).unwrap(), None);
        assert_eq!(store.enrolment_attempts().charge(1001, 9000 + at).unwrap(), Ok(()));
    }
    let attempts = store.enrolment_attempts();
    assert_eq!(attempts.charge(1001, 9005).unwrap(), Err(Seconds(595)));
    assert_eq!(attempts.wait(1001, 9005).unwrap(), Some(Seconds(595)));
    assert_eq!(attempts.charge(1002, 9005).unwrap(), Ok(()));
    assert_eq!((attempts.forget(1001).unwrap(), attempts.forget(1001).unwrap()), (true, false));
    assert_eq!(attempts.charge(1001, 9005).unwrap(), Ok(()));
}

/// Each attempt is counted before it is judged.
pub fn of_many_enrolment_attempts_at_once_five_are_counted<G, S: Engine + Sync>((_guard, store): (G, S)) {
    assert_eq!(store.enrolment_attempts().charge(1001, 1000).unwrap(), Ok(()));
    let counted = std::thread::scope(|scope| {
        let one = || store.enrolment_attempts().charge(1001, 9000).unwrap().is_ok();
        let many: Vec<_> = (0..2 * MANY).map(|_| scope.spawn(one)).collect();
        many.into_iter().map(|one| one.join().unwrap()).filter(|is_counted| *is_counted).count()
    });
    assert_eq!(counted, 5);
}

fn notice(at: u64) -> Notice {
    Notice::of(&Event::new(Name::Enrolled).field("user", "alice"), None, at).unwrap()
}

/// The oldest first; one that could not be sent waits longer.
pub fn notices_are_sent_in_order<G, S: Engine>((_guard, store): (G, S)) {
    let spool = store.notices();
    assert!(matches!(spool.lock_to_send(PATIENCE, 0), Ok(SendLock::NothingThere | SendLock::Sending(_))));
    for (at, uid) in [(20, Some(1001)), (3, None), (20, Some(7))] {
        spool.put(&notice(at), uid, Origin::Command, &mut Counter(at)).unwrap();
    }
    let (waiting, foreign) = spool.waiting().unwrap();
    let told: Vec<_> = waiting.iter().map(|notice| (notice.at, notice.uid, notice.tries)).collect();
    assert_eq!((told, foreign.len()), (vec![(3, None, 0), (20, Some(1001), 0), (20, Some(7), 0)], 0));
    assert_eq!(Notice::decode(&spool.read(&waiting[1]).unwrap().unwrap()), Ok(notice(20)));
    let SendLock::Sending(sending) = spool.lock_to_send(PATIENCE, 100).unwrap() else { panic!("free") };
    sending.done(&waiting[0]).unwrap();
    assert!(spool.read(&waiting[0]).unwrap().is_none());
    let later = sending.failed(&waiting[1], 100).unwrap().unwrap();
    assert_eq!((later.tries, later.due()), (1, 160));
    assert_eq!(spool.waiting().unwrap().0, [later, waiting[2].clone()]);
}

/// The second who asks for the right to send is told that another process has it.
pub fn one_process_sends_at_a_time<G, S: Engine>((_guard, store): (G, S)) {
    let spool = store.notices();
    spool.put(&notice(1), None, Origin::Command, &mut Counter(1)).unwrap();
    let SendLock::Sending(sending) = spool.lock_to_send(PATIENCE, 0).unwrap() else { panic!("free") };
    assert!(matches!(spool.lock_to_send(Duration::ZERO, 0), Ok(SendLock::Busy)));
    drop(sending);
    assert!(matches!(spool.lock_to_send(PATIENCE, 0), Ok(SendLock::Sending(_))));
}

/// The limit for one account holds for its logins; commands and other accounts still leave notices.
pub fn one_account_does_not_fill_the_spool<G, S: Engine>((_guard, store): (G, S)) {
    let (spool, uid) = (store.notices(), Some(1001));
    for at in 0..32 {
        spool.put(&notice(at), uid, Origin::Login, &mut Counter(at)).unwrap();
    }
    assert!(spool.put(&notice(32), uid, Origin::Login, &mut Counter(32)).is_err());
    spool.put(&notice(33), uid, Origin::Command, &mut Counter(33)).unwrap();
    spool.put(&notice(34), Some(1002), Origin::Login, &mut Counter(34)).unwrap();
    assert_eq!(spool.waiting().unwrap().0.len(), 34);
}

/// The notice of a change is there before it, and is sent when the command has ended.
pub fn a_change_is_told_however_its_command_ends<G, S: Engine>((_guard, store): (G, S)) {
    let spool = store.notices();
    let begin = || spool.begin(&notice(1), None, Origin::Command, &mut Counter(1)).unwrap();
    let begun = begin();
    let waiting = |at: usize| spool.waiting().unwrap().0[at].clone();
    assert!(matches!(waiting(0).source, Source::Begun(_)));
    assert!(!spool.is_ready(&waiting(0), 1).unwrap());
    drop(begun);
    assert!(spool.is_ready(&waiting(0), 1).unwrap(), "killed");
    assert!(begin().finish().unwrap());
    assert!(matches!(waiting(1).source, Source::Command(_)) && spool.is_ready(&waiting(1), 1).unwrap());
    begin().retract().unwrap();
    assert_eq!(spool.waiting().unwrap().0.len(), 2);
    assert_eq!(spool.recent(Topic::of(&notice(1)), 2).unwrap(), 2);
    let SendLock::Sending(sending) = spool.lock_to_send(PATIENCE, 2).unwrap() else { panic!("free") };
    sending.done(&waiting(0)).unwrap();
    assert_eq!(spool.recent(Topic::of(&notice(1)), 2).unwrap(), 2, "sent, and counted for a day");
}

/// Whatever the engine stores, it knows again.
pub fn nothing_is_wrong_with_a_store_in_use<G, S: Engine>((_guard, store): (G, S)) {
    let check = |store: &S| store.check(Seconds(0), NOON);
    assert_eq!(check(&store), []);
    let fixture = enrolled(store);
    let reset = request(&fixture);
    entry(&fixture.store).keep_reset(&reset).unwrap();
    fixture.store.enrolment_attempts().charge(1001, 9000).unwrap().unwrap();
    fixture.store.notices().put(&notice(1), None, Origin::Command, &mut Counter(1)).unwrap();
    assert_eq!(check(&fixture.store), []);
}
