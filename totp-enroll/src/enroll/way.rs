//! What an enrolment is to become of the one that is there, whether it may, and its being put in place.

use crate::cli::Enroll;
use crate::context::Context;
use crate::factor::{Consent, authorise};
use crate::failure::Failure;
use crate::reset_token;
use crate::terminal::Terminal;
use totp_core::account_recovery::Authorised;
use totp_core::credential::Label;
use totp_core::enrolment;
use totp_core::enrolment::ExpectedEnrolment;
use totp_core::enrolment::draft::Confirmed;
use totp_core::secret::Secret;
use totp_core::store::Held;
use totp_core::user::Account;

/// What is to become of an enrolment that is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    New,
    Add,
    Replace,
}

impl Way {
    /// The word in the log.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Add => "added",
            Self::Replace => "replaced",
        }
    }
}

/// On what someone is enrolled: asked for before anything is shown.
pub(super) fn authorised(
    context: &Context,
    terminal: Option<&Terminal>,
    options: &Enroll,
    (account, way): (&Account, Way),
) -> Result<Authorised, Failure> {
    match way {
        Way::New => reset_token::authorised(context, terminal, options, account),
        // Anyone who may change it has shown that.
        Way::Add | Way::Replace => Ok(Authorised::ByAnOperator),
    }
}

/// Anyone who may change what is there has shown so when this returns.
pub(super) fn way(
    context: &Context,
    options: &Enroll,
    account: &Account,
    label: &Label,
) -> Result<Way, Failure> {
    let name = account.user.as_str();
    let consent = Consent::from(options.yes);
    match (context.is_enrolled(account), options.add, options.replace) {
        (false, false, _) => Ok(Way::New),
        (false, true, _) => Err(Failure::not_enrolled(name)),
        (true, false, false) if options.token || options.token_file.is_some() => {
            Err(Failure::refused(format!("{name} is enrolled, and there is no token for that")))
        }
        (true, false, false) => Err(Failure::refused(format!(
            "{name} is enrolled already; --add adds an authenticator, --replace replaces the enrolment"
        ))),
        (true, false, true) => {
            authorise(context, account, consent, "replaces the whole enrolment, recovery codes included")?;
            Ok(Way::Replace)
        }
        (true, true, _) => {
            let held = context.hold(account)?.ok_or_else(|| Failure::not_enrolled(name))?;
            held.credential().space_for(label).map_err(|error| Failure::refused(error.to_string()))?;
            drop(held);
            authorise(context, account, consent, "adds an authenticator that can open this account")?;
            Ok(Way::Add)
        }
    }
}

/// Puts it in place, over what was there when it was permitted, and returns the recovery codes that are new.
pub(super) fn place(
    context: &Context,
    account: &Account,
    confirmed: Confirmed,
    way: Way,
    (permitted, authorised): (ExpectedEnrolment, &Authorised),
) -> Result<Vec<Secret>, Failure> {
    let count = context.config.recovery_codes;
    context.change(|rules| {
        let entry = context.entry(account)?;
        reset_token::admit(context, &entry, account, authorised)?;
        let codes = match way {
            Way::New | Way::Replace => {
                enrolment::enrol(entry, account, &[confirmed], count, permitted, rules)?
            }
            Way::Add => {
                enrolment::add(entry, account, &confirmed, permitted, rules)?;
                Vec::new()
            }
        };
        Ok(codes)
    })
}
