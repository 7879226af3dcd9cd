//! One slot of a ledger's file: its header, the records, and two checks.
//!
//! A slot fills a block of 4096 bytes, so that a write to one slot never tears the other. The checksum (CRC-32C) finds a
//! slot that a crash tore; the reader then takes the other slot. The MAC (HMAC-SHA-256, RFC 2104) finds a slot that
//! something without the keyring wrote or moved; such a ledger is refused. `docs/file-formats.md` has the layout.

use crate::keyring::LedgerKey;
use crate::ledger::Ledger;
use crate::ledger::fields::Fields;
use crate::ledger::records::{self, RecordError};
use crate::random::Id;
use crate::user::User;
use crc::{CRC_32_ISCSI, Crc, Table};

/// Bytes of one slot: a page of memory and a block of the usual file systems.
pub const SLOT: usize = 4096;
pub(super) const MAGIC: &[u8; 8] = b"PTLEDGER";
/// The version that this program writes.
pub const VERSION: u32 = 2;
/// Bytes of the MAC.
const MAC: usize = 32;
/// CRC-32C, under the name that the catalogue of parametrised CRC algorithms gives it.
const CRC32C: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);

/// Why a ledger whose checksum is right is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The keyring lacks the key of the MAC.
    #[error(
        "names key \"{0}\", which is not in the keyring: restore the keyring that this ledger was written with"
    )]
    MissingKey(String),
    /// The MAC is wrong.
    #[error(
        "was modified by something other than this program, or belongs to another user or machine; \
         \"totp-enroll unlock --repair USER\" makes a new one and voids the recovery codes"
    )]
    Edited,
    /// It has a record that only a later version of this program knows.
    #[error(
        "has a record of type {0}, which is newer than this program reads: upgrade it; do not repair the file"
    )]
    UnknownRecord(u8),
}

/// A slot whose checksum is right.
#[derive(Clone, Copy)]
pub(super) struct Slot<'f> {
    pub(super) place: usize,
    claims_place: u8,
    /// One more than that of the slot written before.
    pub(super) sequence: u64,
    /// The credential that it belongs to, or [`Id::NONE`].
    pub(super) credential: Id,
    /// The id of the key of the MAC; empty if nobody is enrolled.
    pub(super) key: &'f str,
    covered: &'f [u8],
    records: &'f [u8],
    mac: &'f [u8],
}

/// The bytes of a slot at `place` (0 or 1). `writer` is `None` only for a ledger of nobody.
pub(super) fn encode(
    ledger: &Ledger,
    place: usize,
    sequence: u64,
    writer: Option<(&User, &LedgerKey)>,
) -> Vec<u8> {
    let (records, id) = (records::encode(ledger), writer.map_or("", |(_, key)| key.id()));
    let mut slot = Vec::with_capacity(SLOT);
    slot.extend(MAGIC);
    slot.extend(VERSION.to_be_bytes());
    slot.extend(sequence.to_be_bytes());
    slot.push(u8::from(place != 0));
    slot.extend(ledger.credential.bytes());
    slot.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
    slot.extend(id.as_bytes());
    slot.extend(u16::try_from(records.len()).unwrap_or(u16::MAX).to_be_bytes());
    slot.extend(records);
    slot.extend(writer.map_or([0; MAC], |(user, key)| key.mac(user, &slot)));
    slot.extend(CRC32C.checksum(&slot).to_be_bytes());
    slot.resize(SLOT, 0);
    slot
}

impl<'f> Slot<'f> {
    /// The slot at the beginning of `bytes`, which lie at `place`; `None` if it is torn, of another version, or none.
    pub(super) fn of(bytes: &'f [u8], place: usize) -> Option<Self> {
        let mut fields = Fields(bytes);
        if fields.array::<8>()? != *MAGIC || fields.u32()? != VERSION {
            return None;
        }
        let (sequence, [claims_place], credential) =
            (fields.u64()?, fields.array()?, Id::new(fields.array()?));
        let [length] = fields.array()?;
        let key = fields.bytes(usize::from(length))?;
        let length = fields.u16()?;
        let records = fields.bytes(usize::from(length))?;
        let covered = bytes.get(..bytes.len().saturating_sub(fields.0.len()))?;
        let mac = fields.bytes(MAC)?;
        let checked = bytes.get(..bytes.len().saturating_sub(fields.0.len()))?;
        if CRC32C.checksum(checked) != fields.u32()? {
            return None;
        }
        let key = std::str::from_utf8(key).ok()?;
        Some(Self { place, claims_place, sequence, credential, key, covered, records, mac })
    }

