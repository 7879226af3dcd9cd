//! The stamp of a fresh code: what is read as one is written as the same line, and no part of it is one.
//!
//! Its identifiers cannot be made outside the crate, so the module is included by path with what it stands on.
#![no_main]

#[path = "../../../totp-core/src/id.rs"]
#[allow(dead_code, reason = "the rest of the library uses it")]
mod id;
#[path = "../../../totp-core/src/secret.rs"]
#[allow(dead_code, reason = "the rest of the library uses it")]
mod secret;
#[path = "../../../totp-core/src/stamp.rs"]
#[allow(dead_code, reason = "the rest of the library uses it")]
mod stamp;
mod time {
    pub(crate) use totp_core::time::Seconds;
}

use libfuzzer_sys::fuzz_target;
use stamp::{Ancestor, Asker, Process, Stamp};
use time::Seconds;

fuzz_target!(|line: &[u8]| {
    let Some(stamp) = Stamp::decode(line) else { return };
    assert_eq!(stamp.encode().as_bytes(), line);
    for end in 0..line.len() {
        assert!(Stamp::decode(&line[..end]).is_none(), "half a line is a stamp");
    }
    assert_counts_for_its_own(&stamp);
});

/// For a process of its login session, from its time on; for no other enrolment, and for no other process.
fn assert_counts_for_its_own(stamp: &Stamp) {
    let leader = Ancestor { process: stamp.leader, is_root: true };
    let another = Process { start: stamp.leader.start ^ 1, ..stamp.leader };
    let own = [Ancestor { process: another, is_root: false }, leader];
    let asker = Asker {
        uid: stamp.uid,
        credential: stamp.credential,
        boot: &stamp.boot,
        ancestors: &own,
        now: stamp.at,
    };
    assert_eq!(stamp.age(&asker), Some(Seconds(0)));
    assert_eq!(stamp.age(&Asker { now: u64::MAX, ..asker.clone() }), Some(Seconds(u64::MAX - stamp.at)));
    assert!(stamp.at == 0 || stamp.age(&Asker { now: stamp.at - 1, ..asker.clone() }).is_none());
    assert!(stamp.age(&Asker { uid: stamp.uid ^ 1, ..asker.clone() }).is_none());
    assert!(stamp.age(&Asker { credential: id::Id::NONE, ..asker.clone() }).is_none());
    let strangers = [Ancestor { process: another, is_root: true }; 2];
    assert!(stamp.age(&Asker { ancestors: &strangers, ..asker.clone() }).is_none());
    // The asking program itself is root's by being sudo, and what hangs from nobody's login is in none.
    assert!(stamp.age(&Asker { ancestors: &[leader], ..asker.clone() }).is_none());
    let left_behind = [leader, Ancestor { process: another, is_root: false }];
    assert!(stamp.age(&Asker { ancestors: &left_behind, ..asker }).is_none());
}
