//! What a config means, and what is refused in one.

use super::*;
use crate::lockout::{RiskRules, SourceRules};
use crate::network::Network;
use crate::policy::device::{RememberMode, RememberRules};
use crate::time::Date;

fn parse(text: &str, service: Option<&str>) -> Result<Config, String> {
    Config::parse(Path::new("/c.toml"), text.as_bytes(), service).map_err(|error| error.to_string())
}

#[test]
fn every_key_has_a_default() {
    let config = Config::defaults().unwrap();
    assert_eq!(config.paths.state, Path::new("/var/lib/pam_totp"));
    assert_eq!((config.drift_steps, config.answer_within), (1, Seconds(300)));
    assert_eq!(config.look_ahead, 10);
    assert_eq!((config.limit.attempts, config.limit.per), (5, Seconds(60)));
    assert_eq!((config.limit.lock_after, config.limit.disable_after), (10, 100));
    assert_eq!((config.limit.lock_for, config.limit.lock_max), (Seconds(60), Seconds(86400)));
    assert_eq!(config.fail_delay, Seconds(0));
    assert_eq!((config.risk, config.sources), (RiskRules::DEFAULT, SourceRules::default()));
    assert_eq!((config.recovery_codes, config.warn_below), (10, 3));
    assert!(!config.quiet);
    let remember = RememberRules { length: Seconds(30 * 86400), ipv6_prefix: 64, ..RememberRules::OFF };
    assert_eq!(config.policy, Policy { remember, ..Policy::strict() });
}

#[test]
fn what_is_required_of_whom_is_read() {
    let text = "quiet = true\n[fresh]\nfor = \"15m\"\n[remember]\nmode = \"ask\"\nfor = \"7d\"\nbind = [\"address\"]\n\
        ipv4_prefix = 24\nipv6_prefix = 56\n[require]\ngroups = [\"staff\"]\nexempt_groups = [\"robots\"]\n\
        exempt_networks = [\"192.0.2.0/24\", \"2001:db8::/32\"]\nenroll_by = 2026-12-31\nenroll_at_login = true\n\
        [accept]\nssh_security_keys = true\n\
        [service.sudo]\nquiet = false\n[service.sudo.fresh]\nfor = \"0s\"\n[service.sudo.require]\ngroups = []\n\
        [service.sudo.remember]\nmode = \"always\"\nbind = [\"ssh-key\"]\n";
    let config = parse(text, Some("sshd")).unwrap();
    let remember = RememberRules {
        mode: RememberMode::Ask,
        length: Seconds(7 * 86400),
        bind_key: false,
        bind_address: true,
        ipv4_prefix: 24,
        ipv6_prefix: 56,
    };
    let networks = ["192.0.2.0/24", "2001:db8::/32"].map(|text| Network::parse(text).unwrap());
    let policy = Policy {
        groups: vec!["staff".to_owned()],
        exempt_groups: vec!["robots".to_owned()],
        exempt_networks: networks.to_vec(),
        enroll_by: Date::from_calendar(2026, 12, 31),
        enroll_at_login: true,
        nullok: false,
        fresh: Seconds(900),
        remember,
        ssh_security_keys: true,
    };
    assert!(config.quiet);
    assert_eq!(config.policy, policy);
    let sudo = parse(text, Some("sudo")).unwrap();
    assert!(!sudo.quiet);
    let remember =
        RememberRules { mode: RememberMode::Always, bind_key: true, bind_address: false, ..remember };
    assert_eq!(sudo.policy, Policy { groups: Vec::new(), fresh: Seconds(0), remember, ..policy });
}

#[test]
fn freshness_is_asked_for_if_any_service_asks_for_it() {
    let sudo = "[service.sudo.fresh]\nfor = \"15m\"\n";
    let all_but_sudo = "[fresh]\nfor = \"15m\"\n[service.sudo.fresh]\nfor = \"0s\"\n";
    let nobody =
        "[fresh]\nfor = \"0s\"\n[service.sudo.fresh]\nfor = \"0s\"\n[service.sshd.limit]\nattempts = 3\n";
    for (text, asked) in [("", false), (nobody, false), (sudo, true), (all_but_sudo, true)] {
        for service in [None, Some("sshd"), Some("sudo"), Some("su")] {
            assert_eq!(parse(text, service).unwrap().asks_for_freshness, asked, "{service:?} of {text}");
        }
    }
}

#[test]
fn a_services_name_breaks_no_line_of_an_error() {
    let error = parse("[service.\"a\\nb\".limit]\nlock_after = 101\n", None).unwrap_err();
    assert!(!error.contains('\n') && error.contains("service.a\\nb.limit"), "{error}");
}

