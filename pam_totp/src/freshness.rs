//! Freshness (`[fresh]`, `fresh=`): finds the timestamp record of a code that was accepted in this login session, and leaves one.
//!
//! The login session is read from the kernel: a user cannot choose any of it.

use crate::attempt::Attempt;
use crate::socket_instance::serves_one_connection;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, getpid, read};
use std::fs;
use std::os::fd::OwnedFd;
use totp_core::policy::timestamp_record::{
    Ancestor, Asker, BootId, Caller, Process, SessionOrigin, TimestampRecord, Uids,
};
use totp_core::random::Id;
use totp_core::store::Held;
use totp_core::time::{Now, Seconds};
use totp_core::user::Account;
use totp_host::machine::{self, Who};
use totp_host::store;

/// Why the next login asks for a code again, for the argument `debug`.
const NOT_LEFT: &str = "no timestamp record: it is left at a terminal, or in sshd's own session of a connection, where root and the account have every process";

/// How long ago a code was accepted in this login session. `None`: none was, or it cannot be found out.
pub(crate) fn since_code(
    attempt: &Attempt<'_>,
    held: &impl Held,
    caller: &CallerOfSession,
    now: Now,
) -> Option<Seconds> {
    let (boot, ancestors) = (boot()?, &caller.ancestors);
    let credential = held.credential().owner().id;
    let caller = caller.as_caller();
    let uid = caller.uid;
    let asker = Asker { caller, credential, boot: &boot, now: now.boottime };
    let records = store::timestamp_records(&attempt.config.paths);
    let ages =
        ancestors.iter().filter_map(|ancestor| records.of(uid, ancestor.process).ok().flatten()?.age(&asker));
    ages.min()
}

/// Tells all logins of this machine to leave timestamp records: where people log in, the argument `fresh=` of this line is not
/// known. With the caller guard: a directory that is made but does not belong to root yet would be refused by every login.
pub(crate) fn ask_for_records(attempt: &mut Attempt<'_>) {
    if let Err(error) = store::timestamp_records(&attempt.config.paths).ask_for_timestamps() {
        attempt.debug(&format!("no timestamps: {error}"));
    }
}

/// Leaves a record of an accepted code for the commands of this login session. Without one they ask for a code.
pub(crate) fn leave(attempt: &mut Attempt<'_>, account: &Account, credential: Id) {
    let Some(record) = record(attempt, account, credential) else { return attempt.debug(NOT_LEFT) };
    let records = store::timestamp_records(&attempt.config.paths);
    // The first record since the boot makes the directory, and one that does not belong to root yet would be refused.
    attempt.guard_from_caller();
    let put = records.put(&record, is_alive);
    if let Err(error) = attempt.restore_caller() {
        attempt.audit.error(account.user.as_str(), error);
    }
    if let Err(error) = put {
        attempt.debug(&format!("no timestamp: {error}"));
    }
}

fn record(attempt: &Attempt<'_>, account: &Account, credential: Id) -> Option<TimestampRecord> {
    let caller = CallerOfSession::of(attempt, account)?;
    let caller = caller.as_caller();
    let (uid, boot, leader) = (caller.uid, boot()?, caller.leader()?);
    Some(TimestampRecord { uid, credential, boot, leader, at: machine::now().ok()?.boottime })
}

/// What decides whether a record is left, or counts.
///
/// It is found out before the caller guard, which changes the real uid that is among what is read, and before the ledger is
/// held: the look-up of the requester may wait for a directory service.
pub(crate) struct CallerOfSession {
    uid: u32,
    origin: SessionOrigin,
    requester: Option<u32>,
    ancestors: Vec<Ancestor>,
    is_socket_instance: bool,
}

impl CallerOfSession {
    /// `None`: it cannot be found out, so no record is left and none counts.
    pub(crate) fn of(attempt: &Attempt<'_>, account: &Account) -> Option<Self> {
        let requester = match attempt.request.requester.as_deref() {
            None => None,
            Some(name) if name == account.user.as_str() => account.uid,
            Some(name) => match machine::canonical(name).ok()? {
                Who::Account(requester) => Some(requester.uid?),
                Who::Impossible(_) => return None,
            },
        };
        let (origin, ancestors) = (attempt.request.origin(), ancestors()?);
        let is_socket_instance = origin == SessionOrigin::Sshd
            && ancestors.last().is_some_and(|top| is_socket_instance(top.process).unwrap_or(false));
        Some(Self { uid: account.uid?, origin, requester, ancestors, is_socket_instance })
    }

    fn as_caller(&self) -> Caller<'_> {
        let Self { uid, origin, requester, ref ancestors, is_socket_instance } = *self;
        Caller { uid, origin, requester, ancestors, is_socket_instance }
    }
}

