//! The log line of each outcome, in the name of the PAM service.

use crate::outcome::{EnrolmentAborted, LoginError, Outcome};
use crate::request::Request;
use std::cell::Cell;
use std::path::Path;
use std::time::Duration;
use totp_core::account_recovery::TokenRefused;
use totp_core::audit_event::{Event, Name, Severity};
use totp_core::enrolment::draft::NotConfirmed;
use totp_core::lockout::{CountedIn, Warning};
use totp_core::login::{Method, Reason, Refusal, SinceLast};
use totp_core::module_arguments::Arguments;
use totp_core::policy::Exempted;
use totp_core::policy::device::DeviceId;
use totp_core::time::{Created, Seconds};
use totp_host::audit_log::{AuditLog, Delivery};
use totp_host::config_and_keyring;

/// How long a full socket may delay a login.
const PATIENCE: Duration = Duration::from_millis(500);

/// The line about an outcome for which the settings cannot be used, or do not matter: to the socket that they name, as far as
/// they can be read.
pub(crate) fn log_without_settings(words: &[&[u8]], request: &Request, outcome: &Outcome) {
    let socket =
        config_and_keyring::log_socket(Arguments::config_file(words).as_deref(), Some(&request.service));
    let mut audit = Audit::open(&socket, request);
    audit.outcome(outcome, None);
    audit.send_again();
}

/// The log of one login.
pub(crate) struct Audit<'a> {
    request: &'a Request,
    log: AuditLog,
    /// What the ledger says of earlier lines that were lost. The next line says it.
    lost_before: Cell<u32>,
    /// The lines of this login that the log did not take.
    unsent: Vec<Unsent>,
    /// How many lines that the ledger counts the log was told of, or has taken since.
    told: u32,
}

/// A line that the log did not take.
struct Unsent {
    severity: Severity,
    line: String,
    /// How many earlier lines it tells of.
    told: u32,
    /// The ledger counts it.
    is_counted: bool,
}

impl<'a> Audit<'a> {
    /// Connects to `socket`. If nothing listens there, nothing is logged, and no login is refused for that.
    pub(crate) fn open(socket: &Path, request: &'a Request) -> Self {
        let log = AuditLog::connect(socket, &tag(&request.service), PATIENCE);
        Self { request, log, lost_before: Cell::new(0), unsent: Vec::new(), told: 0 }
    }

    /// Notes how many lines about the account were lost before, for the next line to say.
    pub(crate) fn lost_before(&self, count: u32) {
        self.lost_before.set(count);
    }

    /// What the ledger does not know yet: how many more lines of this login are lost, and how many of those that it counts the log
    /// was told of.
    pub(crate) fn uncounted(&self) -> Option<(u32, u32)> {
        let lost = self.unsent.iter().filter(|unsent| !unsent.is_counted).count();
        let lost = u32::try_from(lost).unwrap_or(u32::MAX);
        (lost > 0 || self.told > 0).then_some((lost, self.told))
    }

    /// The ledger knows it now, and counts the lost lines if `is_counted`.
    pub(crate) fn counted(&mut self, is_counted: bool) {
        self.told = 0;
        self.unsent.iter_mut().for_each(|unsent| unsent.is_counted |= is_counted);
    }

    /// Tries once more to send what the log did not take, until it fails again.
    pub(crate) fn send_again(&mut self) {
        if self.unsent.is_empty() {
            return;
        }
        self.log.reconnect();
        while let Some(Unsent { severity, line, told, is_counted }) = self.unsent.first() {
            match self.log.write(*severity, line) {
                Delivery::Sent => {}
                Delivery::Lost | Delivery::NoLog => return,
            }
            self.told = self.told.saturating_add(*told).saturating_add((*is_counted).into());
            self.unsent.remove(0);
        }
    }

    /// Writes the one line of this outcome, and returns it. `user` is the canonical name, if it is known.
    pub(crate) fn outcome(&mut self, outcome: &Outcome, user: Option<&str>) -> Event {
        let event = describe(outcome, user, self.request);
        self.write(&event);
        event
    }

    /// Someone is guessing the codes of this account.
    pub(crate) fn guessing(&mut self, warning: Warning, user: &str) -> Event {
        let Warning { wrong, places, used_percent, since } = warning;
        let event = Event::new(Name::Guessing)
            .field("user", user)
            .field("wrong", wrong)
            .field("places", places)
            .field("used_percent", used_percent)
            .maybe("since", since.and_then(Created::at))
            .maybe("rhost", self.request.rhost.as_deref());
        self.write(&event);
        event
    }

