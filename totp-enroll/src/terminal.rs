//! The dialogue with the operator: prompts on the terminal, and the signals that must wait meanwhile.

use crate::command_error::CommandError;
use crate::output::Format;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{IsTerminal, Stdin, Write};
use std::os::fd::AsFd;
use totp_core::misleading::escaped;
use totp_core::random::Secret;
use zeroize::Zeroizing;

/// The longest line that a terminal delivers at once (termios(3), `MAX_CANON`).
const LONGEST_LINE: usize = 4096;

/// An interactive terminal: standard input and standard output.
pub(crate) struct Terminal(());

impl Terminal {
    /// Opens the terminal; `instead` is the hint for the error: how to do the same without one.
    ///
    /// # Errors
    /// With `--json`, and where standard input or output is not a terminal.
    pub(crate) fn open(format: Format, instead: &str) -> Result<Self, CommandError> {
        if format == Format::Json {
            return Err(CommandError::refused(format!(
                "this command prompts, and --json never prompts; {instead}"
            )));
        }
        if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
            return Err(CommandError::refused(format!(
                "this command prompts, and there is no terminal; {instead}"
            )));
        }
        Ok(Self(()))
    }

    /// The terminal on which a result is shown once; `None` with `--json`, where the document has it. Opened before anything changes:
    /// without a terminal the result could not be shown.
    pub(crate) fn for_result(format: Format, instead: &str) -> Result<Option<Self>, CommandError> {
        match format {
            Format::Json => Ok(None),
            Format::Text => Self::open(format, instead).map(Some),
        }
    }

    /// The width in columns.
    pub(crate) fn width(&self) -> usize {
        let (_, columns) = console::Term::stdout().size();
        usize::from(columns)
    }

    /// Prints a line. An error is ignored: the next prompt or secret reports it.
    pub(crate) fn say(&self, line: &str) {
        let _ = writeln!(std::io::stdout(), "{}", escaped(line));
    }

    /// Prints a line that contains a secret, past the buffer of standard output, which would keep a copy.
    pub(crate) fn say_secret(&self, before: &str, secret: &Secret) -> Result<(), CommandError> {
        let mut buffered = std::io::stdout().lock();
        buffered.flush().map_err(|error| terminal_error(&error))?;
        let mut terminal =
            File::from(buffered.as_fd().try_clone_to_owned().map_err(|error| terminal_error(&error))?);
        let parts = [before.as_bytes(), secret.expose(), b"\n"];
        parts.iter().try_for_each(|part| terminal.write_all(part)).map_err(|error| terminal_error(&error))
    }

    /// Prompts for a line without echo. Ctrl-C cancels and restores the terminal.
    pub(crate) fn ask_hidden(&self, question: &str) -> Result<Secret, CommandError> {
        let hidden = EchoOff::begin(std::io::stdin())?;
        let typed = self.ask_exactly(question);
        drop(hidden);
        self.say("");
        typed.and_then(|typed| match typed.expose() {
            [.., CTRL_C] => Err(CommandError::refused("cancelled; nothing was changed")),
            _ => Ok(typed),
        })
    }

    /// Prompts for a line, without surrounding blanks. The answer is wiped after use, so it is read past the buffer of
    /// standard input, which would keep a copy.
    pub(crate) fn ask(&self, question: &str) -> Result<Secret, CommandError> {
        let line = self.ask_exactly(question)?;
        Ok(Secret::new(line.expose().trim_ascii().to_vec()))
    }

    /// The line as typed, without its newline.
    fn ask_exactly(&self, question: &str) -> Result<Secret, CommandError> {
        let mut out = std::io::stdout().lock();
        out.write_all(escaped(question).as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| terminal_error(&error))?;
        let mut line = Zeroizing::new([0; LONGEST_LINE]);
        let mut filled = 0;
        loop {
            let Some(free) = line.get_mut(filled..).filter(|free| !free.is_empty()) else {
                return Err(CommandError::refused("the line is too long; nothing was changed"));
            };
            filled = match nix::unistd::read(std::io::stdin(), free) {
                Ok(0) => return Err(CommandError::refused("no answer (end of input); nothing was changed")),
                Ok(count) => filled.saturating_add(count),
                Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => return Err(terminal_error(&error.into())),
            };
            let typed = line.get(..filled).unwrap_or_default();
            if let Some(line) = typed.strip_suffix(b"\n") {
                return Ok(Secret::new(line.to_vec()));
            }
            // Ctrl-C ends a line only while the echo is off.
            if typed.ends_with(&[CTRL_C]) {
                return Ok(Secret::new(typed.to_vec()));
            }
        }
    }
}

/// Ctrl-C as a character.
const CTRL_C: u8 = 3;

/// Switches the echo off until it is dropped. Meanwhile the terminal sends no signals, because a signal would end the process
/// and leave the echo off. Ctrl-C ends the line instead (termios(3), `VEOL`).
struct EchoOff {
    terminal: Stdin,
    before: Termios,
}

impl EchoOff {
    fn begin(terminal: Stdin) -> Result<Self, CommandError> {
        let before = tcgetattr(&terminal).map_err(|error| terminal_error(&error.into()))?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO | LocalFlags::ISIG);
        if let Some(end) = silent.control_chars.get_mut(SpecialCharacterIndices::VEOL as usize) {
            *end = CTRL_C;
        }
        tcsetattr(&terminal, SetArg::TCSADRAIN, &silent).map_err(|error| terminal_error(&error.into()))?;
        Ok(Self { terminal, before })
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        // Fails only where the terminal has gone away.
        let _ = tcsetattr(&self.terminal, SetArg::TCSADRAIN, &self.before);
    }
}

fn terminal_error(error: &std::io::Error) -> CommandError {
    CommandError::refused(format!("cannot use the terminal: {error}"))
}

/// Blocks the terminal's signals until it is dropped: from the change of an enrolment until its result was shown.
///
/// A signal in between would leave the store consistent, but recovery codes that were never shown are lost.
pub(crate) struct SignalsBlocked {
    before: Option<SigSet>,
}

impl SignalsBlocked {
    pub(crate) fn begin() -> Self {
        let signals = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGTSTP];
        let blocked: SigSet = signals.into_iter().collect();
        // If this fails, the work is done without the block: the store stays consistent either way.
        Self { before: blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK).ok() }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // Cannot fail: this was the thread's own mask.
            let _ = before.thread_set_mask();
        }
    }
}

/// Blocks Ctrl-Z for the whole process: a suspended command that holds a ledger's lock would refuse that user's logins.
pub(crate) fn block_suspend() {
    let _ = [Signal::SIGTSTP].into_iter().collect::<SigSet>().thread_block();
}
