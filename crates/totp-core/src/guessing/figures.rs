//! The figures of all histories, and what they have to be.

use super::account::{Account, RULES, authenticator};
use super::attacker::{Origin, STRATEGIES, Services, Strategy, Timing};
use super::chance::{Chance, bounds};
use super::history::{History, Outcome};
use super::owner::{HABITS, Habit, Sources, Whereabouts};
use crate::factor::Factor;
use crate::lockout::MOST_SAVED_TRIES;
use std::fmt;
use std::fmt::Write;

const YEAR: u64 = 365;
/// That of the years whose successes are counted: one day in a thousand would otherwise be outside the bounds.
const SEED_OF_SUCCESSES: u64 = 16;

/// How many years are simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// For each habit of an owner: at settled places with all strategies together, elsewhere without an attack.
    pub owner_years: u64,
    /// Of an attacker whose successes are counted.
    pub attacker_years: u64,
    /// Of so many pairs of a habit and a strategy, one is simulated.
    pub one_pair_of: u64,
}

impl Size {
    /// Some seconds.
    pub const SAMPLE: Self = Self { owner_years: 30, attacker_years: 3000, one_pair_of: 1 };
    /// Some minutes. Of the years of an owner, more than 1,000 are with attackers who are not where the owner is.
    pub const COMPLETE: Self = Self { owner_years: 1400, attacker_years: 100_000, one_pair_of: 1 };
}

/// The figures, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Figures {
    text: String,
    wrong: Vec<String>,
}

impl Figures {
    /// What is not as it has to be; empty: nothing.
    #[must_use]
    pub fn wrong(&self) -> &[String] {
        &self.wrong
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = self.text.write_fmt(line);
        self.text.push('\n');
    }

