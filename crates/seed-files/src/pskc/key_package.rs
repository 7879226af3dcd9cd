//! One token: a `KeyPackage` with its device and its key (RFC 6030 section 4).

use super::decryption::SecretReader;
use super::element::{Element, PSKC, shown};
use super::policy::{self, Validity};
use crate::token_values::{self, DEFAULT_DIGITS, DEFAULT_PERIOD};
use crate::{Seed, SeedFileError};
use totp_core::factor::totp::{Algorithm, WIDEST_DRIFT};
use totp_core::factor::{Factor, FactorKind};
use totp_core::token::Serial;

/// What the names of algorithms begin with: in RFC 6030 section 12, and in its drafts, after which vendors still write files.
const ALGORITHMS: [&str; 4] = [
    "urn:ietf:params:xml:ns:keyprov:pskc:",
    "urn:ietf:params:xml:ns:keyprov:pskc#",
    "http://www.ietf.org/keyprov/pskc#",
    "#",
];

/// Reads the token.
pub(super) fn seed(package: Element<'_>, secrets: &SecretReader) -> Result<Seed, SeedFileError> {
    package.allows(PSKC, &["DeviceInfo", "CryptoModuleInfo", "Key", "Extensions"])?;
    let key = package.required(PSKC, "Key")?;
    let device = package.required(PSKC, "DeviceInfo")?;
    device.allows(
        PSKC,
        &[
            "Manufacturer",
            "SerialNo",
            "Model",
            "IssueNo",
            "DeviceBinding",
            "StartDate",
            "ExpiryDate",
            "UserId",
            "Extensions",
        ],
    )?;
    let number = device.required(PSKC, "SerialNo")?;
    let serial = Serial::parse(&number.content()?).map_err(|error| number.refused(error.to_string()))?;
    let (kind, data) = kind_and_data(key)?;
    let factor = factor(key, kind, data)?;
    let validity = Validity::of(device)?.and(validity(key)?);
    Ok(Seed {
        serial,
        maker: name(device, "Manufacturer", "maker")?,
        model: name(device, "Model", "model")?,
        factor,
        next_counter: next_counter(kind, data)?,
        secret: secrets.read(data.required(PSKC, "Secret")?)?,
        valid_from: validity.valid_from,
        expires: validity.expires,
        line: package.line(),
    })
}

fn kind_and_data(key: Element<'_>) -> Result<(FactorKind, Element<'_>), SeedFileError> {
    key.allows(
        PSKC,
        &[
            "Issuer",
            "AlgorithmParameters",
            "KeyProfileId",
            "KeyReference",
            "FriendlyName",
            "Data",
            "UserId",
            "Policy",
            "Extensions",
        ],
    )?;
    let kind = kind(key)?;
    let secret = key
        .child(PSKC, "Data")?
        .map(|data| data.child(PSKC, "Secret").map(|secret| (data, secret)))
        .transpose()?;
    let Some((data, Some(_))) = secret else {
        let reference = key.child(PSKC, "KeyReference")?;
        return Err(match reference {
            Some(reference) => reference
                .refused("the file names a key that is kept elsewhere and has no secret: ask the vendor for the secrets"),
            None => key.refused("the key has no secret: ask the vendor for the secrets"),
        });
    };
    if let Some(profile) = key.child(PSKC, "KeyProfileId")? {
        return Err(profile.refused(
            "the key has values that are not in the file (KeyProfileId): ask the vendor for a file that has them",
        ));
    }
    data.allows(PSKC, &["Secret", "Counter", "Time", "TimeInterval", "TimeDrift"])?;
    Ok((kind, data))
}

fn kind(key: Element<'_>) -> Result<FactorKind, SeedFileError> {
    match ALGORITHMS.iter().find_map(|begin| key.algorithm().strip_prefix(begin)) {
        Some("hotp") => Ok(FactorKind::Hotp),
        Some("totp") => Ok(FactorKind::Totp),
        Some("pin") => Err(key.refused("a PIN, which is not supported: remove this KeyPackage")),
        Some(_) | None => Err(key.refused(format!(
            "the algorithm {} is not supported, only hotp and totp of RFC 6030: remove the token",
            shown(key.algorithm())
        ))),
    }
}

