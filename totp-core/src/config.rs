//! The config document: what one PAM service asks for, after its overrides.

mod notify;
mod raw;
#[cfg(test)]
pub(crate) mod schema_tests;
#[cfg(test)]
mod shipped_tests;

pub use notify::{Command, Notify, SENDMAIL};

use crate::device::{Mode, Remember};
use crate::document::{self, DocumentError};
use crate::limit::Limit;
use crate::policy::Policy;
use crate::reset::Terms;
use crate::time::Seconds;
use raw::{Bind, Ranged, Raw, Sections};
use std::path::{Path, PathBuf};

/// Where the config is read from unless told otherwise.
pub const DEFAULT_FILE: &str = "/etc/pam_totp/config.toml";

/// What to do about a config that cannot be read.
const MEND: &str = "correct the line or take it out; until then everybody is refused";

/// The config of one service, checked; every key has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where things lie.
    pub paths: Paths,
    /// Steps accepted each side of the clock's, 0 to 10.
    pub drift_steps: u64,
    /// The most that any service of this config accepts.
    pub greatest_drift_steps: u64,
    /// How long a person may think before the answer is refused as late.
    pub answer_within: Seconds,
    /// How many tries, how fast.
    pub limit: Limit,
    /// About how long the application waits before it says no; at most ten seconds.
    pub fail_delay: Seconds,
    /// Recovery codes in a new set, 1 to [`crate::recovery::MOST_CODES`].
    pub recovery_codes: usize,
    /// Fewer left than this is worth a warning.
    pub warn_below: usize,
    /// What is required of whom.
    pub policy: Policy,
    /// Nothing is said at the door beside the prompts.
    pub quiet: bool,
    /// How people are told that their factor changed; the same for every service.
    pub notify: Notify,
    /// What a reset takes; the same for every service.
    pub reset: Terms,
}

/// Where things lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The directory of the credentials and ledgers.
    pub state: PathBuf,
    /// The keyring.
    pub keyring: PathBuf,
    /// What is gone at reboot.
    pub runtime: PathBuf,
    /// The socket that events go to.
    pub syslog: PathBuf,
}

impl Config {
    /// The defaults, for a machine without a config.
    ///
    /// # Errors
    /// None in practice: the defaults are checked like any config.
    pub fn defaults() -> Result<Self, DocumentError> {
        Self::parse(Path::new(DEFAULT_FILE), b"", None)
    }

    /// Reads the document for `service` (`None`: the desk, no overrides). `file` is only named in errors.
    ///
    /// # Errors
    /// [`DocumentError`] with the line where there is one; an unknown key is one.
    pub fn parse(file: &Path, bytes: &[u8], service: Option<&str>) -> Result<Self, DocumentError> {
        let Raw { general, notify, reset, services } = document::read(file, bytes, MEND, Raw::read)?;
        let reset = Self::reset(&reset).map_err(|problem| DocumentError::new(file, problem))?;
        let mut config = Self { notify, reset, ..Self::merge(&Sections::default(), &general) };
        config.check("").map_err(|problem| DocumentError::new(file, problem))?;
        // Every service is checked at every reading: a mistake shows at once, not when that service is used.
        for (name, special) in &services {
            let special = Self::merge(special, &general);
            // The name may be any text.
            special
                .check(&format!("service.{}.", name.escape_debug()))
                .map_err(|problem| DocumentError::new(file, problem))?;
            config.greatest_drift_steps = config.greatest_drift_steps.max(special.drift_steps);
        }
        let greatest_drift_steps = config.greatest_drift_steps;
        let special = service.and_then(|service| services.iter().find(|(name, _)| name == service));
        Ok(match special {
            Some((_, special)) => {
                let Self { notify, reset, .. } = config;
                Self { greatest_drift_steps, notify, reset, ..Self::merge(special, &general) }
            }
            None => config,
        })
    }

