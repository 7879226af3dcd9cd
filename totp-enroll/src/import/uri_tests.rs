//! Tests of parsing an `otpauth://` URI.

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
    let tail = "algorithm=sha512&digits=8&issuer=ACME&period=60&Image=https%3A%2F%2Fexample.com&lock=true";
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
        // As people have it.
        ("GEZD GNBV GY3T QOJQ", b"1234567890"),
        ("gezd%20gnbv%20gy3t%20qojq", b"1234567890"),
        ("GEZD+GNBV+GY3T+QOJQ", b"1234567890"),
        ("GEZD-GNBV-GY3T-QOJQ", b"1234567890"),
        ("GEZDGNBVGY3TQOJQ%0A", b"1234567890"),
        ("GEZDGNBVGY3TQOJQ%0D%0A", b"1234567890"),
        ("GEZD%C2%A0GNBV%C2%A0GY3T%C2%A0QOJQ", b"1234567890"),
        ("GEZDGNBVGY3TQOJQA", b"1234567890"),
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
fn a_counter_is_read_as_the_next_one() {
    for (tail, digits, next) in [
        ("", 6, 0),
        ("&counter=0&digits=7&period=whatever", 7, 0),
        ("&Counter=42&algorithm=sha-1&digits=8", 8, 42),
        ("&counter=9223372036854775806", 6, hotp::END - 1),
    ] {
        let imported = imported(&format!("otpauth://HOTP/ACME:alice?secret={TWENTY}{tail}"));
        let factor = Hotp::new(digits).unwrap().into();
        assert_eq!((imported.factor, imported.used_up_to), (factor, next), "{tail}");
    }
}

#[test]
fn a_counter_beside_time_is_ignored() {
    for counter in ["7", "-1", ""] {
        let imported = imported(&format!("otpauth://totp/alice?secret={TWENTY}&counter={counter}"));
        assert_eq!((imported.factor, imported.used_up_to), (Parameters::EVERY_APP.into(), 0));
    }
}

#[test]
fn each_bad_counter_token_has_its_error() {
    let with = |tail: &str| error(&format!("otpauth://hotp/alice?secret={TWENTY}{tail}"));
    for counter in ["", "-1", "+1", "one", "1.5", "9223372036854775807", "99999999999999999999"] {
        assert_eq!(with(&format!("&counter={counter}")), UriError::Counter, "{counter}");
    }
    assert_eq!(with("&counter=1&COUNTER=2"), UriError::Twice("counter"));
    assert_eq!(with("&algorithm=sha256"), UriError::CounterAlgorithm("SHA256"));
    assert_eq!(with("&algorithm=SHA-512"), UriError::CounterAlgorithm("SHA512"));
    assert_eq!(with("&algorithm=MD5"), UriError::Md5);
    for digits in ["5", "9", "262"] {
        assert_eq!(with(&format!("&digits={digits}")), UriError::CounterDigits(DigitsError));
    }
}

#[test]
fn each_bad_line_has_its_error() {
    let with = |tail: &str| error(&format!("otpauth://totp/alice?secret={TWENTY}{tail}"));
    assert_eq!(error("alice"), UriError::NoUri(NoUri::Other));
    assert_eq!(error("https://totp/alice?secret=AA"), UriError::NoUri(NoUri::Other));
    assert_eq!(error("anna,otpauth://totp/alice?secret=AA"), UriError::NoUri(NoUri::TextBeside));
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
    assert_eq!(with("&encoder=steam"), UriError::Key(KeyError::ChangesCodes("encoder")));
    assert_eq!(with("&Offset=5"), UriError::Key(KeyError::ChangesCodes("offset")));
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
    for (secret, expected) in [
        ("0189", Base32Error::Digit),
        ("GEZ=DGNB", Base32Error::Character),
        ("GEZD_GNBV", Base32Error::Character),
    ] {
        let found = error(&format!("otpauth://totp/alice?secret={secret}"));
        assert_eq!(found, UriError::Secret(expected), "{secret}");
    }
    let long = format!("&image={}&digits=8", "x".repeat(LONGEST));
    assert_eq!(with(&long), UriError::TooLong);
}

/// Each would otherwise enrol SHA1, six digits, 30 seconds, and lock the person out.
#[test]
fn a_uri_whose_parameters_an_app_reads_otherwise_is_refused() {
    let html = UriError::Key(KeyError::Html);
    let site = "otpauth://totp/Site:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    for tail in [
        "&amp;issuer=Site&amp;digits=8&amp;period=60",
        "&#038;issuer=Site&#038;digits=8&#038;period=60",
        "&%23038;issuer=Site&%23038;digits=8&%23038;period=60",
        "&issuer=Site&#38;digits=8",
    ] {
        assert_eq!(error(&format!("{site}{tail}")), html, "{tail}");
    }
    for (tail, key, means) in [
        ("&alg=SHA256", "alg", "algorithm"),
        ("&digit=8", "digit", "digits"),
        ("&length=8", "length", "digits"),
        ("&timer=60", "timer", "period"),
    ] {
        assert_eq!(error(&format!("{site}{tail}")), UriError::Key(KeyError::Means(key, means)), "{tail}");
    }
    for tail in ["& digits=8", "&digits =8", "&%20digits=8", "&+digits=8"] {
        assert_eq!(error(&format!("{site}{tail}")), UriError::Key(KeyError::Blank("digits")), "{tail}");
    }
    let unknown = error(&format!("{site}&wat=8"));
    assert!(unknown.to_string().contains("the unknown parameter wat"), "{unknown}");
}

#[test]
fn what_tools_wrap_around_a_uri_is_taken_off() {
    let uri = format!("otpauth://totp/alice?secret={TWENTY}&digits=8");
    for line in [
        format!("\u{feff}{uri}"),
        format!("\"{uri}\""),
        format!("QR-Code:{uri}"),
        format!("apple-{uri}"),
        format!("'apple-{uri}',"),
    ] {
        let imported = imported(&line);
        assert_eq!((imported.user.as_str(), imported.factor.digits()), ("alice", 8), "{line}");
    }
    assert!(parse("\u{feff}# people".as_bytes(), None).unwrap().is_none());
}

proptest! {
    #[test]
    fn no_error_repeats_a_value(tail in "[a-z&=%0-9]{0,40}") {
        let line = format!("otpauth://totp/hunter2?secret=HUNTER2HUNTER2&note=hunter2{tail}%");
        if let Err(error) = parse(line.as_bytes(), None) {
            prop_assert!(!error.to_string().to_lowercase().contains("hunter2"));
        }
    }

    #[test]
    fn any_bytes_are_an_authenticator_an_error_or_nothing(line in proptest::collection::vec(any::<u8>(), 0..120)) {
        let _ = parse(&line, None);
    }
}
