//! CSV files: what is read, what is refused, and with which words.

use super::*;
use proptest::prelude::*;
use totp_core::factor::Factor;
use totp_core::factor::hotp::Hotp;
use totp_core::factor::totp::Parameters;

/// `12345678901234567890`.
const HEX: &str = "3132333435363738393031323334353637383930";
const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn read(text: &str) -> Vec<Seed> {
    read_csv(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn one(text: &str) -> Seed {
    read(text).pop().unwrap()
}

fn problem(text: &str) -> String {
    match read_csv(text.as_bytes()) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

/// Another secret for each line, and the bytes of the first.
fn hex(line: usize) -> String {
    format!("{HEX}{line:02x}")
}

fn hotp(digits: u8) -> Factor {
    Hotp::new(digits).unwrap().into()
}

fn totp(algorithm: Algorithm, digits: u8, period: u64) -> Factor {
    Parameters::new(algorithm, digits, period).unwrap().into()
}

#[test]
fn a_file_without_a_header_has_a_fixed_order() {
    let text = format!(
        "1,{},hotp\n2,{},HOTP,8,17\n3,{},totp,6,60\n4,{},oath-totp,8,,sha256,Maker,Model\n5,{},event,7,1\n6,{},time",
        hex(1),
        hex(2),
        hex(3),
        hex(4),
        hex(5),
        hex(6)
    );
    let seeds = read(&text);
    let read: Vec<_> =
        seeds.iter().map(|seed| (seed.serial.as_str(), seed.factor, seed.next_counter, seed.line)).collect();
    assert_eq!(
        read,
        [
            ("1", hotp(6), 0, 1),
            ("2", hotp(8), 17, 2),
            ("3", totp(Algorithm::Sha1, 6, 60), 0, 3),
            ("4", totp(Algorithm::Sha256, 8, 30), 0, 4),
            ("5", hotp(7), 1, 5),
            ("6", totp(Algorithm::Sha1, 6, 30), 0, 6),
        ]
    );
    for (seed, last) in seeds.iter().zip(1..) {
        assert_eq!(seed.secret.expose(), [&b"12345678901234567890"[..], &[last]].concat());
    }
    assert_eq!((seeds[3].maker.as_deref(), seeds[3].model.as_deref()), (Some("Maker"), Some("Model")));
}

#[test]
fn a_header_names_the_columns_in_any_order() {
    let text = format!(
        "Manufacturer,Secret Key,Serial_Number,type,counter,period,hash\n\"Maker, Inc.\",{BASE32},A-1,hotp,5,,\n,{},A-2,totp,,60,HMAC-SHA512\n",
        BASE32.replace("GEZD", "GEZE")
    );
    let seeds = read(&text);
    assert_eq!((seeds[0].serial.as_str(), seeds[0].factor, seeds[0].next_counter), ("A-1", hotp(6), 5));
    assert_eq!((seeds[0].maker.as_deref(), seeds[1].maker.as_deref()), (Some("Maker, Inc."), None));
    assert_eq!(seeds[1].factor, totp(Algorithm::Sha512, 6, 60));
    assert_eq!(seeds[0].secret.expose(), b"12345678901234567890");
}

#[test]
fn a_file_for_microsoft_entra_id_is_read() {
    let text = format!(
        "upn,serial number,secret key,time interval,manufacturer,model\nalice@example.com,1234567,{BASE32},60,Contoso,HardwareKey\n"
    );
    let seed = one(&text);
    assert_eq!((seed.serial.as_str(), seed.factor), ("1234567", totp(Algorithm::Sha1, 6, 60)));
    assert_eq!(seed.model.as_deref(), Some("HardwareKey"));
}

#[test]
fn a_column_of_one_kind_says_the_kind() {
    assert_eq!(one(&format!("serial,secret,counter\n1,{HEX},3")).next_counter, 3);
    assert_eq!(one(&format!("serial,secret,period\n1,{HEX},60")).factor.period(), Some(60));
    for columns in ["serial,secret", "serial,secret,period,counter", "serial,secret,period or counter"] {
        let line = format!("1,{HEX}{}", ",".repeat(columns.matches(',').count() - 1));
        assert!(
            problem(&format!("{columns}\n{line}")).starts_with("line 2: the kind of the token is not known")
        );
    }
}

#[test]
fn the_same_tokens_are_read_whatever_the_dialect() {
    let expected = [("1", 2), ("2", 6)];
    let lines = [
        "# made by the vendor; all rights",
        "1,SECRET,hotp",
        "",
        ",,,",
        "#2,SECRET,hotp",
        "2,SECRET42,hotp,,,,\"A \"\"B\"\"\"",
    ];
    let text = lines.join("\n").replace("SECRET", HEX);
    let lined = |text: &str| -> Vec<(String, usize)> {
        read(text).iter().map(|seed| (seed.serial.as_str().to_owned(), seed.line)).collect()
    };
    for text in [
        text.clone(),
        format!("\u{feff}{text}\n"),
        text.replace('\n', "\r\n"),
        text.replace(',', ";"),
        text.replace(',', "\t"),
        text.replace(',', " ,  "),
        text.replace("1,", "\"1\","),
    ] {
        assert_eq!(lined(&text), expected.map(|(serial, line)| (serial.to_owned(), line)), "{text}");
    }
    let utf_16: Vec<u8> =
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(read_csv(&utf_16).ok().unwrap().len(), 2);
    assert_eq!(read(&text)[1].maker.as_deref(), Some("A \"B\""));
    let quoted = one(&format!("1,{HEX},hotp,6,0,,\"A; B\""));
    assert_eq!(quoted.maker.as_deref(), Some("A; B"));
}

#[test]
fn a_secrets_notation_is_that_of_the_whole_file() {
    // Of both alphabets; 16 bytes as hexadecimal, 20 as base32.
    let either = "abcdef234567abcdef234567abcdef23";
    let length = |text: &str| read(text).iter().map(|seed| seed.secret.expose().len()).collect::<Vec<_>>();
    assert_eq!(length(&format!("1,{either},hotp\n2,{HEX},hotp")), [16, 20]);
    assert_eq!(length(&format!("1,{either},hotp\n2,{},hotp", BASE32.to_lowercase())), [20, 20]);
    for digit in ["0", "1", "8", "9"] {
        assert_eq!(length(&format!("1,{digit}bcdef234567abcdef234567abcdef23,hotp")), [16]);
    }
    assert_eq!(length(&format!("serial,secret_hex,type\n1,{either},hotp")), [16]);
    assert_eq!(length(&format!("serial,secret base32,type\n1,{either},hotp")), [20]);
    assert!(
        problem(&format!("1,{either},hotp"))
            .starts_with("line 1: the secrets could be hexadecimal or base32")
    );
    let mixed = problem(&format!("1,{HEX},hotp\n2,{BASE32},hotp"));
    assert!(mixed.starts_with("line 2: the secret is not hexadecimal, as"), "{mixed}");
    let mixed = problem(&format!("1,{BASE32},hotp\n2,{HEX},hotp"));
    assert!(mixed.starts_with("line 2: the secret is not base32, as"), "{mixed}");
}

#[test]
fn a_secret_may_have_blanks_padding_and_bits_left_over() {
    let secret = |secret: &str| one(&format!("1,{secret},hotp")).secret.expose().to_vec();
    assert_eq!(secret("GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"), b"12345678901234567890");
    assert_eq!(secret("GEZDGNBVGY3TQOJQGEZDGNBVGY======"), b"1234567890123456");
    assert_eq!(secret("GEZDGNBVGY3TQOJQGEZDGNBVGZ"), b"1234567890123456");
}

#[test]
fn what_cannot_be_kept_is_refused_with_line_and_reason() {
    for (line, expected) in [
        (format!(",{HEX},hotp"), "a serial number has 1 to 32 characters"),
        (format!("{},{HEX},hotp", "a".repeat(33)), "a serial number has 1 to 32 characters"),
        (format!("../1,{HEX},hotp"), "a serial number has 1 to 32 characters"),
        (format!("1.2E+10,{HEX},hotp"), "a serial number has 1 to 32 characters"),
        (format!("1,{HEX},ocra"), "the type is not hotp or totp"),
        (format!("1,{HEX}"), "the type is not hotp or totp"),
        (format!("1,{HEX},hotp,9"), "digits must be 6, 7 or 8"),
        (format!("1,{HEX},hotp,six"), "the number of digits is not a number"),
        (format!("1,{HEX},totp,6,301"), "period must be 5 to 300 seconds"),
        (format!("1,{HEX},totp,6,-30"), "the period or counter is not a number"),
        (format!("1,{HEX},hotp,6,9223372036854775807"), "the counter is not below 2^63-1"),
        (format!("1,{HEX},hotp,6,99999999999999999999"), "the counter is not below 2^63-1"),
        (format!("1,{HEX},totp,6,30,md5"), "the algorithm is not SHA1"),
        (format!("1,{HEX},hotp,6,0,sha256"), "a counter token (HOTP) with another hash"),
        (format!("1,{HEX},hotp,6,0,,{}", "m".repeat(65)), "the maker has more than 64"),
        (format!("1,{HEX},hotp,6,0,,m,m,m"), "has more fields than the 8 columns"),
        ("1,313233343536373839,hotp".to_owned(), "the secret is not 10 to 128 bytes long"),
        (format!("1,{HEX}3,hotp"), "the secret is not hexadecimal"),
        ("1,,hotp".to_owned(), "the secret is not 10 to 128 bytes long"),
        (format!("0,{HEX},hotp"), "the serial number of this token is that of line 1 too"),
        (format!("1,\"{HEX},hotp\n2,{HEX},hotp"), "a quoted field goes on beyond"),
    ] {
        let problem = problem(&format!("0,{HEX},hotp\n{line}\n"));
        assert!(problem.starts_with(&format!("line 2: {expected}")), "{problem}\nexpected: {expected}");
    }
}

#[test]
fn a_value_of_the_other_kind_is_refused() {
    let header = "serial,secret,type,period,counter";
    assert_eq!(read(&format!("{header}\n1,{HEX},hotp,0,7\n2,{},totp,60,0", hex(2))).len(), 2);
    assert!(
        problem(&format!("{header}\n1,{HEX},hotp,30,7")).starts_with("line 2: a HOTP token has no period")
    );
    assert!(
        problem(&format!("{header}\n1,{HEX},totp,30,7")).starts_with("line 2: a TOTP token has no counter")
    );
}

#[test]
fn more_columns_than_any_vendor_has_are_refused() {
    let file = |columns: usize| format!("serial,secret,type{}\n1,{HEX},hotp\n", ",upn".repeat(columns - 3));
    assert_eq!(one(&file(32)).serial.as_str(), "1");
    for columns in [33, 10_000] {
        let problem = problem(&file(columns));
        assert!(problem.starts_with("line 1: has more than 32 columns"), "{problem}");
    }
    // Any line takes so much.
    let wide = format!("{}F2{}\n", file(32), ",a".repeat(32));
    let problem = problem(&wide);
    assert!(problem.starts_with("line 3: has more than 32 columns"), "{problem}");
}

#[test]
fn a_line_longer_than_any_token_is_refused_before_it_is_split() {
    let problem = problem(&format!("1,{HEX},hotp\r\n{}\n", ",".repeat(100_000)));
    assert!(problem.starts_with("line 2: has more than 65536 bytes"), "{problem}");
}

#[test]
fn a_header_that_is_not_understood_is_refused() {
    for (header, expected) in [
        ("serial,secret,pin", "line 2: column 3 of the header has no known name"),
        ("serial,secret,serial number", "line 2: column 3 of the header is there twice"),
        ("serial,type", "line 2: the header needs one column serial and one column secret"),
        ("secret,type", "line 2: the header needs one column serial and one column secret"),
        (
            "serial,secret_hex,secret_base32",
            "line 2: the header needs one column serial and one column secret",
        ),
    ] {
        let problem = problem(&format!("# vendor\n{header}\n1,{HEX},1234\n"));
        assert!(problem.starts_with(expected), "{problem}\nexpected: {expected}");
    }
}

#[test]
fn a_file_without_tokens_or_of_another_kind_is_refused() {
    for (text, expected) in [
        ("", "line 1: the file has no token"),
        ("# nothing\n\n", "line 1: the file has no token"),
        ("serial,secret_hex,type\n", "line 1: the file has no token"),
        ("<?xml version=\"1.0\"?>", "line 1: the file is XML, not CSV"),
        ("1,\u{0},hotp", "line 1: a NUL character"),
    ] {
        assert!(problem(text).starts_with(expected), "{}", problem(text));
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        tokens in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 10..=64), 6u8..=8, 0u64..1 << 40, any::<bool>()), 1..20),
        base32 in any::<bool>(),
        delimiter in prop::sample::select(vec![',', ';', '\t']),
    ) {
        let column = if base32 { "secret_base32" } else { "secret_hex" };
        let mut text = ["serial", column, "digits", "type", "counter"].join(&delimiter.to_string()) + "\n";
        for (serial, (secret, digits, counter, is_hotp)) in tokens.iter().enumerate() {
            let secret = if base32 {
                data_encoding::BASE32.encode(secret)
            } else {
                data_encoding::HEXUPPER.encode(secret)
            };
            let (kind, counter) = if *is_hotp { ("hotp", *counter) } else { ("totp", 0) };
            text += &[serial.to_string(), secret, digits.to_string(), kind.to_owned(), counter.to_string()]
                .join(&delimiter.to_string());
            text.push('\n');
        }
        let seeds = read(&text);
        prop_assert_eq!(seeds.len(), tokens.len());
        for (at, (seed, (secret, digits, counter, is_hotp))) in seeds.iter().zip(&tokens).enumerate() {
            prop_assert_eq!(seed.serial.as_str(), at.to_string());
            prop_assert_eq!(seed.secret.expose(), secret.as_slice());
            prop_assert_eq!(seed.factor, if *is_hotp { hotp(*digits) } else { totp(Algorithm::Sha1, *digits, 30) });
            prop_assert_eq!(seed.next_counter, if *is_hotp { *counter } else { 0 });
            prop_assert_eq!(seed.line, at + 2);
        }
    }

    /// Whatever the field that a secret stands in, no error says a part of it.
    #[test]
    fn no_error_repeats_a_field(at in 0usize..8, other in 0usize..8, hex in "[0-9a-f]{40}") {
        let mut fields = ["7", HEX, "hotp", "6", "0", "sha1", "maker", "model"];
        fields[at] = &hex;
        fields[other] = "%";
        if let Err(error) = read_csv(fields.join(",").as_bytes()) {
            let words = error.to_string();
            prop_assert!(!words.contains(&hex) && !words.contains(HEX) && !words.contains('%'), "{}", words);
        }
    }
}
