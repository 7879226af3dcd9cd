//! The border to C. The only room with `unsafe`.
#![expect(unsafe_code, reason = "libpam is C; every block names who promises what it relies on")]

pub(crate) mod conversation;
mod hooks;
pub(crate) mod libpam;
pub(crate) mod panic;
