//! The config as it is written in TOML: every key is optional, and an unknown key is an error.

use super::notify::Notify;
use crate::account_recovery::MOST_APPROVALS;
use crate::document::{Field, ParseError, Table, Value, word};
use crate::lockout::MOST_ATTEMPTS;
use crate::network::Network;
use crate::policy::device::RememberMode;
use crate::recovery::MOST_CODES;
use crate::time::{Date, Seconds};
use std::path::{Path, PathBuf};

#[expect(clippy::cast_possible_truncation, reason = "16")]
const MOST_TRIES: u32 = MOST_ATTEMPTS as u32;
#[expect(clippy::cast_possible_truncation, reason = "16")]
const MOST_RECOVERY: u32 = MOST_CODES as u32;

/// The whole document.
pub(super) struct RawConfig {
    pub(super) general: Sections,
    pub(super) notify: Notify,
    pub(super) reset: RawReset,
    /// By the name of the PAM service.
    pub(super) services: Vec<(String, Sections)>,
}

impl RawConfig {
    pub(super) fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            general: Sections::read(table)?,
            notify: table.section("notify", Notify::read)?.unwrap_or(Notify::DEFAULT),
            reset: table.section("reset", RawReset::read)?.unwrap_or_default(),
            services: table.named_sections("service", Sections::read)?,
        })
    }
}

#[derive(Default)]
pub(super) struct Sections {
    pub(super) quiet: Option<bool>,
    pub(super) paths: RawPaths,
    pub(super) totp: RawTotp,
    pub(super) limit: RawLimit,
    pub(super) recovery: RawRecovery,
    pub(super) fresh: RawFresh,
    pub(super) remember: RawRemember,
    pub(super) require: RawRequire,
    pub(super) accept: RawAccept,
}

impl Sections {
    fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            quiet: table.optional("quiet")?,
            paths: table.section("paths", RawPaths::read)?.unwrap_or_default(),
            totp: table.section("totp", RawTotp::read)?.unwrap_or_default(),
            limit: table.section("limit", RawLimit::read)?.unwrap_or_default(),
            recovery: table.section("recovery", RawRecovery::read)?.unwrap_or_default(),
            fresh: table.section("fresh", RawFresh::read)?.unwrap_or_default(),
            remember: table.section("remember", RawRemember::read)?.unwrap_or_default(),
            require: table.section("require", RawRequire::read)?.unwrap_or_default(),
            accept: table.section("accept", RawAccept::read)?.unwrap_or_default(),
        })
    }
}

#[derive(Default)]
pub(super) struct RawPaths {
    pub(super) state: Option<Absolute>,
    pub(super) keyring: Option<Absolute>,
    pub(super) runtime: Option<Absolute>,
    pub(super) syslog: Option<Absolute>,
}

impl RawPaths {
    fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            state: table.optional("state")?,
            keyring: table.optional("keyring")?,
            runtime: table.optional("runtime")?,
            syslog: table.optional("syslog")?,
        })
    }
}

#[derive(Default)]
pub(super) struct RawTotp {
    pub(super) drift_steps: Option<Ranged<0, 10>>,
    pub(super) answer_within: Option<Seconds>,
}

impl RawTotp {
    fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            drift_steps: table.optional("drift_steps")?,
            answer_within: table.optional("answer_within")?,
        })
    }
}

#[derive(Default)]
pub(super) struct RawLimit {
    pub(super) attempts: Option<Ranged<1, MOST_TRIES>>,
    pub(super) per: Option<Seconds>,
    pub(super) lock_after: Option<Ranged<1, 1000>>,
    pub(super) lock_for: Option<Seconds>,
    pub(super) lock_max: Option<Seconds>,
    pub(super) disable_after: Option<Ranged<1, 1000>>,
    pub(super) fail_delay: Option<Seconds>,
}

