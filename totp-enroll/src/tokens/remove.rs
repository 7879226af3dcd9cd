//! `tokens remove SERIAL...`: takes tokens that were imported by mistake out of the inventory.
//!
//! Only those that were never assigned: an import would bring a token back without what is known of it, such as the codes that were
//! used, or that it was revoked.

use super::inventory::{serial_of, token};
use crate::authorise::{Consent, confirm_typed};
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use serde::Serialize;
use std::collections::BTreeSet;
use totp_core::audit_event::{Event, Name};
use totp_core::keyring::Keyring;
use totp_core::store::{Inventory as _, Tokens as _};
use totp_core::token::Serial;

#[derive(Serialize)]
struct RemovedTokens<'a> {
    removed: Vec<&'a str>,
}

pub(super) fn run(context: &Context, typed: &[String], consent: Consent) -> Result<(), CommandError> {
    let serials = typed.iter().map(|typed| serial_of(typed)).collect::<Result<BTreeSet<_>, _>>()?;
    let serials: Vec<Serial> = serials.into_iter().collect();
    check(context, &serials, &*context.keyring()?)?;
    let count = serials.len().to_string();
    let (effect, expected) = match serials.as_slice() {
        [serial] => (
            format!("this removes the token {serial} from the inventory"),
            ("the serial number", serial.as_str()),
        ),
        _ => (
            format!("this removes {count} tokens from the inventory"),
            ("the number of tokens", count.as_str()),
        ),
    };
    confirm_typed(context, consent, &effect, expected)?;
    context.make(|change| {
        context.change(|inputs| {
            let mut inventory = context.hold_tokens()?;
            check(context, &serials, inputs.keyring)?;
            for serial in &serials {
                change.is_in_summary(event(context, serial));
            }
            change.log_begun();
            Ok(inventory.remove(&serials)?)
        })
    })?;
    let removed = RemovedTokens { removed: serials.iter().map(Serial::as_str).collect() };
    output::report(context.format, &removed, |_| {
        vec![format!("{} removed", output::count(serials.len(), "token"))]
    })
}

/// Checks that each of them may be removed. So all are removed, or none.
fn check(context: &Context, serials: &[Serial], keyring: &Keyring) -> Result<(), CommandError> {
    for serial in serials {
        let token = token(context, serial)?;
        token.check_seal(keyring).map_err(|error| {
            let name = context.store.name_of_token(serial);
            CommandError::refused(format!("{error}; nothing was removed")).at(name, None)
        })?;
        let why = match (token.holder(), token.revoked_at()) {
            (_, Some(_)) => "is revoked, and a further import would make it valid again".to_owned(),
            (Some(holder), None) => {
                format!(
                    "is assigned to {}; a token that a person has or had is revoked instead, with \"totp-enroll tokens revoke {serial}\"",
                    holder.user
                )
            }
            (None, None) if token.was_assigned() => {
                format!(
                    "was assigned before, and a further import would not know which codes were used; revoke it instead, with \"totp-enroll tokens revoke {serial}\""
                )
            }
            (None, None) => continue,
        };
        return Err(CommandError::refused(format!("the token {serial} {why}; nothing was removed")));
    }
    Ok(())
}

fn event(context: &Context, serial: &Serial) -> Event {
    Event::new(Name::TokenRemoved)
        .field("token", serial)
        .field("by", &context.operator.name)
        .maybe("loginuid", context.operator.login())
}
