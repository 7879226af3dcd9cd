//! Finds out what the policy depends on, before anybody is asked, and lets it decide.

use crate::attempt::{Attempt, PATIENCE};
use crate::caller_guard::CallerGuard;
use crate::freshness::{self, CallerOfSession};
use crate::outcome::LoginError;
use crate::remembered_device;
use totp_core::account_recovery::ResetNotice;
use totp_core::module_arguments::FirstPass;
use totp_core::policy::remembered_device::admit;
use totp_core::policy::{Decision, PolicyInput};
use totp_core::store::{Engine, Held, Hold};
use totp_core::time::Seconds;
use totp_core::user::Account;
use totp_host::{accounts, clock};

/// What is required of an account.
pub(crate) struct Required {
    /// What the policy decided. If it is a remembered device's exemption, its use is recorded.
    pub(crate) decision: Decision,
    /// That someone asked to reset the enrolment, if the ledger was looked at.
    pub(crate) reset_notice: Option<ResetNotice>,
    /// The account was reset, and its reset token was not used yet.
    pub(crate) awaits_token: bool,
}

impl From<Decision> for Required {
    fn from(decision: Decision) -> Self {
        Self { decision, reset_notice: None, awaits_token: false }
    }
}

/// What is required of `account`. The ledger is held only if the policy depends on what is in it.
pub(crate) fn required(
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
    account: &Account,
) -> Result<Required, LoginError> {
    let now = clock::now()?;
    let mut input = PolicyInput {
        known: account.uid.is_some(),
        groups: groups(attempt, account),
        address: attempt.request.address(),
        security_key: attempt.request.key().is_some_and(|key| key.is_security_key),
        introduced: attempt.has_first_factor(),
        may_converse: !attempt.is_silent && attempt.arguments.first_pass != FirstPass::Use,
        enrolled: None,
        reset: false,
        since_code: None,
        remembered: false,
        now: now.realtime,
    };
    // A rule that exempts does not depend on the enrolment, sound or broken.
    let decision = attempt.policy.decide(&input);
    if !input.known || !attempt.policy.depends_on_enrolment() || matches!(decision, Decision::Exempt(_)) {
        return Ok(decision.into());
    }
    let reads_timestamps = attempt.policy.fresh > Seconds(0);
    let caller = if reads_timestamps { CallerOfSession::of(attempt, account) } else { None };
    let caller_guard = CallerGuard::new();
    if reads_timestamps {
        freshness::ask_for_records(attempt);
    }
    let required = required_of_enrolment(attempt, store, account, &mut input, caller.as_ref());
    caller_guard.restore()?;
    required
}

/// The same where it depends on the enrolment.
fn required_of_enrolment(
    attempt: &Attempt<'_>,
    store: &impl Engine,
    account: &Account,
    input: &mut PolicyInput,
    caller: Option<&CallerOfSession>,
) -> Result<Required, LoginError> {
    let policy = &attempt.policy;
    let held = match store.hold(&account.user, PATIENCE)? {
        Hold::Held(held) => held,
        Hold::NotEnrolled => {
            input.enrolled = Some(false);
            let reset = store.reset(&account.user)?;
            input.reset = reset.is_some_and(|reset| !reset.is_anothers(account));
            return Ok(Required {
                decision: policy.decide(input),
                reset_notice: None,
                awaits_token: input.reset,
            });
        }
        // Whether the account is enrolled is then not known, and the code is asked for.
        Hold::Busy => return Ok(policy.decide(input).into()),
    };
    input.enrolled = Some(true);
    let reset_notice = held.ledger().notice();
    let now = clock::now()?;
    input.since_code = caller.and_then(|caller| freshness::since_code(attempt, &held, caller, now));
    let recognised = remembered_device::recognise(attempt, store, &held, account, now)?;
    input.remembered = recognised.is_some();
    let decision = match (policy.decide(input), recognised) {
        (Decision::Recognised, Some(recognised)) => match admit(held, &recognised, now)? {
            Some(exemption) => Decision::Exempt(exemption),
            // Another process changed the enrolment first: the device counts as not remembered.
            None => {
                input.remembered = false;
                policy.decide(input)
            }
        },
        (decision, _) => decision,
    };
    Ok(Required { decision, reset_notice, awaits_token: false })
}

/// The groups of the account that the policy names. If they cannot be found out, that is logged once, and exempts nobody.
fn groups(attempt: &mut Attempt<'_>, account: &Account) -> Result<Vec<String>, String> {
    if account.uid.is_none() || attempt.policy.named_groups().next().is_none() {
        return Ok(Vec::new());
    }
    accounts::groups_of(account.user.as_str(), attempt.policy.named_groups()).map_err(|error| {
        attempt.audit.error(account.user.as_str(), &error);
        error.to_string()
    })
}
