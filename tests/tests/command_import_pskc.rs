//! `import pskc`: what opens is what pskctool reads, and a file that is refused imports nothing.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test whose fixture cannot be set up has to fail"
)]

use acceptance::counter_token::CounterToken;
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use data_encoding::BASE64;
use serde_json::Value;
use std::process::Command;

#[test]
fn codes_of_the_secret_that_pskctool_prints_assign_a_plain_token() {
    let fixture = Fixture::builder().account("alice").build();
    let text = container(&[token("P1", HOTP, PLAIN), token("P2", HOTP, PLAIN_8)].join("\n"));
    let done = import(&fixture, &text, &[]);
    done.assert_done();
    assert_eq!((&done.json()["imported"], &done.json()["unchanged"]), (&2.into(), &0.into()));
    for (serial, digits) in [("P1", 6), ("P2", 8)] {
        let fob = CounterToken { secret: by_pskctool(&fixture, &text, serial), digits };
        assign(&fixture, serial, &fob.press(42)).assert_done();
        assert_eq!(login(&fixture, &fob.press(43)), PamCode::SUCCESS, "{serial}");
    }
    let event = fixture.journal.command_events().into_iter().find(|event| event.what() == "tokens_imported");
    let event = event.unwrap();
    assert_eq!((event.field("from"), event.field("tokens")), ("pskc", "2"));
}

#[test]
fn a_file_is_opened_by_its_key_in_hexadecimal_or_as_bytes() {
    let fixture = Fixture::builder().account("alice").build();
    let key = fixture.write("key", "12345678901234567890123456789012\n");
    let done = import(&fixture, &by_key(), &["--key-file", key.to_str().unwrap()]);
    done.assert_done();
    assert_eq!(done.json()["imported"], 1);
    std::fs::write(&key, &[0x12, 0x34, 0x56, 0x78, 0x90].repeat(4)[..16]).unwrap();
    let again = import(&fixture, &by_key(), &["--key-file", key.to_str().unwrap()]);
    assert_eq!(again.json()["unchanged"], 1, "{again:?}");
    assign(&fixture, "987654321", &rfc_6030().press(0)).assert_done();
    assert_eq!(login(&fixture, &rfc_6030().press(1)), PamCode::SUCCESS);
}

#[test]
fn a_file_is_opened_by_its_passphrase() {
    let fixture = Fixture::builder().account("alice").build();
    for line_end in ["", "\n", "\r\n"] {
        let passphrase = fixture.write("passphrase", &format!("qwerty{line_end}"));
        import(&fixture, &by_passphrase(), &["--passphrase-file", passphrase.to_str().unwrap()])
            .assert_done();
    }
    assign(&fixture, "987654321", &rfc_6030().press(0)).assert_done();
    assert_eq!(login(&fixture, &rfc_6030().press(1)), PamCode::SUCCESS);
}

#[test]
fn a_wrong_key_or_passphrase_or_a_changed_byte_imports_nothing() {
    let fixture = Fixture::builder().build();
    let secret = |name: &str, text: &str| fixture.write(name, text).to_str().unwrap().to_owned();
    let key = secret("key", "12345678901234567890123456789012");
    let wrong_key = secret("wrong-key", "12345678901234567890123456789013");
    let short_key = secret("short-key", "1234567890123456789012345678901");
    let (passphrase, wrong) = (secret("passphrase", "qwerty"), secret("wrong-passphrase", "Qwerty"));
    let by_key_with = |from: &str, to: &str| {
        assert!(by_key().contains(from));
        by_key().replace(from, to)
    };
    for (text, options, line, reason) in [
        (by_key(), vec![], 3, "encrypted with a pre-shared key named Pre-shared-key"),
        (by_key(), vec!["--passphrase-file", &passphrase], 3, "encrypted with a pre-shared key"),
        (by_key(), vec!["--key-file", &wrong_key], 4, "the key or the passphrase is wrong"),
        (by_key(), vec!["--key-file", &short_key], 4, "encrypted with a key of 16 bytes"),
        (by_passphrase(), vec![], 3, "encrypted with a passphrase"),
        (by_passphrase(), vec!["--key-file", &key], 3, "encrypted with a passphrase"),
        (by_passphrase(), vec!["--passphrase-file", &wrong], 4, "the key or the passphrase is wrong"),
        // The MAC, what it covers, and its algorithm.
        (by_key_with("Su+NvtQf", "Su+NvtQg"), vec!["--key-file", &key], 5, "or the file was changed"),
        (by_key_with("D+cIHItl", "D+cIHItm"), vec!["--key-file", &key], 5, "or the file was changed"),
        (by_key_with("#hmac-sha1", "#hmac-md5"), vec!["--key-file", &key], 4, "#hmac-md5 is not supported"),
        (by_key_with("#aes128-cbc", "#rsa_1_5"), vec!["--key-file", &key], 4, "#rsa_1_5 is not supported"),
        (container(&token("P1", HOTP, PLAIN)), vec!["--key-file", &key], 2, "no MACMethod"),
        (container(&token("P1", HOTP, PLAIN)), vec!["--passphrase-file", &passphrase], 2, "not encrypted"),
    ] {
        assert_refused(&fixture, &text, &options, (line, reason));
    }
}

