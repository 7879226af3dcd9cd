//! The auth lines of a service file, one by one, as they are and as they are to be.

use crate::doctor::stack::load::{ServiceFiles, load};
use crate::doctor::stack::{Installed, Nature, Stack, is_ours, line};
use std::path::PathBuf;

/// One auth line of a service file, or a line that includes such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) role: Role,
}

/// What a line does for the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// It is ours, or includes ours.
    Ours,
    /// Another module for codes, with its control and its arguments.
    Codes { module: &'static str, control: String, arguments: Vec<String> },
    /// It includes another module for codes.
    CodesWithin,
    /// It asks for a password, or the like.
    Proof,
    /// Whatever else.
    Other,
}

/// A service file that is not written yet, among those that are.
pub(super) struct Draft<'a> {
    pub(super) service: &'a str,
    pub(super) text: &'a str,
}

impl ServiceFiles for Draft<'_> {
    fn open(&self, name: &str) -> Option<(PathBuf, String)> {
        if name == self.service {
            return Some((PathBuf::from("/etc/pam.d").join(name), self.text.to_owned()));
        }
        Installed.open(name)
    }
}

/// The auth lines of `text`.
pub(super) fn parts(service: &str, text: &str) -> Vec<Part> {
    let (lines, _) = line::lines(text);
    let part = |line: line::Line| {
        let text = line.text.trim_end().to_owned();
        let stack = load(&Draft { service, text: &text }, service).unwrap_or_default();
        if stack.is_other || stack.handlers.is_empty() {
            return None;
        }
        Some(Part { number: line.number, role: role(&text, &stack), text })
    };
    lines.into_iter().filter_map(part).collect()
}

fn role(text: &str, stack: &Stack) -> Role {
    let is = |nature: Nature| stack.handlers.iter().any(|handler| Nature::of(handler) == nature);
    if stack.handlers.iter().any(is_ours) {
        return Role::Ours;
    }
    if is(Nature::OtherCodes) {
        return codes(text).unwrap_or(Role::CodesWithin);
    }
    if is(Nature::Proof) { Role::Proof } else { Role::Other }
}

fn codes(text: &str) -> Option<Role> {
    let mut words = line::words(text).into_iter().skip(1);
    let (control, module) = (words.next()?, words.next()?);
    let known = ["pam_google_authenticator.so", "pam_oath.so"];
    let module = known.into_iter().find(|known| module.rsplit('/').next() == Some(*known))?;
    Some(Role::Codes { module, control, arguments: words.collect() })
}
