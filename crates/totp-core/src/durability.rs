//! What a record has to outlast before an answer is given on the strength of it.

/// What a write has to outlast before the answer is given. Which one a record needs is said by what happened
/// ([`crate::ledger::Record`]), never by who writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// The death of the process: the page cache does, and the boot rule covers a crash of the machine.
    Process,
    /// A crash of the machine too: a spent recovery code, a counter, the start of a lock.
    Machine,
}
