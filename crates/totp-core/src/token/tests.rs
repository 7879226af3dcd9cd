use super::*;
use crate::code::Answer;
use crate::factor::hotp::Hotp;
use crate::fixture::{NOON, PHONE, at, code};
use crate::keyring::tests::keyring;
use crate::random::tests::Counter;
use std::path::Path;

const WINDOWS: Windows = Windows {
    totp: crate::factor::totp::Window { drift_steps: 1, greatest_drift_steps: 1 },
    hotp: crate::factor::hotp::Window::DEFAULT,
};

fn created() -> Created {
    Created::at(NOON).unwrap()
}

fn new_token(factor: Factor) -> NewToken {
    NewToken {
        serial: Serial::parse("FT-1").unwrap(),
        maker: Some("Maker".to_owned()),
        model: None,
        factor,
        used_up_to: 0,
        secret: Secret::new(PHONE.to_vec()),
        valid_from: Some(NOON - 10),
        expires: Some(NOON + 10),
    }
}

fn token(factor: impl Into<Factor>) -> Token {
    Token::seal(&new_token(factor.into()), created(), &keyring(), &mut Counter(1)).unwrap()
}

fn hotp() -> Token {
    token(Hotp::new(6).unwrap())
}

fn totp() -> Token {
    token(crate::factor::totp::Parameters::EVERY_APP)
}

/// The code of this counter.
fn counted(counter: u64) -> Vec<u8> {
    // TOTP is HOTP of the step.
    code(PHONE, counter * 30)
}

fn confirm(token: &Token, typed: &[u8]) -> Result<u64, FirstCodeError> {
    let answer = Answer::recognise(typed);
    let confirmed = token.confirm(answer.as_ref(), &keyring(), &WINDOWS, at(NOON));
    confirmed.map(|confirmed| confirmed.progress.used_up_to)
}

#[test]
fn a_document_is_read_as_it_was_written() {
    let user = User::parse("alice").unwrap();
    let file = Path::new("f");
    for token in [
        totp(),
        hotp(),
        hotp().claimed_by(&user, created()),
        hotp().claimed_by(&user, created()).enrolled(&WINDOWS, at(NOON)),
        hotp().revoked(created()),
        hotp().with_wrong_code(created()),
        hotp().claimed_by(&user, created()).released(),
        hotp().claimed_by(&user, created()).revoked(created()),
    ] {
        let text = token.to_document(file, &keyring()).unwrap();
        let read = Token::parse(file, text.as_bytes(), token.serial()).unwrap();
        assert_eq!(read.to_document(file, &keyring()).unwrap(), text);
        assert_eq!((read.position, read.holder()), (token.position, token.holder()));
        assert_eq!((read.was_assigned(), &read.wrong), (token.was_assigned(), &token.wrong));
        assert!(read.check_seal(&keyring()).is_ok());
    }
}

#[test]
fn a_changed_document_is_refused() {
    let file = Path::new("f");
    let token = hotp();
    let text = token.to_document(file, &keyring()).unwrap();
    let parse = |text: &str| Token::parse(file, text.as_bytes(), token.serial());
    for (field, other) in [
        ("version = 1", "version = 2"),
        ("FT-1", "FT-2"),
        ("used_up_to = 0", "used_up_to = -1"),
        ("key = ", "kee = "),
    ] {
        assert!(text.contains(field) && parse(&text.replace(field, other)).is_err(), "{field}");
    }
    assert!(parse(&format!("assigned_to = \"alice\"\n{text}")).is_err());
    // What no field contradicts is in the MAC.
    for (field, other) in
        [("digits = 6", "digits = 8"), ("used_up_to = 0", "used_up_to = 1"), ("FT-1", "FT-2")]
    {
        let serial = Serial::parse(if field == "FT-1" { other } else { "FT-1" }).unwrap();
        let changed = Token::parse(file, text.replace(field, other).as_bytes(), &serial).unwrap();
        assert!(changed.check_seal(&keyring()).is_err(), "{field}");
        let user = User::parse("alice").unwrap();
        let written = changed.claimed_by(&user, created()).to_document(file, &keyring());
        assert!(written.unwrap_err().to_string().contains("modified"), "{field}");
    }
    // Nothing may stand behind the MAC.
    let behind = format!("{text}revoked_at = 2026-11-20T19:00:00Z\n");
    assert!(parse(&behind).err().unwrap().to_string().contains("last line"));
}

#[test]
fn no_first_code_is_looked_at_after_ten_wrong_ones() {
    let token = (0..10).fold(hotp(), |token, _| token.with_wrong_code(created()));
    assert_eq!(confirm(&token, &counted(0)), Err(FirstCodeError::Wait { seconds: 24 * 3600 }));
    // A right one begins a new count.
    let token = token.claimed_by(&User::parse("alice").unwrap(), created()).with_wrong_code(created());
    assert_eq!(confirm(&token, &counted(0)), Ok(1));
}

