//! The key that the secrets of a file are encrypted with: given, or made of a passphrase (RFC 6030 section 6).

use super::element::{DSIG, Element, PKCS5, PSKC, UNNAMED, XENC, XENC11, shown};
use super::mac::Hash;
use crate::{SeedFileError, Unlock, token_values};
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use totp_core::random::Secret;
use zeroize::Zeroizing;

/// The most iterations: some seconds. RFC 6030 section 13.1 asks for 1,000 or more.
const MOST_ITERATIONS: u64 = 10_000_000;
/// The lengths of AES keys, in bytes.
const KEY_LENGTHS: [u64; 3] = [16, 24, 32];

/// The key; `None`: nothing was given, and the file names none.
pub(super) fn key(container: Element<'_>, unlock: Unlock<'_>) -> Result<Option<Secret>, SeedFileError> {
    let Some(named) = container.child(PSKC, "EncryptionKey")? else {
        return match unlock {
            Unlock::None => Ok(None),
            Unlock::Key(key) => Ok(Some(Secret::new(key.expose().to_vec()))),
            Unlock::Passphrase(_) => Err(container.refused(
                "the file is not encrypted with a passphrase: import it without --passphrase-file, or with --key-file and its key",
            )),
        };
    };
    if named.child(DSIG, "X509Data")?.is_some()
        || named.child(DSIG, "KeyValue")?.is_some()
        || named.child(XENC, "EncryptedKey")?.is_some()
    {
        return Err(named.refused(
            "the secrets are encrypted with a public key (RSA), which is not supported: ask the vendor for a file with a pre-shared key or a passphrase",
        ));
    }
    match (named.child(XENC11, "DerivedKey")?, unlock) {
        (Some(derived), Unlock::Passphrase(passphrase)) => derive(derived, passphrase).map(Some),
        (Some(derived), Unlock::None | Unlock::Key(_)) => Err(derived.refused(
            "the secrets are encrypted with a passphrase: import the file with --passphrase-file and the vendor's passphrase",
        )),
        (None, Unlock::Key(key)) => Ok(Some(Secret::new(key.expose().to_vec()))),
        (None, Unlock::None | Unlock::Passphrase(_)) => {
            let name = named.child(DSIG, "KeyName")?.map(Element::content).transpose()?;
            let name = name.as_ref().map_or(String::new(), |name| format!(" named {}", shown(name)));
            Err(named.refused(format!(
                "the secrets are encrypted with a pre-shared key{name}: import the file with --key-file and the vendor's key"
            )))
        }
    }
}

/// PBKDF2 (RFC 8018 section 5.2).
fn derive(derived: Element<'_>, passphrase: &Secret) -> Result<Secret, SeedFileError> {
    let method = derived.required(XENC11, "KeyDerivationMethod")?;
    if ![PKCS5, XENC11].iter().any(|namespace| method.algorithm() == format!("{namespace}pbkdf2")) {
        return Err(method.refused(format!(
            "the passphrase is hashed with {}, which is not supported, only PBKDF2: ask the vendor for another file",
            shown(method.algorithm())
        )));
    }
    let parameters = required(method, "PBKDF2-params")?;
    let salt = required(parameters, "Salt")?;
    let salt = required(salt, "Specified")?.base64()?;
    let count = number(required(parameters, "IterationCount")?)?;
    let iterations =
        u32::try_from(count.1).ok().filter(|number| (1..=MOST_ITERATIONS).contains(&u64::from(*number)));
    let Some(iterations) = iterations else {
        return Err(count.0.refused(format!("the passphrase is to be hashed more than {MOST_ITERATIONS} times, or not at all: ask the vendor for another file")));
    };
    let length = number(required(parameters, "KeyLength")?)?;
    let Some(bytes) = Some(length.1)
        .filter(|bytes| KEY_LENGTHS.contains(bytes))
        .and_then(|bytes| usize::try_from(bytes).ok())
    else {
        return Err(length
            .0
            .refused("the key is not 16, 24 or 32 bytes long: ask the vendor for another file"));
    };
    let hash = match child(parameters, "PRF")? {
        Some(function) => pseudorandom_function(function)?,
        None => Hash::Sha1,
    };
    let mut key = Zeroizing::new(vec![0; bytes]);
    let make = match hash {
        Hash::Sha1 => pbkdf2_hmac::<Sha1>,
        Hash::Sha256 => pbkdf2_hmac::<Sha256>,
        Hash::Sha512 => pbkdf2_hmac::<Sha512>,
    };
    make(passphrase.expose(), salt.expose(), iterations, &mut key);
    Ok(Secret::new(std::mem::take(&mut *key)))
}

/// The hash under PBKDF2, which an attribute names, or the text, as python-pskc has it; without either it is SHA-1.
fn pseudorandom_function(function: Element<'_>) -> Result<Hash, SeedFileError> {
    match (function.algorithm(), function.content()?.as_str()) {
        ("", "") => Ok(Hash::Sha1),
        ("", name) | (name, "") => Hash::named(name, function),
        (_, _) => Err(function.refused("the PRF is named twice: get the file again")),
    }
}

/// A part of the method: RFC 6030 figure 7 has the parameters in the namespace of PKCS #5 and what is in them in none;
/// python-pskc has the parameters in that of XML Encryption.
fn child<'a>(of: Element<'a>, name: &str) -> Result<Option<Element<'a>>, SeedFileError> {
    Ok(of.child(PKCS5, name)?.or(of.child(XENC11, name)?).or(of.child(UNNAMED, name)?))
}

fn required<'a>(of: Element<'a>, name: &str) -> Result<Element<'a>, SeedFileError> {
    match (child(of, name)?, of.child(PSKC, name)?) {
        (Some(found), _) => Ok(found),
        // As a writer has it that left out `xmlns=""`.
        (None, Some(misplaced)) => Err(misplaced.refused(format!(
            "{name} is in the namespace of the file, where it means nothing; RFC 6030 (figure 7) has it in none: write it as <{name} xmlns=\"\">, or ask the vendor for another file"
        ))),
        (None, None) => of.required(PKCS5, name),
    }
}

fn number(element: Element<'_>) -> Result<(Element<'_>, u64), SeedFileError> {
    let number = token_values::number(&element.content()?);
    number
        .map(|number| (element, number))
        .ok_or_else(|| element.refused("is not a number: get the file again"))
}
