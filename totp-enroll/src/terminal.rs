//! Talking with a person: on a terminal or not at all.

use crate::failure::Failure;
use crate::output::Format;
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{IsTerminal, Stdin, Write};
use std::os::fd::AsFd;
use totp_core::secret::Secret;
use zeroize::Zeroizing;

/// The longest line that a terminal hands over at once (termios(3), `MAX_CANON`).
const LONGEST_LINE: usize = 4096;

/// A terminal with a person at it.
pub(crate) struct Terminal(());

impl Terminal {
    /// The terminal that standard input and output are; `instead` says what to do where there is none.
    pub(crate) fn open(format: Format, instead: &str) -> Result<Self, Failure> {
        if format == Format::Json {
            return Err(Failure::refused(format!(
                "this asks a person on a terminal, and --json asks nothing; {instead}"
            )));
        }
        if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
            return Err(Failure::refused(format!("this asks a person, and there is no terminal; {instead}")));
        }
        Ok(Self(()))
    }

    /// Columns.
    pub(crate) fn width(&self) -> usize {
        let (_, columns) = console::Term::stdout().size();
        usize::from(columns)
    }

    /// Says a line. Where the terminal is gone, whatever is asked or shown next says so.
    pub(crate) fn say(&self, line: &str) {
        let _ = writeln!(std::io::stdout(), "{line}");
    }

    /// Says a line that holds a secret: it goes to the terminal and nowhere else, also not into the buffer of standard
    /// output.
    pub(crate) fn say_secret(&self, before: &str, secret: &Secret) -> Result<(), Failure> {
        let mut buffered = std::io::stdout().lock();
        buffered.flush().map_err(|error| gone(&error))?;
        let mut terminal = File::from(buffered.as_fd().try_clone_to_owned().map_err(|error| gone(&error))?);
        let parts = [before.as_bytes(), secret.expose(), b"\n"];
        parts.iter().try_for_each(|part| terminal.write_all(part)).map_err(|error| gone(&error))
    }

    /// Asks for a line that is not shown while it is typed. Ctrl-C gives up, as always, and leaves the terminal as it was.
    pub(crate) fn ask_hidden(&self, question: &str) -> Result<Secret, Failure> {
        let hidden = Hidden::of(std::io::stdin())?;
        let typed = self.ask_exactly(question);
        drop(hidden);
        self.say("");
        typed.and_then(|typed| match typed.expose() {
            [.., CTRL_C] => Err(Failure::refused("given up; nothing was changed")),
            _ => Ok(typed),
        })
    }

    /// Asks for a line. What is typed is wiped after use: it is read past the buffer of standard input, which would
    /// keep a copy.
    pub(crate) fn ask(&self, question: &str) -> Result<Secret, Failure> {
        let line = self.ask_exactly(question)?;
        Ok(Secret::new(line.expose().trim_ascii().to_vec()))
    }

    /// The line as it was typed, blanks and all, without its end.
    fn ask_exactly(&self, question: &str) -> Result<Secret, Failure> {
        let mut out = std::io::stdout().lock();
        out.write_all(question.as_bytes()).and_then(|()| out.flush()).map_err(|error| gone(&error))?;
        let mut line = Zeroizing::new([0; LONGEST_LINE]);
        let mut filled = 0;
        loop {
            let Some(free) = line.get_mut(filled..).filter(|free| !free.is_empty()) else {
                return Err(Failure::refused("that line is longer than any answer; nothing was changed"));
            };
            filled = match nix::unistd::read(std::io::stdin(), free) {
                Ok(0) => return Err(Failure::refused("nobody answered; nothing was changed")),
                Ok(count) => filled.saturating_add(count),
                Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => return Err(gone(&error.into())),
            };
            let typed = line.get(..filled).unwrap_or_default();
            if let Some(line) = typed.strip_suffix(b"\n") {
                return Ok(Secret::new(line.to_vec()));
            }
            // Ends a line only where it is hidden.
            if typed.ends_with(&[CTRL_C]) {
                return Ok(Secret::new(typed.to_vec()));
            }
        }
    }
}

/// What Ctrl-C is as a character; nobody means it.
const CTRL_C: u8 = 3;

/// A terminal that shows nothing of what is typed, until this is dropped. It sends no signals meanwhile: the process would end
/// and leave it like that. Ctrl-C ends the line instead (termios(3), `VEOL`).
struct Hidden {
    terminal: Stdin,
    before: Termios,
}

impl Hidden {
    fn of(terminal: Stdin) -> Result<Self, Failure> {
        let before = tcgetattr(&terminal).map_err(|error| gone(&error.into()))?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO | LocalFlags::ISIG);
        if let Some(end) = silent.control_chars.get_mut(SpecialCharacterIndices::VEOL as usize) {
            *end = CTRL_C;
        }
        tcsetattr(&terminal, SetArg::TCSADRAIN, &silent).map_err(|error| gone(&error.into()))?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Where it is gone there is nothing to put back.
        let _ = tcsetattr(&self.terminal, SetArg::TCSADRAIN, &self.before);
    }
}

fn gone(error: &std::io::Error) -> Failure {
    Failure::refused(format!("the terminal is gone ({error})"))
}
