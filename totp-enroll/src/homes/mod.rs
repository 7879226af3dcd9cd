//! Files in home directories, which belong to their owners: what is there, and how long it takes to answer, is theirs to decide.

pub(crate) mod home_owner;
pub(crate) mod reader;