impl RawLimit {
    fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            attempts: table.optional("attempts")?,
            per: table.optional("per")?,
            lock_after: table.optional("lock_after")?,
            lock_for: table.optional("lock_for")?,
            lock_max: table.optional("lock_max")?,
            disable_after: table.optional("disable_after")?,
            fail_delay: table.optional("fail_delay")?,
        })
    }
}

#[derive(Default)]
pub(super) struct RawRecovery {
    pub(super) codes: Option<Ranged<1, MOST_RECOVERY>>,
    pub(super) warn_below: Option<Ranged<0, MOST_RECOVERY>>,
}

impl RawRecovery {
    fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        Ok(Self { codes: table.optional("codes")?, warn_below: table.optional("warn_below")? })
    }
}

#[derive(Default)]
pub(super) struct RawFresh {
    pub(super) within: Option<Seconds>,
}

impl RawFresh {
    fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        Ok(Self { within: table.optional("for")? })
    }
}

#[derive(Default)]
pub(super) struct RawRemember {
    pub(super) mode: Option<RememberMode>,
    pub(super) length: Option<Seconds>,
    pub(super) bind: Option<Vec<Bind>>,
    pub(super) ipv4_prefix: Option<Ranged<0, 32>>,
    pub(super) ipv6_prefix: Option<Ranged<0, 128>>,
}

impl RawRemember {
    fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            mode: table.optional("mode")?,
            length: table.optional("for")?,
            bind: table.optional("bind")?,
            ipv4_prefix: table.optional("ipv4_prefix")?,
            ipv6_prefix: table.optional("ipv6_prefix")?,
        })
    }
}

impl<'t> Field<'t> for RememberMode {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        word(value, &[("off", Self::Off), ("ask", Self::Ask), ("always", Self::Always)])
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bind {
    SshKey,
    Address,
}

impl<'t> Field<'t> for Bind {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        word(value, &[("ssh-key", Self::SshKey), ("address", Self::Address)])
    }
}

#[derive(Default)]
pub(super) struct RawRequire {
    pub(super) groups: Option<Vec<String>>,
    pub(super) exempt_groups: Option<Vec<String>>,
    pub(super) exempt_networks: Option<Vec<Network>>,
    pub(super) enroll_by: Option<Date>,
    pub(super) enroll_at_login: Option<bool>,
}

impl RawRequire {
    fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            groups: table.optional("groups")?,
            exempt_groups: table.optional("exempt_groups")?,
            exempt_networks: table.optional("exempt_networks")?,
            enroll_by: table.optional("enroll_by")?,
            enroll_at_login: table.optional("enroll_at_login")?,
        })
    }
}

#[derive(Default)]
pub(super) struct RawAccept {
    pub(super) ssh_security_keys: Option<bool>,
}

impl RawAccept {
    fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        Ok(Self { ssh_security_keys: table.optional("ssh_security_keys")? })
    }
}

#[derive(Default)]
pub(super) struct RawReset {
    pub(super) cooldown: Option<Seconds>,
    pub(super) approvals: Option<Ranged<0, MOST_APPROVALS>>,
    pub(super) expires: Option<Seconds>,
    pub(super) token_for: Option<Seconds>,
}

impl RawReset {
    fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        table.renamed("ticket_for", "token_for")?;
        Ok(Self {
            cooldown: table.optional("cooldown")?,
            approvals: table.optional("approvals")?,
            expires: table.optional("expires")?,
            token_for: table.optional("token_for")?,
        })
    }
}

/// A number within bounds, checked while reading so that the error names its line.
#[derive(Clone, Copy)]
pub(super) struct Ranged<const MIN: u32, const MAX: u32>(pub(super) u32);

impl<'t, const MIN: u32, const MAX: u32> Field<'t> for Ranged<MIN, MAX> {
    fn read(value: &'t Value<'t>) -> Result<Self, String> {
        let number = i64::read(value)?;
        match u32::try_from(number) {
            Ok(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            Ok(_) | Err(_) => Err(format!("{number} is out of range: {MIN} to {MAX}")),
        }
    }
}

/// An absolute path.
pub(super) struct Absolute(pub(super) PathBuf);

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
