//! When something was made, as the documents write it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A moment as RFC 3339 writes it, in UTC, for people to read; no rule depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Created(toml::value::Datetime);

impl FromStr for Created {
    type Err = toml::value::DatetimeParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
