//! The content of a ledger as records: what a slot of a file holds, and what an engine that is not a file stores.
//!
//! A record is its type (1 byte), the length of its content (2 bytes) and the content; records are in ascending order of
//! type. What has its default value has no record, so most ledgers are short. `docs/file-formats.md` lists the types,
//! also those that later versions of this program write. A record of an unknown type is never skipped: it may say that a
//! code was used.

use super::fields::Fields;
use super::source_records;
use crate::account_recovery::ResetNotice;
use crate::credential::MOST_AUTHENTICATORS;
use crate::factor::FactorKind;
use crate::ledger::{LastLogin, Ledger, LoginMethod, Progress, RecoveryMarks};
use crate::lockout::guesses::MOST_ROWS;
use crate::lockout::{Failures, MOST_ATTEMPTS};
use crate::lost_lines::LostLines;
use crate::policy::device::{Device, MOST_DEVICES, Mark};
use crate::random::Id;
use crate::recovery::MOST_CODES;

const FACTOR: u8 = 1;
const FAILURES: u8 = 2;
const RECOVERY: u8 = 3;
const LAST_LOGIN: u8 = 4;
const DEVICE: u8 = 5;
const RESET_NOTICE: u8 = 6;
const LOST_LINES: u8 = 7;
const SOURCE: u8 = 8;
const BUDGET: u8 = 10;

/// The number of a login by a recovery code, distinct from those of the kinds of factor ([`FactorKind::number`]).
const RECOVERY_CODE: u8 = 2;

/// Why the content of a ledger cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordError {
    /// A record of this type, which only a later version of this program knows.
    Unknown(u8),
    /// The records contradict their lengths or this format.
    Malformed,
}

/// The version of the records.
const VERSION: u32 = 2;

impl Ledger {
    /// The ledger for an engine that is not a file: the version (4 bytes), the id of the credential (16) and the records.
    /// It has neither MAC nor checksum; the engine seals it.
    #[must_use]
    pub fn to_sparse(&self) -> Vec<u8> {
        [&VERSION.to_be_bytes()[..], self.credential.bytes(), &encode(self)].concat()
    }

    /// The ledger that [`Ledger::to_sparse`] wrote; `None` for anything else, also of a later version.
    #[must_use]
    pub fn from_sparse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let (version, credential) = (fields.u32()?, Id::new(fields.array()?));
        (version == VERSION).then(|| decode(credential, fields.0).ok())?
    }
}

/// The records of a ledger, without the id of its credential.
pub(super) fn encode(ledger: &Ledger) -> Vec<u8> {
    let mut records = Records(Vec::with_capacity(256));
    for Progress { used_up_to, confirmed_at } in &ledger.progress {
        records.add(FACTOR, [used_up_to.to_be_bytes(), confirmed_at.to_be_bytes()].as_flattened());
    }
    let guesses = &ledger.guesses;
    if guesses.foreign != Failures::default() {
        let Failures { recent, consecutive, locked_at, locked_until } = &guesses.foreign;
        let mut content = consecutive.to_be_bytes().to_vec();
        for time in [locked_at, locked_until].into_iter().chain(recent.iter().take(MOST_ATTEMPTS)) {
            content.extend(time.to_be_bytes());
        }
        records.add(FAILURES, &content);
    }
    if ledger.recovery.set != Id::NONE {
        let mut content = ledger.recovery.set.bytes().to_vec();
        for (place, used) in (0u8..).zip(ledger.recovery.used).filter(|&(_, used)| used != 0) {
            content.push(place);
            content.extend(used.to_be_bytes());
        }
        records.add(RECOVERY, &content);
    }
    if let Some(LastLogin { at, method }) = ledger.last_login {
        let method = match method {
            LoginMethod::RecoveryCode => RECOVERY_CODE,
            LoginMethod::Code(kind) => kind.number(),
        };
        let mut content = at.to_be_bytes().to_vec();
        content.push(method);
        records.add(LAST_LOGIN, &content);
    }
    for Device { mark, since, until, last_used, uses } in ledger.devices.iter().take(MOST_DEVICES) {
        let mut content = mark.0.to_vec();
        content.extend([since, until, last_used].map(|time| time.to_be_bytes()).as_flattened());
        content.extend(uses.to_be_bytes());
        records.add(DEVICE, &content);
    }
    if let Some(ResetNotice { at, until, by }) = ledger.notice {
        let mut content = [at, until].map(u64::to_be_bytes).as_flattened().to_vec();
        content.extend(by.to_be_bytes());
        records.add(RESET_NOTICE, &content);
    }
    if ledger.lost_lines.count != 0 {
        let LostLines { count, counted_at } = ledger.lost_lines;
        records.add(LOST_LINES, &[&count.to_be_bytes()[..], &counted_at.to_be_bytes()].concat());
    }
    for row in guesses.rows.iter().filter(|row| !row.is_blank()).take(MOST_ROWS) {
        records.add(SOURCE, &source_records::encode_row(row));
    }
    if let Some(content) = source_records::encode_budget(guesses) {
        records.add(BUDGET, &content);
    }
    records.0
}

