//! What must not be left anywhere: every secret of a fixture, in each form that a program could have it in.

use crate::fixture::Fixture;
use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER, HEXUPPER};
use std::collections::HashMap;
use std::fs;
use std::process::Command;

/// Bytes of a secret that are looked for together. What was freed is written over at its beginning by the allocator, and
/// a part of a secret is a find as well: so every piece of this length is looked for, wherever it lies.
pub const PIECE: usize = 8;

/// HMAC's two pads (RFC 2104): with the key mixed in, the first block of each hash is as good as the key.
const PADS: [(&str, u8); 2] = [("inner pad", 0x36), ("outer pad", 0x5c)];

/// Secrets by the beginnings of their pieces.
#[derive(Debug, Default)]
pub struct Secrets {
    pieces: HashMap<[u8; PIECE], Vec<Piece>>,
}

#[derive(Debug)]
struct Piece {
    of: String,
    rest: Vec<u8>,
}

impl Secrets {
    /// A key of HMAC, as it is, as text, and as the hash is started with.
    #[must_use]
    pub fn shared_secret(self, name: &str, secret: &[u8]) -> Self {
        let base32 = BASE32_NOPAD.encode(secret);
        let groups: Vec<&str> =
            base32.as_bytes().chunks(4).map(|g| std::str::from_utf8(g).unwrap()).collect();
        let in_fours = groups.join(" ");
        let secrets = PADS.iter().fold(self.key(name, secret), |secrets, (pad, byte)| {
            let mixed: Vec<u8> = secret.iter().map(|b| b ^ byte).collect();
            secrets.bytes(&format!("{name}, {pad}"), &mixed)
        });
        secrets
            .bytes(&format!("{name}, base32"), base32.as_bytes())
            .bytes(&format!("{name}, base32 in lower case"), base32.to_lowercase().as_bytes())
            .bytes(&format!("{name}, base32 in fours"), in_fours.as_bytes())
    }

    /// A key of any kind, as it is and as text.
    #[must_use]
    pub fn key(self, name: &str, key: &[u8]) -> Self {
        self.bytes(name, key)
            .bytes(&format!("{name}, base64"), BASE64.encode(key).trim_end_matches('=').as_bytes())
            .bytes(&format!("{name}, hex"), HEXLOWER.encode(key).as_bytes())
            .bytes(&format!("{name}, hex in upper case"), HEXUPPER.encode(key).as_bytes())
    }

    /// A recovery code, with and without dashes, in capitals or not.
    #[must_use]
    pub fn recovery_code(self, code: &str) -> Self {
        let bare = code.replace('-', "");
        [code.to_owned(), code.to_lowercase(), bare.clone(), bare.to_lowercase()]
            .iter()
            .fold(self, |secrets, form| secrets.bytes("a recovery code", form.as_bytes()))
    }

    /// Anything else, as it is.
    ///
    /// # Panics
    /// When it is so short that it would be found by chance.
    #[must_use]
    pub fn bytes(self, name: &str, secret: &[u8]) -> Self {
        assert!(secret.len() >= PIECE, "{name} is too short to be told from anything else");
        secret.windows(PIECE).fold(self, |secrets, piece| secrets.whole(name, piece))
    }

    /// Anything else, if all of it is there.
    ///
    /// # Panics
    /// When it is so short that it would be found by chance.
    #[must_use]
    pub fn whole(mut self, name: &str, secret: &[u8]) -> Self {
        let (beginning, rest) = secret.split_at(PIECE);
        let piece = Piece { of: name.to_owned(), rest: rest.to_owned() };
        self.pieces.entry(beginning.try_into().unwrap()).or_default().push(piece);
        self
    }

    /// The keys of the fixture's machine.
    ///
    /// # Panics
    /// When its keyring cannot be read.
    #[must_use]
    pub fn master_key(self, fixture: &Fixture) -> Self {
        self.key("the master key", &master_key(fixture))
    }

