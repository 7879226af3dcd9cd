//! Codes that another implementation, oathtool, computes for random secrets, parameters and times.

use acceptance::authenticator::{Authenticator, random_bytes};
use acceptance::clock::THEN;
use acceptance::fixture::Fixture;
use acceptance::login::PamCode;

#[test]
fn every_code_of_oathtool_for_sha1_is_accepted() {
    let lengths = [10, 16, 17, 19, 20, 21, 31, 32, 33, 63, 64, 65, 128];
    let parameters = [(6, 30), (7, 30), (8, 30), (6, 60), (7, 60), (8, 60)];
    let phones: Vec<Authenticator> = lengths
        .iter()
        .flat_map(|&length| parameters.map(|(digits, period)| sha1(length, digits, period)))
        .collect();
    let fixture = phones.iter().zip(0..).fold(Fixture::builder(), |builder, (phone, n)| {
        builder.enrolled_with(&format!("user{n}"), phone.clone())
    });
    let fixture = fixture.build();
    for (n, phone) in phones.iter().enumerate() {
        let second = random_second();
        let code = fixture.login_with_code_at(&format!("user{n}"), second).code();
        assert_eq!(code, PamCode::SUCCESS, "{phone:?} at {second}");
    }
}

#[test]
fn every_code_of_oathtool_for_each_algorithm_is_accepted() {
    let accounts: Vec<String> = (0..9).map(|n| format!("user{n}")).collect();
    let mut fixture = accounts.iter().fold(Fixture::builder(), |builder, name| builder.account(name)).build();
    let parameters = ["SHA1", "SHA256", "SHA512"].into_iter().flat_map(|algorithm| {
        [("6", "30"), ("7", "10"), ("8", "300")].map(|(digits, period)| (algorithm, digits, period))
    });
    for (name, (algorithm, digits, period)) in accounts.iter().zip(parameters) {
        let options = ["--algorithm", algorithm, "--digits", digits, "--period", period];
        let phone = fixture.enrol(name, &options).authenticator;
        // The enrolment has used the steps up to now.
        let second = THEN + random_second() % 1_000_000_000;
        for second in [second, second + phone.period] {
            let login = fixture.login(name).types(phone.code_at(second)).at(second);
            assert_eq!(login.code(), PamCode::SUCCESS, "{phone:?} at {second}");
        }
    }
}

#[test]
fn each_step_has_the_code_that_oathtool_computes_and_no_other() {
    let phone = Authenticator::random();
    let start = THEN - THEN % 30;
    for (second, valid) in [(start - 1, false), (start, true), (start + 29, true), (start + 30, false)] {
        let fixture = Fixture::builder()
            .config("[totp]\ndrift_steps = 0")
            .enrolled_with("alice", phone.clone())
            .build();
        let code = fixture.login("alice").types(phone.code_at(start)).at(second).code();
        assert_eq!(code == PamCode::SUCCESS, valid, "{second}");
    }
}

#[test]
fn the_vectors_of_rfc_6238_are_accepted() {
    // Appendix B, SHA1; without 59, which no machine lives to see after its boot.
    let secret = b"12345678901234567890".to_vec();
    let vectors = [
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ];
    let fixture =
        Fixture::builder().enrolled_with("alice", Authenticator { secret, ..sha1(20, 8, 30) }).build();
    for (second, code) in vectors {
        assert_eq!(fixture.login("alice").types(code).at(second).code(), PamCode::SUCCESS, "{code}");
    }
}

fn sha1(length: usize, digits: u32, period: u64) -> Authenticator {
    Authenticator { secret: random_bytes(length), digits, period, ..Authenticator::random() }
}

/// Between 2004 and 2106.
fn random_second() -> u64 {
    let random = random_bytes(4).iter().fold(0, |number, &byte| number * 256 + u64::from(byte));
    1_100_000_000 + random % 3_200_000_000
}
