//! A timestamp record: what is read is written as the same line, no part of it is a record, and it counts for its own session only.
//!
//! Its identifiers cannot be made outside the crate, so the module is included by path with the files it needs.
#![no_main]

#[path = "../../../crates/totp-core/src/random.rs"]
#[allow(dead_code, reason = "the rest of the library uses it")]
mod random;
#[path = "../../../crates/totp-core/src/policy/timestamp_record.rs"]
#[allow(dead_code, reason = "the rest of the library uses it")]
mod timestamp_record;
mod time {
    pub(crate) use totp_core::time::Seconds;
}

use libfuzzer_sys::fuzz_target;
use random::Id;
use time::Seconds;
use timestamp_record::{Ancestor, Asker, Caller, Process, SessionOrigin, TimestampRecord, Uids};

/// What the kernel shows for a uid that it cannot map: it owns nothing.
const OVERFLOW: u32 = 65_534;

fuzz_target!(|line: &[u8]| {
    let Some(record) = TimestampRecord::decode(line) else { return };
    assert_eq!(record.encode().as_bytes(), line);
    for end in 0..line.len() {
        assert!(TimestampRecord::decode(&line[..end]).is_none(), "half a line is a record");
    }
    assert_counts_for_its_own(&record);
});

/// For sudo in a shell of its login session, from its time on; for no other account, enrolment, boot clock or process.
fn assert_counts_for_its_own(record: &TimestampRecord) {
    let another = if record.uid == 7 { 8 } else { 7 };
    let own = session(record, record.uid);
    let caller = Caller {
        is_socket_instance: false,
        uid: record.uid,
        origin: SessionOrigin::Local,
        requester: Some(record.uid),
        ancestors: &own,
    };
    let asker = Asker { caller, credential: record.credential, boot: &record.boot, now: record.at };
    let age = |caller: Caller<'_>| record.age(&Asker { caller, ..asker.clone() });
    let counts = record.uid != OVERFLOW;
    assert_eq!(record.age(&asker), counts.then_some(Seconds(0)));
    let last = Asker { now: u64::MAX, ..asker.clone() };
    assert_eq!(record.age(&last), counts.then_some(Seconds(u64::MAX - record.at)));
    assert!(record.at == 0 || record.age(&Asker { now: record.at - 1, ..asker.clone() }).is_none());
    assert!(record.age(&Asker { credential: Id::NONE, ..asker.clone() }).is_none());
    assert!(age(Caller { uid: another, ..caller }).is_none());
    assert!(age(Caller { requester: Some(another), ..caller }).is_none());
    assert!(age(Caller { origin: SessionOrigin::Sshd, ..caller }).is_none());
    assert!(age(Caller { origin: SessionOrigin::Remote, ..caller }).is_none());
    // The leader alone is missing; or a process between it and the one that asks belongs to another account.
    assert!(age(Caller { ancestors: &[own[0], own[2]], ..caller }).is_none());
    assert!(age(Caller { ancestors: &session(record, another), ..caller }).is_none());
}

/// sudo, called by `uid`; the leader of the session, a shell at a terminal; and root's sshd.
fn session(record: &TimestampRecord, uid: u32) -> [Ancestor; 3] {
    let leader = record.leader;
    let process = |start: u64| Process { start: leader.start ^ start, ..leader };
    let at_terminal = |process: Process, uids: [u32; 4]| Ancestor {
        process,
        uids: Uids(uids),
        session: leader.pid,
        has_terminal: true,
        is_fork: false,
    };
    [
        at_terminal(process(1), [uid, 0, 0, 0]),
        at_terminal(leader, [record.uid; 4]),
        Ancestor { has_terminal: false, ..at_terminal(process(2), [0; 4]) },
    ]
}
