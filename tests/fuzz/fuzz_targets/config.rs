//! The config: whatever is accepted is in range for every service, and a mistake shows to all services alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use totp_core::account_recovery::MOST_APPROVALS;
use totp_core::config::Config;
use totp_core::factor::hotp::WIDEST_LOOK_AHEAD;
use totp_core::lockout::MOST_ATTEMPTS;
use totp_core::policy::Policy;
use totp_core::recovery::MOST_CODES;
use totp_core::time::Seconds;
use totp_fuzz::assert_names_a_place;

fuzz_target!(|document: &[u8]| {
    let parse = |service| Config::parse(Path::new("/c.toml"), document, service);
    match (parse(None), parse(Some("sudo"))) {
        (Ok(totp_enroll), Ok(sudo)) => {
            assert_in_range(&totp_enroll);
            assert_in_range(&sudo);
            assert_eq!(totp_enroll.greatest_drift_steps, sudo.greatest_drift_steps);
            assert_eq!(totp_enroll.reset, sudo.reset);
        }
        (Err(totp_enroll), Err(sudo)) => {
            assert_eq!(totp_enroll, sudo);
            assert_names_a_place(&totp_enroll, document);
        }
        (totp_enroll, sudo) => panic!("the command and a service disagree: {totp_enroll:?}, {sudo:?}"),
    }
});

fn assert_in_range(config: &Config) {
    let Config { paths, limit, .. } = config;
    for path in [&paths.state, &paths.keyring, &paths.runtime, &paths.syslog] {
        assert!(path.is_absolute());
    }
    assert!(config.drift_steps <= config.greatest_drift_steps && config.greatest_drift_steps <= 10);
    assert!(config.look_ahead <= WIDEST_LOOK_AHEAD);
    assert!(config.answer_within > Seconds(0));
    assert!((1..=MOST_ATTEMPTS).contains(&limit.attempts) && limit.per > Seconds(0));
    assert!(1 <= limit.lock_after && limit.lock_after <= limit.disable_after && limit.disable_after <= 1000);
    assert!(Seconds(0) < limit.lock_for && limit.lock_for <= limit.lock_max);
    assert!(config.fail_delay <= Seconds(10));
    assert!((1..=MOST_CODES).contains(&config.recovery_codes) && config.warn_below <= MOST_CODES);
    let reset = config.reset;
    assert!(Seconds(0) < reset.cooldown && reset.cooldown < reset.expires && Seconds(0) < reset.token_for);
    assert!(reset.approvals <= MOST_APPROVALS);
    assert_says_whom_to_ask(&config.policy);
}

/// A service file weakens the policy, the config does not; no device is everybody's, and no group both asked and exempt.
fn assert_says_whom_to_ask(policy: &Policy) {
    let Policy { groups, exempt_groups, remember, nullok, .. } = policy;
    assert!(!nullok);
    assert!((remember.bind_key || remember.bind_address) && remember.length > Seconds(0));
    assert!(remember.ipv4_prefix <= 32 && remember.ipv6_prefix <= 128);
    assert!(groups.iter().all(|group| !group.is_empty() && !exempt_groups.contains(group)));
    assert!(exempt_groups.iter().all(|group| !group.is_empty()));
}
