//! The prompt and the messages of a login. Only a user who has passed a first factor is told why a code was refused: a
//! stranger learns nothing.
//!
//! Messages of an enrolment that contain the key or the recovery codes are [`Secret`]s, allocated once at their full length. They
//! are plain text without colours: OpenSSH's client shows control characters as numbers. sshd puts a message in front of the next
//! prompt, and the client begins its first line with the account and the host.

use crate::outcome::EnrolmentAborted;
use otpauth::{Card, Drawing, Issuer};
use std::borrow::Cow;
use totp_core::account_recovery::TokenRefused;
use totp_core::config::Config;
use totp_core::enrolment::draft::NotConfirmed;
use totp_core::factor::Unusable;
use totp_core::ledger::LoginMethod;
use totp_core::login::{ForeignTries, Method, Reason, Refusal, SinceLast, TokenAdvice, Verified};
use totp_core::misleading::escaped;
use totp_core::module_arguments::{Arguments, FirstPass};
use totp_core::policy::Unenrolled;
use totp_core::policy::device::DeviceId;
use totp_core::random::Secret;
use totp_core::recovery::{RecoveryKind, grouped};
use totp_core::time::Seconds;
use totp_core::user::Account;

/// The prompt for the code: the words of pam_google_authenticator, which people know.
pub(crate) const PROMPT: &str = "Verification code: ";
/// The same with `forward_pass`.
pub(crate) const PROMPT_WITH_PASSWORD: &str = "Password & verification code: ";

/// The first of the two prompts after `sync`.
pub(crate) const FIRST_CODE: &str = "First code: ";
/// The second one, shown whatever the answer to the first is.
pub(crate) const SECOND_CODE: &str = "Second code: ";

/// The prompt, unless `prompt=` sets another.
pub(crate) fn prompt(arguments: &Arguments) -> &str {
    let default = if arguments.forward_pass { PROMPT_WITH_PASSWORD } else { PROMPT };
    arguments.prompt.as_deref().unwrap_or(default)
}

/// The second prompt of a login to a locked account, after the message that says so.
pub(crate) const PROMPT_LOCKED: &str = "Recovery code: ";
/// The same where messages are suppressed: sudo asks for silence by default (`pam_silent` in sudoers(5)).
pub(crate) const PROMPT_LOCKED_ALONE: &str = "Too many wrong codes; type a recovery code: ";

/// Shown when the answer came after `answer_within`.
pub(crate) const LATE: &str = "The answer came too late; log in again.";

/// Why a login was refused, and what to do. `None`: what would help the user would help an attacker, too.
pub(crate) fn refusal(
    Refusal { reason, next_code, token, lock, .. }: &Refusal,
    arguments: &Arguments,
) -> Option<String> {
    let sentence = match reason {
        Reason::Replayed => match next_code {
            Some(Seconds(0)) => {
                "That code was used already; type the code that the app shows now.".to_owned()
            }
            Some(wait) => format!("That code was used already; wait {} for the next one.", length(*wait)),
            // A recovery code, or a code of a counter token, which has another one at the next press.
            None => "That code was used already; take another.".to_owned(),
        },
        Reason::BeforeBoot(wait) => {
            format!("This machine has just started; wait {} for a code that it accepts.", length(*wait))
        }
        Reason::CounterEnded => unusable_token("This token", Unusable::Ended, arguments),
        Reason::OutOfStep => unusable_token("This token", Unusable::OutOfStep, arguments),
        Reason::Limited(wait) | Reason::Locked(wait) => {
            format!("Too many wrong codes; try again in {}. A recovery code still works.", length(*wait))
        }
        Reason::Disabled => {
            "Too many wrong codes; an administrator has to unlock this account. A recovery code still works."
                .to_owned()
        }
        Reason::OverBudget => {
            "No code is accepted here for now, so that nobody can guess one. A recovery code still works."
                .to_owned()
        }
        Reason::Busy => "Another login to this account is still running; try again.".to_owned(),
        Reason::ClockBack(_) => {
            "The clock of this machine was set back: tell its administrator. A recovery code still works."
                .to_owned()
        }
        Reason::NotEnrolled => {
            "This account has no authenticator yet: ask the administrator to enrol it.".to_owned()
        }
        // One answer for both: that a clock is off would tell which code is right at another time.
        Reason::Wrong | Reason::ClockOff(_) => match (token, lock) {
            // It may have been a mistyped code of the phone.
            (Some(TokenAdvice::Unusable(unusable)), _) => {
                unusable_token("If that code came from a token with a button, it", *unusable, arguments)
            }
            (Some(TokenAdvice::MayBeAhead), None) => {
                format!("If that code came from a token with a button, {}.", resynchronise(arguments)?)
            }
            // During a lock, two codes do not help.
            (Some(TokenAdvice::MayBeAhead), Some(_)) | (None, _) => return None,
        },
        Reason::Malformed | Reason::UnknownUser => return None,
    };
    Some(sentence)
}

