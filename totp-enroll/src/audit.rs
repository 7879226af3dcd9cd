//! The desk's lines in the log: what changed, for whom, by whom.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;
use totp_core::event::Event;

/// How long a full socket may hold the desk up.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes one line; where nobody listens there is no log.
pub(crate) fn write(socket: &Path, event: &Event) {
    let Ok(datagram) = UnixDatagram::unbound() else { return };
    if datagram.connect(socket).and_then(|()| datagram.set_write_timeout(Some(PATIENCE))).is_err() {
        return;
    }
    let (priority, process) = (event.name().severity().priority(), std::process::id());
    // RFC 3164 without its time stamp, which the daemon sets.
    let line = format!("<{priority}>totp-enroll[{process}]: {event}");
    // A line that cannot be sent has nobody to be told to.
    while let Err(error) = datagram.send(line.as_bytes())
        && error.kind() == ErrorKind::Interrupted
    {}
}
