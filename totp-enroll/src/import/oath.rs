//! One line of pam_oath's users file (liboath, `oath_authenticate_usersfile`): type, user, password, secret, and what
//! the program notes of its own use behind them.

use super::token::Token;
use data_encoding::HEXLOWER_PERMISSIVE;
use totp_core::factor::totp::{Algorithm, Parameters, ParametersError};
use totp_core::secret::Secret;

/// A line that cannot be taken over, and why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("is not UTF-8 text")]
    NotText,
    #[error("has fewer than four fields: type, user, password, secret")]
    TooShort,
    #[error("has more than seven fields")]
    TooLong,
    #[error("the type is not one of HOTP/T30, HOTP/T60, HOTP/T30/6, HOTP/T30/8 and the like")]
    Type,
    #[error("is a counter token (HOTP), and counters cannot be carried over: enrol this user anew")]
    Counter,
    #[error("{0}")]
    Parameters(#[from] ParametersError),
    #[error(
        "has a password of its own, which pam_totp does not check: put - in its place and a password module in the stack"
    )]
    Password,
    #[error("the secret is not hexadecimal")]
    Secret,
}

/// Parses a line; `None` for a comment or a blank.
pub(super) fn parse(line: &[u8]) -> Result<Option<Token>, Problem> {
    let line = std::str::from_utf8(line).map_err(|_| Problem::NotText)?.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut fields = line.split_ascii_whitespace();
    let (Some(kind), Some(user), Some(password), Some(secret)) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(Problem::TooShort);
    };
    // Behind it: moving factor, last code, its time.
    if fields.count() > 3 {
        return Err(Problem::TooLong);
    }
    let parameters = parameters(kind)?;
    // "-": no password. "+": whatever password, checked elsewhere.
    if !matches!(password, "-" | "+") {
        return Err(Problem::Password);
    }
    let secret =
        HEXLOWER_PERMISSIVE.decode(secret.as_bytes()).map(Secret::new).map_err(|_| Problem::Secret)?;
    Ok(Some(Token { user: user.to_owned(), parameters, secret }))
}

/// `HOTP/T30/6`: time-based, the period, the digits; six where they are left out.
fn parameters(kind: &str) -> Result<Parameters, Problem> {
    let mut parts = kind.split('/');
    if parts.next() != Some("HOTP") {
        return Err(Problem::Type);
    }
    let (factor, digits, rest) = (parts.next(), parts.next(), parts.next());
    let period = match factor {
        None | Some("E") => return Err(Problem::Counter),
        Some(factor) => factor.strip_prefix('T').and_then(number).ok_or(Problem::Type)?,
    };
    let digits = digits.map_or(Some(6), |digits| number(digits).and_then(|digits| u8::try_from(digits).ok()));
    match (digits, rest) {
        (Some(digits), None) => Ok(Parameters::new(Algorithm::Sha1, digits, period)?),
        _ => Err(Problem::Type),
    }
}

fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problem(line: &str) -> Problem {
        match parse(line.as_bytes()) {
            Ok(_) => panic!("accepted: {line}"),
            Err(problem) => problem,
        }
    }

    #[test]
    fn a_time_based_token_is_read_with_its_period_and_digits() {
        for (kind, digits, period) in [("HOTP/T30", 6, 30), ("HOTP/T30/6", 6, 30), ("HOTP/T60/8", 8, 60)] {
            let line = format!("{kind}\talice\t-\t3132333435363738393031323334353637383930");
            let token = parse(line.as_bytes()).ok().unwrap().unwrap();
            assert_eq!((token.parameters.digits(), token.parameters.period()), (digits, period));
            assert_eq!(token.user, "alice");
            assert_eq!(token.secret.expose(), b"12345678901234567890");
        }
    }

    #[test]
    fn what_the_program_noted_of_its_use_is_passed_over() {
        let line = b"HOTP/T30 alice + 3132333435363738393A 0 328482 2009-12-07T23:23:49L";
        assert!(parse(line).ok().unwrap().is_some());
    }

    #[test]
    fn comments_and_blanks_are_no_tokens() {
        for line in ["", "  \t", "# HOTP/T30 alice - 00", "\r"] {
            assert!(parse(line.as_bytes()).ok().unwrap().is_none(), "{line}");
        }
    }

    #[test]
    fn a_bad_line_says_what_is_wrong_with_it() {
        assert_eq!(problem("HOTP/T30 alice -"), Problem::TooShort);
        assert_eq!(problem("HOTP/T30 alice - 00 1 2 3 4"), Problem::TooLong);
        assert_eq!(problem("HOTP alice - 00"), Problem::Counter);
        assert_eq!(problem("HOTP/E/6 alice - 00"), Problem::Counter);
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
            let problem = problem(&format!("{kind} alice - 00"));
            assert!(matches!(problem, Problem::Type | Problem::Parameters(_)), "{kind}: {problem}");
        }
        assert_eq!(problem("HOTP/T30/5 alice - 00"), Problem::Parameters(ParametersError::Digits));
        assert_eq!(problem("HOTP/T0 alice - 00"), Problem::Parameters(ParametersError::Period));
        assert_eq!(problem("HOTP/T30 alice hunter2 00"), Problem::Password);
        assert_eq!(problem("HOTP/T30 alice - 0g"), Problem::Secret);
        assert_eq!(problem("HOTP/T30 alice - 000"), Problem::Secret);
    }

    #[test]
    fn no_problem_repeats_the_secret() {
        assert!(!problem("HOTP/T30 alice hunter2 zz").to_string().contains("hunter2"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_token_a_problem_or_nothing(line in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = parse(&line);
        }
    }
}
