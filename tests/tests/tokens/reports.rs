//! What is said of tokens: their dates, by `doctor` and by mail; and of one that cannot be opened.

use super::{assign, batch, fob_at, import, imported, login, state};
use acceptance::authenticator::Authenticator;
use acceptance::counter_token::CounterToken;
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::{Fixture, users_file};
use acceptance::login::PamCode;
use acceptance::mailbox::Mailbox;
use data_encoding::{BASE64, HEXLOWER};
use serde_json::Value;
use std::fs;

#[test]
fn an_expired_token_is_assigned_only_with_the_option() {
    let fixture = Fixture::builder().account("alice").account("bob").build();
    let done = dated(&fixture);
    assert_eq!((&done.json()["imported"], &done.json()["expired"]), (&3.into(), &1.into()));
    for (serial, reason) in [("OLD", "has expired"), ("NEW", "is not valid yet")] {
        let code = dated_fob(serial).press(0);
        let refused = assign(&fixture, serial, "alice", &code);
        let says = |words: &str| refused.stderr.contains(words);
        assert!(refused.status == 1 && says(reason) && says("--expired"), "{refused:?}");
        assert_eq!(state(&fixture, serial)["assigned_to"], Value::Null);
        let list = fixture.write("list", &format!("{serial} alice {code}\n"));
        let arguments = ["--json", "tokens", "assign", "--batch", list.to_str().unwrap()];
        let refused = fixture.totp_enroll(&arguments);
        assert!(refused.stdout.contains(reason), "{refused:?}");
        let arguments = ["--json", "tokens", "assign", "--expired", "--batch", list.to_str().unwrap()];
        fixture.totp_enroll(&arguments).assert_done();
    }
    let arguments = ["--json", "tokens", "assign", "OLD", "bob", "--code-fd", "0", "--expired", "--yes"];
    let theirs = enroll_command::run(fixture.command(&arguments), &dated_fob("OLD").press(1));
    assert!(theirs.status == 1 && theirs.stderr.contains("assigned to alice"), "{theirs:?}");
    assert_eq!(login(&fixture, "alice", &dated_fob("OLD").press(1)), PamCode::SUCCESS);
    assign(&fixture, "GOOD", "bob", &dated_fob("GOOD").press(0)).assert_done();
}

#[test]
fn doctor_names_the_assigned_tokens_that_have_expired() {
    let fixture = Fixture::builder().account("alice").build();
    dated(&fixture).assert_done();
    let doctor = || fixture.totp_enroll(&["doctor"]).stdout;
    assert!(!doctor().contains("token_expired"), "assigned to nobody, it is nothing to be done");
    assign(&fixture, "GOOD", "alice", &dated_fob("GOOD").press(0)).assert_done();
    assert!(!doctor().contains("token_expired"));
    let arguments = ["--json", "tokens", "assign", "OLD", "alice", "--code-fd", "0", "--expired", "--yes"];
    let fob = dated_fob("OLD");
    enroll_command::run(fixture.command(&arguments), &fob.press(0)).assert_done();
    let said = doctor();
    assert!(said.contains("token_expired") && said.contains("have expired: OLD\n"), "{said}");
    let listed = fixture.totp_enroll(&["tokens", "list"]).stdout;
    let line = listed.lines().find(|line| line.starts_with("OLD ")).unwrap();
    assert!(line.ends_with("assigned to alice; EXPIRED"), "{line}");
    assert_eq!(login(&fixture, "alice", &fob.press(1)), PamCode::SUCCESS, "it is accepted still");
}

#[test]
fn a_mail_says_that_a_token_was_assigned_and_taken_back() {
    let (fixture, fob) = imported();
    let mailbox = Mailbox::of(&fixture, "", "");
    import(&fixture, super::FILE).assert_done();
    fixture.totp_enroll(&["--json", "tokens", "revoke", "F2", "--yes"]).assert_done();
    send(&fixture);
    assert!(mailbox.mails().is_empty(), "a token of nobody concerns nobody: {:?}", mailbox.mails());
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
    send(&fixture);
    let mail = mailbox.mail();
    assert_eq!(mail.header("To"), "alice");
    let subject = mail.header("Subject");
    assert!(subject.ends_with("alice: a hardware token was assigned to the account"), "{subject}");
    for words in ["token_assigned", "Someone else may now have a token whose codes open your account."] {
        assert!(mail.body.contains(words), "{words}: {mail:?}");
    }
    let (code, secret) = (fob.press(0), HEXLOWER.encode(&fob.secret));
    assert!(!mail.body.contains(&code) && !mail.body.contains(&secret), "{mail:?}");
}

