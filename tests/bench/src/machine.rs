//! The machine that the figures are of.

use crate::contestant::Contestant;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

/// A list for the report; `places` are directories by name.
pub(crate) fn described(places: &[(String, PathBuf)]) -> String {
    let processor = value("/proc/cpuinfo", "model name\t: ").unwrap_or_else(|| "unknown".to_owned());
    let processors = thread::available_parallelism().unwrap();
    let entropy = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let system = value("/etc/os-release", "PRETTY_NAME=").unwrap_or_else(|| "unknown".to_owned());
    let load = fs::read_to_string("/proc/loadavg").unwrap();
    let load = load.split(' ').next().unwrap_or_default();
    let mut text = format!(
        "- {processors} × {processor}, Linux {}, {}, load {load} at the end\n",
        entropy.trim(),
        system.trim_matches('"')
    );
    for (name, directory) in places {
        writeln!(text, "- {name}: {}", mount(directory)).unwrap();
    }
    for package in Contestant::ALL.iter().filter_map(|contestant| contestant.package()) {
        writeln!(text, "- {package} {}", version(package)).unwrap();
    }
    text
}

/// How the file system is mounted: what a disk is told, and when, is part of what a login on it costs.
fn mount(directory: &Path) -> String {
    let said = Command::new("findmnt")
        .args(["--first-only", "--noheadings", "--output", "FSTYPE,OPTIONS", "--target"])
        .arg(directory)
        .output();
    let said = String::from_utf8(said.unwrap().stdout).unwrap();
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn value(file: &str, key: &str) -> Option<String> {
    fs::read_to_string(file).unwrap().lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned)
}

fn version(package: &str) -> String {
    let said =
        Command::new("dpkg-query").args(["--show", "--showformat=${Version}", package]).output().unwrap();
    String::from_utf8(said.stdout).unwrap()
}
