//! Tests of the spool: order, limits, retries, and files that are not notices.

use super::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use totp_core::audit_event::{Event, Name};
use totp_core::fixture::Counter;

fn notice(at: u64) -> Notice {
    Notice::of(&Event::new(Name::Enrolled).field("user", "alice"), None, at).unwrap()
}

fn spool() -> (tempfile::TempDir, SpoolDirectory) {
    let directory = tempfile::tempdir().unwrap();
    let spool = SpoolDirectory::new(directory.path());
    (directory, spool)
}

fn put(spool: &SpoolDirectory, at: u64, uid: Option<u32>, origin: Origin) -> Result<(), StoreError> {
    spool.put(&notice(at), uid, origin, &mut Counter(at))
}

fn lock_to_send(spool: &SpoolDirectory, now: u64) -> SendingFiles {
    match spool.lock_to_send(Duration::ZERO, now).unwrap() {
        SendLock::Sending(sending) => sending,
        SendLock::Busy | SendLock::NothingThere => panic!("it is free"),
    }
}

#[test]
fn notices_are_sorted_by_time_and_readable_by_root_only() {
    let (directory, spool) = spool();
    assert_eq!(spool.waiting().unwrap(), (Vec::new(), Vec::new()));
    for (at, uid) in [(20, Some(1001)), (3, None), (100, Some(0))] {
        put(&spool, at, uid, Origin::Login).unwrap();
    }
    let (waiting, foreign) = spool.waiting().unwrap();
    let told: Vec<_> = waiting.iter().map(|notice| (notice.at, notice.uid, notice.tries)).collect();
    assert_eq!((told, foreign.len()), (vec![(3, None, 0), (20, Some(1001), 0), (100, Some(0), 0)], 0));
    let text = spool.read(&waiting[1]).unwrap().unwrap();
    assert_eq!(Notice::decode(&text), Ok(notice(20)));
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    let spool = directory.path().join("spool");
    assert_eq!((mode(&spool), mode(&spool.join(name_of(&waiting[0])))), (0o700, 0o600));
}

#[test]
fn notices_of_one_second_keep_their_order() {
    let (_directory, spool) = spool();
    for uid in [30, 10, 20, 10] {
        spool.put(&notice(7), Some(uid), Origin::Login, &mut Counter(u64::from(uid))).unwrap();
    }
    let uids: Vec<_> = spool.waiting().unwrap().0.iter().map(|notice| notice.uid).collect();
    assert_eq!(uids, [Some(30), Some(10), Some(20), Some(10)]);
}

#[test]
fn logins_fill_neither_their_account_nor_the_spool() {
    let (_directory, spool) = spool();
    for at in 0..32 {
        put(&spool, at, Some(1001), Origin::Login).unwrap();
    }
    let error = put(&spool, 32, Some(1001), Origin::Login).unwrap_err();
    assert!(error.to_string().contains("limit of unsent notices"), "{error}");
    put(&spool, 33, Some(1002), Origin::Login).unwrap();
    put(&spool, 34, Some(1001), Origin::Command).unwrap();
    for at in 100..1090 {
        fs::write(spool.path().join(format!("{at:012}.0.{}.{}.0.0", at + 10_000, "0a".repeat(16))), "")
            .unwrap();
    }
    assert_eq!(spool.waiting().unwrap().0.len(), 1024, "1023 of logins");
    put(&spool, 2000, Some(2000), Origin::Login).unwrap();
    assert!(put(&spool, 2001, Some(2001), Origin::Login).is_err());
    put(&spool, 2002, Some(2000), Origin::Command).unwrap();
}

