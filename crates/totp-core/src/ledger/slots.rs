//! The two slots of a ledger's file, which never grows and is never renamed.
//!
//! A write goes to the slot that is not in use. A reader takes the newest slot that has a right checksum *and belongs
//! to the present credential*. So a torn write leaves the previous slot, and an enrolment that is killed between its
//! ledger and its credential leaves the old enrolment with its slot.

use crate::id::Id;
use crate::ledger::Ledger;
use crate::ledger::slot::{SLOT, decode, encode, newer_version, sequence_of};

/// Bytes of the file.
pub const LENGTH: usize = 2 * SLOT;

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
        let slot = |at: usize| file.get(at..at.saturating_add(SLOT)).unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Progress;
    use proptest::prelude::*;

    const ALICE: Id = Id::new([1; 16]);

    fn ledger(credential: Id, used_up_to: u64) -> Ledger {
        Ledger::of(credential, vec![Progress { used_up_to, confirmed_at: 5 }])
    }

    fn file(first: Option<(&Ledger, u64)>, second: Option<(&Ledger, u64)>) -> Vec<u8> {
        let slot = |slot: Option<(&Ledger, u64)>| {
            slot.map_or(vec![0; SLOT], |(ledger, number)| encode(ledger, number))
        };
        [slot(first), slot(second)].concat()
    }

    #[test]
    fn the_newest_slot_of_the_credential_in_place_is_taken() {
        let (old, new, other) = (ledger(ALICE, 1), ledger(ALICE, 2), ledger(Id::new([9; 16]), 3));
        let bytes = file(Some((&new, 6)), Some((&old, 5)));
        let slots = Slots::of(&bytes);
        assert_eq!(slots.newest_of(ALICE), Some((new, NextSlot { spare: 1, sequence: 7 })));
        let bytes = file(Some((&old, 5)), Some((&other, 6)));
        let slots = Slots::of(&bytes);
        assert_eq!(slots.newest_of(ALICE), Some((old, NextSlot { spare: 1, sequence: 7 })));
    }

    #[test]
    fn a_torn_slot_leaves_the_one_before_it() {
        let (old, new) = (ledger(ALICE, 1), ledger(ALICE, 2));
        let before = file(Some((&old, 5)), Some((&ledger(ALICE, 0), 4)));
        let slot = encode(&new, 6);
        // A prefix whose remainder happens to equal the old bytes is the whole write.
        for torn in 0..SLOT {
            let mut after = before.clone();
            after[SLOT..SLOT + torn].copy_from_slice(&slot[..torn]);
            let (read, _) = Slots::of(&after).newest_of(ALICE).unwrap();
            assert_eq!(read, if after[SLOT..] == slot { new.clone() } else { old.clone() }, "{torn}");
        }
    }

    #[test]
    fn a_blank_file_says_that_nobody_is_enrolled() {
        let blank = blank();
        assert_eq!(blank.len(), LENGTH);
        assert!(Slots::of(&blank).none_enrolled());
        assert!(Slots::of(&blank).newest_of(ALICE).is_none());
        assert!(!Slots::of(&[0; LENGTH]).none_enrolled());
        assert!(!Slots::of(&file(Some((&ledger(ALICE, 1), 1)), None)).none_enrolled());
    }

    #[test]
    fn a_slot_of_a_later_version_is_seen_beside_one_of_ours() {
        let old = ledger(ALICE, 1);
        let mut slot = encode(&old, 1);
        slot[11] = 2;
        let bytes = [encode(&old, 5), slot].concat();
        let slots = Slots::of(&bytes);
        assert_eq!(slots.newer(), Some(2));
        assert_eq!(Slots::of(&file(Some((&old, 5)), None)).newer(), None);
        assert_eq!(Slots::of(&blank()).newer(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let _ = Slots::of(&bytes).newest_of(ALICE);
        }
    }
}
