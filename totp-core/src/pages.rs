//! The two pages of a ledger's file, which never grows and is never renamed.
//!
//! A write goes to the page that is not in use; a reader takes the newest page that checks *and belongs to the credential in
//! place*. So a write that is torn leaves the page before it, and an enrolment that is killed between its ledger and its
//! credential leaves the old enrolment with the old page.

use crate::id::Id;
use crate::ledger::Ledger;
use crate::page::{PAGE, decode, encode, newer_version, sequence_of};

/// Bytes of the file.
pub(crate) const LENGTH: usize = 2 * PAGE;

/// The pages of a file that check, the newest first. A page is looked at when it is asked for: its checksum costs as much as
/// the rest of a login's cryptography, and the newest page alone is what most logins need.
pub(crate) struct Pages<'f>([&'f [u8]; 2]);

/// Where a page lies in the file and what was written there last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The page to write next: the one that is not in use.
    pub(crate) spare: usize,
    /// The sequence number to write next.
    pub(crate) sequence: u64,
}

impl<'f> Pages<'f> {
    /// Of a file; a page that does not check is as if it were not there.
    pub(crate) fn of(file: &'f [u8]) -> Self {
        let page = |at: usize| file.get(at..at.saturating_add(PAGE)).unwrap_or_default();
        Self([page(0), page(PAGE)])
    }

    /// The version that a page is of, if it is newer than what this program reads. Then no page may be used: the older one
    /// knows nothing of the codes that the newer one has noted as used.
    pub(crate) fn newer(&self) -> Option<u32> {
        self.0.into_iter().find_map(newer_version)
    }

    /// Where to write so that a page of a later version stays; `None`: there is none.
    pub(crate) fn beside_newer(&self) -> Option<Place> {
        let [first, _] = self.0;
        self.newer()?;
        Some(Place { spare: usize::from(newer_version(first).is_some()), sequence: 1 })
    }

    /// The newest page of this credential.
    pub(crate) fn newest_of(&self, credential: Id) -> Option<(Ledger, Place)> {
        // A page of another credential may be newer still: what is written next is newer than both.
        let mut newest = None;
        self.checked().find_map(|(at, number, page)| {
            let newest = *newest.get_or_insert(number);
            let place = Place { spare: 1usize.saturating_sub(at), sequence: newest.saturating_add(1) };
            (page.credential == credential).then_some((page, place))
        })
    }

    /// Where to write when no page is of the credential in place: beside the newest, whosever it is.
    pub(crate) fn beside_newest(&self) -> Place {
        let newest = self.checked().next().map(|(at, number, _)| (at, number));
        let (at, number) = newest.unwrap_or((1, 0));
        Place { spare: 1usize.saturating_sub(at), sequence: number.saturating_add(1) }
    }

    /// Whether a page says that nobody is enrolled: then a missing credential is no accident.
    pub(crate) fn none_enrolled(&self) -> bool {
        self.checked().any(|(_, _, page)| page.credential == Id::NONE)
    }

    /// The pages that check, the newest first: where, its sequence number, what it says. The second page is the newer one of
    /// equals, of which there are none in a file that was written here.
    fn checked(&self) -> impl Iterator<Item = (usize, u64, Ledger)> {
        let [first, second] = self.0;
        let mut pages = [(1, second), (0, first)];
        if sequence_of(first) > sequence_of(second) {
            pages.reverse();
        }
        pages.into_iter().filter_map(|(at, page)| decode(page).map(|(number, page)| (at, number, page)))
    }
}

impl Place {
    /// The page beside it, to be written after it.
    pub(crate) fn other(self) -> Self {
        Self { spare: 1usize.saturating_sub(self.spare), sequence: self.sequence.saturating_add(1) }
    }
}

/// A fresh file in which nobody is enrolled.
pub(crate) fn blank() -> Vec<u8> {
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
        let page = |page: Option<(&Ledger, u64)>| {
            page.map_or(vec![0; PAGE], |(ledger, number)| encode(ledger, number))
        };
        [page(first), page(second)].concat()
    }

    #[test]
    fn the_newest_page_of_the_credential_in_place_is_taken() {
        let (old, new, other) = (ledger(ALICE, 1), ledger(ALICE, 2), ledger(Id::new([9; 16]), 3));
        let bytes = file(Some((&new, 6)), Some((&old, 5)));
        let pages = Pages::of(&bytes);
        assert_eq!(pages.newest_of(ALICE), Some((new, Place { spare: 1, sequence: 7 })));
        let bytes = file(Some((&old, 5)), Some((&other, 6)));
        let pages = Pages::of(&bytes);
        assert_eq!(pages.newest_of(ALICE), Some((old, Place { spare: 1, sequence: 7 })));
    }

    #[test]
    fn a_torn_page_leaves_the_one_before_it() {
        let (old, new) = (ledger(ALICE, 1), ledger(ALICE, 2));
        let before = file(Some((&old, 5)), Some((&ledger(ALICE, 0), 4)));
        let page = encode(&new, 6);
        // A prefix whose remainder happens to equal the old bytes is the whole write.
        for torn in 0..PAGE {
            let mut after = before.clone();
            after[PAGE..PAGE + torn].copy_from_slice(&page[..torn]);
            let (read, _) = Pages::of(&after).newest_of(ALICE).unwrap();
            assert_eq!(read, if after[PAGE..] == page { new.clone() } else { old.clone() }, "{torn}");
        }
    }

    #[test]
    fn a_blank_file_says_that_nobody_is_enrolled() {
        let blank = blank();
        assert_eq!(blank.len(), LENGTH);
        assert!(Pages::of(&blank).none_enrolled());
        assert!(Pages::of(&blank).newest_of(ALICE).is_none());
        assert!(!Pages::of(&[0; LENGTH]).none_enrolled());
        assert!(!Pages::of(&file(Some((&ledger(ALICE, 1), 1)), None)).none_enrolled());
    }

    #[test]
    fn a_page_of_a_later_version_is_seen_beside_one_of_ours() {
        let old = ledger(ALICE, 1);
        let mut page = encode(&old, 1);
        page[11] = 2;
        let bytes = [encode(&old, 5), page].concat();
        let pages = Pages::of(&bytes);
        assert_eq!(pages.newer(), Some(2));
        assert_eq!(Pages::of(&file(Some((&old, 5)), None)).newer(), None);
        assert_eq!(Pages::of(&blank()).newer(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let _ = Pages::of(&bytes).newest_of(ALICE);
        }
    }
}