#[test]
fn a_service_overrides_what_it_names_and_nothing_else() {
    let text = "[totp]\ndrift_steps = 2\n[limit]\nattempts = 3\n[service.sudo.totp]\ndrift_steps = 0\n";
    assert_eq!(parse(text, Some("sudo")).unwrap().drift_steps, 0);
    assert_eq!(parse(text, Some("sudo")).unwrap().limit.attempts, 3);
    assert_eq!(parse(text, Some("sshd")).unwrap().drift_steps, 2);
    assert_eq!(parse(text, None).unwrap().drift_steps, 2);
}

#[test]
fn the_look_ahead_of_counters_is_read_and_reaches_the_windows() {
    let text = "[hotp]\nlook_ahead = 0\n[service.sudo.hotp]\nlook_ahead = 50\n";
    for (service, look_ahead) in [(None, 0), (Some("sshd"), 0), (Some("sudo"), 50)] {
        let config = parse(text, service).unwrap();
        assert_eq!((config.look_ahead, config.windows().hotp.look_ahead), (look_ahead, look_ahead));
    }
}

#[test]
fn the_services_that_are_named_are_told() {
    let text = b"[service.sudo.totp]\ndrift_steps = 0\n[service.login]\nquiet = true\n";
    assert_eq!(Config::services(Path::new("/c.toml"), text).unwrap(), ["login", "sudo"]);
}

