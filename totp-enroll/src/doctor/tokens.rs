//! Checks the inventory of tokens: each can be read, its seal opens, and none that is assigned has expired.

use super::finding::{Finding, described};
use crate::context;
use totp_core::config::Config;
use totp_core::keyring::{Keyring, OpenError, each_token};
use totp_core::store::{StoreError, Tokens};
use totp_core::token::{Token, Validity};
use totp_host::config_and_keyring::KeyringFiles;
use totp_host::machine;

/// At most this many serial numbers are listed in a finding about several tokens.
const MOST_SERIALS: usize = 5;

pub(super) fn examine(config: &Config, findings: &mut Vec<Finding>) {
    let store = context::store(config);
    let now = machine::now().map(|now| now.realtime).unwrap_or_default();
    let mut expired = Vec::new();
    // doctor/files.rs reports a missing keyring.
    let keyring = keyring(config);
    let seal = |findings: &mut Vec<Finding>, token: &Token| {
        let Some(keyring) = &keyring else { return };
        if let Err(error) = token.check_seal(keyring) {
            findings.push(sealed(&store.name_of_token(token.serial()), &error));
        }
    };
    let read = each_token(&store, |token| match token {
        Ok(token) => {
            seal(findings, &token);
            if token.holder().is_some() && token.validity(now) == Validity::Expired {
                expired.push(token.serial().to_string());
            }
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
}

fn keyring(config: &Config) -> Option<Keyring> {
    let files = KeyringFiles::of(&config.paths);
    let (file, text) = files.read().ok().flatten()?;
    Keyring::parse(file, text.expose()).ok()
}

fn sealed(file: &str, error: &OpenError) -> Finding {
    Finding::warning("token_seal_broken", format!("{file}: {error}"))
        .why("the token cannot be assigned, and its counter cannot be carried when it is taken back")
        .fix("restore the keyring and the token from backups of the same day; if the token was never assigned, you can also remove the file and import the vendor's file again")
}

fn unreadable(error: &StoreError) -> Finding {
    Finding::warning("token_unreadable", described(error))
        .why("the token cannot be assigned or taken back, and \"keys rotate\" keeps every old key for it")
        .fix("correct the owner and the mode, or restore the file from a backup; do not remove it: a token that is imported again is assigned to nobody, and accepts codes that were used")
}
