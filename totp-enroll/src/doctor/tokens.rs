//! Checks the inventory of tokens: each can be read, its seal opens, and none that is assigned has expired.

use super::finding::{Finding, described};
use super::shared_secrets::SharedSecrets;
use super::token_holders::TokenHolders;
use crate::context;
use totp_core::config::Config;
use totp_core::keyring::{Keyring, OpenError, each_token};
use totp_core::store::{StoreError, Tokens};
use totp_core::token::{Token, Validity};
use totp_host::config_and_keyring::KeyringFiles;
use totp_host::machine;

/// At most this many serial numbers are listed in a finding about several tokens.
const MOST_SERIALS: usize = 5;

/// What to do about a document. An import assigns a token again to a person who is enrolled with it; of any other, nothing shows whether
/// it was revoked, or which of its codes were used. An old backup would say what is not true any more.
const IMPORT_AGAIN: &str = "remove the document, import the token again, and revoke it unless it is assigned then; restore it only from a backup made after its last assignment";

/// Examines the tokens. Returns them and their secrets, to be compared with the enrolments.
pub(super) fn examine(config: &Config, findings: &mut Vec<Finding>) -> (TokenHolders, SharedSecrets) {
    let store = context::store(config);
    let now = machine::now().map(|now| now.realtime).unwrap_or_default();
    let (mut expired, mut holders, mut secrets) =
        (Vec::new(), TokenHolders::default(), SharedSecrets::default());
    // doctor/files.rs reports a missing keyring.
    let keyring = keyring(config);
    let mut seal = |findings: &mut Vec<Finding>, token: &Token| {
        let Some(keyring) = &keyring else { return };
        if let Err(error) = secrets.note_token(token, keyring) {
            findings.push(sealed(&store.name_of_token(token.serial()), &error));
        }
    };
    let read = each_token(&store, |token| match token {
        Ok(token) => {
            seal(findings, &token);
            if token.holder().is_some() && token.validity(now) == Validity::Expired {
                expired.push(token.serial().to_string());
            }
            holders.add(token);
        }
        Err(error) => findings.push(unreadable(&error)),
    });
    if let Err(error) = read {
        findings.push(unreadable(&error));
    }
    expired.sort();
    if !expired.is_empty() {
        let more = expired.len().saturating_sub(MOST_SERIALS);
        expired.truncate(MOST_SERIALS);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        findings.push(
            Finding::warning(
                "token_expired",
                format!("assigned tokens have expired: {}{more}", expired.join(", ")),
            )
            .why("the date is that of the vendor's file: the battery may fail soon; codes are still accepted")
            .fix("assign each person another token (\"totp-enroll tokens assign\"), then revoke the old one"),
        );
    }
    (holders, secrets)
}

pub(super) fn keyring(config: &Config) -> Option<Keyring> {
    let files = KeyringFiles::of(&config.paths);
    let (file, text) = files.read().ok().flatten()?;
    Keyring::parse(file, text.expose()).ok()
}

fn sealed(file: &str, error: &OpenError) -> Finding {
    Finding::warning("token_seal_broken", format!("{file}: {error}"))
        .why("the token cannot be assigned, and its counter cannot be carried when it is taken back")
        .fix(format!("if the keyring is not the right one, restore that; if it is, {IMPORT_AGAIN}"))
}

fn unreadable(error: &StoreError) -> Finding {
    Finding::warning("token_unreadable", described(error))
        .why("the token cannot be assigned or taken back, and \"keys rotate\" keeps every old key for it")
        .fix(format!("correct the owner and the mode; if the file is damaged, {IMPORT_AGAIN}"))
}
