//! One line to syslog for every outcome, on a socket of our own: openlog(3) from a module would rename the host's lines.

use crate::enroll::Unfinished;
use crate::outcome::{Broken, Outcome};
use crate::request::Request;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;
use syslog::{Facility, LogFormat, Logger, LoggerBackend};
use totp_core::device::DeviceId;
use totp_core::draft::NotConfirmed;
use totp_core::event::{Event, Name, Severity};
use totp_core::login::{Method, Reason, Refusal};
use totp_core::policy::Waived;
use totp_core::time::Seconds;

/// How long a full socket may hold up a login.
const PATIENCE: Duration = Duration::from_millis(500);

/// The log of one call.
pub(crate) struct Audit<'a> {
    request: &'a Request,
    logger: Option<Logger<LoggerBackend, Line>>,
}

impl<'a> Audit<'a> {
    /// Connects to `socket`. Where nobody listens there is no log; that refuses nobody.
    pub(crate) fn open(socket: &Path, request: &'a Request) -> Self {
        let connect = || {
            let datagram = UnixDatagram::unbound()?;
            datagram.connect(socket)?;
            datagram.set_write_timeout(Some(PATIENCE))?;
            std::io::Result::Ok(datagram)
        };
        let line = Line { head: head(request) };
        let logger = connect().ok().map(|datagram| Logger::new(LoggerBackend::Unix(datagram), line));
        Self { request, logger }
    }

    /// The one line of this outcome. `user` is the canonical name, where it came that far.
    pub(crate) fn outcome(&mut self, outcome: &Outcome, user: Option<&str>) {
        self.write(&describe(outcome, user, self.request));
    }

    /// A device is remembered from now on.
    pub(crate) fn device_remembered(&mut self, device: DeviceId, length: Seconds, user: &str) {
        let Request { rhost, first_factor, .. } = self.request;
        let key = first_factor.as_ref().and_then(|first| first.key.as_ref());
        let event = Event::new(Name::DeviceRemembered)
            .field("user", user)
            .field("device", device)
            .field("seconds", length.0)
            .maybe("rhost", rhost.as_deref())
            .maybe("key", key.map(|key| &key.fingerprint));
        self.write(&event);
    }

    /// Something is broken that refuses nobody by itself.
    pub(crate) fn trouble(&mut self, user: &str, problem: impl std::fmt::Display) {
        self.write(&Event::new(Name::Error).field("user", user).field("problem", problem));
    }

    /// A step on the way, for the argument `debug`.
    pub(crate) fn debug(&mut self, step: &str) {
        self.write(&Event::new(Name::Debug).field("step", step));
    }

    fn write(&mut self, event: &Event) {
        let Some(logger) = &mut self.logger else { return };
        // A line that cannot be sent has nobody to be told to.
        let _ = match event.name().severity() {
            Severity::Error => logger.err(event),
            Severity::Notice => logger.notice(event),
            Severity::Info => logger.info(event),
            Severity::Debug => logger.debug(event),
        };
    }
}

fn describe(outcome: &Outcome, user: Option<&str>, request: &Request) -> Event {
    let about = |name: Name| Event::new(name).maybe("user", user);
    let event = match outcome {
        Outcome::Accepted(verified) => with_wrong_before(
            match verified.method() {
                Method::Totp { authenticator, .. } => about(Name::Accepted)
                    .field("method", "totp")
                    .field("authenticator", authenticator.as_str()),
                Method::RecoveryCode { left } => {
                    about(Name::RecoveryUsed).field("method", "recovery_code").field("left", left)
                }
            },
            verified.since_last().wrong,
        ),
        // The one line of a login: that it enrolled, and by what it was let in.
        Outcome::Enrolled(enrolled) => about(Name::Enrolled)
            .field("way", "at_login")
            .field("method", "totp")
            .field("authenticator", enrolled.authenticator().as_str())
            .field("recovery_codes", enrolled.recovery_codes()),
        Outcome::Unfinished(why) => unfinished(about(Name::Refused), *why),
        Outcome::Waived(waiver) => waived(about(Name::Accepted), waiver.why()),
        Outcome::PassedOver(waiver) => waived(about(Name::Accepted), waiver.why()).field("pam", "ignore"),
        Outcome::NotEnrolled(unenrolled) => about(Name::Accepted)
            .field("method", "exempt")
            .field("reason", "not_enrolled")
            .maybe("days_left", unenrolled.days_left())
            .field("pam", "ignore"),
        Outcome::Refused(Refusal { reason, lock: Some(lock), .. }) => {
            detailed(about(Name::Locked).field("reason", reason.as_str()), *reason).field("seconds", lock.0)
        }
        Outcome::Refused(Refusal { reason, lock: None, .. }) => {
            detailed(about(Name::Refused).field("reason", reason.as_str()), *reason)
        }
        Outcome::Broken(broken) => error(about(Name::Error), broken),
        Outcome::Misplaced { facility } => about(Name::Error).field(
            "problem",
            format!(
                "pam_totp belongs on auth lines, not {facility}: it asks for no code there; remove the line"
            ),
        ),
    };
    event
        .maybe("rhost", request.rhost.as_deref())
        .maybe("tty", request.tty.as_deref())
        .maybe("first_factor", request.first_factor.as_ref().map(|first| &first.method))
}