#[test]
fn a_file_with_something_bad_imports_nothing() {
    let fixture = Fixture::builder().build();
    let good = token("P1", HOTP, PLAIN);
    let bad = |second: &str| container(&format!("{good}\n{second}"));
    let whole = bad(&token("P2", HOTP, PLAIN));
    let laughs =
        "<?xml version=\"1.0\"?>\n<!DOCTYPE KeyContainer [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">]>\n";
    let entities = whole.replace("<?xml version=\"1.0\"?>\n", laughs).replace("42", "&b;");
    let ocra = "urn:ietf:params:xml:ns:keyprov:pskc:ocra";
    for (text, line, reason) in [
        (whole[..whole.find("</KeyContainer>").unwrap()].to_owned(), 4, "the file ends here"),
        (whole[..whole.rfind("<PlainValue>").unwrap()].to_owned(), 4, "the file ends here"),
        (entities, 2, "whose entities could expand without end"),
        (bad("<KeyPackage>&xxe;</KeyPackage>"), 4, "an entity that XML does not define"),
        (bad(&good), 4, "is that of line 3 too"),
        (bad(&token("P2", ocra, PLAIN)), 4, "the algorithm urn:ietf:params:xml:ns:keyprov:pskc:ocra is not"),
        (bad(&token("../P2", HOTP, PLAIN)), 4, "serial number"),
        (bad(&token("P2", HOTP, "<Data/>")), 4, "the key has no secret"),
        ("serial,secret\nP1,00\n".to_owned(), 1, "if it is CSV, import it as CSV"),
    ] {
        assert_refused(&fixture, &text, &[], (line, reason));
    }
    // The same file without the bad token is good.
    import(&fixture, &container(&good), &[]).assert_done();
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let fixture = Fixture::builder().build();
    let key = fixture.write("key", "12345678901234567890123456789012");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    for option in ["--key-file", "--passphrase-file"] {
        let refused = import(&fixture, &by_key(), &[option, key.to_str().unwrap()]);
        assert!(refused.status == 1 && refused.stderr.contains(key.to_str().unwrap()), "{refused:?}");
        assert!(!refused.stderr.contains("1234567890"), "{refused:?}");
        assert!(refused.stderr.contains("but other users can read it"), "{refused:?}");
        assert!(!refused.stderr.contains("find out who changed it"), "{refused:?}");
    }
    assert_eq!(tokens(&fixture), 0);
}

#[test]
fn a_file_of_seeds_that_others_can_read_is_imported_with_a_warning() {
    let fixture = Fixture::builder().build();
    let file = fixture.write("seeds.xml", &container(&token("P1", HOTP, PLAIN)));
    let import = ["--json", "import", "pskc", file.to_str().unwrap()];
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let warned = fixture.totp_enroll(&import);
    assert!(warned.status == 0 && warned.stderr.contains("shred -u"), "{warned:?}");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(fixture.totp_enroll(&import).stderr, "");
}

#[test]
fn a_serial_number_that_is_there_is_explained() {
    let fixture = Fixture::builder().build();
    import(&fixture, &container(&token("P1", HOTP, PLAIN)), &[]).assert_done();
    let eight = PLAIN.replace("<Data>", "<AlgorithmParameters><ResponseFormat Length=\"8\" Encoding=\"DECIMAL\"/></AlgorithmParameters><Data>");
    for (key, known) in [
        (&*eight, "the same secret, but with another type"),
        (PLAIN_8, "another secret, so they are two tokens"),
    ] {
        let refused = import(&fixture, &container(&token("P1", HOTP, key)), &[]);
        assert!(refused.status == 1 && refused.stderr.contains(known), "{refused:?}");
        assert!(refused.stderr.contains("totp-enroll tokens remove P1"), "{refused:?}");
    }
}

const HOTP: &str = "urn:ietf:params:xml:ns:keyprov:pskc:hotp";
const PLAIN: &str = "<Data><Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret><Counter><PlainValue>42</PlainValue></Counter></Data>";
const PLAIN_8: &str = "<AlgorithmParameters><ResponseFormat Length=\"8\" Encoding=\"DECIMAL\"/></AlgorithmParameters><Data><Secret><PlainValue>AAECAwQFBgcICQoLDA0ODxAREhM=</PlainValue></Secret><Counter><PlainValue>42</PlainValue></Counter></Data>";

/// A file around these elements, which begin in line 3.
fn container(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<KeyContainer Version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" xmlns:pkcs5=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#\">\n{inside}\n</KeyContainer>\n"
    )
}

/// One token, in one line.
fn token(serial: &str, algorithm: &str, key: &str) -> String {
    format!(
        "<KeyPackage><DeviceInfo><Manufacturer>Maker</Manufacturer><SerialNo>{serial}</SerialNo></DeviceInfo><Key Id=\"{serial}\" Algorithm=\"{algorithm}\"><Issuer>Issuer</Issuer>{key}</Key></KeyPackage>"
    )
}

