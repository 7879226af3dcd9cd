//! What a login promises over a store that fails, is changed meanwhile, or is asked by many at once.
#![expect(clippy::disallowed_methods, reason = "many ask at once, in threads")]

use super::tests::enrolled;
use super::*;
use crate::code::Answer;
use crate::fixture::{FixedHost, Fixture, NOON, PHONE, alice, at, code, rules, word};
use crate::keyring::tests::{keyring, with_new_key};
use crate::ledger::Ledger;
use crate::lockout::{CountedIn, Source};
use crate::store::Durability;
use crate::store::memory::{Comparing, Exclusion, Locking, Memory, MemoryHeld, in_both_modes};
use std::cell::Cell;

/// A store that can be written so often and no more, as on a full disk or in a process that is killed.
struct Failing<X: Exclusion> {
    store: Memory<X>,
    writes: usize,
}

/// How many writes are left.
struct FailingHeld<X: Exclusion>(MemoryHeld<X>, usize);

fn dead() -> StoreError {
    StoreError::System { about: "/ledgers/alice".into(), problem: "cannot write: I/O error".into() }
}

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
        self.1 = self.1.checked_sub(1).ok_or_else(dead)?;
        self.0.replace(next, durability)
    }
    fn check_writable(&mut self) -> Result<(), StoreError> {
        self.1 = self.1.checked_sub(1).ok_or_else(dead)?;
        self.0.check_writable()
    }
}

/// The answer where so many writes go through.
pub(super) fn after<X: Exclusion>(
    fixture: &Fixture<Memory<X>>,
    writes: usize,
    typed: &[u8],
) -> Result<Verdict, JudgeError> {
    let store = Failing { store: fixture.store.clone(), writes };
    fixture.login_at(&store, &alice(), &Answer::recognise(typed).unwrap(), at(NOON))
}

/// The refusal of a try that is counted with those from everywhere else.
fn foreign(reason: Reason) -> Refusal {
    Refusal { row: Some(CountedIn::Foreign), ..reason.into() }
}

fn a_ledger_that_cannot_be_written_lets_nobody_in<X: Exclusion>() {
    let (fixture, codes) = enrolled::<X>();
    for typed in [&code(PHONE, NOON)[..], codes[0].expose(), b"000000", b"AAAA-AAAA-AAAA-AAAA"] {
        match (after(&fixture, 0, typed), X::CHARGING) {
            (Err(JudgeError::Store(error)), Charging::BeforeLook) => assert_eq!(error, dead()),
            (Ok(Verdict::Unrecorded(Unrecorded { as_wrong, error })), Charging::WithCommit) => {
                assert_eq!((as_wrong, error), (foreign(Reason::Wrong), dead()));
            }
            // There is nothing to write, and nothing that looks different.
            (Ok(Verdict::Refused(refusal)), Charging::WithCommit) => {
                assert_eq!(refusal, foreign(Reason::Wrong));
            }
            (other, _) => panic!("{}", word(other)),
        }
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "accepted phone");
    assert_eq!(word(fixture.login(codes[0].expose(), at(NOON))), "recovered 9");
}

#[test]
fn a_login_that_dies_before_its_verdict_is_written_has_been_charged() {
    let (fixture, _) = enrolled::<Locking>();
    for wrong in 1..=5 {
        let unrecorded = "unrecorded: /ledgers/alice: cannot write: I/O error";
        assert_eq!(word(after(&fixture, 1, &code(PHONE, NOON))), unrecorded);
        assert_eq!(fixture.held().ledger().guesses().wrong_codes(), wrong);
    }
    assert_eq!(word(fixture.login(&code(PHONE, NOON), at(NOON))), "limited");
}

#[test]
fn a_record_that_fails_is_answered_as_a_wrong_code_would_be() {
    let (fixture, codes) = enrolled::<Locking>();
    let as_wrong = |writes: usize, typed: &[u8]| match after(&fixture, writes, typed) {
        Ok(Verdict::Unrecorded(Unrecorded { as_wrong, .. })) => as_wrong,
        other => panic!("{}", word(other)),
    };
    assert_eq!(as_wrong(1, codes[0].expose()), foreign(Reason::Wrong));
    for minutes in (1..10).rev() {
        assert_eq!(word(fixture.login(b"000000", at(NOON - minutes * 60))), "wrong");
    }
    // The charge would start a lock, so both the places and the charge are written before the look.
    let locks = Refusal { lock: Some(crate::time::Seconds(60)), ..foreign(Reason::Wrong) };
    assert!(after(&fixture, 1, &code(PHONE, NOON)).is_err());
    assert_eq!(as_wrong(2, &code(PHONE, NOON)), locks);
    assert_eq!(as_wrong(1, codes[0].expose()), foreign(Reason::Locked(crate::time::Seconds(60))));
    assert_eq!(word(fixture.login(b"AAAA-AAAA-AAAA-AAAA", at(NOON))), "locked");
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
    fn lost_lines(&mut self, _count: u32) {}
    fn error(&self, error: JudgeError) -> JudgeError {
        error
    }
}

fn overtaken(fixture: &Fixture<Memory<Comparing>>, others: usize, between: &dyn Fn()) -> (String, u64) {
    let store = Overtaken { store: fixture.store.clone(), others: Cell::new(others), between };
    let answer = Answer::recognise(&code(PHONE, NOON)).unwrap();
    let submission = Submission {
        account: &alice(),
        answer: &answer,
        source: &Source::Foreign,
        has_first_factor: true,
        rules: &rules(),
        patience: Duration::ZERO,
    };
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
pub(super) fn at_once<X: Exclusion + Send + Sync>(
    fixture: &Fixture<Memory<X>>,
    typed: &[Vec<u8>],
) -> Vec<String> {
    let barrier = std::sync::Barrier::new(typed.len());
    let mut told: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = typed
            .iter()
            .map(|typed| {
                scope.spawn(|| {
                    let answer = Answer::recognise(typed).unwrap();
                    let (account, rules) = (alice(), rules());
                    let patience = Duration::from_secs(60);
                    let submission = Submission {
                        account: &account,
                        answer: &answer,
                        source: &Source::Foreign,
                        has_first_factor: true,
                        rules: &rules,
                        patience,
                    };
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
        assert_eq!(fixture.held().ledger().guesses().wrong_codes() as usize, judged);
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
        fn lost_lines(&mut self, _count: u32) {}
        fn error(&self, error: JudgeError) -> JudgeError {
            error
        }
    }
    let mut fixture = Fixture::<Memory<X>>::new();
    let old = keyring();
    fixture.keyring = with_new_key(&old);
    fixture.enrol(PHONE);
    let answer = Answer::recognise(&code(PHONE, NOON)).unwrap();
    let submission = Submission {
        account: &alice(),
        answer: &answer,
        source: &Source::Foreign,
        has_first_factor: true,
        rules: &rules(),
        patience: Duration::ZERO,
    };
    let verdict = judge(&fixture.store, &submission, &mut Rotated(old, Some(with_new_key(&keyring()))));
    assert_eq!(word(verdict), "accepted phone");
}

in_both_modes! {
    a_ledger_that_cannot_be_written_lets_nobody_in
    each_outcome_is_recorded_in_so_many_writes
    one_code_lets_in_one_of_many_who_ask_at_once
    many_wrong_codes_at_once_are_judged_up_to_the_limit
    a_keyring_that_lacks_a_key_of_the_credential_is_read_anew
}
