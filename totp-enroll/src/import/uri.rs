//! Parses one `otpauth://` URI (Key URI Format of Google Authenticator), as authenticator apps and password managers export it.

use super::imported_authenticator::ImportedAuthenticator;
use data_encoding::BASE32_NOPAD;
use percent_encoding::percent_decode;
use std::borrow::Cow;
use totp_core::factor::totp::{Algorithm, Parameters, ParametersError};
use totp_core::random::Secret;
use zeroize::Zeroizing;

/// The longest URI in bytes; only an embedded image makes one longer. Shorter than the longest line that is read, so that a
/// line that was cut is refused.
const LONGEST: usize = 2048;

/// Parameters of other programs that can change the codes from those of RFC 6238.
const UNSUPPORTED_PARAMETERS: [&str; 12] = [
    "encoder", "t0", "epoch", "offset", "pin", "algo", "hash", "digest", "interval", "step", "timestep",
    "token",
];

/// Why a line cannot be imported. The messages do not repeat values of the line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UriError {
    #[error("is not UTF-8 text")]
    NotText,
    #[error("is longer than {LONGEST} bytes; remove parameters that are not needed, such as image")]
    TooLong,
    #[error("is not an otpauth:// URI")]
    NotUri,
    #[error("is counter-based (HOTP), which cannot be imported; enrol this user anew")]
    Counter,
    #[error("does not have the type totp")]
    Type,
    #[error("contains a #, which would end the URI; write it as %23")]
    Fragment,
    #[error("has no account in its label; use --user, or write otpauth://totp/ISSUER:ACCOUNT?secret=...")]
    NoAccount,
    #[error("has a % that is not followed by two hexadecimal digits, or is not UTF-8 when decoded")]
    Encoding,
    #[error("has the parameter {0} twice")]
    Twice(&'static str),
    #[error("has the parameter {0}, which may change the codes and is not supported; enrol this user anew")]
    Unsupported(&'static str),
    #[error("has no secret")]
    NoSecret,
    #[error("the secret is not base32")]
    Secret,
    #[error("the algorithm is MD5, which is not supported; enrol this user anew")]
    Md5,
    #[error("the algorithm is not SHA1, SHA256 or SHA512")]
    Algorithm,
    #[error("{0} is not a number")]
    Number(&'static str),
    #[error("{0}")]
    Parameters(#[from] ParametersError),
}

/// Parses a line; `None` for a comment or a blank line. `user` replaces the account in the label.
pub(super) fn parse(line: &[u8], user: Option<&str>) -> Result<Option<ImportedAuthenticator>, UriError> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    if line.len() > LONGEST {
        return Err(UriError::TooLong);
    }
    let line = std::str::from_utf8(line).map_err(|_| UriError::NotText)?;
    let (scheme, rest) = line.split_once("://").ok_or(UriError::NotUri)?;
    if !scheme.eq_ignore_ascii_case("otpauth") {
        return Err(UriError::NotUri);
    }
    let (kind, rest) = rest.split_once('/').ok_or(UriError::Type)?;
    if kind.eq_ignore_ascii_case("hotp") {
        return Err(UriError::Counter);
    }
    if !kind.eq_ignore_ascii_case("totp") {
        return Err(UriError::Type);
    }
    if rest.contains('#') {
        return Err(UriError::Fragment);
    }
    let (label, query) = rest.split_once('?').unwrap_or((rest, ""));
    let query = Query::read(query)?;
    let imported = ImportedAuthenticator {
        factor: query.parameters()?.into(),
        used_up_to: 0,
        secret: secret(&query.secret.ok_or(UriError::NoSecret)?)?,
        user: user.map_or_else(|| account(label), |user| Ok(user.to_owned()))?,
    };
    Ok(Some(imported))
}

/// The account in a label: the text after the last colon (`:` or `%3A`), without blanks around it. An issuer may contain a colon,
/// an account cannot (passwd(5)).
fn account(label: &str) -> Result<String, UriError> {
    let label = decoded(label)?;
    let account = label.rsplit(':').next().unwrap_or_default().trim_matches(' ');
    if account.is_empty() { Err(UriError::NoAccount) } else { Ok(account.to_owned()) }
}

/// The parameters that decide the codes. Others (issuer, image, color, lock, …) are ignored.
#[derive(Default)]
struct Query {
    secret: Option<Zeroizing<String>>,
    algorithm: Option<Zeroizing<String>>,
    digits: Option<Zeroizing<String>>,
    period: Option<Zeroizing<String>>,
}

impl Query {
    fn read(query: &str) -> Result<Self, UriError> {
        let mut read = Self::default();
        for parameter in query.split('&') {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            // Keys in upper case count too: ignoring DIGITS=8 would import wrong codes.
            let key = decoded(key)?.to_ascii_lowercase();
            let (name, slot) = match key.as_str() {
                "secret" => ("secret", &mut read.secret),
                "algorithm" => ("algorithm", &mut read.algorithm),
                "digits" => ("digits", &mut read.digits),
                "period" => ("period", &mut read.period),
                other => match UNSUPPORTED_PARAMETERS.iter().find(|name| **name == other) {
                    Some(name) => return Err(UriError::Unsupported(name)),
                    None => continue,
                },
            };
            if slot.replace(decoded(value)?).is_some() {
                return Err(UriError::Twice(name));
            }
        }
        Ok(read)
    }

    fn parameters(&self) -> Result<Parameters, UriError> {
        let algorithm = self.algorithm.as_ref().map_or(Ok(Algorithm::Sha1), |name| algorithm(name))?;
        let digits = self.digits.as_ref().map_or(Ok(6), |text| number("digits", text))?;
        let period = self.period.as_ref().map_or(Ok(30), |text| number("period", text))?;
        // A number that does not fit is out of range too.
        let digits = u8::try_from(digits).unwrap_or(u8::MAX);
        Ok(Parameters::new(algorithm, digits, period)?)
    }
}

fn algorithm(name: &str) -> Result<Algorithm, UriError> {
    match name.to_ascii_uppercase().as_str() {
        "SHA1" | "SHA-1" => Ok(Algorithm::Sha1),
        "SHA256" | "SHA-256" => Ok(Algorithm::Sha256),
        "SHA512" | "SHA-512" => Ok(Algorithm::Sha512),
        "MD5" => Err(UriError::Md5),
        _ => Err(UriError::Algorithm),
    }
}

fn number(name: &'static str, text: &str) -> Result<u64, UriError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UriError::Number(name));
    }
    // A number that does not fit is out of range too.
    Ok(text.parse().unwrap_or(u64::MAX))
}

/// Decodes base32, in upper or lower case, with or without padding. Bits after the last whole byte are dropped, as apps do: some
/// services generate random text instead of random bytes.
fn secret(text: &str) -> Result<Secret, UriError> {
    let digits = text.trim_end_matches('=');
    let mut specification = BASE32_NOPAD.specification();
    specification.check_trailing_bits = false;
    specification.translate.from.push_str("abcdefghijklmnopqrstuvwxyz");
    specification.translate.to.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    let encoding = specification.encoding().map_err(|_| UriError::Secret)?;
    encoding.decode(digits.as_bytes()).map(Secret::new).map_err(|_| UriError::Secret)
}

/// Percent-decodes strictly (RFC 3986 section 2.1); wiped after use.
fn decoded(text: &str) -> Result<Zeroizing<String>, UriError> {
    let mut escapes = text.split('%').skip(1);
    if !escapes
        .all(|escape| escape.get(..2).is_some_and(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit())))
    {
        return Err(UriError::Encoding);
    }
    let bytes: Cow<'_, [u8]> = percent_decode(text.as_bytes()).into();
    match String::from_utf8(bytes.into_owned()) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(UriError::Encoding)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TWENTY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn imported(line: &str) -> ImportedAuthenticator {
        match parse(line.as_bytes(), None) {
            Ok(Some(imported)) => imported,
            Ok(None) => panic!("ignored: {line}"),
            Err(error) => panic!("{line}: {error}"),
        }
    }

    fn error(line: &str) -> UriError {
        match parse(line.as_bytes(), None) {
            Ok(_) => panic!("accepted: {line}"),
            Err(error) => error,
        }
    }

    #[test]
    fn missing_parameters_have_the_default_of_the_apps() {
        let imported = imported(&format!("otpauth://totp/alice?secret={TWENTY}"));
        assert_eq!(imported.factor, Parameters::new(Algorithm::Sha1, 6, 30).unwrap().into());
        assert_eq!(imported.user, "alice");
        assert_eq!(imported.secret.expose(), b"12345678901234567890");
    }

    #[test]
    fn parameters_are_read_in_any_case_and_order() {
        let tail =
            "algorithm=sha512&digits=8&issuer=ACME&period=60&Image=https%3A%2F%2Fexample.com&lock=true";
        for line in [
            format!("otpauth://totp/ACME:alice?secret={TWENTY}&{tail}"),
            format!("OTPAUTH://TOTP/alice?{tail}&SECRET={TWENTY}&"),
            format!("  otpauth://totp/Other:alice?{tail}&secret={TWENTY}\r"),
        ] {
            let imported = imported(&line);
            assert_eq!(imported.factor, Parameters::new(Algorithm::Sha512, 8, 60).unwrap().into(), "{line}");
            assert_eq!((imported.user.as_str(), imported.secret.expose().len()), ("alice", 20), "{line}");
        }
    }

    #[test]
    fn the_account_is_the_text_after_the_last_colon() {
        for label in [
            "alice",
            "ACME:alice",
            "ACME%3Aalice",
            "ACME%20Ltd:%20alice",
            "A%3A%20B:alice",
            "a b: alice",
            ":alice",
        ] {
            assert_eq!(imported(&format!("otpauth://totp/{label}?secret={TWENTY}")).user, "alice", "{label}");
        }
        assert_eq!(
            imported(&format!("otpauth://totp/ACME:s%C3%B8ren%40host?secret={TWENTY}")).user,
            "søren@host"
        );
    }

    #[test]
    fn a_given_name_replaces_the_account() {
        for label in ["", "ACME:", "ACME:someone%20else", "%zz"] {
            let line = format!("otpauth://totp/{label}?secret={TWENTY}");
            let imported = parse(line.as_bytes(), Some("alice")).unwrap().unwrap();
            assert_eq!(imported.user, "alice", "{label}");
        }
    }

    #[test]
    fn a_secret_is_read_in_any_case_and_padding() {
        for (text, bytes) in [
            ("gezdgnbvgy3tqojq", &b"1234567890"[..]),
            ("GEZDGNBVGY3TQOJQGE======", b"12345678901"),
            ("GEZDGNBVGY3TQOJQGE%3D%3d====", b"12345678901"),
            ("GEZDGNBVGY3TQOJQGE", b"12345678901"),
            // The last two bits are dropped.
            ("GEZDGNBVGY3TQOJQGH", b"12345678901"),
        ] {
            assert_eq!(imported(&format!("otpauth://totp/a?secret={text}")).secret.expose(), bytes, "{text}");
        }
    }

    #[test]
    fn comments_and_blank_lines_are_ignored() {
        for line in ["", "  \t", "# otpauth://totp/alice?secret=x", "\r", &format!("#{}", "x".repeat(9999))] {
            assert!(parse(line.as_bytes(), None).unwrap().is_none(), "{line}");
        }
    }

    #[test]
    fn each_bad_line_has_its_error() {
        let with = |tail: &str| error(&format!("otpauth://totp/alice?secret={TWENTY}{tail}"));
        assert_eq!(error("alice"), UriError::NotUri);
        assert_eq!(error("https://totp/alice?secret=AA"), UriError::NotUri);
        assert_eq!(error("otpauth-migration://offline?data=CjEKCkhlbGxv"), UriError::NotUri);
        assert_eq!(error("otpauth://hotp/alice?secret=AA&counter=1"), UriError::Counter);
        assert_eq!(error("otpauth://steam/alice?secret=AA"), UriError::Type);
        assert_eq!(error("otpauth://totp?secret=AA"), UriError::Type);
        assert_eq!(error("otpauth://totp/alice"), UriError::NoSecret);
        assert_eq!(error("otpauth://totp/alice&secret=AA"), UriError::NoSecret);
        assert_eq!(error(&format!("otpauth://totp/?secret={TWENTY}")), UriError::NoAccount);
        assert_eq!(error(&format!("otpauth://totp/ACME:%20?secret={TWENTY}")), UriError::NoAccount);
        assert_eq!(error(&format!("otpauth://totp/%zz?secret={TWENTY}")), UriError::Encoding);
        assert_eq!(error(&format!("otpauth://totp/%ff?secret={TWENTY}")), UriError::Encoding);
        assert_eq!(with("#&digits=8"), UriError::Fragment);
        assert_eq!(with("&digits=6&Digits=8"), UriError::Twice("digits"));
        assert_eq!(with("&secret=AA"), UriError::Twice("secret"));
        assert_eq!(with("&encoder=steam"), UriError::Unsupported("encoder"));
        assert_eq!(with("&Offset=5"), UriError::Unsupported("offset"));
        assert_eq!(with("&algorithm=MD5"), UriError::Md5);
        assert_eq!(with("&algorithm=SHA3"), UriError::Algorithm);
        assert_eq!(with("&algorithm="), UriError::Algorithm);
        assert_eq!(with("&digits=six"), UriError::Number("digits"));
        assert_eq!(with("&digits="), UriError::Number("digits"));
        assert_eq!(with("&period=+30"), UriError::Number("period"));
        assert_eq!(with("&digits=%36%"), UriError::Encoding);
        for digits in ["5", "9", "262", "99999999999999999999"] {
            assert_eq!(with(&format!("&digits={digits}")), UriError::Parameters(ParametersError::Digits));
        }
        for period in ["4", "0", "301", "99999999999999999999"] {
            assert_eq!(with(&format!("&period={period}")), UriError::Parameters(ParametersError::Period));
        }
        for secret in ["GEZDGNBVGY3TQO", "GEZD GNBV", "GEZD-GNBV", "0189", "GEZ=DGNB", "+"] {
            assert_eq!(error(&format!("otpauth://totp/alice?secret={secret}")), UriError::Secret, "{secret}");
        }
        let long = format!("&image={}&digits=8", "x".repeat(LONGEST));
        assert_eq!(with(&long), UriError::TooLong);
    }

    proptest! {
        #[test]
        fn no_error_repeats_a_value(tail in "[a-z&=%0-9]{0,40}") {
            let line = format!("otpauth://totp/hunter2?secret=HUNTER2HUNTER2&x=hunter2{tail}%");
            if let Err(error) = parse(line.as_bytes(), None) {
                prop_assert!(!error.to_string().to_lowercase().contains("hunter2"));
            }
        }

        #[test]
        fn any_bytes_are_an_authenticator_an_error_or_nothing(line in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = parse(&line, None);
        }
    }
}
