//! The config: what one PAM service demands, with its overrides applied.

mod notify;
mod raw;
#[cfg(test)]
pub(crate) mod schema_tests;
#[cfg(test)]
mod shipped_tests;
#[cfg(test)]
mod tests;

pub use notify::{Command, Notify, SENDMAIL};

use crate::account_recovery::ResetRules;
use crate::document::{self, DocumentError};
use crate::factor::{Windows, totp};
use crate::lockout::Limit;
use crate::policy::Policy;
use crate::policy::device::{RememberMode, RememberRules};
use crate::time::Seconds;
use raw::{Bind, Ranged, RawConfig, Sections};
use std::path::{Path, PathBuf};

/// The default path of the config.
pub const DEFAULT_FILE: &str = "/etc/pam_totp/config.toml";

/// Advice that follows an error about the config.
const WHAT_TO_DO: &str = "correct or remove the line; until then every login is refused";

/// The config of one service, checked; every key has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The paths of files, directories and sockets.
    pub paths: Paths,
    /// Accepted time steps each side of the clock's, 0 to 10.
    pub drift_steps: u64,
    /// The highest `drift_steps` of any service.
    pub greatest_drift_steps: u64,
    /// Whether any service accepts a recent code (`fresh`), whatever this one does.
    pub asks_for_freshness: bool,
    /// How long a person has to answer the prompt.
    pub answer_within: Seconds,
    /// The limit on attempts.
    pub limit: Limit,
    /// About how long the application delays a refusal; at most ten seconds.
    pub fail_delay: Seconds,
    /// Recovery codes in a new set, 1 to [`crate::recovery::MOST_CODES`].
    pub recovery_codes: usize,
    /// The number of recovery codes below which a login warns.
    pub warn_below: usize,
    /// The policy.
    pub policy: Policy,
    /// Suppress informational messages during login.
    pub quiet: bool,
    /// How people are notified of changes; the same for every service.
    pub notify: Notify,
    /// The rules of resets; the same for every service.
    pub reset: ResetRules,
}

/// The paths of files, directories and sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The directory of the credentials and ledgers.
    pub state: PathBuf,
    /// The keyring.
    pub keyring: PathBuf,
    /// The directory of files that do not survive a reboot.
    pub runtime: PathBuf,
    /// The socket that log events are sent to.
    pub syslog: PathBuf,
}

impl Config {
    /// The defaults, for a machine without a config.
    ///
    /// # Errors
    /// None in practice: a test checks the defaults.
    pub fn defaults() -> Result<Self, DocumentError> {
        Self::parse(Path::new(DEFAULT_FILE), b"", None)
    }

    /// Reads the document for `service`; `None`: for `totp-enroll`, without overrides. `file` is only named in errors.
    ///
    /// # Errors
    /// [`DocumentError`] with the line if there is one; also for an unknown key.
    pub fn parse(file: &Path, bytes: &[u8], service: Option<&str>) -> Result<Self, DocumentError> {
        let RawConfig { general, notify, reset, services } =
            document::read(file, bytes, WHAT_TO_DO, RawConfig::read)?;
        let reset = Self::reset(&reset).map_err(|problem| DocumentError::new(file, problem))?;
        let mut config = Self { notify, reset, ..Self::merge(&Sections::default(), &general) };
        config.check("").map_err(|problem| DocumentError::new(file, problem))?;
        // Every service is checked at each reading, so that a mistake shows at once and not when that service is used.
        for (name, special) in &services {
            let special = Self::merge(special, &general);
            // The name of a service may be any text.
            special
                .check(&format!("service.{}.", name.escape_debug()))
                .map_err(|problem| DocumentError::new(file, problem))?;
            config.greatest_drift_steps = config.greatest_drift_steps.max(special.drift_steps);
            config.asks_for_freshness |= special.asks_for_freshness;
        }
        let special = service.and_then(|service| services.iter().find(|(name, _)| name == service));
        Ok(match special {
            Some((_, special)) => {
                let Self { greatest_drift_steps, asks_for_freshness, notify, reset, .. } = config;
                let special = Self::merge(special, &general);
                Self { greatest_drift_steps, asks_for_freshness, notify, reset, ..special }
            }
            None => config,
        })
    }

