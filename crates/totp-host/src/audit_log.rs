//! Writes the audit log: one line for each event, to the local syslog daemon or to journald.
//!
//! **journald** gets the line in its own protocol (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>). Of a syslog line without a timestamp
//! it would also keep the whole datagram (`SYSLOG_RAW=`), so the journal would have each line twice.
//!
//! For other daemons the `syslog` crate formats the line (RFC 3164) and sends it. Two things are done here instead:
//!
//! * **The socket** is connected here and has a write time-out. A logger that the crate sets up (`syslog::init_*`, like openlog(3))
//!   belongs to the whole process, which may be sshd, waits without limit for a full socket, and tries other sockets if nobody
//!   listens on this one.
//! * **The crate's timestamp is cut out.** Version 7 always writes UTC on Unix, where RFC 3164 section 4.1.2 means local time, and
//!   pads the day with a zero (`Nov 05`), where the RFC asks for a space (`Nov  5`). A daemon that believes the timestamp would show the
//!   line hours off. A line may come without one: rsyslog and syslog-ng then take the time of arrival, which is right in every zone.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use syslog::{Facility, Formatter3164, LogFormat, LoggerBackend, Severity as SyslogSeverity};
use totp_core::audit_event::Severity;

/// The log of one program.
pub struct AuditLog {
    socket: PathBuf,
    formatter: Formatter3164,
    /// Or why there is none.
    connection: Result<Connection, ErrorKind>,
    patience: Duration,
}

/// A socket of a log daemon.
struct Connection {
    backend: LoggerBackend,
    protocol: Protocol,
}

/// How its daemon takes a line.
#[derive(Clone, Copy)]
enum Protocol {
    Syslog,
    Journal,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Delivery {
    /// The daemon has it.
    Sent,
    /// There is a log, and it did not take the line: its socket is full, say, or its daemon is being restarted.
    Lost,
    /// This machine has no log.
    NoLog,
}

impl AuditLog {
    /// Connects to `socket` as `program`. If no daemon listens, no line is sent; that is not an error.
    /// A full socket delays each line by at most `patience`.
    #[must_use]
    pub fn connect(socket: &Path, program: &str, patience: Duration) -> Self {
        let formatter = Formatter3164 {
            facility: Facility::LOG_AUTHPRIV,
            hostname: None,
            process: program.to_owned(),
            pid: std::process::id(),
        };
        let connection = connected(socket, patience);
        Self { socket: socket.to_owned(), formatter, connection, patience }
    }

    /// Connects once more: the daemon may have been restarted since.
    pub fn reconnect(&mut self) {
        self.connection = connected(&self.socket, self.patience);
    }

