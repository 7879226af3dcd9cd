//! The slots of version 1, which are read for ever and not written any more.
//!
//! A file has two. A slot is 2048 bytes: magic, version, sequence, the fields below in big-endian order, zeros, and at its end a
//! SHA-256. The checksum covers the first 448 bytes, and the next 960 if there are remembered devices. The other bytes
//! must be zero.

use crate::account_recovery::ResetNotice;
use crate::credential::MOST_AUTHENTICATORS;
use crate::factor::FactorKind;
use crate::ledger::fields::Fields;
use crate::ledger::slot::MAGIC;
use crate::ledger::{LastLogin, Ledger, LoginMethod, Progress, RecoveryMarks};
use crate::lockout::{Failures, Guesses, MOST_ATTEMPTS};
use crate::lost_lines::LostLines;
use crate::policy::device::{Device, MOST_DEVICES, Mark};
use crate::random::Id;
use crate::recovery::MOST_CODES;
use sha2::{Digest, Sha256};

/// Bytes of one slot.
pub(super) const SLOT: usize = 2048;
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
const VERSION: u32 = 1;
/// The number of a login by a recovery code, distinct from those of the kinds of factor ([`FactorKind::number`]).
const RECOVERY_CODE: u8 = 2;

/// How many bytes the checksum of a slot with this many devices covers.
fn covered(devices: usize) -> usize {
    if devices == 0 { FIELDS } else { FIELDS.saturating_add(DEVICES) }
}

fn count(fields: &mut Fields<'_>, most: usize) -> Option<usize> {
    usize::try_from(fields.u32()?).ok().filter(|&count| count <= most)
}

/// The slots of a file with a right checksum, the newest first: sequence number, content. Of two equal numbers, which
/// no program wrote, the second slot counts as newer.
pub(super) fn newest_first(file: &[u8]) -> Vec<(u64, Ledger)> {
    let slot = |at: usize| file.get(at..at.saturating_add(SLOT)).and_then(decode);
    let mut slots: Vec<_> = [slot(SLOT), slot(0)].into_iter().flatten().collect();
    slots.sort_by_key(|&(sequence, _)| std::cmp::Reverse(sequence));
    slots
}

/// The sequence number and the content of a slot whose checksum is right.
fn decode(slot: &[u8]) -> Option<(u64, Ledger)> {
    let (body, checksum) = slot.split_at_checked(BODY)?;
    let (fields, rest) = body.split_at_checked(FIELDS)?;
    // Read before the checksum is verified: it only decides how much the checksum covers.
    let covered = covered(count(&mut Fields(fields.get(DEVICE_COUNT..)?), MOST_DEVICES)?);
    let blank = body.get(covered..)?;
    if Sha256::digest(body.get(..covered)?)[..] != *checksum || blank != BLANK.get(covered..)? {
        return None;
    }
    let mut fields = Fields(fields);
    if fields.array::<8>()? != *MAGIC || fields.u32()? != VERSION {
        return None;
    }
    let sequence = fields.u64()?;
    let credential = Id::new(fields.array()?);
    let authenticators = count(&mut fields, MOST_AUTHENTICATORS)?;
    let mut progress = Vec::with_capacity(MOST_AUTHENTICATORS);
    for _ in 0..MOST_AUTHENTICATORS {
        progress.push(Progress { used_up_to: fields.u64()?, confirmed_at: fields.u64()? });
    }
    progress.truncate(authenticators);
    let attempts = count(&mut fields, MOST_ATTEMPTS)?;
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
    if recovery.set == Id::NONE {
        // Marks of no set mean nothing, and version 2 has no place for them.
        recovery.used = [0; MOST_CODES];
    }
    let at = fields.u64()?;
    let last_login = match fields.array::<1>()? {
        [0] => None,
        [RECOVERY_CODE] => Some(LastLogin { at, method: LoginMethod::RecoveryCode }),
        [number] => Some(LastLogin { at, method: LoginMethod::Code(FactorKind::of_number(number)?) }),
    };
    let count = count(&mut fields, MOST_DEVICES)?;
    let notice = ResetNotice { at: fields.u64()?, until: fields.u64()?, by: fields.u32()? };
    let notice = Some(notice).filter(|notice| notice.at != 0);
    let mut fields = Fields(rest);
    let mut devices = Vec::with_capacity(count);
    for _ in 0..count {
        let mark = Mark(fields.array()?);
        let (since, until, last_used, uses) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u32()?);
        devices.push(Device { mark, since, until, last_used, uses });
    }
    let (guesses, lost_lines) = (Guesses { foreign: failures, ..Guesses::default() }, LostLines::default());
    let ledger = Ledger { credential, progress, guesses, recovery, last_login, devices, notice, lost_lines };
    Some((sequence, ledger))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ledger::arbitrary;
    use proptest::prelude::*;

    fn count(length: usize) -> [u8; 4] {
        u32::try_from(length).unwrap().to_be_bytes()
    }

    /// A slot as programs of version 1 wrote it.
    pub(in crate::ledger) fn encode(ledger: &Ledger, sequence: u64) -> Vec<u8> {
        let mut slot = Vec::with_capacity(SLOT);
        slot.extend(MAGIC);
        slot.extend(VERSION.to_be_bytes());
        slot.extend(sequence.to_be_bytes());
        slot.extend(ledger.credential.bytes());
        slot.extend(count(ledger.progress.len()));
        for place in 0..MOST_AUTHENTICATORS {
            let progress = ledger.progress.get(place).copied().unwrap_or_default();
            slot.extend(progress.used_up_to.to_be_bytes());
            slot.extend(progress.confirmed_at.to_be_bytes());
        }
        slot.extend(count(ledger.guesses.foreign.recent.len()));
        for place in 0..MOST_ATTEMPTS {
            slot.extend(ledger.guesses.foreign.recent.get(place).copied().unwrap_or(0).to_be_bytes());
        }
        slot.extend(ledger.guesses.foreign.consecutive.to_be_bytes());
        slot.extend(ledger.guesses.foreign.locked_at.to_be_bytes());
        slot.extend(ledger.guesses.foreign.locked_until.to_be_bytes());
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
        slot.extend(count(devices.len()));
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
        let checksum = Sha256::digest(&slot[..covered(devices.len())]);
        slot.extend(checksum);
        slot
    }

    proptest! {
        #[test]
        fn every_field_is_read(ledger in arbitrary::ledger(), sequence: u64) {
            // Zero was "never" in these fields.
            let notice = ledger.notice.filter(|notice| notice.at != 0);
            // It had no count of lost lines, and no sources.
            let guesses = Guesses { foreign: ledger.guesses.foreign, ..Guesses::default() };
            let ledger = Ledger { notice, guesses, lost_lines: LostLines::default(), ..ledger };
            prop_assert_eq!(decode(&encode(&ledger, sequence)), Some((sequence, ledger)));
        }

        #[test]
        fn any_changed_bit_is_noticed(ledger in arbitrary::ledger(), at in 0..SLOT, bit in 0..8u8) {
            let mut slot = encode(&ledger, 1);
            slot[at] ^= 1 << bit;
            prop_assert!(decode(&slot).is_none());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let _ = newest_first(&bytes);
        }
    }
}
