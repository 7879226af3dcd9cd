//! The two clocks that the rules are given, read one after the other.

use nix::errno::Errno;
use nix::time::{ClockId, clock_gettime};
use totp_core::time::Now;

/// A clock could not be read, or stands before 1970.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoClock {
    #[error("the clock cannot be read (clock_gettime: {})", .0.desc())]
    System(Errno),
    #[error("the clock stands before 1970: set it")]
    Before1970,
}

/// Reads `CLOCK_REALTIME` and `CLOCK_BOOTTIME`.
pub(crate) fn now() -> Result<Now, NoClock> {
    // In this order: a pause between them makes the boot instant later, which errs to the safe side.
    let boottime = seconds(ClockId::CLOCK_BOOTTIME)?;
    Ok(Now { realtime: seconds(ClockId::CLOCK_REALTIME)?, boottime })
}

fn seconds(clock: ClockId) -> Result<u64, NoClock> {
    let time = clock_gettime(clock).map_err(NoClock::System)?;
    u64::try_from(time.tv_sec()).map_err(|_| NoClock::Before1970)
}
