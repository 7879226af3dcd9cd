//! What a person reads while a login enrols them. The texts that hold the key or the recovery codes are [`Secret`]s, made
//! in one piece of the right length.
//!
//! Plain text without colours: OpenSSH's client shows control characters as numbers, and sshd puts a text in front of the
//! next prompt, whose first line begins with the account and the host.

use otpauth::{Card, Drawing, Issuer};
use totp_core::enrolment::draft::NotConfirmed;
use totp_core::policy::Unenrolled;
use totp_core::recovery::grouped;
use totp_core::secret::Secret;
use totp_core::user::Account;

/// Asks whether the recovery codes are saved.
pub(super) const SAVED_PROMPT: &str =
    "Type \"yes\" when they are saved (nothing typed: cancel, and nothing is enrolled): ";

/// What is going to happen, and the card.
pub(super) fn opening(
    card: &Card,
    issuer: &Issuer,
    account: &Account,
    excuse: Option<&Unenrolled>,
) -> Secret {
    let later = match excuse.map(Unenrolled::days_left) {
        None => String::new(),
        Some(None) => " It can be done later, too.".to_owned(),
        Some(Some(0)) => " Today is the last day on which it can be put off.".to_owned(),
        Some(Some(1)) => " It can be put off for one more day.".to_owned(),
        Some(Some(days)) => format!(" It can be put off for {days} more days."),
    };
    let head = format!(
        "This account is about to get an authenticator: an app on your phone whose codes open it from then on.{later}\n\
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
        // The prompt's own words must not move its first line.
        Ok(qr) => join(&[b"\n", qr.text(drawing).expose()]),
        Err(too_long) => Secret::new(format!("({too_long}; use the key)").into_bytes()),
    }
}

/// All of the card in a line.
pub(super) fn uri(card: &Card) -> Secret {
    join(&[b"uri: ", card.uri().expose()])
}

/// Asks for the first code.
pub(super) fn code_prompt(excuse: Option<&Unenrolled>) -> String {
    let cancel = if excuse.is_some() { "not now" } else { "cancel" };
    format!(
        "Code from the app (\"ascii\": a QR code of plain characters, \"uri\": all of it as a URI, nothing typed: {cancel}): "
    )
}

/// Why a code did not do.
pub(super) fn not_confirmed(why: NotConfirmed, left: usize) -> String {
    let why = match why {
        NotConfirmed::Malformed { digits } => format!("That is not a code of {digits} digits."),
        NotConfirmed::ClockOff(_) => {
            "That code is right for another time: set the clock of the phone, or have that of this machine set."
                .to_owned()
        }
        NotConfirmed::Wrong => {
            "That code is wrong: was the right account chosen in the app, and the code still shown?".to_owned()
        }
    };
    let tries = if left == 1 { "One more try.".to_owned() } else { format!("{left} more tries.") };
    format!("{why} {tries}")
}

/// The recovery codes, one a line.
pub(super) fn recovery_codes(codes: &[Secret]) -> Secret {
    let lines: Vec<Secret> = codes.iter().map(|code| join(&[b"  ", grouped(code).expose(), b"\n"])).collect();
    let mut parts: Vec<&[u8]> = vec![
        b"The code is right. These recovery codes are each good for one login when the phone is gone:\n",
    ];
    parts.extend(lines.iter().map(Secret::expose));
    parts.push(b"Write them on paper or print them; they are not shown again.");
    join(&parts)
}

/// `concat` allocates once, and so leaves no copy behind.
fn join(parts: &[&[u8]]) -> Secret {
    Secret::new(parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use totp_core::factor::ClockOff;

    #[test]
    fn every_recovery_code_stands_on_a_line_of_its_own() {
        let codes = [b"AAAABBBBCCCCDDDD", b"EEEEFFFFGGGGHHHH"].map(|code| Secret::new(code.to_vec()));
        let text = recovery_codes(&codes);
        let text = std::str::from_utf8(text.expose()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1..3], ["  AAAA-BBBB-CCCC-DDDD", "  EEEE-FFFF-GGGG-HHHH"]);
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn a_wrong_code_tells_how_many_are_left_and_not_by_how_much_it_was_off() {
        assert!(not_confirmed(NotConfirmed::Wrong, 4).ends_with(" 4 more tries."));
        let off = not_confirmed(NotConfirmed::ClockOff(ClockOff { steps: -77, seconds: -2310 }), 1);
        assert!(off.ends_with(" One more try.") && !off.contains("77"), "{off}");
    }
}
