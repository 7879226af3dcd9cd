//! What each outcome answers to PAM.

use super::*;

fn code(outcome: Outcome) -> PamResultCode {
    outcome.into()
}

#[test]
fn no_error_lets_in_or_is_ignored() {
    let errors = [
        Outcome::LoginError(LoginError::Argument(ArgumentError::Config)),
        Outcome::LoginError(LoginError::Keyring(SettingsError::KeyringMissing("/k".into()))),
        Outcome::LoginError(LoginError::NoUser(4)),
        Outcome::LoginError(LoginError::Clock(ClockError::Before1970)),
        Outcome::LoginError(LoginError::judging(JudgeError::OtherAccount, |_| "/c".into())),
        Outcome::LoginError(EnrolmentError::AlreadyEnrolled.into()),
        Outcome::Misplaced { facility: "account" },
        Outcome::EnrolmentAborted(EnrolmentAborted::Cancelled),
        Outcome::EnrolmentAborted(EnrolmentAborted::Meanwhile),
        Outcome::EnrolmentAborted(EnrolmentAborted::NotAuthorised(TokenRefused::Missing)),
        Outcome::EnrolmentAborted(EnrolmentAborted::KeysRotated),
        Outcome::EnrolmentAborted(EnrolmentAborted::Conversation),
        Outcome::Unanswered(Unanswered::Late),
        Outcome::Unanswered(Unanswered::Conversation),
    ];
    for outcome in errors {
        let code = code(outcome);
        assert!(!matches!(code, PamResultCode::PAM_SUCCESS | PamResultCode::PAM_IGNORE), "{code:?}");
    }
}

#[test]
fn what_could_not_be_recorded_is_answered_as_a_wrong_code_is() {
    for as_wrong in
        [Reason::Wrong, Reason::Locked(Seconds(60)), Reason::Disabled, Reason::OverBudget].map(Refusal::from)
    {
        let unrecorded = Unrecorded { as_wrong, error: StoreError::Conflict };
        assert_eq!(code(Outcome::Unrecorded { unrecorded, caller: None }), code(Outcome::Refused(as_wrong)));
    }
}

#[test]
fn a_stranger_is_answered_like_a_wrong_code() {
    let wrong = code(Outcome::Refused(Reason::Wrong.into()));
    let locked =
        [Reason::Limited(Seconds(1)), Reason::Locked(Seconds(1)), Reason::Disabled, Reason::OverBudget];
    let others = [Reason::UnknownUser, Reason::NotEnrolled, Reason::Malformed, Reason::Busy];
    for reason in locked.into_iter().chain(others) {
        assert_eq!(code(Outcome::Refused(reason.into())), wrong, "{reason:?}");
    }
}

#[test]
fn a_program_that_fails_at_maxtries_does_not_get_it() {
    let still_locked = |service| {
        let (refusal, caller) = (Reason::Disabled.into(), CallerAtMaxTries::of(service));
        code(Outcome::StillLocked { refusal, caller })
    };
    assert_eq!(still_locked("sudo"), PamResultCode::PAM_MAXTRIES);
    for service in FAIL_AT_MAXTRIES {
        assert_eq!(still_locked(service), PamResultCode::PAM_AUTH_ERR, "{service}");
    }
}
