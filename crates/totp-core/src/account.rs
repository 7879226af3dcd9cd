//! An account of the machine: whose codes they are.

use crate::user::User;

/// Who asks to be let in, as the system knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The canonical name.
    pub user: User,
    /// The uid; `None` where the system does not know the account.
    pub uid: Option<u32>,
}
