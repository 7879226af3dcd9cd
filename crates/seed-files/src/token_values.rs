//! What a token may have: the rules that PSKC and CSV share. Errors name the problem and repeat no value.

use totp_core::factor::hotp::{END, Hotp};
use totp_core::factor::totp::{Algorithm, LONGEST_SECRET, Parameters, SHORTEST_SECRET};
use totp_core::factor::{Factor, FactorKind};
use totp_core::random::Secret;

/// Digits of a code where the file does not say.
pub(crate) const DEFAULT_DIGITS: u64 = 6;
/// Seconds of a time step where the file does not say (RFC 6238 section 5.2).
pub(crate) const DEFAULT_PERIOD: u64 = 30;
/// The most characters of a maker or model.
const LONGEST_NAME: usize = 64;

/// A factor of this kind; a counter token has no period.
pub(crate) fn factor(
    kind: FactorKind,
    algorithm: Algorithm,
    digits: u64,
    period: u64,
) -> Result<Factor, String> {
    let digits = u8::try_from(digits).unwrap_or(u8::MAX);
    match kind {
        FactorKind::Totp => {
            Parameters::new(algorithm, digits, period).map(Factor::from).map_err(|error| error.to_string())
        }
        FactorKind::Hotp if algorithm != Algorithm::Sha1 => {
            Err("a counter token (HOTP) with another hash than SHA1, which RFC 4226 does not know: remove the token"
                .to_owned())
        }
        FactorKind::Hotp => Hotp::new(digits).map(Factor::from).map_err(|error| error.to_string()),
    }
}

/// The counter of the next code.
pub(crate) fn next_counter(counter: u64) -> Result<u64, String> {
    if counter < END {
        Ok(counter)
    } else {
        Err("the counter is not below 2^63-1, where counters end: correct it, or remove the token".to_owned())
    }
}

/// A shared secret as long as an enrolment takes it.
pub(crate) fn secret(secret: Secret) -> Result<Secret, String> {
    if (SHORTEST_SECRET..=LONGEST_SECRET).contains(&secret.expose().len()) {
        Ok(secret)
    } else {
        Err(format!("the secret is not {SHORTEST_SECRET} to {LONGEST_SECRET} bytes long: remove the token"))
    }
}

/// The hash by one of its usual names, such as `SHA256`, `sha-256`, `HMAC-SHA256` and `HmacSHA256`.
pub(crate) fn hash(name: &str) -> Option<Algorithm> {
    let name: String =
        name.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>().to_ascii_uppercase();
    match name.strip_prefix("HMAC").unwrap_or(&name) {
        "SHA1" => Some(Algorithm::Sha1),
        "SHA256" => Some(Algorithm::Sha256),
        "SHA512" => Some(Algorithm::Sha512),
        _ => None,
    }
}

/// The name of a maker or model; `None` if it is empty. `what` says which of them.
pub(crate) fn name(text: &str, what: &str) -> Result<Option<String>, String> {
    let text = text.trim();
    if text.chars().count() > LONGEST_NAME || text.chars().any(char::is_control) {
        return Err(format!(
            "the {what} has more than {LONGEST_NAME} characters, or a control character: shorten it"
        ));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// A number in decimal digits; one that does not fit is the largest, which is out of every range.
pub(crate) fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}
