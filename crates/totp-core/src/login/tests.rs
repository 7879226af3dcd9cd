//! What a login promises, with either way of excluding others: once, for its own user, within the limit, and whatever the lock
//! says for a recovery code.
#![expect(clippy::disallowed_methods, reason = "many ask at once, in threads")]

use super::*;
use crate::code::Answer;
use crate::credential::{Credential, Label};
use crate::enrolment::draft::Draft;
use crate::enrolment::{NewUser, enrol_all};
use crate::factor::totp::{Drift, Parameters, Totp};
use crate::fixture::{FixedHost, Fixture, NOON, PHONE, SPARE, alice, at, code, rules, word};
use crate::keyring::tests::{keyring, with_new_key};
use crate::ledger::Ledger;
use crate::recovery::ScratchCode;
use crate::secret::Secret;
use crate::store::memory::{Comparing, Exclusion, Locking, Memory, MemoryHeld, in_both_modes};
use crate::store::{Durability, Entry};
use crate::time::Seconds;
use crate::user::Account;
use std::cell::Cell;
use std::path::Path;

fn enrolled<X: Exclusion>() -> (Fixture<Memory<X>>, Vec<Secret>) {
    let mut fixture = Fixture::new();
    let codes = fixture.enrol(PHONE);
    (fixture, codes)
}

fn a_code_is_accepted_once<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "replayed");
    assert_eq!(word(fixture.login(&code(PHONE, NOON - 30), at(NOON))), "replayed");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON))), "accepted phone");
}

fn a_used_code_is_answered_with_the_time_of_the_next_one<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    let offer = |now| match fixture.login(&code(PHONE, NOON), at(now)) {
        Ok(Verdict::Refused(refusal)) => Some(refusal),
        _ => None,
    };
    assert!(offer(NOON).is_none(), "let in");
    let replayed = Refusal { reason: Reason::Replayed, lock: None, next_code: Some(Seconds(20)) };
    assert_eq!(offer(NOON + 10), Some(replayed));
}

fn two_authenticators_of_one_secret_do_not_make_one_code_two<X: Exclusion>() {
    let (mut fixture, _) = enrolled::<X>();
    fixture.add("copy", PHONE).unwrap();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "replayed");
}

fn a_replay_charges_nothing_and_a_wrong_code_does<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    for _ in 0..20 {
        assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "replayed");
    }
    for _ in 0..4 {
        assert_eq!(word(fixture.login(b"000000", at(NOON))), "wrong");
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 300), at(NOON))), "clock_off");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON + 30))), "limited");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 60), at(NOON + 60))), "accepted phone");
}

fn the_tenth_wrong_code_in_a_row_locks_and_a_recovery_code_lifts_it<X: Exclusion>() {
    let (fixture, codes) = enrolled::<X>();
    for at_second in 0..9 {
        assert_eq!(word(fixture.login(b"000000", at(NOON + at_second * 60))), "wrong");
    }
    let locked = NOON + 9 * 60;
    assert_eq!(word(fixture.login(b"000000", at(locked))), "wrong and locked 60");
    assert_eq!(word(fixture.login(&code(PHONE, locked), at(locked))), "locked");
    assert_eq!(word(fixture.login(b"AAAA-AAAA-AAAA-AAAA", at(locked))), "locked");
    assert_eq!(word(fixture.login(codes[0].expose(), at(locked))), "recovered 9");
    assert_eq!(word(fixture.login(&code(PHONE, locked), at(locked))), "accepted phone");
}

fn a_hundred_wrong_codes_disable_all_but_the_recovery_codes<X: Exclusion>() {
    let (fixture, codes) = enrolled::<X>();
    for day in 0..100 {
        let verdict = word(fixture.login(b"000000", at(NOON + day * 86400)));
        assert!(verdict.starts_with("wrong"), "{day}: {verdict}");
    }
    let later = NOON + 1000 * 86400;
    assert_eq!(word(fixture.login(&code(PHONE, later), at(later))), "disabled");
    assert_eq!(word(fixture.login(codes[9].expose(), at(later))), "recovered 9");
    assert_eq!(word(fixture.login(&code(PHONE, later), at(later))), "accepted phone");
}

