use super::*;

/// Up since the beginning of time, but for the second that the boot instant is rounded up by.
fn at(realtime: u64) -> Now {
    Now { realtime, boottime: realtime }
}

fn judge(algorithm: Algorithm, secret: &[u8], code: &str, span: Span) -> CodeMatch {
    let digits = u8::try_from(code.len()).unwrap();
    let parameters = Parameters::new(algorithm, digits, 30).unwrap();
    let generator = Generator::new(Totp::new(parameters), &Secret::new(secret.to_vec()));
    generator.find_in(&Secret::new(code.as_bytes().to_vec()), span)
}

fn window(realtime: u64) -> Span {
    Span { last_step: 0, drift_steps: 1, boot_drift_steps: 0, now: at(realtime) }
}

fn right(used_up_to: u64) -> CodeMatch {
    CodeMatch::Right { used_up_to }
}

fn replayed(seconds: u64) -> CodeMatch {
    CodeMatch::Replayed { next_code: Some(Seconds(seconds)) }
}

const SHA1: &[u8] = b"12345678901234567890";

/// RFC 4226 appendix D: counters 0 to 9.
const HOTP: [&str; 10] =
    ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];

#[test]
fn rfc_4226_appendix_d() {
    for (counter, code) in HOTP.iter().enumerate() {
        let generator = Generator::new(
            Totp::new(Parameters::new(Algorithm::Sha1, 6, 30).unwrap()),
            &Secret::new(SHA1.to_vec()),
        );
        assert!(generator.makes(&Secret::new(code.as_bytes().to_vec()), counter as u64), "{counter}");
    }
}

#[test]
fn rfc_6238_appendix_b() {
    let sha256 = b"12345678901234567890123456789012";
    let sha512 = b"1234567890123456789012345678901234567890123456789012345678901234";
    let table = [
        (59, "94287082", "46119246", "90693936"),
        (1_111_111_109, "07081804", "68084774", "25091201"),
        (1_111_111_111, "14050471", "67062674", "99943326"),
        (1_234_567_890, "89005924", "91819424", "93441116"),
        (2_000_000_000, "69279037", "90698825", "38618901"),
        (20_000_000_000, "65353130", "77737706", "47863826"),
    ];
    for (time, one, two, five) in table {
        let strict = Span { drift_steps: 0, ..window(time) };
        assert_eq!(judge(Algorithm::Sha1, SHA1, one, strict), right(time / 30), "{time}");
        assert_eq!(judge(Algorithm::Sha256, sha256, two, strict), right(time / 30), "{time}");
        assert_eq!(judge(Algorithm::Sha512, sha512, five, strict), right(time / 30), "{time}");
    }
}

#[test]
fn drift_reaches_as_far_as_it_says_and_no_further() {
    // HOTP[3] belongs to step 3, 90 to 119 s.
    assert_eq!(judge(Algorithm::Sha1, SHA1, HOTP[3], window(60)), right(3));
    assert_eq!(judge(Algorithm::Sha1, SHA1, HOTP[3], window(149)), right(3));
    assert_eq!(judge(Algorithm::Sha1, SHA1, HOTP[3], window(150)), CodeMatch::Wrong);
    assert_eq!(judge(Algorithm::Sha1, SHA1, HOTP[3], window(59)), CodeMatch::Wrong);
}

#[test]
fn how_far_a_clock_is_off_is_told_within_reason() {
    let parameters = Parameters::new(Algorithm::Sha1, 6, 30).unwrap();
    let generator = Generator::new(Totp::new(parameters), &Secret::new(SHA1.to_vec()));
    let off = |counter: usize, realtime| {
        generator
            .clock_off_beyond(&Secret::new(HOTP[counter].as_bytes().to_vec()), at(realtime), 1)
            .map(|off| (off.steps, off.seconds))
    };
    assert_eq!(off(3, 150), Some((-2, -60)));
    assert_eq!(off(3, 59), Some((2, 60)));
    assert_eq!(off(1, 30 * 22), Some((-21, -630)));
    assert_eq!(off(1, 30 * 23), None);
}

#[test]
fn a_used_step_and_all_before_it_are_replays() {
    let used = |last_step| Span { last_step, ..window(100) };
    assert_eq!(judge(Algorithm::Sha1, SHA1, HOTP[3], used(3)), replayed(20));
    assert_eq!(judge(Algorithm::Sha1, SHA1, HOTP[2], used(3)), replayed(20));
    assert_eq!(judge(Algorithm::Sha1, SHA1, HOTP[4], used(3)), right(4));
}

#[test]
fn a_clock_set_back_is_told_from_a_replay() {
    let ahead = Span { last_step: 1003, ..window(100) };
    assert_eq!(judge(Algorithm::Sha1, SHA1, HOTP[3], ahead), CodeMatch::ClockBack(Seconds(30_000)));
}

#[test]
fn no_code_from_before_the_boot_is_good_after_it() {
    // Booted at 95 s, in step 3; drift 1 makes step 4 the last that may have been accepted before.
    let booted = |realtime| Span {
        boot_drift_steps: 1,
        now: Now { realtime, boottime: realtime - 95 },
        ..window(realtime)
    };
    assert_eq!(judge(Algorithm::Sha1, SHA1, HOTP[4], booted(130)), CodeMatch::BeforeBoot(Seconds(20)));
    assert_eq!(judge(Algorithm::Sha1, SHA1, HOTP[5], booted(130)), right(5));
}

#[test]
fn a_code_of_another_length_is_wrong() {
    let parameters = Parameters::new(Algorithm::Sha1, 8, 30).unwrap();
    let code = Secret::new(b"287082".to_vec());
    assert_eq!(
        Generator::new(Totp::new(parameters), &Secret::new(SHA1.to_vec())).find_in(&code, window(59)),
        CodeMatch::Wrong
    );
}

#[test]
fn parameters_out_of_range_are_refused() {
    assert_eq!(Parameters::new(Algorithm::Sha1, 5, 30), Err(ParametersError::Digits));
    assert_eq!(Parameters::new(Algorithm::Sha1, 9, 30), Err(ParametersError::Digits));
    assert_eq!(Parameters::new(Algorithm::Sha1, 6, 0), Err(ParametersError::Period));
    assert_eq!(Parameters::new(Algorithm::Sha1, 6, 301), Err(ParametersError::Period));
}

#[test]
fn the_end_of_time_is_no_step() {
    assert_eq!(
        judge(Algorithm::Sha1, SHA1, "000000", Span { drift_steps: u64::from(u8::MAX), ..window(u64::MAX) }),
        CodeMatch::Wrong
    );
}
