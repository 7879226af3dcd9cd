//! Whether somebody who has a right code, and whatever else is asked for, gets in at all.

use super::load::{Handler, Stack};
use super::{code, is_ours, module, walk};

/// Whether a way through the stack of `service` ends in success where every line of ours says yes.
pub(crate) fn is_there(stack: &Stack, service: &str) -> bool {
    let answers = |handler: &Handler| match is_ours(handler) {
        true => vec![code::SUCCESS],
        false => module::answers(handler, service),
    };
    // Nothing is a proof: every way is gone to its end.
    walk::ways_past(&stack.handlers, &answers, &|_| false).is_ok_and(|ways| !ways.is_empty())
}
