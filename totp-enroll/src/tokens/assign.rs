//! `tokens assign SERIAL USER`: asks for a code of the token, and makes it an authenticator of the account.

use super::assignment::{
    Availability, Dates, Permitted, Wanted, availability, check_unused, confirm_one, in_use, ready, refused,
    store,
};
use super::inventory::{serial_of, token};
use super::release::{mark, settled};
use super::secrets_in_use::SecretsOfPeople;
use crate::authorise::authorise;
use crate::cli::AssignToken;
use crate::command_error::CommandError;
use crate::context::{Context, Inventory};
use crate::output;
use crate::reset_token;
use crate::terminal::Terminal;
use crate::test::read_code_from;
use totp_core::enrolment::ChangeInputs;
use totp_core::random::Secret;
use totp_core::store::{Engine, Users};
use totp_core::token::{FirstCodeError, Token};
use totp_core::user::Account;
use totp_host::machine;

/// Codes that may be typed before the command ends.
const ATTEMPTS: usize = 3;

pub(super) fn run(context: &Context, asked: &AssignToken) -> Result<(), CommandError> {
    let AssignToken { serial, user, code_fd, expired, yes, allow_unknown, batch: _ } = asked;
    let (Some(serial), Some(user)) = (serial, user) else {
        return Err(CommandError::usage("give a serial number and an account, or --batch"));
    };
    if *allow_unknown {
        return Err(CommandError::usage(
            "--allow-unknown is for --batch: a single token is assigned to an account that exists",
        ));
    }
    let (serial, account, dates) = (serial_of(serial)?, context.account(Some(user))?, Dates::from(*expired));
    let terminal = match code_fd {
        Some(_) => None,
        None => Some(Terminal::open(context.format, "to give the code on standard input, use --code-fd 0")?),
    };
    let found = token(context, &serial)?;
    context.store.prepare()?;
    let request = (&account, dates, machine::now()?.realtime);
    let availability = availability(context, &*context.keyring()?, &found, request)?;
    if availability == Availability::Unfinished {
        complete(context, &account, (&found, dates))?;
    }
    if availability != Availability::Free {
        return output::done(
            context.format,
            &account,
            "unchanged",
            &format!("has the token {serial} already"),
        );
    }
    if terminal.is_some() {
        // First: a person who has typed a code should not hear then that it cannot be done.
        let keyring = context.keyring()?;
        let secrets = SecretsOfPeople::read_all(context, &keyring)?;
        secrets.tell_closed();
        in_use(context, &found, (&account, &secrets), &keyring)?.map_or(Ok(()), Err)?;
    }
    // Read first: what is permitted from here on is permitted over this enrolment.
    let permitted = Permitted::Only(context.store.expected(&account.user)?);
    if context.is_enrolled(&account) {
        authorise(context, &account, (*yes).into(), "adds a token whose codes are valid for this account")?;
    } else if reset_token::is_missing(context, &account)? {
        return Err(CommandError::not_permitted(
            "your enrolment was reset, and you need the reset token to enrol: run \"totp-enroll enroll --token\" first",
        ));
    }
    let typed = match (&terminal, code_fd) {
        (Some(terminal), _) => ask(context, terminal, &account, (&found, dates))?,
        (None, Some(number)) => read_code_from(*number)?,
        (None, None) => return Err(CommandError::usage("--code-fd is missing")),
    };
    commit(context, &account, (&found, dates), (permitted, &typed))?;
    output::done(context.format, &account, "assigned", &format!("has the token {serial}"))
}

/// Prompts for a code that is right, or for two.
fn ask(
    context: &Context,
    terminal: &Terminal,
    account: &Account,
    (found, dates): (&Token, Dates),
) -> Result<Secret, CommandError> {
    let token = settle(context, found)?;
    let asked = machine::now()?.realtime;
    if let Some(wait) = token.unused_from().and_then(|from| from.checked_sub(asked)).filter(|wait| *wait > 0)
    {
        terminal.say(&format!(
            "codes that the token shows within the next {} may have been used before: type a later one",
            output::duration(wait)
        ));
    }
    for left in (0..ATTEMPTS).rev() {
        let explain = |error: FirstCodeError| match left {
            0 => output::remark(&error.to_string()),
            1 => output::remark(&format!("{error} (1 try left)")),
            _ => output::remark(&format!("{error} ({left} tries left)")),
        };
        let first = terminal.ask("code of the token: ")?;
        let Err(error) = check(context, account, (&token, dates), &first)? else { return Ok(first) };
        if !error.asks_for_two(&token) {
            explain(error);
            continue;
        }
        let second = terminal.ask("one code is not enough; the next code of the token: ")?;
        let both = Secret::new([first.expose(), second.expose()].join(&b' '));
        match check(context, account, (&token, dates), &both)? {
            Ok(()) => return Ok(both),
            Err(error) => explain(error),
        }
    }
    Err(CommandError::refused("no correct code was entered; nothing was changed"))
}

