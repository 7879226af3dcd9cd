//! One `otpauth://` URI, as apps are enrolled by it and password managers export it (Key URI Format of Google Authenticator).

use super::token::Token;
use data_encoding::BASE32_NOPAD;
use percent_encoding::percent_decode;
use std::borrow::Cow;
use totp_core::factor::totp::{Algorithm, Parameters, ParametersError};
use totp_core::secret::Secret;
use zeroize::Zeroizing;

/// No URI is longer, in bytes, but for a picture in it. Less than what is given of a line: half a URI would lack parameters.
const LONGEST: usize = 2048;

/// Parameters of other programs by which the app's codes are others than those of RFC 6238, or may be.
const OF_OTHER_CODES: [&str; 12] = [
    "encoder", "t0", "epoch", "offset", "pin", "algo", "hash", "digest", "interval", "step", "timestep",
    "token",
];

/// A line that cannot be taken over, and why. Nothing of it repeats a value of the line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("is not UTF-8 text")]
    NotText,
    #[error("is longer than {LONGEST} bytes: take out what is not needed, such as image")]
    TooLong,
    #[error("is not an otpauth:// URI")]
    NotUri,
    #[error("is a counter token (HOTP), which cannot be carried over: enrol this user anew")]
    Counter,
    #[error("is of another type than totp")]
    Type,
    #[error("has a # in it, behind which nothing is read: write %23")]
    Fragment,
    #[error(
        "has no account in its label: give one by --user, or write otpauth://totp/ISSUER:ACCOUNT?secret=..."
    )]
    NoAccount,
    #[error("has a % that is not followed by two hexadecimal digits, or characters that are not UTF-8")]
    Encoding,
    #[error("has the parameter {0} twice")]
    Twice(&'static str),
    #[error(
        "has the parameter {0}, by which its codes may be others than those of TOTP: enrol this user anew"
    )]
    OtherCodes(&'static str),
    #[error("has no secret")]
    NoSecret,
    #[error("the secret is not base32")]
    Secret,
    #[error("the algorithm is MD5, which is not supported: enrol this user anew")]
    Md5,
    #[error("the algorithm is not SHA1, SHA256 or SHA512")]
    Algorithm,
    #[error("{0} is not a number")]
    Number(&'static str),
    #[error("{0}")]
    Parameters(#[from] ParametersError),
}

/// Parses a line; `None` for a comment or a blank. `user` stands in for the account in the label.
pub(super) fn parse(line: &[u8], user: Option<&str>) -> Result<Option<Token>, Problem> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    if line.len() > LONGEST {
        return Err(Problem::TooLong);
    }
    let line = std::str::from_utf8(line).map_err(|_| Problem::NotText)?;
    let (scheme, rest) = line.split_once("://").ok_or(Problem::NotUri)?;
    if !scheme.eq_ignore_ascii_case("otpauth") {
        return Err(Problem::NotUri);
    }
    let (kind, rest) = rest.split_once('/').ok_or(Problem::Type)?;
    if kind.eq_ignore_ascii_case("hotp") {
        return Err(Problem::Counter);
    }
    if !kind.eq_ignore_ascii_case("totp") {
        return Err(Problem::Type);
    }
    if rest.contains('#') {
        return Err(Problem::Fragment);
    }
    let (label, query) = rest.split_once('?').unwrap_or((rest, ""));
    let query = Query::read(query)?;
    let token = Token {
        parameters: query.parameters()?,
        secret: secret(&query.secret.ok_or(Problem::NoSecret)?)?,
        user: user.map_or_else(|| account(label), |user| Ok(user.to_owned()))?,
    };
    Ok(Some(token))
}

/// What stands behind the last colon of the label, written `:` or `%3A`: an issuer may have one, an account cannot
/// (passwd(5)). Blanks before it do not count.
fn account(label: &str) -> Result<String, Problem> {
    let label = decoded(label)?;
    let account = label.rsplit(':').next().unwrap_or_default().trim_matches(' ');
    if account.is_empty() { Err(Problem::NoAccount) } else { Ok(account.to_owned()) }
}

/// The parameters that decide the codes. Others (issuer, image, color, lock and the like) are passed over.
#[derive(Default)]
struct Query {
    secret: Option<Zeroizing<String>>,
    algorithm: Option<Zeroizing<String>>,
    digits: Option<Zeroizing<String>>,
    period: Option<Zeroizing<String>>,
}

impl Query {
    fn read(query: &str) -> Result<Self, Problem> {
        let mut read = Self::default();
        for parameter in query.split('&') {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            // In any case: anyone who wrote DIGITS=8 meant it.
            let key = decoded(key)?.to_ascii_lowercase();
            let (name, place) = match key.as_str() {
                "secret" => ("secret", &mut read.secret),
                "algorithm" => ("algorithm", &mut read.algorithm),
                "digits" => ("digits", &mut read.digits),
                "period" => ("period", &mut read.period),
                other => match OF_OTHER_CODES.iter().find(|name| **name == other) {
                    Some(name) => return Err(Problem::OtherCodes(name)),
                    None => continue,
                },
            };
            if place.replace(decoded(value)?).is_some() {
                return Err(Problem::Twice(name));
            }
        }
        Ok(read)
    }

    fn parameters(&self) -> Result<Parameters, Problem> {
        let algorithm = self.algorithm.as_ref().map_or(Ok(Algorithm::Sha1), |name| algorithm(name))?;
        let digits = self.digits.as_ref().map_or(Ok(6), |text| number("digits", text))?;
        let period = self.period.as_ref().map_or(Ok(30), |text| number("period", text))?;
        // More than fits is out of range, too.
        let digits = u8::try_from(digits).unwrap_or(u8::MAX);
        Ok(Parameters::new(algorithm, digits, period)?)
    }
}

fn algorithm(name: &str) -> Result<Algorithm, Problem> {
    match name.to_ascii_uppercase().as_str() {
        "SHA1" | "SHA-1" => Ok(Algorithm::Sha1),
        "SHA256" | "SHA-256" => Ok(Algorithm::Sha256),
        "SHA512" | "SHA-512" => Ok(Algorithm::Sha512),
        "MD5" => Err(Problem::Md5),
        _ => Err(Problem::Algorithm),
    }
}

fn number(name: &'static str, text: &str) -> Result<u64, Problem> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::Number(name));
    }
    // More than fits is out of range, too.
    Ok(text.parse().unwrap_or(u64::MAX))
}

