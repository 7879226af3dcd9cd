//! A login with real codes takes the same steps as the simulation: after each one, both have the same ledger.

use super::account::{Account, Answered, From, Look, RULES, Shape, authenticator};
use super::chance::Chance;
use super::owner::remote;
use crate::code::Answer;
use crate::fixture::{FixedHost, Fixture, NOON, PATIENCE, PHONE, alice, at, code};
use crate::lockout::{Guesses, LockState, RiskRules, Source, SourceRules};
use crate::login::{Reason, Refusal, Rules, Submission, Verdict, judge};
use crate::random::Secret;
use crate::store::Held;
use crate::store::memory::{Comparing, Exclusion, Locking, Memory};
use crate::time::Seconds;

const STEPS: u64 = 1000;

/// An account, judged by both.
struct Both<X: Exclusion> {
    fixture: Fixture<Memory<X>>,
    simulated: Account,
    recovery: Vec<Secret>,
    /// The latest time step whose code was accepted.
    used: u64,
}

fn source(chance: &mut Chance) -> Source {
    let rules = SourceRules::default();
    let key = (chance.below(3) == 0).then_some("SHA256:a-key");
    match chance.below(10) {
        0 => Source::Foreign,
        1 => Source::Local(1001),
        2 => Source::Local(1002),
        3..6 => remote(key, "203.0.113.7", &rules),
        6 => remote(key, "2001:db8:1:2::1", &rules),
        _ => remote(key, &format!("198.51.100.{}", chance.below(100)), &rules),
    }
}

/// The services: the defaults, one that hardly limits, and one under a smaller risk.
fn rules(chance: &mut Chance) -> Rules {
    let mut rules = RULES;
    match chance.below(3) {
        0 => (rules.limit.attempts, rules.limit.lock_after, rules.limit.lock_max) = (16, 100, Seconds(60)),
        1 => rules.risk = RiskRules { yearly_risk: 900_000, ..rules.risk },
        _ => rules.windows.totp.drift_steps = chance.below(3),
    }
    rules
}

fn answered(verdict: &Verdict) -> Answered {
    let Refusal { reason, .. } = match verdict {
        Verdict::Accepted(_) => return Answered::Accepted,
        Verdict::Refused(refusal) => *refusal,
        Verdict::Unrecorded(_) => panic!("a store in memory records"),
    };
    match reason {
        Reason::Wrong | Reason::ClockOff(_) => Answered::Wrong,
        Reason::Replayed | Reason::ClockBack(_) => Answered::Replayed,
        Reason::Limited(wait) => Answered::Refused(LockState::Limited(wait)),
        Reason::Locked(wait) => Answered::Refused(LockState::Locked(wait)),
        Reason::Disabled => Answered::Refused(LockState::Disabled),
        Reason::OverBudget => Answered::Refused(LockState::OverBudget),
        other @ (Reason::BeforeBoot(_)
        | Reason::CounterEnded
        | Reason::OutOfStep
        | Reason::Malformed
        | Reason::NotEnrolled
        | Reason::UnknownUser
        | Reason::Busy) => panic!("{}", other.as_str()),
    }
}

impl<X: Exclusion> Both<X> {
    fn new() -> Self {
        let mut fixture = Fixture::new();
        let recovery = fixture.enrol(PHONE);
        let simulated = Account { charging: X::CHARGING, ..Account::new(vec![authenticator(6, None)], 0) };
        Self { fixture, simulated, recovery, used: 0 }
    }

    /// A code that is wrong by any window of the services.
    fn wrong(now: u64) -> Vec<u8> {
        let right: Vec<Vec<u8>> = (0..9).map(|step| code(PHONE, now + step * 30 - 120)).collect();
        let all = (0..10).map(|number| format!("{number:06}").into_bytes());
        all.into_iter().find(|typed| !right.contains(typed)).expect("ten codes are more than nine")
    }

