//! The calls into libpam that pam-bindings lacks.

use pam::items::ItemType;
use pam::module::PamHandle;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::time::Duration;

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_getenv(pamh: *mut PamHandle, name: *const c_char) -> *const c_char;
    fn pam_fail_delay(pamh: *mut PamHandle, microseconds: c_uint) -> c_int;
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
