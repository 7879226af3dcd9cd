//! Checks that a time service keeps the clock right: a code is valid for half a minute.

use super::finding::Finding;
use std::fs;
use std::path::Path;
use std::process::Command;

/// systemd-timesyncd creates it when it has set the clock for the first time after boot (systemd-timesyncd.service(8)).
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";
/// Time services by the name of their process, which the kernel cuts at 15 characters.
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
    // A container uses the clock of its host.
    if Path::new(SYNCHRONIZED).exists() || is_container() {
        return;
    }
    let running = running();
    let why =
        "codes are valid for half a minute: if the clock drifts, every login is refused sooner or later";
    if running.is_empty() {
        findings.push(
            Finding::warning("no_time_service", "no time service runs on this machine")
                .why(why)
                .fix("install one (\"apt install systemd-timesyncd\", or chrony); \"timedatectl\" shows whether it works"),
        );
        return;
    }
    let unsynchronised = if running.iter().any(|name| name == "chronyd") {
        chrony_is_unsynchronised()
    } else {
        running.iter().all(|name| name == "systemd-timesyn")
    };
    if unsynchronised {
        findings.push(
            Finding::warning(
                "clock_unsynchronised",
                format!("{} is running, but has not set the clock", running.join(", ")),
            )
            .why(why)
            .fix(
                "check that it reaches its servers: \"timedatectl timesync-status\", or \"chronyc sources\"",
            ),
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

/// False if chronyc cannot be asked.
fn chrony_is_unsynchronised() -> bool {
    let tracking = Command::new("/usr/bin/chronyc").env_clear().args(["-n", "tracking"]).output();
    tracking.is_ok_and(|tracking| String::from_utf8_lossy(&tracking.stdout).contains("Not synchronised"))
}

fn is_container() -> bool {
    ["/run/systemd/container", "/run/.containerenv"].iter().any(|file| Path::new(file).exists())
}
