//! Importing exports of Google Authenticator's app (`otpauth-migration://`), built here by hand.

use acceptance::authenticator::{Authenticator, random_bytes};
use acceptance::clock::THEN;
use acceptance::enroll_command::{self, CommandOutput};
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;
use data_encoding::BASE64;

const TOTP: u8 = 2;
const HOTP: u8 = 1;

#[test]
fn the_users_in_an_export_get_in_with_their_codes() {
    let fixture = Fixture::builder().build();
    let phone = |algorithm: &str, digits| Authenticator {
        algorithm: algorithm.to_owned(),
        digits,
        ..Authenticator::random()
    };
    let people = [
        ("alice", phone("SHA1", 6), [1, 1]),
        ("bob", phone("SHA256", 8), [2, 2]),
        ("carol", phone("SHA512", 6), [3, 1]),
        ("dave", phone("SHA1", 6), [0, 0]),
    ];
    let accounts: Vec<Vec<u8>> = people
        .iter()
        .map(|(user, phone, [algorithm, digits])| {
            account(&format!("ACME:{user}"), &phone.secret, *algorithm, *digits, TOTP)
        })
        .collect();
    // In two QR codes, with a plain URI between them.
    let text = format!(
        "# from the old phone\n{}\notpauth://totp/eve?secret=GEZDGNBVGY3TQOJQ\n{}\n",
        part(&accounts[..3], 2, 0),
        part(&accounts[3..], 2, 1)
    );
    let foretold = import(&fixture, &text, &["--dry-run"]).json();
    assert_eq!(foretold["would_import"].as_array().map(Vec::len), Some(5), "{foretold}");
    let done = import(&fixture, &text, &[]);
    assert_eq!(done.json(), serde_json::json!({"imported": 5, "already_enrolled": [], "skipped": []}));
    for (user, phone, _) in &people {
        let code = phone.code_at(THEN);
        assert_eq!(fixture.login(user).types(&code).at(THEN).code(), PamCode::SUCCESS, "{user}");
        assert_eq!(fixture.login(user).types(&code).at(THEN).code(), PamCode::AUTH_ERR, "{user} again");
    }
}

#[test]
fn what_cannot_be_carried_is_listed_and_hides_nobody() {
    let fixture = Fixture::builder().build();
    let secret = random_bytes(20);
    let accounts = [
        account("alice", &secret, 1, 1, TOTP),
        account("bob", &secret, 2, 1, HOTP),
        account("carol", &secret, 4, 1, TOTP),
        account("dave", &secret[..9], 1, 1, TOTP),
        account("alice", &random_bytes(20), 1, 1, TOTP),
    ];
    let text = part(&accounts, 1, 0) + "\n";
    let refused = import(&fixture, &text, &[]);
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.stdout.contains("nothing was imported"), "{refused:?}");
    let document = import(&fixture, &text, &["--keep-going"]).json();
    assert_eq!(document["imported"], 1, "{document}");
    let problems = document["skipped"].to_string();
    for said in [
        "account 2 of the export has the algorithm SHA256",
        "account 3 of the export has an unsupported algorithm",
        "10 to 128 bytes",
        "keep only the entry",
    ] {
        assert!(problems.contains(said), "{said}: {document}");
    }
    assert_eq!(document["skipped"].as_array().map(Vec::len), Some(4), "{document}");
    let phone = Authenticator { secret, ..Authenticator::random() };
    assert_eq!(fixture.login("alice").types(phone.code_at(THEN)).at(THEN).code(), PamCode::SUCCESS);
}

#[test]
fn a_missing_qr_code_is_reported() {
    let fixture = Fixture::builder().build();
    let text = part(&[account("alice", &random_bytes(20), 1, 1, TOTP)], 3, 1);
    let done = import(&fixture, &text, &[]);
    assert_eq!(done.status, 1, "{done:?}");
    let document = done.json();
    assert!(
        document["error"]
            .to_string()
            .contains("is one of 3 QR codes of an export, of which this file lacks 2"),
        "{document}"
    );
    assert_eq!(document["line"], 1);
    // Nobody in the others is needed.
    assert_eq!(import(&fixture, &text, &["--keep-going"]).json()["imported"], 1);
}

#[test]
fn half_an_export_is_refused_and_nothing_of_it_is_repeated() {
    let fixture = Fixture::builder().build();
    let whole = part(&[account("alice", b"hunter2hunter2hunter2", 1, 1, TOTP)], 1, 0);
    for cut in [whole.len() - 1, whole.len() - 6, whole.len() / 2 + 10] {
        let done = import(&fixture, &whole[..cut], &["--keep-going"]);
        let document = done.json();
        assert_eq!(document["imported"], 0, "{cut}: {document}");
        let (_, data) = whole.split_at(whole.len() / 2);
        assert!(!done.stdout.contains("hunter2") && !done.stdout.contains(&data[..8]), "{done:?}");
    }
}

#[test]
fn a_name_can_be_given_for_an_export_of_one_account() {
    let fixture = Fixture::builder().account("alice").build();
    let phone = Authenticator::random();
    let one = account("Example:alice@example.com", &phone.secret, 1, 1, TOTP);
    let two = part(&[one.clone(), account("bob", &random_bytes(20), 1, 1, TOTP)], 1, 0);
    let arguments = ["--json", "import", "uri", "-", "--user", "alice"];
    let refused = enroll_command::run(fixture.command(&arguments), &two);
    assert!(refused.status == 1 && refused.stdout.contains("exactly one"), "{refused:?}");
    enroll_command::run(fixture.command(&arguments), &part(&[one], 1, 0)).assert_done();
    assert_eq!(fixture.login("alice").types(phone.code_at(THEN)).at(THEN).code(), PamCode::SUCCESS);
}

/// An account: secret, name, issuer, algorithm, digits, type, counter.
fn account(name: &str, secret: &[u8], algorithm: u8, digits: u8, kind: u8) -> Vec<u8> {
    let numbers = [(4, algorithm), (5, digits), (6, kind), (7, 0)];
    let numbers: Vec<u8> = numbers.iter().flat_map(|(field, value)| [field << 3, *value]).collect();
    [field(1, secret), field(2, name.as_bytes()), field(3, b"ACME"), numbers].concat()
}

/// One QR code of an export in so many.
fn part(accounts: &[Vec<u8>], of: u8, index: u8) -> String {
    let accounts: Vec<u8> = accounts.iter().flat_map(|account| field(1, account)).collect();
    let payload = [accounts, vec![2 << 3, 1, 3 << 3, of, 4 << 3, index, 5 << 3, 42]].concat();
    let data = BASE64.encode(&payload).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("otpauth-migration://offline?data={data}")
}

/// A field of bytes, fewer than 128.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
    assert!(length < 128);
    [&[number << 3 | 2, length], content].concat()
}

fn import(fixture: &Fixture, text: &str, options: &[&str]) -> CommandOutput {
    let file = fixture.write("export.txt", text).display().to_string();
    fixture.totp_enroll(&[&["--json", "import", "uri", &file, "--allow-unknown"], options].concat())
}
