//! What libpam makes of the modules' answers, one at a time (pam.conf(5); proved against the real libpam by the acceptance tests).

use crate::code::{self, Code};
use crate::control::Action;
use crate::load::Handler;

/// What libpam thinks so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Impression {
    Undecided,
    Positive,
    Negative,
}

/// The opinion: an impression, and whether the answer that goes with it is success.
type Opinion = (Impression, bool);

const NONE: Opinion = (Impression::Undecided, false);

/// How far libpam has come.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The next line.
    pub(crate) at: usize,
    /// The level of the line before.
    level: usize,
    opinion: Opinion,
    /// The opinion at the beginning of each substack that it is in; what a reset goes back to.
    before: Vec<Opinion>,
}

impl State {
    pub(crate) fn start() -> Self {
        Self { at: 0, level: 0, opinion: NONE, before: vec![NONE] }
    }

    /// Whether pam_authenticate answers success, if this is the end.
    pub(crate) fn is_success(&self) -> bool {
        self.opinion == (Impression::Positive, true)
    }

    /// Goes on from the line `handler`, which is at [`State::at`], whose module answered `code`. A substack's own line has no
    /// answer. `None`: the stack is left at once, without success.
    pub(crate) fn after(&self, stack: &[Handler], handler: &Handler, code: Option<Code>) -> Option<Self> {
        let level = handler.level;
        let mut next = self.clone();
        next.before.truncate(self.level.saturating_add(1));
        if self.level < level {
            next.before.resize(level, NONE);
            next.before.push(self.opinion);
        }
        next.level = level;
        next.at = self.at.saturating_add(1);
        let Some(code) = code else { return Some(next) };
        if code == code::INCOMPLETE {
            return None;
        }
        let is_success = code == code::SUCCESS;
        match handler.control.at(code) {
            Action::Ignore => {}
            Action::Reset => next.opinion = next.before.get(level).copied().unwrap_or(NONE),
            action @ (Action::Ok | Action::Done) => {
                let (impression, so_far) = self.opinion;
                if impression == Impression::Undecided || (impression == Impression::Positive && so_far) {
                    next.opinion = (Impression::Positive, is_success);
                }
                if action == Action::Done && next.opinion.0 == Impression::Positive {
                    next.at = end_of_substack(stack, self.at, level);
                }
            }
            action @ (Action::Bad | Action::Die) => {
                if self.opinion.0 != Impression::Negative {
                    // A failure that answers "success" stays one: the impression is negative.
                    next.opinion = (Impression::Negative, false);
                }
                if action == Action::Die {
                    next.at = end_of_substack(stack, self.at, level);
                }
            }
            Action::Jump(count) => match jump(stack, self.at, level, count) {
                Ok(at) => next.at = at,
                Err(at) => {
                    next.at = at;
                    next.opinion = (Impression::Negative, false);
                }
            },
        }
        Some(next)
    }
}

/// The first line behind `at` that is not in the same substack, nor in one within it.
fn end_of_substack(stack: &[Handler], at: usize, level: usize) -> usize {
    let behind = at.saturating_add(1);
    let inside = stack.iter().skip(behind).take_while(|next| next.level >= level).count();
    behind.saturating_add(inside)
}

/// The line behind `count` modules; `Err`: where the substack ends before that, which is a mistake.
fn jump(stack: &[Handler], at: usize, level: usize, count: usize) -> Result<usize, usize> {
    let level_of = |at: usize| stack.get(at).map(|handler| handler.level);
    let mut here = at.saturating_add(1);
    let mut left = count;
    while left > 0 && level_of(here).is_some_and(|next| next >= level) {
        here = here.saturating_add(1);
        // What is in a substack goes with its line.
        while level_of(here).is_some_and(|next| next > level) {
            here = here.saturating_add(1);
        }
        left = left.saturating_sub(1);
    }
    if left == 0 { Ok(here) } else { Err(here) }
}
