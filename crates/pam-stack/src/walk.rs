//! Follows every path through a stack, for every return code that each module can give, to find successes without a factor.
//!
//! A factor is a line that the caller names, such as that of pam_totp.so; it is passed when its module returns success. At each
//! line the return codes so far are combined as libpam does it (pam.conf(5), `_pam_dispatch_aux`); the acceptance tests compare
//! this with the real libpam.

use crate::control::Action;
use crate::load::{Handler, LineKind};
use crate::return_code::{self, COUNT, ReturnCode};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// More states than any stack in real use has.
const MOST_STATES: usize = 200_000;

/// How a path that ends in success got around the factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bypass {
    /// No line of the stack is such a factor.
    NoSuchLine,
    /// The return code of another line skipped it.
    Skipped {
        /// The index of that line in the stack.
        by: usize,
        /// What its module returned.
        code: ReturnCode,
    },
    /// The factor failed, and the failure did not count.
    FailureNotCounted {
        /// The index of the factor's line in the stack.
        at: usize,
        /// What its module returned; other codes for which the control has the same action stand for it.
        code: ReturnCode,
    },
    /// The factor returned `PAM_IGNORE`.
    Ignored {
        /// The index of the factor's line in the stack.
        at: usize,
    },
}

/// The stack has too many paths to follow them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLargeError;

/// Each way to succeed without a factor, once. `return_codes`: those that a line's module can give.
///
/// # Errors
/// When there are too many paths.
pub fn bypasses(
    stack: &[Handler],
    return_codes: &dyn Fn(&Handler) -> Vec<ReturnCode>,
    is_factor: &dyn Fn(&Handler) -> bool,
) -> Result<Vec<Bypass>, TooLargeError> {
    let mut found = Vec::new();
    visit(stack, return_codes, is_factor, &mut |state, bypass| {
        if state.at >= stack.len() && state.is_success() && !found.contains(&bypass) {
            found.push(bypass);
        }
    })?;
    Ok(found)
}

/// The indexes of the lines that can be reached before any factor has been passed.
///
/// # Errors
/// When there are too many paths.
pub fn reachable_before(
    stack: &[Handler],
    return_codes: &dyn Fn(&Handler) -> Vec<ReturnCode>,
    is_factor: &dyn Fn(&Handler) -> bool,
) -> Result<Vec<usize>, TooLargeError> {
    let mut reached = Vec::new();
    visit(stack, return_codes, is_factor, &mut |state, _| {
        if !reached.contains(&state.at) {
            reached.push(state.at);
        }
    })?;
    Ok(reached)
}

/// Whether any path on which a factor was passed ends in success.
///
/// # Errors
/// When there are too many paths.
pub fn can_succeed_with(
    stack: &[Handler],
    return_codes: &dyn Fn(&Handler) -> Vec<ReturnCode>,
    is_factor: &dyn Fn(&Handler) -> bool,
) -> Result<bool, TooLargeError> {
    let step = |handler: &Handler, passed: &bool| {
        let is_required = is_factor(handler);
        let codes = distinct(handler, return_codes(handler)).into_iter();
        codes.map(|code| (code, *passed || (is_required && code == return_code::SUCCESS))).collect()
    };
    can_succeed(stack, false, &step, &|passed| *passed)
}

/// What a line's module can return, and what is known behind each return code.
pub type Step<'a, K> = &'a dyn Fn(&Handler, &K) -> Vec<(ReturnCode, K)>;

/// Whether any path ends in success with what is `wanted`. `known` is what the caller knows at the first line; `step` gives, for a line
/// with a module and what is known there, each return code that the module can give and what is known behind it.
///
/// # Errors
/// When there are too many paths.
pub fn can_succeed<K: Clone + Eq + Hash>(
    stack: &[Handler],
    known: K,
    step: Step<'_, K>,
    wanted: &dyn Fn(&K) -> bool,
) -> Result<bool, TooLargeError> {
    let mut seen: HashSet<(StackState, K)> = HashSet::new();
    let mut open = vec![(StackState::start(), known)];
    while let Some((state, known)) = open.pop() {
        if !seen.insert((state.clone(), known.clone())) {
            continue;
        }
        if seen.len() > MOST_STATES {
            return Err(TooLargeError);
        }
        let Some(handler) = stack.get(state.at) else {
            if wanted(&known) && state.is_success() {
                return Ok(true);
            }
            continue;
        };
        let behind = match handler.kind {
            LineKind::Substack => vec![(None, known)],
            LineKind::MustFail(_) => vec![(Some(return_code::MUST_FAIL), known)],
            LineKind::Module => {
                step(handler, &known).into_iter().map(|(code, known)| (Some(code), known)).collect()
            }
        };
        for (code, known) in behind {
            open.extend(state.after(stack, handler, code).map(|next| (next, known)));
        }
    }
    Ok(false)
}

