//! The two copies of the state's generation: one in the state, one beside the keyring.
//!
//! A login reads both. Only a state that is behind refuses: it was restored from a backup. A copy that cannot be written
//! refuses nobody; `doctor` says so.

use crate::documents::replace_document;
use crate::trusted_files::{Access, Directory, read_document};
use crate::trusted_files::{LockMode, lock_directory};
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use totp_core::DocumentError;
use totp_core::generation::{Comparison, Generation, Moment, compare};
use totp_core::random::Secret;
use totp_core::store::{StorageProblem, StoreError};

/// The file in the state.
pub(crate) const GENERATION: &str = "generation";
/// How long a command waits for another process that moves the generation.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of a state's path the name of the copy beside the keyring has, in bytes.
const LONGEST_STATE_NAME: usize = 160;
/// The kernel's id of this boot (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The two copies.
#[derive(Clone)]
pub(crate) struct GenerationCopies {
    /// The directory of the state.
    state: PathBuf,
    beside_keyring: PathBuf,
}

impl GenerationCopies {
    /// Opens and creates nothing yet.
    pub(crate) fn new(state: &Path, keyring: &Path) -> Self {
        Self { state: state.to_owned(), beside_keyring: beside_keyring(state, keyring) }
    }

    /// Refuses a state that was restored; otherwise moves the generation if a boot or a day has gone by.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let now = Today::read();
        match self.compare(&now)? {
            Comparison::Current => Ok(()),
            Comparison::Restored => Err(self.restored()),
            Comparison::Move(_) | Comparison::Repair(_) => {
                // A full disk or a read-only /etc refuses nobody.
                let _ = self.bring_up_to_date(&now);
                Ok(())
            }
        }
    }

    /// Moves the generation after an enrolment, as far as that is possible.
    pub(crate) fn move_on(&self) {
        let _ = self.with_lock(PATIENCE, || {
            let now = Today::read();
            let copies = (self.read(&self.beside_keyring)?, self.read(&self.in_state())?);
            match copies {
                (_, Some(state)) => self.write(&state.next(now.moment())),
                (None, None) => self.write(&Generation::first(now.moment())),
                // A restored state, which is refused until it is accepted.
                (Some(_), None) => Ok(()),
            }
        });
    }

    /// What `doctor` has to say; changes nothing.
    pub(crate) fn problem(&self) -> Option<StorageProblem> {
        let copies =
            self.read(&self.beside_keyring).and_then(|beside| Ok((self.read(&self.in_state())?, beside)));
        let (state, beside) = match copies {
            Ok((Some(state), beside)) => (state, beside),
            // Nobody was enrolled yet.
            Ok((None, None)) => return None,
            Ok((None, Some(_))) => return Some(StorageProblem::Restored(self.restored())),
            Err(error) => return Some(StorageProblem::Unusable(error)),
        };
        match compare(Some(&state), beside.as_ref(), state.moment()) {
            Comparison::Current | Comparison::Move(_) => None,
            Comparison::Repair(_) => {
                Some(StorageProblem::RestoreUnnoticed(self.beside_keyring.display().to_string()))
            }
            Comparison::Restored => Some(StorageProblem::Restored(self.restored())),
        }
    }

    /// Whether the state was restored, so that it is refused.
    pub(crate) fn is_restored(&self) -> Result<bool, StoreError> {
        Ok(self.compare(&Today::read())? == Comparison::Restored)
    }

    /// Accepts a restored state from now on.
    pub(crate) fn accept_restored(&self) -> Result<(), StoreError> {
        let accepted = self.with_lock(PATIENCE, || {
            let copies = [self.read(&self.in_state())?, self.read(&self.beside_keyring)?];
            let now = Today::read();
            let latest = copies.iter().flatten().reduce(Generation::later);
            self.write(&latest.map_or_else(|| Generation::first(now.moment()), |one| one.next(now.moment())))
        })?;
        accepted.ok_or_else(|| self.busy())
    }

    fn bring_up_to_date(&self, now: &Today) -> Result<(), StoreError> {
        // Without waiting: another process is doing it, or was stopped while it did.
        self.with_lock(Duration::ZERO, || match self.compare(now)? {
            // Another process did it, or the next login refuses.
            Comparison::Current | Comparison::Restored => Ok(()),
            Comparison::Move(next) => self.write(&next),
            Comparison::Repair(state) => self.write_copy(&self.beside_keyring, &state),
        })
        .map(drop)
    }

    /// First the state, then the other copy: a crash in between leaves the state ahead.
    fn write(&self, generation: &Generation) -> Result<(), StoreError> {
        self.write_copy(&self.in_state(), generation)?;
        self.write_copy(&self.beside_keyring, generation)
    }

    fn write_copy(&self, file: &Path, generation: &Generation) -> Result<(), StoreError> {
        replace_document(file, &Secret::new(generation.to_string().into_bytes()))
    }

    /// Reads the copies in the order opposite to that of [`Self::write`]: read while another process writes, the state may be
    /// ahead, but never behind.
    fn compare(&self, now: &Today) -> Result<Comparison, StoreError> {
        let (beside, state) = (self.read(&self.beside_keyring)?, self.read(&self.in_state())?);
        Ok(compare(state.as_ref(), beside.as_ref(), now.moment()))
    }

    fn read(&self, file: &Path) -> Result<Option<Generation>, StoreError> {
        // It holds no secret: a mode that lets others read it shuts nobody out.
        let Some(text) = read_document(file, Access::RootWrites)? else { return Ok(None) };
        let text = std::str::from_utf8(text.expose()).unwrap_or_default();
        if Generation::is_later_version(text) {
            let problem = "is from a later version: upgrade pam_totp, or delete this file and run \"totp-enroll doctor\"";
            return Err(DocumentError::new(file, problem).into());
        }
        // A damaged copy is like a missing one: that beside the keyring is written again, and without that in the state the state is
        // refused until it is accepted.
        Ok(Generation::parse(text))
    }

    fn with_lock<T>(
        &self,
        patience: Duration,
        act: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let state = Directory::open(&self.state, Access::RootWrites)?;
        let deadline = Instant::now().checked_add(patience);
        let Some(_locked) = lock_directory(state, LockMode::Exclusive, deadline)? else { return Ok(None) };
        act().map(Some)
    }

    fn in_state(&self) -> PathBuf {
        self.state.join(GENERATION)
    }

    fn restored(&self) -> StoreError {
        let problem = "the state was restored from a backup, so used codes could be valid again: run \"totp-enroll restored\", \
                       which voids them";
        DocumentError::new(&self.state, problem).into()
    }

    fn busy(&self) -> StoreError {
        let problem = "another process is writing the generation: try again".to_owned();
        StoreError::Busy { about: self.in_state().display().to_string(), problem }
    }
}

