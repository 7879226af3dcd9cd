//! On what somebody who is not enrolled is enrolled at the desk: their ticket, where a reset left one, or an operator's word.

use crate::cli::Enroll;
use crate::clock;
use crate::desk::Desk;
use crate::failure::Failure;
use crate::output;
use crate::terminal::Terminal;
use std::path::Path;
use totp_core::account::Account;
use totp_core::code::Answer;
use totp_core::event::Name;
use totp_core::readmission::{self, Entitled, NotAdmitted, NotTaken, Tried};
use totp_core::secret::Secret;
use totp_core::store::{Entry, Resets};
use totp_store::documents::read_document;
use totp_store::guard::Guard;

/// Tickets that may be typed before the command ends; the ticket itself counts each.
const TRIES: usize = 3;

/// Asks for the ticket where one is to be shown, before anything else is shown or asked.
pub(crate) fn entitled(
    desk: &Desk,
    terminal: Option<&Terminal>,
    options: &Enroll,
    account: &Account,
) -> Result<Entitled, Failure> {
    if let Some(file) = &options.token_file {
        return match try_ticket(desk, account, &read(file)?)? {
            Ok(entitled) => Ok(entitled),
            Err(why) => Err(Failure::not_permitted(why.to_string())),
        };
    }
    if options.token {
        let terminal = terminal.ok_or_else(|| Failure::usage("--token asks for it: give --token-file"))?;
        return typed(desk, terminal, account);
    }
    // A root shell of one's own login is no operator either.
    if is_missing(desk, account)? {
        return Err(not_taken(desk, account, NotTaken::Missing)
            .explained(|problem| format!("{problem}: \"totp-enroll enroll --token\"")));
    }
    Ok(entitled_without(desk, account))
}

/// On what somebody is enrolled where nobody could type a ticket.
pub(crate) fn entitled_without(desk: &Desk, account: &Account) -> Entitled {
    if desk.operator.is_owner_of(account) { Entitled::ByThemselves } else { Entitled::ByAnOperator }
}

/// Whether somebody is about to enrol themselves past the reset that waits for their ticket.
pub(crate) fn is_missing(desk: &Desk, account: &Account) -> Result<bool, Failure> {
    if !desk.operator.is_owner_of(account) {
        return Ok(false);
    }
    Ok(desk.store.reset(&account.user)?.is_some_and(|reset| !reset.is_anothers(account)))
}

/// Says in the log that it was used up, if it was one.
pub(crate) fn tell(desk: &Desk, account: &Account, entitled: &Entitled) {
    if matches!(entitled, Entitled::ByTicket(_)) {
        desk.audit(&desk.event(Name::TicketUsed, account));
    }
}

/// Looks at it again, in the hold in which the enrolment is put in place.
pub(crate) fn admit(
    desk: &Desk,
    entry: &impl Entry,
    account: &Account,
    entitled: &Entitled,
) -> Result<(), Failure> {
    match readmission::admit(entry, account, entitled, clock::now()?.realtime) {
        Ok(()) => Ok(()),
        Err(NotAdmitted::Store(error)) => Err(error.into()),
        Err(NotAdmitted::Ticket(why)) => Err(not_taken(desk, account, why)),
    }
}

fn typed(desk: &Desk, terminal: &Terminal, account: &Account) -> Result<Entitled, Failure> {
    for _ in 0..TRIES {
        match try_ticket(desk, account, &terminal.ask("ticket: ")?)? {
            Ok(entitled) => return Ok(entitled),
            Err(NotTaken::Wrong) => output::remark(&NotTaken::Wrong.to_string()),
            Err(why) => return Err(Failure::not_permitted(why.to_string())),
        }
    }
    Err(Failure::not_permitted("no right ticket was typed; nothing was changed"))
}

fn try_ticket(desk: &Desk, account: &Account, typed: &Secret) -> Result<Result<Entitled, NotTaken>, Failure> {
    let Some(Answer::Recovery(code)) = Answer::recognise(typed.expose()) else {
        output::remark("that cannot be a ticket: it has four groups of four characters");
        return Ok(Err(NotTaken::Wrong));
    };
    let tried = readmission::try_ticket(&desk.entry(account)?, account, &code, clock::now()?.realtime)?;
    match tried {
        Tried::Admitted(admitted) => Ok(Ok(Entitled::ByTicket(admitted))),
        Tried::NoReset => Err(Failure::refused("no ticket waits for this account: enroll without one")),
        Tried::Refused(why) => {
            drop(not_taken(desk, account, why));
            Ok(Err(why))
        }
    }
}

fn not_taken(desk: &Desk, account: &Account, why: NotTaken) -> Failure {
    let event = desk.event(Name::TicketRefused, account).field("reason", why.as_str());
    if why.is_judged() {
        desk.audit(&event);
    } else {
        desk.log(&event);
    }
    Failure::not_permitted(why.to_string())
}

fn read(file: &Path) -> Result<Secret, Failure> {
    let text =
        read_document(file, Guard::Secret)?.ok_or_else(|| Failure::refused("is missing").at(file, None))?;
    Ok(Secret::new(text.expose().trim_ascii().to_vec()))
}
