//! Years of one account: an owner who logs in, and an attacker who guesses.

use super::account::{Account, Answered, From, Look, RULES, Shape};
use super::attacker::{Strategy, Timing};
use super::chance::Chance;
use super::owner::{Habit, Sources};
use super::worst_year::WorstYear;
use crate::lockout::LockState;
use crate::lockout::source::{Identity, Mark};
use crate::login::Rules;
use std::collections::HashMap;

const DAY: u64 = 86400;
/// When a history begins, in seconds since 1970.
const BEGIN: u64 = 1_800_000_000 / DAY * DAY;
/// The owner's first days are without an attack, so that the first place is settled.
const QUIET_DAYS: u64 = 5;
/// How long a source stays known.
const KNOWN_DAYS: u64 = 90;

/// From how many addresses an attacker tries.
const MOST_ADDRESSES: u64 = 250;

/// What happened in a history.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    pub(super) days: u64,
    pub(super) logins: u64,
    /// The tries of the attacker that were judged.
    pub(super) tries: u64,
    /// Those that were right.
    pub(super) successes: u64,
    /// The most that foreign tries were worth within 365 days, in units of 10⁻⁹.
    pub(super) worst_year: u64,
    /// The most tries of the attacker within 365 days that a settled source paid for.
    pub(super) worst_settled: u64,
    /// Logins of the owner that were refused, at places where answers were accepted on three days.
    pub(super) refused_at_home: u64,
    /// Those at other places, by the budget and for other reasons.
    pub(super) refused_by_budget: u64,
    pub(super) refused_elsewhere: u64,
    /// Recovery codes after which the place was still locked.
    pub(super) locked_after_recovery: u64,
}

/// A place of the owner: the days with an accepted answer, and the last of them.
struct Known {
    mark: Mark,
    days: u64,
    last: u64,
}

pub(super) struct History<'a> {
    pub(super) account: Account,
    habit: Habit,
    strategy: Option<Strategy>,
    /// The rules of the attacker's services.
    services: Vec<Rules>,
    /// Those of the owner's.
    rules: Rules,
    sources: &'a Sources,
    chance: Chance,
    /// How much the machine's clock is ahead or behind.
    clock_is_off: i64,
    time: u64,
    next_attack: u64,
    /// The source of the owner's last login.
    owner: Identity,
    known: Vec<Known>,
    /// Where the owner always is.
    fixed: Option<Identity>,
    /// The sources of the attacker, by number.
    attackers: HashMap<u64, Vec<Identity>>,
    year: WorstYear,
    settled_year: WorstYear,
    outcome: Outcome,
}

impl<'a> History<'a> {
    pub(super) fn new(
        account: Account,
        habit: Habit,
        strategy: Option<Strategy>,
        sources: &'a Sources,
        chance: Chance,
    ) -> Self {
        let services = strategy.map(|strategy| strategy.rules()).unwrap_or_default();
        let mut rules = RULES;
        if let Some(first) = services.first() {
            rules.risk = first.risk;
        }
        Self {
            account,
            habit,
            strategy,
            services,
            rules,
            sources,
            chance,
            clock_is_off: 0,
            time: BEGIN,
            next_attack: BEGIN + QUIET_DAYS * DAY,
            owner: Identity::FOREIGN,
            known: Vec::new(),
            fixed: None,
            attackers: HashMap::new(),
            year: WorstYear::default(),
            settled_year: WorstYear::default(),
            outcome: Outcome::default(),
        }
    }

    /// Simulates so many days.
    pub(super) fn run(mut self, days: u64) -> Outcome {
        for day in 0..days {
            let mut logins: Vec<u64> =
                (0..self.habit.logins_a_day).map(|_| self.chance.below(DAY - 3600)).collect();
            logins.sort_unstable();
            for (login, second) in (0u64..).zip(logins) {
                self.attack_until(BEGIN + day * DAY + second);
                self.login(day, login);
            }
            self.attack_until(BEGIN + (day + 1) * DAY);
        }
        self.outcome.days = days;
        self.outcome.worst_year = self.year.worst;
        self.outcome.worst_settled = self.settled_year.worst;
        self.outcome
    }

    fn attack_until(&mut self, until: u64) {
        if let Some(strategy) = self.strategy {
            while self.next_attack < until {
                self.time = self.time.max(self.next_attack);
                self.next_attack = match strategy.timing {
                    Timing::BeforeLogins => until.max(self.next_attack + 1),
                    Timing::AtOnce | Timing::WithTheClock | Timing::Killed | Timing::Replaying => {
                        self.attack(&strategy, u64::MAX)
                    }
                };
            }
            if strategy.timing == Timing::BeforeLogins && until >= BEGIN + QUIET_DAYS * DAY {
                self.time = self.time.max(until.saturating_sub(120));
                self.attack(&strategy, 5);
                self.time = self.time.max(until.saturating_sub(55));
                self.attack(&strategy, 4);
            }
        }
        self.time = self.time.max(until);
    }

    fn now(&self) -> u64 {
        self.time.saturating_add_signed(self.clock_is_off)
    }

    /// Tries whatever is judged now; returns when to try again.
    fn attack(&mut self, strategy: &Strategy, mut most: u64) -> u64 {
        if strategy.timing == Timing::WithTheClock && self.chance.below(8) == 0 {
            let days = i64::try_from(self.chance.below(730)).unwrap_or(0) - 365;
            self.clock_is_off = if self.chance.below(2) == 0 { 0 } else { days * 86400 };
        }
        let mut again = DAY / 4;
        let identities = self.identities(strategy);
        for identity in &identities {
            for rules in self.services.clone() {
                for &shape in strategy.shapes() {
                    let wait = self.guess(strategy, &rules, identity, shape, &mut most);
                    again = again.min(wait);
                }
            }
        }
        self.time + again.max(1)
    }

