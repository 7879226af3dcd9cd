//! The structure of the house, read from its sources.
//!
//! [`sources`] reads the modules of a crate, without its tests. [`paths`] finds what is named in them, [`methods`] what is called
//! without naming it. [`arrows`] draws an arrow from each module to those that define it, and [`circles`] finds those that come
//! back. [`packages`] knows the arrows between the crates, and [`making`] where values of a type are made. What must hold is stated
//! in `tests/`; where `unsafe` may stand is the compiler's (`unsafe_code` in the workspace's lints).

#![forbid(unsafe_code)]
#![expect(clippy::expect_used, clippy::panic, reason = "a source that cannot be read is a test that fails")]
#![expect(clippy::wildcard_enum_match_arm, reason = "the grammar's kinds of items are open")]

pub mod arrows;
pub mod circles;
pub mod making;
pub mod methods;
pub mod packages;
pub mod paths;
pub mod sources;

use std::path::{Path, PathBuf};

/// The top of the checkout.
///
/// # Panics
///
/// Where this package lies elsewhere.
#[must_use]
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("this package is tests/structure")
        .to_owned()
}