    /// A device is remembered from now on.
    pub(crate) fn device_remembered(&mut self, device: DeviceId, length: Seconds, user: &str) -> Event {
        let event = Event::new(Name::DeviceRemembered)
            .field("user", user)
            .field("device", device)
            .field("seconds", length.0)
            .maybe("rhost", self.request.rhost.as_deref())
            .maybe("key", self.request.key().map(|key| &key.fingerprint));
        self.write(&event);
        event
    }

    /// A reset token was used by an enrolment, or was refused.
    pub(crate) fn token(&mut self, user: &str, taken: Result<(), TokenRefused>) -> Event {
        let event = match taken {
            Ok(()) => Event::new(Name::TokenUsed).field("user", user),
            Err(why) => Event::new(Name::TokenRefused).field("user", user).field("reason", why.as_str()),
        };
        let event = event.maybe("rhost", self.request.rhost.as_deref());
        self.write(&event);
        event
    }

    /// An error that does not refuse the login.
    pub(crate) fn error(&mut self, user: &str, problem: impl std::fmt::Display) {
        self.write(&Event::new(Name::Error).field("user", user).field("problem", problem));
    }

    /// The same for an error that names a file.
    pub(crate) fn login_error(&mut self, user: &str, error: &LoginError) {
        self.write(&login_error(Event::new(Name::Error).field("user", user), error));
    }

    /// A step of the login, for the argument `debug`.
    pub(crate) fn debug(&mut self, step: &str) {
        self.write(&Event::new(Name::Debug).field("step", step));
    }

    /// As pam_syslog(3) would begin it.
    fn write(&mut self, event: &Event) {
        let severity = event.name().severity();
        // A step says nothing of what is missing, and is not missed.
        let told = if severity == Severity::Debug { 0 } else { self.lost_before.take() };
        let telling = (told > 0).then(|| event.clone().field("lines_lost", told));
        let event = telling.as_ref().unwrap_or(event);
        let (service, facility) = (tag(&self.request.service), self.request.facility);
        let line = format_args!("pam_totp({service}:{facility}): {event}");
        match self.log.write(severity, line) {
            Delivery::Sent => self.told = self.told.saturating_add(told),
            Delivery::Lost if severity != Severity::Debug => {
                let line = format!("pam_totp({service}:{facility}): {event}");
                self.unsent.push(Unsent { severity, line, told, is_counted: false });
            }
            Delivery::Lost | Delivery::NoLog => {}
        }
    }
}

