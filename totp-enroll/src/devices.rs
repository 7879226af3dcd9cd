//! `devices`: lists and revokes the remembered devices of an account.

use crate::authorise::{Consent, authorise};
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use serde::Serialize;
use totp_core::audit_event::Name;
use totp_core::policy::remembered_device::{self, ForgottenDevices};
use totp_core::store::Held;
use totp_core::user::Account;
use totp_host::machine;

#[derive(Serialize)]
struct DeviceList {
    user: String,
    devices: Vec<DeviceReport>,
}

#[derive(Serialize)]
struct DeviceReport {
    id: String,
    since: String,
    until: String,
    /// `null`: never used.
    last_used: Option<String>,
    uses: u32,
}

pub(crate) fn run(
    context: &Context,
    user: Option<&str>,
    revoke: Option<&str>,
    revoke_all: bool,
    consent: Consent,
) -> Result<(), CommandError> {
    let account = context.any_account(user)?;
    let document = list(context, &account)?;
    match (revoke, revoke_all) {
        (None, false) => show(context, &document),
        (Some(id), _) => {
            if !document.devices.iter().any(|device| device.id == id) {
                return Err(CommandError::refused(format!(
                    "there is no remembered device \"{}\"; run the command without --revoke to list them",
                    id.escape_debug()
                )));
            }
            authorise(context, &account, consent, "revokes a device: its next login needs a code")?;
            revoke_devices(context, &account, ForgottenDevices::Named(id), id)
        }
        (None, true) => {
            authorise(context, &account, consent, "revokes all devices: their next logins need a code")?;
            revoke_devices(context, &account, ForgottenDevices::All, "all")
        }
    }
}

/// The devices that have not expired.
fn list(context: &Context, account: &Account) -> Result<DeviceList, CommandError> {
    let held = context.hold(account)?.ok_or_else(|| CommandError::not_enrolled(account.user.as_str()))?;
    let now = machine::now()?.realtime;
    let known = held.ledger().devices().iter().filter(|device| device.until() > now);
    let devices = known.map(|device| DeviceReport {
        id: device.id().to_string(),
        since: output::date(device.since()),
        until: output::date(device.until()),
        last_used: (device.uses() > 0).then(|| output::date(device.last_used())),
        uses: device.uses(),
    });
    Ok(DeviceList { user: account.user.as_str().to_owned(), devices: devices.collect() })
}

fn show(context: &Context, document: &DeviceList) -> Result<(), CommandError> {
    if context.format == Format::Json {
        return output::document(document);
    }
    if document.devices.is_empty() {
        return output::line(&format!("{}: no remembered devices", document.user));
    }
    let mut rows = vec![["DEVICE", "SINCE", "UNTIL", "LAST USED", "USES"].map(str::to_owned)];
    rows.extend(document.devices.iter().map(|device| {
        let last_used = device.last_used.clone().unwrap_or_else(|| "never".to_owned());
        [device.id.clone(), device.since.clone(), device.until.clone(), last_used, device.uses.to_string()]
    }));
    output::columns(&rows).iter().try_for_each(|line| output::line(line))
}

fn revoke_devices(
    context: &Context,
    account: &Account,
    which: ForgottenDevices<'_>,
    id: &str,
) -> Result<(), CommandError> {
    context.make(|change| {
        let entry = context.entry(account)?;
        let count = remembered_device::count(&entry, which);
        let event = context.event(Name::DeviceRevoked, account).field("device", id).field("count", count);
        if count == 0 {
            context.log(&event);
            return Ok(());
        }
        remembered_device::forget(change.announcing(entry, account, vec![event]), which)?;
        Ok(())
    })?;
    output::done(context.format, account, "revoked", "revoked; the next login from there needs a code")
}
