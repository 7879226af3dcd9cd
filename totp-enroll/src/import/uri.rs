//! Parses one `otpauth://` URI (Key URI Format of Google Authenticator), as authenticator apps and password managers export it.

use super::imported_authenticator::ImportedAuthenticator;
use super::no_uri::NoUri;
use super::uri_key::{self, KeyError, UriKey};
use super::wrapping::unwrapped;
use percent_encoding::percent_decode;
use seed_files::base32::{self, Base32Error};
use std::borrow::Cow;
use totp_core::factor::hotp::{self, DigitsError, Hotp};
use totp_core::factor::totp::{Algorithm, Parameters, ParametersError};
use totp_core::factor::{Factor, FactorKind};
use zeroize::Zeroizing;

/// The longest URI in bytes; only an embedded image makes one longer. Shorter than the longest line that is read, so that a
/// line that was cut is refused.
const LONGEST: usize = 2048;

/// The schemes: that of the format, and the one in which Apple's devices hand it on.
const SCHEMES: [&str; 2] = ["otpauth", "apple-otpauth"];

/// Why a line cannot be imported. The messages do not repeat values of the line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UriError {
    #[error("is not UTF-8 text")]
    NotText,
    #[error("is longer than {LONGEST} bytes; remove parameters that are not needed, such as image")]
    TooLong,
    #[error("{0}")]
    NoUri(NoUri),
    #[error("does not have the type totp or hotp")]
    Type,
    #[error("contains a #, which would end the URI; write it as %23")]
    Fragment,
    #[error("has no account in its label; use --user, or write otpauth://totp/ISSUER:ACCOUNT?secret=...")]
    NoAccount,
    #[error("has a % that is not followed by two hexadecimal digits, or is not UTF-8 when decoded")]
    Encoding,
    #[error("has the parameter {0} twice")]
    Twice(&'static str),
    #[error("{0}")]
    Key(#[from] KeyError),
    #[error("has no secret")]
    NoSecret,
    #[error("{0}")]
    Secret(#[from] Base32Error),
    #[error("the algorithm is MD5, which is not supported; enrol this user anew")]
    Md5,
    #[error("the algorithm is not SHA1, SHA256 or SHA512")]
    Algorithm,
    #[error(
        "the algorithm is {0}, but counter tokens (HOTP) are supported with SHA1 only; enrol this user anew"
    )]
    CounterAlgorithm(&'static str),
    #[error("the counter is not a number from 0 to 2^63-2; correct it, or enrol this user anew")]
    Counter,
    #[error("{0}")]
    CounterDigits(#[from] DigitsError),
    #[error("{0} is not a number")]
    Number(&'static str),
    #[error("{0}")]
    Parameters(#[from] ParametersError),
}

/// Parses a line; `None` for a comment or a blank line. `user` replaces the account in the label.
pub(super) fn parse(line: &[u8], user: Option<&str>) -> Result<Option<ImportedAuthenticator>, UriError> {
    let line = unwrapped(line);
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    if line.len() > LONGEST {
        return Err(UriError::TooLong);
    }
    let line = std::str::from_utf8(line).map_err(|_| UriError::NotText)?;
    let no_uri = || UriError::NoUri(NoUri::of(line));
    let (scheme, rest) = line.split_once("://").ok_or_else(no_uri)?;
    if !SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(no_uri());
    }
    let (kind, rest) = rest.split_once('/').ok_or(UriError::Type)?;
    let known = [FactorKind::Totp, FactorKind::Hotp];
    let kind = known.into_iter().find(|known| kind.eq_ignore_ascii_case(known.as_str()));
    let kind = kind.ok_or(UriError::Type)?;
    if rest.contains('#') {
        let is_html = rest.split('&').any(uri_key::is_html);
        return Err(if is_html { KeyError::Html.into() } else { UriError::Fragment });
    }
    let (label, query) = rest.split_once('?').unwrap_or((rest, ""));
    let query = Query::read(query)?;
    let (factor, used_up_to) = match kind {
        FactorKind::Totp => (query.totp()?, 0),
        FactorKind::Hotp => (query.hotp()?, query.counter()?),
    };
    let imported = ImportedAuthenticator {
        factor,
        used_up_to,
        last_code: None,
        secret: base32::decode(&query.secret.ok_or(UriError::NoSecret)?)?,
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

/// The parameters that decide the codes. Those of the other kind are ignored: some apps write a period for a counter too, or a counter
/// for TOTP, and it changes no code.
#[derive(Default)]
struct Query {
    secret: Option<Zeroizing<String>>,
    algorithm: Option<Zeroizing<String>>,
    digits: Option<Zeroizing<String>>,
    period: Option<Zeroizing<String>>,
    counter: Option<Zeroizing<String>>,
}

impl Query {
    fn read(query: &str) -> Result<Self, UriError> {
        let mut read = Self::default();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let (name, slot) = match uri_key::parse(&decoded(key)?)? {
                UriKey::Secret => ("secret", &mut read.secret),
                UriKey::Algorithm => ("algorithm", &mut read.algorithm),
                UriKey::Digits => ("digits", &mut read.digits),
                UriKey::Period => ("period", &mut read.period),
                UriKey::Counter => ("counter", &mut read.counter),
                UriKey::Harmless => continue,
            };
            if slot.replace(decoded(value)?).is_some() {
                return Err(UriError::Twice(name));
            }
        }
        Ok(read)
    }

    fn totp(&self) -> Result<Factor, UriError> {
        let (algorithm, digits) = (self.algorithm()?, self.digits()?);
        let period = self.period.as_ref().map_or(Ok(30), |text| number("period", text))?;
        Ok(Parameters::new(algorithm, digits, period)?.into())
    }

    fn hotp(&self) -> Result<Factor, UriError> {
        match self.algorithm()? {
            Algorithm::Sha1 => Ok(Hotp::new(self.digits()?)?.into()),
            other @ (Algorithm::Sha256 | Algorithm::Sha512) => {
                Err(UriError::CounterAlgorithm(other.as_str()))
            }
        }
    }

    /// The next counter. The format requires it; apps take a missing one as 0.
    fn counter(&self) -> Result<u64, UriError> {
        let counter = self.counter.as_ref().map_or(Ok(0), |text| number("counter", text));
        counter.ok().filter(|next| *next < hotp::END).ok_or(UriError::Counter)
    }

    fn algorithm(&self) -> Result<Algorithm, UriError> {
        self.algorithm.as_ref().map_or(Ok(Algorithm::Sha1), |name| algorithm(name))
    }

    fn digits(&self) -> Result<u8, UriError> {
        let digits = self.digits.as_ref().map_or(Ok(6), |text| number("digits", text))?;
        // A number that does not fit is out of range too.
        Ok(u8::try_from(digits).unwrap_or(u8::MAX))
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
#[path = "uri_tests.rs"]
mod tests;
