//! Formats times and durations for people.

use jiff::Timestamp;

pub(crate) use totp_host::clock::{created, now};

/// Seconds since 1970 as RFC 3339, in UTC.
pub(crate) fn date(seconds: u64) -> String {
    let timestamp = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    timestamp.map_or_else(|| format!("{seconds} s after 1970"), |timestamp| timestamp.to_string())
}

/// A duration in words, rounded up to a whole unit.
pub(crate) fn length(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..=119 => (seconds, "seconds"),
        120..=7199 => (seconds.div_ceil(60), "minutes"),
        _ => (seconds.div_ceil(3600), "hours"),
    };
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_rfc_3339() {
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(1_800_000_000), "2027-01-15T08:00:00Z");
        assert!(date(u64::MAX).ends_with("after 1970"));
    }

    #[test]
    fn a_duration_is_rounded_up() {
        assert_eq!(length(60), "60 seconds");
        assert_eq!(length(121), "3 minutes");
        assert_eq!(length(86400), "24 hours");
    }
}
