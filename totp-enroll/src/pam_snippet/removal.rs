//! Which lines go together with one that goes: those that its success jumped over stand for its failure and for nothing else.

use super::part::Part;
use pam_stack::control::Action;
use pam_stack::{Handler, return_code};
use std::ops::Range;

/// What becomes of a line of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    /// Ours comes into its place.
    Replaced,
    Goes,
}

/// `fates` of `parts`, and with them those of the lines that go along.
///
/// # Errors
/// Which line counts on one that goes.
pub(super) fn complete(parts: &[Part], mut fates: Vec<Fate>) -> Result<Vec<Fate>, String> {
    let handlers: Vec<&Handler> = parts.iter().flat_map(|part| &part.handlers).collect();
    let places = places(parts);
    let blocks: Vec<(usize, Range<usize>)> = jumps(parts, &handlers, &places, true);
    for (of, block) in &blocks {
        if fates.get(*of).is_none_or(|fate| *fate == Fate::Stays) {
            continue;
        }
        for at in spanned(&places, block).filter(|at| at != of) {
            let whole =
                places.get(at).is_some_and(|place| block.start <= place.start && place.end <= block.end);
            if !whole {
                return Err(mind(parts, *of, "jumps into a file that is included"));
            }
            if let Some(fate) = fates.get_mut(at).filter(|fate| **fate == Fate::Stays) {
                *fate = Fate::Goes;
            }
        }
    }
    for (of, block) in jumps(parts, &handlers, &places, false) {
        let stays = fates.get(of) == Some(&Fate::Stays);
        let loses = spanned(&places, &block).any(|at| at != of && fates.get(at) == Some(&Fate::Goes));
        if stays && loses {
            return Err(mind(parts, of, "jumps over lines that would have to go"));
        }
    }
    Ok(fates)
}

fn mind(parts: &[Part], at: usize, what: &str) -> String {
    let number = parts.get(at).map_or(0, |part| part.number);
    format!(
        "line {number} {what}: write its lines into a file of their own and include that (`auth substack FILE`)"
    )
}

/// Where the handlers of each part stand among all.
fn places(parts: &[Part]) -> Vec<Range<usize>> {
    let mut start = 0_usize;
    let place = |part: &Part| {
        let end = start.saturating_add(part.handlers.len());
        std::mem::replace(&mut start, end)..end
    };
    parts.iter().map(place).collect()
}

/// The parts that a block touches.
fn spanned<'a>(places: &'a [Range<usize>], block: &'a Range<usize>) -> impl Iterator<Item = usize> + 'a {
    let touches = |place: &Range<usize>| place.start < block.end && block.start < place.end;
    places.iter().enumerate().filter(move |(_, place)| touches(place)).map(|(at, _)| at)
}

/// Each jump: the part that it is in, and the lines that it passes over. `on_success`: only those of a module that says yes.
fn jumps(
    parts: &[Part],
    handlers: &[&Handler],
    places: &[Range<usize>],
    on_success: bool,
) -> Vec<(usize, Range<usize>)> {
    let mut found = Vec::new();
    for (of, (part, place)) in parts.iter().zip(places).enumerate() {
        for (at, handler) in (place.start..).zip(&part.handlers) {
            let codes = if on_success { return_code::SUCCESS..=return_code::SUCCESS } else { 0..=return_code::INCOMPLETE };
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

/// The lines that a jump over `count` modules passes; a substack counts as one.
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