/// What is wrong with the token, after the beginning of the sentence.
fn unusable_token(token: &str, unusable: Unusable, arguments: &Arguments) -> String {
    match unusable {
        Unusable::Ended => format!(
            "{token} is used up: it has no further code. Ask the administrator for another. A recovery code still works."
        ),
        Unusable::OutOfStep => {
            let how = resynchronise(arguments).unwrap_or("use a program that asks for the code alone");
            format!("{token} has to be resynchronised: {how}.")
        }
    }
}

/// How two codes are typed for a line with these arguments. `None`: they cannot be.
fn resynchronise(arguments: &Arguments) -> Option<&'static str> {
    match (arguments.first_pass, arguments.forward_pass) {
        (FirstPass::Ignore | FirstPass::Try, false) => Some(
            "log in again, type \"sync\" in place of a code, and then two codes of the token, one after the other",
        ),
        (FirstPass::Ignore | FirstPass::Try, true) => Some(
            "log in again, type your password and right behind it \"sync\", and then two codes of the token, one after the other",
        ),
        (FirstPass::Use, false) => Some(
            "log in again, and in place of a code type two codes of the token, one after the other, with a blank between them",
        ),
        (FirstPass::Use, true) => None,
    }
}

/// What a user should know after a login by a code.
pub(crate) fn welcome(verified: &Verified, config: &Config, now: u64) -> Option<String> {
    let mut sentences = Vec::new();
    sentences.extend(since(&verified.since_last(), now));
    if let Method::RecoveryCode { kind, left } = verified.method() {
        let warning = if *left < config.warn_below { "WARNING: only " } else { "" };
        let left = counted(*left as u64, "recovery code is left", "recovery codes are left");
        let why = match kind {
            RecoveryKind::Own => "makes new ones",
            // These do not open a locked account: they are short, so wrong ones are limited like codes.
            RecoveryKind::Scratch => "makes longer ones, which also work while the account is locked",
        };
        sentences.push(format!("{warning}{left}; \"sudo totp-enroll recovery-codes\" {why}."));
    }
    (!sentences.is_empty()).then(|| sentences.join("\n"))
}

/// Wrong codes from unknown places that are more than typing errors of the owner at a new place.
const GUESSING: u32 = 10;

/// What happened since the previous login. `None`: nothing that the user has to check.
fn since(since: &SinceLast, now: u64) -> Option<String> {
    if !since.is_news() {
        return None;
    }
    let mut news = Vec::new();
    if since.wrong > 0 {
        let wrong = counted(since.wrong.into(), "wrong code", "wrong codes");
        let places = |foreign: ForeignTries| {
            // The more there are, the more of them are in one group ([`ForeignTries::places`]).
            let or_more = if foreign.places > 10 { "at least " } else { "" };
            format!("{or_more}{}", counted(foreign.places.into(), "place", "places"))
        };
        // A ledger of before there were sources did not count the places.
        news.push(match since.foreign.filter(|foreign| foreign.places > 0) {
            None => wrong,
            Some(foreign) if foreign.wrong == since.wrong => format!("{wrong} from {}", places(foreign)),
            Some(foreign) => format!("{wrong}, {} of them from {}", foreign.wrong, places(foreign)),
        });
    }
    if since.device {
        news.push("a device was remembered".to_owned());
    }
    let is_guessing = since.foreign.is_some_and(|foreign| foreign.wrong >= GUESSING);
    let advice = if is_guessing { "; if this goes on, change your password" } else { "" };
    let news =
        if news.is_empty() { String::new() } else { format!(" Since then: {}{advice}.", news.join(", ")) };
    Some(match since.login {
        None => format!("This is the first login with a code.{news}"),
        Some(login) => {
            let how = match login.method {
                LoginMethod::Code(_) => "a code",
                LoginMethod::RecoveryCode => "a recovery code",
            };
            format!("Last login: {} ago with {how}.{news}", length(Seconds(now.saturating_sub(login.at))))
        }
    })
}

