//! What the whole engine promises beside that: lists, resealing, the keyring's locks, attempts, notices.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "what an engine does not keep is to end its test; and many ask at once, in threads"
)]

use super::steps::{LONG, MANY, charge, enrol_many, enrolled, entry, held, ledger, request, somebody};
use crate::audit_event::{Event, Name};
use crate::enrolment::ExpectedEnrolment;
use crate::enrolment::renew_recovery;
use crate::fixture::{Counter, Fixture, NOON, PATIENCE, alice, at, with_new_key, word};
use crate::keyring::rotation::Rotation;
use crate::notice::Notice;
use crate::store::notices::{NoticeSpool, Origin, SendLock, Sending};
use crate::store::{Engine, EnrolmentAttempts, Entry, Found, Held, Resealed, Resealing};
use crate::time::Seconds;
use crate::user::User;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// By name, and nobody else; anyone who is withdrawn is not.
pub fn everybody_who_is_enrolled_is_listed<G, S: Engine>((_guard, store): (G, S)) {
    let mut fixture = Fixture::of(store);
    enrol_many(&mut fixture, 3);
    let names = |users: Vec<User>| users.iter().map(|user| user.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(fixture.files.users().unwrap()), ["user0", "user1", "user2"]);
    let gone = fixture.files.entry(&somebody(1).user, LONG).unwrap().unwrap();
    gone.withdraw().unwrap();
    assert_eq!(names(fixture.files.users().unwrap()), ["user0", "user2"]);
    let known: Vec<User> = fixture.files.known().unwrap().map(Result::unwrap).collect();
    assert!(fixture.files.users().unwrap().iter().all(|user| known.contains(user)));
    let read = |number: usize| fixture.files.credential(&somebody(number).user).unwrap();
    assert!(read(0).is_some() && read(1).is_none());
    assert_eq!(fixture.files.expected(&somebody(1).user).unwrap(), ExpectedEnrolment::Nothing);
    let id = read(0).map(|credential| credential.owner().id).unwrap();
    assert_eq!(fixture.files.expected(&somebody(0).user).unwrap(), ExpectedEnrolment::Enrolment(id));
}

/// From the request until it is forgotten.
pub fn a_reset_is_listed_and_read_without_a_hold<G, S: Engine>((_guard, store): (G, S)) {
    let fixture = enrolled(store);
    let listed =
        || fixture.files.resets().unwrap().into_iter().flatten().map(Result::unwrap).collect::<Vec<_>>();
    assert!(listed().is_empty() && fixture.files.reset(&alice().user).unwrap().is_none());
    let reset = request(&fixture);
    entry(&fixture.files).keep_reset(&reset).unwrap();
    assert_eq!(listed(), [alice().user]);
    assert!(fixture.files.reset(&alice().user).unwrap().is_some());
    entry(&fixture.files).forget_reset().unwrap();
    assert!(listed().is_empty());
}

/// Resealing under load: nobody is left out, and no ledger is changed by it.
pub fn all_are_sealed_anew_while_they_log_in<G, S: Engine + Sync>((_guard, store): (G, S)) {
    let mut fixture = enrolled(store);
    enrol_many(&mut fixture, 20);
    fixture.keyring = with_new_key(&fixture.keyring);
    let (is_over, charged) = (AtomicBool::new(false), AtomicU32::new(0));
    let rotated = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                charge(&fixture.files);
                charged.fetch_add(1, Ordering::SeqCst);
            }
        });
        let rotation = Rotation {
            store: &fixture.files,
            keyring: &fixture.keyring,
            entropy: &mut Counter(77),
            patience: LONG,
        };
        let rotated = rotation.run(&mut |_| {});
        is_over.store(true, Ordering::SeqCst);
        rotated.ok().unwrap()
    });
    assert_eq!((rotated.resealed, rotated.left.len(), &rotated.unnamed[..]), (21, 0, &["k1".to_owned()][..]));
    assert_eq!(ledger(&fixture.files).failures().consecutive(), charged.into_inner());
    let credential = held(&fixture.files).credential().keys().all(|key| key == fixture.keyring.active());
    assert!(credential);
}

/// Resealing undoes no change.
pub fn what_changed_since_it_was_drafted_stays<G, S: Engine>((_guard, store): (G, S)) {
    let mut fixture = enrolled(store);
    fixture.keyring = with_new_key(&fixture.keyring);
    let permitted = fixture.in_place();
    let mut resealing = fixture.files.resealing().unwrap();
    let found = resealing.find(&alice().user).unwrap().unwrap();
    let resealed = found.credential().resealed(&fixture.keyring, &mut Counter(5)).unwrap().unwrap();
    resealing.draft(found, &resealed).unwrap();
    assert_eq!(resealing.waiting(), 1);
    let new = fixture
        .inputs(NOON, |store, inputs| renew_recovery(entry(store), &alice(), 10, permitted, inputs))
        .unwrap();
    let mut told = Vec::new();
    resealing.put_in_place(LONG, |user, resealed| told.push((user, resealed.ok()))).unwrap();
    assert_eq!(told, [(alice().user, Some(Resealed::Changed))]);
    assert_eq!(word(fixture.login(new[0].expose(), at(NOON))), "recovered 9");
    fixture.files.sync_credentials().unwrap();
}

/// Many seal at once, and nobody while another key is made the active one.
pub fn who_seals_and_who_changes_keys_exclude_each_other<G, S: Engine>((_guard, store): (G, S)) {
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

/// Whatever is started anew, and until they are forgotten.
pub fn five_attempts_are_counted_for_each_account<G, S: Engine>((_guard, store): (G, S)) {
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

/// Each is counted before it is judged.
pub fn of_many_attempts_at_once_five_are_counted<G, S: Engine + Sync>((_guard, store): (G, S)) {
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

/// The oldest first; one that was not taken waits longer.
pub fn notices_wait_in_order_until_they_are_taken<G, S: Engine>((_guard, store): (G, S)) {
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

/// The right to send is one's; what logins may leave of one account is limited, what commands leave is not by that.
pub fn one_sends_at_a_time_and_one_account_does_not_fill_the_spool<G, S: Engine>((_guard, store): (G, S)) {
    let (spool, uid) = (store.notices(), Some(1001));
    for at in 0..32 {
        spool.put(&notice(at), uid, Origin::Login, &mut Counter(at)).unwrap();
    }
    let SendLock::Sending(sending) = spool.lock_to_send(PATIENCE, 0).unwrap() else { panic!("free") };
    assert!(matches!(spool.lock_to_send(Duration::ZERO, 0), Ok(SendLock::Busy)));
    assert!(spool.put(&notice(32), uid, Origin::Login, &mut Counter(32)).is_err());
    spool.put(&notice(33), uid, Origin::Command, &mut Counter(33)).unwrap();
    spool.put(&notice(34), Some(1002), Origin::Login, &mut Counter(34)).unwrap();
    drop(sending);
    assert!(matches!(spool.lock_to_send(PATIENCE, 0), Ok(SendLock::Sending(_))));
}