fn a_recovery_code_works_once<X: Exclusion>() {
    let (fixture, codes) = enrolled::<X>();
    for (at_code, code) in codes.iter().enumerate() {
        assert_eq!(word(fixture.login(code.expose(), at(NOON))), format!("recovered {}", 9 - at_code));
    }
    for code in &codes {
        assert_eq!(word(fixture.login(code.expose(), at(NOON))), "replayed");
    }
}

fn a_wrong_recovery_code_charges_nothing<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    for _ in 0..200 {
        assert_eq!(word(fixture.login(b"AAAA-AAAA-AAAA-AAAA", at(NOON))), "wrong");
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

fn an_account_made_again_under_the_same_name_inherits_nothing<X: Exclusion>() {
    let (fixture, codes) = enrolled::<X>();
    for uid in [Some(1002), None] {
        let other = Account { uid, ..alice() };
        for typed in [code(PHONE, NOON), codes[0].expose().to_vec()] {
            assert!(word(fixture.login_as(&other, &typed, at(NOON))).contains("uid differs"));
        }
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

fn the_boot_rule_holds_without_a_ledger_write_having_survived<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    // The machine crashes, the write is lost, and it is back twenty seconds later.
    fixture.store.crash();
    let back = Now { realtime: NOON + 25, boottime: 5 };
    assert_eq!(word(fixture.login(&code(PHONE, NOON), back)), "before_boot");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), back)), "before_boot");
    let later = Now { realtime: NOON + 60, boottime: 40 };
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 60), later)), "accepted phone");
}

/// A store that can be written so often and no more, as on a full disk or in a process that is killed.
struct Failing<X: Exclusion> {
    store: Memory<X>,
    writes: usize,
}

struct FailingHeld<X: Exclusion>(MemoryHeld<X>, usize);

impl<X: Exclusion> Store for Failing<X> {
    const CHARGING: Charging = X::CHARGING;
    type Held = FailingHeld<X>;
    fn hold(&self, user: &User, patience: Duration) -> Result<Hold<FailingHeld<X>>, StoreError> {
        Ok(match self.store.hold(user, patience)? {
            Hold::Held(held) => Hold::Held(FailingHeld(held, self.writes)),
            Hold::NotEnrolled => Hold::NotEnrolled,
            Hold::Busy => Hold::Busy,
        })
    }
}

impl<X: Exclusion> Held for FailingHeld<X> {
    fn credential(&self) -> &crate::credential::Credential {
        self.0.credential()
    }
    fn ledger(&self) -> &Ledger {
        self.0.ledger()
    }
    fn replace(&mut self, next: &Ledger, durability: Durability) -> Result<(), StoreError> {
        let dead =
            StoreError::System { about: "/ledgers/alice".into(), problem: "cannot write: I/O error".into() };
        self.1 = self.1.checked_sub(1).ok_or(dead)?;
        self.0.replace(next, durability)
    }
}

fn fails_after<X: Exclusion>(fixture: &Fixture<Memory<X>>, writes: usize, typed: &[u8]) -> bool {
    let store = Failing { store: fixture.store.clone(), writes };
    let result = fixture.login_at(&store, &alice(), &Answer::recognise(typed).unwrap(), at(NOON));
    matches!(result, Err(JudgeError::Store(StoreError::System { .. })))
}

fn a_ledger_that_cannot_be_written_lets_nobody_in<X: Exclusion>() {
    let (fixture, codes) = enrolled::<X>();
    for typed in [code(PHONE, NOON), codes[0].expose().to_vec(), b"000000".to_vec()] {
        assert!(fails_after(&fixture, 0, &typed));
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(fixture.login(codes[0].expose(), at(NOON))), "recovered 9");
}

#[test]
fn a_login_that_dies_before_its_verdict_is_written_has_been_charged() {
    let (fixture, _) = enrolled::<Locking>();
    for wrong in 1..=5 {
        assert!(fails_after(&fixture, 1, &code(PHONE, NOON)));
        assert_eq!(fixture.held().ledger().failures().consecutive(), wrong);
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "limited");
}

