//! The file of a ledger: two slots, of which the newest of the present credential counts.
//!
//! A write goes to the slot that is not in use. A reader takes the newest slot that has a right checksum *and belongs to
//! the present credential*. So a torn write leaves the previous slot, and an enrolment that is killed between its ledger
//! and its credential leaves the old enrolment with its slot. The file never grows, except when one of version 1 is
//! written for the first time, and is never renamed.

use crate::credential::Credential;
use crate::keyring::LedgerKey;
use crate::ledger::Ledger;
use crate::ledger::slot::{self, LedgerError, SLOT, Slot};
use crate::ledger::slot_v1;
use crate::random::Id;
use crate::store::LedgerKeys;
use crate::store::StoreError;
use crate::user::User;

/// Bytes of the file.
pub const LENGTH: usize = 2 * SLOT;
/// Bytes of a file of version 1, which has the first of the two blocks.
pub const LENGTH_V1: usize = 2 * slot_v1::SLOT;

/// The slots of a file.
pub struct Slots<'f> {
    blocks: [&'f [u8]; 2],
    /// Those with a right checksum.
    slots: [Option<Slot<'f>>; 2],
    /// The slots of version 1 with a right checksum, the newest first: sequence number, content.
    first_version: Vec<(u64, Ledger)>,
    /// Whether the second block is missing.
    short: bool,
}

/// Where the next write goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextSlot {
    /// The slot, 0 or 1.
    pub place: usize,
    /// The sequence number.
    pub sequence: u64,
    /// What has to be done about a file of version 1.
    pub conversion: Conversion,
}

/// What the next write has to do about a file of version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// Nothing: it is of the present version.
    None,
    /// Allocate the second block, write and sync it; then the first one, before anything is answered.
    Grow,
    /// The same for a file whose conversion was cut short after the allocation.
    Finish,
}

impl<'f> Slots<'f> {
    /// Of a file; a slot with a wrong checksum is ignored.
    #[must_use]
    pub fn of(file: &'f [u8]) -> Self {
        let block = |at: usize| file.get(at..).map_or(&[][..], |rest| rest.get(..SLOT).unwrap_or(rest));
        let blocks = [block(0), block(SLOT)];
        let [first, second] = blocks;
        let short = file.len() == LENGTH_V1;
        let first_slot = Slot::of(first, 0).filter(|_| !short);
        // The first block has slots of one version or of the other.
        let first_version = if first_slot.is_none() { slot_v1::newest_first(first) } else { Vec::new() };
        Self { blocks, slots: [first_slot, Slot::of(second, 1)], first_version, short }
    }

    /// Whether a file has the length of this version or of an earlier one.
    #[must_use]
    pub fn is_length(length: usize) -> bool {
        length == LENGTH || length == LENGTH_V1
    }

    /// The version of a slot, if it is later than this program reads. Then no slot may be used, because the older one
    /// does not know which codes the newer one has recorded as used.
    #[must_use]
    pub fn newer(&self) -> Option<u32> {
        self.blocks.into_iter().filter_map(slot::version_of).find(|&version| version > slot::VERSION)
    }

    /// Where to write so that a slot of a later version is kept; `None`: there is none.
    #[must_use]
    pub fn beside_newer(&self) -> Option<NextSlot> {
        self.newer()?;
        let [first, _] = self.blocks;
        let first_is_newer = slot::version_of(first).is_some_and(|version| version > slot::VERSION);
        Some(NextSlot { place: usize::from(first_is_newer), sequence: 1, conversion: Conversion::None })
    }

    /// The newest slot of this credential, its MAC verified. A slot of version 1 has none, so it counts only for a
    /// credential that was stored by a program of that version.
    ///
    /// # Errors
    /// [`OpenLedgerError`]: that slot is refused, and no older one is taken in its place.
    pub fn newest_of(
        &self,
        credential: &Credential,
        keys: &dyn LedgerKeys,
    ) -> Result<Option<(Ledger, NextSlot)>, OpenLedgerError> {
        let owner = credential.owner();
        if let Some(slot) = self.newest_first().find(|slot| slot.credential == owner.id) {
            let key = keys.ledger_key(slot.key).map_err(OpenLedgerError::Keyring)?;
            let ledger = slot.open(&owner.user, key.as_ref()).map_err(OpenLedgerError::Ledger)?;
            return Ok(Some((ledger, self.beside(slot.place))));
        }
        if credential.binds_ledger() {
            return Ok(None);
        }
        let ledger = self.first_version.iter().find(|(_, ledger)| ledger.credential == owner.id);
        Ok(ledger.map(|(_, ledger)| (ledger.clone(), self.converting())))
    }

    /// Where to write if no slot belongs to the present credential: beside a slot that says "nobody", else beside the
    /// newest.
    #[must_use]
    pub fn beside_other(&self) -> NextSlot {
        let nobody = self.newest_first().find(|slot| slot.credential == Id::NONE);
        match nobody.or_else(|| self.newest_first().next()) {
            _ if !self.first_version.is_empty() => self.converting(),
            Some(slot) => self.beside(slot.place),
            None => NextSlot { place: 0, ..self.converting() },
        }
    }

