//! The ledger: what is read comes back from the slot that is written next, and no torn write of that slot loses the last one; of
//! version 1 as of version 2, and through the conversion from one to the other.
//!
//! A fuzzer finds neither a checksum nor a MAC: except where the first byte of the input is 1 modulo 4, the slots are sealed before
//! they are read. Where it is even they are of version 1: the fields of both slots, then the remembered devices of the first, then
//! those of the second. Else they are of version 2: a byte of flags, the length of the first slot's records, and the records of both.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::LazyLock;
use totp_core::credential::{Credential, MOST_AUTHENTICATORS};
use totp_core::fixture::{foreign_failures, keyring, with_one_more_device, wrong_codes};
use totp_core::keyring::Keyring;
use totp_core::ledger::Ledger;
use totp_core::ledger::slot::SLOT;
use totp_core::ledger::slots::{Conversion, LENGTH, NextSlot, Slots};
use totp_core::lockout::{Limit, LockState, MOST_ATTEMPTS};
use totp_core::policy::device::MOST_DEVICES;
use totp_core::time::Seconds;
use totp_core::user::User;

/// Bytes of a slot of version 1.
const SLOT_V1: usize = 2048;
/// Bytes of it that the checksum covers.
const FIELDS: usize = 448;
/// Bytes of remembered devices, which it covers too where there is one.
const DEVICES: usize = 960;
/// Where it says how many there are.
const DEVICE_COUNT: std::ops::Range<usize> = 409..413;

const ALICE: [u8; 16] = [1; 16];
static USER: LazyLock<User> = LazyLock::new(|| User::parse("alice").expect("a name"));
static KEYRING: LazyLock<Keyring> = LazyLock::new(keyring);
/// Credentials of alice, the ledger of which has no MAC or has one.
static CREDENTIALS: LazyLock<[Credential; 2]> = LazyLock::new(|| [2, 3].map(credential));

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
    let torn = usize::from(u16::from_be_bytes([torn_high, torn_low])) % SLOT;
    match kind % 4 {
        1 => check(bytes, torn),
        3 => check(&of_version_2(bytes), torn),
        // Of a slot without devices, what lies in their place must be zero; now and then it is not.
        two_or_zero => check(&of_version_1(bytes, two_or_zero == 2), torn),
    }
});

fn credential(version: u32) -> Credential {
    let text = format!(
        r#"
version = {version}
user = "alice"
id = "01010101010101010101010101010101"
created = 2026-11-20T19:00:00Z
[[authenticator]]
label = "phone"
type = "totp"
algorithm = "SHA1"
digits = 6
period = 30
created = 2026-11-20T19:00:00Z
key = "k1"
nonce = "AAECAwQFBgcICQoL"
ciphertext = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj"
"#
    );
    Credential::parse(Path::new("alice.toml"), text.as_bytes(), &USER).expect("a credential")
}

/// A file of two slots of version 1 with these fields and devices, whose checksums are right.
fn of_version_1(bytes: &[u8], stray: bool) -> Vec<u8> {
    let part = |at: usize, length: usize| {
        let part = bytes.get(at..).unwrap_or_default();
        let mut part = part[..part.len().min(length)].to_vec();
        part.resize(length, 0);
        part
    };
    let mut file = Vec::with_capacity(2 * SLOT_V1);
    for at in 0..2 {
        let mut slot = part(at * FIELDS, FIELDS);
        let has_devices = slot[DEVICE_COUNT].iter().any(|&byte| byte != 0);
        if has_devices || stray {
            slot.extend(part(2 * FIELDS + at * DEVICES, DEVICES));
        }
        let checksum = Sha256::digest(&slot[..if has_devices { FIELDS + DEVICES } else { FIELDS }]);
        slot.resize(SLOT_V1 - checksum.len(), 0);
        slot.extend(checksum);
        file.extend(slot);
    }
    file
}

/// A file of two slots of version 2 with these records, whose checksums and MACs are right.
fn of_version_2(bytes: &[u8]) -> Vec<u8> {
    let Some((&[flags, high, low], records)) = bytes.split_first_chunk() else { return Vec::new() };
    let is_set = |flag: u8| flags & (1 << flag) != 0;
    let (first, second) = records.split_at(usize::from(u16::from_be_bytes([high, low])).min(records.len()));
    let sequences = if is_set(2) { [6, 5] } else { [5, 6] };
    let newest = if is_set(3) { u64::MAX } else { 6 };
    let mut file = Vec::with_capacity(LENGTH);
    for (at, records) in [first, second].into_iter().enumerate() {
        let records = &records[..records.len().min(SLOT - 200)];
        let key = KEYRING.active_ledger_key().expect("an active key");
        let mut slot = b"PTLEDGER\0\0\0\x02".to_vec();
        slot.extend(if sequences[at] == 6 { newest } else { 5 }.to_be_bytes());
        slot.push(u8::from(at == 1) ^ u8::from(is_set(4)));
        slot.extend(if is_set(at as u8) { [0; 16] } else { ALICE });
        slot.push(u8::try_from(key.id().len()).expect("short"));
        slot.extend(key.id().as_bytes());
        slot.extend(u16::try_from(records.len()).expect("shorter than a slot").to_be_bytes());
        slot.extend(records);
        slot.extend(key.mac(&USER, &slot));
        slot.extend(checksum(&slot));
        slot.resize(SLOT, 0);
        file.extend(slot);
    }
    file
}

