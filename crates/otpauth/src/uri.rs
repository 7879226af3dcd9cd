//! The `otpauth://` URI that an app reads from the QR code (Key URI Format of Google Authenticator).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use totp_core::factor::Factor;
use totp_core::secret::Secret;

/// All but the unreserved characters of RFC 3986 section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The URI of a key in base32, for an app that shows `issuer` and `account`.
pub(crate) fn otpauth(key: &Secret, factor: Factor, issuer: &str, account: &str) -> Secret {
    let (issuer, account) = (utf8_percent_encode(issuer, RESERVED), utf8_percent_encode(account, RESERVED));
    let head = format!("otpauth://{}/{issuer}:{account}?secret=", factor.kind().as_str());
    let Factor::Totp(totp) = factor;
    let parameters = totp.parameters();
    let tail = format!(
        "&issuer={issuer}&algorithm={}&digits={}&period={}",
        parameters.algorithm().as_str(),
        parameters.digits(),
        parameters.period()
    );
    let length = head.len().saturating_add(key.expose().len()).saturating_add(tail.len());
    let mut uri = Vec::with_capacity(length);
    uri.extend(head.as_bytes());
    uri.extend(key.expose());
    uri.extend(tail.as_bytes());
    Secret::new(uri)
}

#[cfg(test)]
mod tests {
    use super::*;
    use totp_core::factor::totp::{Algorithm, Parameters};

    #[test]
    fn the_uri_has_all_parameters_and_escapes_names() {
        let key = Secret::new(b"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_vec());
        let parameters = Parameters::new(Algorithm::Sha256, 8, 60).unwrap();
        let uri = otpauth(&key, parameters.into(), "Example & Söhne: 1", "alice@host");
        assert_eq!(
            std::str::from_utf8(uri.expose()).unwrap(),
            "otpauth://totp/Example%20%26%20S%C3%B6hne%3A%201:alice%40host?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Example%20%26%20S%C3%B6hne%3A%201&algorithm=SHA256&digits=8&period=60"
        );
    }
}
