//! Checks who has the tokens of the inventory: each that is assigned is an authenticator of its person, and none is being revoked.

use super::finding::{Finding, some_of};
use super::token_holders::TokenHolders;
use super::tokens::keyring;
use crate::context;
use totp_core::config::Config;
use totp_core::keyring::Keyring;
use totp_core::store::Users;
use totp_core::token::{InEnrolment, Token};

/// Examines the tokens that doctor/tokens.rs could read.
pub(super) fn examine(config: &Config, inventory: &TokenHolders, findings: &mut Vec<Finding>) {
    let store = context::store(config);
    // doctor/files.rs reports a missing keyring.
    let Some(keyring) = keyring(config) else { return };
    let (mut not_enrolled, mut being_revoked) = (Vec::new(), Vec::new());
    for token in inventory.tokens() {
        let Some(holder) = token.holder() else { continue };
        let named = format!("{} ({})", token.serial(), holder.user);
        if token.revoked_at().is_some() {
            being_revoked.push(named);
        } else if is_enrolled(&store, token, &keyring) == Some(false) {
            not_enrolled.push(named);
        }
    }
    not_enrolled.sort();
    being_revoked.sort();
    if !being_revoked.is_empty() {
        findings.push(
            Finding::warning(
                "token_revocation_unfinished",
                format!("tokens whose revocation was interrupted: {}", some_of(&being_revoked)),
            )
            .why("the codes of such a token may still be accepted for its person")
            .fix("\"totp-enroll tokens revoke SERIAL\" completes it"),
        );
    }
    if !not_enrolled.is_empty() {
        findings.push(
            Finding::info(
                "token_not_enrolled",
                format!(
                    "tokens that are assigned to people who are not enrolled with them: {}",
                    some_of(&not_enrolled)
                ),
            )
            .why("the enrolment ended; anyone who has the token can be assigned it")
            .fix("\"totp-enroll tokens unassign SERIAL\" where the token was returned, \"totp-enroll tokens revoke SERIAL\" where it is lost"),
        );
    }
}

/// `None`: that cannot be told, which other findings say.
fn is_enrolled(store: &impl Users, token: &Token, keyring: &Keyring) -> Option<bool> {
    let holder = token.holder()?;
    match store.credential(&holder.user) {
        Ok(Some(credential)) => Some(token.find_in(&credential, keyring).ok()? != InEnrolment::No),
        Ok(None) => Some(false),
        Err(_) => None,
    }
}