    /// The services that the document overrides something for, sorted by name.
    ///
    /// # Errors
    /// As [`Config::parse`], but for contradictions.
    pub fn services(file: &Path, bytes: &[u8]) -> Result<Vec<String>, DocumentError> {
        let Raw { services, .. } = document::read(file, bytes, MEND, Raw::read)?;
        Ok(services.into_iter().map(|(name, _)| name).collect())
    }

    fn merge(special: &Sections, general: &Sections) -> Self {
        let path = |of: fn(&raw::Paths) -> &Option<raw::Absolute>, default: &str| {
            let set = of(&special.paths).as_ref().or(of(&general.paths).as_ref());
            set.map_or_else(|| PathBuf::from(default), |path| path.0.clone())
        };
        let limit = |of: fn(&raw::Limit) -> Option<u32>, default: u32| {
            of(&special.limit).or(of(&general.limit)).unwrap_or(default)
        };
        let length = |of: fn(&raw::Limit) -> Option<Seconds>, default: u64| {
            of(&special.limit).or(of(&general.limit)).unwrap_or(Seconds(default))
        };
        let (totp, recovery) = ((&special.totp, &general.totp), (&special.recovery, &general.recovery));
        let drift_steps =
            totp.0.drift_steps.or(totp.1.drift_steps).map_or(1, |Ranged(steps)| u64::from(steps));
        Self {
            paths: Paths {
                state: path(|paths| &paths.state, "/var/lib/pam_totp"),
                keyring: path(|paths| &paths.keyring, "/etc/pam_totp/keyring.toml"),
                runtime: path(|paths| &paths.runtime, "/run/pam_totp"),
                syslog: path(|paths| &paths.syslog, "/dev/log"),
            },
            drift_steps,
            greatest_drift_steps: drift_steps,
            answer_within: totp.0.answer_within.or(totp.1.answer_within).unwrap_or(Seconds(300)),
            limit: Limit {
                attempts: limit(|limit| limit.attempts.map(|Ranged(n)| n), 5) as usize,
                per: length(|limit| limit.per, 60),
                lock_after: limit(|limit| limit.lock_after.map(|Ranged(n)| n), 10),
                lock_for: length(|limit| limit.lock_for, 60),
                lock_max: length(|limit| limit.lock_max, 86400),
                disable_after: limit(|limit| limit.disable_after.map(|Ranged(n)| n), 100),
            },
            fail_delay: length(|limit| limit.fail_delay, 0),
            recovery_codes: recovery.0.codes.or(recovery.1.codes).map_or(10, |Ranged(n)| n as usize),
            warn_below: recovery.0.warn_below.or(recovery.1.warn_below).map_or(3, |Ranged(n)| n as usize),
            policy: Self::policy(special, general),
            quiet: special.quiet.or(general.quiet).unwrap_or(false),
            notify: Notify::default(),
            reset: Terms::DEFAULT,
        }
    }

