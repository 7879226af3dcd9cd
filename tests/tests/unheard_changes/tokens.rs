//! A list that assigns tokens is killed at every call: the owner of an enrolment that has a new token has a notice.

use super::{USER, enrolled, killed_at_each};
use acceptance::counter_token::CounterToken;
use data_encoding::HEXLOWER;

#[test]
fn a_token_of_a_list_that_stands_was_heard_of() {
    let fixture = enrolled("");
    let fob = CounterToken::random();
    let seeds = format!("serial,secret,type,digits,counter\nF1,{},hotp,6,0\n", HEXLOWER.encode(&fob.secret));
    let seeds = fixture.write("seeds.csv", &seeds);
    fixture.totp_enroll(&["--json", "import", "tokens", seeds.to_str().unwrap()]).assert_done();
    let list = fixture.write("list", &format!("F1 {USER} {}\n", fob.press(0)));
    let assign = ["--json", "tokens", "assign", "--batch", list.to_str().unwrap()];
    killed_at_each(&fixture, &assign, &fixture.credential(USER), "token_assigned");
}
