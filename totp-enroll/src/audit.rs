//! The desk's lines in the log: what changed, for whom, by whom.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;
use syslog::{Facility, LogFormat, Logger, LoggerBackend};
use totp_core::event::{Event, Severity};

/// How long a full socket may hold the desk up.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes one line; where nobody listens there is no log.
pub(crate) fn write(socket: &Path, event: &Event) {
    let Ok(datagram) = UnixDatagram::unbound() else { return };
    if datagram.connect(socket).and_then(|()| datagram.set_write_timeout(Some(PATIENCE))).is_err() {
        return;
    }
    let mut logger = Logger::new(LoggerBackend::Unix(datagram), Line);
    // A line that cannot be sent has nobody to be told to.
    let _ = match event.name().severity() {
        Severity::Error => logger.err(event),
        Severity::Notice => logger.notice(event),
        Severity::Info => logger.info(event),
        Severity::Debug => logger.debug(event),
    };
}

/// RFC 3164 without its time stamp, which the daemon sets.
struct Line;

impl LogFormat<&Event> for Line {
    fn format<W: std::io::Write>(
        &self,
        to: &mut W,
        severity: syslog::Severity,
        event: &Event,
    ) -> syslog::Result<()> {
        let priority = Facility::LOG_AUTHPRIV as u8 | severity as u8;
        let line = format!("<{priority}>totp-enroll[{}]: {event}", std::process::id());
        to.write_all(line.as_bytes()).map_err(syslog::Error::Write)
    }
}