/// The copy beside the keyring. Its name names the state, because two states may have one keyring:
/// `keyring.var-lib-pam_totp.generation`. A `-` of the path itself is written `%2D`.
fn beside_keyring(state: &Path, keyring: &Path) -> PathBuf {
    let mut name = String::new();
    for byte in state.as_os_str().as_bytes().iter().skip_while(|byte| **byte == b'/') {
        match byte {
            b'/' => name.push('-'),
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'.' => name.push(char::from(*byte)),
            _ => drop(write!(name, "%{byte:02X}")),
        }
    }
    // The name of a file has at most 255 bytes.
    let end = name.get(name.len().saturating_sub(LONGEST_STATE_NAME)..).unwrap_or_default();
    let mut file = keyring.file_stem().unwrap_or_default().to_owned();
    file.push(format!(".{end}.generation"));
    keyring.with_file_name(file)
}

/// The boot and the day.
struct Today {
    boot: String,
    day: u64,
}

impl Today {
    /// What cannot be read counts as one boot and one day that never change.
    fn read() -> Self {
        let boot = std::fs::read_to_string(BOOT_ID).unwrap_or_default();
        let boot = if Generation::is_boot_id(boot.trim()) { boot.trim().to_owned() } else { "0".to_owned() };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { boot, day: since.as_secs() / 86400 }
    }

    fn moment(&self) -> Moment<'_> {
        Moment { boot: &self.boot, day: self.day }
    }
}

#[cfg(test)]
mod tests {
    use super::beside_keyring;
    use crate::fixture::{Fixture, NOON, PHONE, alice, at, code, word};
    use std::fs;
    use std::path::{Path, PathBuf};
    use totp_core::store::Entries;

    const PATIENCE: std::time::Duration = std::time::Duration::from_millis(50);

    fn enrolled() -> Fixture {
        let mut fixture = Fixture::new();
        fixture.enrol(PHONE);
        assert_eq!(login(&fixture, NOON), "accepted phone");
        fixture
    }

    fn login(fixture: &Fixture, time: u64) -> String {
        word(fixture.login(&code(PHONE, time), at(time)))
    }

    fn copies(fixture: &Fixture) -> [String; 2] {
        [fixture.file("generation"), outer(fixture)].map(|file| fs::read_to_string(file).unwrap_or_default())
    }

    fn outer(fixture: &Fixture) -> PathBuf {
        fixture.store.generation.beside_keyring.clone()
    }

    /// As in a state that was stored at an earlier boot.
    fn age(file: &Path) {
        let text = fs::read_to_string(file).unwrap();
        let words: Vec<&str> = text.trim_end().split(' ').collect();
        let [a, b, c, number, _, day] = words[..] else { panic!("{text}") };
        fs::write(file, format!("{a} {b} {c} {number} 0123abcd {day}\n")).unwrap();
    }

