//! The MAC over an encrypted value (RFC 6030 section 6.1.1): HMAC (RFC 2104), compared in constant time.

use super::element::{Element, shown};
use crate::SeedFileError;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use totp_core::random::Secret;

/// The hash under an HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

impl Hash {
    /// The hash that an element's `Algorithm` names.
    pub(super) fn of(element: Element<'_>) -> Result<Self, SeedFileError> {
        Self::named(element.algorithm(), element)
    }

    /// The hash by the URI of its HMAC, in XML Signature (RFC 9231 section 2.2) or PKCS #5.
    pub(super) fn named(name: &str, element: Element<'_>) -> Result<Self, SeedFileError> {
        match name.rsplit_once('#').map(|(_, name)| name) {
            Some("hmac-sha1") => Ok(Self::Sha1),
            Some("hmac-sha256") => Ok(Self::Sha256),
            Some("hmac-sha512") => Ok(Self::Sha512),
            Some(_) | None => Err(element.refused(format!(
                "the algorithm {} is not supported, only HMAC with SHA-1, SHA-256 or SHA-512: ask the vendor for another file",
                shown(name)
            ))),
        }
    }

    /// Whether `mac` is that of `covered`.
    pub(super) fn verifies(self, key: &Secret, covered: &[u8], mac: &[u8]) -> bool {
        match self {
            Self::Sha1 => verifies::<Hmac<Sha1>>(key, covered, mac),
            Self::Sha256 => verifies::<Hmac<Sha256>>(key, covered, mac),
            Self::Sha512 => verifies::<Hmac<Sha512>>(key, covered, mac),
        }
    }
}

fn verifies<M: Mac + KeyInit>(key: &Secret, covered: &[u8], mac: &[u8]) -> bool {
    <M as KeyInit>::new_from_slice(key.expose())
        .is_ok_and(|hmac| hmac.chain_update(covered).verify_slice(mac).is_ok())
}