    /// The sources of the attacker. Those that are not the owner's are computed once.
    fn identities(&mut self, strategy: &Strategy) -> Vec<Identity> {
        let number = self.outcome.tries % MOST_ADDRESSES;
        if strategy.origin.may_be_settled() {
            return strategy.origin.identities(self.sources, number, &self.owner);
        }
        let (sources, owner) = (self.sources, self.owner);
        let known = self.attackers.entry(number);
        known.or_insert_with(|| strategy.origin.identities(sources, number, &owner)).clone()
    }

    /// Guesses until it is refused; returns for how long.
    fn guess(
        &mut self,
        strategy: &Strategy,
        rules: &Rules,
        identity: &Identity,
        shape: Shape,
        most: &mut u64,
    ) -> u64 {
        let units = self.account.units(shape, &rules.windows);
        if units == 0 {
            return u64::MAX;
        }
        while *most > 0 {
            let look = match strategy.timing {
                Timing::Killed if self.outcome.tries.is_multiple_of(2) => Look::Killed,
                Timing::AtOnce
                | Timing::BeforeLogins
                | Timing::WithTheClock
                | Timing::Killed
                | Timing::Replaying => Look::Wrong,
            };
            let from = From { identity, is_proven: strategy.is_proven, rules, now: self.now() };
            if strategy.timing == Timing::Replaying {
                self.account.judge(&from, units, Look::Replayed);
            }
            let judged = self.account.judge(&from, units, look);
            match judged.answered {
                Answered::Wrong | Answered::Accepted | Answered::Replayed => {
                    *most -= 1;
                    self.outcome.tries += 1;
                    // What a right guess would bring is not simulated: it is counted, and the guessing goes on.
                    self.outcome.successes += u64::from(self.chance.happens(units));
                    if judged.is_foreign || !strategy.origin.may_be_settled() {
                        self.year.add(self.now(), units);
                    } else {
                        self.settled_year.add(self.now(), 1);
                    }
                }
                Answered::Refused(LockState::Limited(wait) | LockState::Locked(wait)) => return wait.0,
                Answered::Refused(LockState::OverBudget) => {
                    let wait = judged.wait.map_or(u64::MAX, |wait| wait.0);
                    // With room in the foreign budget, it is a budget of its own that is empty.
                    return if wait == 0 { DAY / 48 } else { wait };
                }
                Answered::Refused(LockState::Disabled | LockState::Open) => return u64::MAX,
            }
        }
        u64::MAX
    }

    /// A login of the owner, with a recovery code if it is refused.
    fn login(&mut self, day: u64, login: u64) {
        let identity = match self.fixed {
            Some(fixed) => fixed,
            None => self.sources.of(self.habit.whereabouts, day, login, &mut self.chance),
        };
        if self.habit.whereabouts.is_fixed() {
            self.fixed = Some(identity);
        }
        self.owner = identity;
        self.outcome.logins += 1;
        let units = self.account.units(Shape::Digits(self.digits()), &self.rules.windows);
        let (rules, mut typed) = (self.rules, 0);
        loop {
            // The fifth typo of a minute is excepted.
            if typed == 4 {
                (self.time, typed) = (self.time + 61, 0);
            }
            let look = if self.chance.below(1000) < self.habit.typos { Look::Wrong } else { Look::Right };
            let from = From { identity: &identity, is_proven: true, rules: &rules, now: self.now() };
            let judged = self.account.judge(&from, units, look);
            match judged.answered {
                Answered::Accepted => break,
                Answered::Wrong | Answered::Replayed => {
                    if judged.is_foreign && self.strategy.is_none_or(|strategy| strategy.is_proven) {
                        self.year.add(self.now(), units);
                    }
                    (self.time, typed) = (self.time + 10, typed + 1);
                }
                Answered::Refused(state) => {
                    self.refused(state, &identity, day);
                    self.account.recover(&from);
                    let is_locked = self.account.state(&from) != LockState::Open;
                    self.outcome.locked_after_recovery += u64::from(is_locked);
                    break;
                }
            }
        }
        self.remember(&identity, day);
        // As the next login finds it.
        if self.outcome.logins.is_multiple_of(32) {
            self.account.guesses = self.account.stored();
        }
    }

    /// The digits of the owner's phone.
    fn digits(&self) -> u8 {
        self.account.authenticators.first().map_or(6, |phone| phone.digits())
    }

    fn refused(&mut self, state: LockState, identity: &Identity, day: u64) {
        let is_settled = |known: &&Known| known.days >= 3 && day - known.last < KNOWN_DAYS;
        let mark = identity.own.map(|(_, mark)| mark);
        let count = if self.known.iter().filter(is_settled).any(|known| Some(known.mark) == mark) {
            &mut self.outcome.refused_at_home
        } else if state == LockState::OverBudget {
            &mut self.outcome.refused_by_budget
        } else {
            &mut self.outcome.refused_elsewhere
        };
        *count += 1;
    }

    fn remember(&mut self, identity: &Identity, day: u64) {
        let Some((_, mark)) = identity.own else { return };
        self.known.retain(|known| day - known.last < KNOWN_DAYS);
        match self.known.iter_mut().find(|known| known.mark == mark) {
            Some(known) => {
                known.days += u64::from(known.last != day);
                known.last = day;
            }
            None => self.known.push(Known { mark, days: 1, last: day }),
        }
    }
}
