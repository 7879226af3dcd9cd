//! Other programs as oracles: `pskctool` of OATH Toolkit reads the same of a file, and what python-pskc encrypts is opened.
//!
//! Both are named in `tests/apt-packages`.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests")]

use data_encoding::{BASE64, HEXLOWER};
use proptest::prelude::*;
use seed_files::{Seed, Unlock, read_csv, read_pskc};
use std::io::Write as _;
use std::process::{Command, Stdio};
use totp_core::factor::FactorKind;
use totp_core::factor::totp::Algorithm;
use totp_core::random::Secret;

/// A token as both sides describe it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Token {
    serial: String,
    kind: String,
    secret: Vec<u8>,
    digits: u8,
    period: Option<u64>,
    counter: u64,
}

impl Token {
    fn is_hotp(&self) -> bool {
        self.kind == "hotp"
    }

    fn of(seed: &Seed) -> Self {
        Self {
            serial: seed.serial.as_str().to_owned(),
            kind: seed.factor.kind().as_str().to_owned(),
            secret: seed.secret.expose().to_vec(),
            digits: seed.factor.digits(),
            period: seed.factor.period(),
            counter: seed.next_counter,
        }
    }
}

fn tokens() -> impl Strategy<Value = Vec<Token>> {
    let serial = "[A-Za-z0-9][A-Za-z0-9_.-]{0,20}";
    let secret = prop::collection::vec(any::<u8>(), 16..=64);
    let token = (secret, 6u8..=8, prop::option::of(5u64..=300), 0u64..i64::MAX as u64);
    let token = token.prop_map(|(secret, digits, period, counter)| Token {
        kind: if period.is_some() { "totp" } else { "hotp" }.to_owned(),
        counter: if period.is_some() { 0 } else { counter },
        secret,
        digits,
        period,
        ..Token::default()
    });
    prop::collection::btree_map(serial, token, 1..30)
        .prop_map(|tokens| tokens.into_iter().map(|(serial, token)| Token { serial, ..token }).collect())
}

fn pskc(tokens: &[Token]) -> String {
    let packages = tokens.iter().enumerate().map(|(id, token)| {
        let moving = match token.period {
            Some(period) => format!("<pskc:Time><pskc:PlainValue>0</pskc:PlainValue></pskc:Time><pskc:TimeInterval><pskc:PlainValue>{period}</pskc:PlainValue></pskc:TimeInterval>"),
            None => format!("<pskc:Counter><pskc:PlainValue>{}</pskc:PlainValue></pskc:Counter>", token.counter),
        };
        format!(
            "<pskc:KeyPackage>\n<pskc:DeviceInfo><pskc:Manufacturer>M</pskc:Manufacturer><pskc:SerialNo>{}</pskc:SerialNo></pskc:DeviceInfo>\n<pskc:Key Id=\"{id}\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:{}\"><pskc:Issuer>I</pskc:Issuer><pskc:AlgorithmParameters><pskc:ResponseFormat Length=\"{}\" Encoding=\"DECIMAL\"/></pskc:AlgorithmParameters><pskc:Data><pskc:Secret><pskc:PlainValue>{}</pskc:PlainValue></pskc:Secret>{moving}</pskc:Data></pskc:Key></pskc:KeyPackage>\n",
            token.serial, token.kind, token.digits, BASE64.encode(&token.secret),
        )
    });
    format!(
        "<?xml version=\"1.0\"?>\n<pskc:KeyContainer xmlns:pskc=\"urn:ietf:params:xml:ns:keyprov:pskc\" Version=\"1.0\">\n{}</pskc:KeyContainer>\n",
        packages.collect::<String>()
    )
}

/// What a program answers to a file on its standard input.
fn output(program: &str, arguments: &[&str], file: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}: install tests/apt-packages"));
    child.stdin.take().unwrap().write_all(file.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "{program} refuses:\n{file}");
    String::from_utf8(out.stdout).unwrap()
}

fn by_pskctool(file: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for line in output("pskctool", &["--info"], file).lines() {
        let (name, value) = line.trim().split_once(':').unwrap_or_default();
        let value = value.trim();
        if name.starts_with("KeyPackage") {
            tokens.push(Token { digits: 6, ..Token::default() });
        }
        let Some(token) = tokens.last_mut() else { continue };
        match name {
            "SerialNo" => token.serial = value.to_owned(),
            "Algorithm" => token.kind = value.rsplit(':').next().unwrap().to_owned(),
            "Key Secret (base64)" => token.secret = BASE64.decode(value.as_bytes()).unwrap(),
            "Key Counter" => token.counter = value.parse().unwrap(),
            "Key TimeInterval" => token.period = Some(value.parse().unwrap()),
            "Response Format Length" => token.digits = value.parse().unwrap(),
            _ => {}
        }
    }
    tokens
}

