//! One slot of a ledger's file: its bytes.
//!
//! A slot is 2048 bytes: magic, version, sequence, the fields below in big-endian order, zeros, and at its end a
//! SHA-256. The checksum covers the first 448 bytes, and the next 960 if there are remembered devices. The other bytes
//! must be zero. (Hashing the zeros too would cost a login four times as much as all its cryptography.)

use crate::account_recovery::ResetNotice;
use crate::credential::MOST_AUTHENTICATORS;
use crate::factor::FactorKind;
use crate::id::Id;
use crate::ledger::{LastLogin, Ledger, LoginMethod, Progress, RecoveryMarks};
use crate::lockout::{Failures, MOST_ATTEMPTS};
use crate::policy::device::{Device, MOST_DEVICES, Mark};
use crate::recovery::MOST_CODES;
use sha2::{Digest, Sha256};

/// Bytes of one slot.
pub const SLOT: usize = 2048;
const CHECKSUM: usize = 32;
const BODY: usize = SLOT - CHECKSUM;
/// Bytes with the fields of every user, which the checksum covers: whole blocks of SHA-256.
const FIELDS: usize = 448;
/// The offset of the number of remembered devices, after all fields except the notice of a reset.
const DEVICE_COUNT: usize = 409;
/// Bytes of one remembered device, and of all of them; the checksum covers them if there is one.
const DEVICE: usize = 60;
const DEVICES: usize = DEVICE * MOST_DEVICES;
/// The bytes after the fields.
const BLANK: &[u8; BODY] = &[0; BODY];
const MAGIC: &[u8; 8] = b"PTLEDGER";
const VERSION: u32 = 1;
/// The number of a login by a recovery code, distinct from those of the kinds of factor ([`FactorKind::number`]).
const RECOVERY_CODE: u8 = 2;

/// One slot.
pub fn encode(ledger: &Ledger, sequence: u64) -> Vec<u8> {
    let mut slot = Vec::with_capacity(SLOT);
    slot.extend(MAGIC);
    slot.extend(VERSION.to_be_bytes());
    slot.extend(sequence.to_be_bytes());
    slot.extend(ledger.credential.bytes());
    slot.extend(counted(ledger.progress.len()));
    for place in 0..MOST_AUTHENTICATORS {
        let progress = ledger.progress.get(place).copied().unwrap_or_default();
        slot.extend(progress.used_up_to.to_be_bytes());
        slot.extend(progress.confirmed_at.to_be_bytes());
    }
    slot.extend(counted(ledger.failures.recent.len()));
    for place in 0..MOST_ATTEMPTS {
        slot.extend(ledger.failures.recent.get(place).copied().unwrap_or(0).to_be_bytes());
    }
    slot.extend(ledger.failures.consecutive.to_be_bytes());
    slot.extend(ledger.failures.locked_at.to_be_bytes());
    slot.extend(ledger.failures.locked_until.to_be_bytes());
    slot.extend(ledger.recovery.set.bytes());
    for used in ledger.recovery.used {
        slot.extend(used.to_be_bytes());
    }
    let (at, method) = match ledger.last_login {
        None => (0, 0),
        Some(LastLogin { at, method: LoginMethod::RecoveryCode }) => (at, RECOVERY_CODE),
        Some(LastLogin { at, method: LoginMethod::Code(kind) }) => (at, kind.number()),
    };
    slot.extend(at.to_be_bytes());
    slot.push(method);
    let devices = ledger.devices.get(..MOST_DEVICES).unwrap_or(&ledger.devices);
    slot.extend(counted(devices.len()));
    if let Some(ResetNotice { at, until, by }) = ledger.notice {
        slot.extend(at.to_be_bytes());
        slot.extend(until.to_be_bytes());
        slot.extend(by.to_be_bytes());
    }
    slot.resize(FIELDS, 0);
    for Device { mark, since, until, last_used, uses } in devices {
        slot.extend(mark.0);
        slot.extend([since, until, last_used].map(|time| time.to_be_bytes()).as_flattened());
        slot.extend(uses.to_be_bytes());
    }
    slot.resize(BODY, 0);
    let checksum = checksum(&slot, covered(devices.len()));
    slot.extend(checksum.unwrap_or_default());
    slot
}

