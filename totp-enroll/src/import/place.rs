//! Where the good lines of a file are, and whose: all that is kept of them before they are taken over.

use std::hash::{DefaultHasher, Hash, Hasher};
use totp_core::user::User;

/// Where a good line is, and whose. Lines of one user sort together, in the order of the file; so may, once in a while, those
/// of two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) user: u64,
    pub(super) line: usize,
    pub(super) offset: u64,
}

/// What stands for a user's name.
pub(super) fn mark(user: &User) -> u64 {
    let mut hasher = DefaultHasher::new();
    user.hash(&mut hasher);
    hasher.finish()
}

/// The places of each user.
pub(super) fn by_user(places: &[Place]) -> impl Iterator<Item = &[Place]> {
    places.chunk_by(|one, other| one.user == other.user)
}
