//! The file of a ledger: two slots, and the bytes of one. The file never grows and is never renamed.
//!
//! A write goes to the slot that is not in use. A reader takes the newest slot that has a right checksum *and belongs
//! to the present credential*. So a torn write leaves the previous slot, and an enrolment that is killed between its
//! ledger and its credential leaves the old enrolment with its slot.
//!
//! A slot is 2048 bytes: magic, version, sequence, the fields below in big-endian order, zeros, and at its end a
//! SHA-256. The checksum covers the first 448 bytes, and the next 960 if there are remembered devices. The other bytes
//! must be zero. (Hashing the zeros too would cost a login four times as much as all its cryptography.)

use crate::account_recovery::ResetNotice;
use crate::credential::MOST_AUTHENTICATORS;
use crate::factor::FactorKind;
use crate::ledger::{LastLogin, Ledger, LoginMethod, Progress, RecoveryMarks};
use crate::lockout::{Failures, MOST_ATTEMPTS};
use crate::policy::device::{Device, MOST_DEVICES, Mark};
use crate::random::Id;
use crate::recovery::MOST_CODES;
use sha2::{Digest, Sha256};

/// Bytes of the file.
pub const LENGTH: usize = 2 * SLOT;
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

/// The slots of a file with a right checksum, the newest first. A slot is verified when it is asked for: its checksum
/// costs as much as the rest of a login's cryptography, and most logins need only the newest slot.
pub struct Slots<'f>([&'f [u8]; 2]);

/// The position of the next write, and its sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextSlot {
    /// The slot to write next: the one that is not in use.
    pub spare: usize,
    /// The sequence number to write next.
    pub sequence: u64,
}

impl<'f> Slots<'f> {
    /// Of a file; a slot with a wrong checksum is ignored.
    pub fn of(file: &'f [u8]) -> Self {
        let slot = |at: usize| file.get(at..).map_or(&[][..], |rest| rest.get(..SLOT).unwrap_or(rest));
        Self([slot(0), slot(SLOT)])
    }

    /// The version of a slot, if it is later than this program reads. Then no slot may be used, because the older one
    /// does not know which codes the newer one has recorded as used.
    pub fn newer(&self) -> Option<u32> {
        self.0.into_iter().find_map(newer_version)
    }

    /// Where to write so that a slot of a later version is kept; `None`: there is none.
    pub fn beside_newer(&self) -> Option<NextSlot> {
        let [first, _] = self.0;
        self.newer()?;
        Some(NextSlot { spare: usize::from(newer_version(first).is_some()), sequence: 1 })
    }

    /// The newest slot of this credential.
    pub fn newest_of(&self, credential: Id) -> Option<(Ledger, NextSlot)> {
        // A slot of another credential may be newer; the next write must be newer than both.
        let mut newest = None;
        self.checked().find_map(|(at, number, slot)| {
            let newest = *newest.get_or_insert(number);
            let place = NextSlot { spare: 1usize.saturating_sub(at), sequence: newest.saturating_add(1) };
            (slot.credential == credential).then_some((slot, place))
        })
    }

    /// Where to write if no slot belongs to the present credential: beside the newest slot of any credential.
    pub fn beside_newest(&self) -> NextSlot {
        let newest = self.checked().next().map(|(at, number, _)| (at, number));
        let (at, number) = newest.unwrap_or((1, 0));
        NextSlot { spare: 1usize.saturating_sub(at), sequence: number.saturating_add(1) }
    }

    /// Whether a slot says that nobody is enrolled, so that a missing credential is no error.
    pub fn none_enrolled(&self) -> bool {
        self.checked().any(|(_, _, slot)| slot.credential == Id::NONE)
    }

    /// The slots with a right checksum, the newest first: position, sequence number, content. Of two equal numbers,
    /// which this program never writes, the second slot counts as newer.
    fn checked(&self) -> impl Iterator<Item = (usize, u64, Ledger)> {
        let [first, second] = self.0;
        let mut slots = [(1, second), (0, first)];
        if sequence_of(first) > sequence_of(second) {
            slots.reverse();
        }
        slots.into_iter().filter_map(|(at, slot)| decode(slot).map(|(number, slot)| (at, number, slot)))
    }
}

impl NextSlot {
    /// The other slot, for the write after this one.
    pub fn other(self) -> Self {
        Self { spare: 1usize.saturating_sub(self.spare), sequence: self.sequence.saturating_add(1) }
    }
}

/// A fresh file in which nobody is enrolled.
pub fn blank() -> Vec<u8> {
    let mut file = encode(&Ledger::default(), 1);
    file.resize(LENGTH, 0);
    file
}

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
fn decode(slot: &[u8]) -> Option<(u64, Ledger)> {
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
fn newer_version(slot: &[u8]) -> Option<u32> {
    let mut fields = SlotFields(slot);
    (fields.array::<8>()? == *MAGIC).then(|| fields.u32())?.filter(|&version| version > VERSION)
}

/// The version that this program reads and writes, for messages.
pub const fn version() -> u32 {
    VERSION
}

/// The sequence number that a slot claims, before its checksum is verified.
fn sequence_of(slot: &[u8]) -> Option<u64> {
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
#[path = "slot_tests.rs"]
mod tests;
