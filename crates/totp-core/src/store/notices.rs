//! The spool of notices: the trait that an engine implements, the order and limits of waiting notices, and when each is retried.

use crate::notice::Notice;
use crate::random::Entropy;
use crate::store::error::StoreError;
use std::time::Duration;

/// The most notices that logins may leave for one account, and in all: nobody fills the store by logging in.
const MOST_OF_ONE: usize = 32;
const MOST_OF_LOGINS: usize = 1024;
/// The most notices in all. Commands can still leave theirs when logins have reached their limit.
const MOST: usize = 4096;
/// The pause before the first retry, in seconds; it doubles up to the longest.
const FIRST_PAUSE: u64 = 60;
const LONGEST_PAUSE: u64 = 3600;
/// This many tries take three days. A notice is given up only when that long has passed too, so that retrying more often, as
/// "notify --now" does, gives up nothing earlier.
const ENOUGH_TRIES: u32 = 78;
const LONGEST_WAIT: u64 = 3 * 86400;

/// The program that leaves a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A login, which does not wait for the disk.
    Login,
    /// A command: the notice outlasts a crash, as the change does.
    Command,
}

/// The notices of a store that wait to be sent.
pub trait NoticeSpool {
    /// The right to send, which one process has at a time.
    type Sending: Sending;

    /// The engine's name of the spool, for messages.
    fn name(&self) -> String;

    /// Leaves a notice about the account of `uid`.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written, or if there are too many; then nothing is left.
    fn put(
        &self,
        notice: &Notice,
        uid: Option<u32>,
        origin: Origin,
        entropy: &mut dyn Entropy,
    ) -> Result<(), StoreError>;

    /// The waiting notices, the oldest first, and the names of entries that are not notices. Notices that are being written are left
    /// out; a missing spool is empty.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be listed or trusted.
    fn waiting(&self) -> Result<(Vec<Waiting>, Vec<String>), StoreError>;

    /// The text of a notice; `None`: it was sent meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read or trusted.
    fn read(&self, waiting: &Waiting) -> Result<Option<Vec<u8>>, StoreError>;

    /// Takes the right to send, waiting for others at most `patience`, and removes the drafts of killed programs.
    ///
    /// # Errors
    /// [`StoreError`] if the spool cannot be trusted, locked or cleaned.
    fn lock_to_send(&self, patience: Duration, now: u64) -> Result<SendLock<Self::Sending>, StoreError>;
}

/// The result of [`NoticeSpool::lock_to_send`].
pub enum SendLock<S> {
    /// The right to send; dropping it releases it.
    Sending(S),
    /// Another process is sending.
    Busy,
    /// There is no spool, so there is nothing to send.
    NothingThere,
}

/// The right to send.
pub trait Sending {
    /// Removes a notice that was sent.
    ///
    /// # Errors
    /// [`StoreError`]; it will be sent once more.
    fn done(&self, notice: &Waiting) -> Result<(), StoreError>;

    /// Replaces `notice` by `next`, the same notice with another number of tries.
    ///
    /// # Errors
    /// [`StoreError`]; the try is not counted.
    fn replace(&self, notice: &Waiting, next: &Waiting) -> Result<(), StoreError>;

    /// Counts a failed try. Returns the notice as it waits for the next one; `None`: it was tried long enough and is given up.
    ///
    /// # Errors
    /// [`StoreError`]; the try is not counted.
    fn failed(&self, notice: &Waiting, now: u64) -> Result<Option<Waiting>, StoreError> {
        if notice.tries.saturating_add(1) >= ENOUGH_TRIES && notice.is_old(now) {
            return self.done(notice).map(|()| None);
        }
        self.later(notice, now).map(Some)
    }

    /// Counts a try of a notice that is never given up. Returns the notice as it waits for the next one.
    ///
    /// # Errors
    /// [`StoreError`]; the try is not counted.
    fn later(&self, notice: &Waiting, now: u64) -> Result<Waiting, StoreError> {
        let next = Waiting { tries: notice.tries.saturating_add(1), last: now, ..notice.clone() };
        self.replace(notice, &next).map(|()| next)
    }
}

/// A waiting notice and its tries so far. Notices are sent in the order of these values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// When the event happened, in seconds since 1970.
    pub at: u64,
    /// Its number among the notices of the same second.
    pub number: u32,
    /// The account that it is about; `None`: the system did not know the account.
    pub uid: Option<u32>,
    /// Its name, the same across tries.
    pub id: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it was tried last, in seconds since 1970; zero: never.
    pub last: u64,
}

impl Waiting {
    /// When the next try is due, in seconds since 1970. The pause doubles with each try.
    #[must_use]
    pub fn due(&self) -> u64 {
        if self.tries == 0 {
            return 0;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.tries.saturating_sub(1).min(16)).min(LONGEST_PAUSE);
        self.last.saturating_add(pause)
    }

    /// Whether a try is due. A clock that was set back does not delay it.
    #[must_use]
    pub fn is_due(&self, now: u64) -> bool {
        now >= self.due() || now < self.last
    }

    /// Whether it has waited for longer than notices are kept.
    #[must_use]
    pub fn is_old(&self, now: u64) -> bool {
        now.saturating_sub(self.at) > LONGEST_WAIT
    }

    /// Its name, the same across tries.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// The number of one more notice among those of the same second; `None` if there are too many already.
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
