//! PSKC files: what is read, what is refused, and with which words.

mod encrypted;

use super::*;
use totp_core::factor::hotp::Hotp;
use totp_core::factor::totp::{Algorithm, Parameters};
use totp_core::random::Secret;

/// `12345678901234567890`, as RFC 6030 has it in its figures.
const SECRET: &str = "<Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret>";
const HOTP: &str = "urn:ietf:params:xml:ns:keyprov:pskc:hotp";
const TOTP: &str = "urn:ietf:params:xml:ns:keyprov:pskc:totp";

/// A file around these elements; they begin in line 3.
fn container(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<KeyContainer Version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" xmlns:pkcs5=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#\">\n{inside}\n</KeyContainer>\n"
    )
}

/// One token in a line; `key` is inside of its `Key`.
fn package(serial: &str, algorithm: &str, key: &str) -> String {
    format!(
        "<KeyPackage><DeviceInfo><Manufacturer>Maker</Manufacturer><SerialNo>{serial}</SerialNo></DeviceInfo><Key Id=\"1\" Algorithm=\"{algorithm}\">{key}</Key></KeyPackage>"
    )
}

fn token(algorithm: &str, key: &str) -> String {
    container(&package("1", algorithm, key))
}

fn data(values: &str) -> String {
    format!("<Data>{SECRET}{values}</Data>")
}

