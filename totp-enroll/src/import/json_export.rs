//! Reads the plain exports of apps in JSON: those of Aegis (its docs/vault.md) and 2FAS (its backup schema 3 and 4). Other JSON is named,
//! with how to export what can be read.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use zeroize::Zeroizing;

const AEGIS_ENCRYPTED: &str = "is an encrypted export of Aegis; in the app, export again without encryption, as JSON or as a text \
                               file of URIs, and delete the file after the import";
const TWO_FAS_ENCRYPTED: &str = "is an encrypted export of 2FAS; in the app, export again without a password, and delete the file after \
                                 the import";
const BITWARDEN: &str = "is an export of Bitwarden; give the otpauth:// URIs in it alone, one per line, for example from: jq -r \
                         '.items[].login.totp // empty' FILE";
const OTHER: &str = "is JSON, but no plain export of Aegis or 2FAS; export the entries as otpauth:// URIs, one per line, for example by \
                     way of Aegis, which imports the exports of most apps";
const NO_JSON: &str = "begins like JSON, but cannot be read as such, so it may be incomplete; export it again, or give otpauth:// URIs, one per line";

/// One otpauth:// URI for each entry, a line each. What they have is checked as in any URI.
///
/// # Errors
/// What the file is, and what to do.
pub(super) fn uris(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let export: Value = serde_json::from_slice(bytes).map_err(|_| NO_JSON)?;
    let entries: Vec<Entry<'_>> =
        if let Some(entries) = export.pointer("/db/entries").and_then(Value::as_array) {
            entries.iter().map(Entry::of_aegis).collect()
        } else if export.get("db").is_some_and(Value::is_string) {
            return Err(AEGIS_ENCRYPTED);
        } else if export.get("servicesEncrypted").is_some_and(Value::is_string) {
            return Err(TWO_FAS_ENCRYPTED);
        } else if let Some(services) = export.get("services").and_then(Value::as_array) {
            services.iter().map(Entry::of_two_fas).collect()
        } else if export.get("items").is_some_and(Value::is_array) {
            return Err(BITWARDEN);
        } else {
            return Err(OTHER);
        };
    // No longer than this: percent-encoding takes three bytes for one.
    let mut lines = Zeroizing::new(Vec::with_capacity(bytes.len().saturating_mul(3)));
    for entry in entries {
        entry.write(&mut lines);
    }
    Ok(lines)
}

/// One entry; what is missing is `None`.
struct Entry<'a> {
    kind: Option<&'a Value>,
    account: Option<&'a Value>,
    /// Each of the URI's keys and its value.
    parameters: [(&'static str, Option<&'a Value>); 5],
}

impl<'a> Entry<'a> {
    fn of_aegis(entry: &'a Value) -> Self {
        let info = |key: &str| entry.get("info").and_then(|info| info.get(key));
        Self {
            kind: entry.get("type"),
            account: entry.get("name"),
            parameters: [
                ("secret", info("secret")),
                ("algorithm", info("algo")),
                ("digits", info("digits")),
                ("period", info("period")),
                ("counter", info("counter")),
            ],
        }
    }

    fn of_two_fas(service: &'a Value) -> Self {
        let otp = |key: &str| service.get("otp").and_then(|otp| otp.get(key));
        Self {
            kind: otp("tokenType"),
            account: otp("account").or_else(|| otp("label")).or_else(|| service.get("name")),
            parameters: [
                ("secret", service.get("secret")),
                ("algorithm", otp("algorithm")),
                ("digits", otp("digits")),
                ("period", otp("period")),
                ("counter", otp("counter")),
            ],
        }
    }

    fn write(&self, lines: &mut Vec<u8>) {
        let kind = self.kind.and_then(text).unwrap_or_else(|| Zeroizing::new("totp".to_owned()));
        let account = self.account.and_then(text).unwrap_or_default();
        for part in ["otpauth://", &encoded(&kind.to_lowercase()), "/", &encoded(&account), "?"] {
            lines.extend(part.as_bytes());
        }
        for (key, value) in self.parameters {
            if let Some(value) = value.and_then(text) {
                for part in [key, "=", &encoded(&value), "&"] {
                    lines.extend(part.as_bytes());
                }
            }
        }
        lines.push(b'\n');
    }
}

