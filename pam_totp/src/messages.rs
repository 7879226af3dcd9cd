//! The prompt and the messages of a login. Only a user who has passed a first factor is told why a code was refused: a
//! stranger learns nothing.

use crate::outcome::EnrolmentAborted;
use std::borrow::Cow;
use totp_core::account_recovery::TokenRefused;
use totp_core::config::Config;
use totp_core::ledger::LoginMethod;
use totp_core::login::{Method, Reason, Refusal, SinceLast, Verified};
use totp_core::module_arguments::Arguments;
use totp_core::policy::device::DeviceId;
use totp_core::recovery::RecoveryKind;
use totp_core::time::Seconds;

/// The prompt for the code: the words of pam_google_authenticator, which people know.
pub(crate) const PROMPT: &str = "Verification code: ";
/// The same with `forward_pass`.
pub(crate) const PROMPT_WITH_PASSWORD: &str = "Password & verification code: ";

/// The prompt, unless `prompt=` sets another.
pub(crate) fn prompt(arguments: &Arguments) -> &str {
    let default = if arguments.forward_pass { PROMPT_WITH_PASSWORD } else { PROMPT };
    arguments.prompt.as_deref().unwrap_or(default)
}

/// Why a login was refused, and what to do. `None`: what would help the user would help an attacker, too.
pub(crate) fn refusal(Refusal { reason, next_code, .. }: &Refusal) -> Option<String> {
    let sentence = match reason {
        Reason::Replayed => match next_code {
            Some(Seconds(0)) => {
                "That code was used already; type the code that the app shows now.".to_owned()
            }
            Some(wait) => format!("That code was used already; wait {} for the next one.", length(*wait)),
            None => "That recovery code was used already; take another.".to_owned(),
        },
        Reason::BeforeBoot(wait) => {
            format!("This machine has just started; wait {} for a code that it accepts.", length(*wait))
        }
        Reason::Limited(wait) | Reason::Locked(wait) => {
            format!("Too many wrong codes; try again in {}. A recovery code still works.", length(*wait))
        }
        Reason::Disabled => {
            "Too many wrong codes; an administrator has to unlock this account. A recovery code still works."
                .to_owned()
        }
        Reason::Late => "The answer came too late; log in again.".to_owned(),
        Reason::Busy => "Another login to this account is still running; try again.".to_owned(),
        Reason::ClockBack(_) => {
            "The clock of this machine was set back: tell its administrator. A recovery code still works."
                .to_owned()
        }
        Reason::NotEnrolled => {
            "This account has no authenticator yet: ask the administrator to enrol it.".to_owned()
        }
        // How far off a clock is would tell which code is right at another time.
        Reason::Wrong
        | Reason::ClockOff(_)
        | Reason::Malformed
        | Reason::UnknownUser
        | Reason::Conversation => {
            return None;
        }
    };
    Some(sentence)
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

/// What happened since the previous login. `None`: nothing that the user has to check.
fn since(since: &SinceLast, now: u64) -> Option<String> {
    let mut news = Vec::new();
    if since.wrong > 0 {
        news.push(counted(since.wrong.into(), "wrong code", "wrong codes"));
    }
    if since.device {
        news.push("a device was remembered".to_owned());
    }
    let by_recovery = since.login.is_some_and(|login| login.method == LoginMethod::RecoveryCode);
    if news.is_empty() && !by_recovery {
        return None;
    }
    let news = if news.is_empty() { String::new() } else { format!(" Since then: {}.", news.join(", ")) };
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
    let by: String = by.chars().filter(|char| !char.is_control()).take(64).collect();
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
        TokenRefused::Wrong => "That is not the reset token.",
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

#[cfg(test)]
mod tests {
    use super::*;
    use totp_core::factor::{ClockOff, FactorKind};
    use totp_core::ledger::LastLogin;

    #[test]
    fn the_prompt_asks_for_what_is_to_be_typed() {
        let prompt_of = |words: &[&str]| prompt(&Arguments::parse(words).unwrap()).to_owned();
        assert_eq!(prompt_of(&[]), "Verification code: ");
        assert_eq!(prompt_of(&["forward_pass"]), "Password & verification code: ");
        assert_eq!(prompt_of(&["forward_pass", "prompt=Both: "]), "Both: ");
    }

    #[test]
    fn a_refusal_says_how_long_to_wait() {
        let said = |reason: Reason, next_code| refusal(&Refusal { next_code, ..reason.into() });
        assert_eq!(
            said(Reason::Replayed, Some(Seconds(12))).unwrap(),
            "That code was used already; wait 12 seconds for the next one."
        );
        assert!(said(Reason::Replayed, Some(Seconds(0))).unwrap().contains("shows now"));
        assert!(said(Reason::Replayed, None).unwrap().contains("recovery code was used"));
        assert!(said(Reason::Locked(Seconds(121)), None).unwrap().contains("in 3 minutes. A recovery code"));
        for silent in [
            Reason::Wrong,
            Reason::ClockOff(ClockOff { steps: 3, seconds: 90 }),
            Reason::UnknownUser,
            Reason::Malformed,
        ] {
            assert_eq!(said(silent, None), None, "{silent:?}");
        }
    }

    #[test]
    fn only_what_the_user_has_to_check_is_shown() {
        let login = |method| Some(LastLogin { at: 1000, method });
        let said = |login, wrong, device| since(&SinceLast { login, wrong, device, reset: None }, 8200);
        assert_eq!(said(login(LoginMethod::Code(FactorKind::Totp)), 0, false), None);
        assert_eq!(
            said(login(LoginMethod::Code(FactorKind::Totp)), 1, true).unwrap(),
            "Last login: 2 hours ago with a code. Since then: 1 wrong code, a device was remembered."
        );
        assert_eq!(
            said(login(LoginMethod::RecoveryCode), 0, false).unwrap(),
            "Last login: 2 hours ago with a recovery code."
        );
        assert_eq!(
            said(None, 2, false).unwrap(),
            "This is the first login with a code. Since then: 2 wrong codes."
        );
        assert_eq!(said(None, 0, false), None);
    }

    #[test]
    fn a_warning_of_a_reset_says_who_when_and_what_to_do() {
        let said = reset_requested("bob\u{1b}[2J\n", 1000, 8200);
        assert!(
            said.contains("(2 hours ago, by bob[2J)")
                && said.contains("reset cancel\" or tell an administrator"),
            "{said}"
        );
        assert!(!said.contains(char::is_control), "{said:?}");
    }

    #[test]
    fn only_yes_is_yes() {
        assert!(is_yes(b"y") && is_yes(b" YES "));
        for no in [&b""[..], b"n", b"yy", b"Yeah", b"123456"] {
            assert!(!is_yes(no));
        }
    }

    #[test]
    fn a_length_is_rounded_up_but_not_by_much() {
        for (seconds, said) in [
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (61, "61 seconds"),
            (121, "3 minutes"),
            (129_600, "36 hours"),
            (2_592_000, "30 days"),
        ] {
            assert_eq!(length(Seconds(seconds)), said);
        }
    }

    #[test]
    fn the_last_day_is_named() {
        assert!(reminder(0).contains("today is the last day"));
        assert!(reminder(1).contains("1 day is left"));
        assert!(reminder(5).contains("5 days are left"));
    }
}