    /// Writes one line, in one datagram.
    pub fn write(&mut self, severity: Severity, message: impl Display) -> Delivery {
        match &mut self.connection {
            Ok(Connection { backend, protocol }) => {
                let line = match protocol {
                    Protocol::Syslog => line(&self.formatter, severity, message),
                    Protocol::Journal => Some(entry(&self.formatter, severity, message)),
                };
                match line {
                    Some(line) if send(backend, &line, self.patience) => Delivery::Sent,
                    Some(_) | None => Delivery::Lost,
                }
            }
            Err(ErrorKind::NotFound) => Delivery::NoLog,
            Err(_) => Delivery::Lost,
        }
    }
}

fn connected(socket: &Path, patience: Duration) -> Result<Connection, ErrorKind> {
    let connect = |socket: &Path, protocol| {
        let datagram = UnixDatagram::unbound()?;
        datagram.connect(socket)?;
        datagram.set_write_timeout(Some(patience))?;
        std::io::Result::Ok(Connection { backend: LoggerBackend::Unix(datagram), protocol })
    };
    if let Some(journal) = journal_behind(socket)
        && let Ok(connection) = connect(&journal, Protocol::Journal)
    {
        return Ok(connection);
    }
    connect(socket, Protocol::Syslog).map_err(|error| error.kind())
}

/// journald's own socket, if `socket` is a link to its syslog socket: `/dev/log` is one to `/run/systemd/journal/dev-log`
/// (systemd-journald.service(8)).
fn journal_behind(socket: &Path) -> Option<PathBuf> {
    // A relative link is one from its own directory, never from that of the caller, who could have made the socket there.
    let syslog = socket.parent()?.join(std::fs::read_link(socket).ok()?);
    syslog.ends_with("dev-log").then(|| syslog.with_file_name("socket"))
}

/// The number of the facility `LOG_AUTHPRIV` (RFC 3164 section 4.1.1).
const AUTHPRIV: u8 = 10;

/// The fields that journald would make of the line, each in a line of its own.
fn entry(formatter: &Formatter3164, severity: Severity, message: impl Display) -> Vec<u8> {
    // RFC 3164 section 4.1.1.
    let priority = match severity {
        Severity::Error => 3,
        Severity::Notice => 5,
        Severity::Info => 6,
        Severity::Debug => 7,
    };
    // Neither contains a line feed; one would begin a field.
    let one_line = |text: String| text.replace('\n', " ");
    let (name, message) = (one_line(formatter.process.clone()), one_line(message.to_string()));
    let pid = formatter.pid;
    format!("PRIORITY={priority}\nSYSLOG_FACILITY={AUTHPRIV}\nSYSLOG_IDENTIFIER={name}\nSYSLOG_PID={pid}\nMESSAGE={message}\n")
        .into_bytes()
}

/// `<86>sshd[4711]: event=…`: the line of the crate without its timestamp, which stands between `>` and the name.
fn line(formatter: &Formatter3164, severity: Severity, message: impl Display) -> Option<Vec<u8>> {
    let severity = match severity {
        Severity::Error => SyslogSeverity::LOG_ERR,
        Severity::Notice => SyslogSeverity::LOG_NOTICE,
        Severity::Info => SyslogSeverity::LOG_INFO,
        Severity::Debug => SyslogSeverity::LOG_DEBUG,
    };
    let mut line = Vec::new();
    formatter.format(&mut line, severity, message).ok()?;
    let time = line.iter().position(|&byte| byte == b'>')?.checked_add(1)?;
    let name = time.checked_add(TIME.len()).filter(|&name| name <= line.len())?;
    line.drain(time..name);
    Some(line)
}

/// A timestamp of the crate: each has this length, since day, hour, minute and second have two digits.
const TIME: &str = "Nov 20 19:00:00 ";

/// Sends one datagram; returns whether it was sent. A send that a signal interrupts is repeated for the rest of `patience`.
fn send(backend: &mut LoggerBackend, line: &[u8], patience: Duration) -> bool {
    let begun = Instant::now();
    let mut was_interrupted = false;
    let mut sent = backend.write(line);
    while let Err(error) = &sent
        && error.kind() == ErrorKind::Interrupted
    {
        was_interrupted = true;
        // std refuses zero, which the kernel would take for "no time-out".
        if set_patience(backend, patience.saturating_sub(begun.elapsed())).is_err() {
            break;
        }
        sent = backend.write(line);
    }
    if was_interrupted {
        // The next line has its full time again. Where that fails, it has what is left of this one's.
        let _ = set_patience(backend, patience);
    }
    sent.is_ok()
}

fn set_patience(backend: &LoggerBackend, patience: Duration) -> std::io::Result<()> {
    // [`AuditLog`] connects to nothing else.
    let LoggerBackend::Unix(datagram) = backend else { return Ok(()) };
    datagram.set_write_timeout(Some(patience))
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

    /// The number is the facility (`LOG_AUTHPRIV`, ten) times eight plus the severity (RFC 3164 section 4.1.1).
    #[test]
    fn a_line_is_one_datagram_with_its_severity_and_no_time() {
        let directory = tempfile::tempdir().unwrap();
        let (socket, mut log) = log(directory.path());
        for (severity, number) in
            [(Severity::Error, 3), (Severity::Notice, 5), (Severity::Info, 6), (Severity::Debug, 7)]
        {
            assert_eq!(log.write(severity, "event=debug step=\"a: b> c\""), Delivery::Sent);
            let process = std::process::id();
            let priority = 10 * 8 + number;
            assert_eq!(
                received(&socket),
                format!("<{priority}>sshd[{process}]: event=debug step=\"a: b> c\"")
            );
        }
    }

    #[test]
    fn a_line_for_journald_is_in_its_own_protocol() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        // Relative to its own directory, whatever the caller's is.
        std::os::unix::fs::symlink("dev-log", path("log")).unwrap();
        let (syslog, journal) =
            (UnixDatagram::bind(path("dev-log")).unwrap(), UnixDatagram::bind(path("socket")).unwrap());
        let mut log = AuditLog::connect(&path("log"), "ss\nhd", PATIENCE);
        assert_eq!(log.write(Severity::Notice, "event=refused\n_UID=0"), Delivery::Sent);
        let fields = format!(
            "PRIORITY=5\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=ss hd\nSYSLOG_PID={}\nMESSAGE=event=refused _UID=0\n",
            std::process::id()
        );
        assert_eq!(received(&journal), fields);
        // Where only the syslog socket can be reached, that is used.
        std::fs::remove_file(path("socket")).unwrap();
        log.reconnect();
        assert_eq!(log.write(Severity::Notice, "event=refused"), Delivery::Sent);
        assert!(received(&syslog).starts_with("<85>ss"));
    }

