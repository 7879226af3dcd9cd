//! Operators: accounts that call the command through sudo, each from its own login.

use crate::enroll_command::{self, CommandOutput};
use crate::fixture::Fixture;
use crate::terminal::Terminal;
use crate::{built, clock};
use std::fs;
use std::process::Command;

impl Fixture {
    /// Runs the command as an account does through sudo, at a moment, from its own login.
    #[must_use]
    pub fn command_of_operator(&self, account: &str, arguments: &[&str], second: u64) -> CommandOutput {
        enroll_command::run(self.operator(account, arguments, second), "")
    }

    /// The same command, not started yet.
    #[must_use]
    pub fn operator(&self, account: &str, arguments: &[&str], second: u64) -> Command {
        let mut command = self.command_of(account, arguments);
        clock::stop(&mut command, second);
        with_login_uid(&command, None)
    }

    /// Starts it at a terminal.
    #[must_use]
    pub fn operator_at_terminal(&self, account: &str, arguments: &[&str], second: u64) -> Terminal {
        Terminal::open(&self.operator(account, arguments, second))
    }

    /// Runs the command through the real sudo, at a terminal, from a login of the account with this user id.
    ///
    /// # Panics
    /// When the fixture has no accounts.
    #[must_use]
    pub fn through_sudo(&self, uid: u32, arguments: &[&str]) -> Terminal {
        let command = self.command(arguments);
        let words: Vec<_> = command.get_args().collect();
        // Before it what enters the fixture's machine.
        let ours = words.iter().position(|word| *word == built::command().as_os_str());
        let (machine, ours) =
            words.split_at(ours.expect("a fixture without accounts has no sudo of its own"));
        let id = uid.to_string();
        let mut sudo = Command::new(command.get_program());
        sudo.args(machine);
        sudo.args(["/usr/bin/setpriv", "--reuid", &id, "--regid", &id, "--clear-groups", "/usr/bin/sudo"]);
        sudo.args(ours);
        Terminal::open(&with_login_uid(&sudo, Some(uid)))
    }

    /// Runs the command in a root shell that no account logged in to, at a moment.
    #[must_use]
    pub fn command_of_root(&self, arguments: &[&str], second: u64) -> CommandOutput {
        let mut command = self.command(arguments);
        clock::stop(&mut command, second);
        enroll_command::run(with_login_uid(&command, None), "")
    }
}

/// Programs that this thread starts from here on have no login user id, whatever the tests were started from. For programs under
/// strace, whose calls are counted from the first.
///
/// # Panics
/// Without CAP_AUDIT_CONTROL.
pub fn clear_login_uid() {
    let (file, nobody) = ("/proc/thread-self/loginuid", u32::MAX.to_string());
    if fs::read_to_string(file).unwrap() != nobody {
        fs::write(file, nobody).unwrap();
    }
}

/// The same command with this login user id, as `pam_loginuid` sets it; or with none, whatever the tests were started from.
#[must_use]
pub fn with_login_uid(command: &Command, uid: Option<u32>) -> Command {
    let mut with_login = Command::new("/bin/sh");
    let login = uid.unwrap_or(u32::MAX).to_string();
    // Writing needs CAP_AUDIT_CONTROL; where the value is right already, nothing is written.
    let set = "[ \"$(cat /proc/self/loginuid)\" = \"$1\" ] || echo \"$1\" > /proc/self/loginuid; shift; exec \"$@\"";
    with_login.args(["-c", set, "sh", &login]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => with_login.env(name, value),
            None => with_login.env_remove(name),
        };
    }
    with_login
}
