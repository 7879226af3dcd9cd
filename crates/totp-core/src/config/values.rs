//! The values of a config, checked.

use super::notify::Notify;
use crate::account_recovery::ResetRules;
use crate::lockout::{Limit, RiskRules, SourceRules};
use crate::policy::Policy;
use crate::time::Seconds;
use std::path::PathBuf;

/// The config of one service, checked; every key has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The paths of files, directories and sockets.
    pub paths: Paths,
    /// Accepted time steps each side of the clock's, 0 to 10.
    pub drift_steps: u64,
    /// The highest `drift_steps` of any service.
    pub greatest_drift_steps: u64,
    /// Counters of a token accepted after the next one, 0 to [`crate::factor::hotp::WIDEST_LOOK_AHEAD`].
    pub look_ahead: u64,
    /// Whether any service accepts a recent code (`fresh`), whatever this one does.
    pub asks_for_freshness: bool,
    /// How long a person has to answer the prompt.
    pub answer_within: Seconds,
    /// The limit on attempts.
    pub limit: Limit,
    /// How much guessing is allowed within a year; the same for every service.
    pub risk: RiskRules,
    /// What makes a source; the same for every service.
    pub sources: SourceRules,
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
    /// Findings of `doctor` that the administrator accepts, as they are written: `ID:service`, or `ID` of one about no service.
    pub accepted_findings: Vec<String>,
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
