//! A program on a pseudo-terminal: what it shows, what is typed.

use crate::wait::{self, PATIENCE};
use nix::sys::termios::{LocalFlags, tcgetattr};
use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};
use std::process::Command;

/// A program on a pseudo-terminal of 100 columns and 60 rows.
pub struct Terminal {
    session: PtySession,
    ended: Option<WaitStatus>,
    bytes: Vec<u8>,
    /// How much of `bytes` was matched by an earlier `expect`.
    read: usize,
}

impl Terminal {
    /// Starts a program on a new terminal that does not echo.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn open(command: &Command) -> Self {
        let timeout = u64::try_from(PATIENCE.as_millis()).unwrap();
        let session = spawn_command(with_a_size(command), Some(timeout)).expect("no pseudo-terminal");
        Self { session, ended: None, bytes: Vec::new(), read: 0 }
    }

    /// The same, with what is typed shown by the terminal unless the program says otherwise.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn open_with_echo(command: &Command) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", "stty echo; exec \"$@\"", "sh"])
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        Self::open(&shell)
    }

    /// Waits until `text` appears, and gives the text before it.
    ///
    /// # Panics
    /// With the whole screen, when it does not appear.
    pub fn expect(&mut self, text: &str) -> String {
        let before = self.expect_any(&[text]).1;
        before[..before.len() - text.len()].to_owned()
    }

    /// Waits until one of `texts` appears; gives which, and what was shown up to and with it.
    ///
    /// # Panics
    /// With the whole screen, when none appears.
    pub fn expect_any(&mut self, texts: &[&str]) -> (usize, String) {
        self.expect_any_or_the_end(texts).unwrap_or_else(|| {
            panic!("{texts:?} never appeared; the program ended. On the screen:\n{}", self.screen())
        })
    }

    /// The same of a program that may end before that; then there is nothing to give.
    ///
    /// # Panics
    /// With the whole screen, when none appears and it does not end.
    pub fn expect_any_or_the_end(&mut self, texts: &[&str]) -> Option<(usize, String)> {
        let seen = wait::until_some(|| {
            let over = self.is_over();
            self.look();
            let unread = &self.bytes[self.read..];
            let found =
                texts.iter().enumerate().filter_map(|(i, text)| Some((find(unread, text)? + text.len(), i)));
            let found = found.min().map(|(end, which)| {
                let shown = String::from_utf8_lossy(&unread[..end]).into_owned();
                self.read += end;
                (which, shown)
            });
            (over || found.is_some()).then_some(found)
        });
        seen.unwrap_or_else(|| panic!("{texts:?} never appeared. On the screen:\n{}", self.screen()))
    }

    /// Waits until the program has switched off all echo. One that does so after its prompt (`pkttyagent`) throws away what was
    /// typed before.
    ///
    /// # Panics
    /// When it does not.
    pub fn expect_no_echo(&self) {
        let echoes = LocalFlags::ECHO | LocalFlags::ECHOE | LocalFlags::ECHOK | LocalFlags::ECHONL;
        let terminal = self.session.process().get_file_handle().expect("the terminal is gone");
        wait::until("all echo is off", || !tcgetattr(&terminal).unwrap().local_flags.intersects(echoes));
    }

    /// Types a line.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn types(&mut self, line: &str) {
        self.session.send_line(line).expect("the terminal is gone");
    }

    /// Presses a key together with Ctrl.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn presses_ctrl(&mut self, key: char) {
        self.session.send_control(key).expect("the terminal is gone");
    }

    /// Everything that was shown so far.
    #[must_use]
    pub fn screen(&mut self) -> String {
        self.look();
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Waits until the program ends.
    ///
    /// # Panics
    /// When it does not, or was stopped.
    #[must_use]
    pub fn end(mut self) -> Ended {
        let ended = wait::until_some(|| {
            let over = self.is_over();
            self.look();
            over.then_some(())
        });
        assert!(ended.is_some(), "the program never ended. On the screen:\n{}", self.screen());
        let status = self.ended.unwrap();
        let status = if let WaitStatus::Exited(_, code) = status {
            code
        } else if let WaitStatus::Signaled(_, signal, _) = status {
            128 + signal as i32
        } else {
            panic!("the program did not end: {status:?}")
        };
        let last = String::from_utf8_lossy(&self.bytes[self.read..]).into_owned();
        Ended { status, last, screen: self.screen() }
    }

    /// Once it is, everything that it showed has been read.
    fn is_over(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.session.process().status().filter(|status| *status != WaitStatus::StillAlive);
            if self.ended.is_some() {
                self.look();
                let rest = self.session.exp_eof().unwrap_or_default();
                self.bytes.extend(rest.chars().map(latin1));
            }
        }
        self.ended.is_some()
    }

    fn look(&mut self) {
        while let Some(c) = self.session.try_read() {
            self.bytes.push(latin1(c));
        }
    }
}

/// A program that ran on a terminal and ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit status; 128 and the signal when one killed it, as shells have it.
    pub status: i32,
    /// What was shown after the last thing that was expected.
    pub last: String,
    /// Everything that was shown.
    pub screen: String,
}

/// rexpect hands each byte over as the character of that number.
fn latin1(c: char) -> u8 {
    u8::try_from(u32::from(c)).unwrap()
}

fn find(bytes: &[u8], text: &str) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text.as_bytes())
}

/// The same command, which first gives its terminal a size: a new one has none. A shell without job control starts what it runs in the
/// background with these signals ignored, and a shell cannot undo that: then Ctrl-C would end no program of a test.
fn with_a_size(command: &Command) -> Command {
    let mut sized = Command::new("/usr/bin/env");
    sized
        .args(["--default-signal=INT,QUIT", "/bin/sh", "-c", "stty cols 100 rows 60; exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => sized.env(name, value),
            None => sized.env_remove(name),
        };
    }
    sized
}
