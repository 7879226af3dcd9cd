//! What a login promises, on the real store: once, for its own user, within the limit, and whatever the lock says for a
//! recovery code.

use super::prelude::*;
use crate::scene::{NOON, PHONE, SPARE, Scene, alice, at, code, draft, logged_in, rules, word};
use std::time::Duration;
use totp_core::enrolment::{Newcomer, enrol_all};
use totp_core::login::*;
use totp_core::recovery::ScratchCode;
use totp_core::store::{Hold, Store};
use totp_core::totp::Drift;

fn enrolled() -> (Scene, Vec<Secret>) {
    let mut scene = Scene::new();
    let codes = scene.enrol(PHONE);
    (scene, codes)
}

#[test]
fn a_code_opens_the_door_once() {
    let (scene, _) = enrolled();
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "replayed");
    assert_eq!(word(scene.login(&code(PHONE, NOON - 30), at(NOON))), "replayed");
    assert_eq!(word(scene.login(&code(PHONE, NOON + 30), at(NOON))), "accepted phone");
}

#[test]
fn whoever_offers_a_used_code_is_told_when_the_next_one_comes() {
    let (scene, _) = enrolled();
    let offer = |now| match scene.login(&code(PHONE, NOON), at(now)) {
        Ok(Verdict::Refused(refusal)) => Some(refusal),
        _ => None,
    };
    assert!(offer(NOON).is_none(), "let in");
    let replayed = Refusal { reason: Reason::Replayed, lock: None, next_code: Some(Seconds(20)) };
    assert_eq!(offer(NOON + 10), Some(replayed));
}

#[test]
fn two_authenticators_of_one_secret_do_not_make_one_code_two() {
    let (mut scene, _) = enrolled();
    scene.add("copy", PHONE).unwrap();
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "replayed");
}

#[test]
fn a_replay_charges_nothing_and_a_wrong_code_does() {
    let (scene, _) = enrolled();
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    for _ in 0..20 {
        assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "replayed");
    }
    for _ in 0..4 {
        assert_eq!(word(scene.login(b"000000", at(NOON))), "wrong");
    }
    assert_eq!(word(scene.login(&code(PHONE, NOON + 300), at(NOON))), "clock_off");
    assert_eq!(word(scene.login(&code(PHONE, NOON + 30), at(NOON + 30))), "limited");
    assert_eq!(word(scene.login(&code(PHONE, NOON + 60), at(NOON + 60))), "accepted phone");
}

#[test]
fn the_tenth_wrong_code_in_a_row_locks_and_a_recovery_code_lifts_it() {
    let (scene, codes) = enrolled();
    for at_second in 0..9 {
        assert_eq!(word(scene.login(b"000000", at(NOON + at_second * 60))), "wrong");
    }
    let locked = NOON + 9 * 60;
    assert_eq!(word(scene.login(b"000000", at(locked))), "wrong and locked 60");
    assert_eq!(word(scene.login(&code(PHONE, locked), at(locked))), "locked");
    assert_eq!(word(scene.login(b"AAAA-AAAA-AAAA-AAAA", at(locked))), "locked");
    assert_eq!(word(scene.login(codes[0].expose(), at(locked))), "recovered 9");
    assert_eq!(word(scene.login(&code(PHONE, locked), at(locked))), "accepted phone");
}

#[test]
fn a_hundred_wrong_codes_disable_all_but_the_recovery_codes() {
    let (scene, codes) = enrolled();
    for day in 0..100 {
        let verdict = word(scene.login(b"000000", at(NOON + day * 86400)));
        assert!(verdict.starts_with("wrong"), "{day}: {verdict}");
    }
    let later = NOON + 1000 * 86400;
    assert_eq!(word(scene.login(&code(PHONE, later), at(later))), "disabled");
    assert_eq!(word(scene.login(codes[9].expose(), at(later))), "recovered 9");
    assert_eq!(word(scene.login(&code(PHONE, later), at(later))), "accepted phone");
}

