//! A reset from its request to the use of its ticket, over a store.

use super::prelude::*;
use crate::FileEntry;
use crate::scene::Counter;
use crate::scene::{NOON, PATIENCE, PHONE, Scene, alice, at, code, word};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use totp_core::readmission::*;
use totp_core::reset::{Grounds, Person, Refused, Terms};
use totp_core::store::Store;
use totp_core::ticket::MOST_WRONG;

const HOUR: u64 = 3600;

fn enrolled() -> Scene {
    let mut scene = Scene::new();
    scene.enrol(PHONE);
    scene
}

fn entry(scene: &Scene) -> FileEntry {
    scene.files.entry(&alice().user, PATIENCE).unwrap().unwrap()
}

fn asked(account: &Account, uid: u32, now: u64) -> Asked<'_> {
    Asked { account, by: Person { uid, name: format!("operator{uid}") }, terms: Terms::DEFAULT, now }
}

fn requested(scene: &Scene) {
    let grounds = Grounds::parse("all is lost").unwrap();
    request(entry(scene), asked(&alice(), 1, NOON), grounds).unwrap();
}

/// Requested at noon, approved, and completed an hour later.
fn completed(scene: &Scene) -> Secret {
    requested(scene);
    approve(entry(scene), asked(&alice(), 2, NOON)).unwrap();
    complete(entry(scene), &asked(&alice(), 1, NOON + HOUR), &mut Counter(5)).unwrap().1
}

fn tried(scene: &Scene, code: &[u8], now: u64) -> String {
    match try_ticket(&entry(scene), &alice(), &Secret::new(code.to_vec()), now).unwrap() {
        Tried::NoReset => "no reset".to_owned(),
        Tried::Admitted(_) => "admitted".to_owned(),
        Tried::Refused(why) => why.as_str().to_owned(),
    }
}

fn admitted(scene: &Scene, code: &Secret, now: u64) -> Entitled {
    match try_ticket(&entry(scene), &alice(), code, now).unwrap() {
        Tried::Admitted(admitted) => Entitled::ByTicket(admitted),
        other @ (Tried::NoReset | Tried::Refused(_)) => panic!("{other:?}"),
    }
}

/// The notice in the ledger, as a login finds it.
fn notice(scene: &Scene) -> Option<totp_core::reset::Notice> {
    entry(scene).ledger().unwrap().notice()
}

#[test]
fn the_owner_is_told_from_the_request_to_its_end() {
    let scene = enrolled();
    assert_eq!(notice(&scene), None);
    requested(&scene);
    let told = Some(totp_core::reset::Notice { at: NOON, until: NOON + 24 * HOUR, by: 1 });
    assert_eq!(notice(&scene), told);
    // Also after a login, which writes the page anew.
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(notice(&scene), told);
    cancel(entry(&scene), &alice()).unwrap();
    assert_eq!(notice(&scene), None);
    assert!(matches!(cancel(entry(&scene), &alice()), Err(ReadmissionError::NoReset)));
}

#[test]
fn the_owner_goes_on_being_told_whose_ledger_was_repaired() {
    let scene = enrolled();
    requested(&scene);
    fs::write(scene.file("ledgers/alice"), [7; 4096]).unwrap();
    totp_core::enrolment::repair(entry(&scene), &crate::scene::rules().windows, at(NOON)).unwrap();
    let told = Some(totp_core::reset::Notice { at: NOON, until: NOON + 24 * HOUR, by: 1 });
    assert_eq!(notice(&scene), told);
    approve(entry(&scene), asked(&alice(), 2, NOON)).unwrap();
    assert_eq!(notice(&scene), told);
}

#[test]
fn a_reset_is_kept_for_root_alone() {
    let scene = enrolled();
    requested(&scene);
    let mode = |name: &str| fs::metadata(scene.file(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("resets"), mode("resets/alice.toml")), (0o700, 0o600));
    for (name, mode) in [("resets", 0o755), ("resets/alice.toml", 0o644)] {
        let before = fs::metadata(scene.file(name)).unwrap().permissions();
        fs::set_permissions(scene.file(name), PermissionsExt::from_mode(mode)).unwrap();
        assert!(entry(&scene).reset().is_err(), "{name}");
        fs::set_permissions(scene.file(name), before).unwrap();
    }
    assert!(entry(&scene).reset().unwrap().is_some());
}

