//! Talking with a person: on a terminal or not at all.
#![expect(clippy::print_stdout, reason = "this is the talk")]

use crate::failure::Failure;
use crate::output::Format;
use std::io::{BufRead, IsTerminal, Write};
use totp_core::secret::Secret;

/// A terminal with a person at it.
pub(crate) struct Terminal(());

impl Terminal {
    /// The terminal that standard input and output are; `instead` says what to do where there is none.
    pub(crate) fn open(format: Format, instead: &str) -> Result<Self, Failure> {
        if format == Format::Json {
            return Err(Failure::refused(format!("--json asks nothing; {instead}")));
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

    /// Says a line.
    pub(crate) fn say(&self, line: &str) {
        println!("{line}");
    }

    /// Says a line that holds a secret: it goes to the terminal and nowhere else.
    pub(crate) fn say_secret(&self, before: &str, secret: &Secret) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        let parts = [before.as_bytes(), secret.expose(), b"\n"];
        parts
            .iter()
            .try_for_each(|part| out.write_all(part))
            .and_then(|()| out.flush())
            .map_err(|error| gone(&error))
    }

    /// Asks for a line. What is typed is wiped after use.
    pub(crate) fn ask(&self, question: &str) -> Result<Secret, Failure> {
        let mut out = std::io::stdout().lock();
        out.write_all(question.as_bytes()).and_then(|()| out.flush()).map_err(|error| gone(&error))?;
        // As long as any answer can be, so that it never grows and leaves a copy behind.
        let mut line = Vec::with_capacity(1024);
        let read = std::io::stdin().lock().read_until(b'\n', &mut line).map_err(|error| gone(&error))?;
        let mut answer = line;
        while answer.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            answer.pop();
        }
        let answer = Secret::new(answer);
        if read == 0 { Err(Failure::refused("nobody answered; nothing was changed")) } else { Ok(answer) }
    }
}

fn gone(error: &std::io::Error) -> Failure {
    Failure::refused(format!("the terminal is gone ({error}); nothing was changed"))
}