    fn reset(reset: &raw::Reset) -> Result<Terms, &'static str> {
        let Terms { cooldown, approvals, expires, ticket_for } = Terms::DEFAULT;
        let terms = Terms {
            cooldown: reset.cooldown.unwrap_or(cooldown),
            approvals: reset.approvals.map_or(approvals, |Ranged(count)| count),
            expires: reset.expires.unwrap_or(expires),
            ticket_for: reset.ticket_for.unwrap_or(ticket_for),
        };
        let rules = [
            (
                terms.cooldown == Seconds(0),
                "reset.cooldown is zero, so nobody could object in time: make it longer",
            ),
            (
                terms.expires <= terms.cooldown,
                "reset.expires is not longer than reset.cooldown, so no reset could ever be completed: make it longer",
            ),
            (
                terms.ticket_for == Seconds(0),
                "reset.ticket_for is zero, so no ticket could be used: make it longer",
            ),
        ];
        rules.iter().find(|(broken, _)| *broken).map_or(Ok(terms), |(_, problem)| Err(problem))
    }

    fn policy(special: &Sections, general: &Sections) -> Policy {
        let (require, accept) = ((&special.require, &general.require), (&special.accept, &general.accept));
        let list = |of: fn(&raw::Require) -> &Option<Vec<String>>| {
            of(require.0).as_ref().or(of(require.1).as_ref()).cloned().unwrap_or_default()
        };
        let networks = require.0.exempt_networks.as_ref().or(require.1.exempt_networks.as_ref());
        Policy {
            groups: list(|require| &require.groups),
            exempt_groups: list(|require| &require.exempt_groups),
            exempt_networks: networks.cloned().unwrap_or_default(),
            enroll_by: require.0.enroll_by.or(require.1.enroll_by),
            enroll_at_login: require.0.enroll_at_login.or(require.1.enroll_at_login).unwrap_or(false),
            // Only the line in the service file says that.
            nullok: false,
            fresh: special.fresh.within.or(general.fresh.within).unwrap_or(Seconds(0)),
            remember: Self::remember(&special.remember, &general.remember),
            ssh_security_keys: accept.0.ssh_security_keys.or(accept.1.ssh_security_keys).unwrap_or(false),
        }
    }

    fn remember(special: &raw::Remember, general: &raw::Remember) -> Remember {
        let bind = special.bind.as_ref().or(general.bind.as_ref());
        let binds = |what: Bind| bind.is_none_or(|bind| bind.contains(&what));
        let ipv4 = special.ipv4_prefix.or(general.ipv4_prefix);
        let ipv6 = special.ipv6_prefix.or(general.ipv6_prefix);
        Remember {
            mode: special.mode.or(general.mode).unwrap_or(Mode::Off),
            length: special.length.or(general.length).unwrap_or(Seconds(30 * 86400)),
            bind_key: binds(Bind::SshKey),
            bind_address: binds(Bind::Address),
            ipv4_prefix: ipv4.map_or(32, |Ranged(bits)| u8::try_from(bits).unwrap_or(32)),
            ipv6_prefix: ipv6.map_or(64, |Ranged(bits)| u8::try_from(bits).unwrap_or(128)),
        }
    }

    /// Finds contradictions; `of` goes before each key's name.
    fn check(&self, of: &str) -> Result<(), String> {
        let (limit, policy) = (&self.limit, &self.policy);
        let remember = &policy.remember;
        let both = policy.groups.iter().find(|group| policy.exempt_groups.contains(group));
        let rules = [
            (
                self.answer_within == Seconds(0),
                "totp.answer_within is zero, so nobody could answer in time: make it longer",
            ),
            (limit.per == Seconds(0), "limit.per is zero, so nothing would be counted: make it longer"),
            (limit.lock_for == Seconds(0), "limit.lock_for is zero, so no lock would hold: make it longer"),
            (self.fail_delay > Seconds(10), "limit.fail_delay is longer than ten seconds: make it shorter"),
            (
                limit.lock_for > limit.lock_max,
                "limit.lock_for is longer than limit.lock_max: make it shorter",
            ),
            (
                limit.lock_after > limit.disable_after,
                "limit.lock_after is more than limit.disable_after, so no lock would ever start: make it less",
            ),
            (
                !remember.bind_key && !remember.bind_address,
                "remember.bind is empty, so that every device would be the remembered one: name \"ssh-key\", \"address\" or both",
            ),
            (
                remember.length == Seconds(0),
                "remember.for is zero, so no device would be remembered: make it longer, or set remember.mode = \"off\"",
            ),
            (
                both.is_some(),
                "require.groups and require.exempt_groups name the same group: take it out of one of them",
            ),
            (
                policy.named_groups().any(str::is_empty),
                "require.groups or require.exempt_groups names a group without a name: take it out",
            ),
        ];
        rules.iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, problem)| Err(format!("{of}{problem}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;
    use crate::time::Date;

    fn parse(text: &str, service: Option<&str>) -> Result<Config, String> {
        Config::parse(Path::new("/c.toml"), text.as_bytes(), service).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_has_a_default() {
        let config = Config::defaults().unwrap();
        assert_eq!(config.paths.state, Path::new("/var/lib/pam_totp"));
        assert_eq!((config.drift_steps, config.answer_within), (1, Seconds(300)));
        assert_eq!((config.limit.attempts, config.limit.per), (5, Seconds(60)));
        assert_eq!((config.limit.lock_after, config.limit.disable_after), (10, 100));
        assert_eq!((config.limit.lock_for, config.limit.lock_max), (Seconds(60), Seconds(86400)));
        assert_eq!(config.fail_delay, Seconds(0));
        assert_eq!((config.recovery_codes, config.warn_below), (10, 3));
        assert!(!config.quiet);
        let remember = Remember { length: Seconds(30 * 86400), ipv6_prefix: 64, ..Remember::OFF };
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
        let remember = Remember {
            mode: Mode::Ask,
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
        let remember = Remember { mode: Mode::Always, bind_key: true, bind_address: false, ..remember };
        assert_eq!(sudo.policy, Policy { groups: Vec::new(), fresh: Seconds(0), remember, ..policy });
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
            (
                "[require]\nexempt_networks = [\"10.0.0.1/8\"]\n",
                "line 2: `exempt_networks`: has bits set behind",
            ),
            ("[require]\nenroll_by = 2026-02-30\n", "line 2: "),
            ("[require]\nenroll_by = \"tomorrow\"\n", "line 2: `enroll_by`: is not a day"),
            ("[require]\ngroups = \"staff\"\n", "line 2: `groups`: invalid type"),
            ("[accept]\nssh_security_keys = \"yes\"\n", "line 2: `ssh_security_keys`: invalid type"),
            ("quiet = 1\n", "line 1: `quiet`: invalid type"),
            ("[service.sudo]\n[service.sudo.limits]\n", "unknown field `limits`"),
            ("[totp]\ndrift_steps = 11\n", "line 2: `drift_steps`: 11 is out of range: 0 to 10"),
            ("[totp]\ndrift_steps = -1\n", "line 2: `drift_steps`: -1 is out of range"),
            ("[limit]\nattempts = 17\n", "line 2: `attempts`: 17 is out of range"),
            ("[limit]\nattempts = 0\n", "line 2: `attempts`: 0 is out of range"),
            ("[limit]\nper = \"1\"\n", "line 2: `per`: not a duration"),
            ("[limit]\nper = 60\n", "line 2: `per`: invalid type"),
            ("[paths]\nstate = \"var/lib\"\n", "line 2: `state`: a path must start with /"),
            ("[reset]\napprovals = 4\n", "line 2: `approvals`: 4 is out of range: 0 to 3"),
            ("[reset]\nticket = \"1h\"\n", "line 2: unknown field `ticket`"),
            ("[service.sudo.reset]\napprovals = 0\n", "unknown field `reset`"),
            ("[totp\n", "line 1: "),
            ("[totp]\ndrift_steps = 1\ndrift_steps = 2\n", "line 3: duplicate key"),
        ] {
            let error = parse(text, None).unwrap_err();
            assert!(error.starts_with("/c.toml") && error.contains(problem), "{text}: {error}");
        }
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
            "[reset]\nticket_for = \"0s\"\n",
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
            "[recovery]\ncodes = 16\n",
            "[recovery]\ncodes = 1\n",
        ] {
            assert!(parse(text, None).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_reset_takes_the_same_whatever_the_service() {
        assert_eq!(Config::defaults().unwrap().reset, Terms::DEFAULT);
        let text = "[reset]\ncooldown = \"2h\"\napprovals = 0\nexpires = \"7201s\"\nticket_for = \"30m\"\n[service.sudo]\n";
        let terms = Terms {
            cooldown: Seconds(7200),
            approvals: 0,
            expires: Seconds(7201),
            ticket_for: Seconds(1800),
        };
        for service in [None, Some("sudo"), Some("sshd")] {
            assert_eq!(parse(text, service).unwrap().reset, terms);
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
}