/// RFC 6030 figure 6: encrypted with 12345678901234567890123456789012 in hexadecimal.
fn by_key() -> String {
    encrypted(
        "<ds:KeyName>Pre-shared-key</ds:KeyName>",
        [
            "ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX",
            "AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv",
            "Su+NvtQfmvfJzF6bmQiJqoLRExc=",
        ],
    )
}

/// RFC 6030 figure 7: encrypted with the passphrase `qwerty`.
fn by_passphrase() -> String {
    encrypted(
        "<xenc11:DerivedKey><xenc11:KeyDerivationMethod Algorithm=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2\"><pkcs5:PBKDF2-params><Salt xmlns=\"\"><Specified>Ej7/PEpyEpw=</Specified></Salt><IterationCount xmlns=\"\">1000</IterationCount><KeyLength xmlns=\"\">16</KeyLength><PRF xmlns=\"\"/></pkcs5:PBKDF2-params></xenc11:KeyDerivationMethod></xenc11:DerivedKey>",
        [
            "2GTTnLwM3I4e5IO5FkufoOEiOhNj91fhKRQBtBJYluUDsPOLTfUvoU2dStyOwYZx",
            "oTvo+S22nsmS2Z/RtcoF8Hfh+jzMe0RkiafpoDpnoZTjPYZu6V+A4aEn032yCr4f",
            "LP6xMvjtypbfT9PdkJhBZ+D6O4w=",
        ],
    )
}

/// The key in line 3, the MAC's in line 4, the token in line 5.
fn encrypted(key: &str, [mac_key, secret, mac]: [&str; 3]) -> String {
    let value = |value: &str| {
        format!(
            "<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/><xenc:CipherData><xenc:CipherValue>{value}</xenc:CipherValue></xenc:CipherData>"
        )
    };
    let data = format!(
        "<Data><Secret><EncryptedValue>{}</EncryptedValue><ValueMAC>{mac}</ValueMAC></Secret></Data>",
        value(secret)
    );
    container(&format!(
        "<EncryptionKey>{key}</EncryptionKey>\n<MACMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\"><MACKey>{}</MACKey></MACMethod>\n{}",
        value(mac_key),
        token("987654321", HOTP, &data)
    ))
}

/// The token in both figures.
fn rfc_6030() -> CounterToken {
    CounterToken { secret: b"12345678901234567890".to_vec(), digits: 6 }
}

/// The secret of a token, as pskctool prints it.
fn by_pskctool(fixture: &Fixture, text: &str, serial: &str) -> Vec<u8> {
    let file = fixture.write("for-pskctool.xml", text);
    let out = Command::new("/usr/bin/pskctool").args(["--info", "--strict"]).arg(file).output();
    let out = out.expect("pskctool could not be started: install the packages in tests/apt-packages");
    assert!(out.status.success(), "{out:?}");
    let out = String::from_utf8(out.stdout).unwrap();
    let its = &out[out.find(&format!("SerialNo: {serial}\n")).unwrap()..];
    let secret = its.lines().find_map(|line| line.trim().strip_prefix("Key Secret (base64): ")).unwrap();
    BASE64.decode(secret.as_bytes()).unwrap()
}

fn import(fixture: &Fixture, text: &str, options: &[&str]) -> CommandOutput {
    let file = fixture.write("seeds.xml", text);
    fixture.totp_enroll(&[&["--json", "import", "pskc", file.to_str().unwrap()], options].concat())
}

/// It names the file, the line and the reason, imports nothing, and repeats no secret.
fn assert_refused(fixture: &Fixture, text: &str, options: &[&str], (line, reason): (usize, &str)) {
    for options in [options.to_vec(), [options, &["--dry-run"]].concat()] {
        let refused = import(fixture, text, &options);
        let place = format!("seeds.xml line {line}: ");
        let CommandOutput { status, stderr, .. } = &refused;
        assert!(*status == 1 && stderr.contains(&place) && stderr.contains(reason), "{reason}: {refused:?}");
        assert!(stderr.contains("nothing was imported"), "{refused:?}");
        for secret in ["MTIz", "12345678901", "werty", "AAECAwQF", "haha"] {
            assert!(!stderr.contains(secret), "{refused:?}");
        }
        assert_eq!(tokens(fixture), 0, "{reason}");
    }
    let events = fixture.journal.command_events();
    assert!(!events.iter().any(|event| event.what() == "tokens_imported"), "{events:?}");
}

fn tokens(fixture: &Fixture) -> usize {
    list(fixture)["tokens"].as_array().unwrap().len()
}

fn list(fixture: &Fixture) -> Value {
    fixture.totp_enroll(&["--json", "tokens", "list"]).json()
}

fn assign(fixture: &Fixture, serial: &str, code: &str) -> CommandOutput {
    let arguments = ["--json", "tokens", "assign", serial, "alice", "--code-fd", "0", "--yes"];
    enroll_command::run(fixture.command(&arguments), code)
}

fn login(fixture: &Fixture, code: &str) -> PamCode {
    fixture.login("alice").types(code).code()
}
