//! How many instructions a login executes outside the kernel, as valgrind's callgrind counts them.

use crate::accounts;
use crate::contestant::Contestant;
use crate::fixture::Fixture;
use crate::person::Person;
use crate::round;
use acceptance::libpam;
use acceptance::login::{Answer, Login, PamCode};
use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// One login in a process of its own, from `pam_start` to `pam_end`.
pub(crate) fn of_a_login(fixture: &Fixture, contestant: Contestant) -> u64 {
    let person = Person(0);
    accounts::give(&[person]);
    let kept = fixture.keep(contestant, &[person]);
    let login = fixture.login(contestant, person);
    let code = login.answers.iter().find_map(|answer| match answer {
        Answer::Typed(code) => String::from_utf8(code.clone()).ok(),
        Answer::CodeOfTheShownKey(_) | Answer::NullReply | Answer::NullArray | Answer::Fails => None,
    });
    let said = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*libpam*timed*"])
        .arg(env::current_exe().unwrap())
        .args([OsStr::new("one"), login.confdir.as_os_str()])
        .args([contestant.name(), &person.name(), &code.unwrap()])
        .output()
        .expect("valgrind is not there");
    kept.restore();
    let words = String::from_utf8(said.stderr).unwrap();
    assert!(said.status.success(), "{} under valgrind: {words}", contestant.name());
    let collected = words.lines().find_map(|line| line.split_once("Collected :"));
    collected
        .and_then(|(_, count)| count.trim().parse().ok())
        .unwrap_or_else(|| panic!("callgrind said: {words}"))
}

/// The process that is counted; it fails when the login does.
pub(crate) fn one(confdir: &Path, service: &str, user: &str, code: &str) {
    let mut login = Login::new(confdir.to_owned(), service, user.as_bytes()).types(code);
    // Looked up before PAM is asked, as in the measurement.
    drop(nix::unistd::User::from_name("root"));
    round::begin_session();
    let (result, _) = libpam::timed(&mut login);
    assert_eq!(result, PamCode::SUCCESS, "the login at {service}");
}
