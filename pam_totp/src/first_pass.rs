//! The password that modules hand on (`PAM_AUTHTOK`, pam_get_item(3)): a code that one before this one was given, and the
//! password in front of a code.

use crate::ffi::libpam;
use pam::items::AuthTok;
use pam::module::PamHandle;
use std::ffi::CString;
use totp_core::code::{Answer, BehindPassword};
use totp_core::login::{Method, Verdict};
use totp_core::recovery::{RecoveryKind, SCRATCH_DIGITS};
use totp_core::secret::Secret;
use zeroize::Zeroizing;

/// What a module before this one was given.
pub(crate) fn given(pamh: &PamHandle) -> Option<Secret> {
    let item = pamh.get_item::<AuthTok<'_>>().ok().flatten()?;
    Some(Secret::new(item.as_bytes().to_vec())).filter(|given| !given.expose().is_empty())
}

/// An answer, parted into the code and the password in front of it.
pub(crate) struct SplitAnswer {
    /// The code.
    pub(crate) answer: Answer,
    /// Bytes of the code, where its form tells.
    length: Option<usize>,
}

impl SplitAnswer {
    /// An answer that is a code, or with `forward_pass` has one at its end; `None`: neither.
    pub(crate) fn of(typed: &[u8], forward_pass: bool) -> Option<Self> {
        if !forward_pass {
            return Answer::recognise(typed).map(|answer| Self { answer, length: None });
        }
        BehindPassword::recognise(typed).map(|BehindPassword { answer, length }| Self { answer, length })
    }

    /// The password in front of the code that was judged, where it is known how long that was.
    pub(crate) fn password(&self, typed: &[u8], verdict: &Verdict) -> Option<Secret> {
        let digits = match verdict {
            Verdict::Accepted(verified) => match verified.method() {
                Method::Code { digits, .. } => Some(usize::from(*digits)),
                Method::RecoveryCode { kind: RecoveryKind::Own, .. } => None,
                Method::RecoveryCode { kind: RecoveryKind::Scratch, .. } => Some(usize::from(SCRATCH_DIGITS)),
            },
            // Most authenticators have six. The login is refused whatever becomes of the password.
            Verdict::Refused(_) => Some(6),
        };
        let length = self.length.or(digits)?;
        Some(Secret::new(typed.get(..typed.len().checked_sub(length)?)?.to_vec()))
    }
}

/// Hands a password on to the modules after this one. An empty one is none: they ask for themselves.
pub(crate) fn hand_on(pamh: &mut PamHandle, password: &Secret) {
    if password.expose().is_empty() {
        return;
    }
    // As long as it will be with its end, so that it does not grow and leave a copy behind.
    let mut bytes = Vec::with_capacity(password.expose().len().saturating_add(1));
    bytes.extend(password.expose());
    let Ok(text) = CString::new(bytes) else { return };
    libpam::set_authtok(pamh, &text);
    drop(Zeroizing::new(text.into_bytes()));
}
