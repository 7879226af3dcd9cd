//! The ledger document: what has happened to one user's codes. Two pages in one file that never grows and is never renamed.
//!
//! A page is 2048 bytes: magic, version, sequence, the fields below in big-endian order, zeros, and at its end the
//! SHA-256 of all that holds fields: its first 448 bytes, and the 960 after them where there are remembered devices. The
//! rest must be zero. (To hash the zeros too would cost a login four times as much as all its cryptography.) A write goes to the page that is not in use; a reader takes the newest page that checks *and
//! belongs to the credential in place*. So a write that is torn leaves the page before it, and an enrolment that is
//! killed between its ledger and its credential leaves the old enrolment with the old page.

use crate::credential::{Credential, MOST_AUTHENTICATORS};
use crate::device::{Device, MOST_DEVICES, Mark};
use crate::id::Id;
use crate::limit::{MOST_ATTEMPTS, Tries};
use crate::recovery::MOST_CODES;
use crate::reset::Notice;
use sha2::{Digest, Sha256};

/// Bytes of one page.
pub(crate) const PAGE: usize = 2048;
/// Bytes of the file.
pub(crate) const LENGTH: usize = 2 * PAGE;
const CHECKSUM: usize = 32;
const BODY: usize = PAGE - CHECKSUM;
/// Bytes that hold the fields of everybody, and that the checksum covers: whole blocks of SHA-256.
const FIELDS: usize = 448;
/// Where the number of remembered devices lies: behind all other fields but the notice of a reset.
const DEVICE_COUNT: usize = 409;
/// Bytes of one remembered device, and of all; the checksum covers them where there is one.
const DEVICE: usize = 60;
const DEVICES: usize = DEVICE * MOST_DEVICES;
/// What lies behind the fields.
const BLANK: &[u8; BODY] = &[0; BODY];
const MAGIC: &[u8; 8] = b"PTLEDGER";
const VERSION: u32 = 1;

/// What has happened. The default belongs to no credential: nobody is enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// The credential that it belongs to, or [`Id::NONE`].
    pub(crate) credential: Id,
    /// One for each authenticator of the credential, in its order.
    pub(crate) progress: Vec<Progress>,
    pub(crate) tries: Tries,
    pub(crate) recovery: RecoveryMarks,
    pub(crate) last_login: Option<LastLogin>,
    /// At most [`MOST_DEVICES`].
    pub(crate) devices: Vec<Device>,
    /// That a reset was requested. Where none was, a page is what it was before there were resets.
    pub(crate) notice: Option<Notice>,
}

/// How far one authenticator has been used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The last step that was accepted; it and all before it are used up. It only moves forward.
    pub(crate) last_step: u64,
    /// When a code of it was first accepted, seconds since 1970; zero: never.
    pub(crate) confirmed_at: u64,
}

/// Which codes of one recovery set were used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecoveryMarks {
    pub(crate) set: Id,
    /// When each was used, seconds since 1970; zero: not yet.
    pub(crate) used: [u64; MOST_CODES],
}

impl RecoveryMarks {
    /// All of `set` counts as used.
    pub(crate) fn all_used(set: Id, now: u64) -> Self {
        Self { set, used: [now.max(1); MOST_CODES] }
    }

    /// How many of a set of `codes` are not used yet.
    pub(crate) fn left(&self, codes: usize) -> usize {
        self.used.iter().take(codes).filter(|&&used| used == 0).count()
    }
}

/// The last accepted login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastLogin {
    /// Seconds since 1970.
    pub at: u64,
    /// How.
    pub method: LoginMethod,
}

/// What a login was accepted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginMethod {
    /// A TOTP code.
    Totp,
    /// A recovery code.
    RecoveryCode,
}

impl LoginMethod {
    /// As the log says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
        }
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::of(Id::NONE, Vec::new())
    }
}

impl Ledger {
    pub(crate) fn of(credential: Id, progress: Vec<Progress>) -> Self {
        let recovery = RecoveryMarks { set: Id::NONE, used: [0; MOST_CODES] };
        Self {
            credential,
            progress,
            tries: Tries::default(),
            recovery,
            last_login: None,
            devices: Vec::new(),
            notice: None,
        }
    }