fn read(text: &str) -> Vec<Seed> {
    read_pskc(text.as_bytes(), Unlock::None).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn one(text: &str) -> Seed {
    read(text).pop().unwrap()
}

fn problem(text: &str) -> String {
    problem_with(text, Unlock::None)
}

fn problem_with(text: &str, unlock: Unlock<'_>) -> String {
    match read_pskc(text.as_bytes(), unlock) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_counter_token_is_read_with_what_the_file_says() {
    let seed = one(&container(
        "\n<KeyPackage><DeviceInfo><Manufacturer> Some Maker </Manufacturer><SerialNo>987654321</SerialNo><Model>M-1</Model></DeviceInfo>\n<Key Id=\"12345678\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:hotp\"><Issuer>Issuer</Issuer><AlgorithmParameters><ResponseFormat Length=\"8\" Encoding=\"DECIMAL\"/></AlgorithmParameters><Data><Secret><PlainValue>\n MTIzNDU2Nzg5MDEy\n MzQ1Njc4OTA= <!-- twenty bytes -->\n</PlainValue></Secret><Counter><PlainValue>42</PlainValue></Counter></Data></Key></KeyPackage>",
    ));
    assert_eq!(seed.serial.as_str(), "987654321");
    assert_eq!((seed.maker.as_deref(), seed.model.as_deref()), (Some("Some Maker"), Some("M-1")));
    assert_eq!(seed.factor, Hotp::new(8).unwrap().into());
    assert_eq!((seed.next_counter, seed.line), (42, 4));
    assert_eq!(seed.secret.expose(), b"12345678901234567890");
    assert_eq!((seed.valid_from, seed.expires), (None, None));
}

#[test]
fn what_the_file_leaves_out_has_its_default() {
    let seed = one(&token(HOTP, &data("")));
    assert_eq!((seed.factor, seed.next_counter), (Hotp::new(6).unwrap().into(), 0));
    let seed = one(&token(TOTP, &data("<Time><PlainValue>0</PlainValue></Time>")));
    assert_eq!(seed.factor, Parameters::EVERY_APP.into());
}

#[test]
fn a_time_token_is_read_with_period_and_hash() {
    let key = format!(
        "<AlgorithmParameters><Suite>HMAC-SHA256</Suite><ResponseFormat Length=\"8\" Encoding=\"DECIMAL\"/></AlgorithmParameters>{}",
        data(
            "<Counter><PlainValue>0</PlainValue></Counter><TimeInterval><PlainValue>60</PlainValue></TimeInterval><TimeDrift><PlainValue>-4</PlainValue></TimeDrift>"
        )
    );
    for algorithm in [TOTP, "http://www.ietf.org/keyprov/pskc#totp", "#totp"] {
        let seed = one(&token(algorithm, &key));
        assert_eq!(seed.factor, Parameters::new(Algorithm::Sha256, 8, 60).unwrap().into());
        assert_eq!(seed.next_counter, 0);
    }
}

#[test]
fn a_prefix_says_nothing_and_a_namespace_everything() {
    let prefixed = format!(
        "<p:KeyContainer Version=\"1.0\" xmlns:p=\"urn:ietf:params:xml:ns:keyprov:pskc\"><p:KeyPackage><p:DeviceInfo><p:SerialNo>1</p:SerialNo></p:DeviceInfo><p:Key Algorithm=\"{HOTP}\"><p:Data><p:Secret><p:PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</p:PlainValue></p:Secret></p:Data></p:Key></p:KeyPackage></p:KeyContainer>"
    );
    assert_eq!(one(&prefixed).serial.as_str(), "1");
    let other = prefixed.replace("keyprov:pskc\"", "keyprov:pskc:1.0\"");
    assert!(problem(&other).starts_with("line 1: is not a KeyContainer of the namespace"));
}

#[test]
fn dates_of_device_and_policy_both_limit() {
    let dated = |device: &str, policy: &str| {
        let text = token(HOTP, &format!("{}<Policy>{policy}</Policy>", data("")));
        let seed = one(&text.replace("</SerialNo>", &format!("</SerialNo>{device}")));
        (seed.valid_from, seed.expires)
    };
    let start = |date: &str| format!("<StartDate>{date}</StartDate>");
    let end = |date: &str| format!("<ExpiryDate>{date}</ExpiryDate>");
    let both = start("2006-05-01T00:00:00Z") + &end("2006-05-31T00:00:00+02:00");
    assert_eq!(dated("", &both), (Some(1_146_441_600), Some(1_149_026_400)));
    let device = start("2006-05-02T00:00:00") + &end("2006-05-30T00:00:00");
    assert_eq!(dated(&device, &both), (Some(1_146_528_000), Some(1_148_947_200)));
    assert_eq!(dated("", &start("1931-01-01T00:00:00Z")), (Some(0), None));
    let bad = token(HOTP, &data("")).replace("</SerialNo>", "</SerialNo>\n<ExpiryDate>soon</ExpiryDate>");
    assert!(problem(&bad).starts_with("line 4: is not a date"));
}

#[test]
fn what_cannot_be_kept_is_refused_with_line_and_reason() {
    let format = |attributes: &str| {
        format!("<AlgorithmParameters>\n<ResponseFormat {attributes}/></AlgorithmParameters>{}", data(""))
    };
    let suite = |suite: &str| {
        format!("<AlgorithmParameters><Suite>{suite}</Suite></AlgorithmParameters>{}", data(""))
    };
    let policy = |policy: &str| format!("{}<Policy>\n{policy}</Policy>", data(""));
    for (algorithm, key, expected) in [
        (
            "urn:ietf:params:xml:ns:keyprov:pskc:ocra",
            data(""),
            "line 3: the algorithm urn:ietf:params:xml:ns:keyprov:pskc:ocra is not",
        ),
        ("urn:ietf:params:xml:ns:keyprov:pskc:pin", data(""), "line 3: a PIN"),
        ("", data(""), "line 3: the algorithm (a name"),
        (HOTP, format("Length=\"9\""), "line 3: digits must be 6, 7 or 8"),
        (HOTP, format("Length=\"8\" Encoding=\"ALPHANUMERIC\""), "line 4: the codes are not decimal"),
        (HOTP, format("Length=\"8\" CheckDigits=\"true\""), "line 4: the codes have a check digit"),
        (HOTP, format("Length=\"eight\""), "line 4: the Length is not a number"),
        (HOTP, suite("HMAC-SHA256"), "line 3: a counter token (HOTP) with another hash"),
        (TOTP, suite("HMAC-MD5"), "line 3: the suite is not"),
        (
            HOTP,
            "<AlgorithmParameters><ChallengeFormat/></AlgorithmParameters>".to_owned() + &data(""),
            "line 3: the token answers challenges",
        ),
        (
            HOTP,
            "<KeyProfileId>p</KeyProfileId>\n<KeyReference>r</KeyReference>".to_owned(),
            "line 4: the file names a key that is kept elsewhere",
        ),
        (HOTP, String::new(), "line 3: the key has no secret"),
        (
            HOTP,
            "<KeyProfileId>p</KeyProfileId>".to_owned() + &data(""),
            "line 3: the key has values that are not in the file",
        ),
        (
            HOTP,
            "<Data>\n<Secret><PlainValue>MTIzNA==</PlainValue></Secret></Data>".to_owned(),
            "line 4: the secret is not 10 to 128 bytes long",
        ),
        (
            HOTP,
            "<Data><Secret>\n<PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA</PlainValue></Secret></Data>".to_owned(),
            "line 4: PlainValue is not base64",
        ),
        (HOTP, "<Data><Secret>\n</Secret></Data>".to_owned(), "line 3: the Secret has no value"),
        (HOTP, format!("<Data>{SECRET}\n{SECRET}</Data>"), "line 4: a second Secret"),
        (
            HOTP,
            data("\n<Counter><PlainValue>9223372036854775807</PlainValue></Counter>"),
            "line 4: the counter is not below",
        ),
        (HOTP, data("\n<Counter><PlainValue>-1</PlainValue></Counter>"), "line 4: is not a number"),
        (HOTP, data("\n<Counter><EncryptedValue/></Counter>"), "line 4: only secrets may be encrypted"),
        (HOTP, data("\n<Window>3</Window>"), "line 4: Window is unknown inside of Data"),
        (
            TOTP,
            data("\n<Counter><PlainValue>1</PlainValue></Counter>"),
            "line 4: a TOTP token has no counter",
        ),
        (
            TOTP,
            data("<TimeInterval><PlainValue>301</PlainValue></TimeInterval>"),
            "line 3: period must be 5 to 300 seconds",
        ),
        (
            TOTP,
            data("\n<TimeDrift><PlainValue>-5</PlainValue></TimeDrift>"),
            "line 4: the token's clock is off",
        ),
        (HOTP, policy("<KeyUsage>CR</KeyUsage>"), "line 4: the key may not be used for one-time"),
        (HOTP, policy("<NumberOfTransactions>9</NumberOfTransactions>"), "line 4: limits how often"),
        (
            HOTP,
            policy("<PINPolicy PINUsageMode=\"Append\"/>"),
            "line 4: the token's codes depend on a PIN (PINUsageMode Append)",
        ),
        (HOTP, policy("<PINPolicy/>"), "line 4: the token's codes depend on a PIN"),
        (HOTP, policy("<other xmlns=\"urn:x\"/>"), "line 4: other is unknown inside of Policy"),
    ] {
        let problem = problem(&token(algorithm, &key));
        assert!(problem.starts_with(expected), "{problem}\nexpected: {expected}");
    }
}

#[test]
fn a_policy_that_allows_codes_is_no_hindrance() {
    let policy = "<Policy><PINPolicy MinLength=\"4\" PINKeyId=\"2\" PINUsageMode=\"Local\"/><KeyUsage>CR</KeyUsage><KeyUsage>OTP</KeyUsage></Policy>";
    one(&token(HOTP, &format!("{}{policy}<Extensions><x xmlns=\"urn:x\"/></Extensions>", data(""))));
}

#[test]
fn two_tokens_of_one_serial_number_or_secret_are_refused() {
    let first = package("1", HOTP, &data(""));
    let second = package("2", TOTP, &data("")).replace("MTIz", "MTIy");
    let file = container(&format!("{first}\n{second}\n{first}"));
    assert!(problem(&file).starts_with("line 5: the serial number of this token is that of line 3 too"));
    assert_eq!(read(&container(&format!("{first}\n{second}"))).len(), 2);
    let shared = container(&format!("{first}\n{}", package("2", TOTP, &data(""))));
    assert!(problem(&shared).starts_with("line 4: the secret of this token is that of line 3 too"));
}

#[test]
fn a_token_needs_a_serial_number_that_is_safe() {
    let text = token(HOTP, &data(""));
    for bad in ["", "../1", "a b", "<b>1</b>"] {
        let text = text.replace("<SerialNo>1<", &format!("\n<SerialNo>{bad}<"));
        assert!(problem(&text).starts_with("line 4: "), "{}", problem(&text));
    }
    let none = text.replace("<SerialNo>1</SerialNo>", "");
    assert!(problem(&none).starts_with("line 3: DeviceInfo has no SerialNo"));
}

#[test]
fn entities_are_refused_before_they_expand() {
    let laughs = "<!DOCTYPE KeyContainer [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">]>\n<KeyContainer/>";
    for text in [laughs, "<!DOCTYPE KeyContainer SYSTEM \"file:///etc/passwd\">\n<KeyContainer/>"] {
        let problem = problem(&format!("<?xml version=\"1.0\"?>\n{text}"));
        assert!(problem.starts_with("line 2: a document type (<!DOCTYPE)"), "{problem}");
    }
    let unknown = problem(&token(HOTP, "\n&xxe;"));
    assert!(unknown.starts_with("line 4: an entity that XML does not define") && !unknown.contains("xxe"));
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let whole = container(&format!("{}\n{}", package("1", HOTP, &data("")), package("2", TOTP, &data(""))));
    let end = whole.trim_end().len();
    for length in 0..end {
        let error = problem(&whole[..length]);
        assert!(!error.contains("MTIz"), "{error}");
    }
    let between = problem(&whole[..whole.find("\n</KeyContainer").unwrap()]);
    assert!(between.starts_with("line 4: the file ends here"), "{between}");
    let last_line = problem(&whole[..whole.find("</SerialNo>").unwrap() + 20]);
    assert!(last_line.starts_with("line 3: the file ends here"), "{last_line}");
}

#[test]
fn other_documents_are_refused_by_what_they_are() {
    for (text, expected) in [
        ("", "line 1: the file is not XML"),
        ("serial,secret\n", "line 1: the file is not XML: if it is CSV"),
        ("<html/>", "line 1: is not a KeyContainer"),
        ("<!-- -->\n", "line 1: the file has no element"),
        (&container(""), "line 4: the file has no token"),
        (
            &container("").replace("Version=\"1.0\"", "Version=\"2.0\""),
            "line 2: the KeyContainer is not of version 1.0",
        ),
        (&container("<Unheard/>"), "line 3: Unheard is unknown inside of KeyContainer"),
        (&container("<KeyPackage/>"), "line 3: KeyPackage has no Key"),
        (&container("<KeyPackage></Key>"), "line 3: is not well-formed XML"),
    ] {
        let problem = problem(text);
        assert!(problem.starts_with(expected), "{problem}\nexpected: {expected}");
    }
}

#[test]
fn deep_nesting_is_survived() {
    let deep = "<a>".repeat(200_000) + &"</a>".repeat(200_000);
    assert!(
        problem(&container(&format!("<KeyPackage>{deep}</KeyPackage>")))
            .contains("is unknown inside of KeyPackage")
    );
}

#[test]
fn tags_that_would_keep_the_parser_busy_are_refused() {
    let tag = |attributes: String| container(&format!("<KeyPackage>\n<x{attributes}/></KeyPackage>"));
    let plain = |count: usize| (0..count).map(|n| format!(" a{n} = '>'")).collect::<String>();
    let declared = |count: usize| (0..count).map(|n| format!(" xmlns:p{n}=\"urn:{n}\"")).collect::<String>();
    let attributes = "line 4: has more than 64 attributes";
    assert!(problem(&tag(plain(200_000))).starts_with(attributes));
    assert!(problem(&tag(declared(40_000))).starts_with("line 4: is the 33rd prefix"));
    for read in [tag(plain(64)), tag(declared(20))] {
        assert!(
            problem(&read).starts_with("line 4: x is unknown inside of KeyPackage"),
            "{}",
            problem(&read)
        );
    }
    // What is no tag, or beyond the tag, does not count.
    let quoted = "\"".repeat(1000);
    let others = format!(
        "<!-- <a {quoted}> --><?p <a {quoted}?>\n<KeyPackage><x>{quoted}<![CDATA[<a {quoted}]]></x></KeyPackage>"
    );
    assert!(problem(&container(&others)).starts_with("line 4: x is unknown"));
}

#[test]
fn namespaces_of_nested_elements_are_counted_together() {
    let nested = (0..5000).map(|n| format!("\n<x xmlns:p{n}=\"u\">")).collect::<String>();
    let text = container(&(nested + &"</x>".repeat(5000)));
    // The container declares five prefixes.
    assert!(problem(&text).starts_with("line 31: is the 33rd prefix"), "{}", problem(&text));
}

#[test]
fn a_key_for_a_file_that_is_not_encrypted_is_refused() {
    let text = token(HOTP, &data(""));
    let key = Secret::new(vec![0; 16]);
    assert!(
        problem_with(&text, Unlock::Key(&key))
            .starts_with("line 2: the file has no MACMethod: if it is not encrypted")
    );
    let passphrase = problem_with(&text, Unlock::Passphrase(&key));
    assert!(passphrase.starts_with("line 2: the file is not encrypted with a passphrase"));
}
