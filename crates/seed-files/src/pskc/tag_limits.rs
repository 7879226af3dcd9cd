//! What the tags of a file may declare, checked before the parser sees them.
//!
//! The parser compares each attribute of a tag with those before it, and each namespace with all that are in scope. Without limits
//! here a file of a few megabytes keeps it busy for hours.

use crate::SeedFileError;
use crate::text::Text;
use std::collections::HashSet;

/// The most attributes of one tag, namespaces among them.
const MOST_ATTRIBUTES: usize = 64;
/// The most prefixes of namespaces in a file, the empty one among them. RFC 6030 and what it refers to need six.
const MOST_PREFIXES: usize = 32;

/// Refuses a file whose tags declare too much. Reads each character once, as far as the markup is well-formed: the parser does not
/// go on after that either.
pub(super) fn check(text: &Text<'_>) -> Result<(), SeedFileError> {
    let whole = text.as_str();
    let mut prefixes = HashSet::new();
    let mut place = 0;
    while let Some(tag) = whole.get(place..).and_then(|rest| rest.find('<')) {
        place = place.saturating_add(tag);
        let Some(markup) = whole.get(place..) else { break };
        let end = if markup.starts_with("<!--") {
            after(markup, 4, "-->")
        } else if markup.starts_with("<![CDATA[") {
            after(markup, 9, "]]>")
        } else if markup.starts_with("<?") {
            after(markup, 2, "?>")
        } else if markup.starts_with("<!") {
            // A document type, which is refused, or nothing that XML knows.
            None
        } else if markup.starts_with("</") {
            after(markup, 2, ">")
        } else {
            start_tag(markup, &mut prefixes)
                .map_err(|problem| SeedFileError::new(text.line_at(place), problem))?
        };
        let Some(end) = end else { break };
        place = place.saturating_add(end);
    }
    Ok(())
}

/// The place after `end`, looked for from `from` on.
fn after(markup: &str, from: usize, end: &str) -> Option<usize> {
    markup.get(from..)?.find(end)?.checked_add(from)?.checked_add(end.len())
}

/// The place after a start tag; `None`: it does not end. Every attribute has one quoted value, in which a `>` means nothing.
fn start_tag<'t>(markup: &'t str, prefixes: &mut HashSet<&'t str>) -> Result<Option<usize>, &'static str> {
    let (mut place, mut attributes) = (1, 0usize);
    while let Some(rest) = markup.get(place..) {
        let Some(found) = rest.find(['"', '\'', '>']) else { break };
        let (before, quoted) = rest.split_at(found);
        let Some(value) = quoted.strip_prefix(['"', '\'']) else {
            return Ok(Some(place.saturating_add(found).saturating_add(1)));
        };
        attributes = attributes.saturating_add(1);
        if attributes > MOST_ATTRIBUTES {
            return Err(
                "has more than 64 attributes: no token needs so many; check that the file is the right one",
            );
        }
        let name = before.trim_end().trim_end_matches('=').trim_end();
        let name = name.rsplit(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
        if name.contains("xmlns") {
            prefixes.insert(name);
        }
        if prefixes.len() > MOST_PREFIXES {
            return Err(
                "is the 33rd prefix of a namespace: no token needs so many; check that the file is the right one",
            );
        }
        let quote = quoted.len().saturating_sub(value.len());
        let Some(end) = quoted.get(..quote).and_then(|quote| value.find(quote)) else { break };
        place = place.saturating_add(found).saturating_add(end).saturating_add(2);
    }
    Ok(None)
}