    /// Whether there is a place for each authenticator.
    pub(crate) fn fits(&self, credential: &Credential) -> bool {
        self.progress.len() >= credential.authenticators().len()
    }

    /// The marks of `set`. Those of a set before it mean nothing for this one.
    pub(crate) fn marks_of(&self, set: Id) -> RecoveryMarks {
        if self.recovery.set == set { self.recovery } else { RecoveryMarks { set, used: [0; MOST_CODES] } }
    }

    /// The wrong tries.
    #[must_use]
    pub fn tries(&self) -> &Tries {
        &self.tries
    }

    /// When a code of the authenticator at this place was first accepted, seconds since 1970; `None`: never.
    #[must_use]
    pub fn confirmed_at(&self, place: usize) -> Option<u64> {
        self.progress.get(place).map(|progress| progress.confirmed_at).filter(|&at| at != 0)
    }

    /// The last accepted login.
    #[must_use]
    pub fn last_login(&self) -> Option<LastLogin> {
        self.last_login
    }

    /// That a reset was requested, also where the request has expired.
    #[must_use]
    pub fn notice(&self) -> Option<Notice> {
        self.notice
    }

    /// The remembered devices, also those whose time is over.
    #[must_use]
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }
}

impl Place {
    /// The page beside it, to be written after it.
    pub(crate) fn other(self) -> Self {
        Self { spare: 1usize.saturating_sub(self.spare), sequence: self.sequence.saturating_add(1) }
    }
}

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

/// What a page says is its sequence number, before it is known whether it checks.
fn sequence_of(page: &[u8]) -> Option<u64> {
    let mut fields = Fields(page.get(MAGIC.len().saturating_add(size_of_val(&VERSION))..)?);
    fields.u64()
}

/// A fresh file in which nobody is enrolled.
pub(crate) fn blank() -> Vec<u8> {
    let mut file = encode(&Ledger::default(), 1);
    file.resize(LENGTH, 0);
    file
}

/// One page.
pub(crate) fn encode(ledger: &Ledger, sequence: u64) -> Vec<u8> {
    let mut page = Vec::with_capacity(PAGE);
    page.extend(MAGIC);
    page.extend(VERSION.to_be_bytes());
    page.extend(sequence.to_be_bytes());
    page.extend(ledger.credential.bytes());
    page.extend(counted(ledger.progress.len()));
    for place in 0..MOST_AUTHENTICATORS {
        let progress = ledger.progress.get(place).copied().unwrap_or_default();
        page.extend(progress.last_step.to_be_bytes());
        page.extend(progress.confirmed_at.to_be_bytes());
    }
    page.extend(counted(ledger.tries.recent.len()));
    for place in 0..MOST_ATTEMPTS {
        page.extend(ledger.tries.recent.get(place).copied().unwrap_or(0).to_be_bytes());
    }
    page.extend(ledger.tries.consecutive.to_be_bytes());
    page.extend(ledger.tries.locked_at.to_be_bytes());
    page.extend(ledger.tries.locked_until.to_be_bytes());
    page.extend(ledger.recovery.set.bytes());
    for used in ledger.recovery.used {
        page.extend(used.to_be_bytes());
    }
    let (at, method) = match ledger.last_login {
        None => (0, 0),
        Some(LastLogin { at, method: LoginMethod::Totp }) => (at, 1),
        Some(LastLogin { at, method: LoginMethod::RecoveryCode }) => (at, 2),
    };
    page.extend(at.to_be_bytes());
    page.push(method);
    let devices = ledger.devices.get(..MOST_DEVICES).unwrap_or(&ledger.devices);
    page.extend(counted(devices.len()));
    if let Some(Notice { at, until, by }) = ledger.notice {
        page.extend(at.to_be_bytes());
        page.extend(until.to_be_bytes());
        page.extend(by.to_be_bytes());
    }
    page.resize(FIELDS, 0);
    for Device { mark, since, until, last_used, uses } in devices {
        page.extend(mark.0);
        page.extend([since, until, last_used].map(|time| time.to_be_bytes()).as_flattened());
        page.extend(uses.to_be_bytes());
    }
    page.resize(BODY, 0);
    let checksum = checksum(&page, covered(devices.len()));
    page.extend(checksum.unwrap_or_default());
    page
}

