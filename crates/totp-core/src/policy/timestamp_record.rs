//! One rule: was a code accepted in this login session a moment ago (step-up freshness). And the timestamp that says so.
//!
//! A timestamp names a process of the session by what its user cannot choose, its number together with its start, and that
//! process must be an ancestor of the process that asks. Time is counted by the clock that only runs on.
//!
//! It serves the account that gave the code and nobody else: every process that could have typed into the one that asks
//! has to belong to that account or to root. So it is neither left nor counted where a third account is in between.

use crate::id::Id;
use crate::time::Seconds;
use std::fmt::Write;

/// A process, for as long as the machine is up: a number is given again, but not with the same start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it started, in clock ticks since the boot (field 22 of proc_pid_stat(5)).
    pub start: u64,
}

/// The user ids of a process: real, effective, saved, and that for files (`Uid:` of proc_pid_status(5)).
///
/// A set-user-ID program changes the effective one and keeps the caller's as the real one: all four have to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uids(pub [u32; 4]);

/// What the kernel shows in place of a uid that is unknown in the user namespace of the reader (user_namespaces(7),
/// `/proc/sys/entropy/overflowuid`): it says nothing of an owner.
const OVERFLOW: u32 = 65_534;

impl Uids {
    fn are_roots(self) -> bool {
        self.0 == [0; 4]
    }

    /// Whether nobody but root and this account can act through the process.
    fn belong_to(self, account: u32) -> bool {
        account != OVERFLOW && self.0.iter().all(|&uid| uid == 0 || uid == account)
    }
}

/// A process of the line from the one that asks up to, and without, the first of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ancestor {
    /// Which process.
    pub process: Process,
    /// Its user ids.
    pub uids: Uids,
    /// The number of the process that leads its session (setsid(2)).
    pub session: u32,
    /// Whether that session has a controlling terminal.
    pub has_terminal: bool,
    /// Whether it is a copy of its parent that has executed no program since (`PF_FORKNOEXEC`, "forked but didn't exec" of ps(1)).
    pub is_fork: bool,
}

impl Ancestor {
    fn leads(&self) -> bool {
        self.session == self.process.pid
    }
}

/// What the application says of where the request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionOrigin {
    /// No remote host: a command, or a login at a terminal.
    Local,
    /// sshd, for a connection.
    Sshd,
    /// Another program, for a remote host.
    Remote,
}

/// This boot of this machine (`/proc/sys/entropy/random/boot_id`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootId(String);

impl BootId {
    /// Parses the kernel's spelling, a UUID.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_uuid = text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        is_uuid.then(|| Self(text.to_owned()))
    }
}

/// A code was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampRecord {
    /// Whose code; the account's uid.
    pub uid: u32,
    /// Of which enrolment: one that is replaced or withdrawn takes its timestamps along.
    pub credential: Id,
    /// In which boot.
    pub boot: BootId,
    /// In which login session: the leader of the session that the accepting process was in (setsid(2)).
    pub leader: Process,
    /// When, in seconds of `CLOCK_BOOTTIME`.
    pub at: u64,
}

/// The request for which a timestamp is left, or looked for.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The uid of the account that is authenticated.
    pub uid: u32,
    /// Where it comes from.
    pub origin: SessionOrigin,
    /// The uid of the account that the application names as the one that asks (`PAM_RUSER`), if it names one: a program that
    /// has given its caller's real uid up before it asks says it only here, and it may ask for the code of its target.
    pub requester: Option<u32>,
    /// The process that asks and those before it, up to and without the first of all.
    pub ancestors: &'a [Ancestor],
}