fn checksum(body: &[u8], covered: usize) -> Option<[u8; CHECKSUM]> {
    body.get(..covered).map(|fields| Sha256::digest(fields).into())
}

/// How many bytes the checksum of a slot with this many devices covers.
fn covered(devices: usize) -> usize {
    if devices == 0 { FIELDS } else { FIELDS.saturating_add(DEVICES) }
}

fn counted(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

/// The sequence number and the content of a slot whose checksum is right.
pub fn decode(slot: &[u8]) -> Option<(u64, Ledger)> {
    let (body, checksum) = slot.split_at_checked(BODY)?;
    let (fields, rest) = body.split_at_checked(FIELDS)?;
    // Read before the checksum is verified: it only decides how much the checksum covers.
    let covered = covered(SlotFields(fields.get(DEVICE_COUNT..)?).count(MOST_DEVICES)?);
    let blank = body.get(covered..)?;
    if self::checksum(body, covered)? != checksum || blank != BLANK.get(covered..)? {
        return None;
    }
    let mut fields = SlotFields(fields);
    if fields.array::<8>()? != *MAGIC || fields.u32()? != VERSION {
        return None;
    }
    let sequence = fields.u64()?;
    let credential = Id::new(fields.array()?);
    let authenticators = fields.count(MOST_AUTHENTICATORS)?;
    let mut progress = Vec::with_capacity(MOST_AUTHENTICATORS);
    for _ in 0..MOST_AUTHENTICATORS {
        progress.push(Progress { used_up_to: fields.u64()?, confirmed_at: fields.u64()? });
    }
    progress.truncate(authenticators);
    let attempts = fields.count(MOST_ATTEMPTS)?;
    let mut recent = Vec::with_capacity(MOST_ATTEMPTS);
    for _ in 0..MOST_ATTEMPTS {
        recent.push(fields.u64()?);
    }
    recent.truncate(attempts);
    let (consecutive, locked_at, locked_until) = (fields.u32()?, fields.u64()?, fields.u64()?);
    let failures = Failures { recent, consecutive, locked_at, locked_until };
    let mut recovery = RecoveryMarks { set: Id::new(fields.array()?), used: [0; MOST_CODES] };
    for used in &mut recovery.used {
        *used = fields.u64()?;
    }
    let at = fields.u64()?;
    let last_login = match fields.array::<1>()? {
        [0] => None,
        [RECOVERY_CODE] => Some(LastLogin { at, method: LoginMethod::RecoveryCode }),
        [number] => Some(LastLogin { at, method: LoginMethod::Code(FactorKind::of_number(number)?) }),
    };
    let count = fields.count(MOST_DEVICES)?;
    let notice = ResetNotice { at: fields.u64()?, until: fields.u64()?, by: fields.u32()? };
    let notice = Some(notice).filter(|notice| notice.at != 0);
    let mut fields = SlotFields(rest);
    let mut devices = Vec::with_capacity(count);
    for _ in 0..count {
        let mark = Mark(fields.array()?);
        let (since, until, last_used, uses) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u32()?);
        devices.push(Device { mark, since, until, last_used, uses });
    }
    Some((sequence, Ledger { credential, progress, failures, recovery, last_login, devices, notice }))
}

/// The version of a slot of a later version. Its layout, and where its checksum is, are not known, so it counts even if
/// it was torn: every version begins with these bytes.
pub fn newer_version(slot: &[u8]) -> Option<u32> {
    let mut fields = SlotFields(slot);
    (fields.array::<8>()? == *MAGIC).then(|| fields.u32())?.filter(|&version| version > VERSION)
}

/// The version that this program reads and writes, for messages.
pub const fn version() -> u32 {
    VERSION
}

