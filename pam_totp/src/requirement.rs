//! What the policy requires of an account, also where that depends on its enrolment: a recent code, a remembered device, a reset.

use crate::attempt::{Attempt, PATIENCE};
use crate::freshness::{self, CallerOfSession};
use crate::outcome::{EnrolmentAborted, LoginError, Outcome};
use crate::remembered_device;
use totp_core::account_recovery::ResetNotice;
use totp_core::policy::remembered_device::admit;
use totp_core::policy::{Decision, PolicyInput};
use totp_core::store::{Engine, Held, Hold};
use totp_core::time::Seconds;
use totp_core::user::Account;
use totp_host::machine;

/// What is required of an account.
pub(crate) struct Requirement {
    /// What the policy decided. If it is a remembered device's exemption, its use is recorded.
    pub(crate) decision: Decision,
    /// That someone asked to reset the enrolment, if the ledger was looked at.
    pub(crate) reset_notice: Option<ResetNotice>,
    /// The account was reset, and its reset token was not used yet.
    pub(crate) awaits_token: bool,
}

/// What the policy requires of `account`. The ledger is held only if the policy depends on what is in it.
pub(crate) fn of(
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
    account: &Account,
) -> Result<Requirement, LoginError> {
    let input = attempt.policy_input(account)?;
    let decision = attempt.policy.decide(&input);
    // A rule that exempts does not depend on the enrolment, sound or broken.
    if !input.known || !attempt.policy.depends_on_enrolment() || matches!(decision, Decision::Exempt(_)) {
        return Ok(Requirement { decision, reset_notice: None, awaits_token: false });
    }
    of_enrolment(attempt, store, account, input)
}

/// The user cancelled the enrolment, and is let in if the policy excuses that. The policy decides again: otherwise a connection
/// that was kept open would let its user in without a code after the account was enrolled elsewhere.
pub(crate) fn after_cancelled_enrolment(
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
    account: &Account,
) -> Result<Outcome, LoginError> {
    Ok(match of(attempt, store, account)?.decision {
        Decision::Enroll(Some(unenrolled)) => Outcome::NotEnrolled(unenrolled),
        Decision::Enroll(None) => Outcome::EnrolmentAborted(EnrolmentAborted::Cancelled),
        Decision::Ask | Decision::Exempt(_) | Decision::Recognised | Decision::NotYetRequired(_) => {
            Outcome::EnrolmentAborted(EnrolmentAborted::Meanwhile)
        }
    })
}

/// Holds the ledger of `account`, completes `input` by what is in it, and lets the policy decide.
fn of_enrolment(
    attempt: &mut Attempt<'_>,
    store: &impl Engine,
    account: &Account,
    input: PolicyInput,
) -> Result<Requirement, LoginError> {
    let reads_timestamps = attempt.policy.fresh > Seconds(0);
    let caller = if reads_timestamps { CallerOfSession::of(attempt, account) } else { None };
    attempt.guard_from_caller();
    if reads_timestamps {
        freshness::ask_for_records(attempt);
    }
    let requirement = of_ledger(attempt, store, account, input, caller.as_ref());
    attempt.restore_caller()?;
    requirement
}

fn of_ledger(
    attempt: &Attempt<'_>,
    store: &impl Engine,
    account: &Account,
    mut input: PolicyInput,
    caller: Option<&CallerOfSession>,
) -> Result<Requirement, LoginError> {
    let policy = &attempt.policy;
    let held = match store.hold(&account.user, PATIENCE)? {
        Hold::Held(held) => held,
        Hold::NotEnrolled => {
            let reset = store.reset(&account.user)?;
            input.enrolled = Some(false);
            input.reset = reset.is_some_and(|reset| !reset.is_anothers(account));
            let decision = policy.decide(&input);
            return Ok(Requirement { decision, reset_notice: None, awaits_token: input.reset });
        }
        // Whether the account is enrolled is then not known, and the code is asked for.
        Hold::Busy => {
            let decision = policy.decide(&input);
            return Ok(Requirement { decision, reset_notice: None, awaits_token: false });
        }
    };
    input.enrolled = Some(true);
    attempt.audit.lost_before(held.ledger().lost_lines());
    let reset_notice = held.ledger().notice();
    let now = machine::now()?;
    input.since_code = caller.and_then(|caller| freshness::since_code(attempt, &held, caller, now));
    let recognised = remembered_device::recognise(attempt, store, &held, account, now)?;
    input.remembered = recognised.is_some();
    let decision = match (policy.decide(&input), recognised) {
        (Decision::Recognised, Some(recognised)) => match admit(held, &recognised, now)? {
            Some(exemption) => Decision::Exempt(exemption),
            // Another process changed the enrolment first: the device counts as not remembered.
            None => {
                input.remembered = false;
                policy.decide(&input)
            }
        },
        (decision, _) => decision,
    };
    Ok(Requirement { decision, reset_notice, awaits_token: false })
}
