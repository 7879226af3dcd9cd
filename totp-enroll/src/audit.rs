//! The command's lines in the log: what changed, for whom, by whom.

use std::path::Path;
use std::time::Duration;
use totp_core::audit_event::Event;
use totp_host::audit_log::AuditLog;

/// How long a full socket may hold the command up.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes one line; where nobody listens there is no log.
pub(crate) fn write(socket: &Path, event: &Event) {
    AuditLog::connect(socket, "totp-enroll", PATIENCE).write(event.name().severity(), event);
}
