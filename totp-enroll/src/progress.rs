//! The bar over long work: on a terminal, and not where a program reads.

use crate::context::Context;
use crate::output::Format;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// Whether anybody would see one.
pub(crate) fn is_shown(context: &Context) -> bool {
    context.format == Format::Text && std::io::stderr().is_terminal()
}

/// A bar over so many people; nothing where nobody would see it.
pub(crate) fn bar(context: &Context, doing: &'static str, people: usize) -> ProgressBar {
    styled(context, doing, people as u64, "{prefix} {wide_bar} {pos}/{len} {eta}")
}

/// A bar over a file of so many bytes.
pub(crate) fn of_bytes(context: &Context, doing: &'static str, length: u64) -> ProgressBar {
    styled(context, doing, length, "{prefix} {wide_bar} {bytes}/{total_bytes} {eta}")
}

fn styled(context: &Context, doing: &'static str, length: u64, template: &str) -> ProgressBar {
    if !is_shown(context) {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(length)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_prefix(doing)
}