fn each_outcome_is_recorded_in_so_many_writes<X: Exclusion>() {
    let (fixture, codes) = enrolled::<X>();
    let writes = |typed: &[u8], now: u64, outcome: &str, expected: [u64; 2]| {
        let before = fixture.store.changes(&alice().user);
        assert_eq!(word(fixture.login(typed, at(now))), outcome);
        let expected = match X::CHARGING {
            Charging::BeforeLook => expected[0],
            Charging::WithCommit => expected[1],
        };
        assert_eq!(fixture.store.changes(&alice().user) - before, expected, "{outcome}");
    };
    writes(&code(PHONE, NOON), NOON, "accepted phone", [2, 1]);
    writes(&code(PHONE, NOON), NOON, "replayed", [2, 0]);
    writes(b"12345678", NOON, "malformed", [0, 0]);
    writes(b"AAAA-AAAA-AAAA-AAAA", NOON, "wrong", [0, 0]);
    writes(codes[0].expose(), NOON, "recovered 9", [1, 1]);
    writes(codes[0].expose(), NOON, "replayed", [0, 0]);
    for _ in 0..5 {
        writes(b"000000", NOON, "wrong", [1, 1]);
    }
    writes(&code(PHONE, NOON + 30), NOON, "limited", [0, 0]);
    for _ in 0..4 {
        writes(b"000000", NOON + 60, "wrong", [1, 1]);
    }
    writes(b"000000", NOON + 60, "wrong and locked 60", [2, 1]);
    writes(&code(PHONE, NOON + 90), NOON + 90, "locked", [0, 0]);
    writes(b"AAAA-AAAA-AAAA-AAAA", NOON + 90, "locked", [0, 0]);
    for day in 1..=90 {
        fixture.login(b"000000", at(NOON + day * 86400)).unwrap();
    }
    writes(&code(PHONE, NOON + 100 * 86400), NOON + 100 * 86400, "disabled", [0, 0]);
}

/// A store in which another process gets in between, so often, after each hold.
struct Overtaken<'a, X: Exclusion> {
    store: Memory<X>,
    others: Cell<usize>,
    between: &'a dyn Fn(),
}

impl<X: Exclusion> Store for Overtaken<'_, X> {
    const CHARGING: Charging = X::CHARGING;
    type Held = MemoryHeld<X>;
    fn hold(&self, user: &User, patience: Duration) -> Result<Hold<MemoryHeld<X>>, StoreError> {
        let hold = self.store.hold(user, patience);
        if let Some(left) = self.others.get().checked_sub(1) {
            self.others.set(left);
            (self.between)();
        }
        hold
    }
}

/// Counts how often the clock was read.
struct CountingHost<'k>(FixedHost<'k>, u64);

impl Host for CountingHost<'_> {
    type Error = JudgeError;
    fn now(&mut self) -> Result<Now, JudgeError> {
        self.1 += 1;
        self.0.now()
    }
    fn keyring(&mut self) -> Result<&Keyring, JudgeError> {
        self.0.keyring()
    }
    fn reread_keyring(&mut self) -> Result<(), JudgeError> {
        self.0.reread_keyring()
    }
    fn error(&self, error: JudgeError) -> JudgeError {
        error
    }
}

fn overtaken(fixture: &Fixture<Memory<Comparing>>, others: usize, between: &dyn Fn()) -> (String, u64) {
    let store = Overtaken { store: fixture.store.clone(), others: Cell::new(others), between };
    let answer = Answer::recognise(&code(PHONE, NOON)).unwrap();
    let submission =
        Submission { account: &alice(), answer: &answer, rules: &rules(), patience: Duration::ZERO };
    let mut host = CountingHost(FixedHost { now: at(NOON), keyring: &fixture.keyring }, 0);
    let verdict = judge(&store, &submission, &mut host);
    (word(verdict), host.1)
}

#[test]
fn a_login_that_was_overtaken_is_judged_anew_by_a_fresh_clock() {
    let (fixture, _) = enrolled::<Comparing>();
    let wrong = || assert_eq!(word(fixture.login(b"000000", at(NOON))), "wrong");
    assert_eq!(overtaken(&fixture, 2, &wrong), ("accepted phone".to_owned(), 3));
}

#[test]
fn a_code_that_another_login_used_first_is_a_used_one() {
    let (fixture, _) = enrolled::<Comparing>();
    let same = || assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(overtaken(&fixture, 1, &same), ("replayed".to_owned(), 2));
}