/// CRC-32C, bit by bit: another implementation than that of the program.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut rest = u32::MAX;
    for byte in bytes {
        rest ^= u32::from(*byte);
        for _ in 0..8 {
            rest = (rest >> 1) ^ if rest & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    (!rest).to_be_bytes()
}

fn check(file: &[u8], torn: usize) {
    for credential in &*CREDENTIALS {
        let Some((ledger, next_slot)) = newest(file, credential) else { continue };
        assert!(ledger.devices().len() <= MOST_DEVICES);
        assert!(wrong_codes(&ledger).0.len() <= MOST_ATTEMPTS);
        assert!((0..=MOST_AUTHENTICATORS).any(|place| ledger.confirmed_at(place).is_none()));
        assert_eq!(Ledger::from_sparse(&ledger.to_sparse()), Some(ledger.clone()));
        assert_waits_are_bounded(&ledger);
        // The store takes a file of another length for a damaged one. The last number there is has none after it; two writes a
        // second reach it in 292 thousand million years.
        if !Slots::is_length(file.len()) || next_slot.sequence >= u64::MAX - 1 {
            continue;
        }
        for next in [&ledger, &with_one_more_device(&ledger)] {
            assert_outlasts_a_torn_write(file, credential, (&ledger, next), next_slot, torn);
        }
    }
}

fn newest(file: &[u8], credential: &Credential) -> Option<(Ledger, NextSlot)> {
    Slots::of(file).newest_of(credential, &*KEYRING).ok().flatten()
}

/// Whatever timestamps the file holds, a window keeps nobody longer than its length, and who is disabled stays so.
fn assert_waits_are_bounded(ledger: &Ledger) {
    for (now, failures) in [0, 1_800_000_000, u64::MAX]
        .into_iter()
        .flat_map(|now| foreign_failures(ledger, now).map(|failures| (now, failures)))
    {
        let disabled = failures.consecutive() >= LIMIT.disable_after;
        match LIMIT.state(&failures, now) {
            LockState::Limited(wait) => assert!(!disabled && wait <= LIMIT.per),
            LockState::Locked(wait) => assert!(!disabled && wait > Seconds(0)),
            LockState::Open => assert!(!disabled),
            LockState::Disabled => assert!(disabled),
            LockState::OverBudget => unreachable!("a limit knows no budget"),
        }
    }
}

/// Writes a later slot beside `before`'s: whole it is the newest, and torn or with a flipped bit it leaves `before`. Of a file of
/// version 1 the other half follows, and whatever a crash leaves of that, the later slot stays the newest.
fn assert_outlasts_a_torn_write(
    file: &[u8],
    credential: &Credential,
    (before, next): (&Ledger, &Ledger),
    next_slot: NextSlot,
    torn: usize,
) {
    let mut file = file.to_vec();
    match next_slot.conversion {
        Conversion::None => {}
        Conversion::Grow => {
            assert_eq!(file.len(), 2 * SLOT_V1);
            file.resize(LENGTH, 0);
            assert_eq!(newest(&file, credential).map(|(ledger, _)| ledger).as_ref(), Some(before));
        }
        Conversion::Finish => assert!(file.len() > 2 * SLOT_V1),
    }
    file.resize(LENGTH, 0);
    let after = |written: &[u8], torn: usize, slot: NextSlot| {
        let mut after = file.clone();
        after[slot.offset()..slot.offset() + torn].copy_from_slice(&written[..torn]);
        after
    };
    let written = bytes(next_slot, next);
    let whole = after(&written, SLOT, next_slot);
    let (read, then) = newest(&whole, credential).expect("the new slot");
    assert_eq!((&read, then), (next, next_slot.other()));

    let cut = after(&written, torn, next_slot);
    let (read, _) = newest(&cut, credential).expect("the slot before it");
    // Behind what the checksum covers is padding, which may be left from the slot that was there.
    let end = next_slot.offset() + used(&written);
    assert_eq!(&read, if cut[..end] == whole[..end] { next } else { before });

    if torn < used(&written) {
        let mut flipped = whole.clone();
        flipped[next_slot.offset() + torn] ^= 1;
        let (read, _) = newest(&flipped, credential).expect("the slot before it");
        assert_eq!(&read, before);
    }

    let twin = next_slot.other();
    let written = bytes(twin, next);
    for torn in [torn, SLOT] {
        let mut second = whole.clone();
        second[twin.offset()..twin.offset() + torn].copy_from_slice(&written[..torn]);
        assert_eq!(newest(&second, credential).map(|(ledger, _)| ledger).as_ref(), Some(next));
    }
}

fn bytes(slot: NextSlot, ledger: &Ledger) -> Vec<u8> {
    let bytes = slot.bytes(ledger, &USER, KEYRING.active_ledger_key()).expect("there is a key");
    assert_eq!(bytes.len(), SLOT);
    bytes
}

/// How many bytes of a slot of version 2 its checksum covers, and the checksum.
fn used(slot: &[u8]) -> usize {
    let records = 38 + usize::from(slot[37]);
    records + 2 + usize::from(u16::from_be_bytes([slot[records], slot[records + 1]])) + 32 + 4
}
