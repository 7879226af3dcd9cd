//! Notices that a crash of the machine has torn: the owner is told, or the administrator, and nobody who merely has the uid now.

use crate::notify::{RENEW, alice, failures, notify};
use acceptance::clock::{self, THEN};
use acceptance::enroll_command;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use acceptance::mailbox::{Mailbox, Mood, spooled};
use acceptance::snapshot::renewed_codes;
use std::fs;
use std::path::Path;

#[test]
fn the_owner_is_told_that_a_torn_notice_was_lost() {
    let fixture = Fixture::builder().account("alice").enrolled("alice").build();
    let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    let mailbox = Mailbox::of(&fixture, "", "");
    // As power cuts leave them: empty, cut, of the right length without its content.
    let tears: [fn(&Path); 3] = [
        |file| fs::write(file, "").unwrap(),
        |file| fs::File::options().write(true).open(file).unwrap().set_len(40).unwrap(),
        |file| fs::write(file, vec![0; fs::read(file).unwrap().len()]).unwrap(),
    ];
    for (tear, code) in tears.iter().zip(&codes) {
        drop(fs::remove_dir_all(mailbox.directory().join("taken")));
        assert_eq!(fixture.login("alice").types(code).at(THEN).code(), PamCode::SUCCESS);
        tear(&spooled(&fixture)[0]);
        let done = notify(&fixture, &[]);
        done.assert_done();
        assert_eq!((done.json()["sent"].as_u64(), done.json()["waiting"].as_u64()), (Some(1), Some(0)));
        let mail = mailbox.mail();
        assert_eq!(mail.header("To"), "alice");
        for words in
            ["notice of it was lost", "2033-05-18T03:33:45Z", "your recovery codes", "totp-enroll status"]
        {
            assert!(mail.body.contains(words), "{words}: {mail:?}");
        }
        let event = failures(&fixture).pop().unwrap();
        assert_eq!(["user", "state"].map(|key| event.field(key)), ["alice", "torn"]);
        assert!(event.field("problem").contains("not a complete notice"), "{event:?}");
    }
}

#[test]
fn a_torn_notice_of_an_unknown_account_goes_to_the_administrator() {
    let (fixture, codes) = alice();
    let mailbox = Mailbox::of(&fixture, "", "from = \"totp@example.com\"");
    assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
    fs::write(&spooled(&fixture)[0], "").unwrap();
    // One that no one takes is tried again, as every notice is.
    mailbox.set(Mood::Refuses);
    assert_eq!(notify(&fixture, &[]).json()["failed"], 1);
    mailbox.set(Mood::Takes);
    notify(&fixture, &["--now"]).assert_done();
    let mail = mailbox.mail();
    assert_eq!(mail.header("To"), "totp@example.com");
    assert!(mail.header("Subject").contains("unknown account: "), "{mail:?}");
}

/// The one waiting notice is of another uid.
fn give_uid(fixture: &Fixture, uid: &str) {
    let file = &spooled(fixture)[0];
    let name = file.file_name().unwrap().to_str().unwrap();
    let mut parts: Vec<&str> = name.split('.').collect();
    parts[2] = uid;
    fs::rename(file, file.with_file_name(parts.join("."))).unwrap();
}

/// A torn notice of alice's recovery login whose name has another uid.
fn torn_notice_of(uid: &str) -> (Fixture, Mailbox) {
    let fixture = Fixture::builder().account("alice").account("bob").enrolled("alice").build();
    let codes = renewed_codes(&fixture.totp_enroll(&RENEW).stdout).unwrap();
    let mailbox = Mailbox::of(&fixture, "", "from = \"totp@example.com\"");
    drop(fs::remove_dir_all(fixture.state().join("spool")));
    assert_eq!(fixture.login("alice").types(&codes[0]).at(THEN).code(), PamCode::SUCCESS);
    give_uid(&fixture, uid);
    fs::write(&spooled(&fixture)[0], "").unwrap();
    (fixture, mailbox)
}

#[test]
fn a_torn_notice_waits_a_day_for_the_name_of_its_account() {
    let (fixture, mailbox) = torn_notice_of("54321");
    let at = |time: u64| {
        let mut command = fixture.command(&["--json", "notify", "--now"]);
        clock::stop(&mut command, time);
        enroll_command::run(command, "")
    };
    // The last try of a day.
    for hour in 0..29 {
        let tried = at(THEN + hour * 3600);
        assert_eq!((tried.status, &tried.json()["failed"]), (1, &1.into()), "{hour}: {tried:?}");
        assert!(mailbox.mails().is_empty(), "{hour}");
    }
    let event = &failures(&fixture)[0];
    assert_eq!(event.field("state"), "waits");
    assert!(event.field("problem").contains("the uid 54321 has no name now"), "{event:?}");
    at(THEN + 30 * 3600).assert_done();
    let mail = mailbox.mail();
    assert_eq!(mail.header("To"), "totp@example.com");
    assert!(mail.header("Subject").contains("uid 54321: "), "{mail:?}");
    assert!(mail.body.contains("of the account that had the uid 54321"), "{mail:?}");
    assert_eq!(failures(&fixture).pop().unwrap().field("state"), "torn");
}

#[test]
fn a_torn_notice_whose_account_gets_its_name_back_goes_to_its_owner() {
    let (mut fixture, mailbox) = torn_notice_of("54321");
    assert_eq!(notify(&fixture, &[]).json()["failed"], 1);
    let of_alice = fixture.machine().uid("alice").to_string();
    give_uid(&fixture, &of_alice);
    notify(&fixture, &["--now"]).assert_done();
    assert_eq!(mailbox.mail().header("To"), "alice");
}

#[test]
fn a_torn_notice_is_not_for_a_person_who_has_the_uid_since() {
    let (mut fixture, mailbox) = torn_notice_of("54321");
    let of_bob = fixture.machine().uid("bob").to_string();
    give_uid(&fixture, &of_bob);
    notify(&fixture, &[]).assert_done();
    let mail = mailbox.mail();
    assert_eq!(mail.header("To"), "totp@example.com");
    for words in [&format!("had the uid {of_bob}"), "uid's owner now bob"] {
        assert!(mail.body.contains(words), "{words}: {mail:?}");
    }
    let event = failures(&fixture).pop().unwrap();
    assert_eq!(["state", "user"].map(|key| event.field(key)), ["torn", ""]);
}