/// The indexes of the lines whose failure decides the login while the stack goes on to a factor: that is called in vain.
///
/// # Errors
/// When there are too many paths.
pub fn fails_before(
    stack: &[Handler],
    return_codes: &dyn Fn(&Handler) -> Vec<ReturnCode>,
    is_factor: &dyn Fn(&Handler) -> bool,
) -> Result<Vec<usize>, TooLargeError> {
    let mut found = Vec::new();
    let mut seen: HashSet<(StackState, Option<usize>)> = HashSet::new();
    let mut open = vec![(StackState::start(), None)];
    while let Some((state, failed_at)) = open.pop() {
        if !seen.insert((state.clone(), failed_at)) {
            continue;
        }
        if seen.len() > MOST_STATES {
            return Err(TooLargeError);
        }
        let Some(handler) = stack.get(state.at) else { continue };
        if handler.kind == LineKind::Module && is_factor(handler) {
            found.extend(failed_at.filter(|at| !found.contains(at)));
            continue;
        }
        for code in outcomes(handler, return_codes) {
            let Some(next) = state.after(stack, handler, code) else { continue };
            let failed_at = failed_at.or(Some(state.at)).filter(|_| next.has_failed());
            open.push((next, failed_at));
        }
    }
    Ok(found)
}

/// Calls `see` at every state in which no factor has been passed.
fn visit(
    stack: &[Handler],
    return_codes: &dyn Fn(&Handler) -> Vec<ReturnCode>,
    is_factor: &dyn Fn(&Handler) -> bool,
    see: &mut dyn FnMut(&StackState, Bypass),
) -> Result<(), TooLargeError> {
    let required: Vec<bool> =
        stack.iter().map(|handler| handler.kind == LineKind::Module && is_factor(handler)).collect();
    let mut seen: HashMap<(StackState, Bypass), ()> = HashMap::new();
    let mut open = vec![(StackState::start(), Bypass::NoSuchLine)];
    while let Some((state, bypass)) = open.pop() {
        if seen.insert((state.clone(), bypass), ()).is_some() {
            continue;
        }
        if seen.len() > MOST_STATES {
            return Err(TooLargeError);
        }
        see(&state, bypass);
        let Some(handler) = stack.get(state.at) else { continue };
        let is_required = required.get(state.at).copied().unwrap_or(false);
        for code in outcomes(handler, return_codes) {
            let bypass = match code {
                Some(return_code::SUCCESS) if is_required => continue,
                Some(return_code::IGNORE) if is_required => Bypass::Ignored { at: state.at },
                Some(code) if is_required => Bypass::FailureNotCounted { at: state.at, code },
                Some(_) | None => bypass,
            };
            let Some(next) = state.after(stack, handler, code) else { continue };
            let behind = state.at.saturating_add(1);
            let skips_one = required.iter().take(next.at).skip(behind).any(|is_one| *is_one);
            let bypass = match (skips_one, code) {
                (true, Some(code)) => Bypass::Skipped { by: state.at, code },
                (false, _) | (true, None) => bypass,
            };
            open.push((next, bypass));
        }
    }
    Ok(())
}

/// What can happen at a line; `None` for the line that begins a substack.
fn outcomes(
    handler: &Handler,
    return_codes: &dyn Fn(&Handler) -> Vec<ReturnCode>,
) -> Vec<Option<ReturnCode>> {
    match handler.kind {
        LineKind::Substack => vec![None],
        LineKind::MustFail(_) => vec![Some(return_code::MUST_FAIL)],
        LineKind::Module => distinct(handler, return_codes(handler)).into_iter().map(Some).collect(),
    }
}

/// One return code of each kind that makes a difference at a line.
pub fn distinct(handler: &Handler, mut codes: Vec<ReturnCode>) -> Vec<ReturnCode> {
    // The best known code represents its kind.
    codes.sort_by_key(|code| match *code {
        return_code::SUCCESS => 0,
        return_code::AUTH_ERR => 1,
        return_code::IGNORE => 2,
        other => other.saturating_add(COUNT),
    });
    let mut kinds = Vec::new();
    codes.retain(|code| {
        let kind = (
            handler.control.at(*code),
            *code == return_code::SUCCESS,
            *code == return_code::IGNORE,
            *code == return_code::INCOMPLETE,
        );
        let is_new = !kinds.contains(&kind);
        kinds.push(kind);
        is_new
    });
    codes
}

/// libpam's `impression` of the stack so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Impression {
    Undecided,
    Positive,
    Negative,
}

/// The result so far: an impression, and whether its return code is success.
type ResultSoFar = (Impression, bool);

const NONE: ResultSoFar = (Impression::Undecided, false);

/// The state of libpam between two lines.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct StackState {
    /// The index of the next line.
    at: usize,
    /// The level of the previous line.
    level: usize,
    result: ResultSoFar,
    /// The result at the start of each open substack; a reset returns to it.
    before: Vec<ResultSoFar>,
}

impl StackState {
    fn start() -> Self {
        Self { at: 0, level: 0, result: NONE, before: vec![NONE] }
    }

    /// Whether `pam_authenticate` returns success if the stack ends here.
    fn is_success(&self) -> bool {
        self.result == (Impression::Positive, true)
    }

    /// Whether a line has refused the login: only a reset can undo that.
    fn has_failed(&self) -> bool {
        let (impression, is_success) = self.result;
        impression == Impression::Negative || (impression == Impression::Positive && !is_success)
    }

    /// The state after the line `handler` at [`StackState::at`], whose module returned `code`. The line that begins a substack has no
    /// return code. `None`: the stack ends at once, without success.
    fn after(&self, stack: &[Handler], handler: &Handler, code: Option<ReturnCode>) -> Option<Self> {
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
