//! One rule: was a code accepted in this login session a moment ago (step-up freshness). And the stamp that says so.
//!
//! A stamp names a process of the session by what its user cannot choose, its number together with its start, and that
//! process must be an ancestor of whoever asks. Time is counted by the clock that only runs on.

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

/// An ancestor of whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ancestor {
    /// Which process.
    pub process: Process,
    /// All its uids are root's.
    pub is_root: bool,
}

/// This boot of this machine (`/proc/sys/kernel/random/boot_id`).
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
pub struct Stamp {
    /// Whose code; the account's uid.
    pub uid: u32,
    /// Of which enrolment: one that is replaced or withdrawn takes its stamps along.
    pub credential: Id,
    /// In which boot.
    pub boot: BootId,
    /// In which login session: the leader of the session that the accepting process was in (setsid(2)).
    pub leader: Process,
    /// When, in seconds of `CLOCK_BOOTTIME`.
    pub at: u64,
}

/// Who asks now.
#[derive(Debug, Clone)]
pub struct Asker<'a> {
    /// The account's uid.
    pub uid: u32,
    /// Its enrolment.
    pub credential: Id,
    /// This boot.
    pub boot: &'a BootId,
    /// The asking process and those before it, up to and without the first of all.
    pub ancestors: &'a [Ancestor],
    /// Now, in seconds of `CLOCK_BOOTTIME`.
    pub now: u64,
}

/// What a stamp begins with; another version is no stamp.
const HEAD: &str = "pam_totp-fresh 1";

impl Stamp {
    /// How long ago the code was accepted, if it was this asker's and in the same login session.
    #[must_use]
    pub fn age(&self, asker: &Asker<'_>) -> Option<Seconds> {
        let theirs = self.uid == asker.uid && self.credential == asker.credential && self.boot == *asker.boot;
        let descends = asker.ancestors.iter().any(|ancestor| ancestor.process == self.leader);
        // A login hangs from root's sshd or login(1). A terminal multiplexer that was left behind hangs from the first of all
        // itself, and whoever attaches to it later must not profit from what somebody typed into it. The asking program
        // says nothing of that: it may be root's by being sudo.
        let login =
            asker.ancestors.split_first().and_then(|(_, rest)| rest.last()).is_some_and(|top| top.is_root);
        let age = asker.now.checked_sub(self.at)?;
        (theirs && descends && login).then_some(Seconds(age))
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
        let stamp = Self {
            uid: number(word()?)?,
            credential: Id::from_hex(word()?)?,
            boot: BootId::parse(word()?)?,
            leader: Process { pid: number(word()?)?, start: number(word()?)? },
            at: number(word()?)?,
        };
        word().is_none().then_some(stamp)
    }
}

