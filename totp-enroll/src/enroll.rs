//! `enroll`: show a new secret, have a code of it typed, put it in place, show the recovery codes once.

mod batch;
mod first_code;
mod picture;
mod terms;
mod tries;
mod way;

use crate::cli::Enroll;
use crate::clock;
use crate::context::Context;
use crate::failure::Failure;
use crate::recovery_codes;
use crate::reset_token;
use crate::signals::Undisturbed;
use crate::terminal::Terminal;
use otpauth::{Card, Drawing};
use terms::Terms;
use totp_core::audit_event::Name;
use totp_core::enrolment::attempts::TRIES;
use totp_core::enrolment::draft::{Confirmed, Draft};
use totp_core::store::{Engine, Users};
use tries::Tries;
use way::{authorised, place, way};

pub(crate) fn run(context: &Context, options: &Enroll) -> Result<(), Failure> {
    if options.batch {
        return batch::run(context, options);
    }
    if options.confirm {
        return first_code::run(context, options);
    }
    let terminal =
        Terminal::open(context.format, "run enroll on one, or with --batch, or import from a file")?;
    let terms = Terms::of(options)?;
    let account = context.account(options.user.as_deref())?;
    // Before a person scans anything: everything that could fail afterwards and can be known now.
    context.keyring()?;
    context.store.prepare()?;
    let permitted = context.store.expected(&account.user)?;
    let way = way(context, options, &account, &terms.label)?;
    let authorised = authorised(context, Some(&terminal), options, (&account, way))?;
    let tries = Tries::of(context, &account);
    tries.wait()?;
    let draft = terms.draft()?;
    let card = Card::of(&draft, &terms.issuer, &account);
    terminal.say(&format!("account: {}", account.user));
    terminal.say(&format!("issuer: {}", terms.issuer.as_str()));
    show(&terminal, &card, options)?;
    let confirmed = confirm(&terminal, draft, &card, &tries)?;
    drop(card);
    let _undisturbed = Undisturbed::begin();
    let codes = place(context, &account, confirmed, way, (permitted, &authorised))?;
    reset_token::tell(context, &account, &authorised);
    context.audit(
        &context
            .event(Name::Enrolled, &account)
            .field("authenticator", terms.label.as_str())
            .field("way", way.as_str()),
    );
    terminal.say(&format!("enrolled: {} has the authenticator \"{}\"", account.user, terms.label.as_str()));
    if codes.is_empty() { Ok(()) } else { recovery_codes::show(&terminal, &codes) }
}

fn show(terminal: &Terminal, card: &Card, options: &Enroll) -> Result<(), Failure> {
    let qr = card.qr().map_err(|error| Failure::refused(error.to_string()))?;
    let columns = qr.columns(Drawing::Coloured);
    if columns <= terminal.width() {
        terminal.say_secret("", &qr.text(Drawing::Coloured))?;
        terminal.say("scan this with the authenticator app, or type the key into it");
    } else {
        terminal.say(&format!(
            "the terminal is too narrow for the QR code ({columns} columns); type the key into the authenticator app"
        ));
    }
    terminal.say_secret("manual key: ", &card.key_in_fours())?;
    if options.show_uri {
        terminal.say_secret("uri: ", card.uri())?;
    }
    Ok(())
}

fn confirm(
    terminal: &Terminal,
    mut draft: Draft,
    card: &Card,
    tries: &Tries<'_>,
) -> Result<Confirmed, Failure> {
    let mut left = TRIES;
    terminal.say("(type \"uri\" to see all of it as a URI)");
    while left > 0 {
        let typed = terminal.ask("code from the authenticator: ")?;
        if typed.expose() == b"uri" {
            terminal.say_secret("uri: ", card.uri())?;
            continue;
        }
        left = left.saturating_sub(1);
        tries.charge()?;
        match draft.confirm(typed.expose(), clock::now()?) {
            Ok(confirmed) => {
                tries.forget();
                return Ok(confirmed);
            }
            Err((back, why)) => {
                draft = back;
                terminal.say(&format!("{why} ({left} tries left)"));
            }
        }
    }
    Err(Failure::refused("no right code was given; nothing was changed; enroll starts again with a new key"))
}