/// The ledger of `credential` with these records.
///
/// # Errors
/// [`RecordError`]: bytes that this version does not write are not read either.
pub(super) fn decode(credential: Id, records: &[u8]) -> Result<Ledger, RecordError> {
    let mut ledger = Ledger::of(credential, Vec::new());
    let mut rest = Fields(records);
    let mut before = 0;
    while !rest.0.is_empty() {
        let (kind, content) = rest.record().ok_or(RecordError::Malformed)?;
        // Some may be there several times; the others are refused a second time below.
        let again = kind == before;
        if kind < before || (again && !matches!(kind, FACTOR | DEVICE | SOURCE)) {
            return Err(RecordError::Malformed);
        }
        before = kind;
        read(kind, Fields(content), &mut ledger)?;
    }
    Ok(ledger)
}

/// Reads one record into `ledger`.
fn read(kind: u8, mut fields: Fields<'_>, ledger: &mut Ledger) -> Result<(), RecordError> {
    let read = match kind {
        FACTOR => progress(&mut fields).map(|progress| ledger.progress.push(progress)),
        FAILURES => failures(&mut fields).map(|failures| ledger.guesses.foreign = failures),
        RECOVERY => recovery(&mut fields).map(|recovery| ledger.recovery = recovery),
        LAST_LOGIN => last_login(&mut fields).map(|last| ledger.last_login = Some(last)),
        DEVICE => device(&mut fields).map(|device| ledger.devices.push(device)),
        RESET_NOTICE => reset_notice(&mut fields).map(|notice| ledger.notice = Some(notice)),
        LOST_LINES => lost_lines(&mut fields).map(|lost| ledger.lost_lines = lost),
        SOURCE => source_records::row(&mut fields).map(|row| ledger.guesses.rows.push(row)),
        BUDGET => source_records::budget(&mut fields, &mut ledger.guesses),
        unknown => return Err(RecordError::Unknown(unknown)),
    };
    let fits = ledger.progress.len() <= MOST_AUTHENTICATORS
        && ledger.devices.len() <= MOST_DEVICES
        && ledger.guesses.rows.len() <= MOST_ROWS;
    read.filter(|()| fields.0.is_empty() && fits).ok_or(RecordError::Malformed)
}

fn progress(fields: &mut Fields<'_>) -> Option<Progress> {
    Some(Progress { used_up_to: fields.u64()?, confirmed_at: fields.u64()? })
}

fn failures(fields: &mut Fields<'_>) -> Option<Failures> {
    let (consecutive, locked_at, locked_until) = (fields.u32()?, fields.u64()?, fields.u64()?);
    let mut recent = Vec::with_capacity(MOST_ATTEMPTS);
    while !fields.0.is_empty() && recent.len() < MOST_ATTEMPTS {
        recent.push(fields.u64()?);
    }
    Some(Failures { recent, consecutive, locked_at, locked_until })
}

fn recovery(fields: &mut Fields<'_>) -> Option<RecoveryMarks> {
    let set = Id::new(fields.array()?);
    let mut marks = RecoveryMarks { set, used: [0; MOST_CODES] };
    let mut next = 0;
    while !fields.0.is_empty() {
        let ([place], at) = (fields.array()?, fields.u64()?);
        let place = usize::from(place);
        if place < next || at == 0 {
            return None;
        }
        next = place.saturating_add(1);
        *marks.used.get_mut(place)? = at;
    }
    Some(marks).filter(|marks| marks.set != Id::NONE)
}

fn last_login(fields: &mut Fields<'_>) -> Option<LastLogin> {
    let (at, [method]) = (fields.u64()?, fields.array()?);
    let method = match method {
        RECOVERY_CODE => LoginMethod::RecoveryCode,
        number => LoginMethod::Code(FactorKind::of_number(number)?),
    };
    Some(LastLogin { at, method })
}

fn device(fields: &mut Fields<'_>) -> Option<Device> {
    let mark = Mark(fields.array()?);
    let (since, until, last_used, uses) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u32()?);
    Some(Device { mark, since, until, last_used, uses })
}

fn reset_notice(fields: &mut Fields<'_>) -> Option<ResetNotice> {
    Some(ResetNotice { at: fields.u64()?, until: fields.u64()?, by: fields.u32()? })
}

fn lost_lines(fields: &mut Fields<'_>) -> Option<LostLines> {
    let lost = LostLines { count: fields.u32()?, counted_at: fields.u64()? };
    // Without any there is no record.
    Some(lost).filter(|lost| lost.count != 0)
}

/// Records as they are written.
struct Records(Vec<u8>);

