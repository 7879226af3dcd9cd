//! The timestamp of a fresh code: what is read as one is written as the same line, and no part of it is one.
//!
//! Its identifiers cannot be made outside the crate, so the module is included by path with what it stands on.
#![no_main]

#[path = "../../../totp-core/src/id.rs"]
#[allow(dead_code, reason = "the rest of the library uses it")]
mod id;
#[path = "../../../totp-core/src/secret.rs"]
#[allow(dead_code, reason = "the rest of the library uses it")]
mod secret;
#[path = "../../../totp-core/src/timestamp.rs"]
#[allow(dead_code, reason = "the rest of the library uses it")]
mod timestamp_record;
mod time {
    pub(crate) use totp_core::time::Seconds;
}

use libfuzzer_sys::fuzz_target;
use timestamp_record::{Ancestor, Asker, Process, TimestampRecord};
use time::Seconds;

fuzz_target!(|line: &[u8]| {
    let Some(timestamp) = TimestampRecord::decode(line) else { return };
    assert_eq!(timestamp.encode().as_bytes(), line);
    for end in 0..line.len() {
        assert!(TimestampRecord::decode(&line[..end]).is_none(), "half a line is a timestamp");
    }
    assert_counts_for_its_own(&timestamp);
});

/// For a process of its login session, from its time on; for no other enrolment, and for no other process.
fn assert_counts_for_its_own(timestamp: &TimestampRecord) {
    let leader = Ancestor { process: timestamp.leader, is_root: true };
    let another = Process { start: timestamp.leader.start ^ 1, ..timestamp.leader };
    let own = [Ancestor { process: another, is_root: false }, leader];
    let asker = Asker {
        uid: timestamp.uid,
        credential: timestamp.credential,
        boot: &timestamp.boot,
        ancestors: &own,
        now: timestamp.at,
    };
    assert_eq!(timestamp.age(&asker), Some(Seconds(0)));
    assert_eq!(timestamp.age(&Asker { now: u64::MAX, ..asker.clone() }), Some(Seconds(u64::MAX - timestamp.at)));
    assert!(timestamp.at == 0 || timestamp.age(&Asker { now: timestamp.at - 1, ..asker.clone() }).is_none());
    assert!(timestamp.age(&Asker { uid: timestamp.uid ^ 1, ..asker.clone() }).is_none());
    assert!(timestamp.age(&Asker { credential: id::Id::NONE, ..asker.clone() }).is_none());
    let strangers = [Ancestor { process: another, is_root: true }; 2];
    assert!(timestamp.age(&Asker { ancestors: &strangers, ..asker.clone() }).is_none());
    // The asking program itself is root's by being sudo, and what hangs from nobody's login is in none.
    assert!(timestamp.age(&Asker { ancestors: &[leader], ..asker.clone() }).is_none());
    let left_behind = [leader, Ancestor { process: another, is_root: false }];
    assert!(timestamp.age(&Asker { ancestors: &left_behind, ..asker }).is_none());
}