    fn check(&mut self, is_right: bool, otherwise: impl FnOnce() -> String) {
        if !is_right {
            self.wrong.push(otherwise());
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Simulates so many years and checks them.
#[must_use]
pub fn figures(seed: u64, size: Size) -> Figures {
    let mut figures = Figures::default();
    let sources = [false, true].map(Sources::new);
    let mut chance = Chance::new(seed);
    figures.line(format_args!(
        "{:<46}{:<32}{:>6}{:>9}{:>10}{:>7}{:>7}{:>8}{:>8}",
        "owner", "attacker", "years", "logins", "tries", "%/year", "home", "budget", "other"
    ));
    for habit in &HABITS {
        // At settled places the attack is what matters, elsewhere that there is none.
        let (alone, attacked_years) = if habit.whereabouts.is_settled() {
            (size.owner_years.div_ceil(10), size.owner_years)
        } else {
            (size.owner_years, size.owner_years.div_ceil(5))
        };
        undisturbed(&mut figures, habit, &sources, chance.next(), alone);
        let years = attacked_years.div_ceil(STRATEGIES.len() as u64);
        for strategy in &STRATEGIES {
            if chance.below(size.one_pair_of) == 0 {
                attacked(&mut figures, habit, strategy, &sources, chance.next(), years);
            }
        }
    }
    successes(&mut figures, &sources, size.attacker_years);
    figures
}

fn of_habit<'s>(habit: &Habit, [plain, shared]: &'s [Sources; 2]) -> &'s Sources {
    if habit.whereabouts == Whereabouts::SharedBastion { shared } else { plain }
}

/// Owners without an attacker: never refused by the budget.
fn undisturbed(figures: &mut Figures, habit: &Habit, sources: &[Sources; 2], seed: u64, years: u64) {
    let account = Account::new(vec![authenticator(6, None); habit.authenticators], 0);
    let outcome =
        History::new(account, *habit, None, of_habit(habit, sources), Chance::new(seed)).run(years * YEAR);
    row(figures, habit.name, "-", &outcome, 1_000_000);
    let refused = outcome.refused_at_home + outcome.refused_by_budget;
    figures.check(refused == 0, || format!("{}: refused {refused} times without an attack", habit.name));
}

fn attacked(
    figures: &mut Figures,
    habit: &Habit,
    strategy: &Strategy,
    sources: &[Sources; 2],
    seed: u64,
    years: u64,
) {
    let mut chance = Chance::new(seed);
    let account = Account::new(authenticators(habit, &mut chance), strategy.scratch);
    let risk = strategy.yearly_risk();
    let outcome =
        History::new(account, *habit, Some(*strategy), of_habit(habit, sources), chance).run(years * YEAR);
    row(figures, habit.name, strategy.name, &outcome, risk);
    let about = |what: &str| format!("{}, {}: {what}: {outcome:?}", habit.name, strategy.name);
    figures.check(outcome.worst_year <= risk, || about("more than the risk of a year"));
    // One source at most is settled and shared.
    let settled = u64::from(MOST_SAVED_TRIES) + u64::from(RULES.risk.known_tries_per_year);
    let is_one = habit.whereabouts.is_fixed();
    figures.check(!is_one || outcome.worst_settled <= settled, || about("more than a settled source has"));
    figures.check(outcome.locked_after_recovery == 0, || about("locked after a recovery code"));
    // A clock that is a year ahead ends what is known.
    let is_certain = !strategy.origin.is_shared(habit) && strategy.timing != Timing::WithTheClock;
    figures.check(!is_certain || outcome.refused_at_home == 0, || about("refused where no attacker is"));
}

/// One to four of 6 to 8 digits and any window; the phone is that of most people.
fn authenticators(habit: &Habit, chance: &mut Chance) -> Vec<Factor> {
    let more = usize::try_from(chance.below(4)).unwrap_or(0).max(habit.authenticators - 1);
    let other = |chance: &mut Chance| {
        let digits = chance.one_of(6, &[6, 7, 8]);
        authenticator(digits, chance.one_of(None, &[None, Some(0), Some(2), Some(3), Some(4)]))
    };
    let others: Vec<Factor> = (0..more).map(|_| other(chance)).collect();
    [vec![authenticator(6, None)], others].concat()
}

fn row(figures: &mut Figures, habit: &str, strategy: &str, outcome: &Outcome, risk: u64) {
    let Outcome { logins, tries, worst_year, refused_at_home, refused_by_budget, refused_elsewhere, .. } =
        outcome;
    let [percent, _] = [worst_year, &risk].map(|units| percent(*units));
    figures.line(format_args!(
        "{habit:<46}{strategy:<32}{:>6}{logins:>9}{tries:>10}{percent:>7}{refused_at_home:>7}{refused_by_budget:>8}{refused_elsewhere:>8}",
        outcome.days / YEAR,
    ));
}

/// Percent of units of 10⁻⁹, with four places.
pub(super) fn percent(units: u64) -> String {
    format!("{}.{:04}", units / 10_000_000, units % 10_000_000 / 1000)
}

/// First years, in which the whole of a year's risk can be used: how often a guess is right.
fn successes(figures: &mut Figures, sources: &[Sources; 2], years: u64) {
    let habit = Habit { logins_a_day: 1, ..HABITS[0] };
    let strategy = Strategy {
        name: "bursts, first years",
        origin: Origin::Nowhere,
        timing: Timing::AtOnce,
        services: Services::Lax,
        is_proven: true,
        scratch: 0,
    };
    let (mut chance, mut all) = (Chance::new(SEED_OF_SUCCESSES), Outcome::default());
    for _ in 0..years {
        let account = Account::new(vec![authenticator(6, None)], 0);
        let chance = Chance::new(chance.next());
        let outcome = History::new(account, habit, Some(strategy), &sources[0], chance).run(YEAR);
        all.worst_year = all.worst_year.max(outcome.worst_year);
        (all.days, all.logins) = (all.days + YEAR, all.logins + outcome.logins);
        (all.tries, all.successes) = (all.tries + outcome.tries, all.successes + outcome.successes);
    }
    let risk = RULES.risk.yearly_risk;
    row(figures, habit.name, strategy.name, &all, risk);
    let (least, most) = bounds(years, risk);
    let right = all.successes;
    figures.line(format_args!(
        "{right} of these guesses were right; within its 99.9 % bounds, {} % a year is {least} to {most}",
        percent(risk)
    ));
    figures.check((least..=most).contains(&right), || format!("{right} guesses of {years} years were right"));
}
