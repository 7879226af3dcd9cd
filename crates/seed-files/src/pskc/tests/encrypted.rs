//! Encrypted files: the values of RFC 6030 figures 6 and 7, and what is changed in them.

use super::*;
use data_encoding::HEXLOWER;

const AES_128: &str = "http://www.w3.org/2001/04/xmlenc#aes128-cbc";
const HMAC_SHA1: &str = "http://www.w3.org/2000/09/xmldsig#hmac-sha1";

/// The values of one encrypted file, in base64.
struct Values {
    mac_key: &'static str,
    secret: &'static str,
    mac: &'static str,
}

/// Figure 6: the key is 12345678901234567890123456789012 in hexadecimal.
const FIGURE_6: Values = Values {
    mac_key: "ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX",
    secret: "AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv",
    mac: "Su+NvtQfmvfJzF6bmQiJqoLRExc=",
};
/// Figure 7: the passphrase is `qwerty`.
const FIGURE_7: Values = Values {
    mac_key: "2GTTnLwM3I4e5IO5FkufoOEiOhNj91fhKRQBtBJYluUDsPOLTfUvoU2dStyOwYZx",
    secret: "oTvo+S22nsmS2Z/RtcoF8Hfh+jzMe0RkiafpoDpnoZTjPYZu6V+A4aEn032yCr4f",
    mac: "LP6xMvjtypbfT9PdkJhBZ+D6O4w=",
};

fn encrypted(value: &str) -> String {
    format!(
        "<xenc:EncryptionMethod Algorithm=\"{AES_128}\"/><xenc:CipherData><xenc:CipherValue>{value}</xenc:CipherValue></xenc:CipherData>"
    )
}

/// The key in line 3, the MAC's in line 4, the token in line 5.
fn file(key: &str, values: &Values) -> String {
    let Values { mac_key, secret, mac } = values;
    let method =
        format!("<MACMethod Algorithm=\"{HMAC_SHA1}\"><MACKey>{}</MACKey></MACMethod>", encrypted(mac_key));
    let secret = format!("<EncryptedValue>{}</EncryptedValue><ValueMAC>{mac}</ValueMAC>", encrypted(secret));
    let package = package("987654321", HOTP, &format!("<Data><Secret>{secret}</Secret></Data>"));
    container(&format!("<EncryptionKey>{key}</EncryptionKey>\n{method}\n{package}"))
}

fn figure_6() -> String {
    file("<ds:KeyName>Pre-shared-key</ds:KeyName>", &FIGURE_6)
}

fn figure_7() -> String {
    file(
        "<xenc11:DerivedKey><xenc11:KeyDerivationMethod Algorithm=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2\"><pkcs5:PBKDF2-params><Salt xmlns=\"\"><Specified>Ej7/PEpyEpw=</Specified></Salt><IterationCount xmlns=\"\">1000</IterationCount><KeyLength xmlns=\"\">16</KeyLength><PRF xmlns=\"\"/></pkcs5:PBKDF2-params></xenc11:KeyDerivationMethod><xenc11:MasterKeyName>My Password 1</xenc11:MasterKeyName></xenc11:DerivedKey>",
        &FIGURE_7,
    )
}

fn key() -> Secret {
    Secret::new(HEXLOWER.decode(b"12345678901234567890123456789012").unwrap())
}