    /// The pepper that a user's recovery codes are hashed with.
    ///
    /// # Panics
    /// When they have none.
    #[must_use]
    pub fn pepper(self, fixture: &Fixture, user: &str) -> Self {
        let credential = fs::read_to_string(fixture.credential(user)).unwrap();
        let (_, set) = credential.split_once("[recovery]").expect("no recovery codes");
        let (nonce, sealed) = (decoded(set, "nonce"), decoded(set, "ciphertext"));
        let (pepper, _tag) = sealed.split_at(sealed.len() - 16);
        self.shared_secret("the pepper", &opened(&master_key(fixture), &nonce, pepper))
    }

    /// Every piece of a secret in `bytes`: what it is of, and where it lies.
    #[must_use]
    pub fn found_in(&self, bytes: &[u8]) -> Vec<(usize, &str)> {
        // Nearly every place is ruled out by its first two bytes.
        let mut begins = vec![false; 1 << 16];
        for piece in self.pieces.keys() {
            begins[usize::from(u16::from_le_bytes([piece[0], piece[1]]))] = true;
        }
        let begins_one = |pair: &[u8]| begins[usize::from(u16::from_le_bytes([pair[0], pair[1]]))];
        let places = bytes.windows(2).enumerate().filter(|(_, pair)| begins_one(pair));
        let found = places.filter_map(|(at, _)| {
            let (beginning, after) = bytes[at..].split_at_checked(PIECE)?;
            let beginning: &[u8; PIECE] = beginning.try_into().unwrap();
            let piece = self.pieces.get(beginning)?.iter().find(|piece| after.starts_with(&piece.rest))?;
            Some((at, piece.of.as_str()))
        });
        found.collect()
    }

    /// Asserts that a text, of whatever origin, holds none.
    ///
    /// # Panics
    /// With the name of the secret and the text.
    pub fn assert_none_in(&self, text: &str) {
        let found = self.found_in(text.as_bytes());
        assert!(found.is_empty(), "{found:?} in:\n{text}");
    }
}

/// The key of a fixture's machine.
///
/// # Panics
/// When its keyring cannot be read.
#[must_use]
pub fn master_key(fixture: &Fixture) -> Vec<u8> {
    decoded(&fs::read_to_string(fixture.keyring()).unwrap(), "secret")
}

/// The value of the first `key = "…"`, which is base64.
fn decoded(text: &str, key: &str) -> Vec<u8> {
    let values = text.lines().filter_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix("= "));
    let value = values.map(|value| value.trim_matches('"')).next().unwrap_or_else(|| panic!("no {key}"));
    BASE64.decode(value.as_bytes()).unwrap()
}

/// Opens a seal with another implementation than the one under test. AES-GCM encrypts in counter mode, and the first block of
/// the text has counter 2 (NIST SP 800-38D section 7.1); whether the tag is right is not asked here.
fn opened(key: &[u8], nonce: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let sealed = tempfile::NamedTempFile::new().unwrap();
    fs::write(sealed.path(), ciphertext).unwrap();
    let out = Command::new("openssl")
        .args(["enc", "-d", "-aes-256-ctr", "-K", &HEXLOWER.encode(key)])
        .args(["-iv", &(HEXLOWER.encode(nonce) + "00000002"), "-in"])
        .arg(sealed.path())
        .output()
        .expect("no openssl: install tests/apt-packages");
    assert!(out.status.success(), "openssl: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_found_wherever_it_lies() {
        let secrets = Secrets::default().bytes("it", b"0123456789");
        assert_eq!(secrets.found_in(b"..01234567"), [(2, "it")]);
        assert_eq!(secrets.found_in(b"23456789"), [(0, "it")]);
        assert_eq!(secrets.found_in(b"0123456."), []);
    }

    #[test]
    fn a_seal_is_opened() {
        // Test case 14 of the GCM specification (McGrew and Viega).
        let (key, nonce) = ([0; 32], [0; 12]);
        let ciphertext = HEXLOWER.decode(b"cea7403d4d606b6e074ec5d3baf39d18").unwrap();
        assert_eq!(opened(&key, &nonce, &ciphertext), [0; 16]);
    }
}