    fn step(&mut self, now: u64, is_attack: bool, chance: &mut Chance) -> Answered {
        let (from, rules, is_proven) = (source(chance), rules(chance), chance.below(4) != 0);
        let (from, rules) = if is_attack { (Source::Foreign, RULES) } else { (from, rules) };
        let (typed, look) = match chance.below(20) {
            _ if is_attack => (Some(Self::wrong(now)), Some(Look::Wrong)),
            0 if !self.recovery.is_empty() => (self.recovery.pop().map(|code| code.expose().to_vec()), None),
            0..9 if now / 30 > self.used => (Some(code(PHONE, now)), Some(Look::Right)),
            _ if now / 30 == self.used => (Some(code(PHONE, now)), Some(Look::Replayed)),
            _ => (Some(Self::wrong(now)), Some(Look::Wrong)),
        };
        let answer = Answer::recognise(&typed.expect("something is typed")).expect("shaped like a code");
        let account = alice();
        let submission = Submission {
            account: &account,
            answer: &answer,
            source: &from,
            has_first_factor: is_proven,
            rules: &rules,
            patience: PATIENCE,
        };
        let mut host = FixedHost { now: at(now), keyring: &self.fixture.keyring };
        let verdict = answered(&judge(&self.fixture.store, &submission, &mut host).expect("judged"));
        self.simulate(&from, is_proven, &rules, now, look, verdict);
        verdict
    }

    fn simulate(
        &mut self,
        from: &Source,
        is_proven: bool,
        rules: &Rules,
        now: u64,
        look: Option<Look>,
        verdict: Answered,
    ) {
        let id = self.fixture.held().credential().owner().id;
        let secret = Secret::new(PHONE.to_vec());
        let identity = from.identity(alice().uid, id, Some(&secret));
        let from = From { identity: &identity, is_proven, rules, now };
        match look {
            None => {
                self.simulated.recover(&from);
                assert_eq!(verdict, Answered::Accepted);
            }
            Some(look) => {
                let units = self.simulated.units(Shape::Digits(6), &rules.windows);
                assert_eq!(self.simulated.judge(&from, units, look).answered, verdict);
                if verdict == Answered::Accepted {
                    self.used = now / 30;
                }
            }
        }
    }

    fn ledgers(&self) -> [Guesses; 2] {
        [self.fixture.held().ledger().guesses.clone(), self.simulated.guesses.clone()]
    }
}

fn agrees<X: Exclusion>() {
    let (mut both, mut chance, mut now) = (Both::<X>::new(), Chance::new(16), NOON);
    let mut seen = [0u32; 7];
    for step in 0..STEPS {
        let is_attack = step % 64 > 48;
        now += match chance.below(5) {
            _ if is_attack => chance.below(25),
            0 => 0,
            1 => chance.below(30),
            2 | 3 => chance.below(3600),
            _ => chance.below(4 * 86400),
        };
        if step % 40 == 39 {
            now -= chance.below(5 * 86400);
        }
        let answered = both.step(now, is_attack, &mut chance);
        let kind = match answered {
            Answered::Accepted => 0,
            Answered::Wrong => 1,
            Answered::Replayed => 2,
            Answered::Refused(LockState::Limited(_)) => 3,
            Answered::Refused(LockState::Locked(_)) => 4,
            Answered::Refused(LockState::OverBudget) => 5,
            Answered::Refused(LockState::Disabled | LockState::Open) => 6,
        };
        seen[kind] += 1;
        let [judged, simulated] = both.ledgers();
        assert_eq!(judged, simulated, "step {step}");
        // What the store has is what it gives back; a row that says nothing is not stored.
        let mut kept = simulated;
        kept.rows.retain(|row| !row.is_blank());
        assert_eq!(both.simulated.stored(), kept, "step {step}");
    }
    println!("{} days, answers: {seen:?}", (now - NOON) / 86400);
    assert!(seen[..6].iter().all(|&times| times > 0), "{seen:?}");
}

#[test]
fn a_login_that_charges_before_the_look_takes_the_steps_of_the_simulation() {
    agrees::<Locking>();
}

#[test]
fn a_login_that_charges_with_the_commit_takes_the_steps_of_the_simulation() {
    agrees::<Comparing>();
}