    /// The windows of the factors.
    #[must_use]
    pub fn windows(&self) -> Windows {
        let Self { drift_steps, greatest_drift_steps, .. } = *self;
        Windows { totp: totp::Window { drift_steps, greatest_drift_steps } }
    }

    /// The services with overrides, sorted by name.
    ///
    /// # Errors
    /// As [`Config::parse`], but for contradictions.
    pub fn services(file: &Path, bytes: &[u8]) -> Result<Vec<String>, DocumentError> {
        let RawConfig { services, .. } = document::read(file, bytes, WHAT_TO_DO, RawConfig::read)?;
        let mut names: Vec<String> = services.into_iter().map(|(name, _)| name).collect();
        names.sort();
        Ok(names)
    }

    fn merge(special: &Sections, general: &Sections) -> Self {
        let path = |of: fn(&raw::RawPaths) -> &Option<raw::Absolute>, default: &str| {
            let set = of(&special.paths).as_ref().or(of(&general.paths).as_ref());
            set.map_or_else(|| PathBuf::from(default), |path| path.0.clone())
        };
        let limit = |of: fn(&raw::RawLimit) -> Option<u32>, default: u32| {
            of(&special.limit).or(of(&general.limit)).unwrap_or(default)
        };
        let length = |of: fn(&raw::RawLimit) -> Option<Seconds>, default: u64| {
            of(&special.limit).or(of(&general.limit)).unwrap_or(Seconds(default))
        };
        let (totp, recovery) = ((&special.totp, &general.totp), (&special.recovery, &general.recovery));
        let drift_steps =
            totp.0.drift_steps.or(totp.1.drift_steps).map_or(1, |Ranged(steps)| u64::from(steps));
        let policy = Self::policy(special, general);
        Self {
            paths: Paths {
                state: path(|paths| &paths.state, "/var/lib/pam_totp"),
                keyring: path(|paths| &paths.keyring, "/etc/pam_totp/keyring.toml"),
                runtime: path(|paths| &paths.runtime, "/run/pam_totp"),
                syslog: path(|paths| &paths.syslog, "/dev/log"),
            },
            drift_steps,
            greatest_drift_steps: drift_steps,
            asks_for_freshness: policy.fresh > Seconds(0),
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
            policy,
            quiet: special.quiet.or(general.quiet).unwrap_or(false),
            notify: Notify::DEFAULT,
            reset: ResetRules::DEFAULT,
        }
    }