fn factor(key: Element<'_>, kind: FactorKind, data: Element<'_>) -> Result<Factor, SeedFileError> {
    let (mut algorithm, mut digits) = (Algorithm::Sha1, DEFAULT_DIGITS);
    let parameters = key.child(PSKC, "AlgorithmParameters")?;
    if let Some(parameters) = parameters {
        parameters.allows(PSKC, &["Suite", "ChallengeFormat", "ResponseFormat", "Extensions"])?;
        if let Some(challenge) = parameters.child(PSKC, "ChallengeFormat")? {
            return Err(
                challenge.refused("the token answers challenges, which is not supported: remove the token")
            );
        }
        if let Some(suite) = parameters.child(PSKC, "Suite")? {
            algorithm = hash(suite)?;
        }
        if let Some(format) = parameters.child(PSKC, "ResponseFormat")? {
            digits = length(format)?;
        }
    }
    let period = match data.child(PSKC, "TimeInterval")? {
        Some(interval) => number(interval)?,
        None => DEFAULT_PERIOD,
    };
    check_drift(data)?;
    token_values::factor(kind, algorithm, digits, period)
        .map_err(|problem| parameters.unwrap_or(key).refused(problem))
}

fn hash(suite: Element<'_>) -> Result<Algorithm, SeedFileError> {
    let name = suite.content()?;
    if name.is_empty() {
        return Ok(Algorithm::Sha1);
    }
    token_values::hash(&name).ok_or_else(|| {
        suite.refused("the suite is not HMAC-SHA1, HMAC-SHA256 or HMAC-SHA512: remove the token")
    })
}

/// The digits of a code.
fn length(format: Element<'_>) -> Result<u64, SeedFileError> {
    if format.attribute("Encoding").is_some_and(|encoding| encoding != "DECIMAL") {
        return Err(format.refused("the codes are not decimal, which is not supported: remove the token"));
    }
    if format.attribute("CheckDigits").is_some_and(|check| !matches!(check.trim(), "false" | "0")) {
        return Err(format.refused("the codes have a check digit, which is not supported: remove the token"));
    }
    match format.attribute("Length").map(str::trim) {
        None | Some("") => Ok(DEFAULT_DIGITS),
        Some(length) => token_values::number(length)
            .ok_or_else(|| format.refused("the Length is not a number: correct it")),
    }
}

fn next_counter(kind: FactorKind, data: Element<'_>) -> Result<u64, SeedFileError> {
    let Some(counter) = data.child(PSKC, "Counter")? else { return Ok(0) };
    let next = number(counter)?;
    match kind {
        FactorKind::Hotp => token_values::next_counter(next).map_err(|problem| counter.refused(problem)),
        FactorKind::Totp if next == 0 => Ok(0),
        FactorKind::Totp => {
            Err(counter.refused("a TOTP token has no counter: correct the algorithm, or remove the Counter"))
        }
    }
}

/// A clock that is known to be further off than any window reaches makes no code that would be accepted.
fn check_drift(data: Element<'_>) -> Result<(), SeedFileError> {
    let Some(drift) = data.child(PSKC, "TimeDrift")? else { return Ok(()) };
    let text = plain(drift)?.content()?;
    let steps = token_values::number(text.strip_prefix(['-', '+']).unwrap_or(&text));
    match steps {
        Some(steps) if steps <= WIDEST_DRIFT => Ok(()),
        Some(_) => Err(drift.refused(format!(
            "the token's clock is off by more than {WIDEST_DRIFT} steps (TimeDrift), more than a login allows: remove the token"
        ))),
        None => Err(drift.refused("is not a number: correct it")),
    }
}

/// The number of a value that may be encrypted in other files; here only secrets may be.
fn number(element: Element<'_>) -> Result<u64, SeedFileError> {
    let value = plain(element)?;
    token_values::number(&value.content()?)
        .ok_or_else(|| value.refused("is not a number: write decimal digits only"))
}

fn plain(element: Element<'_>) -> Result<Element<'_>, SeedFileError> {
    if let Some(encrypted) = element.child(PSKC, "EncryptedValue")? {
        return Err(encrypted
            .refused("only secrets may be encrypted: ask the vendor for a file with this value plain"));
    }
    element.required(PSKC, "PlainValue")
}

fn validity(key: Element<'_>) -> Result<Validity, SeedFileError> {
    let Some(policy) = key.child(PSKC, "Policy")? else { return Ok(Validity::default()) };
    policy::check(policy)?;
    Validity::of(policy)
}

fn name(device: Element<'_>, element: &str, what: &str) -> Result<Option<String>, SeedFileError> {
    let Some(element) = device.child(PSKC, element)? else { return Ok(None) };
    token_values::name(&element.content()?, what).map_err(|problem| element.refused(problem))
}
