//! A step of a reset, and the person who took it.

use serde::Serialize;

/// Who asks, as the system knows the person behind root. Uid 0 is nobody in person: a root shell, a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The uid; persons are told apart by it.
    pub uid: u32,
    /// The account's name, for people.
    pub name: String,
}

/// A step of a reset that someone took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// By whom.
    pub by: Person,
    /// When, seconds since 1970.
    pub at: u64,
}
