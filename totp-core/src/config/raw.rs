//! The config as it is written: every key may be missing, an unknown one is an error.

use super::{MOST_RECOVERY, MOST_TRIES};
use crate::device::Mode;
use crate::network::Network;
use crate::time::{Date, Seconds};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) quiet: Option<bool>,
    #[serde(default)]
    pub(super) paths: Paths,
    #[serde(default)]
    pub(super) totp: Totp,
    #[serde(default)]
    pub(super) limit: Limit,
    #[serde(default)]
    pub(super) recovery: Recovery,
    #[serde(default)]
    pub(super) fresh: Fresh,
    #[serde(default)]
    pub(super) remember: Remember,
    #[serde(default)]
    pub(super) require: Require,
    #[serde(default)]
    pub(super) accept: Accept,
    #[serde(default)]
    pub(super) service: BTreeMap<String, Sections>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Sections {
    pub(super) quiet: Option<bool>,
    pub(super) paths: Paths,
    pub(super) totp: Totp,
    pub(super) limit: Limit,
    pub(super) recovery: Recovery,
    pub(super) fresh: Fresh,
    pub(super) remember: Remember,
    pub(super) require: Require,
    pub(super) accept: Accept,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Paths {
    pub(super) state: Option<Absolute>,
    pub(super) keyring: Option<Absolute>,
    pub(super) runtime: Option<Absolute>,
    pub(super) syslog: Option<Absolute>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Totp {
    pub(super) drift_steps: Option<Ranged<0, 10>>,
    pub(super) answer_within: Option<Seconds>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limit {
    pub(super) attempts: Option<Ranged<1, MOST_TRIES>>,
    pub(super) per: Option<Seconds>,
    pub(super) lock_after: Option<Ranged<1, 1000>>,
    pub(super) lock_for: Option<Seconds>,
    pub(super) lock_max: Option<Seconds>,
    pub(super) disable_after: Option<Ranged<1, 1000>>,
    pub(super) fail_delay: Option<Seconds>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Recovery {
    pub(super) codes: Option<Ranged<1, MOST_RECOVERY>>,
    pub(super) warn_below: Option<Ranged<0, MOST_RECOVERY>>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Fresh {
    #[serde(rename = "for")]
    pub(super) within: Option<Seconds>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Remember {
    pub(super) mode: Option<Remembering>,
    #[serde(rename = "for")]
    pub(super) length: Option<Seconds>,
    pub(super) bind: Option<Vec<Bind>>,
    pub(super) ipv4_prefix: Option<Ranged<0, 32>>,
    pub(super) ipv6_prefix: Option<Ranged<0, 128>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum Remembering {
    Off,
    Ask,
    Always,
}

impl From<Remembering> for Mode {
    fn from(written: Remembering) -> Self {
        match written {
            Remembering::Off => Self::Off,
            Remembering::Ask => Self::Ask,
            Remembering::Always => Self::Always,
        }
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Bind {
    SshKey,
    Address,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Require {
    pub(super) groups: Option<Vec<String>>,
    pub(super) exempt_groups: Option<Vec<String>>,
    pub(super) exempt_networks: Option<Vec<Network>>,
    pub(super) enroll_by: Option<Date>,
    pub(super) enroll_at_login: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Accept {
    pub(super) ssh_security_keys: Option<bool>,
}

/// A number within bounds; checked while reading, so that the error has its line.
#[derive(Clone, Copy)]
pub(super) struct Ranged<const MIN: u32, const MAX: u32>(pub(super) u32);

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
pub(super) struct Absolute(pub(super) PathBuf);

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