#[test]
fn a_mistake_is_named_with_its_line() {
    for (text, problem) in [
        ("[totp]\ndrift = 1\n", "line 2: unknown field `drift`"),
        ("wat = 1\n", "line 1: unknown field `wat`"),
        ("[requires]\n", "unknown field `requires`"),
        ("[fresh]\nwithin = \"5m\"\n", "line 2: unknown field `within`"),
        ("[fresh]\nfor = 5\n", "line 2: `for`: invalid type, expected a string"),
        (
            "[remember]\nmode = \"sometimes\"\n",
            "line 2: `mode`: unknown variant `sometimes`, expected one of `off`, `ask`, `always`",
        ),
        ("[remember]\nbind = [\"host-name\"]\n", "line 2: `bind`: unknown variant"),
        ("[remember]\nipv4_prefix = 33\n", "line 2: `ipv4_prefix`: 33 is out of range: 0 to 32"),
        ("[remember]\nipv6_prefix = 129\n", "line 2: `ipv6_prefix`: 129 is out of range: 0 to 128"),
        (
            "[require]\nexempt_networks = [\"192.0.2.0/24\", \"10.0.0.0\"]\n",
            "line 2: `exempt_networks`: is not a network",
        ),
        ("[require]\nexempt_networks = [\"10.0.0.1/8\"]\n", "line 2: `exempt_networks`: has bits set after"),
        ("[require]\nenroll_by = 2026-02-30\n", "line 2: "),
        ("[require]\nenroll_by = \"tomorrow\"\n", "line 2: `enroll_by`: is not a day"),
        ("[require]\ngroups = \"staff\"\n", "line 2: `groups`: invalid type"),
        ("[accept]\nssh_security_keys = \"yes\"\n", "line 2: `ssh_security_keys`: invalid type"),
        ("quiet = 1\n", "line 1: `quiet`: invalid type"),
        ("[service.sudo]\n[service.sudo.limits]\n", "unknown field `limits`"),
        ("[totp]\ndrift_steps = 11\n", "line 2: `drift_steps`: 11 is out of range: 0 to 10"),
        ("[totp]\ndrift_steps = -1\n", "line 2: `drift_steps`: -1 is out of range"),
        ("[hotp]\nlook_ahead = 51\n", "line 2: `look_ahead`: 51 is out of range: 0 to 50"),
        ("[hotp]\nlook_ahead = -1\n", "line 2: `look_ahead`: -1 is out of range: 0 to 50"),
        ("[hotp]\nlook_ahead = \"10\"\n", "line 2: `look_ahead`: invalid type"),
        ("[hotp]\nlookahead = 10\n", "line 2: unknown field `lookahead`"),
        ("[limit]\nattempts = 17\n", "line 2: `attempts`: 17 is out of range"),
        ("[limit]\nattempts = 0\n", "line 2: `attempts`: 0 is out of range"),
        ("[limit]\nper = \"1\"\n", "line 2: `per`: not a duration"),
        (
            "[limit]\nyearly_risk = 0.0100001\n",
            "line 2: `yearly_risk`: 0.0100001 is out of range: 0.000001 to 0.01",
        ),
        ("[limit]\nyearly_risk = 0.000000999\n", "line 2: `yearly_risk`: 0.000000999 is out of range"),
        (
            "[limit]\nyearly_risk = 0.0010000001\n",
            "0.0010000001 is out of range: 0.000001 to 0.01, with at most",
        ),
        ("[limit]\nyearly_risk = 0\n", "line 2: `yearly_risk`: 0 is out of range"),
        ("[limit]\nyearly_risk = 1\n", "line 2: `yearly_risk`: 1 is out of range"),
        ("[limit]\nyearly_risk = -0.001\n", "line 2: `yearly_risk`: -0.001 is out of range"),
        ("[limit]\nyearly_risk = inf\n", "line 2: `yearly_risk`: inf is out of range"),
        ("[limit]\nyearly_risk = nan\n", "line 2: `yearly_risk`: nan is out of range"),
        ("[limit]\nyearly_risk = \"0.1 %\"\n", "line 2: `yearly_risk`: invalid type, expected a number"),
        ("[limit]\nknown_for = \"0s\"\n", "line 2: `known_for`: 0s is out of range: more than zero"),
        ("[limit]\nknown_for = \"3651d\"\n", "line 2: `known_for`: 3651d is out of range"),
        (
            "[limit]\nknown_tries_per_year = 0\n",
            "line 2: `known_tries_per_year`: 0 is out of range: 1 to 10000",
        ),
        ("[limit]\nknown_tries_per_year = 10001\n", "line 2: `known_tries_per_year`: 10001 is out of range"),
        ("[limit]\nknown_ipv6_prefix = 0\n", "line 2: `known_ipv6_prefix`: 0 is out of range: 1 to 128"),
        ("[limit]\nknown_ipv6_prefix = 129\n", "line 2: `known_ipv6_prefix`: 129 is out of range"),
        ("[limit]\nlocal_services = [\"login\", \"\"]\n", "line 2: `local_services`: contains an empty name"),
        ("[limit]\nlocal_services = \"login\"\n", "line 2: `local_services`: invalid type, expected a list"),
        ("[limit]\nshared_addresses = [\"10.0.0.1\"]\n", "line 2: `shared_addresses`: is not a network"),
        ("[limit]\nper = 60\n", "line 2: `per`: invalid type"),
        ("[paths]\nstate = \"var/lib\"\n", "line 2: `state`: a path must start with /"),
        ("[reset]\napprovals = 4\n", "line 2: `approvals`: 4 is out of range: 0 to 3"),
        ("[reset]\ntoken = \"1h\"\n", "line 2: unknown field `token`"),
        ("[service.sudo.reset]\napprovals = 0\n", "unknown field `reset`"),
        ("[totp\n", "line 1: "),
        ("[totp]\ndrift_steps = 1\ndrift_steps = 2\n", "line 3: duplicate key"),
    ] {
        let error = parse(text, None).unwrap_err();
        assert!(error.starts_with("/c.toml") && error.contains(problem), "{text}: {error}");
    }
}

#[test]
fn a_key_with_its_old_name_is_refused_with_the_new_one() {
    let error = parse("[reset]\napprovals = 1\nticket_for = \"1h\"\n", None).unwrap_err();
    assert_eq!(
        error,
        "/c.toml line 3: unknown field `ticket_for`: it is called `token_for` now; correct or remove the line; until then every login is refused"
    );
}

#[test]
fn contradictions_are_errors() {
    for text in [
        "[totp]\nanswer_within = \"0s\"\n",
        "[limit]\nper = \"0s\"\n",
        "[limit]\nlock_for = \"0s\"\n",
        "[limit]\nlock_for = \"2d\"\n",
        "[limit]\nlock_after = 101\n",
        "[limit]\nfail_delay = \"11s\"\n",
        "[remember]\nbind = []\n",
        "[remember]\nmode = \"ask\"\nfor = \"0s\"\n",
        "[require]\ngroups = [\"a\", \"b\"]\nexempt_groups = [\"b\"]\n",
        "[require]\ngroups = [\"\"]\n",
        "[reset]\ncooldown = \"0s\"\n",
        "[reset]\ncooldown = \"24h\"\n",
        "[reset]\nexpires = \"1h\"\n",
        "[reset]\ntoken_for = \"0s\"\n",
        "[require]\ngroups = [\"a\"]\n[service.sudo.require]\nexempt_groups = [\"a\"]\n",
    ] {
        assert!(parse(text, None).is_err(), "{text}");
    }
    for service in [None, Some("sudo"), Some("sshd")] {
        let error = parse("[service.sudo.limit]\nlock_after = 101\n", service).unwrap_err();
        assert!(error.contains("service.sudo.limit.lock_after is more"), "{error}");
    }
}