#[test]
fn a_recovery_code_works_once() {
    let (scene, codes) = enrolled();
    for (at_code, code) in codes.iter().enumerate() {
        assert_eq!(word(scene.login(code.expose(), at(NOON))), format!("recovered {}", 9 - at_code));
    }
    for code in &codes {
        assert_eq!(word(scene.login(code.expose(), at(NOON))), "replayed");
    }
}

#[test]
fn a_wrong_recovery_code_charges_nothing() {
    let (scene, _) = enrolled();
    for _ in 0..200 {
        assert_eq!(word(scene.login(b"AAAA-AAAA-AAAA-AAAA", at(NOON))), "wrong");
    }
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

#[test]
fn an_account_made_again_under_the_same_name_inherits_nothing() {
    let (scene, codes) = enrolled();
    for uid in [Some(1002), None] {
        let other = Account { uid, ..alice() };
        for typed in [code(PHONE, NOON), codes[0].expose().to_vec()] {
            assert!(word(scene.login_as(&other, &typed, at(NOON))).contains("another uid"));
        }
    }
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

#[test]
fn the_boot_rule_holds_without_a_ledger_write_having_survived() {
    let (scene, _) = enrolled();
    let before = std::fs::read(scene.file("ledgers/alice")).unwrap();
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    // The machine crashes, the write is lost, and it is back twenty seconds later.
    std::fs::write(scene.file("ledgers/alice"), before).unwrap();
    let back = Now { realtime: NOON + 25, boottime: 5 };
    assert_eq!(word(scene.login(&code(PHONE, NOON), back)), "before_boot");
    assert_eq!(word(scene.login(&code(PHONE, NOON + 30), back)), "before_boot");
    let later = Now { realtime: NOON + 60, boottime: 40 };
    assert_eq!(word(scene.login(&code(PHONE, NOON + 60), later)), "accepted phone");
}

#[test]
fn a_ledger_that_cannot_be_written_lets_nobody_in() {
    /// A store whose disk fails at the last moment.
    struct Failing<H>(H);
    impl<H: Held> Held for Failing<H> {
        fn credential(&self) -> &totp_core::credential::Credential {
            self.0.credential()
        }
        fn ledger(&self) -> &Ledger {
            self.0.ledger()
        }
        fn replace(&mut self, _: &Ledger, _: Durability) -> Result<(), StoreError> {
            Err(StoreError::System { about: "/ledgers/alice".to_owned(), problem: "cannot write".to_owned() })
        }
    }
    let (scene, codes) = enrolled();
    for typed in [code(PHONE, NOON), codes[0].expose().to_vec(), b"000000".to_vec()] {
        let Ok(Hold::Held(held)) = scene.files.hold(&alice().user, Duration::ZERO) else { panic!("held") };
        let answer = Answer::recognise(&typed).unwrap();
        let rules = rules();
        let result = judge(Failing(held), &alice(), &answer, at(NOON), &rules, &scene.keyring);
        assert!(matches!(result, Err(Trouble::Store(_))));
    }
}

#[test]
fn a_login_that_dies_before_its_verdict_is_written_has_been_charged() {
    /// A host that is killed, or may not write any more, after so many writes.
    struct Dying<H>(H, usize);
    impl<H: Held> Held for Dying<H> {
        fn credential(&self) -> &totp_core::credential::Credential {
            self.0.credential()
        }
        fn ledger(&self) -> &Ledger {
            self.0.ledger()
        }
        fn replace(&mut self, next: &Ledger, durability: Durability) -> Result<(), StoreError> {
            let dead =
                StoreError::System { about: "/ledgers/alice".to_owned(), problem: "cannot write".to_owned() };
            self.1 = self.1.checked_sub(1).ok_or(dead)?;
            self.0.replace(next, durability)
        }
    }
    let (scene, _) = enrolled();
    for wrong in 1..=5 {
        let Ok(Hold::Held(held)) = scene.files.hold(&alice().user, Duration::ZERO) else { panic!("held") };
        let answer = Answer::recognise(&code(PHONE, NOON)).unwrap();
        let result = judge(Dying(held, 1), &alice(), &answer, at(NOON), &rules(), &scene.keyring);
        assert!(matches!(result, Err(Trouble::Store(_))));
        let Ok(Hold::Held(held)) = scene.files.hold(&alice().user, Duration::ZERO) else { panic!("held") };
        assert_eq!(held.ledger().tries().consecutive(), wrong);
    }
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "limited");
}

#[test]
fn a_code_of_a_length_that_no_authenticator_has_charges_nothing() {
    let (scene, _) = enrolled();
    for _ in 0..20 {
        assert_eq!(word(scene.login(b"12345678", at(NOON))), "malformed");
    }
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

#[test]
fn a_lock_from_a_clock_that_ran_ahead_passes() {
    let (scene, _) = enrolled();
    for day in 0..10 {
        scene.login(b"000000", at(NOON + 86400 * (1000 + day))).unwrap();
    }
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "locked");
    assert_eq!(word(scene.login(&code(PHONE, NOON + 30), at(NOON + 30))), "locked");
    assert_eq!(word(scene.login(&code(PHONE, NOON + 60), at(NOON + 60))), "accepted phone");
}

#[test]
fn every_write_of_one_hold_is_the_one_that_is_read_next() {
    use Durability::{Machine, Process};
    let (scene, _) = enrolled();
    let Ok(Hold::Held(mut held)) = scene.files.hold(&alice().user, Duration::ZERO) else { panic!("held") };
    let mut ledger = held.ledger().clone();
    for (at_write, durability) in
        [Process, Machine, Process, Machine, Machine, Process, Process].into_iter().enumerate()
    {
        let at_write = at_write as u64 + 1;
        ledger = logged_in(ledger, at_write);
        held.replace(&ledger, durability).unwrap();
        let file = std::fs::read(scene.file("ledgers/alice")).unwrap();
        let id = held.credential().owner().id;
        let (read, _) = totp_core::ledger::slots::Slots::of(&file).newest_of(id).unwrap();
        assert_eq!(read.last_login().map(|login| login.at), Some(at_write));
    }
}

#[test]
fn how_many_wrong_codes_came_before_is_told() {
    let (scene, _) = enrolled();
    scene.login(b"000000", at(NOON)).unwrap();
    scene.login(b"000001", at(NOON)).unwrap();
    let Ok(Verdict::Accepted(verified)) = scene.login(&code(PHONE, NOON), at(NOON)) else {
        panic!("accepted")
    };
    assert_eq!(verified.since_last().wrong, 2);
}

#[test]
fn a_held_ledger_is_busy_for_everybody_else() {
    let (scene, _) = enrolled();
    let Ok(Hold::Held(held)) = scene.files.hold(&alice().user, Duration::ZERO) else { panic!("held") };
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "busy");
    drop(held);
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

#[test]
fn a_ledger_without_a_place_for_an_authenticator_is_trouble() {
    let (mut scene, _) = enrolled();
    let before = std::fs::read(scene.file("ledgers/alice")).unwrap();
    scene.add("spare", SPARE).unwrap();
    std::fs::write(scene.file("ledgers/alice"), before).unwrap();
    assert!(word(scene.login(&code(SPARE, NOON), at(NOON))).contains("does not fit"));
}

#[test]
fn when_and_how_somebody_came_in_is_kept() {
    let (mut scene, codes) = enrolled();
    scene.add("spare", SPARE).unwrap();
    let kept = |scene: &Scene| {
        let Ok(Hold::Held(held)) = scene.files.hold(&alice().user, Duration::ZERO) else { panic!("held") };
        let ledger = held.ledger();
        let last = ledger.last_login().map(|login| (login.at, login.method.as_str()));
        (ledger.confirmed_at(0), ledger.confirmed_at(1), last)
    };
    assert_eq!(kept(&scene), (None, None, None));
    scene.login(&code(SPARE, NOON), at(NOON)).unwrap();
    assert_eq!(kept(&scene), (None, Some(NOON), Some((NOON, "totp"))));
    scene.login(&code(SPARE, NOON + 30), at(NOON + 30)).unwrap();
    assert_eq!(kept(&scene), (None, Some(NOON), Some((NOON + 30, "totp"))));
    scene.login(codes[0].expose(), at(NOON + 40)).unwrap();
    assert_eq!(kept(&scene), (None, Some(NOON), Some((NOON + 40, "recovery_code"))));
}

const PAPER: &[u8] = b"71744121";
const MORE_PAPER: &[u8] = b"75760401";

/// Alice as another program had her: two of its scratch codes, a window of her own, and a code used there.
fn moved_in(drift: Option<u64>, used: u64) -> Scene {
    let mut scene = Scene::new();
    let drift = drift.map(|steps| Drift::new(steps).unwrap());
    let confirmed = vec![draft("phone", PHONE).with_drift(drift).vouched_after(used)];
    let scratch = [PAPER, MORE_PAPER].map(|code| ScratchCode::parse(code).unwrap()).into();
    scene.desk(NOON, |files, desk| {
        let entry = files.entry(&alice().user, Duration::from_millis(50)).unwrap().unwrap();
        let newcomer = Newcomer { entry, account: alice(), confirmed, scratch };
        enrol_all(vec![newcomer], desk).unwrap();
    });
    scene
}

#[test]
fn a_scratch_code_opens_the_door_once_and_a_totp_code_does_too() {
    let scene = moved_in(None, 0);
    assert_eq!(word(scene.login(PAPER, at(NOON))), "scratched 1");
    assert_eq!(word(scene.login(PAPER, at(NOON))), "replayed");
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(scene.login(MORE_PAPER, at(NOON))), "scratched 0");
    assert_eq!(word(scene.login(MORE_PAPER, at(NOON + 90))), "replayed");
}

