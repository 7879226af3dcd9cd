//! The login session that the process belongs to, read from the kernel: nothing of it can be chosen by a user.

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, getpid, getsid, read};
use std::fs;
use std::os::fd::OwnedFd;
use totp_core::stamp::{Ancestor, BootId, Process};

/// Longest line of ancestors that is followed; a longer one is not followed to its end, so it proves nothing.
const LONGEST: usize = 128;

/// Bytes that are read of a file in /proc, in one call: what is asked for stands in its first five hundred.
const BEGINNING: usize = 1024;

const FLAGS: OFlag = OFlag::O_RDONLY.union(OFlag::O_CLOEXEC);

/// This boot.
pub(crate) fn boot() -> Option<BootId> {
    let mut text = [0; BEGINNING];
    let text = beginning(open("/proc/sys/kernel/random/boot_id", FLAGS, Mode::empty()), &mut text)?;
    BootId::parse(std::str::from_utf8(text).ok()?.trim_end())
}

/// The leader of the session (setsid(2)) that the process is in: sshd's monitor of the connection, a terminal's shell. `None`
/// where that is a daemon (of no terminal, and started by the first of all): it outlives every login.
pub(crate) fn leader() -> Option<Process> {
    let pid = getsid(None).ok()?;
    let stat = open(format!("/proc/{pid}/stat").as_str(), FLAGS, Mode::empty());
    let stat = Stat::parse(pid, beginning(stat, &mut [0; BEGINNING])?)?;
    let is_daemon = stat.parent.as_raw() <= 1 && stat.terminal == 0;
    (!is_daemon).then_some(stat.process)
}

/// Whether there is a process of that number.
pub(crate) fn is_alive(pid: u32) -> bool {
    fs::exists(format!("/proc/{pid}")).unwrap_or(true)
}

/// This process and those before it, without the first of all. `None` where that cannot be read to its end.
///
/// A number may be given to another process at any moment. So each is opened once, by its child's word, and the child is
/// asked again afterwards: as long as it names that number, its parent has it.
pub(crate) fn ancestors() -> Option<Vec<Ancestor>> {
    let mut ancestors: Vec<Ancestor> = Vec::new();
    let mut child = Opened::of(getpid())?;
    let mut stat = child.stat()?;
    ancestors.push(Ancestor { process: stat.process, is_root: child.is_root()? });
    while stat.parent.as_raw() > 1 {
        if ancestors.len() == LONGEST {
            return None;
        }
        let parent = Opened::of(stat.parent)?;
        if child.stat()? != stat {
            return None;
        }
        let of_parent = parent.stat()?;
        // Nobody is younger than their child.
        if of_parent.process.start > stat.process.start {
            return None;
        }
        ancestors.push(Ancestor { process: of_parent.process, is_root: parent.is_root()? });
        (child, stat) = (parent, of_parent);
    }
    Some(ancestors)
}

/// A process's directory in /proc. What is read through it is this process's, or nothing once that is gone.
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

    /// Whether real, effective, saved and file system uid are root's: su and sudo keep the real one of who started them.
    fn is_root(&self) -> Option<bool> {
        let mut status = [0; BEGINNING];
        let status = self.read("status", &mut status)?;
        let uids = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
        Some(std::str::from_utf8(uids).ok()?.split_ascii_whitespace().eq(["0"; 4]))
    }

    fn read<'t>(&self, name: &str, text: &'t mut [u8]) -> Option<&'t [u8]> {
        beginning(openat(&self.directory, name, FLAGS, Mode::empty()), text)
    }
}

/// The kernel makes such a text when it is read, and gives as much of it as there is room for.
fn beginning(file: nix::Result<OwnedFd>, room: &mut [u8]) -> Option<&[u8]> {
    let length = read(file.ok()?, room).ok()?;
    room.get(..length)
}

/// What of proc_pid_stat(5) is needed.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    process: Process,
    parent: Pid,
    /// The device number of the controlling terminal; zero: none.
    terminal: i64,
}

impl Stat {
    fn parse(pid: Pid, line: &[u8]) -> Option<Self> {
        // The second field is the program's name in parentheses, and whoever runs it chooses it: spaces, parentheses.
        let behind = line.iter().rposition(|&byte| byte == b')')?.checked_add(1)?;
        let rest = std::str::from_utf8(line.get(behind..)?).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        // Of the rest the first is field 3; the parent is field 4, the terminal field 7, the start field 22.
        let parent = fields.nth(1)?.parse().ok()?;
        let terminal = fields.nth(2)?.parse().ok()?;
        let start = fields.nth(14)?.parse().ok()?;
        // A number that nothing follows may be the beginning of a longer one.
        fields.next()?;
        let process = Process { pid: u32::try_from(pid.as_raw()).ok()?, start };
        Some(Self { process, parent: Pid::from_raw(parent), terminal })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_name_cannot_pretend_to_be_its_parent_or_start() {
        let tail = "S 7 20 20 34816 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0";
        for name in ["bash", "a) S 1 1", ")", "x y", "\n"] {
            let stat = Stat::parse(Pid::from_raw(9), format!("9 ({name}) {tail}").as_bytes());
            let process = Process { pid: 9, start: 4242 };
            assert_eq!(stat, Some(Stat { process, parent: Pid::from_raw(7), terminal: 34816 }), "{name:?}");
        }
        assert_eq!(Stat::parse(Pid::from_raw(9), b"9 (bash) S 7"), None);
        assert_eq!(Stat::parse(Pid::from_raw(9), b""), None);
        assert_eq!(
            Stat::parse(Pid::from_raw(9), b"9 (bash) S 7 20 20 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 42"),
            None
        );
    }

    #[test]
    fn this_process_descends_from_somebody_in_this_boot() {
        let ancestors = ancestors().unwrap();
        assert_eq!(ancestors[0].process.pid, std::process::id());
        assert!(
            ancestors.iter().skip(1).all(|ancestor| ancestor.process.start <= ancestors[0].process.start)
        );
        assert!(boot().is_some() && is_alive(std::process::id()));
        assert!(!is_alive(u32::MAX));
    }
}
