//! Time as values: the two clocks, durations, days and RFC 3339 timestamps.

use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// Both clocks at one moment, read by the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Seconds since 1970-01-01T00:00:00Z, `CLOCK_REALTIME`. It can be set back.
    pub realtime: u64,
    /// Seconds since this boot including sleep, `CLOCK_BOOTTIME`. It cannot.
    pub boottime: u64,
}

impl Now {
    /// When this machine booted by today's realtime clock, in seconds since 1970; rounded up, because both readings
    /// were cut to whole seconds.
    #[must_use]
    pub fn boot(self) -> u64 {
        self.realtime.saturating_add(1).saturating_sub(self.boottime)
    }
}

/// A length of time in whole seconds, written `90s`, `5m`, `24h` or `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub u64);

impl Seconds {
    /// Parses a number and its unit.
    ///
    /// # Errors
    /// [`DurationError`] for anything else, also a number without a unit.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let unit = text.chars().last().ok_or(DurationError)?;
        let number = text.strip_suffix(unit).ok_or(DurationError)?;
        let length = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86400,
            _ => return Err(DurationError),
        };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(DurationError);
        }
        number
            .parse::<u32>()
            .ok()
            .and_then(|count| u64::from(count).checked_mul(length))
            .map(Self)
            .ok_or(DurationError)
    }
}

/// Not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a duration: write a whole number and a unit, such as \"90s\", \"5m\", \"24h\" or \"30d\"")]
pub struct DurationError;

impl std::fmt::Display for Seconds {
    /// In the largest unit that keeps it whole, as the config writes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let units = [(86400, 'd'), (3600, 'h'), (60, 'm')];
        let whole = units.iter().find(|(length, _)| self.0 > 0 && self.0.is_multiple_of(*length));
        let (length, unit) = whole.copied().unwrap_or((1, 's'));
        write!(f, "{}{unit}", self.0.checked_div(length).unwrap_or(0))
    }
}

/// A day of the calendar, in UTC, written `2026-12-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Days since 1970-01-01.
    day: u64,
}

impl Date {
    /// The day that `realtime` (seconds since 1970) lies in.
    #[must_use]
    pub fn of(realtime: u64) -> Self {
        Self { day: realtime / DAY }
    }

    /// Whole days from `realtime` to the end of this day; zero on the day itself, `None` once it is over.
    #[must_use]
    pub fn days_left(self, realtime: u64) -> Option<u64> {
        self.day.checked_sub(Self::of(realtime).day)
    }

    /// Year, month and day; `None` beyond the year 9999.
    #[must_use]
    pub fn calendar(self) -> Option<(u16, u8, u8)> {
        let begun = |year, month| Self::from_calendar(year, month, 1).filter(|first| *first <= self);
        // No year has more than 366 days, so this one is not after the year in question.
        let mut year = u16::try_from(self.day / 366).ok()?.checked_add(1970)?;
        while begun(year.checked_add(1)?, 1).is_some() {
            year = year.checked_add(1)?;
        }
        let month = (1..=12).rev().find(|month| begun(year, *month).is_some())?;
        let day = self.day.checked_sub(begun(year, month)?.day)?.checked_add(1)?;
        let day = u8::try_from(day).ok()?;
        Self::from_calendar(year, month, day).map(|_| (year, month, day))
    }

    pub(crate) fn from_calendar(year: u16, month: u8, day: u8) -> Option<Self> {
        let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let february = if is_leap { 29 } else { 28 };
        let lengths: [u8; 12] = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let (before, rest) = lengths.split_at_checked(usize::from(month.checked_sub(1)?))?;
        if !(1970..=9999).contains(&year) || !(1..=*rest.first()?).contains(&day) {
            return None;
        }
        let leap_years_to = |year: u64| (year / 4).saturating_sub(year / 100).saturating_add(year / 400);
        let past = u64::from(year).saturating_sub(1);
        let leap_days = leap_years_to(past).saturating_sub(leap_years_to(1969));
        let years = u64::from(year).saturating_sub(1970).saturating_mul(365).saturating_add(leap_days);
        let months: u64 = before.iter().copied().map(u64::from).sum();
        Some(Self { day: years.saturating_add(months).saturating_add(u64::from(day.saturating_sub(1))) })
    }
}

const DAY: u64 = 86400;

/// A moment as RFC 3339 writes it, in UTC, for people to read; no rule depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Created(toml::value::Datetime);

