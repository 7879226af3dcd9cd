//! The dates of PSKC: `dateTime` of XML Schema, in UTC where it has no offset (RFC 6030 section 4.2.1).

use super::element::Element;
use crate::SeedFileError;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The date in an element, in seconds since 1970; earlier dates are 0.
pub(super) fn seconds(element: Element<'_>) -> Result<u64, SeedFileError> {
    let text = element.content()?;
    let instant = text.parse::<Timestamp>().ok().or_else(|| {
        let date = text.parse::<DateTime>().ok()?;
        date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    });
    let instant = instant.ok_or_else(|| {
        element.refused("is not a date such as 2026-05-01T00:00:00Z: correct it, or remove the element")
    })?;
    Ok(u64::try_from(instant.as_second()).unwrap_or(0))
}