/// A warning that someone asked to reset the second factor.
pub(crate) fn reset_requested(by: &str, at: u64, now: u64) -> String {
    // A directory service may give any name.
    let by = escaped(&by.chars().take(64).collect::<String>());
    format!(
        "WARNING: a reset of your second factor was requested ({} ago, by {by}). If you did not ask for it, run \"sudo totp-enroll reset cancel\" or tell an administrator.",
        length(Seconds(now.saturating_sub(at)))
    )
}

/// What a user is told before the prompt, after a reset of the second factor.
pub(crate) const TOKEN: &str = "The second factor of this account was reset: type the reset token that you were given, in place of a code.";

/// Why a reset token was refused.
pub(crate) fn token_refused(why: TokenRefused) -> &'static str {
    match why {
        TokenRefused::Wrong | TokenRefused::Unrecorded => "That is not the reset token.",
        TokenRefused::Expired | TokenRefused::Dead => {
            "That reset token is no longer valid: ask an administrator for another."
        }
        TokenRefused::None | TokenRefused::Missing => {
            "There is no reset token for this account: ask an administrator for one."
        }
    }
}

/// What a user is told whom this login has enrolled.
pub(crate) const ENROLLED: &str = "The authenticator is enrolled: the next login asks for a code.";

/// Why the login did not enrol, and what to do.
pub(crate) fn enrolment_aborted(why: EnrolmentAborted) -> Option<Cow<'static, str>> {
    let sentence = match why {
        EnrolmentAborted::Limited(wait) => {
            let wait = length(wait);
            return Some(
                format!("Too many wrong codes, and nothing was enrolled; try again in {wait}.").into(),
            );
        }
        EnrolmentAborted::Cancelled => {
            "Nothing was enrolled. This account needs an authenticator: log in again to enrol one."
        }
        EnrolmentAborted::NotConfirmed(_) => {
            "No correct code was entered, and nothing was enrolled. The next login starts with a new key."
        }
        EnrolmentAborted::Late => "The answer came too late, and nothing was enrolled; log in again.",
        EnrolmentAborted::Meanwhile => {
            "This account was changed elsewhere in the meantime, and this login enrolled nothing. If that was not you, tell the administrator."
        }
        EnrolmentAborted::NotAuthorised(why) => token_refused(why),
        EnrolmentAborted::KeysRotated => {
            "The keys of this machine were changed in the meantime, and nothing was enrolled: discard the recovery codes above, and log in again."
        }
        EnrolmentAborted::Conversation => return None,
    };
    Some(sentence.into())
}

/// How many days are left to enrol, for a user who is not enrolled and was let in.
pub(crate) fn reminder(days_left: u64) -> String {
    let when = match days_left {
        0 => "today is the last day".to_owned(),
        days => format!("{} left", counted(days, "day is", "days are")),
    };
    format!("This account has no authenticator yet: {when} to enrol one with \"sudo totp-enroll enroll\".")
}

/// The question before a device is remembered.
pub(crate) fn remember_question(length: Seconds) -> String {
    format!("Remember this device for {}? [y/N] ", self::length(length))
}

/// Whether the answer to it is yes. Everything else is no.
pub(crate) fn is_yes(answer: &[u8]) -> bool {
    matches!(answer.trim_ascii(), b"y" | b"Y" | b"yes" | b"Yes" | b"YES")
}

/// That a device is remembered from now on.
pub(crate) fn remembered(device: DeviceId, length: Seconds) -> String {
    format!("This device is remembered for {} (as {device}).", self::length(length))
}

/// Asks whether the recovery codes are saved.
pub(crate) const SAVED_PROMPT: &str =
    "Type \"yes\" when you have saved them (Enter alone: cancel, and nothing is enrolled): ";