fn checksum(body: &[u8], covered: usize) -> Option<[u8; CHECKSUM]> {
    body.get(..covered).map(|fields| Sha256::digest(fields).into())
}

/// How many bytes the checksum covers of a page with so many devices.
fn covered(devices: usize) -> usize {
    if devices == 0 { FIELDS } else { FIELDS.saturating_add(DEVICES) }
}

fn counted(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

fn decode(page: &[u8]) -> Option<(u64, Ledger)> {
    let (body, checksum) = page.split_at_checked(BODY)?;
    let (fields, rest) = body.split_at_checked(FIELDS)?;
    // Before the checksum is known to be right: it only says how much the checksum covers.
    let covered = covered(Fields(fields.get(DEVICE_COUNT..)?).count(MOST_DEVICES)?);
    let blank = body.get(covered..)?;
    if self::checksum(body, covered)? != checksum || blank != BLANK.get(covered..)? {
        return None;
    }
    let mut fields = Fields(fields);
    if fields.array::<8>()? != *MAGIC || fields.u32()? != VERSION {
        return None;
    }
    let sequence = fields.u64()?;
    let credential = Id::new(fields.array()?);
    let authenticators = fields.count(MOST_AUTHENTICATORS)?;
    let mut progress = Vec::with_capacity(MOST_AUTHENTICATORS);
    for _ in 0..MOST_AUTHENTICATORS {
        progress.push(Progress { last_step: fields.u64()?, confirmed_at: fields.u64()? });
    }
    progress.truncate(authenticators);
    let attempts = fields.count(MOST_ATTEMPTS)?;
    let mut recent = Vec::with_capacity(MOST_ATTEMPTS);
    for _ in 0..MOST_ATTEMPTS {
        recent.push(fields.u64()?);
    }
    recent.truncate(attempts);
    let (consecutive, locked_at, locked_until) = (fields.u32()?, fields.u64()?, fields.u64()?);
    let tries = Tries { recent, consecutive, locked_at, locked_until };
    let mut recovery = RecoveryMarks { set: Id::new(fields.array()?), used: [0; MOST_CODES] };
    for used in &mut recovery.used {
        *used = fields.u64()?;
    }
    let at = fields.u64()?;
    let last_login = match fields.array::<1>()? {
        [0] => None,
        [1] => Some(LastLogin { at, method: LoginMethod::Totp }),
        [2] => Some(LastLogin { at, method: LoginMethod::RecoveryCode }),
        _ => return None,
    };
    let count = fields.count(MOST_DEVICES)?;
    let notice = Notice { at: fields.u64()?, until: fields.u64()?, by: fields.u32()? };
    let notice = Some(notice).filter(|notice| notice.at != 0);
    let mut fields = Fields(rest);
    let mut devices = Vec::with_capacity(count);
    for _ in 0..count {
        let mark = Mark(fields.array()?);
        let (since, until, last_used, uses) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u32()?);
        devices.push(Device { mark, since, until, last_used, uses });
    }
    Some((sequence, Ledger { credential, progress, tries, recovery, last_login, devices, notice }))
}

/// The number of a page of ours that is of a later version. How it is laid out, and where its checksum lies, is not known: a
/// page that was torn is none, for every version begins alike.
fn newer_version(page: &[u8]) -> Option<u32> {
    let mut fields = Fields(page);
    (fields.array::<8>()? == *MAGIC).then(|| fields.u32())?.filter(|&version| version > VERSION)
}