/// As it was written: digits, and no zero before them.
fn number<T: std::str::FromStr>(word: &str) -> Option<T> {
    let is_written = word == "0" || !word.starts_with('0');
    (is_written && word.bytes().all(|byte| byte.is_ascii_digit())).then(|| word.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn boot(digit: char) -> BootId {
        BootId::parse(&format!("{}-4444-4444-4444-{}", digit.to_string().repeat(8), "5".repeat(12))).unwrap()
    }

    fn process(pid: u32) -> Process {
        Process { pid, start: u64::from(pid) * 10 }
    }

    fn stamp() -> Stamp {
        Stamp { uid: 1001, credential: Id::new([1; 16]), boot: boot('1'), leader: process(20), at: 1000 }
    }

    /// sudo (40) of a shell (30) of sshd's session (20, root's) of sshd (10, root's).
    fn chain() -> Vec<Ancestor> {
        [(40, true), (30, false), (20, true), (10, true)]
            .map(|(pid, is_root)| Ancestor { process: process(pid), is_root })
            .to_vec()
    }

    fn age(change: impl FnOnce(&mut Stamp), chain: &[Ancestor], now: u64) -> Option<Seconds> {
        let mut stamp = stamp();
        change(&mut stamp);
        let asker =
            Asker { uid: 1001, credential: Id::new([1; 16]), boot: &boot('1'), ancestors: chain, now };
        stamp.age(&asker)
    }

    #[test]
    fn a_stamp_counts_for_whoever_descends_from_its_process() {
        assert_eq!(age(|_| {}, &chain(), 1000), Some(Seconds(0)));
        assert_eq!(age(|_| {}, &chain(), 1900), Some(Seconds(900)));
        assert_eq!(age(|stamp| stamp.leader = process(30), &chain(), 1000), Some(Seconds(0)), "a terminal's");
        assert_eq!(age(|stamp| stamp.leader = process(21), &chain(), 1000), None, "another session");
    }

    #[test]
    fn a_number_that_was_given_again_is_another_process() {
        assert_eq!(age(|stamp| stamp.leader.start = 201, &chain(), 1000), None);
    }

    #[test]
    fn another_account_enrolment_or_boot_does_not_count() {
        assert_eq!(age(|stamp| stamp.uid = 0, &chain(), 1000), None);
        assert_eq!(age(|stamp| stamp.credential = Id::new([2; 16]), &chain(), 1000), None);
        assert_eq!(age(|stamp| stamp.boot = boot('2'), &chain(), 1000), None);
        assert_eq!(age(|stamp| stamp.at = 1001, &chain(), 1000), None, "from the future");
    }

    #[test]
    fn what_was_left_behind_by_a_login_is_in_no_login_session() {
        // sudo of a shell of a multiplexer that the first of all processes has adopted.
        let left: Vec<_> = [(40, true), (30, false), (25, false)]
            .map(|(pid, is_root)| Ancestor { process: process(pid), is_root })
            .to_vec();
        assert_eq!(age(|stamp| stamp.leader = process(30), &left, 1000), None);
        assert_eq!(age(|stamp| stamp.leader = process(20), &left, 1000), None);
        // `exec sudo` of its first shell: the leader is the asking program itself, and root's.
        let exec = [&left[1..2], &left[2..]].concat();
        let exec: Vec<_> =
            exec.iter().map(|one| Ancestor { is_root: one.process.pid == 30, ..*one }).collect();
        assert_eq!(age(|stamp| stamp.leader = process(30), &exec, 1000), None);
        assert_eq!(age(|stamp| stamp.leader = process(30), &exec[..1], 1000), None);
    }

    #[test]
    fn a_boot_is_named_by_36_hexadecimal_digits_and_dashes() {
        let name = "0123abcd-4444-4444-4444-555555555555";
        assert!(BootId::parse(name).is_some());
        for other in ["", &name[1..], &format!("{name}5"), &name.replace('a', "g"), &name.replace('-', " ")] {
            assert_eq!(BootId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_stamp_is_one_line_and_half_of_it_is_none() {
        let line = stamp().encode();
        assert_eq!(Stamp::decode(line.as_bytes()), Some(stamp()));
        for end in 0..line.len() {
            assert_eq!(Stamp::decode(&line.as_bytes()[..end]), None, "{end}");
        }
        for line in [
            line.replace("fresh 1", "fresh 2"),
            format!("{} 1\n", line.trim_end()),
            line.replace("1001", "+1001"),
            line.replace("1001", "01001"),
            line.replace("1000\n", "00\n"),
        ] {
            assert_eq!(Stamp::decode(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_stamp_of_another_version_is_none() {
        let line = stamp().encode();
        assert!(Stamp::decode(line.as_bytes()).is_some());
        for version in ["0", "2", "11", "1x"] {
            let other = line.replacen("pam_totp-fresh 1", &format!("pam_totp-fresh {version}"), 1);
            assert_eq!(Stamp::decode(other.as_bytes()), None, "{version}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Stamp::decode(&bytes);
        }
    }
}
