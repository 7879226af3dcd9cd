//! Remembered devices as sequences: recognise one, admit it, remember a new one, forget some.

use crate::keyring::Keyring;
use crate::ledger::{Happened, Record};
use crate::login::{Host, JudgeError, Verified, with_hold};
use crate::policy::Exemption;
use crate::policy::device::{self, Device, DeviceId, RememberRules, Traits};
use crate::store::{Entry, Held, Hold, Store, StoreError};
use crate::time::Now;
use crate::user::Account;
use crate::user::User;
use std::time::Duration;

/// A device that was recognised while the ledger was held. It does not exempt a login before its use is recorded.
pub struct Recognised {
    place: usize,
}

/// Checks whether the connection with these `traits` is from a remembered device. `now` was read while the ledger was
/// held.
///
/// # Errors
/// [`JudgeError`] if the enrolment is another account's or its seal does not open.
pub fn recognise<H: Held>(
    held: &H,
    account: &Account,
    traits: &Traits<'_>,
    remember: &RememberRules,
    now: Now,
    keyring: &Keyring,
) -> Result<Option<Recognised>, JudgeError> {
    if !held.credential().owner().is(account) {
        return Err(JudgeError::OtherAccount);
    }
    // Checked before the seal is opened, because most people have no remembered device.
    if held.ledger().devices.is_empty() || !remember.can_tell(traits) {
        return Ok(None);
    }
    let Some(mark) = mark(held, traits, remember, keyring)? else { return Ok(None) };
    let place = device::find(&held.ledger().devices, &mark, remember.length, now.realtime);
    Ok(place.map(|place| Recognised { place }))
}

/// Admits a recognised device: counts and records its use. The last login by a code stays, so that the next such login
/// reports everything since. `None`: another process changed the enrolment since it was held, so a code is needed.
///
/// # Errors
/// [`StoreError`]; the device is then not admitted.
pub fn admit<H: Held>(
    mut held: H,
    recognised: &Recognised,
    now: Now,
) -> Result<Option<Exemption>, StoreError> {
    let mut ledger = held.ledger().clone();
    let mut id = None;
    if let Some(device) = ledger.devices.get_mut(recognised.place) {
        device.last_used = now.realtime;
        device.uses = device.uses.saturating_add(1);
        id = Some(device.id());
    }
    let record = Record::of(ledger, Happened::DeviceUsed);
    match held.replace(record.ledger(), record.durability()) {
        Ok(()) => Ok(Some(Exemption::remembered(id))),
        Err(StoreError::Conflict) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The device at the other end of a connection, and the rules for remembering it.
#[derive(Debug, Clone, Copy)]
pub struct Connection<'a> {
    /// The account that logged in.
    pub user: &'a User,
    /// The traits of the connection.
    pub traits: Traits<'a>,
    /// The rules of the config.
    pub remember: &'a RememberRules,
    /// How long to wait for another process that holds the user.
    pub patience: Duration,
}

/// Remembers the device at the other end of a login by a code, also through a crash. `None`: the device lacks a trait
/// that it would be bound to, the enrolment is no longer that of the code, or other processes held it until the
/// deadline.
///
/// # Errors
/// [`Host::Error`]; no device is then remembered. The login itself stays accepted.
pub fn remember<S: Store, H: Host>(
    store: &S,
    by: &Verified,
    connection: &Connection<'_>,
    host: &mut H,
) -> Result<Option<DeviceId>, H::Error> {
    let Connection { user, patience, .. } = *connection;
    let remembered = with_hold(store, user, patience, host, |held, now, keyring| {
        remember_held(held, by, connection, now, keyring)
    })?;
    Ok(match remembered {
        Hold::Held(remembered) => remembered,
        Hold::NotEnrolled | Hold::Busy => None,
    })
}

fn remember_held<H: Held>(
    mut held: H,
    by: &Verified,
    connection: &Connection<'_>,
    now: Now,
    keyring: &Keyring,
) -> Result<Option<DeviceId>, JudgeError> {
    if held.credential().owner().id != by.credential() {
        return Ok(None);
    }
    let Connection { traits, remember, .. } = connection;
    let Some(mark) = mark(&held, traits, remember, keyring)? else { return Ok(None) };
    let new = Device::new(mark, now.realtime, remember.length);
    let mut ledger = held.ledger().clone();
    device::insert(&mut ledger.devices, new);
    let record = Record::of(ledger, Happened::DeviceRemembered);
    held.replace(record.ledger(), record.durability())?;
    Ok(Some(new.id()))
}

/// ForgottenDevices devices to forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgottenDevices<'a> {
    /// All of them.
    All,
    /// The one with this name, as `totp-enroll` lists it.
    Named(&'a str),
}

/// Forgets devices and returns how many there were. They need a code from then on, also after a crash.
///
/// # Errors
/// [`StoreError`]; the devices are then still remembered, or forgotten if only the sync failed.
pub fn forget<E: Entry>(entry: E, which: ForgottenDevices<'_>) -> Result<usize, StoreError> {
    let Some(mut ledger) = entry.ledger().cloned() else { return Ok(0) };
    let forgotten = count(&entry, which);
    ledger.devices.retain(|device| !is_one(device, which));
    if forgotten > 0 {
        entry.record(&ledger)?;
    }
    Ok(forgotten)
}

/// How many devices [`forget`] would forget.
#[must_use]
pub fn count<E: Entry>(entry: &E, which: ForgottenDevices<'_>) -> usize {
    let devices = entry.ledger().map_or(&[][..], |ledger| &ledger.devices);
    devices.iter().filter(|device| is_one(device, which)).count()
}

fn is_one(device: &Device, which: ForgottenDevices<'_>) -> bool {
    match which {
        ForgottenDevices::All => true,
        ForgottenDevices::Named(name) => device.id().to_string() == name,
    }
}

/// The mark of a device under the secret of the first authenticator, which exists as long as the enrolment.
fn mark<H: Held>(
    held: &H,
    traits: &Traits<'_>,
    remember: &RememberRules,
    keyring: &Keyring,
) -> Result<Option<device::Mark>, JudgeError> {
    let credential = held.credential();
    let Some(first) = credential.authenticators().first() else { return Ok(None) };
    let key = credential.open(first, keyring)?;
    let owner = credential.owner();
    Ok(remember.mark(traits, &owner.user, owner.id, &key))
}

#[cfg(test)]
#[path = "remembered_device_tests.rs"]
mod tests;
