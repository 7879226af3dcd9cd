//! `enroll`: shows a new secret, checks a code of it, stores the enrolment, and shows the recovery codes once.

mod attempts;
mod authenticator_options;
mod batch;
mod confirm;
mod enroll_mode;
mod qr_file;

use crate::cli::Enroll;
use crate::clock;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::recovery_codes;
use crate::reset_token;
use crate::terminal::{SignalsBlocked, Terminal};
use attempts::Attempts;
use authenticator_options::AuthenticatorOptions;
use enroll_mode::{EnrollMode, authorise_enrolment, store_enrolment};
use otpauth::{Card, Drawing};
use totp_core::audit_event::Name;
use totp_core::enrolment::attempts::TRIES;
use totp_core::enrolment::draft::{Confirmed, Draft};
use totp_core::store::{Engine, Users};

pub(crate) fn run(context: &Context, options: &Enroll) -> Result<(), CommandError> {
    if options.batch {
        return batch::run(context, options);
    }
    if options.confirm {
        return confirm::run(context, options);
    }
    let terminal =
        Terminal::open(context.format, "run it on a terminal, use --batch, or import from a file")?;
    let authenticator = AuthenticatorOptions::of(options)?;
    let account = context.account(options.user.as_deref())?;
    // Before the QR code is shown: every error that can be found now.
    context.keyring()?;
    context.store.prepare()?;
    let expected = context.store.expected(&account.user)?;
    let mode = EnrollMode::permitted(context, options, &account, &authenticator.label)?;
    let authorised = authorise_enrolment(context, Some(&terminal), options, (&account, mode))?;
    let attempts = Attempts::of(context, &account);
    attempts.check()?;
    let draft = authenticator.draft()?;
    let card = Card::of(&draft, &authenticator.issuer, &account);
    terminal.say(&format!("account: {}", account.user));
    terminal.say(&format!("issuer: {}", authenticator.issuer.as_str()));
    show_card(&terminal, &card, options)?;
    let confirmed = ask_code(&terminal, draft, &card, &attempts)?;
    drop(card);
    let _signals_blocked = SignalsBlocked::begin();
    let codes = store_enrolment(context, &account, confirmed, mode, (expected, &authorised))?;
    reset_token::log_use(context, &account, &authorised);
    context.audit(
        &context
            .event(Name::Enrolled, &account)
            .field("authenticator", authenticator.label.as_str())
            .field("way", mode.as_str()),
    );
    terminal.say(&format!(
        "enrolled: {} has the authenticator \"{}\"",
        account.user,
        authenticator.label.as_str()
    ));
    if codes.is_empty() { Ok(()) } else { recovery_codes::show(&terminal, &codes) }
}

fn show_card(terminal: &Terminal, card: &Card, options: &Enroll) -> Result<(), CommandError> {
    let qr = card.qr().map_err(|error| CommandError::refused(error.to_string()))?;
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

fn ask_code(
    terminal: &Terminal,
    mut draft: Draft,
    card: &Card,
    attempts: &Attempts<'_>,
) -> Result<Confirmed, CommandError> {
    let mut left = TRIES;
    terminal.say("(type \"uri\" to show the otpauth:// URI)");
    while left > 0 {
        let typed = terminal.ask("code from the authenticator: ")?;
        if typed.expose() == b"uri" {
            terminal.say_secret("uri: ", card.uri())?;
            continue;
        }
        left = left.saturating_sub(1);
        attempts.charge()?;
        match draft.confirm(typed.expose(), clock::now()?) {
            Ok(confirmed) => {
                attempts.forget();
                return Ok(confirmed);
            }
            Err((unconfirmed, reason)) => {
                draft = unconfirmed;
                terminal.say(&format!("{reason} ({left} attempts left)"));
            }
        }
    }
    Err(CommandError::refused(
        "no correct code was entered; nothing was changed; run enroll again to get a new key",
    ))
}
