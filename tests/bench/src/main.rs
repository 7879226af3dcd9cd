//! What a login costs, side by side with other modules' in one run, and what the command takes to enrol many.
//!
//! `tests/bench/run` starts it where it belongs: as root, in a mount namespace whose `/dev/log` and `nsswitch.conf` are
//! its own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a measurement that cannot be made ends with what went wrong"
)]

mod accounts;
mod cell;
mod contestant;
mod enroll_command;
mod fixture;
mod instructions;
mod log;
mod machine;
mod person;
mod plot;
mod report;
mod round;
mod surroundings;
mod sync;

use acceptance::{built, clock};
use cell::{Cell, Effort};
use contestant::Contestant;
use fixture::Fixture;
use log::Reader;
use nix::unistd::User;
use report::Report;
use std::env;
use std::fs;
use std::path::Path;
use surroundings::Surroundings;

const USAGE: &str = "usage: pam-bench quick|full RESULTS.md NAME=DIRECTORY…\n       pam-bench one PAM-DIRECTORY SERVICE USER CODE";

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["one", confdir, service, user, code] => instructions::one(Path::new(confdir), service, user, code),
        ["quick", results, places @ ..] => measure(&Effort::QUICK, Path::new(results), places),
        ["full", results, places @ ..] => measure(&Effort::FULL, Path::new(results), places),
        _ => {
            eprintln!("{USAGE}");
            std::process::exit(2);
        }
    }
}

fn measure(effort: &Effort, results: &Path, places: &[&str]) {
    built::need_root();
    clock::wait_for_the_boot_to_be_past();
    // sshd has looked the account up before it asks PAM, so what answers for accounts is in memory at the fork.
    assert!(User::from_name("root").unwrap().is_some());
    let log = log::listen(Path::new("/dev/log"));
    let mut report = Report::default();
    for place in places {
        let (name, directory) = place.split_once('=').unwrap_or_else(|| panic!("{USAGE}"));
        report.place(name, Path::new(directory));
        measure_at(effort, name, Path::new(directory), &log, &mut report);
    }
    log.end();
    report.write(results, effort.command);
}

fn measure_at(effort: &Effort, place: &str, directory: &Path, log: &Reader, report: &mut Report) {
    for &people in effort.totp_enroll {
        eprintln!("{place}: enrolling {people}");
        let directory = directory.join(people.to_string());
        let fixture = Fixture::build(&directory, people);
        report.command_took("import oath", place, people, fixture.import);
        if effort.people.contains(&people) {
            for &processes in effort.processes {
                eprintln!("{place}: {people} enrolled, {processes} at once");
                report.cell(place, Cell::measure(&fixture, processes, Surroundings::Sshd, effort));
            }
            eprintln!("{place}: {people} enrolled, alone");
            let cell = log.aside(|| Cell::measure(&fixture, 1, Surroundings::Alone, effort));
            report.cell(place, cell);
        }
        if report.lacks_instructions() {
            for contestant in Contestant::ALL {
                report.instructions(contestant, instructions::of_a_login(&fixture, contestant));
            }
        }
        eprintln!("{place}: sealing {people} anew");
        report.command_took("keys rotate", place, people, fixture.rotate());
        fs::remove_dir_all(directory).unwrap();
    }
}
