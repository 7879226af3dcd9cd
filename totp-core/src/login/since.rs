//! What a person should know of the time since their last login.

use crate::ledger::{LastLogin, Ledger};
use crate::reset::Notice;

/// What happened since the login before this one, for the person to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SinceLast {
    /// That login.
    pub login: Option<LastLogin>,
    /// How many wrong codes in a row came after it.
    pub wrong: u32,
    /// Whether a device that is still remembered was remembered at it or after it.
    pub device: bool,
    /// That somebody asked to reset the enrolment, expired or not.
    pub reset: Option<Notice>,
}

impl SinceLast {
    pub(super) fn of(ledger: &Ledger) -> Self {
        let last = ledger.last_login();
        let device = last.is_some_and(|last| ledger.devices.iter().any(|device| device.since >= last.at));
        Self { login: last, wrong: ledger.tries.consecutive(), device, reset: ledger.notice }
    }
}
