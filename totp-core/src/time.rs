//! Time as values: two clocks read together by the caller, and durations as the config writes them.

use serde::Deserialize;

/// What the clocks said at one moment. The rules never read a clock themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Seconds since 1970-01-01T00:00:00Z, `CLOCK_REALTIME`. It can be set back.
    pub realtime: u64,
    /// Seconds since this boot including sleep, `CLOCK_BOOTTIME`. It cannot.
    pub boottime: u64,
}

impl Now {
    /// The realtime clock's reading at which this machine started, in seconds since 1970, by today's clock; rounded up,
    /// since both readings were cut to whole seconds.
    #[must_use]
    pub fn boot(self) -> u64 {
        self.realtime.saturating_add(1).saturating_sub(self.boottime)
    }
}

/// A length of time in whole seconds, written `90s`, `5m`, `24h` or `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub u64);

impl Seconds {
    /// Parses a number with a unit.
    ///
    /// # Errors
    /// [`DurationError`] for anything else, also for a number without a unit.
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

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
