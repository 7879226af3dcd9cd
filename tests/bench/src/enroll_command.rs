//! One command of the command, timed, and the most memory that it had.

use acceptance::built;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a command took.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) time: Duration,
    /// The largest resident set, in KiB.
    pub(crate) memory: u64,
}

/// Runs `totp-enroll` without a terminal; it must succeed.
pub(crate) fn run(config: &Path, arguments: &[&str]) -> Cost {
    let mut command = Command::new(built::command());
    command.arg("--config").arg(config).args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut memory = 0;
    loop {
        // If it has just ended, the previous value counts.
        memory = high_water_mark(child.id()).unwrap_or(memory);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "totp-enroll {arguments:?}: {status}");
            return Cost { time: begun.elapsed(), memory };
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn high_water_mark(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
}