    /// Its ledger, once the MAC was verified with the key that it names; `None`: the keyring lacks that key.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub(super) fn open(&self, user: &User, key: Option<&LedgerKey>) -> Result<Ledger, LedgerError> {
        // Who can write a slot that says "nobody is enrolled" can as well delete both files.
        if self.credential != Id::NONE {
            let missing = || LedgerError::MissingKey(self.key.to_owned());
            let key = key.filter(|key| key.id() == self.key).ok_or_else(missing)?;
            if self.claims_place != u8::from(self.place != 0) || !key.verifies(user, self.covered, self.mac) {
                return Err(LedgerError::Edited);
            }
        }
        records::decode(self.credential, self.records).map_err(|error| match error {
            RecordError::Unknown(kind) => LedgerError::UnknownRecord(kind),
            RecordError::Malformed => LedgerError::Edited,
        })
    }
}

/// The version that a slot claims; every version begins with these bytes. Its checksum is not verified, because it is not
/// known where that of a later version is.
pub(super) fn version_of(slot: &[u8]) -> Option<u32> {
    let mut fields = Fields(slot);
    (fields.array::<8>()? == *MAGIC).then(|| fields.u32())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::Keyring;
    use crate::keyring::tests::{keyring, with_new_key};
    use crate::ledger::{Progress, arbitrary};
    use proptest::prelude::*;

    const ALICE: Id = Id::new([1; 16]);

    fn user(name: &str) -> User {
        User::parse(name).unwrap()
    }

    fn written(ledger: &Ledger, keyring: &Keyring) -> Vec<u8> {
        let alice = user("alice");
        encode(ledger, 0, 41, keyring.active_ledger_key().map(|key| (&alice, key)))
    }

    /// The slot with a right checksum again, as anything that can write the file would leave it.
    fn with_checksum(mut slot: Vec<u8>, end: usize) -> Vec<u8> {
        let checksum = CRC32C.checksum(&slot[..end]).to_be_bytes();
        slot[end..end + 4].copy_from_slice(&checksum);
        slot
    }

    fn open(slot: &[u8], place: usize, name: &str, keyring: &Keyring) -> Result<Ledger, LedgerError> {
        let slot = Slot::of(slot, place).unwrap();
        slot.open(&user(name), keyring.ledger_key(slot.key))
    }

    fn ledger(used_up_to: u64) -> Ledger {
        Ledger::of(ALICE, vec![Progress { used_up_to, confirmed_at: 5 }])
    }

    fn end_of(slot: &[u8]) -> usize {
        slot.iter().rposition(|&byte| byte != 0).unwrap() + 1 - 4
    }

    #[test]
    fn any_edited_byte_is_noticed_also_under_a_right_checksum() {
        let keyring = keyring();
        let slot = written(&ledger(9), &keyring);
        let end = end_of(&slot);
        assert_eq!(open(&slot, 0, "alice", &keyring), Ok(ledger(9)));
        for at in 0..end {
            let mut edited = slot.clone();
            edited[at] ^= 1;
            assert!(Slot::of(&edited, 0).is_none(), "{at}");
            let edited = with_checksum(edited, end);
            let is_read = Slot::of(&edited, 0).is_some() && open(&edited, 0, "alice", &keyring).is_ok();
            assert!(!is_read, "{at}");
        }
    }

    #[test]
    fn a_slot_of_another_place_user_or_keyring_is_refused() {
        let keyring = keyring();
        let slot = written(&ledger(9), &keyring);
        assert_eq!(open(&slot, 1, "alice", &keyring), Err(LedgerError::Edited));
        assert_eq!(open(&slot, 0, "bob", &keyring), Err(LedgerError::Edited));
        let newer = with_new_key(&keyring);
        assert_eq!(open(&slot, 0, "alice", &newer), Ok(ledger(9)));
        let slot = written(&ledger(9), &newer);
        let missing = LedgerError::MissingKey(newer.active().to_owned());
        assert_eq!(open(&slot, 0, "alice", &keyring), Err(missing));
    }

    #[test]
    fn a_ledger_of_nobody_needs_no_key() {
        let slot = encode(&Ledger::default(), 1, 1, None);
        assert_eq!(open(&slot, 1, "alice", &keyring()), Ok(Ledger::default()));
    }

    #[test]
    fn a_slot_of_another_version_is_no_slot() {
        let mut slot = written(&ledger(9), &keyring());
        slot[11] = 3;
        let slot = with_checksum(slot.clone(), end_of(&slot));
        assert!(Slot::of(&slot, 0).is_none());
        assert_eq!(version_of(&slot), Some(3));
        assert_eq!(version_of(&[0; SLOT]), None);
    }

    proptest! {
        #[test]
        fn a_slot_holds_every_ledger(ledger in arbitrary::ledger()) {
            let keyring = keyring();
            let slot = written(&ledger, &keyring);
            prop_assert_eq!(slot.len(), SLOT);
            let read = Slot::of(&slot, 0).unwrap();
            prop_assert_eq!(read.sequence, 41);
            prop_assert_eq!(open(&slot, 0, "alice", &keyring), Ok(ledger));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let bytes = [MAGIC.as_slice(), &VERSION.to_be_bytes(), &bytes].concat();
            let _ = Slot::of(&bytes, 0).map(|slot| slot.open(&user("alice"), None));
        }
    }
}