    #[test]
    fn without_a_daemon_nothing_fails() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = AuditLog::connect(&path, "sshd", PATIENCE);
        assert_eq!(log.write(Severity::Info, "event=accepted"), Delivery::NoLog);
        // A daemon that goes away later has left a log that takes nothing.
        let (socket, mut log) = self::log(directory.path());
        drop(socket);
        assert_eq!(log.write(Severity::Info, "event=accepted"), Delivery::Lost);
        log.reconnect();
        assert_eq!(log.write(Severity::Info, "event=accepted"), Delivery::Lost);
    }

    #[test]
    fn a_daemon_that_was_restarted_is_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let (socket, mut log) = log(directory.path());
        drop(socket);
        std::fs::remove_file(directory.path().join("log")).unwrap();
        let socket = UnixDatagram::bind(directory.path().join("log")).unwrap();
        assert_eq!(log.write(Severity::Info, "event=accepted"), Delivery::Lost);
        log.reconnect();
        assert_eq!(log.write(Severity::Info, "event=accepted"), Delivery::Sent);
        assert!(received(&socket).ends_with("event=accepted"));
    }

    #[test]
    fn a_full_socket_delays_a_line_by_its_patience() {
        let directory = tempfile::tempdir().unwrap();
        let (_socket, mut log) = log(directory.path());
        let begun = Instant::now();
        // The socket holds net.unix.max_dgram_qlen (10) datagrams and one more; then each line waits.
        let delivered: Vec<_> = (0..12).map(|_| log.write(Severity::Info, "event=accepted")).collect();
        assert_eq!((delivered.first(), delivered.last()), (Some(&Delivery::Sent), Some(&Delivery::Lost)));
        let waited = begun.elapsed();
        assert!(waited >= PATIENCE && waited < PATIENCE * 10, "{waited:?}");
    }

    /// A process that is stopped and continued finds such a send interrupted (signal(7)).
    #[test]
    fn after_an_interrupted_send_the_next_line_has_its_full_time() {
        const LONG: Duration = Duration::from_secs(30);
        const STOP_AND_GO_ON: &str = "kill -STOP $PPID; kill -CONT $PPID";
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let socket = UnixDatagram::bind(&path).unwrap();
        let mut log = AuditLog::connect(&path, "sshd", LONG);
        let Ok(Connection { backend: LoggerBackend::Unix(datagram), .. }) = &log.connection else {
            panic!("no datagrams")
        };
        let datagram = datagram.try_clone().unwrap();
        let timeout = || datagram.write_timeout().unwrap();
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let full = scope.spawn(|| {
                while timeout() == Some(LONG) && begun.elapsed() < LONG {
                    let done = std::process::Command::new("/bin/sh").args(["-c", STOP_AND_GO_ON]).status();
                    assert!(done.unwrap().success());
                }
                let was_interrupted = timeout() != Some(LONG);
                received(&socket);
                was_interrupted
            });
            // The last one waits until the other thread makes space.
            for _ in 0..12 {
                assert_eq!(log.write(Severity::Info, "event=accepted"), Delivery::Sent);
            }
            assert!(full.join().unwrap(), "no send was interrupted");
        });
        assert_eq!(timeout(), Some(LONG));
    }
}