/// Base32 in either case, with padding or without. Bits left over behind the last whole byte are dropped, as the apps do:
/// some services make the text and not the bytes at random.
fn secret(text: &str) -> Result<Secret, Problem> {
    let digits = text.trim_end_matches('=');
    let mut specification = BASE32_NOPAD.specification();
    specification.check_trailing_bits = false;
    specification.translate.from.push_str("abcdefghijklmnopqrstuvwxyz");
    specification.translate.to.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    let encoding = specification.encoding().map_err(|_| Problem::Secret)?;
    encoding.decode(digits.as_bytes()).map(Secret::new).map_err(|_| Problem::Secret)
}

/// Percent-decoded (RFC 3986 section 2.1), strictly; wiped after use.
fn decoded(text: &str) -> Result<Zeroizing<String>, Problem> {
    let mut behind = text.split('%').skip(1);
    if !behind
        .all(|behind| behind.get(..2).is_some_and(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit())))
    {
        return Err(Problem::Encoding);
    }
    let bytes: Cow<'_, [u8]> = percent_decode(text.as_bytes()).into();
    match String::from_utf8(bytes.into_owned()) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(Problem::Encoding)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TWENTY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn token(line: &str) -> Token {
        match parse(line.as_bytes(), None) {
            Ok(Some(token)) => token,
            Ok(None) => panic!("no token: {line}"),
            Err(problem) => panic!("{line}: {problem}"),
        }
    }

    fn problem(line: &str) -> Problem {
        match parse(line.as_bytes(), None) {
            Ok(_) => panic!("accepted: {line}"),
            Err(problem) => problem,
        }
    }

    #[test]
    fn what_is_left_out_is_what_every_app_takes_for_it() {
        let token = token(&format!("otpauth://totp/alice?secret={TWENTY}"));
        assert_eq!(token.parameters, Parameters::new(Algorithm::Sha1, 6, 30).unwrap());
        assert_eq!(token.user, "alice");
        assert_eq!(token.secret.expose(), b"12345678901234567890");
    }

    #[test]
    fn every_parameter_is_read_whatever_its_case_and_place() {
        let tail =
            "algorithm=sha512&digits=8&issuer=ACME&period=60&Image=https%3A%2F%2Fexample.com&lock=true";
        for line in [
            format!("otpauth://totp/ACME:alice?secret={TWENTY}&{tail}"),
            format!("OTPAUTH://TOTP/alice?{tail}&SECRET={TWENTY}&"),
            format!("  otpauth://totp/Other:alice?{tail}&secret={TWENTY}\r"),
        ] {
            let token = token(&line);
            assert_eq!(token.parameters, Parameters::new(Algorithm::Sha512, 8, 60).unwrap(), "{line}");
            assert_eq!((token.user.as_str(), token.secret.expose().len()), ("alice", 20), "{line}");
        }
    }

    #[test]
    fn the_account_is_what_stands_behind_the_last_colon() {
        for label in [
            "alice",
            "ACME:alice",
            "ACME%3Aalice",
            "ACME%20Ltd:%20alice",
            "A%3A%20B:alice",
            "a b: alice",
            ":alice",
        ] {
            assert_eq!(token(&format!("otpauth://totp/{label}?secret={TWENTY}")).user, "alice", "{label}");
        }
        assert_eq!(
            token(&format!("otpauth://totp/ACME:s%C3%B8ren%40host?secret={TWENTY}")).user,
            "søren@host"
        );
    }

    #[test]
    fn another_name_stands_in_for_the_account() {
        for label in ["", "ACME:", "ACME:someone%20else", "%zz"] {
            let line = format!("otpauth://totp/{label}?secret={TWENTY}");
            let token = parse(line.as_bytes(), Some("alice")).unwrap().unwrap();
            assert_eq!(token.user, "alice", "{label}");
        }
    }

    #[test]
    fn a_secret_is_read_as_people_and_apps_write_it() {
        for (text, bytes) in [
            ("gezdgnbvgy3tqojq", &b"1234567890"[..]),
            ("GEZDGNBVGY3TQOJQGE======", b"12345678901"),
            ("GEZDGNBVGY3TQOJQGE%3D%3d====", b"12345678901"),
            ("GEZDGNBVGY3TQOJQGE", b"12345678901"),
            // The last two bits are left over.
            ("GEZDGNBVGY3TQOJQGH", b"12345678901"),
        ] {
            assert_eq!(token(&format!("otpauth://totp/a?secret={text}")).secret.expose(), bytes, "{text}");
        }
    }

    #[test]
    fn comments_and_blanks_are_no_tokens() {
        for line in ["", "  \t", "# otpauth://totp/alice?secret=x", "\r", &format!("#{}", "x".repeat(9999))] {
            assert!(parse(line.as_bytes(), None).unwrap().is_none(), "{line}");
        }
    }

    #[test]
    fn a_bad_line_says_what_is_wrong_with_it() {
        let with = |tail: &str| problem(&format!("otpauth://totp/alice?secret={TWENTY}{tail}"));
        assert_eq!(problem("alice"), Problem::NotUri);
        assert_eq!(problem("https://totp/alice?secret=AA"), Problem::NotUri);
        assert_eq!(problem("otpauth-migration://offline?data=CjEKCkhlbGxv"), Problem::NotUri);
        assert_eq!(problem("otpauth://hotp/alice?secret=AA&counter=1"), Problem::Counter);
        assert_eq!(problem("otpauth://steam/alice?secret=AA"), Problem::Type);
        assert_eq!(problem("otpauth://totp?secret=AA"), Problem::Type);
        assert_eq!(problem("otpauth://totp/alice"), Problem::NoSecret);
        assert_eq!(problem("otpauth://totp/alice&secret=AA"), Problem::NoSecret);
        assert_eq!(problem(&format!("otpauth://totp/?secret={TWENTY}")), Problem::NoAccount);
        assert_eq!(problem(&format!("otpauth://totp/ACME:%20?secret={TWENTY}")), Problem::NoAccount);
        assert_eq!(problem(&format!("otpauth://totp/%zz?secret={TWENTY}")), Problem::Encoding);
        assert_eq!(problem(&format!("otpauth://totp/%ff?secret={TWENTY}")), Problem::Encoding);
        assert_eq!(with("#&digits=8"), Problem::Fragment);
        assert_eq!(with("&digits=6&Digits=8"), Problem::Twice("digits"));
        assert_eq!(with("&secret=AA"), Problem::Twice("secret"));
        assert_eq!(with("&encoder=steam"), Problem::OtherCodes("encoder"));
        assert_eq!(with("&Offset=5"), Problem::OtherCodes("offset"));
        assert_eq!(with("&algorithm=MD5"), Problem::Md5);
        assert_eq!(with("&algorithm=SHA3"), Problem::Algorithm);
        assert_eq!(with("&algorithm="), Problem::Algorithm);
        assert_eq!(with("&digits=six"), Problem::Number("digits"));
        assert_eq!(with("&digits="), Problem::Number("digits"));
        assert_eq!(with("&period=+30"), Problem::Number("period"));
        assert_eq!(with("&digits=%36%"), Problem::Encoding);
        for digits in ["5", "9", "262", "99999999999999999999"] {
            assert_eq!(with(&format!("&digits={digits}")), Problem::Parameters(ParametersError::Digits));
        }
        for period in ["4", "0", "301", "99999999999999999999"] {
            assert_eq!(with(&format!("&period={period}")), Problem::Parameters(ParametersError::Period));
        }
        for secret in ["GEZDGNBVGY3TQO", "GEZD GNBV", "GEZD-GNBV", "0189", "GEZ=DGNB", "+"] {
            assert_eq!(
                problem(&format!("otpauth://totp/alice?secret={secret}")),
                Problem::Secret,
                "{secret}"
            );
        }
        let long = format!("&image={}&digits=8", "x".repeat(LONGEST));
        assert_eq!(with(&long), Problem::TooLong);
    }

    proptest! {
        #[test]
        fn no_problem_repeats_a_value(tail in "[a-z&=%0-9]{0,40}") {
            let line = format!("otpauth://totp/hunter2?secret=HUNTER2HUNTER2&x=hunter2{tail}%");
            if let Err(problem) = parse(line.as_bytes(), None) {
                prop_assert!(!problem.to_string().to_lowercase().contains("hunter2"));
            }
        }

        #[test]
        fn any_bytes_are_a_token_a_problem_or_nothing(line in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = parse(&line, None);
        }
    }
}
