//! The two clocks that the rules are given, read one after the other.

use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};
use totp_core::time::Created;
use totp_core::time::Now;

/// A clock could not be read, or shows a time that nothing here can be done at.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// The system refused.
    #[error("the clock cannot be read (clock_gettime: {})", .0.desc())]
    System(Errno),
    /// `CLOCK_REALTIME` is negative.
    #[error("the system clock stands before 1970: correct it")]
    Before1970,
    /// Beyond the year 9999, which RFC 3339 cannot write.
    #[error("the system clock is out of range: correct it")]
    OutOfRange,
}

/// Reads `CLOCK_REALTIME` and `CLOCK_BOOTTIME`, in whole seconds.
///
/// # Errors
/// [`ClockError`], where a clock cannot be read or stands before 1970.
pub fn now() -> Result<Now, ClockError> {
    // In this order: a pause between them makes the boot instant later, which errs to the safe side.
    let boottime = seconds(ClockId::CLOCK_BOOTTIME)?;
    Ok(Now { realtime: seconds(ClockId::CLOCK_REALTIME)?, boottime })
}

/// The same moment as the documents write it.
///
/// # Errors
/// [`ClockError::OutOfRange`], where they cannot.
pub fn created(now: Now) -> Result<Created, ClockError> {
    Created::at(now.realtime).ok_or(ClockError::OutOfRange)
}

fn seconds(clock: ClockId) -> Result<u64, ClockError> {
    let time = clock_gettime(clock).map_err(ClockError::System)?;
    u64::try_from(time.tv_sec()).map_err(|_| ClockError::Before1970)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_documents_cannot_write_is_out_of_range() {
        let at = |realtime| created(Now { realtime, boottime: 0 });
        assert_eq!(at(1_800_000_000).unwrap().to_string(), "2027-01-15T08:00:00Z");
        assert!(matches!(at(253_402_300_800), Err(ClockError::OutOfRange)));
    }
}