#[test]
fn a_completion_withdraws_and_its_ticket_admits_once() {
    let scene = enrolled();
    let ticket = completed(&scene);
    assert_eq!(word(scene.login(&code(PHONE, NOON + HOUR), at(NOON + HOUR))), "not_enrolled");
    assert_eq!(tried(&scene, b"0000000000000000", NOON + HOUR), "wrong");
    let entitled = admitted(&scene, &ticket, NOON + HOUR);
    let mut scene = scene;
    admit(&entry(&scene), &alice(), &entitled, NOON + HOUR).unwrap();
    scene.enrol(PHONE);
    assert_eq!(entry(&scene).reset().unwrap(), None, "its ticket is used up");
    assert_eq!(tried(&scene, ticket.expose(), NOON + HOUR), "no reset");
    let permitted = scene.in_place();
    totp_core::enrolment::withdraw(entry(&scene), permitted).unwrap();
    assert_eq!(tried(&scene, ticket.expose(), NOON + HOUR), "no reset");
    assert!(matches!(
        admit(&entry(&scene), &alice(), &entitled, NOON + HOUR),
        Err(NotAdmitted::Ticket(NotTaken::None))
    ));
}

#[test]
fn without_its_ticket_nobody_enrols_who_was_reset() {
    let scene = enrolled();
    let ticket = completed(&scene);
    let by_themselves =
        |now| admit(&entry(&scene), &alice(), &Entitled::ByThemselves, now).map_err(|e| e.to_string());
    for now in [NOON + HOUR, NOON + 100 * HOUR] {
        assert!(by_themselves(now).unwrap_err().contains("takes the ticket"), "{now}");
    }
    for _ in 0..MOST_WRONG {
        assert_eq!(tried(&scene, b"0000000000000000", NOON + HOUR), "wrong");
    }
    assert_eq!(tried(&scene, ticket.expose(), NOON + HOUR), "dead");
    assert!(by_themselves(NOON + HOUR).is_err(), "dead, and a bar still");
    assert!(admit(&entry(&scene), &alice(), &Entitled::ByAnOperator, NOON).is_ok());
}

#[test]
fn one_operator_voids_a_ticket_and_lifts_no_bar() {
    let scene = enrolled();
    let ticket = completed(&scene);
    let bars = || admit(&entry(&scene), &alice(), &Entitled::ByThemselves, NOON + HOUR).is_err();
    for _ in 0..2 {
        assert_eq!(cancel(entry(&scene), &alice()).unwrap(), Cancelled::Barred);
        assert_eq!(tried(&scene, ticket.expose(), NOON + HOUR), "none");
        assert!(bars());
    }
    for uid in [1, 2, 3] {
        let again = complete(entry(&scene), &asked(&alice(), uid, NOON + HOUR), &mut Counter(6));
        assert!(matches!(again, Err(ReadmissionError::Refused(Refused::CalledOff))), "{uid}");
    }
    requested(&scene);
    assert!(bars(), "another request is a bar from its beginning");
    assert_eq!(cancel(entry(&scene), &alice()).unwrap(), Cancelled::Barred);
    assert!(bars());
    fs::write(scene.file("resets/alice.toml"), "version = ").unwrap();
    assert!(cancel(entry(&scene), &alice()).is_err() && bars(), "who knows what it said");
}

#[test]
fn a_ticket_that_is_out_is_made_void_by_no_other_request_and_no_third_operator() {
    let scene = enrolled();
    let ticket = completed(&scene);
    let again =
        |now| request(entry(&scene), asked(&alice(), 3, now), Grounds::parse("lost").unwrap()).map(drop);
    assert!(matches!(again(NOON + HOUR), Err(ReadmissionError::Refused(Refused::TicketOut))));
    let third = complete(entry(&scene), &asked(&alice(), 3, NOON + HOUR), &mut Counter(6));
    assert!(matches!(third, Err(ReadmissionError::Refused(Refused::NoPart))));
    assert_eq!(tried(&scene, ticket.expose(), NOON + HOUR), "admitted");
    again(NOON + 25 * HOUR).unwrap();
}

#[test]
fn whoever_had_a_part_in_a_completion_gives_it_again() {
    for uid in [1, 2, 4, 0] {
        let scene = enrolled();
        requested(&scene);
        approve(entry(&scene), asked(&alice(), 2, NOON)).unwrap();
        complete(entry(&scene), &asked(&alice(), 4, NOON + HOUR), &mut Counter(5)).unwrap();
        complete(entry(&scene), &asked(&alice(), uid, NOON + HOUR), &mut Counter(6)).unwrap();
        complete(entry(&scene), &asked(&alice(), 4, NOON + HOUR), &mut Counter(7)).unwrap();
    }
}