#[test]
fn a_bound_itself_is_within_bounds() {
    for text in [
        "[limit]\nfail_delay = \"10s\"\n",
        "[limit]\nlock_for = \"24h\"\n",
        "[limit]\nlock_after = 100\n",
        "[totp]\ndrift_steps = 10\n",
        "[limit]\nattempts = 16\n",
        "[limit]\nattempts = 1\n",
        "[limit]\nyearly_risk = 0.000001\n",
        "[limit]\nyearly_risk = 1e-2\n",
        "[limit]\nknown_for = \"1s\"\n",
        "[limit]\nknown_for = \"3650d\"\n",
        "[limit]\nknown_tries_per_year = 1\n",
        "[limit]\nknown_tries_per_year = 10000\n",
        "[limit]\nknown_ipv6_prefix = 1\n",
        "[limit]\nknown_ipv6_prefix = 128\n",
        "[limit]\nlocal_services = []\n",
        "[recovery]\ncodes = 16\n",
        "[recovery]\ncodes = 1\n",
    ] {
        assert!(parse(text, None).is_ok(), "{text}");
    }
}

#[test]
fn sources_and_their_risk_are_the_same_whatever_the_service() {
    let text = "[limit]\nyearly_risk = 0.0005\nknown_for = \"30d\"\nknown_tries_per_year = 100\n\
        known_ipv6_prefix = 56\nlocal_services = [\"login\", \"kiosk\"]\nshared_addresses = [\"192.0.2.7/32\"]\n\
        [service.sudo.limit]\nattempts = 3\n";
    let risk = RiskRules { yearly_risk: 500_000, known_for: Seconds(30 * 86400), known_tries_per_year: 100 };
    let sources = SourceRules {
        ipv6_prefix: 56,
        local_services: Some(["login", "kiosk"].map(str::to_owned).to_vec()),
        shared_addresses: vec![Network::parse("192.0.2.7/32").unwrap()],
    };
    for service in [None, Some("sudo"), Some("sshd")] {
        let config = parse(text, service).unwrap();
        assert_eq!((config.risk, &config.sources), (risk, &sources), "{service:?}");
    }
}

#[test]
fn no_service_has_sources_or_a_risk_of_its_own() {
    for (key, value) in [
        ("yearly_risk", "0.001"),
        ("known_for", "\"90d\""),
        ("known_tries_per_year", "400"),
        ("known_ipv6_prefix", "64"),
        ("local_services", "[]"),
        ("shared_addresses", "[]"),
    ] {
        let error = parse(&format!("[service.sudo.limit]\n{key} = {value}\n"), Some("sshd")).unwrap_err();
        let problem = format!(
            "/c.toml line 2: `{key}` is the same for every service and cannot be set in [service.sudo.limit]: set it in [limit]; "
        );
        assert!(error.starts_with(&problem), "{error}");
    }
    let error = parse("[service.\"a\\nb\".limit]\nknown_for = \"1d\"\n", None).unwrap_err();
    assert!(!error.contains('\n') && error.contains("[service.a\\nb.limit]"), "{error}");
}

#[test]
fn a_reset_takes_the_same_whatever_the_service() {
    assert_eq!(Config::defaults().unwrap().reset, ResetRules::DEFAULT);
    let text = "[reset]\ncooldown = \"2h\"\napprovals = 0\nexpires = \"7201s\"\ntoken_for = \"30m\"\n[service.sudo]\n";
    let rules = ResetRules {
        cooldown: Seconds(7200),
        approvals: 0,
        expires: Seconds(7201),
        token_for: Seconds(1800),
    };
    for service in [None, Some("sudo"), Some("sshd")] {
        assert_eq!(parse(text, service).unwrap().reset, rules);
    }
}

#[test]
fn the_greatest_drift_is_that_of_all_services() {
    let text = "[totp]\ndrift_steps = 2\n[service.sshd.totp]\ndrift_steps = 5\n[service.sudo.totp]\ndrift_steps = 0\n";
    for (service, own) in [(None, 2), (Some("sshd"), 5), (Some("sudo"), 0), (Some("su"), 2)] {
        let config = parse(text, service).unwrap();
        assert_eq!((config.drift_steps, config.greatest_drift_steps), (own, 5));
    }
}
