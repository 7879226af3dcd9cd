//! The spool of notices: the trait that an engine implements, the order and limits of waiting notices, and when each is retried.

use crate::notice::Notice;
use crate::random::{Entropy, EntropyError, random_array};
use crate::store::error::StoreError;
use base16ct::lower;
use sha2::{Digest, Sha256};
use std::fmt;
use std::time::Duration;

/// The most notices that logins may leave for one account, and in all: nobody fills the store by logging in. Notices of commands
/// take none of this room.
const MOST_OF_ONE: usize = 32;
const MOST_OF_LOGINS: usize = 1024;
/// The most notices that an import may leave for the persons of it, and the most that commands may leave in all; and how many more
/// those that help the owner.
const MOST_OF_BULK: usize = 2048;
const MOST_OF_COMMANDS: usize = 3072;
const MORE_OF_RELIEF: usize = 512;
/// How long a sent notice counts as one of its topic, in seconds.
pub const DAY: u64 = 86400;
/// After so many seconds a notice of a change that has not ended is sent all the same: its command may be stopped for ever.
const LONGEST_CHANGE: u64 = 60;
/// The pause before the first retry, in seconds; it doubles up to the longest.
const FIRST_PAUSE: u64 = 60;
const LONGEST_PAUSE: u64 = 3600;
/// This many tries take three days. A notice is given up only when that long has passed too, so that retrying more often, as
/// "notify --now" does, gives up nothing earlier.
const ENOUGH_TRIES: u32 = 78;
const LONGEST_WAIT: u64 = 3 * 86400;
/// This many tries take a day.
const TRIES_OF_A_DAY: u32 = 30;

/// The program that leaves a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A login.
    Login,
    /// A command.
    Command,
    /// A command whose change helps the owner: unlock, cancel, revoke. It has room that other notices do not take, also on a full
    /// disk.
    Relief,
    /// An import, for one of its persons: sent slowly, and after all others.
    Bulk,
}

/// What a notice of a command is about: event, account and operator. Notices of one topic are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Topic([u8; 8]);

impl Topic {
    /// The topic of a notice.
    #[must_use]
    pub fn of(notice: &Notice) -> Self {
        let mut digest = Sha256::new();
        for key in ["event", "user", "by"] {
            digest.update(notice.field(key).unwrap_or_default());
            digest.update([0]);
        }
        let mut topic = [0; 8];
        topic.iter_mut().zip(digest.finalize()).for_each(|(byte, digested)| *byte = digested);
        Self(topic)
    }

    /// Reads what `Display` wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut topic = [0; 8];
        let read = lower::decode(text, &mut topic).is_ok_and(|read| read.len() == 8);
        read.then_some(Self(topic))
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&lower::encode_string(&self.0))
    }
}

/// Where a waiting notice comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A login.
    Login,
    /// A command that has made its change.
    Command(Topic),
    /// A command that was about to make its change: it still runs, or was ended, and the change may stand.
    Begun(Topic),
    /// An import that has enrolled this person.
    Bulk(Topic),
}

impl Source {
    /// The source of a notice that needs no end of a change.
    #[must_use]
    pub fn of(notice: &Notice, origin: Origin) -> Self {
        match origin {
            Origin::Login => Self::Login,
            Origin::Command | Origin::Relief => Self::Command(Topic::of(notice)),
            Origin::Bulk => Self::Bulk(Topic::of(notice)),
        }
    }

    /// The topic of a command's notice.
    #[must_use]
    pub fn topic(self) -> Option<Topic> {
        match self {
            Self::Login => None,
            Self::Command(topic) | Self::Begun(topic) | Self::Bulk(topic) => Some(topic),
        }
    }
}

/// The notices of a store that wait to be sent.
pub trait NoticeSpool {
    /// The right to send, which one process has at a time.
    type Sending: Sending;
    /// A notice of a change that is about to be made.
    type Begun: Begun;

    /// The engine's name of the spool, for messages.
    fn name(&self) -> String;

    /// Leaves a notice about the account of `uid`. It outlasts a crash, as what it is about does.
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

    /// Leaves a notice of a change before it is made. It outlasts a crash, and is sent whatever happens to this process: as it is
    /// after [`Begun::finish`], else as one of a change that may have been made. Not for logins.
    ///
    /// # Errors
    /// As [`NoticeSpool::put`].
    fn begin(
        &self,
        notice: &Notice,
        uid: Option<u32>,
        origin: Origin,
        entropy: &mut dyn Entropy,
    ) -> Result<Self::Begun, StoreError>;

    /// How many notices of a topic were left within a day, sent or not.
    ///
    /// # Errors
    /// [`StoreError`] if that cannot be read.
    fn recent(&self, topic: Topic, now: u64) -> Result<usize, StoreError>;

