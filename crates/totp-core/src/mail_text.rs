//! Which events a person is told of by mail, and in which words.

use crate::audit_event::Name;

/// What the mail about an event says.
pub(crate) struct MailText {
    /// What happened.
    pub(crate) what: &'static str,
    /// What to know or do if it was not the person.
    pub(crate) otherwise: &'static str,
}

/// The summary of an import, which is about no one account.
pub(crate) const IMPORT_OF_MANY: MailText = MailText {
    what: "authenticators of several accounts were imported from another program",
    otherwise: "Someone else may now have phones whose codes open these accounts.",
};

/// The summary of a list of tokens. The owners of earlier enrolments have notices of their own.
pub(crate) const TOKENS_OF_MANY: MailText = MailText {
    what: "hardware tokens were assigned to several accounts by a list",
    otherwise: "Someone else may now have tokens whose codes open these accounts.",
};

/// In place of a notice that a crash of the machine has torn.
pub(crate) const LOST: MailText = MailText {
    what: "something was done with the one-time codes, but the notice of it was lost when the machine stopped",
    otherwise: "Someone else may have used one of your recovery codes, or changed how your account is checked.",
};

/// The events that are notified, and their text. A new event has to be added here.
pub(crate) fn mail_text(name: Name) -> Option<MailText> {
    let (what, otherwise) = match name {
        Name::Enrolled => (
            "an authenticator was enrolled",
            "Someone else may now have a phone whose codes open your account.",
        ),
        Name::Disabled => (
            "the one-time codes were switched off",
            "Your account may be open to anyone who has your password or key.",
        ),
        Name::CodesRegenerated => (
            "the recovery codes were replaced by new ones",
            "Someone else may have the new recovery codes; your old ones are void.",
        ),
        Name::RecoveryUsed => (
            "a recovery code was used in place of a code from the phone",
            "Someone else may have your recovery codes.",
        ),
        Name::Guessing => (
            "someone is guessing the one-time codes of this account",
            "Someone may have your password or key and is trying codes. If this goes on, change your password and keys.",
        ),
        Name::Unlocked => (
            "the lock after wrong codes was lifted by an operator",
            "Someone may be guessing your codes, with the help of an operator.",
        ),
        Name::BudgetRefilled => (
            "the yearly budget for guesses was refilled by an operator, and locks were lifted",
            "Someone may be guessing your codes with the help of an operator, and can now try more of them.",
        ),
        Name::Imported => (
            "an authenticator was imported from another program",
            "Someone else may now have a phone whose codes open your account.",
        ),
        Name::TokenAssigned => (
            "a hardware token was assigned to the account",
            "Someone else may now have a token whose codes open your account.",
        ),
        Name::TokenUnassigned => (
            "a hardware token was taken back from the account; remembered devices need a code again",
            "Someone else may have changed how logins to your account are checked.",
        ),
        Name::DeviceRemembered => (
            "a device is remembered and needs no code for some time",
            "Someone else had one of your codes, and their device is now let in without a code.",
        ),
        Name::DeviceRevoked => (
            "remembered devices were revoked and need a code again",
            "Someone else may have changed how logins to your account are checked.",
        ),
        Name::ResetRequested => (
            "a reset of the one-time codes was requested, as after the loss of the phone and all recovery codes",
            "Cancel it at once with \"sudo totp-enroll reset cancel\" and one of your codes, or ask an administrator.",
        ),
        Name::ResetApproved => (
            "the reset of the one-time codes was approved by another operator",
            "Cancel it at once with \"sudo totp-enroll reset cancel\" and one of your codes, or ask an administrator.",
        ),
        Name::ResetRefused => (
            "a step of a reset of the one-time codes was refused",
            "Someone without permission tried to reset your codes. Further refused steps by this operator within a day are only in the log.",
        ),
        Name::ResetCancelled => (
            "the reset of the one-time codes was cancelled",
            "Someone else cancelled the reset that you had asked for.",
        ),
        Name::ResetCompleted => (
            "the one-time codes were reset: the phone, the recovery codes and remembered devices no longer work, and a reset token was issued to enrol a new phone",
            "Someone else may be about to enrol their own phone.",
        ),
        Name::TokenUsed => (
            "a reset token was used to enrol a new phone",
            "Someone else may now have a phone whose codes open your account.",
        ),
        Name::TokenRefused => {
            ("a reset token was refused", "Someone is trying to enrol their own phone for your account.")
        }
        // Not notified: ordinary logins and refusals; events of the machine; accounts that are gone.
        Name::Accepted
        | Name::Refused
        | Name::Locked
        | Name::Tested
        | Name::TokensImported
        | Name::AssignmentRefused
        | Name::TokenRevoked
        | Name::TokenRemoved
        | Name::Pruned
        | Name::StateRestored
        | Name::KeyringCreated
        | Name::KeyringSealed
        | Name::KeyringUnsealed
        | Name::KeyringBackedUp
        | Name::KeyringRestored
        | Name::KeyRotated
        | Name::NotifyFailed
        | Name::Error
        | Name::Debug => return None,
    };
    Some(MailText { what, otherwise })
}
