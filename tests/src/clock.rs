//! The time, in the steps that codes are counted in: the machine's own clock, and a stopped one for a single program.

use crate::wait;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment in 2033, in the middle of a step of 30 seconds, at which tests stop the clock.
pub const THEN: u64 = 2_000_000_025;

/// Seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    since_epoch().as_secs()
}

/// Waits until the current step of `period` seconds lasts at least `margin` seconds more; gives the time.
#[must_use]
pub fn well_inside_a_step(period: u64, margin: u64) -> u64 {
    assert!(margin < period, "a step of {period} s never has {margin} s left");
    let left = period - now() % period;
    if left <= margin {
        wait_until(now() + left);
    }
    now()
}

/// Waits for the next step of `period` seconds to begin, and gives the time.
#[must_use]
pub fn next_step(period: u64) -> u64 {
    wait_until(now() + period - now() % period);
    now()
}

/// Stops the clock of day of a program; how long things take is measured by other clocks, which go on.
pub fn stop(command: &mut Command, second: u64) {
    command
        // ld.so(8) puts the multiarch directory in place of $LIB.
        .env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
        .env("FAKETIME_FMT", "%s")
        .env("FAKETIME", second.to_string());
}

/// A command to be run where the machine started so many seconds ago.
#[must_use]
pub fn just_started(program: &Path, seconds_ago: u64) -> Command {
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["--time", "--fork", "--boottime"]).arg(format!("-{}", uptime() - seconds_ago)).arg(program);
    command
}

/// Waits until this machine has been up for long enough: no code of before the boot is ever good, nor of the steps
/// that drift would allow around it.
pub fn wait_for_the_boot_to_be_past() {
    const LONGEST_STEP: u64 = 60;
    // More than any test waits for, right after a boot.
    while uptime() < 2 * LONGEST_STEP + 5 {
        let _ = wait::until_some(|| (uptime() >= 2 * LONGEST_STEP + 5).then_some(()));
    }
}

fn uptime() -> u64 {
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    uptime.split('.').next().unwrap().parse().unwrap()
}

fn wait_until(second: u64) {
    // Slightly into the second, so that another process does not read the second before.
    let then = Duration::from_secs(second) + Duration::from_millis(20);
    // A period may be longer than any test waits for.
    while since_epoch() < then {
        let _ = wait::until_some(|| (since_epoch() >= then).then_some(()));
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}