/// The sequence number that a slot claims, before its checksum is verified.
pub fn sequence_of(slot: &[u8]) -> Option<u64> {
    let mut fields = SlotFields(slot.get(MAGIC.len().saturating_add(size_of_val(&VERSION))..)?);
    fields.u64()
}

struct SlotFields<'a>(&'a [u8]);

impl SlotFields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn count(&mut self, most: usize) -> Option<usize> {
        usize::try_from(self.u32()?).ok().filter(|&count| count <= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALICE: Id = Id::new([1; 16]);

    fn ledger(used_up_to: u64) -> Ledger {
        Ledger::of(ALICE, vec![Progress { used_up_to, confirmed_at: 5 }])
    }

    fn device(at: u64) -> Device {
        Device { mark: Mark([7; 32]), since: at, until: at, last_used: at, uses: 9 }
    }

    #[test]
    fn a_slot_holds_every_field() {
        let mut full = ledger(9);
        full.progress.push(Progress { used_up_to: 7, confirmed_at: 8 });
        full.failures =
            Failures { recent: (1..=16).collect(), consecutive: 17, locked_at: 20, locked_until: 18 };
        full.recovery = RecoveryMarks { set: Id::new([2; 16]), used: std::array::from_fn(|at| at as u64) };
        full.devices = vec![device(21), device(22)];
        full.notice = Some(ResetNotice { at: 23, until: 24, by: 25 });
        for method in [LoginMethod::Code(FactorKind::Totp), LoginMethod::RecoveryCode] {
            full.last_login = Some(LastLogin { at: 19, method });
            assert_eq!(decode(&encode(&full, 41)), Some((41, full.clone())));
        }
    }

    #[test]
    fn a_slot_without_a_notice_keeps_its_bytes() {
        let slot = encode(&ledger(9), 41);
        assert!(slot[DEVICE_COUNT..BODY].iter().all(|&byte| byte == 0));
        let notice = Some(ResetNotice { at: 23, until: 24, by: 25 });
        let noticed = encode(&Ledger { notice, ..ledger(9) }, 41);
        assert_eq!(noticed[..DEVICE_COUNT + 4], slot[..DEVICE_COUNT + 4]);
        assert!(noticed[FIELDS..BODY].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn the_fields_end_before_the_zeros() {
        let full = Ledger {
            credential: ALICE,
            progress: vec![Progress { used_up_to: u64::MAX, confirmed_at: u64::MAX }; MOST_AUTHENTICATORS],
            failures: Failures {
                recent: vec![u64::MAX; MOST_ATTEMPTS],
                consecutive: u32::MAX,
                locked_at: u64::MAX,
                locked_until: u64::MAX,
            },
            recovery: RecoveryMarks::all_used(ALICE, u64::MAX),
            last_login: Some(LastLogin { at: u64::MAX, method: LoginMethod::RecoveryCode }),
            devices: vec![device(u64::MAX); MOST_DEVICES],
            notice: Some(ResetNotice { at: u64::MAX, until: u64::MAX, by: u32::MAX }),
        };
        assert_eq!(decode(&encode(&full, u64::MAX)), Some((u64::MAX, full)));
    }

    #[test]
    fn a_slot_of_another_version_is_no_slot() {
        let mut slot = encode(&ledger(1), 1);
        slot[11] = 2;
        let checksum = checksum(&slot, FIELDS).unwrap();
        slot[BODY..].copy_from_slice(&checksum);
        assert!(decode(&slot).is_none());
        assert_eq!(newer_version(&slot), Some(2));
    }

    proptest! {
        #[test]
        fn any_changed_bit_is_noticed(at in 0..SLOT, bit in 0..8u8) {
            for devices in [vec![], vec![device(1)], vec![device(2); MOST_DEVICES]] {
                let mut slot = encode(&Ledger { devices, ..ledger(1) }, 1);
                slot[at] ^= 1 << bit;
                prop_assert!(decode(&slot).is_none());
            }
        }
    }
}
