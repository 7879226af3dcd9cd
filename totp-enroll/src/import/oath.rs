//! Parses one line of pam_oath's users file (liboath, `oath_authenticate_usersfile`): type, user, password, secret, then the
//! program's notes on used codes.

use super::imported_authenticator::ImportedAuthenticator;
use data_encoding::HEXLOWER_PERMISSIVE;
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
    #[error("the type is unknown; expected for example HOTP/T30, HOTP/T60 or HOTP/T30/8")]
    Type,
    #[error("is counter-based (HOTP), which cannot be imported; enrol this user anew")]
    Counter,
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
    // The other fields: moving factor, last code and its time.
    if fields.count() > 3 {
        return Err(OathError::TooLong);
    }
    let parameters = parameters(kind)?;
    // "-": no password. "+": a password that is checked elsewhere.
    if !matches!(password, "-" | "+") {
        return Err(OathError::Password);
    }
    let secret =
        HEXLOWER_PERMISSIVE.decode(secret.as_bytes()).map(Secret::new).map_err(|_| OathError::Secret)?;
    Ok(Some(ImportedAuthenticator { user: user.to_owned(), parameters, secret }))
}

/// Parses a type such as `HOTP/T30/6`: time-based, period, digits (default 6).
fn parameters(kind: &str) -> Result<Parameters, OathError> {
    let mut parts = kind.split('/');
    if parts.next() != Some("HOTP") {
        return Err(OathError::Type);
    }
    let (factor, digits, rest) = (parts.next(), parts.next(), parts.next());
    let period = match factor {
        None | Some("E") => return Err(OathError::Counter),
        Some(factor) => factor.strip_prefix('T').and_then(number).ok_or(OathError::Type)?,
    };
    let digits = digits.map_or(Some(6), |digits| number(digits).and_then(|digits| u8::try_from(digits).ok()));
    match (digits, rest) {
        (Some(digits), None) => Ok(Parameters::new(Algorithm::Sha1, digits, period)?),
        _ => Err(OathError::Type),
    }
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
            assert_eq!((imported.parameters.digits(), imported.parameters.period()), (digits, period));
            assert_eq!(imported.user, "alice");
            assert_eq!(imported.secret.expose(), b"12345678901234567890");
        }
    }

    #[test]
    fn the_programs_notes_are_ignored() {
        let line = b"HOTP/T30 alice + 3132333435363738393A 0 328482 2009-12-07T23:23:49L";
        assert!(parse(line).ok().unwrap().is_some());
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
        assert_eq!(error("HOTP alice - 00"), OathError::Counter);
        assert_eq!(error("HOTP/E/6 alice - 00"), OathError::Counter);
        for kind in [
            "TOTP",
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
