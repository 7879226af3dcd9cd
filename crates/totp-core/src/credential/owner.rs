//! Whose a credential is, and what else each of its seals is bound to: moved elsewhere, or with other parameters beside it, it does
//! not open.

use crate::factor::Factor;
use crate::id::Id;
use crate::keyring::Binding;
use crate::recovery;
use crate::user::User;

/// Whose a credential is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The canonical account name.
    pub user: User,
    /// The account's uid; `None` for an account that the system did not know at enrolment, which is bound by name only.
    pub uid: Option<u32>,
    /// This enrolment.
    pub id: Id,
}

/// What every seal of a credential is bound to.
pub(super) struct Bound<'a> {
    pub(super) version: u32,
    pub(super) owner: &'a Owner,
    pub(super) key: &'a str,
}

impl Bound<'_> {
    /// The seal of an authenticator's secret.
    pub(super) fn authenticator(&self, label: &str, factor: Factor) -> Binding {
        factor.bind(self.kind(factor.kind().as_str()).text(label), self.version)
    }

    /// The seal of a set's pepper.
    pub(super) fn recovery(&self, kind: recovery::RecoveryKind, set: Id) -> Binding {
        let kind = match kind {
            recovery::RecoveryKind::Own => "recovery",
            recovery::RecoveryKind::Scratch => "scratch",
        };
        self.kind(kind).text(&set.to_hex())
    }

    fn kind(&self, kind: &str) -> Binding {
        Binding::default()
            .text("pam_totp credential")
            .number(u64::from(self.version))
            .text(kind)
            .text(self.owner.user.as_str())
            // No uid has 33 bits.
            .number(self.owner.uid.map_or(u64::MAX, u64::from))
            .text(&self.owner.id.to_hex())
            .text(self.key)
    }
}