    #[test]
    fn a_restored_state_refuses_everyone_until_it_is_accepted() {
        let fixture = enrolled();
        let before = fs::read(fixture.file("generation")).unwrap();
        age(&fixture.file("generation"));
        age(&outer(&fixture));
        assert_eq!(login(&fixture, NOON + 30), "accepted phone");
        let [state, beside] = copies(&fixture);
        assert_eq!(state, beside);
        assert_ne!(state.as_bytes(), before);

        fs::write(fixture.file("generation"), &before).unwrap();
        assert!(login(&fixture, NOON + 60).contains("restored from a backup"));
        assert!(fixture.store.entry(&alice().user, PATIENCE).is_err());
        assert!(fixture.store.entry_to_withdraw(&alice().user, PATIENCE).is_ok());
        assert!(fixture.store.generation.is_restored().unwrap());
        fixture.store.generation.accept_restored().unwrap();
        assert_eq!(login(&fixture, NOON + 90), "accepted phone");
    }

    #[test]
    fn a_state_without_its_copy_was_restored() {
        let fixture = enrolled();
        fs::remove_file(fixture.file("generation")).unwrap();
        assert!(login(&fixture, NOON + 30).contains("restored from a backup"));
    }

    #[test]
    fn a_crash_between_the_copies_and_a_lost_one_beside_the_keyring_are_repaired() {
        let fixture = enrolled();
        let behind = fs::read(outer(&fixture)).unwrap();
        age(&fixture.file("generation"));
        age(&outer(&fixture));
        assert_eq!(login(&fixture, NOON + 30), "accepted phone");
        fs::write(outer(&fixture), behind).unwrap();
        assert_eq!(login(&fixture, NOON + 60), "accepted phone");
        let [state, beside] = copies(&fixture);
        assert_eq!(state, beside);
        fs::remove_file(outer(&fixture)).unwrap();
        assert_eq!(login(&fixture, NOON + 90), "accepted phone");
        let [state, beside] = copies(&fixture);
        assert_eq!(state, beside);
    }

    #[test]
    fn where_the_copy_beside_the_keyring_cannot_be_written_logins_go_on() {
        let fixture = enrolled();
        age(&fixture.file("generation"));
        // A directory in the place of its draft.
        let beside = outer(&fixture);
        let draft = beside.with_file_name(format!(".new.{}", beside.file_name().unwrap().display()));
        fs::create_dir(draft).unwrap();
        assert_eq!(login(&fixture, NOON + 30), "accepted phone");
        let [state, beside] = copies(&fixture);
        assert_ne!(state, beside);
        assert_eq!(login(&fixture, NOON + 60), "accepted phone");
    }

    #[test]
    fn a_damaged_copy_beside_the_keyring_is_written_again() {
        let fixture = enrolled();
        for (damaged, then) in [("", 60), ("pam_totp generation 1 x\n", 120), ("\u{0}\u{0}\u{0}", 180)] {
            fs::write(outer(&fixture), damaged).unwrap();
            assert_eq!(login(&fixture, NOON + then), "accepted phone", "{damaged:?}");
            let [state, beside] = copies(&fixture);
            assert_eq!(state, beside, "{damaged:?}");
        }
        fs::write(outer(&fixture), "pam_totp generation 2 9 0 0 x\n").unwrap();
        assert!(login(&fixture, NOON + 240).contains("later version"));
    }

    #[test]
    fn a_damaged_copy_in_the_state_is_refused_until_it_is_accepted() {
        let fixture = enrolled();
        fs::write(fixture.file("generation"), "").unwrap();
        assert!(login(&fixture, NOON + 30).contains("restored from a backup"));
        fixture.store.generation.accept_restored().unwrap();
        assert_eq!(login(&fixture, NOON + 60), "accepted phone");
    }

    #[test]
    fn an_enrolment_moves_it() {
        let mut fixture = enrolled();
        let before = copies(&fixture);
        fixture.replace(PHONE);
        let [state, beside] = copies(&fixture);
        assert_eq!(state, beside);
        assert_ne!([state, beside], before);
    }

    #[test]
    fn the_copy_beside_the_keyring_names_its_state() {
        let named = |state: &str| beside_keyring(Path::new(state), Path::new("/etc/pam_totp/keyring.toml"));
        let directory = Path::new("/etc/pam_totp");
        assert_eq!(named("/var/lib/pam_totp"), directory.join("keyring.var-lib-pam_totp.generation"));
        assert_eq!(named("/a-b/c d"), directory.join("keyring.a%2Db-c%20d.generation"));
        assert_ne!(named("/a/b"), named("/a-b"));
        let long = named(&format!("/{}", "a/\u{fc}".repeat(200)));
        assert!(long.file_name().unwrap().len() < 200);
    }
}
