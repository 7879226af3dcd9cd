//! The C interface of libpam, for an application. The only module here with `unsafe`.

#![expect(unsafe_code, reason = "libpam and the dynamic loader speak C")]

mod child;
mod conversation;
mod loader;

pub use child::{fork, timed};
pub use conversation::{Answer, Prompt};
pub use loader::load;

use crate::login::{Call, Login, Outcome, PamCode, Stage};
use conversation::{Conversation, PamConv};
use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes one login in this process; its answers are used up, and wiped. `reached` is called at each stage.
///
/// # Panics
/// When libpam itself fails to start, unless the login says that it may.
pub fn login(login: &mut Login, reached: &mut dyn FnMut(Stage)) -> Outcome {
    let mut conversation = Conversation::new(login, reached);
    let conv = conversation.as_c();
    let mut handle = match Handle::start(login, &conv) {
        Ok(handle) => handle,
        Err(code) => {
            let code = PamCode(code);
            return Outcome { code, setcred: code, prompts: Vec::new(), delayed: false };
        }
    };
    let code = handle.ask(login.call, if login.silent { PAM_SILENT } else { 0 });
    // As programs do. A module that keeps something until then relies on it.
    let setcred = if code == 0 { handle.setcred() } else { code };
    conversation.reached(Stage::Answered);
    handle.end(code);
    conversation.reached(Stage::Ended);
    Outcome {
        code: PamCode(code),
        setcred: PamCode(setcred),
        prompts: conversation.into_prompts(),
        delayed: DELAY_US.load(Ordering::Relaxed) > 0,
    }
}

/// What `pam_start` gave.
struct Handle(*mut PamHandle);

impl Handle {
    /// `Err`: what libpam answers where the service cannot be read, if the test asks about that.
    fn start(login: &Login, conv: &PamConv) -> Result<Self, c_int> {
        let service = text(login.service.as_bytes());
        let confdir = text(login.confdir.as_os_str().as_encoded_bytes());
        let user = login.user.as_deref().map(text);
        let user = user.as_ref().map_or(ptr::null(), |u| u.as_ptr());
        let mut handle = ptr::null_mut();
        // SAFETY: every pointer is to a terminated string or a struct that outlives the handle (`login` owns both).
        let code =
            unsafe { pam_start_confdir(service.as_ptr(), user, conv, confdir.as_ptr(), &raw mut handle) };
        if login.may_not_start && code != 0 {
            return Err(code);
        }
        assert_eq!(code, 0, "pam_start_confdir");
        let mut handle = Self(handle);
        handle.item(PAM_RHOST, login.rhost.as_deref());
        handle.item(PAM_RUSER, login.ruser.as_deref());
        handle.item(PAM_TTY, login.tty.as_deref());
        for variable in &login.pam_environment {
            handle.put_environment(variable);
        }
        handle.take_delays();
        Ok(handle)
    }

    fn item(&mut self, item: c_int, value: Option<&[u8]>) {
        let Some(value) = value else { return };
        let value = text(value);
        // SAFETY: the handle is live; libpam copies the terminated string.
        let code = unsafe { pam_set_item(self.0, item, value.as_ptr().cast()) };
        assert_eq!(code, 0, "pam_set_item {item}");
    }

    fn put_environment(&mut self, variable: &str) {
        let variable = text(variable.as_bytes());
        // SAFETY: the handle is live; libpam copies the terminated string.
        let code = unsafe { pam_putenv(self.0, variable.as_ptr()) };
        assert_eq!(code, 0, "pam_putenv");
    }

    /// Takes the pause after a failure upon itself, as sshd does: a test does not sit it out.
    fn take_delays(&mut self) {
        let delay: extern "C" fn(c_int, c_uint, *mut c_void) = note_delay;
        // SAFETY: pam_set_item(3) wants the function itself as the item.
        let code = unsafe { pam_set_item(self.0, PAM_FAIL_DELAY, delay as *const c_void) };
        assert_eq!(code, 0, "pam_set_item PAM_FAIL_DELAY");
    }

    fn ask(&mut self, call: Call, flags: c_int) -> c_int {
        let function = match call {
            Call::Authenticate => pam_authenticate,
            Call::Account => pam_acct_mgmt,
            Call::Session => pam_open_session,
            Call::Password => pam_chauthtok,
        };
        // SAFETY: the handle is live.
        unsafe { function(self.0, flags) }
    }

    fn setcred(&mut self) -> c_int {
        // SAFETY: the handle is live.
        unsafe { pam_setcred(self.0, PAM_ESTABLISH_CRED) }
    }

    fn end(self, status: c_int) {
        // SAFETY: the handle is live, and `self` ends here.
        unsafe { pam_end(self.0, status) };
    }
}

/// The longest pause that a module asked for; libpam draws it at random around what was asked, 0 when nothing was.
static DELAY_US: AtomicU32 = AtomicU32::new(0);

extern "C" fn note_delay(_status: c_int, us: c_uint, _data: *mut c_void) {
    DELAY_US.fetch_max(us, Ordering::Relaxed);
}

fn text(bytes: &[u8]) -> CString {
    CString::new(bytes).unwrap()
}

/// Opaque; libpam owns it.
enum PamHandle {}

const PAM_TTY: c_int = 3;
const PAM_RHOST: c_int = 4;
const PAM_RUSER: c_int = 8;
const PAM_FAIL_DELAY: c_int = 10;
const PAM_ESTABLISH_CRED: c_int = 2;
const PAM_SILENT: c_int = 0x8000;

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_start_confdir(
        service: *const c_char,
        user: *const c_char,
        conv: *const PamConv,
        confdir: *const c_char,
        handle: *mut *mut PamHandle,
    ) -> c_int;
    fn pam_set_item(handle: *mut PamHandle, item: c_int, value: *const c_void) -> c_int;
    fn pam_putenv(handle: *mut PamHandle, variable: *const c_char) -> c_int;
    fn pam_authenticate(handle: *mut PamHandle, flags: c_int) -> c_int;
    fn pam_open_session(handle: *mut PamHandle, flags: c_int) -> c_int;
    fn pam_chauthtok(handle: *mut PamHandle, flags: c_int) -> c_int;
    fn pam_setcred(handle: *mut PamHandle, flags: c_int) -> c_int;
    fn pam_acct_mgmt(handle: *mut PamHandle, flags: c_int) -> c_int;
    fn pam_end(handle: *mut PamHandle, status: c_int) -> c_int;
}