fn passphrase(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn opened(text: &str, unlock: Unlock<'_>) -> Vec<u8> {
    let seeds = read_pskc(text.as_bytes(), unlock).unwrap_or_else(|error| panic!("{error}"));
    seeds[0].secret.expose().to_vec()
}

#[test]
fn the_figures_of_rfc_6030_are_opened_with_their_keys() {
    assert_eq!(opened(&figure_6(), Unlock::Key(&key())), b"12345678901234567890");
    assert_eq!(opened(&figure_7(), Unlock::Passphrase(&passphrase("qwerty"))), b"12345678901234567890");
    let unnamed =
        figure_6().replace("<EncryptionKey><ds:KeyName>Pre-shared-key</ds:KeyName></EncryptionKey>", "");
    assert_eq!(opened(&unnamed, Unlock::Key(&key())), b"12345678901234567890");
}

#[test]
fn what_opens_an_encrypted_file_is_said_without_it() {
    assert!(
        problem_with(&figure_6(), Unlock::None)
            .starts_with("line 3: the secrets are encrypted with a pre-shared key named Pre-shared-key: import the file with --key-file")
    );
    assert!(
        problem_with(&figure_6(), Unlock::Passphrase(&passphrase("qwerty")))
            .starts_with("line 3: the secrets are encrypted with a pre-shared key")
    );
    for unlock in [Unlock::None, Unlock::Key(&key())] {
        assert!(problem_with(&figure_7(), unlock).starts_with(
            "line 3: the secrets are encrypted with a passphrase: import the file with --passphrase-file"
        ));
    }
    let unnamed =
        figure_6().replace("<EncryptionKey><ds:KeyName>Pre-shared-key</ds:KeyName></EncryptionKey>", "");
    assert!(problem_with(&unnamed, Unlock::None).starts_with("line 5: the secret is encrypted"));
}

fn assert_wrong(text: &str, unlock: Unlock<'_>) {
    let problem = problem_with(text, unlock);
    assert!(problem.contains("the key or the passphrase is wrong, or the file was changed"), "{problem}");
}

#[test]
fn a_wrong_key_or_a_changed_byte_is_refused() {
    assert_wrong(&figure_6(), Unlock::Key(&Secret::new(vec![7; 16])));
    assert_wrong(&figure_7(), Unlock::Passphrase(&passphrase("Qwerty")));
    for changed in [
        // The secret's initialisation vector, its first block, and the MAC.
        ("AAECAwQF", "AAECAwQG"),
        ("D+cIHItl", "D+cIHItm"),
        ("Su+NvtQf", "Su+NvtQg"),
    ] {
        assert_wrong(&figure_6().replace(changed.0, changed.1), Unlock::Key(&key()));
    }
    assert!(
        problem_with(&figure_6(), Unlock::Key(&Secret::new(vec![7; 32])))
            .starts_with("line 4: the file is encrypted with a key of 16 bytes")
    );
}

#[test]
fn an_encrypted_secret_without_its_mac_is_refused() {
    let mac = format!("<ValueMAC>{}</ValueMAC>", FIGURE_6.mac);
    let without = problem_with(&figure_6().replace(&mac, ""), Unlock::Key(&key()));
    assert!(without.starts_with("line 5: the encrypted secret has no ValueMAC"), "{without}");
    let text = figure_6();
    let (begin, end) = (text.find("<MACMethod").unwrap(), text.find("</MACMethod>").unwrap());
    let without = text.replace(&text[begin..end + "</MACMethod>".len()], "");
    assert!(problem_with(&without, Unlock::Key(&key())).starts_with("line 2: the file has no MACMethod"));
}

#[test]
fn a_plain_secret_among_encrypted_ones_is_refused() {
    let text =
        figure_6().replace("</KeyContainer>", &format!("{}</KeyContainer>", package("2", HOTP, &data(""))));
    let problem = problem_with(&text, Unlock::Key(&key()));
    assert!(problem.starts_with("line 6: the secret is not encrypted, though a key"), "{problem}");
}

#[test]
fn a_salt_in_the_namespace_of_the_file_is_refused_with_that_reason() {
    let text = figure_7().replace("<Salt xmlns=\"\">", "<Salt>");
    let problem = problem_with(&text, Unlock::Passphrase(&passphrase("qwerty")));
    assert!(problem.starts_with("line 3: Salt is in the namespace of the file"), "{problem}");
    assert!(problem.contains("<Salt xmlns=\"\">"), "{problem}");
}

#[test]
fn other_encryption_is_refused_by_name() {
    let with_passphrase = |from: &str, to: &str| {
        problem_with(&figure_7().replace(from, to), Unlock::Passphrase(&passphrase("qwerty")))
    };
    for (from, to, expected) in [
        (
            "aes128-cbc",
            "rsa_1_5",
            "line 4: the encryption http://www.w3.org/2001/04/xmlenc#rsa_1_5 is not supported",
        ),
        (
            "#hmac-sha1",
            "#hmac-md5",
            "line 4: the algorithm http://www.w3.org/2000/09/xmldsig#hmac-md5 is not",
        ),
        ("#pbkdf2", "#scrypt", "line 3: the passphrase is hashed with"),
        (">1000<", ">10000001<", "line 3: the passphrase is to be hashed more than"),
        (">1000<", ">0<", "line 3: the passphrase is to be hashed more than"),
        (">16<", ">17<", "line 3: the key is not 16, 24 or 32 bytes long"),
    ] {
        let problem = with_passphrase(from, to);
        assert!(problem.starts_with(expected), "{problem}\nexpected: {expected}");
    }
    let rsa = figure_6().replace("<ds:KeyName>Pre-shared-key</ds:KeyName>", "<ds:X509Data/>");
    assert!(
        problem_with(&rsa, Unlock::Key(&key()))
            .starts_with("line 3: the secrets are encrypted with a public key (RSA)")
    );
}
