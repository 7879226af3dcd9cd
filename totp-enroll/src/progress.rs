//! The bar over long work: on a terminal, and not where a program reads.

use crate::desk::Desk;
use crate::output::Format;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// Whether anybody would see one.
pub(crate) fn is_shown(desk: &Desk) -> bool {
    desk.format == Format::Text && std::io::stderr().is_terminal()
}

/// A bar over `length` people; nothing where nobody would see it.
pub(crate) fn bar(desk: &Desk, doing: &'static str, length: usize) -> ProgressBar {
    if !is_shown(desk) {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {eta}");
    ProgressBar::new(length as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_prefix(doing)
}
