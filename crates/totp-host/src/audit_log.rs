//! The audit log: one line for each event, to syslog, for every front end.
//!
//! The `syslog` crate writes the line (RFC 3164) and sends it. The socket is ours: openlog(3), or a logger that the crate sets up,
//! would be the whole process's, would wait for a full socket, and would try other places where nobody listens.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};
use syslog::{Facility, Formatter3164, LogFormat, Logger, LoggerBackend, Severity as Loudness};
use totp_core::audit_event::Severity;

/// The log of one program.
pub struct AuditLog {
    /// `None`: nobody listens.
    logger: Option<Logger<LoggerBackend, Formatter3164>>,
    patience: Duration,
}

impl AuditLog {
    /// Connects to `socket`, in the name of `program`. Where nobody listens there is no log, and nothing fails.
    /// A full socket holds up each line for `patience` at most.
    #[must_use]
    pub fn connect(socket: &Path, program: &str, patience: Duration) -> Self {
        let connect = || {
            let datagram = UnixDatagram::unbound()?;
            datagram.connect(socket)?;
            datagram.set_write_timeout(Some(patience))?;
            std::io::Result::Ok(datagram)
        };
        let formatter = Formatter3164 {
            facility: Facility::LOG_AUTHPRIV,
            hostname: None,
            process: program.to_owned(),
            pid: std::process::id(),
        };
        let logger = connect().ok().map(|datagram| Logger::new(LoggerBackend::Unix(datagram), formatter));
        Self { logger, patience }
    }

    /// Writes one line, in one datagram. One that cannot be sent is lost: there is nobody to tell.
    pub fn write(&mut self, severity: Severity, message: impl Display) {
        let Some(logger) = &mut self.logger else { return };
        if let Some(line) = line(&logger.formatter, severity, message) {
            send(&mut logger.backend, &line, self.patience);
        }
    }
}

/// `<86>sshd[4711]: …`. The crate puts the time in front of the name, in UTC whatever the zone of the machine is, and a daemon that
/// believes it (syslog-ng; rsyslog where it is told to) would be hours off. Without one each daemon sets its own, which is right.
fn line(formatter: &Formatter3164, severity: Severity, message: impl Display) -> Option<Vec<u8>> {
    let loudness = match severity {
        Severity::Error => Loudness::LOG_ERR,
        Severity::Notice => Loudness::LOG_NOTICE,
        Severity::Info => Loudness::LOG_INFO,
        Severity::Debug => Loudness::LOG_DEBUG,
    };
    let mut line = Vec::new();
    formatter.format(&mut line, loudness, message).ok()?;
    let time = line.iter().position(|&byte| byte == b'>')?.checked_add(1)?;
    let name = time.checked_add(TIME.len()).filter(|&name| name <= line.len())?;
    line.drain(time..name);
    Some(line)
}

/// How the crate writes a time: always this long.
const TIME: &str = "Nov 20 19:00:00 ";

/// A send that a signal interrupts is repeated for what is left of the time.
fn send(backend: &mut LoggerBackend, line: &[u8], patience: Duration) {
    let begun = Instant::now();
    while let Err(error) = backend.write(line)
        && error.kind() == ErrorKind::Interrupted
    {
        let left = patience.saturating_sub(begun.elapsed());
        let LoggerBackend::Unix(datagram) = backend else { return };
        // Of no time at all the system makes for ever; std refuses it.
        if datagram.set_write_timeout(Some(left)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(200);

    fn log(directory: &Path) -> (UnixDatagram, AuditLog) {
        let path = directory.join("log");
        let socket = UnixDatagram::bind(&path).unwrap();
        (socket, AuditLog::connect(&path, "sshd", PATIENCE))
    }

    fn received(socket: &UnixDatagram) -> String {
        let mut datagram = [0; 4096];
        let length = socket.recv(&mut datagram).unwrap();
        String::from_utf8(datagram[..length].to_vec()).unwrap()
    }

    /// `LOG_AUTHPRIV` is ten; it stands above the three bits of the severity (RFC 3164 section 4.1.1).
    #[test]
    fn a_line_is_one_datagram_with_its_severity_and_no_time() {
        let directory = tempfile::tempdir().unwrap();
        let (socket, mut log) = log(directory.path());
        for (severity, number) in
            [(Severity::Error, 3), (Severity::Notice, 5), (Severity::Info, 6), (Severity::Debug, 7)]
        {
            log.write(severity, "event=debug step=\"a: b> c\"");
            let process = std::process::id();
            let priority = 10 * 8 + number;
            assert_eq!(
                received(&socket),
                format!("<{priority}>sshd[{process}]: event=debug step=\"a: b> c\"")
            );
        }
    }

    #[test]
    fn where_nobody_listens_nothing_fails() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = AuditLog::connect(&directory.path().join("log"), "sshd", PATIENCE);
        log.write(Severity::Info, "event=accepted");
        assert!(log.logger.is_none());
        // Nor where the daemon goes away afterwards.
        let (socket, mut log) = self::log(directory.path());
        drop(socket);
        log.write(Severity::Info, "event=accepted");
    }

    #[test]
    fn a_full_socket_holds_a_line_up_no_longer_than_was_said() {
        let directory = tempfile::tempdir().unwrap();
        let (_socket, mut log) = log(directory.path());
        let begun = Instant::now();
        // A socket holds net.unix.max_dgram_qlen (10) and one; then each line waits.
        for _ in 0..12 {
            log.write(Severity::Info, "event=accepted");
        }
        let waited = begun.elapsed();
        assert!(waited >= PATIENCE && waited < PATIENCE * 10, "{waited:?}");
    }
}