#[test]
fn a_login_that_is_always_overtaken_is_busy_and_uses_nothing_up() {
    let (fixture, codes) = enrolled::<Comparing>();
    let at_code = Cell::new(0);
    let others = || {
        assert!(word(fixture.login(codes[at_code.get()].expose(), at(NOON))).starts_with("recovered"));
        at_code.set(at_code.get() + 1);
    };
    assert_eq!(overtaken(&fixture, MOST_ROUNDS, &others), ("busy".to_owned(), MOST_ROUNDS as u64));
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

/// The sorted results of logins that run at once.
fn at_once<X: Exclusion + Send + Sync>(fixture: &Fixture<Memory<X>>, typed: &[Vec<u8>]) -> Vec<String> {
    let barrier = std::sync::Barrier::new(typed.len());
    let mut told: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = typed
            .iter()
            .map(|typed| {
                scope.spawn(|| {
                    let answer = Answer::recognise(typed).unwrap();
                    let (account, rules) = (alice(), rules());
                    let patience = Duration::from_secs(60);
                    let submission =
                        Submission { account: &account, answer: &answer, rules: &rules, patience };
                    let keyring = keyring();
                    barrier.wait();
                    word(judge(
                        &fixture.store,
                        &submission,
                        &mut FixedHost { now: at(NOON), keyring: &keyring },
                    ))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    told.sort();
    told
}

fn one_code_lets_in_one_of_many_who_ask_at_once<X: Exclusion + Send + Sync>() {
    for _ in 0..20 {
        let (fixture, _) = enrolled::<X>();
        let told = at_once(&fixture, &vec![code(PHONE, NOON); 8]);
        assert_eq!(told.iter().filter(|word| *word == "accepted phone").count(), 1, "{told:?}");
        assert!(told.iter().all(|word| ["accepted phone", "busy", "replayed"].contains(&word.as_str())));
    }
}

fn many_wrong_codes_at_once_are_judged_up_to_the_limit<X: Exclusion + Send + Sync>() {
    for _ in 0..20 {
        let (fixture, _) = enrolled::<X>();
        let told = at_once(&fixture, &vec![b"000000".to_vec(); 8]);
        let judged = told.iter().filter(|word| *word == "wrong").count();
        assert!((1..=5).contains(&judged), "{told:?}");
        assert!(told.iter().all(|word| ["busy", "limited", "wrong"].contains(&word.as_str())), "{told:?}");
        assert_eq!(fixture.held().ledger().failures().consecutive() as usize, judged);
    }
}

fn a_keyring_that_lacks_a_key_of_the_credential_is_read_anew<X: Exclusion>() {
    /// The keys were rotated after it was first read.
    struct Rotated(Keyring, Option<Keyring>);
    impl Host for Rotated {
        type Error = JudgeError;
        fn now(&mut self) -> Result<Now, JudgeError> {
            Ok(at(NOON))
        }
        fn keyring(&mut self) -> Result<&Keyring, JudgeError> {
            Ok(&self.0)
        }
        fn reread_keyring(&mut self) -> Result<(), JudgeError> {
            self.0 = self.1.take().expect("it is read anew once");
            Ok(())
        }
        fn error(&self, error: JudgeError) -> JudgeError {
            error
        }
    }
    let mut fixture = Fixture::<Memory<X>>::new();
    let old = keyring();
    fixture.keyring = with_new_key(&old);
    fixture.enrol(PHONE);
    let answer = Answer::recognise(&code(PHONE, NOON)).unwrap();
    let submission =
        Submission { account: &alice(), answer: &answer, rules: &rules(), patience: Duration::ZERO };
    let verdict = judge(&fixture.store, &submission, &mut Rotated(old, Some(with_new_key(&keyring()))));
    assert_eq!(word(verdict), "accepted phone");
}

fn what_no_boot_rule_saves_outlasts_a_crash<X: Exclusion>() {
    let (fixture, codes) = enrolled::<X>();
    assert_eq!(word(fixture.login(codes[0].expose(), at(NOON))), "recovered 9");
    fixture.store.crash();
    assert_eq!(word(fixture.login(codes[0].expose(), at(NOON))), "replayed");
    for minute in 0..10 {
        fixture.login(b"000000", at(NOON + minute * 60)).unwrap();
    }
    fixture.store.crash();
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 600), at(NOON + 570))), "locked");
}

fn a_code_of_a_length_that_no_authenticator_has_charges_nothing<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    for _ in 0..20 {
        assert_eq!(word(fixture.login(b"12345678", at(NOON))), "malformed");
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

fn a_lock_from_a_clock_that_ran_ahead_passes<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    for day in 0..10 {
        fixture.login(b"000000", at(NOON + 86400 * (1000 + day))).unwrap();
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "locked");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON + 30))), "locked");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 60), at(NOON + 60))), "accepted phone");
}

