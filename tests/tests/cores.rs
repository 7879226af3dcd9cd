//! What is left of the command when it is ended by a signal: no core, and no memory that another process of root's can read.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use acceptance::enroll_command::ASKS_FOR_A_CODE;
use acceptance::fixture::Fixture;
use acceptance::terminal::Terminal;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn ctrl_backslash_at_the_enrolments_prompt_leaves_no_core() {
    let fixture = Fixture::builder().build();
    let directory = fixture.path("working-directory");
    fs::create_dir(&directory).unwrap();
    let mut terminal = enrolling(&fixture, &directory);
    terminal.expect(ASKS_FOR_A_CODE);
    terminal.presses_ctrl('\\');
    let _ = terminal.end();
    let left: Vec<PathBuf> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.iter().all(|file| file.ends_with("pid")), "{left:?}");
}

#[test]
fn the_command_allows_itself_no_core_whatever_its_caller_allows() {
    let fixture = Fixture::builder().build();
    let directory = fixture.path("working-directory");
    fs::create_dir(&directory).unwrap();
    let mut terminal = enrolling(&fixture, &directory);
    terminal.expect(ASKS_FOR_A_CODE);
    let limits = fs::read_to_string(format!("/proc/{}/limits", pid(&directory))).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
}

/// ptrace(2), `PTRACE_MODE_READ`: of a process that is not dumpable only one with CAP_SYS_PTRACE reads anything.
#[test]
fn the_memory_of_the_command_is_closed_to_its_own_user() {
    let fixture = Fixture::builder().build();
    let directory = fixture.path("working-directory");
    fs::create_dir(&directory).unwrap();
    let mut terminal = enrolling(&fixture, &directory);
    terminal.expect(ASKS_FOR_A_CODE);
    let maps = format!("/proc/{}/maps", pid(&directory));
    let read = without_ptrace("/bin/cat").arg(maps).output().unwrap();
    assert!(!read.status.success() && read.stdout.is_empty(), "{}", String::from_utf8_lossy(&read.stdout));
}

/// An enrolment of an account of every Debian in a directory, by a caller who wants cores. Its process id is in the directory.
fn enrolling(fixture: &Fixture, directory: &Path) -> Terminal {
    let command = fixture.command(&["enroll", "daemon"]);
    let mut shell = without_ptrace("/bin/sh");
    let script = "cd \"$1\"; echo $$ >pid; ulimit -c unlimited; shift; exec \"$@\"";
    shell.args(["-c", script, "sh"]).arg(directory).arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Terminal::open(&shell)
}

fn pid(directory: &Path) -> String {
    fs::read_to_string(directory.join("pid")).unwrap().trim().to_owned()
}

fn without_ptrace(program: &str) -> Command {
    let mut command = Command::new("/usr/bin/setpriv");
    // In recent kernels the other two let a process read another's map of memory as well (mm_access, kernel/fork.c).
    let capabilities = "-sys_ptrace,-perfmon,-sys_admin";
    let without = ["--bounding-set", "--inh-caps"].map(|set| format!("{set}={capabilities}"));
    command.args(without).arg(program);
    command
}