/// Why nobody was enrolled.
fn unfinished(event: Event, why: Unfinished) -> Event {
    let (word, detail) = match why {
        Unfinished::Cancelled => ("cancelled", None),
        Unfinished::Late => ("late", None),
        Unfinished::Conversation => ("conversation", None),
        Unfinished::Meanwhile => ("changed_meanwhile", None),
        Unfinished::KeysRotated => ("keys_rotated", None),
        Unfinished::NotConfirmed(NotConfirmed::Malformed { .. }) => ("malformed", None),
        Unfinished::NotConfirmed(NotConfirmed::Wrong) => ("wrong", None),
        Unfinished::NotConfirmed(NotConfirmed::ClockOff { steps }) => {
            ("clock_off", Some(Reason::ClockOff { steps }))
        }
    };
    let event = event.field("reason", word).field("way", "at_login");
    match detail {
        Some(reason) => detailed(event, reason),
        None => event,
    }
}

/// Why nobody was asked for a code.
fn waived(event: Event, why: Waived) -> Event {
    match why {
        Waived::Exempt(rule) => event.field("method", "exempt").field("rule", rule),
        Waived::Fresh(age) => event.field("method", "fresh").field("seconds", age.0),
        Waived::SecurityKey => event.field("method", "security_key"),
        Waived::RememberedDevice(device) => {
            event.field("method", "remembered_device").maybe("device", device)
        }
    }
}

/// Somebody who guesses beside the person shows here.
fn with_wrong_before(event: Event, wrong: u32) -> Event {
    if wrong == 0 { event } else { event.field("wrong_before", wrong) }
}

/// What a reason says beyond its word.
fn detailed(event: Event, reason: Reason) -> Event {
    match reason {
        Reason::ClockOff { steps } => event
            .field("steps", format_args!("{steps:+}"))
            .field("hint", "the clock of the phone or of this machine is off: set it"),
        Reason::ClockBack(behind) => event.field("seconds", behind.0).field(
            "hint",
            "this machine's clock was set back: check its time service, then totp-enroll unlock",
        ),
        Reason::BeforeBoot(wait) | Reason::Limited(wait) | Reason::Locked(wait) => {
            event.field("wait_seconds", wait.0)
        }
        Reason::Disabled => {
            event.field("hint", "too many wrong codes in a row: totp-enroll unlock, or a recovery code")
        }
        Reason::Busy => event.field("hint", "somebody held the ledger for three seconds: /proc/locks has the process; a stopped one may be ended"),
        Reason::Wrong
        | Reason::Replayed
        | Reason::Late
        | Reason::Malformed
        | Reason::NotEnrolled
        | Reason::UnknownUser
        | Reason::Conversation => event,
    }
}

/// The file and the line where there are some, and what to do.
fn error(event: Event, broken: &Broken) -> Event {
    match broken {
        Broken::Config(store) | Broken::Store(store) => event
            .field("file", store.file().display())
            .maybe("line", store.line())
            .field("problem", store.problem()),
        Broken::NoKeyring(file) => event.field("file", file.display()).field("problem", broken),
        Broken::Unusable { file, trouble } => event.field("file", file.display()).field("problem", trouble),
        Broken::Argument(_)
        | Broken::NoUser(_)
        | Broken::Database(_)
        | Broken::Clock(_)
        | Broken::ClockBeyond
        | Broken::Enrolment(_)
        | Broken::Shield(_)
        | Broken::Panic => event.field("problem", broken),
    }
}

/// `sshd[4711]: pam_totp(sshd:auth): `, as pam_syslog(3) would begin. The service names the program; it comes from the
/// application, but only what cannot end the tag is kept of it.
fn head(request: &Request) -> String {
    let kept = |byte: &char| byte.is_ascii_alphanumeric() || "-_.".contains(*byte);
    let service: String = request.service.chars().filter(kept).take(32).collect();
    format!("{service}[{}]: pam_totp({service}:{}): ", std::process::id(), request.facility)
}

/// RFC 3164 without its time stamp, which the daemon sets: our own would need the time zone, and so the environment.
#[derive(Clone)]
struct Line {
    head: String,
}

impl LogFormat<&Event> for Line {
    fn format<W: std::io::Write>(
        &self,
        to: &mut W,
        severity: syslog::Severity,
        event: &Event,
    ) -> syslog::Result<()> {
        let priority = Facility::LOG_AUTHPRIV as u8 | severity as u8;
        // One `write`, because each is a datagram of its own.
        let line = format!("<{priority}>{}{event}", self.head);
        to.write_all(line.as_bytes()).map_err(syslog::Error::Write)
    }
}
