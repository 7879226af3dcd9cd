//! Random histories of logins, clocks, crashes and command commands, held against a small reference model.
//!
//! The store is the one in memory, with a lock and with a comparison. A crash of the machine puts the ledger back to what was
//! recorded to outlast one.

use crate::enrolment::{ChangeInputs, EnrolmentError, renew_recovery, repair, unlock};
use crate::fixture::{Fixture, NOON, PHONE, SPARE, alice, code, rules};
use crate::login::{Method, Reason, Verdict};
use crate::random::Secret;
use crate::store::Held;
use crate::store::memory::{Comparing, Exclusion, Locking, Memory, MemoryEntry};
use crate::time::Now;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Act {
    Wait(u64),
    /// The code of this authenticator, so many steps from now.
    Code(usize, i64),
    Wrong,
    Recovery(usize),
    /// A recovery code of a set that was replaced.
    OldRecovery(usize),
    ClockBack(u64),
    Crash,
    Renew,
    Replace,
    Unlock,
    Repair,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0u64..200).prop_map(Act::Wait),
        8 => (0usize..2, -3i64..=3).prop_map(|(which, steps)| Act::Code(which, steps)),
        3 => Just(Act::Wrong),
        2 => (0usize..10).prop_map(Act::Recovery),
        1 => (0usize..10).prop_map(Act::OldRecovery),
        1 => (0u64..5000).prop_map(Act::ClockBack),
        1 => Just(Act::Crash),
        1 => Just(Act::Renew),
        1 => Just(Act::Replace),
        1 => Just(Act::Unlock),
        1 => Just(Act::Repair),
    ]
}

/// What must be true, in as few words as it can be said.
#[derive(Default)]
struct Model {
    /// The newest step that was accepted, for each authenticator.
    last: [u64; 2],
    /// Which recovery codes of the set in force were used; `None`: the set is void.
    used: Option<[bool; 10]>,
    /// When wrong codes were judged.
    wrong: Vec<u64>,
    /// Those that count towards a lock. All come from foreign sources, so a right code leaves them, and no history is as long as a day.
    consecutive: u32,
    /// Those since the last accepted answer.
    since_accepted: u32,
    locked_at: u64,
    locked_until: u64,
}

impl Model {
    fn barred(&mut self, now: u64) -> bool {
        if self.locked_at > now {
            (self.locked_at, self.locked_until) = (now, now + (self.locked_until - self.locked_at));
        }
        self.wrong.iter_mut().for_each(|at| *at = (*at).min(now));
        let recent = self.wrong.iter().filter(|&&at| now - at < 60).count();
        self.since_accepted >= 100 || self.locked_until > now || recent >= 5
    }

    fn charge(&mut self, now: u64) {
        self.wrong.push(now);
        self.consecutive += 1;
        self.since_accepted += 1;
        if self.consecutive >= 10 {
            self.locked_at = now;
            self.locked_until = now + (60u64 << (self.consecutive - 10).min(20)).min(86400);
        }
    }

    fn forgive(&mut self) {
        self.wrong.clear();
        (self.consecutive, self.since_accepted, self.locked_at, self.locked_until) = (0, 0, 0, 0);
    }
}

struct History<X: Exclusion> {
    fixture: Fixture<Memory<X>>,
    model: Model,
    now: Now,
    codes: Vec<Secret>,
    old_codes: Vec<Secret>,
    /// A crash has lost a write.
    lost: bool,
}

impl<X: Exclusion> History<X> {
    fn begin() -> Self {
        let mut fixture = Fixture::new();
        let codes = fixture.enrol(PHONE);
        fixture.add("spare", SPARE).unwrap();
        let now = Now { realtime: NOON, boottime: 1_000_000 };
        let model = Model { used: Some([false; 10]), ..Model::default() };
        Self { fixture, model, now, codes, old_codes: Vec::new(), lost: false }
    }

    fn step(&self) -> u64 {
        self.now.realtime / 30
    }

    /// The last step that a lost write can have used.
    fn booted(&self) -> u64 {
        self.now.boot() / 30 + 1
    }

    fn login(&mut self, typed: &[u8]) -> Verdict {
        self.fixture.login(typed, self.now).unwrap()
    }

    fn apply(&mut self, act: &Act) {
        match *act {
            Act::Wait(seconds) => {
                self.now =
                    Now { realtime: self.now.realtime + seconds, boottime: self.now.boottime + seconds };
            }
            // The one thing that the boot rule cannot see: a crash that loses a write, and a clock set back to before
            // that write, in either order. What is set back is set back while everything is on the disk.
            Act::ClockBack(_) if self.lost => {}
            Act::ClockBack(seconds) => {
                self.fixture.store.sync();
                self.now.realtime -= seconds;
            }
            Act::Crash => {
                let before = self.fixture.held().ledger().clone();
                self.fixture.store.crash();
                self.lost |= *self.fixture.held().ledger() != before;
                self.now = Now { realtime: self.now.realtime + 20, boottime: 5 };
                self.forget_charges();
            }
            Act::Code(which, steps) => self.code(which, steps),
            Act::Wrong => self.wrong(),
            Act::Recovery(which) => self.recovery(which),
            Act::OldRecovery(which) => self.old_recovery(which),
            Act::Renew => {
                let permitted = self.fixture.in_place();
                let codes =
                    self.inputs(|entry, inputs| renew_recovery(entry, &alice(), 10, permitted, inputs));
                self.old_codes = std::mem::replace(&mut self.codes, codes);
                self.model.used = Some([false; 10]);
            }
            Act::Replace => {
                let new = self.fixture.replace(PHONE);
                self.fixture.add("spare", SPARE).unwrap();
                self.old_codes = std::mem::replace(&mut self.codes, new);
                // The same secrets again, which only a test does: their used steps are as new.
                self.model = Model { used: Some([false; 10]), ..Model::default() };
            }
            Act::Unlock => {
                self.inputs(|entry, inputs| unlock(entry, &rules(), inputs.now));
                self.model.forgive();
                let newest = self.step() + 1;
                self.model.last = self.model.last.map(|last| last.min(newest));
            }
            Act::Repair => {
                self.inputs(|entry, inputs| repair(entry, &rules().windows, inputs.now));
                self.model = Model { last: [self.step() + 1; 2], ..Model::default() };
            }
        }
    }

