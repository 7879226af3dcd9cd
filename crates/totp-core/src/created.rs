//! When something was made, as the documents write it.

use crate::time::Date;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

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
