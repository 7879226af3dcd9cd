//! The config: what one PAM service demands, read from TOML, with defaults and the service's own sections applied.
//!
//! Every key is optional, and an unknown key is an error. [`Config`] and [`Paths`] are in `values`.

mod limit;
mod notify;
mod reset;
#[cfg(test)]
pub(crate) mod schema_tests;
mod section;
#[cfg(test)]
mod shipped_tests;
#[cfg(test)]
mod tests;
mod values;

pub use notify::{Command, Notify, SENDMAIL};
pub use values::{Config, Paths};

use crate::account_recovery::ResetRules;
use crate::document::{self, DocumentError, Field, ParseError, Ranged, Table, Value, word};
use crate::factor::{Windows, hotp, totp};
use crate::lockout::LONGEST_WINDOW;
use crate::network::Network;
use crate::policy::Policy;
use crate::policy::device::{RememberMode, RememberRules};
use crate::recovery::MOST_CODES;
use crate::time::{Date, Seconds};
use limit::RawLimit;
use reset::RawReset;
use section::section;
use std::path::{Path, PathBuf};

/// The default path of the config.
pub const DEFAULT_FILE: &str = "/etc/pam_totp/config.toml";

/// Advice that follows an error about the config.
const WHAT_TO_DO: &str = "correct or remove the line; until then every login is refused";

#[expect(clippy::cast_possible_truncation, reason = "50")]
const WIDEST_LOOK_AHEAD: u32 = hotp::WIDEST_LOOK_AHEAD as u32;
#[expect(clippy::cast_possible_truncation, reason = "16")]
const MOST_RECOVERY: u32 = MOST_CODES as u32;

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
        let RawConfig { general, notify, reset, doctor, services } =
            document::read(file, bytes, WHAT_TO_DO, RawConfig::read)?;
        let accepted_findings = doctor.accepted.unwrap_or_default();
        let reset = reset.map_or(Ok(ResetRules::DEFAULT), |reset| reset.rules());
        let reset = reset.map_err(|problem| DocumentError::new(file, problem))?;
        let mut config =
            Self { notify, reset, accepted_findings, ..Self::merge(&Sections::default(), &general) };
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
                let Self {
                    greatest_drift_steps, asks_for_freshness, notify, reset, accepted_findings, ..
                } = config;
                let special = Self::merge(special, &general);
                Self { greatest_drift_steps, asks_for_freshness, notify, reset, accepted_findings, ..special }
            }
            None => config,
        })
    }

    /// The windows of the factors.
    #[must_use]
    pub fn windows(&self) -> Windows {
        let Self { drift_steps, greatest_drift_steps, look_ahead, .. } = *self;
        Windows {
            totp: totp::Window { drift_steps, greatest_drift_steps },
            hotp: hotp::Window { look_ahead },
        }
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
        let path = |of: fn(&RawPaths) -> &Option<Absolute>, default: &str| {
            let set = of(&special.paths).as_ref().or(of(&general.paths).as_ref());
            set.map_or_else(|| PathBuf::from(default), |path| path.0.clone())
        };
        let (totp, recovery) = ((&special.totp, &general.totp), (&special.recovery, &general.recovery));
        let drift_steps =
            totp.0.drift_steps.or(totp.1.drift_steps).map_or(1, |Ranged(steps)| u64::from(steps));
        let look_ahead = special.hotp.look_ahead.or(general.hotp.look_ahead);
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
            look_ahead: look_ahead
                .map_or(hotp::Window::DEFAULT.look_ahead, |Ranged(counters)| counters.into()),
            asks_for_freshness: policy.fresh > Seconds(0),
            answer_within: totp.0.answer_within.or(totp.1.answer_within).unwrap_or(Seconds(300)),
            limit: special.limit.limit(&general.limit),
            risk: general.limit.risk(),
            sources: general.limit.sources(),
            fail_delay: special.limit.fail_delay(&general.limit),
            recovery_codes: recovery.0.codes.or(recovery.1.codes).map_or(10, |Ranged(n)| n as usize),
            warn_below: recovery.0.warn_below.or(recovery.1.warn_below).map_or(3, |Ranged(n)| n as usize),
            policy,
            quiet: special.quiet.or(general.quiet).unwrap_or(false),
            notify: Notify::DEFAULT,
            reset: ResetRules::DEFAULT,
            accepted_findings: Vec::new(),
        }
    }

    fn policy(special: &Sections, general: &Sections) -> Policy {
        let (require, accept) = ((&special.require, &general.require), (&special.accept, &general.accept));
        let list = |of: fn(&RawRequire) -> &Option<Vec<String>>| {
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

    fn remember(special: &RawRemember, general: &RawRemember) -> RememberRules {
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
            (limit.per > LONGEST_WINDOW, "limit.per is longer than 31 days: make it shorter"),
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

/// The whole document.
struct RawConfig {
    general: Sections,
    notify: Notify,
    reset: Option<RawReset>,
    doctor: RawDoctor,
    /// By the name of the PAM service.
    services: Vec<(String, Sections)>,
}

impl RawConfig {
    fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            general: Sections::read(table, RawLimit::read)?,
            notify: table.section("notify", Notify::read)?.unwrap_or(Notify::DEFAULT),
            reset: table.section("reset", RawReset::read)?,
            doctor: table.section("doctor", RawDoctor::read)?.unwrap_or_default(),
            services: table.named_sections("service", |service, table| {
                Sections::read(table, |table| RawLimit::of_service(service, table))
            })?,
        })
    }
}

