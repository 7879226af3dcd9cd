//! The border to C: the six exported symbols, and in the files beside this one the calls into libpam, the data on its handle,
//! and the calls about pending signals. `unsafe` stands here only.
#![expect(unsafe_code, reason = "libpam and libc are C; every block names who promises what it relies on")]

pub(crate) mod kept;
pub(crate) mod libpam;
pub(crate) mod signals;

use crate::EntryPoints;

// Exports pam_sm_authenticate, pam_sm_setcred, pam_sm_acct_mgmt, pam_sm_open_session, pam_sm_close_session and
// pam_sm_chauthtok. Each checks handle and arguments for null and turns an unwinding into PAM_ABORT.
pam::pam_hooks!(EntryPoints);
