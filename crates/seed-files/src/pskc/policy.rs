//! What a key may be used for, and when (RFC 6030 section 5). What is not understood there forbids its use.

use super::date;
use super::element::{Element, PSKC, shown};
use crate::SeedFileError;

/// From when until when a token is valid, in seconds since 1970.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Validity {
    pub(super) valid_from: Option<u64>,
    pub(super) expires: Option<u64>,
}

impl Validity {
    /// The dates inside of a `DeviceInfo` or a `Policy`.
    pub(super) fn of(element: Element<'_>) -> Result<Self, SeedFileError> {
        let date = |name| element.child(PSKC, name)?.map(date::seconds).transpose();
        Ok(Self { valid_from: date("StartDate")?, expires: date("ExpiryDate")? })
    }

    /// The time in which both are valid.
    pub(super) fn and(self, other: Self) -> Self {
        let earliest = self.expires.into_iter().chain(other.expires).min();
        Self { valid_from: self.valid_from.max(other.valid_from), expires: earliest }
    }
}

/// Checks that the policy lets the key make codes as they are typed.
pub(super) fn check(policy: Element<'_>) -> Result<(), SeedFileError> {
    policy
        .allows_only(PSKC, &["StartDate", "ExpiryDate", "PINPolicy", "KeyUsage", "NumberOfTransactions"])?;
    if let Some(limit) = policy.child(PSKC, "NumberOfTransactions")? {
        return Err(
            limit.refused("limits how often the key may be used, which is not supported: remove the token")
        );
    }
    if let Some(pin) = policy.child(PSKC, "PINPolicy")? {
        check_pin(pin)?;
    }
    let mut usages = policy.children(PSKC, "KeyUsage").peekable();
    let Some(first) = usages.peek().copied() else { return Ok(()) };
    for usage in usages {
        if usage.content()?.as_str() == "OTP" {
            return Ok(());
        }
    }
    Err(first.refused("the key may not be used for one-time passwords (no KeyUsage OTP): remove the token"))
}

/// A PIN that the token itself asks for does not concern the login; one that is part of the code does.
fn check_pin(pin: Element<'_>) -> Result<(), SeedFileError> {
    match pin.attribute("PINUsageMode") {
        Some("Local") => Ok(()),
        mode => Err(pin.refused(format!(
            "the token's codes depend on a PIN (PINUsageMode {}), which is not supported: remove the token",
            shown(mode.unwrap_or_default())
        ))),
    }
}
