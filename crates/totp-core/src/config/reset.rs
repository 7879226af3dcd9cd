//! The `[reset]` section of the config: the rules of account recovery.

use crate::account_recovery::{MOST_APPROVALS, ResetRules};
use crate::document::{ParseError, Ranged, Table};
use crate::time::Seconds;

/// The section as it is written.
pub(super) struct RawReset {
    cooldown: Option<Seconds>,
    approvals: Option<Ranged<0, MOST_APPROVALS>>,
    expires: Option<Seconds>,
    token_for: Option<Seconds>,
}

impl RawReset {
    pub(super) fn read(table: &mut Table<'_>) -> Result<Self, ParseError> {
        table.renamed("ticket_for", "token_for")?;
        Ok(Self {
            cooldown: table.optional("cooldown")?,
            approvals: table.optional("approvals")?,
            expires: table.optional("expires")?,
            token_for: table.optional("token_for")?,
        })
    }

    /// The rules with the defaults for what is not there, or the contradiction in them.
    pub(super) fn rules(&self) -> Result<ResetRules, &'static str> {
        let ResetRules { cooldown, approvals, expires, token_for } = ResetRules::DEFAULT;
        let rules = ResetRules {
            cooldown: self.cooldown.unwrap_or(cooldown),
            approvals: self.approvals.map_or(approvals, |Ranged(count)| count),
            expires: self.expires.unwrap_or(expires),
            token_for: self.token_for.unwrap_or(token_for),
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
}
