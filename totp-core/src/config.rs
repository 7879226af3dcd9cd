//! The config document: what one PAM service asks for, after its overrides.

use crate::document::{self, DocumentError};
use crate::limit::{Limit, MOST_ATTEMPTS};
use crate::recovery::MOST_CODES;
use crate::time::Seconds;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the config is read from unless told otherwise.
pub const DEFAULT_FILE: &str = "/etc/pam_totp/config.toml";

#[expect(clippy::cast_possible_truncation, reason = "16")]
const MOST_TRIES: u32 = MOST_ATTEMPTS as u32;
#[expect(clippy::cast_possible_truncation, reason = "16")]
const MOST_RECOVERY: u32 = MOST_CODES as u32;

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
    /// Recovery codes in a new set, 1 to [`MOST_CODES`].
    pub recovery_codes: usize,
    /// Fewer left than this is worth a warning.
    pub warn_below: usize,
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
        let Raw { paths, totp, limit, recovery, service: services } = document::parse(file, bytes, MEND)?;
        let general = Sections { paths, totp, limit, recovery };
        let mut config = Self::merge(&Sections::default(), &general);
        config.check("").map_err(|problem| DocumentError::new(file, problem))?;
        // Every service is checked at every reading: a mistake shows at once, not when that service is used.
        for (name, special) in &services {
            let special = Self::merge(special, &general);
            special
                .check(&format!("service.{name}."))
                .map_err(|problem| DocumentError::new(file, problem))?;
            config.greatest_drift_steps = config.greatest_drift_steps.max(special.drift_steps);
        }
        let greatest_drift_steps = config.greatest_drift_steps;
        let special = service.and_then(|name| services.get(name));
        Ok(special.map_or(config, |special| Self { greatest_drift_steps, ..Self::merge(special, &general) }))
    }

    fn merge(special: &Sections, general: &Sections) -> Self {
        let path = |of: fn(&RawPaths) -> &Option<Absolute>, default: &str| {
            let set = of(&special.paths).as_ref().or(of(&general.paths).as_ref());
            set.map_or_else(|| PathBuf::from(default), |path| path.0.clone())
        };
        let limit = |of: fn(&RawLimit) -> Option<u32>, default: u32| {
            of(&special.limit).or(of(&general.limit)).unwrap_or(default)
        };
        let length = |of: fn(&RawLimit) -> Option<Seconds>, default: u64| {
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
        }
    }

    /// Finds contradictions; `of` goes before each key's name.
    fn check(&self, of: &str) -> Result<(), String> {
        let limit = &self.limit;
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
        ];
        rules.iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, problem)| Err(format!("{of}{problem}")))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    paths: RawPaths,
    #[serde(default)]
    totp: RawTotp,
    #[serde(default)]
    limit: RawLimit,
    #[serde(default)]
    recovery: RawRecovery,
    #[serde(default)]
    service: BTreeMap<String, Sections>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Sections {
    paths: RawPaths,
    totp: RawTotp,
    limit: RawLimit,
    recovery: RawRecovery,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct RawPaths {
    state: Option<Absolute>,
    keyring: Option<Absolute>,
    runtime: Option<Absolute>,
    syslog: Option<Absolute>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct RawTotp {
    drift_steps: Option<Ranged<0, 10>>,
    answer_within: Option<Seconds>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct RawLimit {
    attempts: Option<Ranged<1, MOST_TRIES>>,
    per: Option<Seconds>,
    lock_after: Option<Ranged<1, 1000>>,
    lock_for: Option<Seconds>,
    lock_max: Option<Seconds>,
    disable_after: Option<Ranged<1, 1000>>,
    fail_delay: Option<Seconds>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct RawRecovery {
    codes: Option<Ranged<1, MOST_RECOVERY>>,
    warn_below: Option<Ranged<0, MOST_RECOVERY>>,
}

/// A number within bounds; checked while reading, so that the error has its line.
#[derive(Clone, Copy)]
struct Ranged<const MIN: u32, const MAX: u32>(u32);

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Ranged<MIN, MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        match u32::try_from(number) {
            Ok(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(serde::de::Error::custom(format!("{number} is out of range: {MIN} to {MAX}"))),
        }
    }
}

/// A path that does not depend on where the program was started.
struct Absolute(PathBuf);

impl<'de> Deserialize<'de> for Absolute {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = PathBuf::deserialize(deserializer)?;
        if path.is_absolute() {
            Ok(Self(path))
        } else {
            Err(serde::de::Error::custom("a path must start with /"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_mistake_is_named_with_its_line() {
        for (text, problem) in [
            ("[totp]\ndrift = 1\n", "line 2: unknown field `drift`"),
            ("wat = 1\n", "line 1: unknown field `wat`"),
            ("[require]\n", "unknown field `require`"),
            ("[service.sudo]\n[service.sudo.limits]\n", "unknown field `limits`"),
            ("[totp]\ndrift_steps = 11\n", "line 2: 11 is out of range: 0 to 10"),
            ("[totp]\ndrift_steps = -1\n", "line 2: -1 is out of range"),
            ("[limit]\nattempts = 17\n", "line 2: 17 is out of range"),
            ("[limit]\nattempts = 0\n", "line 2: 0 is out of range"),
            ("[limit]\nper = \"1\"\n", "line 2: not a duration"),
            ("[limit]\nper = 60\n", "line 2: invalid type"),
            ("[paths]\nstate = \"var/lib\"\n", "line 2: a path must start with /"),
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
        ] {
            assert!(parse(text, None).is_err(), "{text}");
        }
        for service in [None, Some("sudo"), Some("sshd")] {
            let error = parse("[service.sudo.limit]\nlock_after = 101\n", service).unwrap_err();
            assert!(error.contains("service.sudo.limit.lock_after is more"), "{error}");
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