fn describe(outcome: &Outcome, user: Option<&str>, request: &Request) -> Event {
    let about = |name: Name| Event::new(name).maybe("user", user);
    let event = match outcome {
        Outcome::Accepted(verified) => after_others(
            match verified.method() {
                Method::Code { authenticator, kind, .. } => about(Name::Accepted)
                    .field("method", kind.as_str())
                    .field("authenticator", authenticator.as_str()),
                Method::RecoveryCode { kind, left } => {
                    about(Name::RecoveryUsed).field("method", kind.as_str()).field("left", left)
                }
            },
            &verified.since_last(),
        )
        .maybe("new_source", verified.is_new_source().then_some("yes")),
        // The one line of a login: that it enrolled, and by what it was let in.
        Outcome::Enrolled(enrolled) => about(Name::Enrolled)
            .field("way", "at_login")
            .field("method", enrolled.kind().as_str())
            .field("authenticator", enrolled.authenticator().as_str())
            .field("recovery_codes", enrolled.recovery_codes()),
        Outcome::EnrolmentAborted(why) => enrolment_aborted(about(Name::Refused), *why),
        Outcome::Exempted { exemption, .. } => exempted(about(Name::Accepted), exemption.why()),
        Outcome::Ignored(exemption) => {
            exempted(about(Name::Accepted), exemption.why()).field("pam", "ignore")
        }
        Outcome::NotEnrolled(unenrolled) => about(Name::Accepted)
            .field("method", "exempt")
            .field("reason", "not_enrolled")
            .maybe("days_left", unenrolled.days_left())
            .field("pam", "ignore"),
        Outcome::Refused(Refusal { reason, lock: Some(lock), row, .. }) => {
            detailed(about(Name::Locked).field("reason", reason.as_str()), *reason)
                .field("seconds", lock.0)
                .maybe("source", row.map(CountedIn::as_str))
        }
        Outcome::Refused(Refusal { reason, lock: None, row, .. })
        | Outcome::StillLocked { refusal: Refusal { reason, row, .. }, .. } => {
            detailed(about(Name::Refused).field("reason", reason.as_str()), *reason)
                .maybe("source", row.map(CountedIn::as_str))
        }
        Outcome::Unrecorded { unrecorded, .. } => unrecorded.event(about),
        Outcome::Unanswered(why) => about(Name::Refused).field("reason", why.as_str()),
        Outcome::LoginError(error) => login_error(about(Name::Error), error),
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

/// Why the login did not enrol.
pub(crate) fn enrolment_aborted(event: Event, why: EnrolmentAborted) -> Event {
    let (word, detail) = match why {
        EnrolmentAborted::Cancelled => ("cancelled", None),
        EnrolmentAborted::Late => ("late", None),
        EnrolmentAborted::Conversation => ("conversation", None),
        EnrolmentAborted::Meanwhile => ("changed_meanwhile", None),
        EnrolmentAborted::NotAuthorised(_) => ("token", None),
        EnrolmentAborted::KeysRotated => ("keys_rotated", None),
        EnrolmentAborted::Limited(wait) => ("limited", Some(Reason::Limited(wait))),
        EnrolmentAborted::NotConfirmed(NotConfirmed::Malformed { .. }) => ("malformed", None),
        EnrolmentAborted::NotConfirmed(NotConfirmed::Wrong) => ("wrong", None),
        EnrolmentAborted::NotConfirmed(NotConfirmed::ClockOff(off)) => {
            ("clock_off", Some(Reason::ClockOff(off)))
        }
    };
    let event = event.field("reason", word).field("way", "at_login");
    match detail {
        Some(reason) => detailed(event, reason),
        None => event,
    }
}

/// Why no code was asked for.
fn exempted(event: Event, why: Exempted) -> Event {
    match why {
        Exempted::Exempt(rule) => event.field("method", "exempt").field("rule", rule),
        Exempted::Fresh(age) => event.field("method", "fresh").field("seconds", age.0),
        Exempted::SecurityKey => event.field("method", "security_key"),
        Exempted::RememberedDevice(device) => {
            event.field("method", "remembered_device").maybe("device", device)
        }
    }
}

/// Someone else may be guessing at the same account.
fn after_others(event: Event, since_last: &SinceLast) -> Event {
    let SinceLast { wrong, foreign, .. } = since_last;
    event
        .maybe("wrong_before", (*wrong > 0).then_some(wrong))
        .maybe("places", foreign.map(|foreign| foreign.places))
}

/// What is logged of a reason beside its word.
fn detailed(event: Event, reason: Reason) -> Event {
    match reason {
        Reason::ClockOff(off) => event
            .field("steps", format_args!("{:+}", off.steps))
            .field("hint", "the clock of the phone or of this machine is off: correct it"),
        Reason::ClockBack(behind) => event.field("seconds", behind.0).field(
            "hint",
            "this machine's clock was set back: check its time service, then run totp-enroll unlock",
        ),
        Reason::BeforeBoot(wait) | Reason::Limited(wait) | Reason::Locked(wait) => {
            event.field("wait_seconds", wait.0)
        }
        Reason::CounterEnded => {
            event.field("hint", "the token has no further code: enrol another one")
        }
        Reason::OutOfStep => {
            event.field("hint", "it is not known how far the token was used: its owner has to type sync, then two codes")
        }
        Reason::Disabled => {
            event.field("hint", "too many wrong codes in a row: run totp-enroll unlock, or log in with a recovery code")
        }
        Reason::OverBudget => event.field(
            "hint",
            "the budget for guesses has no room: log in with a recovery code, or see totp-enroll status",
        ),
        Reason::Busy => event.field("hint", "another process held the ledger for three seconds: find it in /proc/locks; if it is stopped, end it"),
        Reason::Wrong
        | Reason::Replayed
        | Reason::Malformed
        | Reason::NotEnrolled
        | Reason::UnknownUser => event,
    }
}

/// The file and the line, if there are any, what is wrong and what to do.
fn login_error(event: Event, login_error: &LoginError) -> Event {
    match login_error {
        LoginError::Store(store) => {
            event.field("file", store.about()).maybe("line", store.line()).field("problem", store.problem())
        }
        LoginError::Config(settings) | LoginError::Keyring(settings) => {
            event.field("file", settings.about()).maybe("line", settings.line()).field("problem", settings)
        }
        LoginError::Unusable { file, error } => event.field("file", file).field("problem", error),
        LoginError::Argument(_)
        | LoginError::NoUser(_)
        | LoginError::Database(_)
        | LoginError::Clock(_)
        | LoginError::Enrolment(_)
        | LoginError::CallerGuard(_)
        | LoginError::Panic => event.field("problem", login_error),
    }
}

/// The service names the program; it comes from the application, but only what cannot end the tag is kept of it.
fn tag(service: &str) -> String {
    let kept = |byte: &char| byte.is_ascii_alphanumeric() || "-_.".contains(*byte);
    service.chars().filter(kept).take(32).collect()
}

#[cfg(test)]
#[path = "login_audit_tests.rs"]
mod tests;
