//! Every way through a stack, over every answer that each module can give: which of them end in success without a proof?

use crate::code::{self, COUNT, Code};
use crate::dispatch::State;
use crate::load::{Handler, Kind};
use std::collections::{HashMap, HashSet};

/// More states than any stack that people write has.
const MOST_STATES: usize = 200_000;

/// What became of the proof on a way that ends in success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Missed {
    /// No line of the stack is one.
    Nowhere,
    /// The answer of this line led past it.
    AnsweredIgnore {
        /// The place of the line in the stack.
        by: usize,
        /// What its module answered.
        answer: Code,
    },
    /// This line failed, and that did not count.
    Failed {
        /// Its place in the stack.
        at: usize,
    },
    /// This line took no part.
    Ignored {
        /// Its place in the stack.
        at: usize,
    },
}

/// The stack is too large to be gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// Each way to miss the proof and get in all the same, once. `answers`: those that a line's module can give; `proof`: whether
/// a line is one when it answers success.
///
/// # Errors
/// When there are more ways than can be gone through.
pub fn ways_past(
    stack: &[Handler],
    answers: &dyn Fn(&Handler) -> Vec<Code>,
    proof: &dyn Fn(&Handler) -> bool,
) -> Result<Vec<Missed>, TooLarge> {
    let mut found = Vec::new();
    visit(stack, answers, proof, &mut |state, missed| {
        if state.at >= stack.len() && state.is_success() && !found.contains(&missed) {
            found.push(missed);
        }
    })?;
    Ok(found)
}

/// The lines that can be come to before any proof.
///
/// # Errors
/// When there are more ways than can be gone through.
pub fn reached_without(
    stack: &[Handler],
    answers: &dyn Fn(&Handler) -> Vec<Code>,
    proof: &dyn Fn(&Handler) -> bool,
) -> Result<Vec<usize>, TooLarge> {
    let mut reached = Vec::new();
    visit(stack, answers, proof, &mut |state, _| {
        if !reached.contains(&state.at) {
            reached.push(state.at);
        }
    })?;
    Ok(reached)
}

/// Whether any way ends in success on which a proof was given.
///
/// # Errors
/// When there are more ways than can be gone through.
pub fn lets_in_with(
    stack: &[Handler],
    answers: &dyn Fn(&Handler) -> Vec<Code>,
    proof: &dyn Fn(&Handler) -> bool,
) -> Result<bool, TooLarge> {
    let mut seen: HashSet<(State, bool)> = HashSet::new();
    let mut open = vec![(State::start(), false)];
    while let Some((state, proved)) = open.pop() {
        if !seen.insert((state.clone(), proved)) {
            continue;
        }
        if seen.len() > MOST_STATES {
            return Err(TooLarge);
        }
        let Some(handler) = stack.get(state.at) else {
            if proved && state.is_success() {
                return Ok(true);
            }
            continue;
        };
        let is_proof = handler.kind == Kind::Module && proof(handler);
        for code in distinct(handler, answers) {
            let proved = proved || (is_proof && code == Some(code::SUCCESS));
            open.extend(state.after(stack, handler, code).map(|next| (next, proved)));
        }
    }
    Ok(false)
}

/// Calls `see` at every state in which no proof has been given.
fn visit(
    stack: &[Handler],
    answers: &dyn Fn(&Handler) -> Vec<Code>,
    proof: &dyn Fn(&Handler) -> bool,
    see: &mut dyn FnMut(&State, Missed),
) -> Result<(), TooLarge> {
    let proofs: Vec<bool> =
        stack.iter().map(|handler| handler.kind == Kind::Module && proof(handler)).collect();
    let mut seen: HashMap<(State, Missed), ()> = HashMap::new();
    let mut open = vec![(State::start(), Missed::Nowhere)];
    while let Some((state, missed)) = open.pop() {
        if seen.insert((state.clone(), missed), ()).is_some() {
            continue;
        }
        if seen.len() > MOST_STATES {
            return Err(TooLarge);
        }
        see(&state, missed);
        let Some(handler) = stack.get(state.at) else { continue };
        let is_proof = proofs.get(state.at).copied().unwrap_or(false);
        for code in distinct(handler, answers) {
            let missed = match code {
                Some(code::SUCCESS) if is_proof => continue,
                Some(code::IGNORE) if is_proof => Missed::Ignored { at: state.at },
                Some(_) if is_proof => Missed::Failed { at: state.at },
                Some(_) | None => missed,
            };
            let Some(next) = state.after(stack, handler, code) else { continue };
            let behind = state.at.saturating_add(1);
            let passed = proofs.iter().take(next.at).skip(behind).any(|proof| *proof);
            let missed = match (passed, code) {
                (true, Some(answer)) => Missed::AnsweredIgnore { by: state.at, answer },
                (false, _) | (true, None) => missed,
            };
            open.push((next, missed));
        }
    }
    Ok(())
}

/// One answer of each kind that makes a difference; `None` for a line that nobody is asked by.
fn distinct(handler: &Handler, answers: &dyn Fn(&Handler) -> Vec<Code>) -> Vec<Option<Code>> {
    let mut codes = match handler.kind {
        Kind::Substack => return vec![None],
        Kind::MustFail(_) => return vec![Some(code::MUST_FAIL)],
        Kind::Module => answers(handler),
    };
    // The plainest stands for its kind.
    codes.sort_by_key(|code| match *code {
        code::SUCCESS => 0,
        code::AUTH_ERR => 1,
        code::IGNORE => 2,
        other => other.saturating_add(COUNT),
    });
    let mut kinds = Vec::new();
    codes.retain(|code| {
        let kind = (
            handler.control.at(*code),
            *code == code::SUCCESS,
            *code == code::IGNORE,
            *code == code::INCOMPLETE,
        );
        let is_new = !kinds.contains(&kind);
        kinds.push(kind);
        is_new
    });
    codes.into_iter().map(Some).collect()
}