fn how_many_wrong_codes_came_before_is_told<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    fixture.login(b"000000", at(NOON)).unwrap();
    fixture.login(b"000001", at(NOON)).unwrap();
    let Ok(Verdict::Accepted(verified)) = fixture.login(&code(PHONE, NOON), at(NOON)) else {
        panic!("accepted")
    };
    assert_eq!(verified.since_last().wrong, 2);
}

#[test]
fn a_held_ledger_is_busy_for_everybody_else() {
    let (fixture, _) = enrolled::<Locking>();
    let held = fixture.held();
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "busy");
    drop(held);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

fn a_ledger_without_a_place_for_an_authenticator_is_trouble<X: Exclusion>() {
    let (mut fixture, _) = enrolled::<X>();
    let before = fixture.held().ledger().clone();
    fixture.add("spare", SPARE).unwrap();
    fixture.entry().record(&before).unwrap();
    assert!(word(fixture.login(&code(SPARE, NOON), at(NOON))).contains("does not fit"));
}

fn time_and_method_of_the_last_login_are_kept<X: Exclusion>() {
    let (mut fixture, codes) = enrolled::<X>();
    fixture.add("spare", SPARE).unwrap();
    let kept = |fixture: &Fixture<Memory<X>>| {
        let held = fixture.held();
        let ledger = held.ledger();
        let last = ledger.last_login().map(|login| (login.at, login.method.as_str()));
        (ledger.confirmed_at(0), ledger.confirmed_at(1), last)
    };
    assert_eq!(kept(&fixture), (None, None, None));
    fixture.login(&code(SPARE, NOON), at(NOON)).unwrap();
    assert_eq!(kept(&fixture), (None, Some(NOON), Some((NOON, "totp"))));
    fixture.login(&code(SPARE, NOON + 30), at(NOON + 30)).unwrap();
    assert_eq!(kept(&fixture), (None, Some(NOON), Some((NOON + 30, "totp"))));
    fixture.login(codes[0].expose(), at(NOON + 40)).unwrap();
    assert_eq!(kept(&fixture), (None, Some(NOON), Some((NOON + 40, "recovery_code"))));
}

const PAPER: &[u8] = b"71744121";
const MORE_PAPER: &[u8] = b"75760401";

/// Alice as another program had her: two of its scratch codes, a window of her own, and a code used there.
fn moved_in<X: Exclusion>(drift: Option<u64>, used: u64) -> Fixture<Memory<X>> {
    let mut fixture = Fixture::new();
    let drift = drift.map(|steps| Drift::new(steps).unwrap());
    let totp = Totp::new(Parameters::EVERY_APP).with_drift(drift);
    let draft = Draft::import(Label::parse("phone").unwrap(), totp, Secret::new(PHONE.to_vec()));
    let confirmed = vec![draft.ok().unwrap().confirm_without_code(used)];
    let scratch = [PAPER, MORE_PAPER].map(|code| ScratchCode::parse(code).unwrap()).into();
    fixture.change(NOON, |entry, inputs| {
        let new_user = NewUser { entry, account: alice(), confirmed, scratch };
        enrol_all(vec![new_user], inputs).unwrap();
    });
    fixture
}

fn a_scratch_code_is_accepted_once_and_a_totp_code_does_too<X: Exclusion>() {
    let fixture = moved_in::<X>(None, 0);
    assert_eq!(word(fixture.login(PAPER, at(NOON))), "scratched 1");
    assert_eq!(word(fixture.login(PAPER, at(NOON))), "replayed");
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(fixture.login(MORE_PAPER, at(NOON))), "scratched 0");
    assert_eq!(word(fixture.login(MORE_PAPER, at(NOON + 90))), "replayed");
}

