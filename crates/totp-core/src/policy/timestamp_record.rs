//! The timestamp record: was a code accepted in this login session a short time ago (`fresh`)?
//!
//! A record names a process of the session by its number and start time, which its user cannot choose. That process
//! must be an ancestor of the process that asks. Time is counted by a clock that cannot be set.
//!
//! It counts only for the account that gave the code: every process that could have typed into the asking one must
//! belong to that account or to root. It is neither written nor counted if a third account is in between.

use crate::random::Id;
use crate::time::Seconds;
use std::fmt::Write;

/// A process of this boot: a number is used again, but not with the same start time.
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

/// The number that the kernel shows for a uid that is unknown in the reader's user namespace (user_namespaces(7),
/// `/proc/sys/kernel/overflowuid`): the owner is not known.
const OVERFLOW: u32 = 65_534;

impl Uids {
    fn are_roots(self) -> bool {
        self.0 == [0; 4]
    }

    /// Whether only root and this account can act through the process.
    fn belong_to(self, account: u32) -> bool {
        account != OVERFLOW && self.0.iter().all(|&uid| uid == 0 || uid == account)
    }
}

/// A process between the asking one and process 1, without process 1.
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

/// Where the request comes from, as the application says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionOrigin {
    /// No remote host: a command, or a login at a terminal.
    Local,
    /// sshd, for a connection.
    Sshd,
    /// Another program, for a remote host.
    Remote,
}

/// The boot id of this machine (`/proc/sys/kernel/random/boot_id`).
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

/// A timestamp record: a code was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampRecord {
    /// The uid of the account that gave the code.
    pub uid: u32,
    /// The enrolment. A record ends with its enrolment.
    pub credential: Id,
    /// The boot.
    pub boot: BootId,
    /// The login session: the leader of the session of the accepting process (setsid(2)).
    pub leader: Process,
    /// When, in seconds of `CLOCK_BOOTTIME`.
    pub at: u64,
}

/// The request for which a record is written or looked for.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The uid of the account that is authenticated.
    pub uid: u32,
    /// Where the request comes from.
    pub origin: SessionOrigin,
    /// The uid of the account that asks (`PAM_RUSER`), if the application names one. A program that has given up its
    /// caller's real uid shows the caller only here, and it may ask for the code of its target.
    pub requester: Option<u32>,
    /// The asking process and its ancestors, without process 1.
    pub ancestors: &'a [Ancestor],
    /// Whether process 1 started the last of them as an sshd for one connection.
    pub is_socket_instance: bool,
}

impl Caller<'_> {
    /// The leader of the session for which a record may be written; `None`: write none.
    ///
    /// The session must have a terminal or belong to one connection to sshd. Any other may be shared by connections, as
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

    /// sshd leads a session for each connection and asks itself or through a forked copy (sshd.c, auth-pam.c). An sshd
    /// that another server started for the connection, in that server's session, does neither.
    fn is_connection_of_sshd(&self, below: &[Ancestor]) -> bool {
        let is_its_own = match below {
            [_] => true,
            [asker, _] => asker.is_fork,
            [] | [_, _, ..] => false,
        };
        // Started by process 1 it may be a long-lived service, which serves many connections, unless it was started for one.
        let has_parent = self.ancestors.len() > below.len();
        is_its_own
            && (has_parent || self.is_socket_instance)
            && below.iter().all(|ancestor| ancestor.uids.are_roots())
    }

    /// Whether the asking application was called by the account itself or by root.
    fn is_of_the_account(&self) -> bool {
        self.requester.is_none_or(|uid| uid == 0 || uid == self.uid)
    }

    /// Whether a record of this leader's session may count for the request.
    fn is_served_by(&self, leader: Process) -> bool {
        let Some(at) = self.ancestors.iter().position(|ancestor| ancestor.process == leader) else {
            return false;
        };
        // A remote login begins a session of its own; a leader among its ancestors only shows who started the server.
        self.origin == SessionOrigin::Local
            && self.is_of_the_account()
            && self.ancestors.iter().all(|ancestor| ancestor.uids.belong_to(self.uid))
            && self.is_below_a_login()
            && self.is_of_one_login(at)
    }

    /// A login descends from root's sshd or login(1). A terminal multiplexer that outlived its login descends from
    /// process 1 or from another process that adopts orphans, and the user who attaches to it later must not profit from a
    /// code that was typed there. The asking program itself shows nothing: it may be root's because it is sudo.
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

    /// Whether an account's process was started by its parent (at that position), which is root's: its session is led
    /// from there, or it leads one at a terminal. A daemon leads one without a terminal, and the leader of a process
    /// that outlived its login has ended.
    fn was_started_by(&self, child: &Ancestor, parent: usize) -> bool {
        if child.leads() {
            return child.has_terminal;
        }
        let above = self.ancestors.get(parent..).unwrap_or_default();
        above.iter().any(|ancestor| ancestor.process.pid == child.session)
    }

    /// Whether the leader at this position leads the session of one login: at a terminal, or for one connection to sshd
    /// with the person's own process directly below it.
    fn is_of_one_login(&self, at: usize) -> bool {
        let Some(leader) = self.ancestors.get(at) else { return false };
        let below = at.checked_sub(1).and_then(|below| self.ancestors.get(below));
        leader.has_terminal
            || (leader.uids.are_roots() && below.is_some_and(|below| below.uids == Uids([self.uid; 4])))
    }
}

/// The request for which a record would count now.
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

/// The beginning of a record; a record of another version is ignored.
const HEAD: &str = "pam_totp-fresh 1";

impl TimestampRecord {
    /// How long ago the code was accepted, if it was for this account and in the same login session.
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

    /// Reads a record; `None` for anything else, also for half a line.
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

/// Parses a number as it was written: digits without a leading zero.
fn number<T: std::str::FromStr>(word: &str) -> Option<T> {
    let is_written = word == "0" || !word.starts_with('0');
    (is_written && word.bytes().all(|byte| byte.is_ascii_digit())).then(|| word.parse().ok())?
}

#[cfg(test)]
#[path = "timestamp_record_tests.rs"]
mod tests;
