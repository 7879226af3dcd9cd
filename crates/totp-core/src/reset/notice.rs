//! What a ledger keeps of a reset, so that its owner is told of it at each login.

/// That a reset was requested, as the ledger keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// When, seconds since 1970; not zero.
    pub at: u64,
    /// When the request expires, seconds since 1970.
    pub until: u64,
    /// By whom: the uid.
    pub by: u32,
}
