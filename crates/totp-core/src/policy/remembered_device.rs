//! The sequences around remembered devices: recognise one while the ledger is held, let it in, take a new one in.

use crate::keyring::Keyring;
use crate::ledger::{Happened, Record};
use crate::login::{Host, JudgeError, Verified, check_owner, with_hold};
use crate::policy::Exemption;
use crate::policy::device::{self, Device, DeviceId, RememberRules, Traits};
use crate::store::{Entry, Held, Hold, Store, StoreError};
use crate::time::Now;
use crate::user::Account;
use crate::user::User;
use std::time::Duration;

/// A device that was recognised while the ledger was held. It opens nothing before its use is recorded.
pub struct Recognised {
    place: usize,
}

/// Looks whether the connection that shows `traits` is a remembered device's. `now` was read while the ledger was held.
///
/// # Errors
/// [`JudgeError`] where the enrolment is another account's, or its seal does not open.
pub fn recognise<H: Held>(
    held: &H,
    account: &Account,
    traits: &Traits<'_>,
    remember: &RememberRules,
    now: Now,
    keyring: &Keyring,
) -> Result<Option<Recognised>, JudgeError> {
    check_owner(held.credential(), account)?;
    // Before the seal is opened: most logins are of people without a remembered device.
    if held.ledger().devices.is_empty() || !remember.can_tell(traits) {
        return Ok(None);
    }
    let Some(mark) = mark(held, traits, remember, keyring)? else { return Ok(None) };
    let place = device::find(&held.ledger().devices, &mark, remember.length, now.realtime);
    Ok(place.map(|place| Recognised { place }))
}

/// Lets a recognised device in: counts and records its use. The last login by a code stays what it is, so that the next one is
/// told of everything since. `None`: another process changed the enrolment since it was held, and a code is to be asked for.
///
/// # Errors
/// [`StoreError`]; then nobody is let in.
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

/// The device at the other end of a connection, and by what rule it is remembered.
#[derive(Debug, Clone, Copy)]
pub struct Connection<'a> {
    /// Whose login it is.
    pub user: &'a User,
    /// What the connection shows.
    pub traits: Traits<'a>,
    /// What the config says.
    pub remember: &'a RememberRules,
    /// How long others who hold the same user are waited for.
    pub patience: Duration,
}

/// Remembers the device at the other end of a login by a code, through a crash too. `None`: it does not show what it would
/// be bound to, or the enrolment is no longer the one that the code was of, or others held it all the time.
///
/// # Errors
/// [`Host::Error`]; nothing is then remembered. The login itself stands.
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

/// Which devices to forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgottenDevices<'a> {
    /// All.
    All,
    /// The one that the command lists under this name.
    Named(&'a str),
}

/// Forgets devices; returns how many there were. They open no module from then on, also after a crash.
///
/// # Errors
/// [`StoreError`]; the devices are then remembered still, or forgotten if only the sync failed.
pub fn forget<E: Entry>(entry: E, which: ForgottenDevices<'_>) -> Result<usize, StoreError> {
    let Some(mut ledger) = entry.ledger().cloned() else { return Ok(0) };
    let before = ledger.devices.len();
    ledger.devices.retain(|device| match which {
        ForgottenDevices::All => false,
        ForgottenDevices::Named(name) => device.id().to_string() != name,
    });
    let forgotten = before.saturating_sub(ledger.devices.len());
    if forgotten > 0 {
        entry.record(&ledger)?;
    }
    Ok(forgotten)
}

/// The devices that are hashed under the first authenticator's secret: it is there as long as the enrolment is.
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
