//! A login with real codes takes the same steps as the simulation: after each one, both have the same ledger.

use super::account::{Account, Answered, From, Look, RULES, Shape, authenticator};
use super::chance::Chance;
use super::owner::remote;
use crate::code::Answer;
use crate::credential::Label;
use crate::enrolment::add;
use crate::enrolment::draft::Draft;
use crate::factor::hotp::Hotp;
use crate::fixture::{FixedHost, Fixture, NOON, PATIENCE, PHONE, SPARE, alice, at, code};
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
    /// The next counter of a fob, if there is one beside the phone.
    fob: Option<u64>,
}

/// What is typed.
enum Typed {
    Recovery,
    Phone(Look),
    Fob,
    Wrong,
    WrongPair,
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
        Self { fixture, simulated, recovery, used: 0, fob: None }
    }

    fn with_fob() -> Self {
        let mut both = Self::new();
        let label = Label::parse("fob").expect("a label");
        let hotp = Hotp::new(6).expect("six digits are allowed");
        let Ok(draft) = Draft::import(label, hotp, Secret::new(SPARE.to_vec())) else { panic!("no draft") };
        let (confirmed, expected) = (draft.pending(), both.fixture.in_place());
        let added =
            both.fixture.change(NOON, |entry, inputs| add(entry, &alice(), &confirmed, expected, inputs));
        added.expect("added");
        both.simulated.authenticators.push(hotp.into());
        Self { fob: Some(0), ..both }
    }

    /// A code that is wrong by any window of the services.
    fn wrong(&self, now: u64) -> Vec<u8> {
        let phone = (0..9).map(|step| code(PHONE, now + step * 30 - 120));
        // Those that were used are no wrong ones either.
        let fob = (0..22).map(|from| code(SPARE, (self.fob.unwrap_or(0) + from).saturating_sub(11) * 30));
        let right: Vec<Vec<u8>> = phone.chain(fob).collect();
        let mut all = (0..32).map(|number| format!("{number:06}").into_bytes());
        all.find(|typed| !right.contains(typed)).expect("32 codes are more than 31")
    }

    fn step(&mut self, now: u64, is_attack: bool, chance: &mut Chance) -> Answered {
        let (from, rules, is_proven) = (source(chance), rules(chance), chance.below(4) != 0);
        let (from, rules) = if is_attack { (Source::Foreign, RULES) } else { (from, rules) };
        let typed = match chance.below(20) {
            0..2 if is_attack && self.fob.is_some() => Typed::WrongPair,
            _ if is_attack => Typed::Wrong,
            0 if !self.recovery.is_empty() => Typed::Recovery,
            0..9 if now / 30 > self.used => Typed::Phone(Look::Right),
            _ if now / 30 == self.used => Typed::Phone(Look::Replayed),
            9..13 if self.fob.is_some() => Typed::Fob,
            _ => Typed::Wrong,
        };
        let bytes = match typed {
            Typed::Recovery => self.recovery.pop().expect("one is left").expose().to_vec(),
            Typed::Phone(_) => code(PHONE, now),
            Typed::Fob => code(SPARE, self.fob.unwrap_or(0) * 30),
            Typed::Wrong => self.wrong(now),
            Typed::WrongPair => [self.wrong(now), self.wrong(now)].join(&b' '),
        };
        let answer = Answer::recognise(&bytes).expect("shaped like a code");
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
        self.simulate(&from, is_proven, &rules, now, &typed, verdict);
        verdict
    }

    fn simulate(
        &mut self,
        from: &Source,
        is_proven: bool,
        rules: &Rules,
        now: u64,
        typed: &Typed,
        verdict: Answered,
    ) {
        let id = self.fixture.held().credential().owner().id;
        let secret = Secret::new(PHONE.to_vec());
        let identity = from.identity(alice().uid, id, Some(&secret));
        let from = From { identity: &identity, is_proven, rules, now };
        let one = self.simulated.units(Shape::Digits(6), &rules.windows);
        let (units, look) = match typed {
            Typed::Recovery => {
                self.simulated.recover(&from);
                return assert_eq!(verdict, Answered::Accepted);
            }
            Typed::Phone(look) => (one, *look),
            Typed::Fob => (one, Look::Right),
            Typed::Wrong => (one, Look::Wrong),
            // A thousand of 10¹².
            Typed::WrongPair => (1, Look::Wrong),
        };
        assert_eq!(self.simulated.judge(&from, units, look).answered, verdict);
        match typed {
            Typed::Fob if verdict == Answered::Accepted => self.fob = self.fob.map(|next| next + 1),
            Typed::Phone(_) if verdict == Answered::Accepted => self.used = now / 30,
            Typed::Phone(_) | Typed::Fob | Typed::Wrong | Typed::WrongPair | Typed::Recovery => {}
        }
    }

    fn ledgers(&self) -> [Guesses; 2] {
        [self.fixture.held().ledger().guesses.clone(), self.simulated.guesses.clone()]
    }
}

fn agrees<X: Exclusion>(mut both: Both<X>) {
    let (mut chance, mut now) = (Chance::new(16), NOON);
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
    agrees(Both::<Locking>::new());
}

#[test]
fn a_login_that_charges_with_the_commit_takes_the_steps_of_the_simulation() {
    agrees(Both::<Comparing>::new());
}

#[test]
fn a_login_beside_a_counter_token_takes_the_steps_of_the_simulation() {
    agrees(Both::<Locking>::with_fob());
    agrees(Both::<Comparing>::with_fob());
}