    fn reset(reset: &raw::RawReset) -> Result<ResetRules, &'static str> {
        let ResetRules { cooldown, approvals, expires, token_for } = ResetRules::DEFAULT;
        let rules = ResetRules {
            cooldown: reset.cooldown.unwrap_or(cooldown),
            approvals: reset.approvals.map_or(approvals, |Ranged(count)| count),
            expires: reset.expires.unwrap_or(expires),
            token_for: reset.token_for.unwrap_or(token_for),
        };
        let checks = [
            (
                rules.cooldown == Seconds(0),
                "reset.cooldown is zero, so nobody could object in time: make it longer",
            ),
            (
                rules.expires <= rules.cooldown,
                "reset.expires is not longer than reset.cooldown, so no reset could ever be completed: make it longer",
            ),
            (
                rules.token_for == Seconds(0),
                "reset.token_for is zero, so no token could be used: make it longer",
            ),
        ];
        checks.iter().find(|(broken, _)| *broken).map_or(Ok(rules), |(_, problem)| Err(problem))
    }

    fn policy(special: &Sections, general: &Sections) -> Policy {
        let (require, accept) = ((&special.require, &general.require), (&special.accept, &general.accept));
        let list = |of: fn(&raw::RawRequire) -> &Option<Vec<String>>| {
            of(require.0).as_ref().or(of(require.1).as_ref()).cloned().unwrap_or_default()
        };
        let networks = require.0.exempt_networks.as_ref().or(require.1.exempt_networks.as_ref());
        Policy {
            groups: list(|require| &require.groups),
            exempt_groups: list(|require| &require.exempt_groups),
            exempt_networks: networks.cloned().unwrap_or_default(),
            enroll_by: require.0.enroll_by.or(require.1.enroll_by),
            enroll_at_login: require.0.enroll_at_login.or(require.1.enroll_at_login).unwrap_or(false),
            // Only the line in the service file sets this.
            nullok: false,
            fresh: special.fresh.within.or(general.fresh.within).unwrap_or(Seconds(0)),
            remember: Self::remember(&special.remember, &general.remember),
            ssh_security_keys: accept.0.ssh_security_keys.or(accept.1.ssh_security_keys).unwrap_or(false),
        }
    }

    fn remember(special: &raw::RawRemember, general: &raw::RawRemember) -> RememberRules {
        let bind = special.bind.as_ref().or(general.bind.as_ref());
        let binds = |what: Bind| bind.is_none_or(|bind| bind.contains(&what));
        let ipv4 = special.ipv4_prefix.or(general.ipv4_prefix);
        let ipv6 = special.ipv6_prefix.or(general.ipv6_prefix);
        RememberRules {
            mode: special.mode.or(general.mode).unwrap_or(RememberMode::Off),
            length: special.length.or(general.length).unwrap_or(Seconds(30 * 86400)),
            bind_key: binds(Bind::SshKey),
            bind_address: binds(Bind::Address),
            ipv4_prefix: ipv4.map_or(32, |Ranged(bits)| u8::try_from(bits).unwrap_or(32)),
            ipv6_prefix: ipv6.map_or(64, |Ranged(bits)| u8::try_from(bits).unwrap_or(128)),
        }
    }

    /// Finds contradictions; `of` is the prefix of each key in the message.
    fn check(&self, of: &str) -> Result<(), String> {
        let (limit, policy) = (&self.limit, &self.policy);
        let remember = &policy.remember;
        let both = policy.groups.iter().find(|group| policy.exempt_groups.contains(group));
        let rules = [
            (
                self.answer_within == Seconds(0),
                "totp.answer_within is zero, so nobody could answer in time: set a longer time",
            ),
            (limit.per == Seconds(0), "limit.per is zero, so nothing would be counted: make it longer"),
            (
                limit.lock_for == Seconds(0),
                "limit.lock_for is zero, so nobody would be locked: set a longer time",
            ),
            (self.fail_delay > Seconds(10), "limit.fail_delay is longer than ten seconds: make it shorter"),
            (
                limit.lock_for > limit.lock_max,
                "limit.lock_for is longer than limit.lock_max: make it shorter",
            ),
            (
                limit.lock_after > limit.disable_after,
                "limit.lock_after is more than limit.disable_after, so no lock would ever start: make it smaller",
            ),
            (
                !remember.bind_key && !remember.bind_address,
                "remember.bind is empty, so every device would count as remembered: name \"ssh-key\", \"address\" or both",
            ),
            (
                remember.length == Seconds(0),
                "remember.for is zero, so no device would be remembered: make it longer, or set remember.mode = \"off\"",
            ),
            (
                both.is_some(),
                "require.groups and require.exempt_groups name the same group: remove it from one of them",
            ),
            (
                policy.named_groups().any(str::is_empty),
                "require.groups or require.exempt_groups contains an empty group name: remove it",
            ),
        ];
        rules.iter().find(|(broken, _)| *broken).map_or(Ok(()), |(_, problem)| Err(format!("{of}{problem}")))
    }
}
