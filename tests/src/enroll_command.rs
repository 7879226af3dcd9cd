//! `totp-enroll`, run by a script or at a terminal, and an enrolment from its first prompt to its recovery codes.

use crate::authenticator::Authenticator;
use crate::clock;
use crate::fixture::Fixture;
use crate::terminal::Terminal;
use std::io::Write;
use std::process::{Command, Stdio};

/// The prompt for the first code of an enrolment.
pub const ASKS_FOR_A_CODE: &str = "code from the authenticator: ";
/// The prompt before a user's own enrolment is changed.
pub const ASKS_FOR_A_PRESENT_CODE: &str = "current code: ";

/// Runs the command without a terminal, with `input` on its standard input.
///
/// # Panics
/// When it cannot be started, or was killed.
#[must_use]
pub fn run(mut command: Command, input: &str) -> CommandOutput {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("no command");
    // It may end without having read what is offered.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let out = child.wait_with_output().unwrap();
    CommandOutput {
        status: out.status.code().expect("the command was killed by a signal"),
        stdout: String::from_utf8(out.stdout).unwrap(),
        stderr: String::from_utf8(out.stderr).unwrap(),
    }
}

/// A command that has ended.
#[derive(Debug)]
pub struct CommandOutput {
    /// The exit status.
    pub status: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl CommandOutput {
    /// Asserts that it did what was asked.
    ///
    /// # Panics
    /// With its output, when it did not.
    pub fn assert_done(&self) {
        assert_eq!(self.status, 0, "totp-enroll: {}{}", self.stdout, self.stderr);
    }

    /// The one document on its standard output.
    ///
    /// # Panics
    /// When there is none, or something beside it.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("not one JSON document: {e}: {:?} {:?}", self.stdout, self.stderr))
    }
}

/// An enrolment that was made at a terminal.
#[derive(Debug)]
pub struct Enrolment {
    /// The authenticator on the phone.
    pub authenticator: Authenticator,
    /// The code that confirmed it.
    pub confirmed_with: String,
    /// The recovery codes.
    pub recovery_codes: Vec<String>,
    /// Everything that was on the terminal.
    pub screen: String,
}

impl Fixture {
    /// Starts the command at a terminal.
    #[must_use]
    pub fn at_terminal(&self, arguments: &[&str]) -> Terminal {
        Terminal::open(&self.command(arguments))
    }

    /// Enrols a user at a terminal, to the end. The present code is used up by it.
    ///
    /// # Panics
    /// When it does not succeed.
    pub fn enrol(&mut self, user: &str, options: &[&str]) -> Enrolment {
        let mut arguments = vec!["enroll", user];
        arguments.extend(options);
        let enrolment = confirm(self.at_terminal(&arguments), options);
        self.note(user, enrolment.authenticator.clone());
        enrolment
    }

    /// Adds an authenticator to an enrolled user, as root.
    ///
    /// # Panics
    /// When it does not succeed.
    pub fn add_authenticator(&mut self, user: &str, label: &str) -> Enrolment {
        let mut terminal = self.at_terminal(&["enroll", user, "--add", "--label", label]);
        terminal.expect(&asks_for_the_name(user));
        terminal.types(user);
        confirm(terminal, &[])
    }
}

/// The prompt before root changes the enrolment of another user.
#[must_use]
pub fn asks_for_the_name(user: &str) -> String {
    format!("type the account name ({user}) to continue: ")
}

/// Confirms an enrolment that has been started, with a right code.
///
/// # Panics
/// When it does not succeed.
#[must_use]
pub fn confirm(mut terminal: Terminal, options: &[&str]) -> Enrolment {
    let authenticator = shown_authenticator(&mut terminal, options);
    let confirmed_with = authenticator.code();
    terminal.types(&confirmed_with);
    let ended = terminal.end();
    assert_eq!(ended.status, 0, "not enrolled:\n{}", ended.screen);
    let recovery_codes = recovery_codes(&ended.last);
    Enrolment { authenticator, confirmed_with, recovery_codes, screen: ended.screen }
}

/// Waits for the code prompt, and sets up an authenticator from the manual key above it.
///
/// # Panics
/// When no manual key is shown.
pub fn shown_authenticator(terminal: &mut Terminal, options: &[&str]) -> Authenticator {
    let shown = terminal.expect(ASKS_FOR_A_CODE);
    let mut authenticator = Authenticator::shown(&shown);
    for pair in options.windows(2) {
        match pair {
            ["--algorithm", name] => (*name).clone_into(&mut authenticator.algorithm),
            ["--digits", digits] => authenticator.digits = digits.parse().unwrap(),
            ["--period", period] => authenticator.period = period.parse().unwrap(),
            _ => {}
        }
    }
    // The code must still be the present one when it is judged, and the next steps are the tests' to use.
    let _ = clock::well_inside_a_step(authenticator.period, 2);
    authenticator
}

/// The recovery codes in the document of `--json recovery-codes`.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn recovery_codes_in(document: &str) -> Vec<String> {
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    let codes = document["recovery_codes"].as_array().expect("no recovery codes");
    codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect()
}

/// The token in the document of `--json reset complete`.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn token_in(document: &str) -> String {
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    document["token"].as_str().expect("no token").to_owned()
}

/// Sets up an authenticator, with the parameters that every app has, from a screen that ends with the code prompt.
///
/// # Panics
/// When no manual key is shown.
#[must_use]
pub fn authenticator_in(shown: &str) -> Authenticator {
    let authenticator = Authenticator::shown(shown);
    let _ = clock::well_inside_a_step(authenticator.period, 2);
    authenticator
}

/// The recovery codes on a screen: lines of four groups of four.
#[must_use]
pub fn recovery_codes(screen: &str) -> Vec<String> {
    let is_code = |line: &&str| {
        let groups: Vec<&str> = line.split('-').collect();
        groups.len() == 4
            && groups.iter().all(|g| g.len() == 4 && g.chars().all(|c| c.is_ascii_alphanumeric()))
    };
    screen.lines().map(str::trim).filter(is_code).map(str::to_owned).collect()
}