/// The token before a code of it is asked for: if it is not known which codes were used, its document says so from now on.
fn settle(context: &Context, found: &Token) -> Result<Token, CommandError> {
    context.make(|_| {
        context.change(|inputs| {
            let mut inventory = context.hold_tokens()?;
            settled(context, &mut inventory, token(context, found.serial())?, inputs.now)
        })
    })
}

/// The inventory, held, with the token as it is now, and whether it can be assigned.
fn held(
    context: &Context,
    account: &Account,
    (found, dates): (&Token, Dates),
    inputs: &ChangeInputs<'_>,
) -> Result<(Inventory, Token, Availability), CommandError> {
    let inventory = context.hold_tokens()?;
    let token = token(context, found.serial())?;
    let request = (account, dates, inputs.now.realtime);
    let availability = availability(context, inputs.keyring, &token, request)?;
    Ok((inventory, token, availability))
}

/// Checks what was typed, and counts it if it is wrong. Signals wait, so that a wrong code is not looked at and left uncounted.
fn check(
    context: &Context,
    account: &Account,
    (found, dates): (&Token, Dates),
    typed: &Secret,
) -> Result<Result<(), FirstCodeError>, CommandError> {
    context.make(|_| {
        context.change(|inputs| {
            let (mut inventory, token, availability) = held(context, account, (found, dates), inputs)?;
            match availability {
                Availability::Free => {}
                // The commit finds that out.
                Availability::HeldByUser | Availability::Unfinished => return Ok(Ok(())),
            }
            let checked = confirm_one(context, &mut inventory, (&token, account), typed, inputs)?;
            Ok(checked.map(drop))
        })
    })
}

/// Completes an assignment that was interrupted. Nothing of the enrolment changes, so nobody is told.
fn complete(
    context: &Context,
    account: &Account,
    (found, dates): (&Token, Dates),
) -> Result<(), CommandError> {
    context.change(|inputs| {
        let (mut inventory, token, availability) = held(context, account, (found, dates), inputs)?;
        match availability {
            Availability::Unfinished => mark(context, &mut inventory, token, inputs.now).map(drop),
            Availability::HeldByUser => Ok(()),
            Availability::Free => {
                Err(CommandError::refused("the token was taken back meanwhile; run the command again"))
            }
        }
    })
}

fn commit(
    context: &Context,
    account: &Account,
    (found, dates): (&Token, Dates),
    (permitted, typed): (Permitted, &Secret),
) -> Result<(), CommandError> {
    context.make(|change| {
        context.change(|inputs| {
            // It may have changed while the person was typing.
            let (mut inventory, token, availability) = held(context, account, (found, dates), inputs)?;
            match availability {
                Availability::Free => {}
                Availability::HeldByUser => return Ok(()),
                Availability::Unfinished => {
                    return mark(context, &mut inventory, token, inputs.now).map(drop);
                }
            }
            let token = settled(context, &mut inventory, token, inputs.now)?;
            let secrets = SecretsOfPeople::read_all(context, inputs.keyring)?;
            check_unused(context, &mut inventory, &token, (account, &secrets), inputs)?;
            let checked = confirm_one(context, &mut inventory, (&token, account), typed, inputs)?;
            let confirmed = checked.map_err(|error| refused(&token, &error))?;
            let wanted = Wanted { token, account: account.clone(), confirmed, permitted };
            let ready = ready(context, wanted, inputs)?;
            change.announce(Some(account), ready.event(context))?;
            store(context, &mut inventory, vec![ready], inputs)
        })
    })
}
