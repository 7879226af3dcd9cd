//! The other end of the conversation: the script of what the person, or a hostile application, answers.

use crate::authenticator::Authenticator;
use crate::login::{Login, Stage};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::slice;
use std::thread;
use std::time::Duration;
use zeroize::Zeroize;

/// One answer to one prompt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Answer {
    /// What a person types; any bytes but NUL.
    Typed(#[serde(deserialize_with = "in_one_place")] Vec<u8>),
    /// The code, of so many steps from now, for the manual key that was shown last: a person who set up their phone.
    CodeOfTheShownKey(i64),
    /// An array with a null pointer as the reply.
    NullReply,
    /// Success, and a null pointer in place of the array of replies (CVE-2021-31924).
    NullArray,
    /// The application cannot ask: `PAM_CONV_ERR`.
    Fails,
}

/// A prompt or message of the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// `PAM_PROMPT_ECHO_OFF` is 1, `PAM_PROMPT_ECHO_ON` 2, `PAM_ERROR_MSG` 3, `PAM_TEXT_INFO` 4.
    pub style: i32,
    /// The words.
    pub text: String,
}

impl Prompt {
    /// Does it want an answer?
    #[must_use]
    pub fn asks(&self) -> bool {
        matches!(self.style, PAM_PROMPT_ECHO_OFF | PAM_PROMPT_ECHO_ON)
    }
}

const PAM_PROMPT_ECHO_OFF: c_int = 1;
const PAM_PROMPT_ECHO_ON: c_int = 2;
const PAM_SUCCESS: c_int = 0;
const PAM_CONV_ERR: c_int = 19;

/// The script, and the prompts and messages so far.
pub(super) struct Conversation<'a> {
    answers: std::vec::IntoIter<Answer>,
    pause: Duration,
    keeps_answers: bool,
    asked: bool,
    reached: &'a mut dyn FnMut(Stage),
    prompts: Vec<Prompt>,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(login: &mut Login, reached: &'a mut dyn FnMut(Stage)) -> Box<Self> {
        Box::new(Self {
            answers: std::mem::take(&mut login.answers).into_iter(),
            pause: Duration::from_millis(login.pause_ms),
            keeps_answers: login.keeps_answers,
            asked: false,
            reached,
            prompts: Vec::new(),
        })
    }

    pub(super) fn reached(&mut self, stage: Stage) {
        (self.reached)(stage);
    }

    pub(super) fn as_c(&mut self) -> PamConv {
        PamConv { conv: converse, data: ptr::from_mut(self).cast() }
    }

    pub(super) fn into_prompts(self) -> Vec<Prompt> {
        self.prompts
    }

    fn answer(&mut self, prompt: Prompt) -> Option<Answer> {
        let asks = prompt.asks();
        self.prompts.push(prompt);
        if !asks {
            return Some(Answer::NullReply);
        }
        if !std::mem::replace(&mut self.asked, true) {
            self.reached(Stage::Prompt);
        }
        thread::sleep(self.pause);
        self.answers.next()
    }

    fn phone(&self) -> Authenticator {
        let said: String = self.prompts.iter().map(|prompt| format!("{}\n", prompt.text)).collect();
        Authenticator::shown(&said)
    }
}

/// Reads bytes without the vector ever growing, which would leave copies behind that nobody wipes.
fn in_one_place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    struct Bytes;
    impl<'de> Visitor<'de> for Bytes {
        type Value = Vec<u8>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("bytes")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Vec<u8>, A::Error> {
            let mut read = Vec::with_capacity(256);
            while let Some(byte) = bytes.next_element()? {
                read.push(byte);
            }
            Ok(read)
        }
    }
    deserializer.deserialize_seq(Bytes)
}

extern "C" fn converse(
    count: c_int,
    messages: *mut *const PamMessage,
    replies: *mut *mut PamResponse,
    data: *mut c_void,
) -> c_int {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: `data` is the Conversation that `as_c` was made from; it lives until after pam_end.
    let conversation = unsafe { &mut *data.cast::<Conversation<'_>>() };
    // SAFETY: pam_conv(3): an array of `count` pointers to messages.
    let messages = unsafe { slice::from_raw_parts(messages, count) };
    // SAFETY: calloc(3) has no preconditions; null is checked below.
    let array = unsafe { calloc(count.max(1), size_of::<PamResponse>()) }.cast::<PamResponse>();
    assert!(!array.is_null(), "out of memory");
    for (i, &message) in messages.iter().enumerate() {
        // SAFETY: pam_conv(3): each pointer is to a message with a terminated text.
        let prompt = unsafe { (*message).to_prompt() };
        let mut typed = match conversation.answer(prompt) {
            Some(Answer::Typed(bytes)) => bytes,
            Some(Answer::CodeOfTheShownKey(steps)) => conversation.phone().code_in(steps).into_bytes(),
            Some(Answer::NullReply) => continue,
            Some(Answer::NullArray) => {
                // SAFETY: `replies` is libpam's, and is allowed to be left null by a hostile application.
                unsafe { *replies = ptr::null_mut() };
                return PAM_SUCCESS;
            }
            Some(Answer::Fails) | None => return PAM_CONV_ERR,
        };
        // SAFETY: `i` is below `count`, the length of the array; libpam frees the copy.
        unsafe { (*array.add(i)).text = c_copy(&typed) };
        if conversation.keeps_answers {
            std::mem::forget(typed);
        } else {
            typed.zeroize();
        }
    }
    // SAFETY: `replies` is where libpam wants the array.
    unsafe { *replies = array };
    PAM_SUCCESS
}

/// A copy that `free` can free.
fn c_copy(bytes: &[u8]) -> *mut c_char {
    // SAFETY: calloc(3) has no preconditions; null is checked on the next line.
    let copy = unsafe { calloc(bytes.len() + 1, 1) }.cast::<u8>();
    assert!(!copy.is_null(), "out of memory");
    // SAFETY: the copy is one longer than the bytes, and its last is already zero.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len()) };
    copy.cast()
}

/// `struct pam_conv`.
#[repr(C)]
pub(super) struct PamConv {
    conv: extern "C" fn(c_int, *mut *const PamMessage, *mut *mut PamResponse, *mut c_void) -> c_int,
    data: *mut c_void,
}

/// `struct pam_message`.
#[repr(C)]
pub(super) struct PamMessage {
    style: c_int,
    text: *const c_char,
}

impl PamMessage {
    fn to_prompt(&self) -> Prompt {
        // SAFETY: pam_conv(3): a terminated text.
        let text = unsafe { CStr::from_ptr(self.text) };
        Prompt { style: self.style, text: text.to_string_lossy().into_owned() }
    }
}

/// `struct pam_response`.
#[repr(C)]
pub(super) struct PamResponse {
    text: *mut c_char,
    retcode: c_int,
}

unsafe extern "C" {
    fn calloc(count: usize, size: usize) -> *mut c_void;
}