#[test]
fn a_first_code_is_looked_for_in_the_look_ahead_and_a_pair_far_ahead() {
    let token = hotp();
    assert_eq!(confirm(&token, &counted(10)), Ok(11));
    let wrong = confirm(&token, &counted(11)).unwrap_err();
    assert_eq!(wrong, FirstCodeError::Wrong);
    assert!(wrong.asks_for_two(&token));
    let pair = [counted(500), counted(501)].join(&b' ');
    assert_eq!(confirm(&token, &pair), Ok(502));
    assert_eq!(confirm(&token, b"hello"), Err(FirstCodeError::Malformed { digits: 6 }));
}

#[test]
fn a_claim_uses_no_code_up_and_an_assigned_counter_needs_two() {
    let user = User::parse("alice").unwrap();
    let claimed = hotp().claimed_by(&user, created());
    assert_eq!(confirm(&claimed, &counted(0)), Ok(1));
    let enrolled = claimed.enrolled(&WINDOWS, at(NOON));
    assert_eq!(confirm(&enrolled, &counted(0)), Err(FirstCodeError::OutOfStep));
    let pair = [counted(3), counted(4)].join(&b' ');
    assert_eq!(confirm(&enrolled, &pair), Ok(5));
}

#[test]
fn a_position_that_came_back_refuses_every_code_that_was_used() {
    let user = User::parse("alice").unwrap();
    let back = |token: Token, used| {
        token.claimed_by(&user, created()).enrolled(&WINDOWS, at(NOON)).back(used, &WINDOWS, at(NOON))
    };
    let (carried, is_lost) = back(hotp(), Some(7)).settled(&WINDOWS, at(NOON));
    assert!(!is_lost);
    for used in 0..7 {
        assert!(confirm(&carried, &counted(used)).is_err(), "{used}");
    }
    assert_eq!(confirm(&carried, &counted(7)), Ok(8));
    let step = NOON / 30;
    let carried = back(totp(), Some(step));
    assert_eq!(confirm(&carried, &code(PHONE, NOON)), Err(FirstCodeError::Used));
    assert_eq!(confirm(&carried, &code(PHONE, NOON + 30)), Ok(step + 1));
    let unknown = back(totp(), None);
    assert_eq!(confirm(&unknown, &code(PHONE, NOON)), Err(FirstCodeError::Used));
}

#[test]
fn a_position_that_never_came_back_is_not_known() {
    let user = User::parse("alice").unwrap();
    let hour = at(NOON + 3600);
    let lost = |token: Token| token.claimed_by(&user, created()).enrolled(&WINDOWS, at(NOON));
    let (fob, is_lost) = lost(hotp()).settled(&WINDOWS, hour);
    assert!(is_lost);
    assert_eq!(confirm(&fob, &counted(0)), Err(FirstCodeError::OutOfStep));
    let (token, is_lost) = lost(totp()).settled(&WINDOWS, hour);
    assert!(is_lost);
    let confirm = |token: &Token, at: Now, typed: u64| {
        token.confirm(Answer::recognise(&code(PHONE, typed)).as_ref(), &keyring(), &WINDOWS, at).map(|_| ())
    };
    assert_eq!(confirm(&token, hour, NOON + 3600), Err(FirstCodeError::Used));
    // Said once: the next step after those that could have been used is good.
    let later = at(NOON + 3660);
    let (token, is_lost) = token.settled(&WINDOWS, later);
    assert!(!is_lost);
    assert_eq!(confirm(&token, later, NOON + 3660), Ok(()));
}

#[test]
fn a_token_is_valid_between_its_dates() {
    let token = hotp();
    let at = |now| token.validity(now);
    assert_eq!(
        [NOON - 11, NOON - 10, NOON + 9, NOON + 10].map(at),
        [Validity::NotYet, Validity::Valid, Validity::Valid, Validity::Expired]
    );
}

#[test]
fn only_the_same_secret_and_parameters_are_the_same_token() {
    let token = hotp();
    let is = |new: &NewToken| token.is(new, &keyring()).unwrap();
    let same = || new_token(Hotp::new(6).unwrap().into());
    assert!(is(&same()));
    assert!(!is(&new_token(Hotp::new(8).unwrap().into())));
    assert!(!is(&NewToken { secret: Secret::new(vec![1; 20]), ..same() }));
    // Zeros at the end are the same key to HMAC.
    assert!(is(&NewToken { secret: Secret::new([same().secret.expose(), b"\0"].concat()), ..same() }));
}

#[test]
fn a_seal_that_does_not_open_is_explained_in_words_of_a_token() {
    let (file, token) = (Path::new("f"), hotp());
    let text = token.to_document(file, &keyring()).unwrap();
    let problem = |from: &str, to: &str| {
        let changed = Token::parse(file, text.replace(from, to).as_bytes(), token.serial()).unwrap();
        changed.check_seal(&keyring()).unwrap_err().to_string()
    };
    let edited = problem("digits = 6", "digits = 8");
    assert!(edited.starts_with("the token cannot be decrypted with key \"k1\""), "{edited}");
    assert!(edited.contains("the keyring is not the right one") && !edited.contains("enrol"), "{edited}");
    let missing = problem("\"k1\"", "\"k9\"");
    assert!(missing.ends_with("restore the keyring that this token was sealed with"), "{missing}");
}
