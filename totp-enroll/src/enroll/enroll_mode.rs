//! What `enroll` does, by its options: in which mode (new, add, replace), whether that is permitted, and storing the result.

use crate::authorise::{Consent, authorise};
use crate::cli::Enroll;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use crate::reset_token;
use crate::terminal::Terminal;
use crate::tokens::{EndingTokens, ReturningTokens};
use totp_core::account_recovery::Authorised;
use totp_core::audit_event::Event;
use totp_core::credential::Label;
use totp_core::enrolment;
use totp_core::enrolment::ExpectedEnrolment;
use totp_core::enrolment::draft::Confirmed;
use totp_core::random::Secret;
use totp_core::store::Held;
use totp_core::user::Account;

/// What happens to an existing enrolment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EnrollMode {
    New,
    Add,
    Replace,
}

impl EnrollMode {
    /// The mode that the options and the store give. For a change to an existing enrolment it authorises the operator.
    pub(super) fn permitted(
        context: &Context,
        options: &Enroll,
        account: &Account,
        label: &Label,
    ) -> Result<Self, CommandError> {
        let name = account.user.as_str();
        let consent = Consent::from(options.yes);
        match (context.is_enrolled(account), options.add, options.replace) {
            (false, false, _) => Ok(Self::New),
            (false, true, _) => Err(CommandError::not_enrolled(name)),
            (true, false, false) if options.token || options.token_file.is_some() => {
                Err(CommandError::refused(format!(
                    "{name} is already enrolled, so a reset token does not apply; use --add or --replace instead"
                )))
            }
            (true, false, false) => Err(CommandError::refused(format!(
                "{name} is already enrolled; use --add to add an authenticator, or --replace to replace the enrolment"
            ))),
            (true, false, true) => {
                authorise(
                    context,
                    account,
                    consent,
                    "replaces the whole enrolment, including its recovery codes",
                )?;
                Ok(Self::Replace)
            }
            (true, true, _) => {
                let held = context.hold(account)?.ok_or_else(|| CommandError::not_enrolled(name))?;
                held.credential()
                    .space_for(label)
                    .map_err(|error| CommandError::refused(error.to_string()))?;
                drop(held);
                authorise(
                    context,
                    account,
                    consent,
                    "adds an authenticator whose codes are valid for this account",
                )?;
                Ok(Self::Add)
            }
        }
    }

    /// The word in the log.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Add => "added",
            Self::Replace => "replaced",
        }
    }
}

/// What authorises the enrolment; a reset token is prompted for here, before anything is shown.
pub(super) fn authorise_enrolment(
    context: &Context,
    terminal: Option<&Terminal>,
    options: &Enroll,
    (account, mode): (&Account, EnrollMode),
) -> Result<Authorised, CommandError> {
    match mode {
        EnrollMode::New => reset_token::authorised(context, terminal, options, account),
        // `EnrollMode::permitted` has authorised the operator.
        EnrollMode::Add | EnrollMode::Replace => Ok(Authorised::ByAnOperator),
    }
}

/// An enrolment that is to be stored.
pub(super) struct NewEnrolment<'a> {
    pub(super) account: &'a Account,
    pub(super) confirmed: Confirmed,
    pub(super) mode: EnrollMode,
    pub(super) authorised: &'a Authorised,
    /// For the log and the owner.
    pub(super) event: Event,
}

/// Stores the enrolment, if what it changes is still the `expected` one, and returns the new recovery codes.
pub(super) fn store_enrolment(
    context: &Context,
    new: NewEnrolment<'_>,
    expected: ExpectedEnrolment,
) -> Result<Vec<Secret>, CommandError> {
    let NewEnrolment { account, confirmed, mode, authorised, event } = new;
    let count = context.config.recovery_codes;
    let events = reset_token::use_event(context, account, authorised).into_iter().chain([event]).collect();
    let (codes, remark) = context.make(|change| {
        context.change(|inputs| {
            // Replacing ends the old enrolment, which may have tokens of the inventory.
            let tokens = match mode {
                EnrollMode::Replace => Some(EndingTokens::hold(context, &account.user)),
                EnrollMode::New | EnrollMode::Add => None,
            };
            let entry = context.entry(account)?;
            reset_token::admit(context, &entry, account, authorised)?;
            let tokens = tokens.map(|tokens| tokens.read(&entry)).transpose()?;
            let entry = change.announcing(entry, account, events);
            let codes = match mode {
                EnrollMode::New | EnrollMode::Replace => {
                    enrolment::enrol(entry, account, &[confirmed], count, expected, inputs)?
                }
                EnrollMode::Add => {
                    enrolment::add(entry, account, &confirmed, expected, inputs)?;
                    Vec::new()
                }
            };
            Ok((codes, tokens.and_then(ReturningTokens::store)))
        })
    })?;
    remark.iter().for_each(|remark| output::remark(remark));
    Ok(codes)
}
