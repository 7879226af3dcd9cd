//! Checks who has the tokens of the inventory: each that is assigned is an authenticator of its person, and none is being revoked.

use super::finding::Finding;
use crate::context;
use totp_core::config::Config;
use totp_core::keyring::{Keyring, each_token};
use totp_core::store::{Tokens, Users};
use totp_core::token::{InEnrolment, Token};
use totp_host::config_and_keyring::KeyringFiles;

/// At most this many tokens are listed in a finding.
const MOST_TOKENS: usize = 5;

pub(super) fn examine(config: &Config, findings: &mut Vec<Finding>) {
    let store = context::store(config);
    // doctor/files.rs reports a missing keyring.
    let Some(keyring) = keyring(config) else { return };
    let (mut not_enrolled, mut being_revoked) = (Vec::new(), Vec::new());
    // doctor/tokens.rs reports what cannot be read.
    let _ = each_token(&store, |token| {
        let Ok(token) = token else { return };
        let Some(holder) = token.holder() else { return };
        let named = format!("{} ({})", token.serial(), holder.user);
        if token.revoked_at().is_some() {
            being_revoked.push(named);
        } else if is_enrolled(&store, &token, &keyring) == Some(false) {
            not_enrolled.push(named);
        }
    });
    if !being_revoked.is_empty() {
        findings.push(
            Finding::warning(
                "token_revocation_unfinished",
                format!("tokens whose revocation was interrupted: {}", listed(being_revoked)),
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
                    listed(not_enrolled)
                ),
            )
            .why("the enrolment ended; anyone who has the token can be assigned it")
            .fix("\"totp-enroll tokens unassign SERIAL\" where the token was returned, \"totp-enroll tokens revoke SERIAL\" where it is lost"),
        );
    }
}

/// `None`: that cannot be told, which other findings say.
fn is_enrolled(store: &(impl Tokens + Users), token: &Token, keyring: &Keyring) -> Option<bool> {
    let holder = token.holder()?;
    match store.credential(&holder.user) {
        Ok(Some(credential)) => Some(token.find_in(&credential, keyring).ok()? != InEnrolment::No),
        Ok(None) => Some(false),
        Err(_) => None,
    }
}

fn listed(mut tokens: Vec<String>) -> String {
    tokens.sort();
    let more = tokens.len().saturating_sub(MOST_TOKENS);
    tokens.truncate(MOST_TOKENS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", tokens.join(", "))
}

fn keyring(config: &Config) -> Option<Keyring> {
    let files = KeyringFiles::of(&config.paths);
    let (file, text) = files.read().ok().flatten()?;
    Keyring::parse(file, text.expose()).ok()
}
