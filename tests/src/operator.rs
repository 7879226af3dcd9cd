//! Operators: accounts that call the command through sudo, from logins of their own.

use crate::enroll_command::{self, CommandOutput};
use crate::fixture::Fixture;
use crate::terminal::Terminal;
use crate::{built, clock};
use std::fs;
use std::process::Command;

impl Fixture {
    /// Runs the command as an account gives it through sudo, at a moment, from a login of its own.
    #[must_use]
    pub fn command_of_operator(&self, account: &str, arguments: &[&str], second: u64) -> CommandOutput {
        enroll_command::run(self.operator(account, arguments, second), "")
    }

    /// The same command, to be started otherwise.
    #[must_use]
    pub fn operator(&self, account: &str, arguments: &[&str], second: u64) -> Command {
        let mut command = self.command_of(account, arguments);
        clock::stop(&mut command, second);
        logged_in_as(&command, None)
    }

    /// Starts it at a terminal.
    #[must_use]
    pub fn operator_at_terminal(&self, account: &str, arguments: &[&str], second: u64) -> Terminal {
        Terminal::open(&self.operator(account, arguments, second))
    }

    /// Gives the command through the real sudo, at a terminal, from a login of the account with this user id.
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
        Terminal::open(&logged_in_as(&sudo, Some(uid)))
    }

    /// Runs the command as a root shell gives it at a moment, with nobody behind it.
    #[must_use]
    pub fn command_of_root(&self, arguments: &[&str], second: u64) -> CommandOutput {
        let mut command = self.command(arguments);
        clock::stop(&mut command, second);
        enroll_command::run(logged_in_as(&command, None), "")
    }
}

/// What this thread starts from here on descends from no login, anyone who runs the tests. For programs under strace, whose calls are
/// counted from their first.
///
/// # Panics
/// Without CAP_AUDIT_CONTROL.
pub fn forget_who_logged_in() {
    let (file, nobody) = ("/proc/thread-self/loginuid", u32::MAX.to_string());
    if fs::read_to_string(file).unwrap() != nobody {
        fs::write(file, nobody).unwrap();
    }
}

/// The same command, from the login of an account, by its user id, as `pam_loginuid` leaves it; or from none, anyone who runs the
/// tests.
#[must_use]
pub fn logged_in_as(command: &Command, uid: Option<u32>) -> Command {
    let mut with_login = Command::new("/bin/sh");
    let login = uid.unwrap_or(u32::MAX).to_string();
    // Only root with CAP_AUDIT_CONTROL may; where it is as it should be, nothing need be written.
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
