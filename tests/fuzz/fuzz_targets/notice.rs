//! A notice in the spool: what is read comes back from what is written of it, half of one is none, and it is never someone
//! else's by what its values hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use totp_core::notice::Notice;

fuzz_target!(|text: &[u8]| {
    let Ok(notice) = Notice::decode(text) else { return };
    // The first time it may be cut: a value in the log has an end.
    let written = notice.encode();
    let again = Notice::decode(written.as_bytes()).expect("what was written can be read");
    assert_eq!(again.encode(), written);
    assert_eq!((again.at, &again.what, &again.otherwise), (notice.at, &notice.what, &notice.otherwise));
    assert_eq!(written.lines().count(), 4, "a value made a line of its own");
    assert!(!notice.user().is_empty());
    for end in 0..written.len() {
        assert!(Notice::decode(&written.as_bytes()[..end]).is_err(), "half a notice is one");
    }
});