/// A text or a number; nothing else is a value of these keys.
fn text(value: &Value) -> Option<Zeroizing<String>> {
    match value {
        Value::String(text) => Some(Zeroizing::new(text.clone())),
        Value::Number(number) => Some(Zeroizing::new(number.to_string())),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn encoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(utf8_percent_encode(text, NON_ALPHANUMERIC).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::uri;
    use totp_core::factor::totp::{Algorithm, Parameters};

    /// As docs/vault.md of Aegis has it.
    const AEGIS: &str = r#"{"version": 1, "header": {"slots": null, "params": null}, "db": {"version": 2, "entries": [
        {"type": "totp", "uuid": "01234567-89ab-cdef-0123-456789abcdef", "name": "Bob", "issuer": "Google", "icon": null,
         "info": {"secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "algo": "SHA256", "digits": 8, "period": 60}},
        {"type": "hotp", "name": "fob", "issuer": "", "info":
         {"secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "algo": "SHA1", "digits": 6, "counter": 7}},
        {"type": "steam", "name": "gamer", "info": {"secret": "GEZDGNBVGY3TQOJQ", "algo": "SHA1", "digits": 5, "period": 30}}]}}"#;
    const TWO_FAS: &str = r#"{"services": [
        {"name": "Site", "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "updatedAt": 1677870774538, "order": {"position": 0}, "otp":
         {"label": "Site:Bob", "account": "Bob", "issuer": "Site", "digits": 8, "period": 60, "algorithm": "SHA256", "tokenType": "TOTP"}},
        {"name": "fob", "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "otp":
         {"algorithm": null, "tokenType": "HOTP", "counter": 7}}], "groups": [], "schemaVersion": 4}"#;

    #[test]
    fn the_entries_of_an_export_are_read_with_their_parameters() {
        for (export, count) in [(AEGIS, 3), (TWO_FAS, 2)] {
            let uris = uris(export.as_bytes()).unwrap();
            let lines: Vec<&[u8]> =
                uris.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
            assert_eq!(lines.len(), count);
            let bob = uri::parse(lines[0], None).unwrap().unwrap();
            assert_eq!((bob.user.as_str(), bob.secret.expose()), ("Bob", &b"12345678901234567890"[..]));
            assert_eq!(bob.factor, Parameters::new(Algorithm::Sha256, 8, 60).unwrap().into());
            let fob = uri::parse(lines[1], None).unwrap().unwrap();
            assert_eq!((fob.user.as_str(), fob.used_up_to), ("fob", 7));
            assert!(lines.get(2).is_none_or(|line| uri::parse(line, None).is_err()));
        }
    }

    #[test]
    fn other_json_is_named() {
        for (text, problem) in [
            (r#"{"version": 1, "header": {"slots": [{}]}, "db": "aGVsbG8="}"#, AEGIS_ENCRYPTED),
            (r#"{"services": [], "servicesEncrypted": "a:b:c", "schemaVersion": 4}"#, TWO_FAS_ENCRYPTED),
            (r#"{"encrypted": false, "items": [{"login": {"totp": "x"}}]}"#, BITWARDEN),
            (r#"[{"secret": "GEZDGNBV", "label": "anna"}]"#, OTHER),
            ("{", NO_JSON),
        ] {
            assert_eq!(uris(text.as_bytes()).map(|_| ()), Err(problem), "{text}");
        }
    }

    #[test]
    fn a_name_or_secret_cannot_become_another_parameter() {
        let text = r#"{"db": {"entries": [{"type": "totp", "name": "a?digits=8&b\nc", "info": {"secret": "GEZD&digits=8"}}]}}"#;
        let uris = uris(text.as_bytes()).unwrap();
        assert_eq!(uris.iter().filter(|byte| matches!(byte, b'\n' | b'&' | b'?')).count(), 3);
    }
}
