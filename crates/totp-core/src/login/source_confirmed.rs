//! A source that becomes known after the code: the first factor came later in the stack, and the whole stack has succeeded.

use super::{Host, JudgeError, with_hold};
use crate::ledger::{Happened, Record};
use crate::lockout::{RiskRules, Source};
use crate::random::Id;
use crate::store::{Held, Hold, Store};
use crate::user::Account;
use std::time::Duration;

/// An accepted answer whose source is not known to be the owner's yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnconfirmedSource {
    /// The account.
    pub account: Account,
    /// The enrolment of the code.
    pub credential: Id,
    /// Where the answer came from.
    pub source: Source,
}

/// Makes the source known, because the whole stack has succeeded. Where the account was enrolled anew in the meantime, or another
/// process holds it, nothing is done: the source becomes known at another login.
///
/// # Errors
/// [`Host::Error`]; the source is then not known.
pub fn confirm_source<S: Store, H: Host>(
    store: &S,
    confirmed: &UnconfirmedSource,
    risk: &RiskRules,
    patience: Duration,
    host: &mut H,
) -> Result<(), H::Error> {
    let UnconfirmedSource { account, credential, source } = confirmed;
    let done = with_hold(store, &account.user, patience, host, |mut held, now, keyring| {
        let in_place = held.credential();
        let (owner, first) = (in_place.owner(), in_place.authenticators().first());
        if owner.id != *credential || !owner.is(account) {
            return Ok(());
        }
        let secret = match source {
            Source::Remote { .. } => first.map(|first| in_place.open(first, keyring)).transpose()?,
            Source::Local(_) | Source::Foreign => None,
        };
        let identity = source.identity(account.uid, owner.id, secret.as_ref());
        let mut ledger = held.ledger().clone();
        ledger.guesses.pull_back(now.realtime);
        ledger.guesses.bring_up_to(risk, || 0, now.realtime);
        // Later logins of a day would only write the same again.
        if ledger.guesses.is_seen_on_this_day(&identity, now.realtime) {
            return Ok(());
        }
        ledger.guesses.know(&identity, now.realtime);
        let record = Record::of(ledger, Happened::SourceKnown);
        Ok::<_, JudgeError>(held.replace(record.ledger(), record.durability())?)
    })?;
    match done {
        Hold::Held(()) | Hold::NotEnrolled | Hold::Busy => Ok(()),
    }
}
