//! How libpam combines the return codes of a stack, one step at a time (pam.conf(5), `_pam_dispatch_aux`).
//!
//! The acceptance tests compare this with the real libpam.

use crate::control::Action;
use crate::load::Handler;
use crate::return_code::{self, ReturnCode};

/// libpam's `impression` of the stack so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Impression {
    Undecided,
    Positive,
    Negative,
}

/// The result so far: an impression, and whether its return code is success.
type ResultSoFar = (Impression, bool);

const NONE: ResultSoFar = (Impression::Undecided, false);

/// The state of libpam between two lines.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct StackState {
    /// The index of the next line.
    pub(crate) at: usize,
    /// The level of the previous line.
    level: usize,
    result: ResultSoFar,
    /// The result at the start of each open substack; a reset returns to it.
    before: Vec<ResultSoFar>,
}

impl StackState {
    pub(crate) fn start() -> Self {
        Self { at: 0, level: 0, result: NONE, before: vec![NONE] }
    }

    /// Whether `pam_authenticate` returns success if the stack ends here.
    pub(crate) fn is_success(&self) -> bool {
        self.result == (Impression::Positive, true)
    }

    /// The state after the line `handler` at [`StackState::at`], whose module returned `code`. The line that begins a substack has no
    /// return code. `None`: the stack ends at once, without success.
    pub(crate) fn after(
        &self,
        stack: &[Handler],
        handler: &Handler,
        code: Option<ReturnCode>,
    ) -> Option<Self> {
        let level = handler.level;
        let mut next = self.clone();
        next.before.truncate(self.level.saturating_add(1));
        if self.level < level {
            next.before.resize(level, NONE);
            next.before.push(self.result);
        }
        next.level = level;
        next.at = self.at.saturating_add(1);
        let Some(code) = code else { return Some(next) };
        if code == return_code::INCOMPLETE {
            return None;
        }
        let is_success = code == return_code::SUCCESS;
        match handler.control.at(code) {
            Action::Ignore => {}
            Action::Reset => next.result = next.before.get(level).copied().unwrap_or(NONE),
            action @ (Action::Ok | Action::Done) => {
                let (impression, so_far) = self.result;
                if impression == Impression::Undecided || (impression == Impression::Positive && so_far) {
                    next.result = (Impression::Positive, is_success);
                }
                if action == Action::Done && next.result.0 == Impression::Positive {
                    next.at = end_of_substack(stack, self.at, level);
                }
            }
            action @ (Action::Bad | Action::Die) => {
                if self.result.0 != Impression::Negative {
                    // A success code whose action is a failure is a failure: the impression is negative.
                    next.result = (Impression::Negative, false);
                }
                if action == Action::Die {
                    next.at = end_of_substack(stack, self.at, level);
                }
            }
            Action::Jump(count) => match jump(stack, self.at, level, count) {
                Ok(at) => next.at = at,
                Err(at) => {
                    next.at = at;
                    next.result = (Impression::Negative, false);
                }
            },
        }
        Some(next)
    }
}

/// The index of the first line after `at` that is outside its substack.
fn end_of_substack(stack: &[Handler], at: usize, level: usize) -> usize {
    let behind = at.saturating_add(1);
    let inside = stack.iter().skip(behind).take_while(|next| next.level >= level).count();
    behind.saturating_add(inside)
}

/// The index of the line after the next `count` modules. `Err`: the index where the substack ends before that, which libpam counts as
/// a failure.
fn jump(stack: &[Handler], at: usize, level: usize, count: usize) -> Result<usize, usize> {
    let level_of = |at: usize| stack.get(at).map(|handler| handler.level);
    let mut here = at.saturating_add(1);
    let mut left = count;
    while left > 0 && level_of(here).is_some_and(|next| next >= level) {
        here = here.saturating_add(1);
        // A substack is skipped whole.
        while level_of(here).is_some_and(|next| next > level) {
            here = here.saturating_add(1);
        }
        left = left.saturating_sub(1);
    }
    if left == 0 { Ok(here) } else { Err(here) }
}