impl Caller<'_> {
    /// The leader of the session for which a timestamp may be left. `None`: no timestamp.
    ///
    /// The session has a terminal, or it is that of one connection to sshd. Any other may be shared by connections, as
    /// under a server that starts a program for each.
    #[must_use]
    pub fn leader(&self) -> Option<Process> {
        let session = self.ancestors.first()?.session;
        let at = self.ancestors.iter().position(|ancestor| ancestor.process.pid == session)?;
        let below = self.ancestors.get(..=at)?;
        let leader = below.last()?;
        if !self.is_of_the_account() || !below.iter().all(|ancestor| ancestor.uids.belong_to(self.uid)) {
            return None;
        }
        let may_be_left = match self.origin {
            SessionOrigin::Local => leader.has_terminal,
            SessionOrigin::Sshd => !leader.has_terminal && self.is_connection_of_sshd(below),
            SessionOrigin::Remote => false,
        };
        may_be_left.then_some(leader.process)
    }

    /// sshd makes itself the leader of a session for each connection, and asks itself or by a copy of itself (sshd.c,
    /// auth-pam.c). One that another server started for the connection, in that server's session, does neither.
    fn is_connection_of_sshd(&self, below: &[Ancestor]) -> bool {
        let is_its_own = match below {
            [_] => true,
            [asker, _] => asker.is_fork,
            [] | [_, _, ..] => false,
        };
        // Started by the first of all it may be a service that lives on, as sshd is in debug mode.
        let has_parent = self.ancestors.len() > below.len();
        is_its_own && has_parent && below.iter().all(|ancestor| ancestor.uids.are_roots())
    }

    /// Whether the application that asks was called by the account itself, or by root.
    fn is_of_the_account(&self) -> bool {
        self.requester.is_none_or(|uid| uid == 0 || uid == self.uid)
    }

    /// Whether the session of this leader may serve the request.
    fn is_served_by(&self, leader: Process) -> bool {
        let Some(at) = self.ancestors.iter().position(|ancestor| ancestor.process == leader) else {
            return false;
        };
        // A remote login begins a session; that a leader is among its ancestors says only who started the server.
        self.origin == SessionOrigin::Local
            && self.is_of_the_account()
            && self.ancestors.iter().all(|ancestor| ancestor.uids.belong_to(self.uid))
            && self.is_below_a_login()
            && self.is_of_one_login(at)
    }

    /// A login hangs from root's sshd or login(1). A terminal multiplexer that was left behind hangs from the first of all
    /// itself, or from another process that adopts orphans, and anyone who attaches to it later must not profit from what
    /// was typed into it. The asking program says nothing of that: it may be root's by being sudo.
    fn is_below_a_login(&self) -> bool {
        let Some((_, above)) = self.ancestors.split_first() else { return false };
        let tops_out_at_root = above.last().is_some_and(|top| top.uids.are_roots());
        tops_out_at_root
            && self.ancestors.windows(2).zip(1..).all(|(pair, parent)| match pair {
                [child, of_child] if of_child.uids.are_roots() && !child.uids.are_roots() => {
                    self.was_started_by(child, parent)
                }
                _ => true,
            })
    }

    /// Whether an account's process was started by its parent (at that place of the line), which is root's: it is in a session
    /// that is led from there, or leads one at a terminal. A daemon leads one without a terminal, and the leader of what a
    /// login left behind is gone.
    fn was_started_by(&self, child: &Ancestor, parent: usize) -> bool {
        if child.leads() {
            return child.has_terminal;
        }
        let above = self.ancestors.get(parent..).unwrap_or_default();
        above.iter().any(|ancestor| ancestor.process.pid == child.session)
    }

    /// Whether the leader at this place leads the session of one login: at a terminal; or it is sshd's of one connection, below
    /// which comes the person's own process at once.
    fn is_of_one_login(&self, at: usize) -> bool {
        let Some(leader) = self.ancestors.get(at) else { return false };
        let below = at.checked_sub(1).and_then(|below| self.ancestors.get(below));
        leader.has_terminal
            || (leader.uids.are_roots() && below.is_some_and(|below| below.uids == Uids([self.uid; 4])))
    }
}

/// Whose timestamp counts now.
#[derive(Debug, Clone)]
pub struct Asker<'a> {
    /// The request.
    pub caller: Caller<'a>,
    /// The account's enrolment.
    pub credential: Id,
    /// This boot.
    pub boot: &'a BootId,
    /// Now, in seconds of `CLOCK_BOOTTIME`.
    pub now: u64,
}

/// What a timestamp begins with; another version is no timestamp.
const HEAD: &str = "pam_totp-fresh 1";

impl TimestampRecord {
    /// How long ago the code was accepted, if it was this asker's and in the same login session.
    #[must_use]
    pub fn age(&self, asker: &Asker<'_>) -> Option<Seconds> {
        let is_theirs =
            self.uid == asker.caller.uid && self.credential == asker.credential && self.boot == *asker.boot;
        let age = asker.now.checked_sub(self.at)?;
        (is_theirs && asker.caller.is_served_by(self.leader)).then_some(Seconds(age))
    }

    /// One line.
    #[must_use]
    pub fn encode(&self) -> String {
        let Self { uid, credential, boot, leader: Process { pid, start }, at } = self;
        let mut line = String::with_capacity(160);
        // Writing to a String cannot fail.
        let _ = writeln!(line, "{HEAD} {uid} {} {} {pid} {start} {at}", credential.to_hex(), boot.0);
        line
    }

    /// Reads it back; `None` for anything else, also for half a line.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
        let mut words = line.strip_prefix(HEAD)?.strip_prefix(' ')?.split(' ');
        let mut word = || words.next();
        let timestamp = Self {
            uid: number(word()?)?,
            credential: Id::from_hex(word()?)?,
            boot: BootId::parse(word()?)?,
            leader: Process { pid: number(word()?)?, start: number(word()?)? },
            at: number(word()?)?,
        };
        word().is_none().then_some(timestamp)
    }
}

/// As it was written: digits, and no zero before them.
fn number<T: std::str::FromStr>(word: &str) -> Option<T> {
    let is_written = word == "0" || !word.starts_with('0');
    (is_written && word.bytes().all(|byte| byte.is_ascii_digit())).then(|| word.parse().ok())?
}

#[cfg(test)]
#[path = "timestamp_record_tests.rs"]
mod tests;
