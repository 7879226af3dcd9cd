//! Notices that wait to be sent: who may leave one, in which order they wait, how long each is tried, and what an engine does
//! with them.

use crate::notice::Notice;
use crate::secret::Entropy;
use crate::store::error::StoreError;
use std::time::Duration;

/// The most that logins leave of one account, and in all: nobody fills the store by logging in.
const MOST_OF_ONE: usize = 32;
const MOST_OF_LOGINS: usize = 1024;
/// The most there are: what a command has to tell finds room when that of logins is used up.
const MOST: usize = 4096;
/// The first pause before a notice is tried again, in seconds; it doubles up to the longest.
const FIRST_PAUSE: u64 = 60;
const LONGEST_PAUSE: u64 = 3600;
/// So many tries take three days. Anyone who tries more often, as "notify --now" does, gives nothing up earlier.
const ENOUGH_TRIES: u32 = 78;
const LONGEST_WAIT: u64 = 3 * 86400;

/// Who leaves a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A login, which does not wait for the disk.
    Login,
    /// A command: what it said it did is told also after a crash.
    Command,
}

/// The notices of a store.
pub trait NoticeSpool {
    /// The right to send, which one has at a time.
    type Sending: Sending;

    /// What it is called here, for messages about it.
    fn name(&self) -> String;

    /// Leaves a notice about the account of `uid`.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be written, or there are too many; then there is none.
    fn put(
        &self,
        notice: &Notice,
        uid: Option<u32>,
        origin: Origin,
        entropy: &mut dyn Entropy,
    ) -> Result<(), StoreError>;

    /// The notices that wait, the oldest first, without what is being written; and what is there and is none, by name.
    ///
    /// # Errors
    /// [`StoreError`] where they cannot be listed or trusted; a spool that is not there is empty.
    fn waiting(&self) -> Result<(Vec<Waiting>, Vec<String>), StoreError>;

    /// The text of a notice, without holding anybody up; `None`: it is gone, someone sent it.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be read or trusted.
    fn read(&self, waiting: &Waiting) -> Result<Option<Vec<u8>>, StoreError>;

    /// Takes the right to send, waiting for others at most `patience`. Takes away what killed programs have left.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be trusted, locked or cleaned.
    fn lock_to_send(&self, patience: Duration, now: u64) -> Result<SendLock<Self::Sending>, StoreError>;
}

/// What asking for the right to send came to.
pub enum SendLock<S> {
    /// Until this is dropped.
    Sending(S),
    /// Another process sends.
    Busy,
    /// There is no spool, so nothing to send.
    NothingThere,
}

/// The right to send.
pub trait Sending {
    /// It was taken: it waits no longer.
    ///
    /// # Errors
    /// [`StoreError`]; it will be sent once more.
    fn done(&self, notice: &Waiting) -> Result<(), StoreError>;

    /// It is tried again later, however often it was tried: `next` replaces `notice`.
    ///
    /// # Errors
    /// [`StoreError`]; the try is not counted.
    fn replace(&self, notice: &Waiting, next: &Waiting) -> Result<(), StoreError>;

    /// It was not taken: it is tried again later, which is said, or was tried often and long enough and is given up.
    ///
    /// # Errors
    /// [`StoreError`]; the try is not counted.
    fn failed(&self, notice: &Waiting, now: u64) -> Result<Option<Waiting>, StoreError> {
        if notice.tries.saturating_add(1) >= ENOUGH_TRIES && notice.is_old(now) {
            return self.done(notice).map(|()| None);
        }
        self.later(notice, now).map(Some)
    }

    /// It is tried again later, however often it was tried.
    ///
    /// # Errors
    /// [`StoreError`]; the try is not counted.
    fn later(&self, notice: &Waiting, now: u64) -> Result<Waiting, StoreError> {
        let next = Waiting { tries: notice.tries.saturating_add(1), last: now, ..notice.clone() };
        self.replace(notice, &next).map(|()| next)
    }
}

/// A notice that waits, and what became of it so far. They are sent in this order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// When it came about, in seconds since 1970.
    pub at: u64,
    /// Its place among those of the same second.
    pub number: u32,
    /// The account that it is about; `None`: one that the system did not know.
    pub uid: Option<u32>,
    /// What it is called as long as it waits.
    pub id: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it was tried last, in seconds since 1970; zero: never.
    pub last: u64,
}

impl Waiting {
    /// When it is to be tried, in seconds since 1970. Twice the pause after each try.
    #[must_use]
    pub fn due(&self) -> u64 {
        if self.tries == 0 {
            return 0;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.tries.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
        self.last.saturating_add(pause)
    }

    /// Whether it is to be tried now. A clock that was set back does not hold it up.
    #[must_use]
    pub fn is_due(&self, now: u64) -> bool {
        now >= self.due() || now < self.last
    }

    /// Whether it has waited for as long as notices do.
    #[must_use]
    pub fn is_old(&self, now: u64) -> bool {
        now.saturating_sub(self.at) > LONGEST_WAIT
    }

    /// What it is called as long as it waits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Whether there is room for one more beside those that wait; its number among those of the same second.
#[must_use]
pub fn space_for(waiting: &[Waiting], at: u64, uid: Option<u32>, origin: Origin) -> Option<u32> {
    let of_this_one = waiting.iter().filter(|notice| notice.uid == uid).count();
    let is_full = match origin {
        Origin::Login => waiting.len() >= MOST_OF_LOGINS || of_this_one >= MOST_OF_ONE,
        Origin::Command => waiting.len() >= MOST,
    };
    if is_full {
        return None;
    }
    let of_this_second = waiting.iter().filter(|notice| notice.at == at).map(|notice| notice.number);
    Some(of_this_second.max().map_or(0, |number| number.saturating_add(1)))
}