#[derive(Default)]
struct Sections {
    quiet: Option<bool>,
    paths: RawPaths,
    totp: RawTotp,
    hotp: RawHotp,
    limit: RawLimit,
    recovery: RawRecovery,
    fresh: RawFresh,
    remember: RawRemember,
    require: RawRequire,
    accept: RawAccept,
}

impl Sections {
    /// `limit` reads the section that has keys which no service has of its own.
    fn read<'t>(
        table: &mut Table<'t>,
        limit: impl FnOnce(&mut Table<'t>) -> Result<RawLimit, ParseError>,
    ) -> Result<Self, ParseError> {
        Ok(Self {
            quiet: table.optional("quiet")?,
            paths: table.section("paths", RawPaths::read)?.unwrap_or_default(),
            totp: table.section("totp", RawTotp::read)?.unwrap_or_default(),
            hotp: table.section("hotp", RawHotp::read)?.unwrap_or_default(),
            limit: table.section("limit", limit)?.unwrap_or_default(),
            recovery: table.section("recovery", RawRecovery::read)?.unwrap_or_default(),
            fresh: table.section("fresh", RawFresh::read)?.unwrap_or_default(),
            remember: table.section("remember", RawRemember::read)?.unwrap_or_default(),
            require: table.section("require", RawRequire::read)?.unwrap_or_default(),
            accept: table.section("accept", RawAccept::read)?.unwrap_or_default(),
        })
    }
}

section! {
    RawPaths {
        state: Absolute = "state",
        keyring: Absolute = "keyring",
        runtime: Absolute = "runtime",
        syslog: Absolute = "syslog",
    }
}

section! {
    RawTotp {
        drift_steps: Ranged<0, 10> = "drift_steps",
        answer_within: Seconds = "answer_within",
    }
}

section! {
    RawHotp {
        look_ahead: Ranged<0, WIDEST_LOOK_AHEAD> = "look_ahead",
    }
}

section! {
    RawRecovery {
        codes: Ranged<1, MOST_RECOVERY> = "codes",
        warn_below: Ranged<0, MOST_RECOVERY> = "warn_below",
    }
}

section! {
    RawFresh {
        within: Seconds = "for",
    }
}

section! {
    RawRemember {
        mode: RememberMode = "mode",
        length: Seconds = "for",
        bind: Vec<Bind> = "bind",
        ipv4_prefix: Ranged<0, 32> = "ipv4_prefix",
        ipv6_prefix: Ranged<0, 128> = "ipv6_prefix",
    }
}

impl<'t> Field<'t> for RememberMode {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        word(value, &[("off", Self::Off), ("ask", Self::Ask), ("always", Self::Always)])
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bind {
    SshKey,
    Address,
}

impl<'t> Field<'t> for Bind {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        word(value, &[("ssh-key", Self::SshKey), ("address", Self::Address)])
    }
}

section! {
    RawRequire {
        groups: Vec<String> = "groups",
        exempt_groups: Vec<String> = "exempt_groups",
        exempt_networks: Vec<Network> = "exempt_networks",
        enroll_by: Date = "enroll_by",
        enroll_at_login: bool = "enroll_at_login",
    }
}

section! {
    RawAccept {
        ssh_security_keys: bool = "ssh_security_keys",
    }
}

// What the entries name is checked by the command alone: a mistake in them must not refuse logins.
section! {
    RawDoctor {
        accepted: Vec<String> = "accepted",
    }
}

/// An absolute path.
struct Absolute(PathBuf);

impl<'t> Field<'t> for Absolute {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        let path = Path::new(<&str>::read(value)?);
        if path.is_absolute() {
            Ok(Self(path.to_owned()))
        } else {
            Err("a path must start with /".to_owned())
        }
    }
}