#[test]
fn wrong_scratch_codes_are_charged_and_none_is_judged_while_a_lock_lasts() {
    let scene = moved_in(None, 0);
    for _ in 0..5 {
        assert_eq!(word(scene.login(b"10000000", at(NOON))), "wrong");
    }
    assert_eq!(word(scene.login(PAPER, at(NOON))), "limited");
    for _ in 0..4 {
        assert_eq!(word(scene.login(b"10000000", at(NOON + 60))), "wrong");
    }
    assert_eq!(word(scene.login(b"10000000", at(NOON + 60))), "wrong and locked 60");
    assert_eq!(word(scene.login(PAPER, at(NOON + 100))), "locked");
    assert_eq!(word(scene.login(PAPER, at(NOON + 120))), "scratched 1");
}

#[test]
fn a_scratch_code_ends_the_row_of_wrong_ones_and_not_the_window() {
    let scene = moved_in(None, 0);
    for _ in 0..4 {
        assert_eq!(word(scene.login(b"000000", at(NOON))), "wrong");
    }
    assert_eq!(word(scene.login(PAPER, at(NOON))), "scratched 1");
    assert_eq!(word(scene.login(b"000000", at(NOON))), "wrong");
    assert_eq!(word(scene.login(MORE_PAPER, at(NOON))), "limited");
    let Hold::Held(held) = scene.files.hold(&alice().user, Duration::from_millis(50)).unwrap() else {
        panic!("held")
    };
    assert_eq!(held.ledger().tries().consecutive(), 1);
}