impl Created {
    /// A second since 1970; `None` beyond the year 9999, which RFC 3339 cannot write.
    #[must_use]
    pub fn at(realtime: u64) -> Option<Self> {
        let (year, month, day) = Date::of(realtime).calendar()?;
        let (hour, minute, second) = (realtime / 3600 % 24, realtime / 60 % 60, realtime % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z").parse().ok()
    }
}

impl Created {
    /// Seconds since 1970; `None` if it is not a date with a time in UTC.
    #[must_use]
    pub fn realtime(&self) -> Option<u64> {
        let toml::value::Datetime { date: Some(date), time: Some(time), offset } = self.0 else {
            return None;
        };
        let is_utc =
            matches!(offset, Some(toml::value::Offset::Z | toml::value::Offset::Custom { minutes: 0 }));
        let Date { day } = Date::from_calendar(date.year, date.month, date.day).filter(|_| is_utc)?;
        let (hour, minute) = (u64::from(time.hour), u64::from(time.minute));
        let minutes = hour.saturating_mul(60).saturating_add(minute);
        let seconds = minutes.saturating_mul(60).saturating_add(u64::from(time.second.unwrap_or(0)));
        Some(day.saturating_mul(DAY).saturating_add(seconds))
    }
}

impl From<toml::value::Datetime> for Created {
    fn from(written: toml::value::Datetime) -> Self {
        Self(written)
    }
}

impl FromStr for Created {
    type Err = toml::value::DatetimeParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_counted_as_date_counts_it() {
        // date --utc --date=DAY +%s, divided by 86400.
        for ((year, month, day), count) in [
            ((1970, 1, 1), 0),
            ((1970, 12, 31), 364),
            ((1972, 2, 29), 789),
            ((2000, 2, 29), 11_016),
            ((2000, 3, 1), 11_017),
            ((2026, 11, 21), 20_778),
            ((2100, 3, 1), 47_541),
            ((9999, 12, 31), 2_932_896),
        ] {
            assert_eq!(
                Date::from_calendar(year, month, day),
                Some(Date { day: count }),
                "{year}-{month}-{day}"
            );
        }
        for (year, month, day) in [
            (1969, 12, 31),
            (2026, 0, 1),
            (2026, 13, 1),
            (2026, 1, 0),
            (2026, 2, 29),
            (2100, 2, 29),
            (2026, 4, 31),
        ] {
            assert_eq!(Date::from_calendar(year, month, day), None, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn a_day_is_written_as_it_was_read() {
        for day in (0..=2_932_896).step_by(13).chain([59, 789, 11_016, 2_932_896]) {
            let (year, month, of_month) = Date { day }.calendar().unwrap();
            assert_eq!(Date::from_calendar(year, month, of_month), Some(Date { day }), "{day}");
        }
        for day in [2_932_897, u64::MAX] {
            assert_eq!(Date { day }.calendar(), None);
        }
    }

    #[test]
    fn a_day_lasts_until_its_midnight() {
        let day = Date::from_calendar(2026, 11, 21).unwrap();
        let midnight = 20_779 * 86400;
        assert_eq!(day.days_left(midnight - 1), Some(0));
        assert_eq!(day.days_left(midnight), None);
        assert_eq!(day.days_left(midnight - 86401), Some(1));
    }

    #[test]
    fn a_length_is_said_in_its_largest_whole_unit() {
        for (seconds, said) in
            [(0, "0s"), (90, "90s"), (300, "5m"), (7200, "2h"), (2_592_000, "30d"), (3601, "3601s")]
        {
            assert_eq!(Seconds(seconds).to_string(), said);
        }
    }

    #[test]
    fn durations_are_read_with_their_unit() {
        assert_eq!(Seconds::parse("90s"), Ok(Seconds(90)));
        assert_eq!(Seconds::parse("5m"), Ok(Seconds(300)));
        assert_eq!(Seconds::parse("24h"), Ok(Seconds(86400)));
        assert_eq!(Seconds::parse("30d"), Ok(Seconds(2_592_000)));
        assert_eq!(Seconds::parse("0s"), Ok(Seconds(0)));
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in ["", "5", "m", "-5m", "+5m", "1.5h", "5 m", "5M", "5µ", "99999999999d", "１m"] {
            assert_eq!(Seconds::parse(text), Err(DurationError), "{text}");
        }
    }

    #[test]
    fn a_clock_behind_the_uptime_boots_at_zero() {
        assert_eq!(Now { realtime: 10, boottime: 50 }.boot(), 0);
        assert_eq!(Now { realtime: 1000, boottime: 50 }.boot(), 951);
    }

    #[test]
    fn a_moment_is_written_as_rfc_3339_has_it() {
        // date --utc --date=@SECOND --iso-8601=seconds
        for (second, written) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_800_000_000, "2027-01-15T08:00:00Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Created::at(second).unwrap().to_string(), written);
        }
        assert!(Created::at(253_402_300_800).is_none() && Created::at(u64::MAX).is_none());
    }
}