impl Records {
    fn add(&mut self, kind: u8, content: &[u8]) {
        // No record is longer than a slot.
        let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
        self.0.push(kind);
        self.0.extend(length.to_be_bytes());
        self.0.extend(content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::arbitrary;
    use crate::lockout::Guesses;
    use proptest::prelude::*;

    const ALICE: Id = Id::new([1; 16]);

    #[test]
    fn a_new_ledger_has_a_record_for_each_factor_and_no_other() {
        let ledger = Ledger::of(ALICE, vec![Progress::default(); 2]);
        let bytes = encode(&ledger);
        assert_eq!(bytes.len(), 2 * (3 + 16));
        assert_eq!(decode(ALICE, &bytes), Ok(ledger));
        assert_eq!(decode(Id::NONE, &[]), Ok(Ledger::default()));
    }

    #[test]
    fn the_sparse_form_of_an_ordinary_person_is_short() {
        // A phone and a spare, five wrong codes, three used recovery codes, two devices.
        let device = Device { mark: Mark([7; 32]), since: 1, until: 2, last_used: 3, uses: 4 };
        let ledger = Ledger {
            guesses: Guesses {
                foreign: Failures { recent: vec![9; 5], consecutive: 5, locked_at: 0, locked_until: 0 },
                ..Guesses::default()
            },
            recovery: RecoveryMarks { set: ALICE, used: std::array::from_fn(|at| u64::from(at < 3)) },
            last_login: Some(LastLogin { at: 9, method: LoginMethod::RecoveryCode }),
            devices: vec![device; 2],
            ..Ledger::of(ALICE, vec![Progress { used_up_to: 9, confirmed_at: 9 }; 2])
        };
        assert!(ledger.to_sparse().len() <= 320, "{}", ledger.to_sparse().len());
        let mut later = ledger.to_sparse();
        later[3] = 3;
        assert_eq!(Ledger::from_sparse(&later), None);
        assert_eq!(Ledger::from_sparse(&later[..19]), None);
    }

    #[test]
    fn a_record_of_an_unknown_type_is_refused_by_its_number() {
        let mut bytes = encode(&Ledger::of(ALICE, vec![Progress::default()]));
        bytes.extend([9, 0, 1, 9]);
        assert_eq!(decode(ALICE, &bytes), Err(RecordError::Unknown(9)));
    }

    #[test]
    fn records_out_of_order_repeated_short_or_long_are_refused() {
        let login = [4, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5, 2];
        let factor = [&[1, 0, 16][..], &[0; 16]].concat();
        assert!(decode(ALICE, &[&factor[..], &login].concat()).is_ok());
        let refused = [
            [&login[..], &factor].concat(),
            [&login[..], &login].concat(),
            factor[..18].to_vec(),
            [&[1, 0, 17][..], &[0; 17]].concat(),
            [&[1, 0, 15][..], &[0; 15]].concat(),
            factor.repeat(MOST_AUTHENTICATORS + 1),
            vec![4, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5, 99],
            [&[7, 0, 12][..], &[0; 12]].concat(),
            vec![0, 0, 0],
            vec![1],
        ];
        for (number, bytes) in refused.iter().enumerate() {
            assert!(decode(ALICE, bytes).is_err(), "{number}");
        }
    }

    #[test]
    fn used_codes_that_are_repeated_or_never_used_are_refused() {
        let set = |codes: &[u8]| {
            let mut bytes = vec![3, 0, u8::try_from(16 + codes.len()).unwrap()];
            bytes.extend([7; 16]);
            bytes.extend(codes);
            decode(ALICE, &bytes)
        };
        let code = |place: u8, at: u8| [place, 0, 0, 0, 0, 0, 0, 0, at];
        assert_eq!(set(&code(15, 1)).unwrap().recovery.used[15], 1);
        assert!(set(&code(16, 1)).is_err());
        assert!(set(&code(3, 0)).is_err());
        assert!(set(&[code(3, 1), code(3, 2)].concat()).is_err());
        assert!(set(&[code(3, 1), code(2, 2)].concat()).is_err());
    }

    proptest! {
        #[test]
        fn a_ledger_is_read_as_it_was_written(ledger in arbitrary::ledger()) {
            prop_assert_eq!(decode(ledger.credential, &encode(&ledger)), Ok(ledger));
        }

        #[test]
        fn the_sparse_form_holds_every_ledger(ledger in arbitrary::ledger()) {
            prop_assert_eq!(Ledger::from_sparse(&ledger.to_sparse()), Some(ledger));
        }

        #[test]
        fn what_is_read_is_written_back_to_the_byte(bytes in proptest::collection::vec(0u8..8, 0..80)) {
            if let Ok(ledger) = decode(ALICE, &bytes) {
                prop_assert_eq!(encode(&ledger), bytes);
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
            let _ = decode(ALICE, &bytes);
        }
    }
}