#[test]
fn a_ticket_that_is_dead_or_expired_or_made_anew_in_the_meantime_admits_nobody() {
    let scene = enrolled();
    let ticket = completed(&scene);
    let admitted = admitted(&scene, &ticket, NOON + HOUR);
    assert!(admit(&entry(&scene), &alice(), &admitted, NOON + 25 * HOUR).is_err(), "expired");
    assert_eq!(tried(&scene, ticket.expose(), NOON + 25 * HOUR), "expired");
    complete(entry(&scene), &asked(&alice(), 1, NOON + HOUR), &mut Counter(6)).unwrap();
    assert!(admit(&entry(&scene), &alice(), &admitted, NOON + HOUR).is_err(), "made anew");
    assert_eq!(tried(&scene, ticket.expose(), NOON + HOUR), "wrong");
}

#[test]
fn right_tickets_cost_no_tries() {
    let scene = enrolled();
    let ticket = completed(&scene);
    for _ in 0..3 * MOST_WRONG {
        assert_eq!(tried(&scene, ticket.expose(), NOON + HOUR), "admitted");
    }
}

#[test]
fn an_account_that_was_made_again_inherits_neither_ticket_nor_bar() {
    let scene = enrolled();
    let ticket = completed(&scene);
    let again = Account { uid: Some(1002), ..alice() };
    let tried = try_ticket(&entry(&scene), &again, &ticket, NOON + HOUR).unwrap();
    assert!(matches!(tried, Tried::NoReset));
    let by_themselves = |account| admit(&entry(&scene), account, &Entitled::ByThemselves, NOON + HOUR);
    assert!(by_themselves(&again).is_ok());
    let unknown = Account { uid: None, ..alice() };
    assert!(by_themselves(&unknown).is_err(), "nobody knows that it is another one");
    assert_eq!(cancel(entry(&scene), &again).unwrap(), Cancelled::Gone);
}

#[test]
fn a_ticket_that_was_made_by_a_completion_that_was_killed_opens_nothing() {
    let scene = enrolled();
    requested(&scene);
    approve(entry(&scene), asked(&alice(), 2, NOON)).unwrap();
    let mut reset = entry(&scene).reset().unwrap().unwrap();
    let account = alice();
    let Asked { by, terms, now, .. } = asked(&account, 1, NOON + HOUR);
    let ticket = reset.complete(&account, scene.in_place(), &by, &terms, (now, &mut Counter(9))).unwrap();
    entry(&scene).keep_reset(&reset).unwrap();
    assert_eq!(tried(&scene, ticket.expose(), NOON + HOUR), "no reset");
    assert_eq!(word(scene.login(&code(PHONE, now), at(now))), "accepted phone");
    complete(entry(&scene), &asked(&account, 1, now), &mut Counter(10)).unwrap();
    assert_eq!(tried(&scene, ticket.expose(), NOON + HOUR), "wrong");
}

#[test]
fn broken_ledgers_and_credentials_are_reset_like_whole_ones() {
    for broken in ["ledgers/alice", "credentials/alice.toml"] {
        let scene = enrolled();
        fs::write(scene.file(broken), [7; 4096]).unwrap();
        completed(&scene);
        assert!(matches!(scene.files.hold(&alice().user, PATIENCE), Ok(totp_core::store::Hold::NotEnrolled)));
    }
}

#[test]
fn a_reset_that_cannot_be_read_stops_everything_but_its_end() {
    let scene = enrolled();
    requested(&scene);
    fs::write(scene.file("resets/alice.toml"), "version = ").unwrap();
    assert!(approve(entry(&scene), asked(&alice(), 2, NOON)).is_err());
    cancel(entry(&scene), &alice()).unwrap();
    requested(&scene);
}

#[test]
fn an_enrolment_that_is_replaced_or_withdrawn_takes_its_reset_along() {
    let mut scene = enrolled();
    requested(&scene);
    scene.replace(PHONE);
    assert_eq!(entry(&scene).reset().unwrap(), None);
    requested(&scene);
    scene.add("spare", crate::scene::SPARE).unwrap();
    assert!(entry(&scene).reset().unwrap().is_some(), "the enrolment is the same");
    assert!(notice(&scene).is_some());
    let permitted = scene.in_place();
    totp_core::enrolment::withdraw(entry(&scene), permitted).unwrap();
    assert_eq!(entry(&scene).reset().unwrap(), None);
}
