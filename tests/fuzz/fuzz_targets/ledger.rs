//! The ledger: what checks comes back from its own slot, and no torn write of the next slot loses the last one.
//!
//! The fields are crate-private, so the module is included by path with what it stands on. A fuzzer does not find a
//! SHA-256: where the first byte of the input is even, its slots are sealed before they are read. Behind the fields of both
//! slots come the remembered devices of the first, then those of the second.
#![no_main]

#[path = "../../../crates/totp-core/src/policy/device.rs"]
#[allow(dead_code, reason = "the rest of the library uses it")]
mod device;
#[path = "../../../crates/totp-core/src/ledger/mod.rs"]
#[allow(dead_code, reason = "the rest of the library uses it")]
mod ledger;
#[path = "../../../crates/totp-core/src/lockout.rs"]
#[allow(dead_code, reason = "the rest of the library uses it")]
mod lockout;
#[path = "../../../crates/totp-core/src/network.rs"]
#[allow(dead_code, reason = "the rest of the library uses it")]
mod network;
#[path = "../../../crates/totp-core/src/random.rs"]
#[allow(dead_code, reason = "the rest of the library uses it")]
mod random;
#[path = "../../../crates/totp-core/src/recovery.rs"]
#[allow(dead_code, reason = "the rest of the library uses it")]
mod recovery;
mod code {
    pub(crate) use totp_core::code::RECOVERY_LENGTH;
}
mod policy {
    pub(crate) use crate::device;
}
mod time {
    pub(crate) use totp_core::time::Seconds;
}
mod factor {
    pub(crate) use totp_core::factor::{Durability, Factor, FactorKind};
}
mod credential {
    pub(crate) use totp_core::credential::{Credential, MOST_AUTHENTICATORS};
}
mod account_recovery {
    pub(crate) use totp_core::account_recovery::ResetNotice;
}
mod user {
    pub(crate) use totp_core::user::User;
}

use device::{Device, MOST_DEVICES, Mark};
use ledger::Ledger;
use ledger::slot::{LENGTH, NextSlot, SLOT, Slots, encode};
use libfuzzer_sys::fuzz_target;
use lockout::{Limit, LockState, MOST_ATTEMPTS};
use random::Id;
use sha2::{Digest, Sha256};
use time::Seconds;

/// Bytes of a slot that the checksum covers.
const FIELDS: usize = 448;
/// Bytes of remembered devices, which it covers too where there is one.
const DEVICES: usize = 960;
/// Where a slot says how many there are.
const DEVICE_COUNT: std::ops::Range<usize> = 409..413;
/// Where a slot's credential stands, behind magic, version and sequence.
const CREDENTIAL: std::ops::Range<usize> = 20..36;

const LIMIT: Limit = Limit {
    attempts: 5,
    per: Seconds(60),
    lock_after: 10,
    lock_for: Seconds(60),
    lock_max: Seconds(86400),
    disable_after: 100,
};

fuzz_target!(|input: &[u8]| {
    let Some((&[kind, torn_high, torn_low], bytes)) = input.split_first_chunk() else { return };
    if kind % 2 == 1 {
        check(bytes, 0);
    } else {
        // Of a slot without devices, what lies in their place must be zero; now and then it is not.
        let stray = kind % 4 == 2;
        check(&sealed(bytes, stray), usize::from(u16::from_be_bytes([torn_high, torn_low])) % SLOT);
    }
});

/// A file of two slots with these fields and devices, whose checksums are right.
fn sealed(bytes: &[u8], stray: bool) -> Vec<u8> {
    let part = |at: usize, length: usize| {
        let part = bytes.get(at..).unwrap_or_default();
        let mut part = part[..part.len().min(length)].to_vec();
        part.resize(length, 0);
        part
    };
    let mut file = Vec::with_capacity(LENGTH);
    for at in 0..2 {
        let mut slot = part(at * FIELDS, FIELDS);
        let has_devices = slot[DEVICE_COUNT].iter().any(|&byte| byte != 0);
        if has_devices || stray {
            slot.extend(part(2 * FIELDS + at * DEVICES, DEVICES));
        }
        let checksum = Sha256::digest(&slot[..if has_devices { FIELDS + DEVICES } else { FIELDS }]);
        slot.resize(SLOT - checksum.len(), 0);
        slot.extend(checksum);
        file.extend(slot);
    }
    file
}

