//! Who logs in has an account, as on any machine: a line in the benchmark's own `/etc/passwd`, which is the same for every
//! contestant.

use crate::person::Person;
use std::fmt::Write as _;
use std::fs;

/// What `tests/bench/run` has put in the place of `/etc/passwd`. Where it did not, there is no such file, and the machine's own
/// accounts stay as they are.
const PASSWD: &str = "/dev/passwd";

/// Makes accounts for these users, after the machine's own, and no others.
pub(crate) fn give(people: &[Person]) {
    let passwd = fs::read_to_string(PASSWD).expect("start it by tests/bench/run");
    let own = passwd.lines().filter(|line| !line.starts_with(Person::PREFIX));
    let mut lines = own.fold(String::new(), |lines, line| lines + line + "\n");
    for person in people {
        let uid = person.uid();
        writeln!(lines, "{}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin", person.name()).unwrap();
    }
    fs::write(PASSWD, lines).unwrap();
}
