//! The six exported symbols, and what keeps a panic inside them.

use crate::entry::EntryPoints;

// Exports pam_sm_authenticate, pam_sm_setcred, pam_sm_acct_mgmt, pam_sm_open_session, pam_sm_close_session and
// pam_sm_chauthtok. Each checks handle and arguments for null and turns an unwinding into PAM_ABORT.
pam::pam_hooks!(EntryPoints);