fn check(file: &[u8], torn: usize) {
    let ids = [0, SLOT].map(|slot| {
        let id = file.get(slot..).and_then(|slot| slot.get(CREDENTIAL))?;
        id.try_into().ok().map(Id::new)
    });
    for id in ids.into_iter().flatten() {
        let Some((ledger, next_slot)) = Slots::of(file).newest_of(id) else { continue };
        assert_eq!(ledger.credential, id);
        assert_eq!(Slots::of(file).none_enrolled(), ids.contains(&Some(Id::NONE)) && none_checks(file));
        assert!(ledger.progress.len() <= credential::MOST_AUTHENTICATORS);
        assert!(ledger.failures.recent.len() <= MOST_ATTEMPTS);
        assert!(ledger.devices.len() <= MOST_DEVICES);
        assert!(next_slot.spare < 2);
        for ledger in [&ledger, &with_one_more_device(&ledger)] {
            assert_comes_back(ledger);
            assert_notices_a_flipped_bit(ledger, torn);
        }
        assert_waits_are_bounded(&ledger);
        assert_outlasts_a_torn_write(file, &ledger, next_slot, torn);
    }
}

fn none_checks(file: &[u8]) -> bool {
    Slots::of(file).newest_of(Id::NONE).is_some()
}

fn assert_comes_back(ledger: &Ledger) {
    let mut file = encode(ledger, 7);
    assert_eq!(file.len(), SLOT);
    file.resize(LENGTH, 0);
    let (again, next_slot) = Slots::of(&file).newest_of(ledger.credential).expect("a slot that was written");
    assert_eq!((again, next_slot), (ledger.clone(), NextSlot { spare: 1, sequence: 8 }));
}

/// Wherever it is: in the fields, in the devices, in the zeros behind them, in the checksum.
fn assert_notices_a_flipped_bit(ledger: &Ledger, at: usize) {
    let mut file = encode(ledger, 7);
    file[at] ^= 1;
    file.resize(LENGTH, 0);
    assert!(Slots::of(&file).newest_of(ledger.credential).is_none());
}

/// Whatever devices the file holds, one more has its place, and is then remembered: once, and for no longer than it says.
fn with_one_more_device(ledger: &Ledger) -> Ledger {
    let (now, length) = (1_800_000_000, Seconds(60));
    let mut ledger = ledger.clone();
    let new = Device::new(Mark([7; 32]), now, length);
    device::insert(&mut ledger.devices, new);
    let devices = &ledger.devices;
    assert!((1..=MOST_DEVICES).contains(&devices.len()));
    assert_eq!(devices.iter().filter(|device| device.mark == new.mark).count(), 1);
    let found = |now| device::find(devices, &new.mark, length, now);
    assert_eq!(found(now), Some(devices.len() - 1));
    assert_eq!([found(now - 1), found(now + 60)], [None, None]);
    assert_eq!(device::find(devices, &new.mark, Seconds(0), now), None);
    ledger
}

/// Whatever timestamps the file holds, a window keeps nobody longer than its length, and who is disabled stays so.
fn assert_waits_are_bounded(ledger: &Ledger) {
    let disabled = ledger.failures.consecutive >= LIMIT.disable_after;
    for now in [0, 1_800_000_000, u64::MAX] {
        match LIMIT.state(&ledger.failures, now) {
            LockState::Limited(wait) => assert!(!disabled && wait <= LIMIT.per),
            LockState::Locked(wait) => assert!(!disabled && wait > Seconds(0)),
            LockState::Open => assert!(!disabled),
            LockState::Disabled => assert!(disabled),
        }
    }
}

/// Writes a later slot beside `ledger`'s: whole it is the newest, and torn it leaves `ledger` (or is whole by chance).
fn assert_outlasts_a_torn_write(file: &[u8], ledger: &Ledger, next_slot: NextSlot, torn: usize) {
    // The last number there is has none after it; two writes a second reach it in 292 thousand million years.
    if next_slot.sequence == u64::MAX || file.len() < LENGTH {
        return;
    }
    let mut next = ledger.clone();
    next.failures.consecutive = next.failures.consecutive.wrapping_add(1);
    let slot = encode(&next, next_slot.sequence);
    let mut written = file.to_vec();
    let at = next_slot.spare * SLOT;
    written[at..at + torn].copy_from_slice(&slot[..torn]);
    let (read, _) = Slots::of(&written).newest_of(ledger.credential).expect("the slot before it");
    if written[at..at + SLOT] == slot {
        assert_eq!(read, next);
    } else {
        assert_eq!(read, *ledger);
    }
    written[at..at + SLOT].copy_from_slice(&slot);
    let (read, after) = Slots::of(&written).newest_of(ledger.credential).expect("the new slot");
    assert_eq!((read, after), (next, next_slot.other()));
}