#[test]
fn a_scratch_code_that_was_used_charges_nothing() {
    let scene = moved_in(None, 0);
    assert_eq!(word(scene.login(PAPER, at(NOON))), "scratched 1");
    for _ in 0..20 {
        assert_eq!(word(scene.login(PAPER, at(NOON))), "replayed");
    }
    assert_eq!(word(scene.login(MORE_PAPER, at(NOON))), "scratched 0");
}

#[test]
fn eight_digits_are_no_code_of_somebody_without_scratch_codes() {
    let (scene, _) = enrolled();
    assert_eq!(word(scene.login(PAPER, at(NOON))), "malformed");
}

#[test]
fn a_scratch_code_is_found_behind_a_password() {
    let scene = moved_in(None, 0);
    let login = |typed: &[u8]| {
        let Hold::Held(held) = scene.files.hold(&alice().user, Duration::from_millis(50)).unwrap() else {
            panic!("held")
        };
        let behind = totp_core::code::BehindPassword::recognise(typed).unwrap();
        word(judge(held, &alice(), &behind.answer, at(NOON), &rules(), &scene.keyring))
    };
    assert_eq!(login(b"hunter2-71744121"), "scratched 1");
    assert_eq!(login(b"hunter2-71744121"), "replayed");
}

#[test]
fn renewed_recovery_codes_end_the_scratch_codes() {
    let mut scene = moved_in(None, 0);
    let codes = scene.desk(NOON, |files, desk| {
        let entry = files.entry(&alice().user, Duration::from_millis(50)).unwrap().unwrap();
        let permitted =
            totp_core::expected_enrolment::ExpectedEnrolment::of(totp_core::store::Entry::credential(&entry));
        totp_core::enrolment::renew_recovery(entry, &alice(), 10, permitted, desk).unwrap()
    });
    assert_eq!(word(scene.login(PAPER, at(NOON))), "malformed");
    assert_eq!(word(scene.login(codes[0].expose(), at(NOON))), "recovered 9");
}

