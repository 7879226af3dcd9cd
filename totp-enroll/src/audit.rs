//! Writes the command's audit log lines; separate from `context`, because `notify` writes them too.

use std::path::Path;
use std::time::Duration;
use totp_core::audit_event::Event;
use totp_host::audit_log::AuditLog;

/// How long a full syslog socket may delay the command.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes one line; without a syslog daemon it is lost.
pub(crate) fn write(socket: &Path, event: &Event) {
    AuditLog::connect(socket, "totp-enroll", PATIENCE).write(event.name().severity(), event);
}
