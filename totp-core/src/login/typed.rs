//! A TOTP code as it was typed, which may stand behind a password.

use crate::secret::Secret;

/// A TOTP code as it was typed.
pub(super) enum Typed<'a> {
    Alone(&'a Secret),
    /// With digits before it that may be the password's.
    BehindPassword(&'a Secret),
}

impl Typed<'_> {
    /// What of it would be a code of so many digits.
    pub(super) fn code(&self, digits: u8) -> Option<Secret> {
        let (typed, may_be_longer) = match self {
            Self::Alone(typed) => (typed.expose(), false),
            Self::BehindPassword(typed) => (typed.expose(), true),
        };
        let before = typed.len().checked_sub(usize::from(digits))?;
        let code = typed.get(before..).filter(|_| before == 0 || may_be_longer)?;
        Some(Secret::new(code.to_vec()))
    }
}
