//! Budgets: how much guessing is judged within a year (NIST SP 800-63B section 5.2.2).
//!
//! A budget is a bucket that leaks: each try pours its own probability in, and is judged only if there is room for it. So in
//! any year no more is judged than the capacity and a year's leak together. A right code takes its own charge out again; nothing
//! else does.

use crate::time::Seconds;

/// A year of 365 days, in seconds.
pub(crate) const YEAR: u64 = 365 * 86400;
/// The same in minutes.
const YEAR_IN_MINUTES: u32 = 365 * 1440;

/// The most tries that a settled source can save up.
pub const MOST_SAVED_TRIES: u32 = 40;

/// How much guessing is allowed, from the keys of `[limit]` that are the same for every service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RiskRules {
    /// The chance of all guesses from foreign sources together within a year, in units of 10⁻⁹.
    pub yearly_risk: u64,
    /// How long a source stays known after its last accepted answer.
    pub known_for: Seconds,
    /// Tries that a settled source earns in a year.
    pub known_tries_per_year: u32,
}

impl RiskRules {
    /// The defaults.
    pub const DEFAULT: Self =
        Self { yearly_risk: 1_000_000, known_for: Seconds(90 * 86400), known_tries_per_year: 400 };
}

/// The budget of foreign sources. What is used is in units of 10⁻⁹ times the seconds of a year, so that what leaks in one second is a
/// whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForeignBudget {
    /// What is used.
    pub(crate) used: u64,
    /// What of it tries have used before which no first factor is known to have passed.
    pub(crate) unproven: u64,
    /// Up to when it has leaked, in seconds since 1970. A clock that is set back stops the leak and repeats none of it.
    pub(crate) leaked_until: u64,
    /// The smallest `yearly_risk` that it was judged under, in units of 10⁻⁹.
    pub(crate) risk: u64,
}

impl ForeignBudget {
    /// An unused one.
    pub(crate) fn new(risk: u64, now: u64) -> Self {
        Self { used: 0, unproven: 0, leaked_until: now, risk }
    }

    /// Lets it leak until `now` (seconds since 1970), under this risk if no smaller one was in force.
    pub(crate) fn leak(&mut self, risk: u64, now: u64) {
        self.risk = self.risk.min(risk);
        let seconds = now.saturating_sub(self.leaked_until);
        let leaked = self.leak_in_a_year().saturating_mul(seconds);
        self.used = self.used.saturating_sub(leaked);
        // It leaks at half the speed, so it can be more than all that is used.
        self.unproven = self.unproven.saturating_sub(leaked / 2);
        self.leaked_until = self.leaked_until.max(now);
    }

    /// Whether a try of this probability (units of 10⁻⁹) is judged.
    pub(crate) fn has_room(&self, charge: u64, is_proven: bool) -> bool {
        let (capacity, charge) = (self.capacity(), charge.saturating_mul(YEAR));
        let fits = |used: u64, capacity: u64| used.saturating_add(charge) <= capacity.saturating_mul(YEAR);
        fits(self.used, capacity) && (is_proven || fits(self.unproven, capacity / 2))
    }

    pub(crate) fn charge(&mut self, charge: u64, is_proven: bool) {
        let charge = charge.saturating_mul(YEAR);
        self.used = self.used.saturating_add(charge);
        if !is_proven {
            self.unproven = self.unproven.saturating_add(charge);
        }
    }

    /// What is used, in units of 10⁻⁹, rounded up.
    pub(crate) fn used_units(&self) -> u64 {
        self.used.div_ceil(YEAR)
    }

    /// What can be used at once, in units of 10⁻⁹: 40 % of a year's risk.
    pub(crate) fn capacity(&self) -> u64 {
        self.risk.saturating_mul(2) / 5
    }

    /// How many quarters of the capacity are used, 0 to 4.
    pub(crate) fn quarters(&self) -> u8 {
        let quarter = self.capacity().saturating_mul(YEAR) / 4;
        u8::try_from(self.used.checked_div(quarter).unwrap_or(4).min(4)).unwrap_or(4)
    }

    /// How many tries of this probability it has room for now.
    pub(crate) fn tries_left(&self, charge: u64, is_proven: bool) -> u64 {
        let room = |used: u64, capacity: u64| capacity.saturating_mul(YEAR).saturating_sub(used);
        let all = room(self.used, self.capacity());
        let room = if is_proven { all } else { all.min(room(self.unproven, self.capacity() / 2)) };
        room.checked_div(charge.saturating_mul(YEAR)).unwrap_or(0)
    }

    /// When a try of this probability would have room, in seconds from the last leak; `None`: it never has.
    pub(crate) fn wait(&self, charge: u64, is_proven: bool) -> Option<Seconds> {
        let charge = charge.saturating_mul(YEAR);
        let wait = |used: u64, capacity: u64, leak: u64| {
            let room = capacity.saturating_mul(YEAR).checked_sub(charge)?;
            let over = used.saturating_sub(room);
            if over == 0 { Some(0) } else { over.checked_add(leak.checked_sub(1)?)?.checked_div(leak) }
        };
        let all = wait(self.used, self.capacity(), self.leak_in_a_year())?;
        if is_proven {
            return Some(Seconds(all));
        }
        Some(Seconds(all.max(wait(self.unproven, self.capacity() / 2, self.leak_in_a_year() / 2)?)))
    }

    /// The rest of a year's risk: with the capacity it is the whole.
    fn leak_in_a_year(&self) -> u64 {
        self.risk.saturating_sub(self.capacity())
    }
}

/// The budget of a settled source, in tries. What is used is counted in tries times the minutes of a year, so that what leaks in one
/// minute is a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TryBudget {
    pub(crate) used: u32,
    /// Up to when it has leaked, in minutes since 1970.
    pub(crate) leaked_until: u32,
}

impl TryBudget {
    pub(crate) fn leak(&mut self, tries_per_year: u32, now: u32) {
        let minutes = now.saturating_sub(self.leaked_until);
        self.used = self.used.saturating_sub(tries_per_year.saturating_mul(minutes));
        self.leaked_until = self.leaked_until.max(now);
    }

    pub(crate) fn has_room(&self, tries_per_year: u32) -> bool {
        let capacity = tries_per_year.min(MOST_SAVED_TRIES).saturating_mul(YEAR_IN_MINUTES);
        self.used.saturating_add(YEAR_IN_MINUTES) <= capacity
    }

    pub(crate) fn charge(&mut self) {
        self.used = self.used.saturating_add(YEAR_IN_MINUTES);
    }

    /// When a try has room, from the last leak; `None`: never.
    pub(crate) fn wait(&self, tries_per_year: u32) -> Option<Seconds> {
        let capacity = tries_per_year.min(MOST_SAVED_TRIES).saturating_mul(YEAR_IN_MINUTES);
        let over = self.used.saturating_sub(capacity.checked_sub(YEAR_IN_MINUTES)?);
        Some(Seconds(u64::from(over).div_ceil(tries_per_year.into()).saturating_mul(60)))
    }

    /// How many tries are left.
    pub(crate) fn left(&self, tries_per_year: u32) -> u32 {
        let capacity = tries_per_year.min(MOST_SAVED_TRIES).saturating_mul(YEAR_IN_MINUTES);
        capacity.saturating_sub(self.used) / YEAR_IN_MINUTES
    }
}