#[test]
fn a_list_is_told_of_as_a_whole_and_to_each_person_who_was_enrolled() {
    let (fixture, fob) = imported();
    let other = fob_at(1);
    let phone: Vec<(String, Authenticator)> = vec![("alice".to_owned(), Authenticator::random())];
    let users = fixture.write("users.oath", &users_file(&phone));
    fixture.totp_enroll(&["--json", "import", "oath", users.to_str().unwrap()]).assert_done();
    let mailbox = Mailbox::of(&fixture, "", "");
    // A line that is refused is told to nobody.
    let list = format!("F2 alice 000000\nF1 alice {}\nF2 bob {}\n", fob.press(0), other.press(0));
    let done = batch(&fixture, &list);
    assert_eq!((done.status, &done.json()["assigned"]), (1, &2.into()), "{done:?}");
    send(&fixture);
    let mails = mailbox.mails();
    let mut told: Vec<_> = mails.iter().map(|mail| (mail.header("To"), mail.header("Subject"))).collect();
    told.sort_unstable();
    let [alice, root] = told.as_slice() else { panic!("{told:?}") };
    assert!(
        alice.0 == "alice" && alice.1.ends_with("a hardware token was assigned to the account"),
        "{alice:?}"
    );
    assert!(root.0 == "root" && root.1.contains("hardware tokens were assigned"), "{root:?}");
    let events = fixture.journal.command_events();
    let of = |user: &str| {
        let its =
            events.iter().filter(|event| event.what() == "token_assigned" && event.field("user") == user);
        its.map(|event| event.field("token").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((of("alice").last().unwrap().as_str(), of("bob").last().unwrap().as_str()), ("F1", "F2"));
}

#[test]
fn a_mail_says_that_a_token_was_taken_back_by_return_or_revocation() {
    for command in ["unassign", "revoke"] {
        let (fixture, fob) = imported();
        assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
        assign(&fixture, "F2", "alice", &fob_at(1).press(0)).assert_done();
        let mailbox = Mailbox::of(&fixture, "", "");
        fixture.totp_enroll(&["--json", "tokens", command, "F1", "--yes"]).assert_done();
        send(&fixture);
        let mail = mailbox.mail();
        let subject = mail.header("Subject");
        assert!(subject.contains("alice: a hardware token was taken back from the account"), "{subject}");
        assert!(mail.body.contains("token_unassigned"), "{mail:?}");
    }
}

#[test]
fn a_token_that_does_not_open_is_explained_and_can_be_imported_again() {
    let (fixture, fob) = imported();
    assign(&fixture, "F1", "alice", &fob.press(0)).assert_done();
    for serial in ["F1", "F2"] {
        let file = fixture.state().join(format!("tokens/{serial}.toml"));
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("digits = 6", "digits = 8")).unwrap();
    }
    let explained = |said: &CommandOutput| {
        let said = format!("{}{}", said.stdout, said.stderr);
        assert!(said.contains("the token cannot be decrypted with key"), "{said}");
        assert!(said.contains("the keyring is not the right one") && !said.contains("enrol again"), "{said}");
    };
    explained(&assign(&fixture, "F2", "bob", "12345678"));
    explained(&import(&fixture, &super::FILE.replace(",6,", ",8,")));
    explained(&fixture.totp_enroll(&["doctor"]));
    // Nothing shows that nobody has it, or that it is still the person who is named.
    for (serial, advice) in [("F2", "restore"), ("F1", "totp-enroll disable")] {
        let refused = fixture.totp_enroll(&["--json", "tokens", "revoke", serial, "--yes"]);
        explained(&refused);
        assert!(refused.status == 1 && refused.stderr.contains(advice), "{refused:?}");
    }
    assert_eq!(login(&fixture, "alice", &fob.press(1)), PamCode::SUCCESS);
    for serial in ["F1", "F2"] {
        fs::remove_file(fixture.state().join(format!("tokens/{serial}.toml"))).unwrap();
    }
    import(&fixture, super::FILE).assert_done();
    assert_eq!(state(&fixture, "F1")["assigned_to"], "alice");
    fixture.totp_enroll(&["--json", "tokens", "revoke", "F2", "--yes"]).assert_done();
    fixture.totp_enroll(&["--json", "disable", "alice", "--yes"]).assert_done();
    fixture.totp_enroll(&["--json", "tokens", "revoke", "F1", "--yes"]).assert_done();
}

/// Imports one token that has expired, one that is not valid yet, and one that is.
fn dated(fixture: &Fixture) -> CommandOutput {
    let tokens = [
        ("OLD", "<ExpiryDate>2020-01-01T00:00:00Z</ExpiryDate>"),
        ("NEW", "<StartDate>2199-01-01T00:00:00Z</StartDate>"),
        ("GOOD", "<StartDate>2020-01-01T00:00:00Z</StartDate><ExpiryDate>2199-01-01T00:00:00Z</ExpiryDate>"),
    ];
    let tokens: String = tokens
        .iter()
        .map(|(serial, dates)| {
            let secret = BASE64.encode(&dated_fob(serial).secret);
            format!(
                "<KeyPackage><DeviceInfo><SerialNo>{serial}</SerialNo>{dates}</DeviceInfo><Key Id=\"{serial}\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:hotp\"><Data><Secret><PlainValue>{secret}</PlainValue></Secret></Data></Key></KeyPackage>\n"
            )
        })
        .collect();
    let file = fixture.write(
        "seeds.xml",
        &format!("<KeyContainer Version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\">\n{tokens}</KeyContainer>\n"),
    );
    fixture.totp_enroll(&["--json", "import", "pskc", file.to_str().unwrap()])
}

/// Each has a secret of its own: a file with one secret for two tokens is refused.
fn dated_fob(serial: &str) -> CounterToken {
    CounterToken { secret: format!("{serial:0>20}").into_bytes(), digits: 6 }
}

/// Sends what waits.
fn send(fixture: &Fixture) {
    fixture.totp_enroll(&["notify"]).assert_done();
}
