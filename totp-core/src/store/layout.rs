//! What the store's directories are called: one list, so that whoever looks at a whole state knows each of them.

pub(super) const CREDENTIALS: &str = "credentials";
pub(super) const LEDGERS: &str = "ledgers";
pub(super) const RESETS: &str = "resets";
pub(super) const SPOOL: &str = "spool";

/// All that is below `paths.state`.
pub const ROOMS: [&str; 4] = [CREDENTIALS, LEDGERS, RESETS, SPOOL];