fn wrong_scratch_codes_are_charged_and_none_is_judged_while_a_lock_lasts<X: Exclusion>() {
    let fixture = moved_in::<X>(None, 0);
    for _ in 0..5 {
        assert_eq!(word(fixture.login(b"10000000", at(NOON))), "wrong");
    }
    assert_eq!(word(fixture.login(PAPER, at(NOON))), "limited");
    for _ in 0..4 {
        assert_eq!(word(fixture.login(b"10000000", at(NOON + 60))), "wrong");
    }
    assert_eq!(word(fixture.login(b"10000000", at(NOON + 60))), "wrong and locked 60");
    assert_eq!(word(fixture.login(PAPER, at(NOON + 100))), "locked");
    assert_eq!(word(fixture.login(PAPER, at(NOON + 120))), "scratched 1");
}

fn a_scratch_code_ends_the_row_of_wrong_ones_and_not_the_window<X: Exclusion>() {
    let fixture = moved_in::<X>(None, 0);
    for _ in 0..4 {
        assert_eq!(word(fixture.login(b"000000", at(NOON))), "wrong");
    }
    assert_eq!(word(fixture.login(PAPER, at(NOON))), "scratched 1");
    assert_eq!(word(fixture.login(b"000000", at(NOON))), "wrong");
    assert_eq!(word(fixture.login(MORE_PAPER, at(NOON))), "limited");
    assert_eq!(fixture.held().ledger().failures().consecutive(), 1);
}

fn a_look_that_fails_half_way_is_charged<X: Exclusion>() {
    let mut fixture = moved_in::<X>(None, 0);
    // The seal of the scratch codes' pepper is bound to the id of their set, and does not open under another.
    fixture.change(NOON, |entry, _| {
        let (file, ledger) = (Path::new("alice.toml"), entry.ledger().unwrap().clone());
        let credential = entry.credential().unwrap().unwrap();
        let set = credential.recovery().unwrap().id.to_hex();
        let text = credential.to_document(file).unwrap().replace(&set, &"7".repeat(32));
        let damaged = Credential::parse(file, text.as_bytes(), &alice().user).unwrap();
        entry.commit(&damaged, &ledger).unwrap();
    });
    for wrong in 1..=4 {
        assert!(fixture.login(b"10000000", at(NOON)).is_err());
        assert_eq!(fixture.held().ledger().failures().consecutive(), wrong);
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

fn a_scratch_code_that_was_used_charges_nothing<X: Exclusion>() {
    let fixture = moved_in::<X>(None, 0);
    assert_eq!(word(fixture.login(PAPER, at(NOON))), "scratched 1");
    for _ in 0..20 {
        assert_eq!(word(fixture.login(PAPER, at(NOON))), "replayed");
    }
    assert_eq!(word(fixture.login(MORE_PAPER, at(NOON))), "scratched 0");
}

fn eight_digits_are_no_code_where_there_are_no_scratch_codes<X: Exclusion>() {
    let (fixture, _) = enrolled::<X>();
    assert_eq!(word(fixture.login(PAPER, at(NOON))), "malformed");
}

fn a_scratch_code_is_found_behind_a_password<X: Exclusion>() {
    let fixture = moved_in::<X>(None, 0);
    let login = |typed: &[u8]| {
        let behind = crate::code::BehindPassword::recognise(typed).unwrap();
        word(fixture.login_at(&fixture.store, &alice(), &behind.answer, at(NOON)))
    };
    assert_eq!(login(b"hunter2-71744121"), "scratched 1");
    assert_eq!(login(b"hunter2-71744121"), "replayed");
}

fn renewed_recovery_codes_end_the_scratch_codes<X: Exclusion>() {
    let mut fixture = moved_in::<X>(None, 0);
    let codes = fixture.change(NOON, |entry, inputs| {
        let permitted = crate::enrolment::ExpectedEnrolment::of(crate::store::Entry::credential(&entry));
        crate::enrolment::renew_recovery(entry, &alice(), 10, permitted, inputs).unwrap()
    });
    assert_eq!(word(fixture.login(PAPER, at(NOON))), "malformed");
    assert_eq!(word(fixture.login(codes[0].expose(), at(NOON))), "recovered 9");
}

fn a_window_of_ones_own_holds_in_place_of_the_configs<X: Exclusion>() {
    let wide = moved_in::<X>(Some(4), 0);
    assert_eq!(word(wide.login(&code(PHONE, NOON + 150), at(NOON))), "clock_off");
    assert_eq!(word(wide.login(&code(PHONE, NOON - 120), at(NOON))), "accepted phone");
    assert_eq!(word(wide.login(&code(PHONE, NOON + 120), at(NOON))), "accepted phone");
    assert_eq!(word(wide.login(&code(PHONE, NOON + 120), at(NOON + 60))), "replayed");
    let narrow = moved_in::<X>(Some(0), 0);
    assert_eq!(word(narrow.login(&code(PHONE, NOON - 30), at(NOON))), "clock_off");
    assert_eq!(word(narrow.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
}

fn no_code_of_a_window_of_ones_own_survives_a_boot<X: Exclusion>() {
    let fixture = moved_in::<X>(Some(4), 0);
    // Booted at noon: a code four steps ahead may have been used before.
    let booted = |after: u64| Now { realtime: NOON + after, boottime: after };
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 120), booted(10))), "before_boot");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 180), booted(70))), "accepted phone");
}

