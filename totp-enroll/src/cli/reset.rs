//! The arguments of `reset`.

use clap::{Subcommand, ValueHint};

#[derive(Subcommand)]
pub(crate) enum Reset {
    /// Request the reset of an enrolment
    ///
    /// The owner is notified by mail, at each login while the request is open, and by "totp-enroll status".
    /// Operators are identified by their uid behind sudo.
    /// Operators cannot reset their own enrolment or approve their own request.
    Request {
        /// Account
        #[arg(value_hint = ValueHint::Username)]
        user: String,
        /// Reason, shown to the approver and the owner
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Approve a reset that another operator requested
    Approve {
        /// Account
        #[arg(value_hint = ValueHint::Username)]
        user: String,
    },
    /// Cancel a reset, as the owner with a code or as an operator
    ///
    /// If the enrolment has already been withdrawn, the reset token becomes void and an operator must enrol the account.
    Cancel {
        /// Account; your own if omitted
        #[arg(value_hint = ValueHint::Username)]
        user: Option<String>,
        /// Skip the prompt for the account name (operators only)
        #[arg(long)]
        yes: bool,
    },
    /// After the cool-down, withdraw the enrolment and show a reset token, once
    ///
    /// The owner types the token at a login instead of a code, or at "totp-enroll enroll --token".
    /// If you missed the token, run the command again; it shows a new one.
    Complete {
        /// Account
        #[arg(value_hint = ValueHint::Username)]
        user: String,
        /// Also terminate the login sessions of the account
        ///
        /// If that fails, the exit status is 1 although the reset is complete.
        #[arg(long)]
        end_sessions: bool,
        /// Skip the prompt for the account name
        #[arg(long)]
        yes: bool,
    },
    /// List pending resets and unused reset tokens
    List,
}