#[test]
fn a_window_of_ones_own_holds_in_place_of_the_configs() {
    let wide = moved_in(Some(4), 0);
    assert_eq!(word(wide.login(&code(PHONE, NOON + 150), at(NOON))), "clock_off");
    assert_eq!(word(wide.login(&code(PHONE, NOON - 120), at(NOON))), "accepted phone");
    assert_eq!(word(wide.login(&code(PHONE, NOON + 120), at(NOON))), "accepted phone");
    assert_eq!(word(wide.login(&code(PHONE, NOON + 120), at(NOON + 60))), "replayed");
    let narrow = moved_in(Some(0), 0);
    assert_eq!(word(narrow.login(&code(PHONE, NOON - 30), at(NOON))), "clock_off");
    assert_eq!(word(narrow.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

#[test]
fn no_code_of_a_window_of_ones_own_survives_a_boot() {
    let scene = moved_in(Some(4), 0);
    // Booted at noon: a code four steps ahead may have been used before.
    let booted = |after: u64| Now { realtime: NOON + after, boottime: after };
    assert_eq!(word(scene.login(&code(PHONE, NOON + 120), booted(10))), "before_boot");
    assert_eq!(word(scene.login(&code(PHONE, NOON + 180), booted(70))), "accepted phone");
}

#[test]
fn a_code_that_was_used_elsewhere_does_not_open_here() {
    let scene = moved_in(None, NOON / 30);
    assert_eq!(word(scene.login(&code(PHONE, NOON), at(NOON))), "replayed");
    assert_eq!(word(scene.login(&code(PHONE, NOON + 30), at(NOON))), "accepted phone");
}

#[test]
fn unlocking_frees_no_step_of_a_window_of_ones_own() {
    let mut scene = moved_in(Some(4), 0);
    assert_eq!(word(scene.login(&code(PHONE, NOON + 120), at(NOON))), "accepted phone");
    scene.desk(NOON, |files, _| {
        let entry = files.entry(&alice().user, Duration::from_millis(50)).unwrap().unwrap();
        totp_core::enrolment::unlock(entry, 1, at(NOON)).unwrap();
    });
    assert_eq!(word(scene.login(&code(PHONE, NOON + 120), at(NOON))), "replayed");
}
