//! Reads the clocks that the rules need: `CLOCK_REALTIME` and `CLOCK_BOOTTIME`.

use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};
use totp_core::time::Created;
use totp_core::time::Now;

/// Why there is no time to go by.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// The system call failed.
    #[error("the clock cannot be read (clock_gettime: {})", .0.desc())]
    System(Errno),
    /// `CLOCK_REALTIME` is negative.
    #[error("the system clock is before 1970: correct it")]
    Before1970,
    /// The year is after 9999, which RFC 3339 cannot write.
    #[error("the system clock is out of range: correct it")]
    OutOfRange,
}

/// Reads `CLOCK_REALTIME` and `CLOCK_BOOTTIME`, in whole seconds.
///
/// # Errors
/// [`ClockError`] if a clock cannot be read or is before 1970.
pub fn now() -> Result<Now, ClockError> {
    // In this order: a pause in between makes the boot instant later, and the boot rule then refuses more codes, not fewer.
    let boottime = seconds(ClockId::CLOCK_BOOTTIME)?;
    Ok(Now { realtime: seconds(ClockId::CLOCK_REALTIME)?, boottime })
}

/// The same moment in the form that documents have it in.
///
/// # Errors
/// [`ClockError::OutOfRange`] if it cannot be written.
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
    fn a_year_after_9999_is_out_of_range() {
        let at = |realtime| created(Now { realtime, boottime: 0 });
        assert_eq!(at(1_800_000_000).unwrap().to_string(), "2027-01-15T08:00:00Z");
        assert!(matches!(at(253_402_300_800), Err(ClockError::OutOfRange)));
    }
}