/// What is going to happen, and the card: QR code and key.
pub(crate) fn enrolment_opening(
    card: &Card,
    issuer: &Issuer,
    account: &Account,
    excuse: Option<&Unenrolled>,
) -> Secret {
    let later = match excuse.map(Unenrolled::days_left) {
        None => String::new(),
        Some(None) => " It can also be done later.".to_owned(),
        Some(Some(0)) => " Today is the last day to postpone it.".to_owned(),
        Some(Some(1)) => " It can be postponed for one more day.".to_owned(),
        Some(Some(days)) => format!(" It can be postponed for {days} more days."),
    };
    let head = format!(
        "This login enrols an authenticator for this account: an app on your phone that shows the codes that later logins ask for.{later}\n\
         account: {}\nissuer: {}\n",
        escaped(account.user.as_str()),
        escaped(issuer.as_str())
    );
    let qr = qr(card, Drawing::Inverted);
    join(&[
        head.as_bytes(),
        qr.expose(),
        b"\nScan this with the app, or type the key into it.\nmanual key: ",
        card.key_in_fours().expose(),
    ])
}

/// The QR code, or why there is none.
pub(crate) fn qr(card: &Card, drawing: Drawing) -> Secret {
    match card.qr() {
        // On a line of its own: what stands before it must not shift its first line.
        Ok(qr) => join(&[b"\n", qr.text(drawing).expose()]),
        Err(too_long) => Secret::new(format!("({too_long}; type the key instead)").into_bytes()),
    }
}

/// The card as a URI.
pub(crate) fn uri(card: &Card) -> Secret {
    join(&[b"uri: ", card.uri().expose()])
}

/// Asks for the first code of the app.
pub(crate) fn first_code_prompt(excuse: Option<&Unenrolled>) -> String {
    let cancel = if excuse.is_some() { "not now" } else { "cancel" };
    format!(
        "Code from the app (\"ascii\": a QR code of plain characters, \"uri\": the otpauth:// URI, Enter alone: {cancel}): "
    )
}

/// Why a code was not accepted.
pub(crate) fn not_confirmed(why: NotConfirmed, left: usize) -> String {
    let why = match why {
        NotConfirmed::Malformed { digits } => format!("That is not a code of {digits} digits."),
        NotConfirmed::ClockOff(_) => {
            "That code belongs to another time: correct the clock of the phone, or have the clock of this machine corrected."
                .to_owned()
        }
        NotConfirmed::Wrong => {
            "That code is wrong: check that the app shows this account, and type the code while it is shown.".to_owned()
        }
    };
    let tries = if left == 1 { "One more try.".to_owned() } else { format!("{left} more tries.") };
    format!("{why} {tries}")
}

/// The recovery codes, one a line.
pub(crate) fn recovery_codes(codes: &[Secret]) -> Secret {
    let lines: Vec<Secret> = codes.iter().map(|code| join(&[b"  ", grouped(code).expose(), b"\n"])).collect();
    let mut parts: Vec<&[u8]> =
        vec![b"The code is right. Each of these recovery codes allows one login without the phone:\n"];
    parts.extend(lines.iter().map(Secret::expose));
    parts.push(b"Write them on paper or print them; they are not shown again.");
    join(&parts)
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A length of time in words, rounded up, in the largest unit that does not round it by much.
fn length(Seconds(seconds): Seconds) -> String {
    let units: [(u64, &str, &str); 3] =
        [(86400, "day", "days"), (3600, "hour", "hours"), (60, "minute", "minutes")];
    // 61 seconds are not "2 minutes".
    let fits = |unit: u64| seconds >= unit.saturating_mul(2) || seconds == unit;
    let (unit, one, many) =
        units.into_iter().find(|(unit, ..)| fits(*unit)).unwrap_or((1, "second", "seconds"));
    counted(seconds.div_ceil(unit), one, many)
}

/// `concat` allocates once, so it leaves no copy behind.
fn join(parts: &[&[u8]]) -> Secret {
    Secret::new(parts.concat())
}

#[cfg(test)]
#[path = "messages_tests.rs"]
mod tests;