fn a_code_that_was_used_elsewhere_does_not_open_here<X: Exclusion>() {
    let fixture = moved_in::<X>(None, NOON / 30);
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "replayed");
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 30), at(NOON))), "accepted phone");
}

fn unlocking_frees_no_step_of_a_window_of_ones_own<X: Exclusion>() {
    let mut fixture = moved_in::<X>(Some(4), 0);
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 120), at(NOON))), "accepted phone");
    fixture.change(NOON, |entry, _| {
        crate::enrolment::unlock(entry, &rules().windows, at(NOON)).unwrap();
    });
    assert_eq!(word(fixture.login(&code(PHONE, NOON + 120), at(NOON))), "replayed");
}

in_both_modes! {
    a_code_is_accepted_once
    a_used_code_is_answered_with_the_time_of_the_next_one
    two_authenticators_of_one_secret_do_not_make_one_code_two
    a_replay_charges_nothing_and_a_wrong_code_does
    the_tenth_wrong_code_in_a_row_locks_and_a_recovery_code_lifts_it
    a_hundred_wrong_codes_disable_all_but_the_recovery_codes
    a_recovery_code_works_once
    a_wrong_recovery_code_charges_nothing
    an_account_made_again_under_the_same_name_inherits_nothing
    the_boot_rule_holds_without_a_ledger_write_having_survived
    a_code_of_a_length_that_no_authenticator_has_charges_nothing
    a_lock_from_a_clock_that_ran_ahead_passes
    how_many_wrong_codes_came_before_is_told
    a_ledger_without_a_place_for_an_authenticator_is_trouble
    time_and_method_of_the_last_login_are_kept
    a_scratch_code_is_accepted_once_and_a_totp_code_does_too
    wrong_scratch_codes_are_charged_and_none_is_judged_while_a_lock_lasts
    a_scratch_code_ends_the_row_of_wrong_ones_and_not_the_window
    a_look_that_fails_half_way_is_charged
    a_scratch_code_that_was_used_charges_nothing
    eight_digits_are_no_code_where_there_are_no_scratch_codes
    a_scratch_code_is_found_behind_a_password
    renewed_recovery_codes_end_the_scratch_codes
    a_window_of_ones_own_holds_in_place_of_the_configs
    no_code_of_a_window_of_ones_own_survives_a_boot
    a_code_that_was_used_elsewhere_does_not_open_here
    unlocking_frees_no_step_of_a_window_of_ones_own
    a_ledger_that_cannot_be_written_lets_nobody_in
    each_outcome_is_recorded_in_so_many_writes
    one_code_lets_in_one_of_many_who_ask_at_once
    many_wrong_codes_at_once_are_judged_up_to_the_limit
    a_keyring_that_lacks_a_key_of_the_credential_is_read_anew
    what_no_boot_rule_saves_outlasts_a_crash
}