/// The file as python-pskc writes it, encrypted in the way that its method `how` sets up.
fn by_python_pskc(how: &str, mac: &str, file: &str) -> String {
    let script = format!(
        "import sys, pskc; file = pskc.PSKC(sys.stdin.buffer); file.mac.setup(algorithm='hmac-{mac}'); file.{how}; file.write(sys.stdout.buffer)"
    );
    output("/usr/bin/python3", &["-c", &script], file)
}

fn by_us(file: &str, unlock: Unlock<'_>) -> Vec<Token> {
    let seeds = read_pskc(file.as_bytes(), unlock).unwrap_or_else(|error| panic!("{error}\n{file}"));
    seeds.iter().map(Token::of).collect()
}

proptest! {
    // Each case starts a program; its file has many tokens.
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pskctool_reads_the_same(tokens in tokens()) {
        let file = pskc(&tokens);
        prop_assert_eq!(&by_us(&file, Unlock::None), &tokens);
        prop_assert_eq!(by_pskctool(&file), tokens);
    }

    #[test]
    fn what_python_pskc_encrypts_with_a_key_is_opened(
        tokens in tokens(),
        key in any::<[u8; 32]>(),
        length in prop::sample::select(vec![16, 24, 32]),
        hash in prop::sample::select(vec!["sha1", "sha256", "sha512"]),
    ) {
        let (key, algorithm) = (&key[..length], format!("aes{}-cbc", length * 8));
        let how = format!("encryption.setup_preshared_key(key=bytes.fromhex('{}'), algorithm='{algorithm}')", HEXLOWER.encode(key));
        let file = by_python_pskc(&how, hash, &pskc(&tokens));
        prop_assert!(file.contains(&algorithm) && file.contains(&format!("hmac-{hash}")), "{}", file);
        prop_assert_eq!(by_us(&file, Unlock::Key(&Secret::new(key.to_vec()))), tokens);
    }

    #[test]
    fn what_python_pskc_encrypts_with_a_passphrase_is_opened(
        tokens in tokens(),
        passphrase in "[ -~]{4}[a-zäß€]{8}",
        length in prop::sample::select(vec![16, 24, 32]),
        hash in prop::sample::select(vec!["sha1", "sha256", "sha512"]),
    ) {
        let how = format!(
            "encryption.setup_pbkdf2(bytes.fromhex('{}'), iterations=1000, key_length={length}, algorithm='aes{}-cbc', prf='hmac-{hash}')",
            HEXLOWER.encode(passphrase.as_bytes()), length * 8,
        );
        let file = by_python_pskc(&how, hash, &pskc(&tokens));
        prop_assert!(file.contains("IterationCount>1000<"), "{}", file);
        prop_assert_eq!(by_us(&file, Unlock::Passphrase(&Secret::new(passphrase.into_bytes()))), tokens);
    }

    #[test]
    fn python_pskcs_csv_is_read(tokens in tokens()) {
        // It writes the algorithm as a URI, which the column of the type does not take; so one kind at a time.
        for is_hotp in [true, false] {
            let tokens: Vec<Token> = tokens.iter().filter(|token| token.is_hotp() == is_hotp).cloned().collect();
            if tokens.is_empty() {
                continue;
            }
            let moving = if is_hotp { "counter:counter" } else { "time_interval:period" };
            let columns = format!("serial:serial,secret:secret,response_length:digits,{moving}");
            for encoding in ["hex", "base32"] {
                let csv = output("pskc2csv", &["-c", &columns, "-e", encoding, "-"], &pskc(&tokens));
                let csv = csv.replacen("secret", &format!("secret_{encoding}"), 1);
                let seeds = read_csv(csv.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{csv}"));
                prop_assert_eq!(seeds.iter().map(Token::of).collect::<Vec<_>>(), &tokens[..]);
            }
        }
    }
}

#[test]
fn the_hash_is_that_of_python_pskc() {
    let token = Token {
        serial: "1".to_owned(),
        kind: "totp".to_owned(),
        secret: vec![7; 20],
        digits: 6,
        period: Some(30),
        counter: 0,
    };
    let file = pskc(&[token])
        .replace("<pskc:ResponseFormat", "<pskc:Suite>HMAC-SHA256</pskc:Suite><pskc:ResponseFormat");
    let csv = output("pskc2csv", &["-c", "algorithm_suite", "-"], &file);
    assert_eq!(csv.lines().last(), Some("HMAC-SHA256"));
    let seeds = read_pskc(file.as_bytes(), Unlock::None).ok().unwrap();
    assert_eq!((seeds[0].factor.kind(), seeds[0].factor.algorithm()), (FactorKind::Totp, Algorithm::Sha256));
}
