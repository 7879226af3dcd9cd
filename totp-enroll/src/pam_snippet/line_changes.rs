//! Decides which lines of a service file have to be removed together with one that is removed.
//!
//! The lines that a module's success jumps over handle its failure. They are of no use without it.

use super::auth_line::AuthLine;
use pam_stack::control::Action;
use pam_stack::{Handler, return_code};
use std::ops::Range;

/// What happens to a line of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineChange {
    Keep,
    /// pam_totp.so takes its range.
    Replace,
    Remove,
}

/// Extends `changes` with the lines that have to be removed as well.
///
/// # Errors
/// A message that names the line that needs one that would be removed.
pub(super) fn complete(lines: &[AuthLine], mut changes: Vec<LineChange>) -> Result<Vec<LineChange>, String> {
    let handlers: Vec<&Handler> = lines.iter().flat_map(|line| &line.handlers).collect();
    let ranges = ranges(lines);
    let blocks: Vec<(usize, Range<usize>)> = jumps(lines, &handlers, &ranges, true);
    for (of, block) in &blocks {
        if changes.get(*of).is_none_or(|change| *change == LineChange::Keep) {
            continue;
        }
        for at in spanned(&ranges, block).filter(|at| at != of) {
            let whole =
                ranges.get(at).is_some_and(|range| block.start <= range.start && range.end <= block.end);
            if !whole {
                return Err(in_the_way(lines, *of, "jumps into an included file"));
            }
            if let Some(change) = changes.get_mut(at).filter(|change| **change == LineChange::Keep) {
                *change = LineChange::Remove;
            }
        }
    }
    for (of, block) in jumps(lines, &handlers, &ranges, false) {
        let stays = changes.get(of) == Some(&LineChange::Keep);
        let loses =
            spanned(&ranges, &block).any(|at| at != of && changes.get(at) == Some(&LineChange::Remove));
        if stays && loses {
            return Err(in_the_way(lines, of, "jumps over lines that have to be removed"));
        }
    }
    Ok(changes)
}

fn in_the_way(lines: &[AuthLine], at: usize, what: &str) -> String {
    let number = lines.get(at).map_or(0, |line| line.number);
    format!(
        "line {number} {what}: move that line and the lines it jumps over into a file of their own, and include it with `auth substack FILE`"
    )
}

/// The range of each line's handlers among all handlers.
fn ranges(lines: &[AuthLine]) -> Vec<Range<usize>> {
    let mut start = 0_usize;
    let range = |line: &AuthLine| {
        let end = start.saturating_add(line.handlers.len());
        std::mem::replace(&mut start, end)..end
    };
    lines.iter().map(range).collect()
}

/// The lines with a handler in a block.
fn spanned<'a>(ranges: &'a [Range<usize>], block: &'a Range<usize>) -> impl Iterator<Item = usize> + 'a {
    let touches = |range: &Range<usize>| range.start < block.end && block.start < range.end;
    ranges.iter().enumerate().filter(move |(_, range)| touches(range)).map(|(at, _)| at)
}

/// Each jump: the index of its line, and the handlers that it skips. `on_success`: only jumps on `success`.
fn jumps(
    lines: &[AuthLine],
    handlers: &[&Handler],
    ranges: &[Range<usize>],
    on_success: bool,
) -> Vec<(usize, Range<usize>)> {
    let mut found = Vec::new();
    for (of, (line, range)) in lines.iter().zip(ranges).enumerate() {
        for (at, handler) in (range.start..).zip(&line.handlers) {
            let codes = if on_success {
                return_code::SUCCESS..=return_code::SUCCESS
            } else {
                0..=return_code::INCOMPLETE
            };
            let counts = codes.filter_map(|code| match handler.control.at(code) {
                Action::Jump(count) => Some(count),
                Action::Ignore | Action::Ok | Action::Done | Action::Bad | Action::Die | Action::Reset => {
                    None
                }
            });
            found.extend(counts.max().map(|count| (of, block(handlers, at, handler.level, count))));
        }
    }
    found
}

/// The handlers that a jump over `count` modules skips; a substack counts as one.
fn block(handlers: &[&Handler], at: usize, level: usize, count: usize) -> Range<usize> {
    let start = at.saturating_add(1);
    let level_of = |at: usize| handlers.get(at).map(|handler| handler.level);
    let (mut end, mut left) = (start, count);
    while left > 0 && level_of(end).is_some_and(|next| next >= level) {
        end = end.saturating_add(1);
        while level_of(end).is_some_and(|next| next > level) {
            end = end.saturating_add(1);
        }
        left = left.saturating_sub(1);
    }
    start..end
}