#[test]
fn a_sent_notice_is_gone_and_a_failed_one_waits_longer() {
    let (_directory, spool) = spool();
    put(&spool, 5, Some(1), Origin::Login).unwrap();
    let sending = lock_to_send(&spool, 0);
    let (mut now, mut pauses) = (1000, Vec::new());
    let mut waiting = spool.waiting().unwrap().0.remove(0);
    assert!(waiting.is_due(0));
    for _ in 0..8 {
        waiting = sending.failed(&waiting, now).unwrap().unwrap();
        assert_eq!(spool.waiting().unwrap().0, [waiting.clone()]);
        assert!(!waiting.is_due(now) && !waiting.is_due(waiting.due() - 1) && waiting.is_due(waiting.due()));
        assert!(waiting.is_due(now - 1), "the clock was set back");
        pauses.push(waiting.due() - now);
        now = waiting.due();
    }
    assert_eq!(pauses, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
    sending.done(&waiting).unwrap();
    assert!(spool.waiting().unwrap().0.is_empty());
    assert_eq!(spool.read(&waiting).unwrap(), None);
}

#[test]
fn a_notice_is_given_up_after_three_days() {
    let (_directory, spool) = spool();
    put(&spool, 5, Some(1), Origin::Login).unwrap();
    let sending = lock_to_send(&spool, 0);
    let mut now = 0;
    let mut waiting = spool.waiting().unwrap().0.pop();
    while let Some(notice) = waiting {
        now = notice.due();
        waiting = sending.failed(&notice, now).unwrap();
    }
    assert!((71 * 3600..73 * 3600).contains(&now), "{now}");
    assert!(spool.waiting().unwrap().0.is_empty());
}

#[test]
fn a_notice_is_given_up_by_tries_and_time_together() {
    let (_directory, spool) = spool();
    put(&spool, 1000, Some(1), Origin::Login).unwrap();
    let sending = lock_to_send(&spool, 0);
    let mut waiting = spool.waiting().unwrap().0.remove(0);
    for now in (0..200).chain([1000 + 3 * 86400]) {
        waiting =
            sending.failed(&waiting, now).unwrap().expect("within three days, or with the clock set back");
    }
    let young = Waiting { tries: 5, ..waiting.clone() };
    fs::rename(spool.path().join(name_of(&waiting)), spool.path().join(name_of(&young))).unwrap();
    let young = sending.failed(&young, 1001 + 3 * 86400).unwrap().expect("tried six times");
    let old = sending.later(&Waiting { tries: 6, ..young }, 1001 + 3 * 86400).unwrap();
    assert!(old.is_old(1001 + 3 * 86400) && !old.is_old(1000 + 3 * 86400));
    assert_eq!(spool.waiting().unwrap().0, [old]);
}

#[test]
fn one_process_sends_at_a_time() {
    let (_directory, spool) = spool();
    assert!(matches!(spool.lock_to_send(Duration::ZERO, 0), Ok(SendLock::NothingThere)));
    put(&spool, 5, Some(1), Origin::Login).unwrap();
    let sending = lock_to_send(&spool, 0);
    assert!(matches!(spool.lock_to_send(Duration::ZERO, 0), Ok(SendLock::Busy)));
    put(&spool, 6, Some(1), Origin::Login).expect("nobody waits for a sender");
    drop(sending);
    drop(lock_to_send(&spool, 0));
}

fn begin(spool: &SpoolDirectory, at: u64, origin: Origin) -> Result<BegunFile, StoreError> {
    spool.begin(&notice(at), Some(1), origin, &mut Counter(at))
}

fn sources(spool: &SpoolDirectory) -> Vec<Source> {
    spool.waiting().unwrap().0.iter().map(|waiting| waiting.source).collect()
}

#[test]
fn a_notice_of_a_change_waits_for_its_end_or_that_of_its_command() {
    let (_directory, spool) = spool();
    let topic = Topic::of(&notice(100));
    let begun = begin(&spool, 100, Origin::Command).unwrap();
    let waiting = spool.waiting().unwrap().0.remove(0);
    assert_eq!(waiting.source, Source::Begun(topic));
    let is_ready = |now| spool.is_ready(&waiting, now).unwrap();
    assert_eq!([100, 160, 161, 39].map(is_ready), [false, false, true, true]);
    drop(begun);
    assert!(is_ready(100), "its command has ended");
    let begun = begin(&spool, 200, Origin::Command).unwrap();
    assert!(begun.finish().unwrap());
    assert_eq!(sources(&spool), [Source::Begun(topic), Source::Command(topic)]);
    assert!(spool.is_ready(&spool.waiting().unwrap().0[1], 200).unwrap());
    let begun = begin(&spool, 300, Origin::Command).unwrap();
    lock_to_send(&spool, 400).done(&spool.waiting().unwrap().0[2]).unwrap();
    assert!(!begun.finish().unwrap(), "it was sent meanwhile");
    begin(&spool, 500, Origin::Command).unwrap().retract().unwrap();
    assert_eq!(sources(&spool).len(), 2);
}

#[test]
fn notices_of_commands_are_counted_for_a_day_sent_or_not() {
    let (directory, spool) = spool();
    let (topic, now) = (Topic::of(&notice(0)), 1_000_000);
    let other = Notice::of(&Event::new(Name::Enrolled).field("user", "bob"), None, now).unwrap();
    spool.put(&other, None, Origin::Command, &mut Counter(1)).unwrap();
    for at in [now - 86_400, now - 86_399, now, now + 86_399] {
        put(&spool, at, Some(1), Origin::Command).unwrap();
    }
    put(&spool, now, Some(1), Origin::Login).unwrap();
    assert_eq!(spool.recent(topic, now).unwrap(), 3);
    let sending = lock_to_send(&spool, now);
    for waiting in spool.waiting().unwrap().0 {
        sending.done(&waiting).unwrap();
    }
    drop(sending);
    assert_eq!((spool.recent(topic, now).unwrap(), sources(&spool).len()), (3, 0));
    assert_eq!(spool.recent(Topic::of(&other), now).unwrap(), 1);
    let told = || fs::read_dir(directory.path().join("told")).unwrap().count() - 8;
    assert_eq!(told(), 5);
    drop(lock_to_send(&spool, now));
    assert_eq!(told(), 4);
}

#[test]
fn commands_have_room_beside_logins_and_relief_beside_commands() {
    let (directory, spool) = spool();
    put(&spool, 1, Some(1), Origin::Command).unwrap();
    let topic = Topic::of(&notice(0));
    let mut fill = (0..).map(|number| {
        let name = format!("{:012}.{number}.1.{}.0.0.{topic}", 2, "0a".repeat(16));
        fs::write(directory.path().join("spool").join(name), "").unwrap();
    });
    for (many, origin) in [(2047, Origin::Bulk), (1024, Origin::Command), (512, Origin::Relief)] {
        let room = spool.room(origin).unwrap();
        assert!(room >= many, "{room} {origin:?}");
        fill.by_ref().take(room).for_each(drop);
        let error = put(&spool, 9, Some(1), origin).unwrap_err();
        assert!(error.to_string().contains("limit of unsent notices"), "{error}");
        assert_eq!(spool.room(origin).unwrap(), 0);
    }
    put(&spool, 9, Some(1), Origin::Login).unwrap();
}

#[test]
fn an_allocated_file_takes_a_notice_where_the_disk_has_no_room() {
    let (directory, spool) = spool();
    begin(&spool, 1, Origin::Command).unwrap().finish().unwrap();
    let rooms = || {
        let names = fs::read_dir(directory.path().join("told")).unwrap();
        names.filter(|name| name.as_ref().unwrap().file_name().to_string_lossy().starts_with("room.")).count()
    };
    assert_eq!(rooms(), 8);
    let (opened, draft) = (spool.directory().unwrap(), ".new.x");
    assert!(spool.told().write(&opened, draft, notice(2).encode().as_bytes()).unwrap());
    let text = fs::read(directory.path().join("spool").join(draft)).unwrap();
    assert_eq!((Notice::decode(&text), rooms()), (Ok(notice(2)), 7));
    assert!(!spool.told().write(&opened, draft, &[b'x'; 4097]).unwrap(), "longer than such a file");
    begin(&spool, 3, Origin::Command).unwrap().finish().unwrap();
    assert_eq!(rooms(), 8, "made anew");
}

#[test]
fn a_stale_draft_is_not_a_notice_and_is_removed() {
    let (directory, spool) = spool();
    put(&spool, 10_000, Some(1), Origin::Login).unwrap();
    let name = name_of(&spool.waiting().unwrap().0[0]);
    let draft = directory.path().join("spool").join(format!(".new.{name}"));
    fs::write(&draft, "half").unwrap();
    assert_eq!(spool.waiting().unwrap().0.len(), 1);
    drop(lock_to_send(&spool, 10_300));
    assert!(draft.exists(), "it may be written still");
    drop(lock_to_send(&spool, 10_301));
    assert!(!draft.exists());
    assert_eq!(spool.waiting().unwrap().0.len(), 1);
}

#[test]
fn a_stale_draft_of_what_has_happened_is_a_notice() {
    let (directory, spool) = spool();
    put(&spool, 10_000, Some(1), Origin::Login).unwrap();
    put(&spool, 10_001, Some(2), Origin::Command).unwrap();
    drop(begin(&spool, 10_002, Origin::Command).unwrap());
    let names: Vec<_> = spool.waiting().unwrap().0.iter().map(name_of).collect();
    let path = |name: &str| directory.path().join("spool").join(name);
    for name in &names {
        fs::rename(path(name), path(&format!(".new.{name}"))).unwrap();
    }
    drop(lock_to_send(&spool, 10_300));
    assert!(spool.waiting().unwrap().0.is_empty(), "they may be written still");
    drop(lock_to_send(&spool, 10_400));
    assert_eq!(spool.waiting().unwrap().0.iter().map(name_of).collect::<Vec<_>>(), names[..2]);
    assert_eq!(fs::read_dir(path("")).unwrap().count(), 2, "the change was never made");
}

#[test]
fn a_spool_or_notice_of_another_owner_is_refused() {
    let (directory, spool) = spool();
    put(&spool, 5, Some(1), Origin::Login).unwrap();
    let waiting = spool.waiting().unwrap().0.remove(0);
    let (path, place) =
        (directory.path().join("spool").join(name_of(&waiting)), directory.path().join("spool"));
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&path, 0o644);
    assert!(spool.read(&waiting).is_err());
    set(&path, 0o600);
    set(&place, 0o755);
    assert!(spool.waiting().is_err() && put(&spool, 6, Some(1), Origin::Login).is_err());
    assert!(spool.lock_to_send(Duration::ZERO, 0).is_err());
    set(&place, 0o700);
    fs::rename(&place, directory.path().join("elsewhere")).unwrap();
    symlink(directory.path().join("elsewhere"), &place).unwrap();
    assert!(spool.waiting().is_err() && put(&spool, 6, Some(1), Origin::Login).is_err());
}

#[test]
fn a_foreign_file_is_named() {
    let (directory, spool) = spool();
    put(&spool, 5, Some(1), Origin::Login).unwrap();
    let name = name_of(&spool.waiting().unwrap().0[0]);
    for other in ["README", &format!("0{name}"), &format!("{name}.0"), &name.to_uppercase().replace('A', "G")]
    {
        let file = directory.path().join("spool").join(other);
        fs::write(&file, "").unwrap();
        let (waiting, foreign) = spool.waiting().unwrap();
        assert_eq!((waiting.len(), foreign), (1, vec![file.display().to_string()]));
        fs::remove_file(file).unwrap();
    }
}