/// Whether process 1 started this process for one connection.
fn is_socket_instance(process: Process) -> Option<bool> {
    let opened = Opened::of(Pid::from_raw(i32::try_from(process.pid).ok()?))?;
    let stat = opened.stat()?;
    let (mut name, mut cgroup) = ([0; BEGINNING], [0; LONGEST_CGROUP]);
    let is_one = serves_one_connection(opened.read("comm", &mut name)?, opened.read("cgroup", &mut cgroup)?);
    Some(is_one && stat.process == process && stat.parent.as_raw() == 1)
}

/// A process has a line for each hierarchy of version 1, of which there are at most 13.
const LONGEST_CGROUP: usize = 4096;

/// The most ancestors that are read. A longer line is not read to its end, so it proves nothing.
const LONGEST: usize = 128;

/// How many bytes of a file in /proc are read, in one call: what is needed is in the first five hundred.
const BEGINNING: usize = 1024;

const FLAGS: OFlag = OFlag::O_RDONLY.union(OFlag::O_CLOEXEC);

/// This boot.
fn boot() -> Option<BootId> {
    let mut text = [0; BEGINNING];
    let text = beginning(open("/proc/sys/kernel/random/boot_id", FLAGS, Mode::empty()), &mut text)?;
    BootId::parse(std::str::from_utf8(text).ok()?.trim_end())
}

/// Whether a process with that number exists.
fn is_alive(pid: u32) -> bool {
    fs::exists(format!("/proc/{pid}")).unwrap_or(true)
}

/// This process and its ancestors, without process 1. `None`: they cannot be read to the end, or one has ended. Call it while
/// the application's own real uid is in place: that is among what is read.
///
/// The kernel may give the number of an ended process to another one at any moment. So each parent is opened by the number
/// that its child names, and the child is read again afterwards: while it still names that number, its parent has it.
fn ancestors() -> Option<Vec<Ancestor>> {
    let mut ancestors: Vec<Ancestor> = Vec::new();
    let mut child = Opened::of(getpid())?;
    let mut stat = child.stat()?;
    ancestors.push(stat.ancestor(child.uids()?)?);
    while stat.parent.as_raw() > 1 {
        if ancestors.len() == LONGEST {
            return None;
        }
        let parent = Opened::of(stat.parent)?;
        if child.stat()? != stat {
            return None;
        }
        let of_parent = parent.stat()?;
        // No process is younger than its child.
        if of_parent.process.start > stat.process.start {
            return None;
        }
        ancestors.push(of_parent.ancestor(parent.uids()?)?);
        (child, stat) = (parent, of_parent);
    }
    Some(ancestors)
}

/// The directory of a process in /proc. What is read through it belongs to that process; after its end, nothing can be read.
struct Opened {
    pid: Pid,
    directory: OwnedFd,
}

impl Opened {
    fn of(pid: Pid) -> Option<Self> {
        let directory =
            open(format!("/proc/{pid}").as_str(), FLAGS | OFlag::O_DIRECTORY, Mode::empty()).ok()?;
        Some(Self { pid, directory })
    }

    fn stat(&self) -> Option<Stat> {
        Stat::parse(self.pid, self.read("stat", &mut [0; BEGINNING])?)
    }

    fn uids(&self) -> Option<Uids> {
        uids(self.read("status", &mut [0; BEGINNING])?)
    }

    fn read<'t>(&self, name: &str, text: &'t mut [u8]) -> Option<&'t [u8]> {
        beginning(openat(&self.directory, name, FLAGS, Mode::empty()), text)
    }
}

/// The kernel makes such a text when it is read, and gives as much of it as fits.
fn beginning(file: nix::Result<OwnedFd>, buffer: &mut [u8]) -> Option<&[u8]> {
    let length = read(file.ok()?, buffer).ok()?;
    buffer.get(..length)
}

/// The line `Uid:` of proc_pid_status(5): real, effective, saved and file system uid. A program's name cannot look like that
/// line: the kernel escapes line ends in it.
fn uids(status: &[u8]) -> Option<Uids> {
    let line = status
        .split_inclusive(|&byte| byte == b'\n')
        .find_map(|line| line.strip_prefix(b"Uid:")?.strip_suffix(b"\n"))?;
    let mut uids = std::str::from_utf8(line).ok()?.split_ascii_whitespace().map(str::parse);
    let mut uid = || uids.next()?.ok();
    let found = Uids([uid()?, uid()?, uid()?, uid()?]);
    uids.next().is_none().then_some(found)
}

/// `PF_FORKNOEXEC` (include/linux/sched.h), which ps(1) shows as 1 in its column F.
const FORKED: u64 = 0x40;

/// The fields of proc_pid_stat(5) that are needed.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    process: Process,
    parent: Pid,
    /// The leader of the session; zero: it is outside this PID namespace.
    session: u32,
    /// The device number of the controlling terminal; zero: none.
    terminal: i64,
    has_ended: bool,
    is_fork: bool,
}