    fn inputs<T>(
        &mut self,
        act: impl FnOnce(MemoryEntry<X>, &mut ChangeInputs<'_>) -> Result<T, EnrolmentError>,
    ) -> T {
        self.fixture.change(self.now.realtime, act).unwrap()
    }

    /// After a crash some charges may be lost; what is left is read back, since the model need not know which.
    fn forget_charges(&mut self) {
        let held = self.fixture.held();
        let tries = &held.ledger().guesses.foreign;
        self.model.since_accepted = held.ledger().guesses.since_accepted.foreign;
        self.model.wrong = tries.recent.clone();
        self.model.consecutive = tries.consecutive();
        self.model.locked_at = tries.locked_at;
        self.model.locked_until = tries.locked_until;
    }

    fn code(&mut self, which: usize, steps: i64) {
        let step = self.step().saturating_add_signed(steps);
        let typed = code([PHONE, SPARE][which], step * 30);
        let barred = self.model.barred(self.now.realtime);
        let fresh = step > self.model.last[which] && step > self.booted() && steps.abs() <= 1;
        match self.login(&typed) {
            Verdict::Accepted(verified) => {
                let label = ["phone", "spare"][which];
                assert!(
                    matches!(verified.method(), Method::Code { authenticator, .. } if authenticator.as_str() == label)
                );
                assert!(fresh && !barred, "accepted: {which} {steps}");
                self.model.last[which] = step;
                self.model.since_accepted = 0;
            }
            Verdict::Refused(refusal) => {
                assert!(!fresh || barred, "refused as {}: {which} {steps}", refusal.reason.as_str());
                match refusal.reason {
                    Reason::Wrong | Reason::ClockOff(_) => self.model.charge(self.now.realtime),
                    Reason::Limited(_) | Reason::Locked(_) | Reason::Disabled | Reason::OverBudget => {
                        assert!(barred);
                    }
                    Reason::Replayed | Reason::ClockBack(_) | Reason::BeforeBoot(_) => {}
                    Reason::CounterEnded
                    | Reason::OutOfStep
                    | Reason::Malformed
                    | Reason::NotEnrolled
                    | Reason::UnknownUser
                    | Reason::Busy => {
                        panic!("no such refusal here")
                    }
                }
            }
            Verdict::Unrecorded(_) => panic!("memory can be written"),
        }
    }

    fn wrong(&mut self) {
        let near: Vec<Vec<u8>> = (self.step().saturating_sub(25)..self.step() + 26)
            .flat_map(|step| [code(PHONE, step * 30), code(SPARE, step * 30)])
            .collect();
        let typed = (0..)
            .map(|number| format!("{number:06}").into_bytes())
            .find(|typed| !near.contains(typed))
            .unwrap();
        let barred = self.model.barred(self.now.realtime);
        let Verdict::Refused(refusal) = self.login(&typed) else { panic!("a wrong code opened") };
        assert_eq!(refusal.reason == Reason::Wrong, !barred);
        if !barred {
            self.model.charge(self.now.realtime);
        }
    }

    fn recovery(&mut self, which: usize) {
        let typed = self.codes[which].expose().to_vec();
        let _ = self.model.barred(self.now.realtime);
        match (self.login(&typed), self.model.used.as_mut()) {
            (Verdict::Accepted(_), Some(used)) => {
                assert!(!used[which], "a recovery code opened twice");
                used[which] = true;
                self.model.forgive();
            }
            (Verdict::Accepted(_), None) => panic!("a void recovery code opened"),
            (Verdict::Refused(refusal), Some(used)) => {
                assert!(
                    used[which] && refusal.reason == Reason::Replayed,
                    "refused as {}",
                    refusal.reason.as_str()
                );
            }
            (Verdict::Refused(_), None) => {}
            (Verdict::Unrecorded(_), _) => panic!("memory can be written"),
        }
    }

    fn old_recovery(&mut self, which: usize) {
        let Some(old) = self.old_codes.get(which) else { return };
        let typed = old.expose().to_vec();
        let _ = self.model.barred(self.now.realtime);
        assert!(matches!(self.login(&typed), Verdict::Refused(_)), "a recovery code of an old set opened");
    }
}

fn agrees<X: Exclusion>(acts: &[Act]) {
    let mut history = History::<X>::begin();
    for act in acts {
        history.apply(act);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn every_history_agrees_with_the_model(acts in proptest::collection::vec(act(), 1..60)) {
        agrees::<Locking>(&acts);
        agrees::<Comparing>(&acts);
    }
}
