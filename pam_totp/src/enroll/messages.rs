//! The messages of an enrolment at login. Those that contain the key or the recovery codes are [`Secret`]s, allocated once at
//! their full length.
//!
//! Plain text without colours: OpenSSH's client shows control characters as numbers. sshd puts a message in front of the next
//! prompt, and the client begins its first line with the account and the host.

use otpauth::{Card, Drawing, Issuer};
use totp_core::enrolment::draft::NotConfirmed;
use totp_core::policy::Unenrolled;
use totp_core::recovery::grouped;
use totp_core::secret::Secret;
use totp_core::user::Account;

/// Asks whether the recovery codes are saved.
pub(super) const SAVED_PROMPT: &str =
    "Type \"yes\" when you have saved them (Enter alone: cancel, and nothing is enrolled): ";

/// What is going to happen, and the card: QR code and key.
pub(super) fn opening(
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
        account.user,
        issuer.as_str()
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
pub(super) fn qr(card: &Card, drawing: Drawing) -> Secret {
    match card.qr() {
        // On a line of its own: what stands before it must not shift its first line.
        Ok(qr) => join(&[b"\n", qr.text(drawing).expose()]),
        Err(too_long) => Secret::new(format!("({too_long}; type the key instead)").into_bytes()),
    }
}

/// The card as a URI.
pub(super) fn uri(card: &Card) -> Secret {
    join(&[b"uri: ", card.uri().expose()])
}

/// Asks for the first code of the app.
pub(super) fn code_prompt(excuse: Option<&Unenrolled>) -> String {
    let cancel = if excuse.is_some() { "not now" } else { "cancel" };
    format!(
        "Code from the app (\"ascii\": a QR code of plain characters, \"uri\": the otpauth:// URI, Enter alone: {cancel}): "
    )
}

/// Why a code was not accepted.
pub(super) fn not_confirmed(why: NotConfirmed, left: usize) -> String {
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
pub(super) fn recovery_codes(codes: &[Secret]) -> Secret {
    let lines: Vec<Secret> = codes.iter().map(|code| join(&[b"  ", grouped(code).expose(), b"\n"])).collect();
    let mut parts: Vec<&[u8]> =
        vec![b"The code is right. Each of these recovery codes allows one login without the phone:\n"];
    parts.extend(lines.iter().map(Secret::expose));
    parts.push(b"Write them on paper or print them; they are not shown again.");
    join(&parts)
}

/// `concat` allocates once, so it leaves no copy behind.
fn join(parts: &[&[u8]]) -> Secret {
    Secret::new(parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use totp_core::factor::ClockOff;

    #[test]
    fn every_recovery_code_has_a_line_of_its_own() {
        let codes = [b"AAAABBBBCCCCDDDD", b"EEEEFFFFGGGGHHHH"].map(|code| Secret::new(code.to_vec()));
        let text = recovery_codes(&codes);
        let text = std::str::from_utf8(text.expose()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1..3], ["  AAAA-BBBB-CCCC-DDDD", "  EEEE-FFFF-GGGG-HHHH"]);
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn after_a_wrong_code_the_tries_left_are_shown_but_not_the_drift() {
        assert!(not_confirmed(NotConfirmed::Wrong, 4).ends_with(" 4 more tries."));
        let off = not_confirmed(NotConfirmed::ClockOff(ClockOff { steps: -77, seconds: -2310 }), 1);
        assert!(off.ends_with(" One more try.") && !off.contains("77"), "{off}");
    }
}
