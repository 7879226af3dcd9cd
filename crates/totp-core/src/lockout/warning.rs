//! What the owner is told while someone is guessing.

/// Someone is guessing: what the owner is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warning {
    /// Wrong codes from sources that are not known, since the last accepted answer.
    pub wrong: u32,
    /// From at least so many places.
    pub places: u32,
    /// How much of the foreign budget is used, in percent: 25, 50, 75 or 100.
    pub used_percent: u8,
    /// When that accepted answer was, in seconds since 1970; `None`: it is not known.
    pub since: Option<u64>,
}
