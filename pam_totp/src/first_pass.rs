//! `PAM_AUTHTOK`, the password that modules pass on (pam_get_item(3)): an answer that an earlier module was given, and the
//! password typed in front of a code.

use crate::ffi::libpam;
use pam::items::AuthTok;
use pam::module::PamHandle;
use std::ffi::CString;
use totp_core::code::{Answer, BehindPassword, SYNC, pasted_after};
use totp_core::login::{Method, Verdict};
use totp_core::random::Secret;
use totp_core::recovery::{RecoveryKind, SCRATCH_DIGITS};
use zeroize::Zeroizing;

/// What an earlier module was given; if it was given nothing, empty, which cannot be a code.
pub(crate) fn given(pamh: &PamHandle) -> Secret {
    let item = pamh.get_item::<AuthTok<'_>>().ok().flatten();
    Secret::new(item.map_or_else(Vec::new, |item| item.as_bytes().to_vec()))
}

/// How many bytes of an answer are the code behind the password, if its form tells, and how many of a line end stand after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CodeLength {
    code: Option<usize>,
    after: usize,
}

/// Splits an answer that ends with a code. `None`: it does not.
pub(crate) fn split(typed: &[u8]) -> Option<(Answer, CodeLength)> {
    let BehindPassword { answer, length, after } = BehindPassword::recognise(typed)?;
    Some((answer, CodeLength { code: length, after }))
}

/// The length of the word that asks for two codes, if an answer ends with it.
pub(crate) fn sync_behind_password(typed: &[u8]) -> Option<CodeLength> {
    let after = pasted_after(typed);
    let end = typed.len().checked_sub(after)?;
    let word = typed.get(end.checked_sub(SYNC.len())?..end)?;
    word.eq_ignore_ascii_case(SYNC).then_some(CodeLength { code: Some(SYNC.len()), after })
}

/// Passes the password in front of a judged code on to the modules after this one, if it is known how long the code is.
pub(crate) fn pass_on(pamh: &mut PamHandle, length: CodeLength, typed: &[u8], verdict: &Verdict) {
    let digits = match verdict {
        Verdict::Accepted(verified) => match verified.method() {
            Method::Code { digits, .. } => Some(usize::from(*digits)),
            Method::RecoveryCode { kind: RecoveryKind::Own, .. } => None,
            Method::RecoveryCode { kind: RecoveryKind::Scratch, .. } => Some(usize::from(SCRATCH_DIGITS)),
        },
        // Most authenticators have six. The login is refused, whatever the next modules do with the password.
        Verdict::Refused(_) | Verdict::Unrecorded(_) => Some(6),
    };
    let code = length.code.or(digits).and_then(|code| code.checked_add(length.after));
    let password = code.and_then(|length| typed.get(..typed.len().checked_sub(length)?));
    if let Some(password) = password {
        set_authtok(pamh, password);
    }
}

/// An empty password is not passed on: the next modules ask for themselves.
fn set_authtok(pamh: &mut PamHandle, password: &[u8]) {
    if password.is_empty() {
        return;
    }
    // Allocated with its terminator, so that it does not grow and leave a copy behind.
    let mut bytes = Vec::with_capacity(password.len().saturating_add(1));
    bytes.extend(password);
    let Ok(text) = CString::new(bytes) else { return };
    libpam::set_authtok(pamh, &text);
    drop(Zeroizing::new(text.into_bytes()));
}
