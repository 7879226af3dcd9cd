//! `reset`.

use clap::{Subcommand, ValueHint};

#[derive(Subcommand)]
pub(crate) enum Reset {
    /// Ask that an enrolment be reset; its owner is told at each login
    Request {
        /// The account
        #[arg(value_hint = ValueHint::Username)]
        user: String,
        /// Why; whoever approves it reads it, and so does the owner
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Agree to it, as another operator
    Approve {
        /// The account
        #[arg(value_hint = ValueHint::Username)]
        user: String,
    },
    /// Call it off: the owner with a code, or an operator
    Cancel {
        /// The account; yourself if left out
        #[arg(value_hint = ValueHint::Username)]
        user: Option<String>,
        /// As an operator, do not ask for the account's name
        #[arg(long)]
        yes: bool,
    },
    /// When the cool-down is over, withdraw the enrolment and show a ticket for the next one, once
    ///
    /// Killed or unseen, it can be given again, and shows another ticket.
    Complete {
        /// The account
        #[arg(value_hint = ValueHint::Username)]
        user: String,
        /// End the login sessions of the account, too
        #[arg(long)]
        end_sessions: bool,
        /// Do not ask for the account's name
        #[arg(long)]
        yes: bool,
    },
    /// List the resets that are on their way, and the tickets that were not used
    List,
}