    /// For how many more notices of this origin, which is not a login, there is room.
    ///
    /// # Errors
    /// [`StoreError`] if they cannot be listed.
    fn room(&self, origin: Origin) -> Result<usize, StoreError> {
        Ok(most_of(origin).saturating_sub(of_commands(&self.waiting()?.0)))
    }

    /// Whether the process that began a change was ended.
    ///
    /// # Errors
    /// [`StoreError`] if that is unknown.
    fn is_abandoned(&self, waiting: &Waiting) -> Result<bool, StoreError>;

    /// Whether a notice may be sent. One of a change that still runs may not, unless it runs for too long: nobody holds a mail
    /// back by stopping a command.
    ///
    /// # Errors
    /// As [`NoticeSpool::is_abandoned`].
    fn is_ready(&self, waiting: &Waiting, now: u64) -> Result<bool, StoreError> {
        match waiting.source {
            Source::Login | Source::Command(_) | Source::Bulk(_) => Ok(true),
            Source::Begun(_) if now.abs_diff(waiting.at) > LONGEST_CHANGE => Ok(true),
            Source::Begun(_) => self.is_abandoned(waiting),
        }
    }

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

    /// Takes the right to send, waiting for others at most `patience`, and removes what was sent more than a day ago. The drafts of
    /// killed programs become notices if they are about something that has happened, and are removed otherwise.
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

/// A notice of a change that is about to be made. Dropped, it is one of a change that may have been made.
pub trait Begun {
    /// The change was made. Returns whether the notice now waits as one of a change that was made; else it was sent meanwhile.
    ///
    /// # Errors
    /// [`StoreError`]; then it is sent as one of a change that may have been made.
    fn finish(self) -> Result<bool, StoreError>;

    /// Removes it: nothing was changed.
    ///
    /// # Errors
    /// [`StoreError`]; then it is sent as one of a change that may have been made.
    fn retract(self) -> Result<(), StoreError>;
}

/// The right to send.
pub trait Sending {
    /// Removes a notice that was sent. One of a command is counted for a day more.
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
    /// Its name, the same across tries ([`new_id`]).
    pub id: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it was tried last, in seconds since 1970; zero: never.
    pub last: u64,
    /// Where it comes from.
    pub source: Source,
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

    /// Whether the account that it is about had this name, as far as its id tells: one of 2^32 other names passes too. A uid may have
    /// another person by now.
    #[must_use]
    pub fn is_about(&self, user: &str) -> bool {
        self.id.get(ID_RANDOM * 2..).is_some_and(|rest| rest == lower::encode_string(&digest(user)))
    }

    /// Whether it was tried for a day since it happened, as one is whose account has no name: a directory service may be down for hours.
    #[must_use]
    pub fn is_of_yesterday(&self, now: u64) -> bool {
        self.tries.saturating_add(1) >= TRIES_OF_A_DAY && now.saturating_sub(self.at) > DAY
    }

    /// Its name, the same across tries.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// The parts of an id, in bytes: random ones, and those of the account's name.
const ID_RANDOM: usize = 12;
const ID_NAME: usize = 4;

/// A new [`Waiting::id`], 32 hexadecimal digits: random bytes, then some of SHA-256 over the name of the account.
///
/// # Errors
/// [`EntropyError`].
pub fn new_id(user: &str, entropy: &mut dyn Entropy) -> Result<String, EntropyError> {
    let random: [u8; ID_RANDOM] = random_array(entropy)?;
    Ok(lower::encode_string(&random) + &lower::encode_string(&digest(user)))
}

fn digest(user: &str) -> [u8; ID_NAME] {
    let mut digest = [0; ID_NAME];
    digest.iter_mut().zip(Sha256::digest(user)).for_each(|(byte, digested)| *byte = digested);
    digest
}

/// The number of one more notice among those of the same second; `None` if there are too many already.
#[must_use]
pub fn space_for(waiting: &[Waiting], at: u64, uid: Option<u32>, origin: Origin) -> Option<u32> {
    let is_full = if origin == Origin::Login {
        let of_logins = waiting.iter().filter(|notice| notice.source == Source::Login);
        let of_this_one = of_logins.clone().filter(|notice| notice.uid == uid).count();
        of_logins.count() >= most_of(origin) || of_this_one >= MOST_OF_ONE
    } else {
        of_commands(waiting) >= most_of(origin)
    };
    if is_full {
        return None;
    }
    let of_this_second = waiting.iter().filter(|notice| notice.at == at).map(|notice| notice.number);
    Some(of_this_second.max().map_or(0, |number| number.saturating_add(1)))
}

fn of_commands(waiting: &[Waiting]) -> usize {
    waiting.iter().filter(|notice| notice.source != Source::Login).count()
}

fn most_of(origin: Origin) -> usize {
    match origin {
        Origin::Login => MOST_OF_LOGINS,
        Origin::Bulk => MOST_OF_BULK,
        Origin::Command => MOST_OF_COMMANDS,
        Origin::Relief => MOST_OF_COMMANDS.saturating_add(MORE_OF_RELIEF),
    }
}