    /// Whether a slot says that nobody is enrolled, so that a missing credential is no error.
    #[must_use]
    pub fn none_enrolled(&self) -> bool {
        self.newest_first().any(|slot| slot.credential == Id::NONE)
            || self.first_version.iter().any(|(_, ledger)| ledger.credential == Id::NONE)
    }

    /// The ids of the keys that its slots name, of whatever credential.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.newest_first().map(|slot| slot.key).filter(|key| !key.is_empty())
    }

    /// Whether both slots are of this credential and under this key, so that the ledger needs no other.
    #[must_use]
    pub fn is_under(&self, credential: Id, key: &str) -> bool {
        let mut slots = self.slots.iter();
        slots.all(|slot| slot.as_ref().is_some_and(|slot| slot.credential == credential && slot.key == key))
    }

    /// Whether a slot of this version is of this credential.
    #[must_use]
    pub fn has_present_version(&self, credential: Id) -> bool {
        self.newest_first().any(|slot| slot.credential == credential)
    }

    fn converting(&self) -> NextSlot {
        let conversion = if self.short { Conversion::Grow } else { Conversion::Finish };
        NextSlot { place: 1, sequence: self.next_sequence(), conversion }
    }

    fn beside(&self, place: usize) -> NextSlot {
        let place = 1usize.saturating_sub(place);
        NextSlot { place, sequence: self.next_sequence(), conversion: Conversion::None }
    }

    fn next_sequence(&self) -> u64 {
        let slots = self.slots.iter().flatten().map(|slot| slot.sequence);
        let newest = slots.chain(self.first_version.iter().map(|&(sequence, _)| sequence)).max();
        newest.unwrap_or(0).saturating_add(1)
    }

    /// Of two equal numbers, which this program never writes, the second slot counts as newer.
    fn newest_first(&self) -> impl Iterator<Item = &Slot<'f>> {
        let [first, second] = &self.slots;
        let newer = |slot: &Option<Slot<'_>>| slot.as_ref().map(|slot| slot.sequence);
        let slots = if newer(first) > newer(second) { [first, second] } else { [second, first] };
        slots.into_iter().flatten()
    }
}

/// Why the newest slot of a credential cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenLedgerError {
    /// The slot is refused.
    Ledger(LedgerError),
    /// There is no keyring to verify it with.
    Keyring(StoreError),
}

impl NextSlot {
    /// The other slot, for the write after this one.
    #[must_use]
    pub fn other(self) -> Self {
        let place = 1usize.saturating_sub(self.place);
        Self { place, sequence: self.sequence.saturating_add(1), conversion: Conversion::None }
    }

    /// The bytes to write at [`NextSlot::offset`]; `None`: only a ledger of nobody is written without a key.
    #[must_use]
    pub fn bytes(self, ledger: &Ledger, user: &User, key: Option<&LedgerKey>) -> Option<Vec<u8>> {
        if ledger.credential == Id::NONE {
            return Some(slot::encode(ledger, self.place, self.sequence, None));
        }
        Some(slot::encode(ledger, self.place, self.sequence, Some((user, key?))))
    }

    /// The same slot again, for a write that replaces the one before in the same hold.
    #[must_use]
    pub fn again(self) -> Self {
        Self { sequence: self.sequence.saturating_add(1), conversion: Conversion::None, ..self }
    }

    /// Where in the file it is.
    #[must_use]
    pub fn offset(self) -> usize {
        self.place.saturating_mul(SLOT)
    }
}

