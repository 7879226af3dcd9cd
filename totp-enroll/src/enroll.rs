//! `enroll`: show a new secret, have a code of it typed, put it in place, show the recovery codes once.

mod batch;
mod first_code;
mod picture;

use crate::cli::Enroll;
use crate::clock;
use crate::desk::Desk;
use crate::factor::{Consent, authorise};
use crate::failure::Failure;
use crate::kernel::Kernel;
use crate::recovery_codes;
use crate::signals::Undisturbed;
use crate::terminal::Terminal;
use crate::ticket;
use totp_card::{Card, Drawing, Issuer};
use totp_core::account::Account;
use totp_core::confirmation::TRIES;
use totp_core::credential::Label;
use totp_core::draft::{Confirmed, Draft};
use totp_core::enrolment;
use totp_core::event::Name;
use totp_core::in_place::InPlace;
use totp_core::readmission::Entitled;
use totp_core::secret::Secret;
use totp_core::store::Held;
use totp_core::store::confirmations::Confirmations;
use totp_core::time::Seconds;
use totp_core::totp::Parameters;

/// What is to become of an enrolment that is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    New,
    Add,
    Replace,
}

pub(crate) fn run(desk: &Desk, options: &Enroll) -> Result<(), Failure> {
    if options.batch {
        return batch::run(desk, options);
    }
    if options.confirm {
        return first_code::run(desk, options);
    }
    let terminal = Terminal::open(desk.format, "run enroll on one, or with --batch, or import from a file")?;
    let label = Label::parse(&options.label).map_err(|error| Failure::usage(error.to_string()))?;
    let parameters = Parameters::new(options.algorithm.into(), options.digits, options.period)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let issuer = options.issuer.clone().map_or_else(host, Ok)?;
    let issuer = Issuer::parse(&issuer).map_err(|error| Failure::usage(format!("--issuer: {error}")))?;
    let account = desk.account(options.user.as_deref())?;
    // Before a person scans anything: everything that could fail afterwards and can be known now.
    desk.keyring()?;
    desk.store.prepare()?;
    let permitted = desk.store.in_place(&account.user)?;
    let way = way(desk, options, &account, &label)?;
    let entitled = entitled(desk, Some(&terminal), options, (&account, way))?;
    let tries = Tries::of(desk, &account);
    tries.wait()?;
    let draft = Draft::generate(label.clone(), parameters, &mut Kernel)
        .map_err(|e| Failure::refused(e.to_string()))?;
    let card = Card::of(&draft, &issuer, &account);
    terminal.say(&format!("account: {}", account.user));
    terminal.say(&format!("issuer: {}", issuer.as_str()));
    show(&terminal, &card, options)?;
    let confirmed = confirm(&terminal, draft, &card, &tries)?;
    drop(card);
    let _undisturbed = Undisturbed::begin();
    let codes = place(desk, &account, confirmed, way, (permitted, &entitled))?;
    ticket::tell(desk, &account, &entitled);
    desk.audit(
        &desk
            .event(Name::Enrolled, &account)
            .field("authenticator", label.as_str())
            .field("way", way.as_str()),
    );
    terminal.say(&format!("enrolled: {} has the authenticator \"{}\"", account.user, label.as_str()));
    if codes.is_empty() { Ok(()) } else { recovery_codes::show(&terminal, &codes) }
}

impl Way {
    fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Add => "added",
            Self::Replace => "replaced",
        }
    }
}

/// On what somebody is enrolled: asked for before anything is shown.
fn entitled(
    desk: &Desk,
    terminal: Option<&Terminal>,
    options: &Enroll,
    (account, way): (&Account, Way),
) -> Result<Entitled, Failure> {
    match way {
        Way::New => ticket::entitled(desk, terminal, options, account),
        // Whoever may change it has shown that.
        Way::Add | Way::Replace => Ok(Entitled::ByAnOperator),
    }
}

fn way(desk: &Desk, options: &Enroll, account: &Account, label: &Label) -> Result<Way, Failure> {
    let name = account.user.as_str();
    let consent = Consent::from(options.yes);
    match (desk.is_enrolled(account), options.add, options.replace) {
        (false, false, _) => Ok(Way::New),
        (false, true, _) => Err(Failure::not_enrolled(name)),
        (true, false, false) if options.ticket || options.ticket_file.is_some() => {
            Err(Failure::refused(format!("{name} is enrolled, and there is no ticket for that")))
        }
        (true, false, false) => Err(Failure::refused(format!(
            "{name} is enrolled already; --add adds an authenticator, --replace replaces the enrolment"
        ))),
        (true, false, true) => {
            authorise(desk, account, consent, "replaces the whole enrolment, recovery codes included")?;
            Ok(Way::Replace)
        }
        (true, true, _) => {
            let held = desk.hold(account)?.ok_or_else(|| Failure::not_enrolled(name))?;
            held.credential().room_for(label).map_err(|error| Failure::refused(error.to_string()))?;
            drop(held);
            authorise(desk, account, consent, "adds an authenticator that can open this account")?;
            Ok(Way::Add)
        }
    }
}

fn host() -> Result<String, Failure> {
    let name = nix::unistd::gethostname().map_err(|error| Failure::refused(error.to_string()))?;
    Ok(name.to_string_lossy().into_owned())
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

/// The codes that may be tried for an account, whatever is started anew.
struct Tries<'a> {
    desk: &'a Desk,
    account: &'a Account,
    counted: Confirmations,
}

impl<'a> Tries<'a> {
    fn of(desk: &'a Desk, account: &'a Account) -> Self {
        Self { desk, account, counted: Confirmations::new(&desk.config.paths.runtime) }
    }

    /// Whether there is any left, before a person scans anything.
    fn wait(&self) -> Result<(), Failure> {
        let Some(uid) = self.account.uid else { return Ok(()) };
        let wait = self.counted.wait(uid, clock::now()?.boottime)?;
        wait.map_or(Ok(()), |wait| Err(self.exhausted(wait)))
    }

    fn charge(&self) -> Result<(), Failure> {
        let Some(uid) = self.account.uid else { return Ok(()) };
        let charged = self.counted.charge(uid, clock::now()?.boottime)?;
        charged.map_err(|wait| self.exhausted(wait))
    }

    /// A right code: the wrong ones before it are no news.
    fn forget(&self) {
        // Where it fails the next enrolment waits, at most.
        let _ = self.account.uid.map(|uid| self.counted.forget(uid));
    }

    fn exhausted(&self, Seconds(wait): Seconds) -> Failure {
        let event = self.desk.event(Name::Refused, self.account).field("reason", "limited");
        self.desk.audit(&event.field("way", "enroll").field("wait_seconds", wait));
        Failure::refused(format!(
            "too many wrong codes were typed for enrolments of {}; nothing was changed; try again in {}",
            self.account.user,
            clock::length(wait)
        ))
    }
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

fn place(
    desk: &Desk,
    account: &Account,
    confirmed: Confirmed,
    way: Way,
    (permitted, entitled): (InPlace, &Entitled),
) -> Result<Vec<Secret>, Failure> {
    let count = desk.config.recovery_codes;
    desk.change(|rules| {
        let entry = desk.entry(account)?;
        ticket::admit(desk, &entry, account, entitled)?;
        let codes = match way {
            Way::New | Way::Replace => {
                enrolment::enrol(entry, account, &[confirmed], count, permitted, rules)?
            }
            Way::Add => {
                enrolment::add(entry, account, &confirmed, permitted, rules)?;
                Vec::new()
            }
        };
        Ok(codes)
    })
}