impl Stat {
    fn parse(pid: Pid, line: &[u8]) -> Option<Self> {
        // The second field is the program's name in parentheses, and its user chooses it: spaces, parentheses.
        let behind = line.iter().rposition(|&byte| byte == b')')?.checked_add(1)?;
        let rest = std::str::from_utf8(line.get(behind..)?).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        // Of the rest the first is field 3, the state. The others are fields 4, 6, 7, 9 and 22.
        let has_ended = matches!(fields.next()?, "Z" | "X" | "x");
        let parent = fields.next()?.parse().ok()?;
        let session = fields.nth(1)?.parse().ok()?;
        let terminal = fields.next()?.parse().ok()?;
        let flags: u64 = fields.nth(1)?.parse().ok()?;
        let start = fields.nth(12)?.parse().ok()?;
        // The text may have been cut in the number that comes last.
        fields.next()?;
        let process = Process { pid: u32::try_from(pid.as_raw()).ok()?, start };
        let is_fork = flags & FORKED != 0;
        Some(Self { process, parent: Pid::from_raw(parent), session, terminal, has_ended, is_fork })
    }

    fn ancestor(&self, uids: Uids) -> Option<Ancestor> {
        let Self { process, session, is_fork, .. } = *self;
        let ancestor = Ancestor { process, uids, session, has_terminal: self.terminal != 0, is_fork };
        (!self.has_ended).then_some(ancestor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_name_cannot_forge_its_parent_or_start() {
        let tail = "S 7 19 20 34816 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0";
        for name in ["bash", "a) S 1 1", ")", "x y", "\n"] {
            let stat = Stat::parse(Pid::from_raw(9), format!("9 ({name}) {tail}").as_bytes());
            let expected = Stat {
                process: Process { pid: 9, start: 4242 },
                parent: Pid::from_raw(7),
                session: 20,
                terminal: 34816,
                has_ended: false,
                is_fork: false,
            };
            assert_eq!(stat, Some(expected), "{name:?}");
        }
        assert_eq!(Stat::parse(Pid::from_raw(9), b"9 (bash) S 7"), None);
        assert_eq!(Stat::parse(Pid::from_raw(9), b""), None);
        assert_eq!(
            Stat::parse(Pid::from_raw(9), b"9 (bash) S 7 20 20 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 42"),
            None
        );
    }

    #[test]
    fn a_process_that_has_ended_is_no_ancestor() {
        for (state, is_ancestor) in [("S", true), ("R", true), ("Z", false), ("X", false)] {
            let line = format!("9 (bash) {state} 7 20 20 0 -1 4194624 1 0 0 0 0 0 0 0 20 0 1 0 42 0");
            let stat = Stat::parse(Pid::from_raw(9), line.as_bytes()).unwrap();
            let ancestor = stat.ancestor(Uids([0; 4]));
            assert_eq!(ancestor.is_some(), is_ancestor, "{state}");
            assert!(ancestor.is_none_or(|ancestor| ancestor.is_fork && !ancestor.has_terminal));
        }
    }

    #[test]
    fn four_complete_uids_are_read_or_none() {
        let of = |line: &str| uids(format!("Name:\tsu\\nUid:\nUmask:\t0022\n{line}").as_bytes());
        assert_eq!(of("Uid:\t1001\t0\t0\t7\nGid:\t1\n"), Some(Uids([1001, 0, 0, 7])));
        for line in
            ["Uid:\t1001\t0\t0\t7", "Uid:\t1\t2\t3\n", "Uid:\t1\t2\t3\t4\t5\n", "Uid:\t1\t2\t-3\t4\n", ""]
        {
            assert_eq!(of(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_forked_process_differs_from_one_that_executed_a_program() {
        // The test program was executed; the subshell is a fork that has executed nothing.
        assert!(!ancestors().unwrap()[0].is_fork);
        let shell = "(read -r line </proc/self/stat; cat </proc/$$/stat; echo \"$line\") | cat";
        let out = std::process::Command::new("/bin/sh").args(["-c", shell]).output().unwrap();
        let lines = String::from_utf8(out.stdout).unwrap();
        let forked: Vec<_> = lines
            .lines()
            .map(|line| Stat::parse(Pid::from_raw(9), line.as_bytes()).unwrap().is_fork)
            .collect();
        assert_eq!(forked, [false, true], "{lines}");
    }

    #[test]
    fn this_process_descends_from_others_in_this_boot() {
        let ancestors = ancestors().unwrap();
        let uids = nix::unistd::getresuid().unwrap();
        let own = [uids.real, uids.effective, uids.saved, uids.effective].map(nix::unistd::Uid::as_raw);
        assert_eq!(ancestors[0].uids, Uids(own));
        let session = nix::unistd::getsid(None).unwrap();
        assert_eq!(i32::try_from(ancestors[0].session), Ok(session.as_raw()));
        assert_eq!(ancestors[0].process.pid, std::process::id());
        assert!(
            ancestors.iter().skip(1).all(|ancestor| ancestor.process.start <= ancestors[0].process.start)
        );
        assert!(boot().is_some() && is_alive(std::process::id()));
        assert!(!is_alive(u32::MAX));
    }
}
