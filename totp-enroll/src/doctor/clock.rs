//! The clock: whether someone keeps it right. A code is good for half a minute.

use super::finding::Finding;
use std::fs;
use std::path::Path;
use std::process::Command;

/// systemd-timesyncd makes it when it has set the clock for the first time since the start (systemd-timesyncd.service(8)).
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";
/// Programs that keep the clock right, as the kernel names them (at most 15 letters).
const DAEMONS: [&str; 10] = [
    "chronyd",
    "ntpd",
    "openntpd",
    "ntp-daemon",
    "systemd-timesyn",
    "phc2sys",
    "ptp4l",
    "VBoxService",
    "vmtoolsd",
    "hv_utils",
];

pub(super) fn examine(findings: &mut Vec<Finding>) {
    // A container has the clock of its host.
    if Path::new(SYNCHRONIZED).exists() || is_container() {
        return;
    }
    let running = running();
    let why = "codes are good for half a minute: on a clock that drifts everybody is refused one day";
    if running.is_empty() {
        findings.push(
            Finding::warning("no_time_service", "no time service runs on this machine")
                .why(why)
                .fix("\"apt install systemd-timesyncd\", or chrony; \"timedatectl\" shows what it comes to"),
        );
        return;
    }
    let unsynchronised = if running.iter().any(|name| name == "chronyd") {
        chrony_is_lost()
    } else {
        running.iter().all(|name| name == "systemd-timesyn")
    };
    if unsynchronised {
        findings.push(
            Finding::warning(
                "clock_unsynchronised",
                format!("{} runs, and has not set the clock", running.join(", ")),
            )
            .why(why)
            .fix("see whether it reaches its servers: \"timedatectl timesync-status\", \"chronyc sources\""),
        );
    }
}

fn running() -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = processes.filter_map(|process| fs::read_to_string(process.path().join("comm")).ok());
    let mut found: Vec<String> = names
        .map(|name| name.trim_end().to_owned())
        .filter(|name| DAEMONS.contains(&name.as_str()))
        .collect();
    found.sort();
    found.dedup();
    found
}

/// What chrony cannot be asked is not held against it.
fn chrony_is_lost() -> bool {
    let tracking = Command::new("/usr/bin/chronyc").env_clear().args(["-n", "tracking"]).output();
    tracking.is_ok_and(|tracking| String::from_utf8_lossy(&tracking.stdout).contains("Not synchronised"))
}

fn is_container() -> bool {
    ["/run/systemd/container", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists())
}
