//! `devices`: which devices of a user are remembered, and forgetting them.

use crate::clock;
use crate::context::Context;
use crate::factor::{Consent, authorise};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::report;
use serde::Serialize;
use totp_core::audit_event::Name;
use totp_core::policy::remembered_device::{self, ForgottenDevices};
use totp_core::store::Held;
use totp_core::user::Account;

#[derive(Serialize)]
struct Document {
    user: String,
    devices: Vec<Device>,
}

#[derive(Serialize)]
struct Device {
    id: String,
    since: String,
    until: String,
    /// `null`: it opened nothing yet.
    last_used: Option<String>,
    uses: u32,
}

pub(crate) fn run(
    context: &Context,
    user: Option<&str>,
    revoke: Option<&str>,
    revoke_all: bool,
    consent: Consent,
) -> Result<(), Failure> {
    let account = context.any_account(user)?;
    let document = list(context, &account)?;
    match (revoke, revoke_all) {
        (None, false) => show(context, &document),
        (Some(id), _) => {
            if !document.devices.iter().any(|device| device.id == id) {
                return Err(Failure::refused(format!(
                    "no device \"{}\" is remembered; without --revoke they are listed",
                    id.escape_debug()
                )));
            }
            authorise(context, &account, consent, "forgets a device: its next login asks for a code")?;
            forget(context, &account, ForgottenDevices::Named(id), id)
        }
        (None, true) => {
            authorise(context, &account, consent, "forgets all devices: their next logins ask for a code")?;
            forget(context, &account, ForgottenDevices::All, "all")
        }
    }
}

/// Those whose time is not over.
fn list(context: &Context, account: &Account) -> Result<Document, Failure> {
    let held = context.hold(account)?.ok_or_else(|| Failure::not_enrolled(account.user.as_str()))?;
    let now = clock::now()?.realtime;
    let known = held.ledger().devices().iter().filter(|device| device.until() > now);
    let devices = known.map(|device| Device {
        id: device.id().to_string(),
        since: clock::date(device.since()),
        until: clock::date(device.until()),
        last_used: (device.uses() > 0).then(|| clock::date(device.last_used())),
        uses: device.uses(),
    });
    Ok(Document { user: account.user.as_str().to_owned(), devices: devices.collect() })
}

fn show(context: &Context, document: &Document) -> Result<(), Failure> {
    if context.format == Format::Json {
        return output::document(document);
    }
    if document.devices.is_empty() {
        return output::line(&format!("{}: no device is remembered", document.user));
    }
    let mut rows = vec![["DEVICE", "SINCE", "UNTIL", "LAST USED", "USES"].map(str::to_owned)];
    rows.extend(document.devices.iter().map(|device| {
        let last_used = device.last_used.clone().unwrap_or_else(|| "never".to_owned());
        [device.id.clone(), device.since.clone(), device.until.clone(), last_used, device.uses.to_string()]
    }));
    output::columns(&rows).iter().try_for_each(|line| output::line(line))
}

fn forget(
    context: &Context,
    account: &Account,
    which: ForgottenDevices<'_>,
    named: &str,
) -> Result<(), Failure> {
    let count = remembered_device::forget(context.entry(account)?, which)?;
    context.audit(&context.event(Name::DeviceRevoked, account).field("device", named).field("count", count));
    report::done(context.format, account, "revoked", "forgotten; the next login from there asks for a code")
}