/// The version that this program reads and writes, for messages.
pub(crate) const fn version() -> u32 {
    VERSION
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
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

    fn ledger(credential: Id, last_step: u64) -> Ledger {
        Ledger::of(credential, vec![Progress { last_step, confirmed_at: 5 }])
    }

    fn device(at: u64) -> Device {
        Device { mark: Mark([7; 32]), since: at, until: at, last_used: at, uses: 9 }
    }

    fn file(first: Option<(&Ledger, u64)>, second: Option<(&Ledger, u64)>) -> Vec<u8> {
        let page = |page: Option<(&Ledger, u64)>| {
            page.map_or(vec![0; PAGE], |(ledger, number)| encode(ledger, number))
        };
        [page(first), page(second)].concat()
    }

    #[test]
    fn a_page_holds_every_field() {
        let mut full = ledger(ALICE, 9);
        full.progress.push(Progress { last_step: 7, confirmed_at: 8 });
        full.tries = Tries { recent: (1..=16).collect(), consecutive: 17, locked_at: 20, locked_until: 18 };
        full.recovery = RecoveryMarks { set: Id::new([2; 16]), used: std::array::from_fn(|at| at as u64) };
        full.devices = vec![device(21), device(22)];
        full.notice = Some(Notice { at: 23, until: 24, by: 25 });
        for method in [LoginMethod::Totp, LoginMethod::RecoveryCode] {
            full.last_login = Some(LastLogin { at: 19, method });
            let (read, place) = Pages::of(&file(Some((&full, 41)), None)).newest_of(ALICE).unwrap();
            assert_eq!(read, full);
            assert_eq!(place, Place { spare: 1, sequence: 42 });
        }
    }

    #[test]
    fn a_page_without_a_notice_keeps_its_bytes() {
        let page = encode(&ledger(ALICE, 9), 41);
        assert!(page[DEVICE_COUNT..BODY].iter().all(|&byte| byte == 0));
        let notice = Some(Notice { at: 23, until: 24, by: 25 });
        let noticed = encode(&Ledger { notice, ..ledger(ALICE, 9) }, 41);
        assert_eq!(noticed[..DEVICE_COUNT + 4], page[..DEVICE_COUNT + 4]);
        assert!(noticed[FIELDS..BODY].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn zero_in_a_page_is_never() {
        let mut ledger = ledger(ALICE, 1);
        ledger.progress.push(Progress::default());
        assert_eq!([0, 1, 2].map(|place| ledger.confirmed_at(place)), [Some(5), None, None]);
        assert_eq!(ledger.last_login(), None);
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
    fn the_fields_end_before_the_zeros() {
        let full = Ledger {
            credential: ALICE,
            progress: vec![Progress { last_step: u64::MAX, confirmed_at: u64::MAX }; MOST_AUTHENTICATORS],
            tries: Tries {
                recent: vec![u64::MAX; MOST_ATTEMPTS],
                consecutive: u32::MAX,
                locked_at: u64::MAX,
                locked_until: u64::MAX,
            },
            recovery: RecoveryMarks::all_used(ALICE, u64::MAX),
            last_login: Some(LastLogin { at: u64::MAX, method: LoginMethod::RecoveryCode }),
            devices: vec![device(u64::MAX); MOST_DEVICES],
            notice: Some(Notice { at: u64::MAX, until: u64::MAX, by: u32::MAX }),
        };
        assert_eq!(decode(&encode(&full, u64::MAX)), Some((u64::MAX, full)));
    }

    #[test]
    fn a_page_of_another_version_is_no_page() {
        let mut page = encode(&ledger(ALICE, 1), 1);
        page[11] = 2;
        let checksum = checksum(&page, FIELDS).unwrap();
        page[BODY..].copy_from_slice(&checksum);
        assert!(decode(&page).is_none());
        let old = ledger(ALICE, 1);
        let bytes = [encode(&old, 5), page].concat();
        let pages = Pages::of(&bytes);
        assert_eq!(pages.newer(), Some(2));
        assert_eq!(Pages::of(&file(Some((&old, 5)), None)).newer(), None);
        assert_eq!(Pages::of(&blank()).newer(), None);
    }

    proptest! {
        #[test]
        fn any_changed_bit_is_noticed(at in 0..PAGE, bit in 0..8u8) {
            for devices in [vec![], vec![device(1)], vec![device(2); MOST_DEVICES]] {
                let mut page = encode(&Ledger { devices, ..ledger(ALICE, 1) }, 1);
                page[at] ^= 1 << bit;
                prop_assert!(decode(&page).is_none());
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let _ = Pages::of(&bytes).newest_of(ALICE);
        }
    }
}
