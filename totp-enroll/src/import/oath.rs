//! Parses one line of pam_oath's users file (liboath, `oath_authenticate_usersfile`): type, user, password, secret, then the
//! program's notes on used codes.

use super::imported_authenticator::ImportedAuthenticator;
use data_encoding::HEXLOWER_PERMISSIVE;
use totp_core::factor::Factor;
use totp_core::factor::hotp::{self, DigitsError, Hotp};
use totp_core::factor::totp::{Algorithm, Parameters, ParametersError};
use totp_core::random::Secret;

/// Why a line cannot be imported.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum OathError {
    #[error("is not UTF-8 text")]
    NotText,
    #[error("has fewer than four fields: type, user, password, secret")]
    TooShort,
    #[error("has more than seven fields")]
    TooLong,
    #[error("the type is unknown; expected for example HOTP/E/6 (counter) or HOTP/T30/6 (time)")]
    Type,
    #[error(
        "the moving factor is not a counter below 2^63-1, where counters end; correct it, or enrol this user anew"
    )]
    Counter,
    #[error("the last code is not a code of {0} digits; correct the line, or enrol this user anew")]
    LastCode(u8),
    #[error("{0}")]
    Digits(#[from] DigitsError),
    #[error("{0}")]
    Parameters(#[from] ParametersError),
    #[error(
        "has a password, which pam_totp does not check; replace it with - and add a password module to the PAM stack"
    )]
    Password,
    #[error("the secret is not hexadecimal")]
    Secret,
}

/// Parses a line; `None` for a comment or a blank line.
pub(super) fn parse(line: &[u8]) -> Result<Option<ImportedAuthenticator>, OathError> {
    let line = std::str::from_utf8(line).map_err(|_| OathError::NotText)?.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut fields = line.split_ascii_whitespace();
    let (Some(kind), Some(user), Some(password), Some(secret)) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(OathError::TooShort);
    };
    let (moving_factor, last_code, _time) = (fields.next(), fields.next(), fields.next());
    if fields.next().is_some() {
        return Err(OathError::TooLong);
    }
    let factor = factor(kind)?;
    let (used_up_to, last_code) = match factor {
        Factor::Totp(_) => (0, last_code.filter(|code| is_code(code, factor.digits()))),
        Factor::Hotp(hotp) => (next_counter(moving_factor, last_code, hotp.digits())?, None),
    };
    // "-": no password. "+": a password that is checked elsewhere.
    if !matches!(password, "-" | "+") {
        return Err(OathError::Password);
    }
    let secret =
        HEXLOWER_PERMISSIVE.decode(secret.as_bytes()).map(Secret::new).map_err(|_| OathError::Secret)?;
    let last_code = last_code.map(|code| Secret::new(code.as_bytes().to_vec()));
    Ok(Some(ImportedAuthenticator { user: user.to_owned(), factor, used_up_to, secret, last_code }))
}

/// The next counter. The program writes the last accepted one, together with its code; a line without a code has never been used,
/// and begins with its moving factor. So anything else in the code's place, such as a remark, would skip a counter.
fn next_counter(moving_factor: Option<&str>, last_code: Option<&str>, digits: u8) -> Result<u64, OathError> {
    let counter = moving_factor.map_or(Some(0), number).ok_or(OathError::Counter)?;
    let next = match last_code {
        None => Some(counter),
        Some(code) if !is_code(code, digits) => return Err(OathError::LastCode(digits)),
        Some(_) => counter.checked_add(1),
    };
    next.filter(|next| *next < hotp::END).ok_or(OathError::Counter)
}

fn is_code(text: &str, digits: u8) -> bool {
    text.len() == usize::from(digits) && number(text).is_some()
}

/// Parses a type: `HOTP` or `HOTP/E`, by counter, or such as `HOTP/T30`, by time with a period; then the digits (default 6).
fn factor(kind: &str) -> Result<Factor, OathError> {
    let mut parts = kind.split('/');
    if parts.next() != Some("HOTP") {
        return Err(OathError::Type);
    }
    let (factor, digits, rest) = (parts.next(), parts.next(), parts.next());
    let period = match factor {
        None | Some("E") => None,
        Some(factor) => Some(factor.strip_prefix('T').and_then(number).ok_or(OathError::Type)?),
    };
    let digits = digits.map_or(Some(6), |digits| number(digits).and_then(|digits| u8::try_from(digits).ok()));
    let (Some(digits), None) = (digits, rest) else { return Err(OathError::Type) };
    Ok(match period {
        Some(period) => Parameters::new(Algorithm::Sha1, digits, period)?.into(),
        None => Hotp::new(digits)?.into(),
    })
}

fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(line: &str) -> OathError {
        match parse(line.as_bytes()) {
            Ok(_) => panic!("accepted: {line}"),
            Err(error) => error,
        }
    }

    #[test]
    fn a_time_based_line_is_read_with_its_period_and_digits() {
        for (kind, digits, period) in [("HOTP/T30", 6, 30), ("HOTP/T30/6", 6, 30), ("HOTP/T60/8", 8, 60)] {
            let line = format!("{kind}\talice\t-\t3132333435363738393031323334353637383930");
            let imported = parse(line.as_bytes()).ok().unwrap().unwrap();
            assert_eq!((imported.factor.digits(), imported.factor.period()), (digits, Some(period)));
            assert_eq!(imported.user, "alice");
            assert_eq!(imported.secret.expose(), b"12345678901234567890");
        }
    }

    #[test]
    fn a_line_by_counter_is_read_with_its_next_counter() {
        for (line, digits, next) in [
            ("HOTP alice - 00", 6, 0),
            ("HOTP/E alice - 00 7", 6, 7),
            ("HOTP/E/8 alice + 00 7 94287082 2009-12-07T23:23:49L", 8, 8),
            ("HOTP alice - 00 9223372036854775806", 6, hotp::END - 1),
        ] {
            let imported = parse(line.as_bytes()).ok().unwrap().unwrap();
            assert_eq!(
                (imported.factor, imported.used_up_to),
                (Hotp::new(digits).unwrap().into(), next),
                "{line}"
            );
        }
    }

    #[test]
    fn the_last_code_of_a_time_based_line_is_kept() {
        for (noted, kept) in
            [("0 328482 2009-12-07T23:23:49L", true), ("", false), ("0", false), ("0 fob", false)]
        {
            let line = format!("HOTP/T30 alice + 3132333435363738393A {noted}");
            let last_code = parse(line.as_bytes()).ok().unwrap().unwrap().last_code;
            assert_eq!(last_code.is_some_and(|code| code.expose() == b"328482"), kept, "{noted}");
        }
    }

    #[test]
    fn comments_and_blank_lines_are_ignored() {
        for line in ["", "  \t", "# HOTP/T30 alice - 00", "\r"] {
            assert!(parse(line.as_bytes()).ok().unwrap().is_none(), "{line}");
        }
    }

    #[test]
    fn each_bad_line_has_its_error() {
        assert_eq!(error("HOTP/T30 alice -"), OathError::TooShort);
        assert_eq!(error("HOTP/T30 alice - 00 1 2 3 4"), OathError::TooLong);
        for counter in
            ["x", "-1", "+1", "9223372036854775807", "9223372036854775806 755224", "99999999999999999999"]
        {
            assert_eq!(error(&format!("HOTP alice - 00 {counter}")), OathError::Counter, "{counter}");
        }
        for code in ["75522", "75522412", "fob-17", "#"] {
            assert_eq!(error(&format!("HOTP alice - 00 7 {code}")), OathError::LastCode(6), "{code}");
        }
        assert_eq!(error("HOTP/E/5 alice - 00"), OathError::Digits(DigitsError));
        for kind in [
            "TOTP",
            "HOTP/",
            "HOTP/E/6/1",
            "HOTP/E/x",
            "HOTP/30",
            "HOTP/T",
            "HOTP/Tx",
            "HOTP/T+30",
            "HOTP/T30/x",
            "HOTP/T30/6/1",
            "HOTP/T30/600",
        ] {
            let error = error(&format!("{kind} alice - 00"));
            assert!(matches!(error, OathError::Type | OathError::Parameters(_)), "{kind}: {error}");
        }
        assert_eq!(error("HOTP/T30/5 alice - 00"), OathError::Parameters(ParametersError::Digits));
        assert_eq!(error("HOTP/T0 alice - 00"), OathError::Parameters(ParametersError::Period));
        assert_eq!(error("HOTP/T30 alice hunter2 00"), OathError::Password);
        assert_eq!(error("HOTP/T30 alice - 0g"), OathError::Secret);
        assert_eq!(error("HOTP/T30 alice - 000"), OathError::Secret);
    }

    #[test]
    fn no_error_repeats_a_value() {
        assert!(!error("HOTP/T30 alice hunter2 zz").to_string().contains("hunter2"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_authenticator_an_error_or_nothing(line in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = parse(&line);
        }
    }
}
