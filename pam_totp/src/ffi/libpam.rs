//! The calls into libpam that pam-bindings lacks, or makes without wiping a secret.

use pam::constants::PamMessageStyle;
use pam::items::ItemType;
use pam::module::PamHandle;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr;
use std::time::Duration;
use totp_core::random::Secret;
use zeroize::Zeroize;

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_getenv(pamh: *mut PamHandle, name: *const c_char) -> *const c_char;
    fn pam_fail_delay(pamh: *mut PamHandle, microseconds: c_uint) -> c_int;
    fn pam_get_item(pamh: *const PamHandle, item_type: c_int, item: *mut *const c_void) -> c_int;
    fn pam_set_item(pamh: *mut PamHandle, item_type: c_int, item: *const c_void) -> c_int;
}

/// A variable of the PAM environment (`pam_getenv(3)`), which the application sets; not the process's environment,
/// which a user may set. `None`: it is not set, or not UTF-8.
pub(crate) fn environment(pamh: &mut PamHandle, name: &CStr) -> Option<String> {
    // SAFETY: libpam promises a null pointer or a string of its own that lives until the variable is changed; the handle
    // is libpam's, alive for this call, and `name` ends with a null byte.
    let value = unsafe { pam_getenv(pamh, name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: not null, so it is libpam's string as above; it is copied before anything can change it.
    let value = unsafe { CStr::from_ptr(value) };
    value.to_str().ok().map(str::to_owned)
}

/// Asks the application to wait about this long before it reports a refusal (`pam_fail_delay(3)`).
pub(crate) fn fail_delay(pamh: &mut PamHandle, delay: Duration) {
    let microseconds = c_uint::try_from(delay.as_micros()).unwrap_or(c_uint::MAX);
    // SAFETY: the handle is libpam's, alive for this call. On an error there is no delay; nothing to do.
    let _ = unsafe { pam_fail_delay(pamh, microseconds) };
}

/// Passes a password on to the modules after this one (`PAM_AUTHTOK`, `pam_set_item(3)`). libpam keeps a copy and wipes it
/// when it is done; on an error the next module asks for itself.
pub(crate) fn set_authtok(pamh: &mut PamHandle, password: &CStr) {
    // SAFETY: the handle is libpam's, alive for this call; the item is a string that ends with a null byte and is copied.
    let _ = unsafe { pam_set_item(pamh, ItemType::AuthTok as c_int, password.as_ptr().cast()) };
}

/// The application did not show the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConversationError;

/// Shows a text that contains a secret, through the application, in a `style` without an answer. The application may keep the text;
/// nothing of it is left here, as it would be by `Conv::send` of pam-bindings.
pub(crate) fn say_secret(
    pamh: &PamHandle,
    style: PamMessageStyle,
    text: &Secret,
) -> Result<(), ConversationError> {
    let mut item: *const c_void = ptr::null();
    // SAFETY: the handle is libpam's, alive for this call; for PAM_CONV libpam promises null or a `struct pam_conv` of its
    // own (pam_get_item(3)), and writes nothing but that pointer.
    let code = unsafe { pam_get_item(pamh, ItemType::Conv as c_int, &raw mut item) };
    if code != PAM_SUCCESS || item.is_null() {
        return Err(ConversationError);
    }
    // SAFETY: not null, so it is libpam's as above, laid out as pam_conv(3) has it, and lives until the item is set anew,
    // which does not happen during this call.
    let conversation = unsafe { &*item.cast::<Conversation>() };
    conversation.say(style, text)
}

/// `struct pam_conv` (pam_conv(3)).
#[repr(C)]
struct Conversation {
    converse: Option<Converse>,
    data: *mut c_void,
}

type Converse = unsafe extern "C" fn(c_int, *mut *const Message, *mut *mut Response, *mut c_void) -> c_int;

/// `struct pam_message`.
#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

/// `struct pam_response`.
#[repr(C)]
struct Response {
    text: *mut c_char,
    unused: c_int,
}

impl Conversation {
    fn say(&self, style: PamMessageStyle, text: &Secret) -> Result<(), ConversationError> {
        let converse = self.converse.ok_or(ConversationError)?;
        // Allocated with its terminator, so that it does not grow and leave a copy behind; wiped when it is dropped.
        let mut terminated = Vec::with_capacity(text.expose().len().saturating_add(1));
        terminated.extend(text.expose());
        terminated.push(0);
        let terminated = Secret::new(terminated);
        let text = CStr::from_bytes_with_nul(terminated.expose()).map_err(|_| ConversationError)?;
        let message = Message { style, text: text.as_ptr() };
        let mut messages = &raw const message;
        let mut responses: *mut Response = ptr::null_mut();
        // SAFETY: the application promises a function of this type and data that belongs to it (pam_conv(3)); one message,
        // which lives for the call with a text that ends with a null byte.
        let code = unsafe { converse(1, &raw mut messages, &raw mut responses, self.data) };
        // On an error there is nothing to free (pam_conv(3)). Some applications report success with a null array (CVE-2021-31924).
        if code != PAM_SUCCESS || responses.is_null() {
            return Err(ConversationError);
        }
        // SAFETY: not null, so the application made it for one message, and the caller reads and frees it.
        let answer = unsafe { (*responses).text };
        if !answer.is_null() {
            // It answers no question, so it may be anything that was typed.
            // SAFETY: not null, so it is a string that ends with a null byte and belongs to the caller (pam_conv(3)).
            let length = unsafe { CStr::from_ptr(answer) }.to_bytes().len();
            // SAFETY: of the length just counted, and nothing else refers to it.
            unsafe { std::slice::from_raw_parts_mut(answer.cast::<u8>(), length) }.zeroize();
            // SAFETY: pam_conv(3): the application allocated it with malloc(3), and the caller frees it.
            unsafe { free(answer.cast()) };
        }
        // SAFETY: as above, and nothing of it is used any more.
        unsafe { free(responses.cast()) };
        Ok(())
    }
}

const PAM_SUCCESS: c_int = 0;

unsafe extern "C" {
    fn free(memory: *mut c_void);
}

#[cfg(test)]
mod tests {
    use super::*;
    use pam::constants::PAM_TEXT_INFO;

    unsafe extern "C" {
        fn calloc(count: usize, size: usize) -> *mut c_void;
    }

    /// Styles and texts.
    type Heard = Vec<(c_int, Vec<u8>)>;

    /// An application: what it was told, and how it behaves.
    struct Application {
        heard: Heard,
        behaviour: Behaviour,
    }

    #[derive(Clone, Copy)]
    enum Behaviour {
        Listens,
        Answers,
        NullArray,
        Fails,
    }

    unsafe extern "C" fn converse(
        count: c_int,
        messages: *mut *const Message,
        responses: *mut *mut Response,
        data: *mut c_void,
    ) -> c_int {
        assert_eq!(count, 1);
        // SAFETY: the data that `heard_by` passed, which it does not touch during the call.
        let application = unsafe { &mut *data.cast::<Application>() };
        // SAFETY: `say` passes a pointer to one message that lives for the call.
        let message = unsafe { &**messages };
        // SAFETY: `say` ends its text with a null byte.
        let text = unsafe { CStr::from_ptr(message.text) };
        application.heard.push((message.style, text.to_bytes().to_vec()));
        if matches!(application.behaviour, Behaviour::NullArray) {
            return PAM_SUCCESS;
        }
        // SAFETY: calloc(3) has no preconditions.
        let array = unsafe { calloc(1, size_of::<Response>()) }.cast::<Response>();
        assert!(!array.is_null());
        if matches!(application.behaviour, Behaviour::Answers) {
            // SAFETY: calloc(3) has no preconditions.
            let answer = unsafe { calloc(2, 1) }.cast::<c_char>();
            // SAFETY: the first of two bytes, so that it is a string of one.
            unsafe { answer.write(65) };
            // SAFETY: the array has this one element, and it is zeroed.
            unsafe { (*array).text = answer };
        }
        // SAFETY: where `say` wants the array.
        unsafe { *responses = array };
        if matches!(application.behaviour, Behaviour::Fails) { 19 } else { PAM_SUCCESS }
    }

    fn heard_by(behaviour: Behaviour, text: &[u8]) -> (Result<(), ConversationError>, Heard) {
        let mut application = Application { heard: Vec::new(), behaviour };
        let conversation =
            Conversation { converse: Some(converse), data: ptr::from_mut(&mut application).cast() };
        let said = conversation.say(PAM_TEXT_INFO, &Secret::new(text.to_vec()));
        (said, application.heard)
    }

    #[test]
    fn the_text_arrives_whole_even_if_the_application_answers() {
        for behaviour in [Behaviour::Listens, Behaviour::Answers] {
            let heard = vec![(PAM_TEXT_INFO, b"manual key: ABCD".to_vec())];
            assert_eq!(heard_by(behaviour, b"manual key: ABCD"), (Ok(()), heard));
        }
    }

    #[test]
    fn an_application_that_does_not_show_it_is_an_error() {
        for behaviour in [Behaviour::NullArray, Behaviour::Fails] {
            assert_eq!(heard_by(behaviour, b"key").0, Err(ConversationError));
        }
        let deaf = Conversation { converse: None, data: ptr::null_mut() };
        assert_eq!(deaf.say(PAM_TEXT_INFO, &Secret::new(b"key".to_vec())), Err(ConversationError));
    }

    #[test]
    fn a_text_with_a_null_byte_is_not_shown() {
        assert_eq!(heard_by(Behaviour::Listens, b"a\0b"), (Err(ConversationError), Vec::new()));
    }
}
