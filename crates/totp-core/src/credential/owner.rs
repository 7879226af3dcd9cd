//! The owner of a credential, and the additional data of its seals: a seal that is moved elsewhere, or with other
//! parameters beside it, does not open.

use crate::factor::Factor;
use crate::id::Id;
use crate::keyring::Binding;
use crate::recovery;
use crate::user::{Account, User};

/// The owner of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The canonical account name.
    pub user: User,
    /// The account's uid; `None` if the system did not know the account at enrolment. Such a credential is bound by
    /// name only.
    pub uid: Option<u32>,
    /// The id of this enrolment.
    pub id: Id,
}

impl Owner {
    /// Whether `account` is the one that was enrolled. An account that was deleted and created again under the same name has
    /// another uid, and does not inherit the enrolment.
    pub(crate) fn is(&self, account: &Account) -> bool {
        self.uid.is_none_or(|uid| account.uid == Some(uid))
    }
}

/// The additional data of every seal of a credential.
pub(super) struct Bound<'a> {
    pub(super) version: u32,
    pub(super) owner: &'a Owner,
    pub(super) key: &'a str,
}

impl Bound<'_> {
    /// For the seal of an authenticator's secret.
    pub(super) fn authenticator(&self, label: &str, factor: Factor) -> Binding {
        factor.bind(self.kind(factor.kind().as_str()).text(label), self.version)
    }

    /// For the seal of a set's pepper.
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