/// A fresh file in which nobody is enrolled.
#[must_use]
pub fn blank() -> Vec<u8> {
    let mut file = slot::encode(&Ledger::default(), 0, 1, None);
    file.resize(LENGTH, 0);
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::Owner;
    use crate::keyring::tests::keyring;
    use crate::ledger::{Progress, slot_v1};
    use proptest::prelude::*;

    const ALICE: Id = Id::new([1; 16]);
    const OTHER: Id = Id::new([9; 16]);

    fn alice() -> User {
        User::parse("alice").unwrap()
    }

    fn credential(id: Id) -> Credential {
        let owner = Owner { user: alice(), uid: Some(1001), id };
        Credential::new(owner, "2026-11-20T19:00:00Z".parse().unwrap())
    }

    fn ledger(credential: Id, used_up_to: u64) -> Ledger {
        Ledger::of(credential, vec![Progress { used_up_to, confirmed_at: 5 }])
    }

    fn slot(ledger: &Ledger, place: usize, sequence: u64) -> Vec<u8> {
        let keyring = keyring();
        let next = NextSlot { place, sequence, conversion: Conversion::None };
        next.bytes(ledger, &alice(), keyring.active_ledger_key()).unwrap()
    }

    fn newest(file: &[u8], id: Id) -> Option<(Ledger, NextSlot)> {
        Slots::of(file).newest_of(&credential(id), &keyring()).unwrap()
    }

    fn next(place: usize, sequence: u64, conversion: Conversion) -> NextSlot {
        NextSlot { place, sequence, conversion }
    }

    #[test]
    fn the_newest_slot_of_the_credential_in_place_is_taken() {
        let (old, new, other) = (ledger(ALICE, 1), ledger(ALICE, 2), ledger(OTHER, 3));
        let file = [slot(&new, 0, 6), slot(&old, 1, 5)].concat();
        assert_eq!(newest(&file, ALICE), Some((new, next(1, 7, Conversion::None))));
        let file = [slot(&old, 0, 5), slot(&other, 1, 6)].concat();
        assert_eq!(newest(&file, ALICE), Some((old.clone(), next(1, 7, Conversion::None))));
        let file = [slot(&other, 0, 6), slot(&old, 1, 5)].concat();
        assert_eq!(newest(&file, ALICE), Some((old, next(0, 7, Conversion::None))));
    }

    #[test]
    fn a_torn_slot_leaves_the_one_before_it() {
        let (old, new) = (ledger(ALICE, 1), ledger(ALICE, 2));
        let before = [slot(&old, 0, 5), slot(&ledger(ALICE, 0), 1, 4)].concat();
        let slot = slot(&new, 1, 6);
        // A prefix whose remainder happens to equal the old bytes is the whole write.
        for torn in 0..SLOT {
            let mut after = before.clone();
            after[SLOT..SLOT + torn].copy_from_slice(&slot[..torn]);
            let (read, _) = newest(&after, ALICE).unwrap();
            assert_eq!(read, if after[SLOT..] == slot { new.clone() } else { old.clone() }, "{torn}");
        }
    }

    #[test]
    fn an_edited_slot_is_not_passed_over_for_an_older_one() {
        // The checksums are right: the newest slot was copied to the other place.
        let newest = slot(&ledger(ALICE, 2), 0, 6);
        let file = [slot(&ledger(ALICE, 1), 0, 5), newest].concat();
        let opened = Slots::of(&file).newest_of(&credential(ALICE), &keyring());
        assert_eq!(opened, Err(OpenLedgerError::Ledger(LedgerError::Edited)));
    }

    #[test]
    fn a_blank_file_says_that_nobody_is_enrolled() {
        let blank = blank();
        assert_eq!(blank.len(), LENGTH);
        assert!(Slots::of(&blank).none_enrolled());
        assert_eq!(newest(&blank, ALICE), None);
        assert_eq!(Slots::of(&blank).beside_other(), next(1, 2, Conversion::None));
        assert!(!Slots::of(&[0; LENGTH]).none_enrolled());
        assert!(!Slots::of(&slot(&ledger(ALICE, 1), 0, 1)).none_enrolled());
    }

    #[test]
    fn a_slot_of_a_later_version_is_seen_wherever_it_is() {
        let mut later = slot(&ledger(ALICE, 1), 0, 1);
        later[11] = 3;
        for (file, place) in [
            ([later.clone(), slot(&ledger(ALICE, 1), 1, 2)].concat(), 1),
            ([slot(&ledger(ALICE, 1), 0, 2), later].concat(), 0),
        ] {
            assert_eq!(Slots::of(&file).newer(), Some(3));
            assert_eq!(Slots::of(&file).beside_newer().unwrap().place, place);
        }
        assert_eq!(Slots::of(&blank()).newer(), None);
    }

    #[test]
    fn a_file_of_version_1_is_read_and_its_first_block_is_written_last() {
        let newest =
            |file: &[u8]| Slots::of(file).newest_of(&credential(ALICE).of_version(2), &keyring()).unwrap();
        let (old, new) = (ledger(ALICE, 1), ledger(ALICE, 2));
        let file = [slot_v1::tests::encode(&old, 5), slot_v1::tests::encode(&new, 6)].concat();
        assert_eq!(newest(&file), Some((new.clone(), next(1, 7, Conversion::Grow))));
        let grown = [file.clone(), vec![0; SLOT]].concat();
        assert_eq!(newest(&grown), Some((new, next(1, 7, Conversion::Finish))));
        let written = ledger(ALICE, 3);
        let half = [file, slot(&written, 1, 7)].concat();
        assert_eq!(newest(&half), Some((written.clone(), next(0, 8, Conversion::None))));
        let whole = [slot(&written, 0, 8), slot(&written, 1, 7)].concat();
        assert_eq!(newest(&whole), Some((written, next(1, 9, Conversion::None))));
    }

    #[test]
    fn a_slot_without_a_mac_counts_for_no_credential_of_this_version() {
        let slot = slot_v1::tests::encode(&ledger(ALICE, 1), 5);
        for file in [slot.repeat(2), [slot.repeat(2), vec![0; SLOT]].concat()] {
            assert_eq!(newest(&file, ALICE), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..9000)) {
            let _ = newest(&bytes, ALICE);
        }
    }
}
