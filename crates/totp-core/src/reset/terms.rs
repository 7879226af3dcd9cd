//! What a reset takes, as the config says.

use crate::time::Seconds;

/// The most approvals that the config can ask for.
pub const MOST_APPROVALS: u32 = 3;

/// What the config asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long nothing happens after the last approval that was needed, or after the request if none is.
    pub cooldown: Seconds,
    /// How many operators beside the one who requests it have to approve, 0 to [`MOST_APPROVALS`].
    pub approvals: u32,
    /// How long after the request it can be completed.
    pub expires: Seconds,
    /// How long the token is good that it leaves.
    pub token_for: Seconds,
}

impl Terms {
    /// Of a machine whose config says nothing of it.
    pub const DEFAULT: Self =
        Self { cooldown: Seconds(3600), approvals: 1, expires: Seconds(86400), token_for: Seconds(86400) };
}
