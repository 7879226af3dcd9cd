//! A change of which its owner is told: the notice is in the spool before the change is made, and the log has a line before and
//! one after it. So nobody can end or stop the command at a moment at which the change stands and is unheard of.

use crate::command_error::CommandError;
use crate::context::{Context, Entry};
use crate::owner_notices::BegunNotice;
use crate::terminal::SignalsBlocked;
use std::cell::RefCell;
use totp_core::DocumentError;
use totp_core::account_recovery::Reset;
use totp_core::audit_event::Event;
use totp_core::credential::Credential;
use totp_core::ledger::Ledger;
use totp_core::store::{self, StoreError};
use totp_core::user::Account;

/// A change that is being made.
pub(crate) struct Change<'a> {
    context: &'a Context,
    begun: RefCell<Vec<(Event, Told)>>,
}

/// Where the mail about a change is.
enum Told {
    /// In a notice of its own; `None`: nobody is told, because mail is switched off, say.
    Notice(Option<BegunNotice>),
    /// In the summary of a list.
    Summary,
}

impl Context {
    /// Makes a change. `commit` announces it ([`Change::announce`]) before it stores anything.
    pub(crate) fn make<T>(
        &self,
        commit: impl FnOnce(&Change<'_>) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let _signals_blocked = SignalsBlocked::begin();
        self.make_interruptibly(commit)
    }

    /// The same for a change that takes long: Ctrl-C ends it.
    pub(crate) fn make_interruptibly<T>(
        &self,
        commit: impl FnOnce(&Change<'_>) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let change = Change { context: self, begun: RefCell::default() };
        let made = commit(&change);
        match &made {
            Ok(_) => change.end(),
            Err(error) => change.fail(error),
        }
        made
    }
}

impl Change<'_> {
    /// Leaves the notice and writes the line that the change begins; nothing may be stored before. The owner is that of the
    /// account; `None` for an import of many.
    ///
    /// # Errors
    /// If the notice cannot be kept. Then the change must not be made.
    pub(crate) fn announce(&self, owner: Option<&Account>, event: Event) -> Result<(), StoreError> {
        self.leave_notice(owner, event.clone())?;
        self.context.log(&event.field("phase", "begun"));
        Ok(())
    }

    /// Leaves the notice of one change of many; their lines are written together ([`Change::log_begun`]).
    ///
    /// # Errors
    /// As [`Change::announce`]; this one of the changes must not be made.
    pub(crate) fn leave_notice(&self, owner: Option<&Account>, event: Event) -> Result<(), StoreError> {
        let notice = self.context.begin_notice(owner, &event)?;
        self.begun.borrow_mut().push((event, Told::Notice(notice)));
        Ok(())
    }

    /// The same for a change that needs no notice of its own, because a summary of many was announced.
    pub(crate) fn is_in_summary(&self, event: Event) {
        self.begun.borrow_mut().push((event, Told::Summary));
    }

    /// Writes the lines that the changes begin; nothing may be stored before.
    pub(crate) fn log_begun(&self) {
        let begun = self.begun.borrow();
        self.context.log_all(begun.iter().map(|(event, _)| event.clone().field("phase", "begun")));
    }

    /// An entry that announces `events` when it is first changed.
    pub(crate) fn announcing(&self, entry: Entry, owner: &Account, events: Vec<Event>) -> AnnouncedEntry<'_> {
        AnnouncedEntry { entry, change: self, owner: owner.clone(), events: RefCell::new(events) }
    }

    fn end(self) {
        for (event, told) in self.begun.take() {
            match told {
                Told::Notice(notice) => self.context.finish_notice(notice, &event),
                Told::Summary => {}
            }
            self.context.log(&event);
        }
    }

    /// The change may stand in part: its notices are sent, and say so.
    fn fail(self, error: &CommandError) {
        for (event, _) in self.begun.take() {
            self.context.log(&event.field("phase", "failed").field("problem", &error.problem));
        }
    }
}

/// An entry of the store whose first change is announced.
pub(crate) struct AnnouncedEntry<'a> {
    entry: Entry,
    change: &'a Change<'a>,
    owner: Account,
    /// Empty once they are announced.
    events: RefCell<Vec<Event>>,
}

impl AnnouncedEntry<'_> {
    fn announce(&self) -> Result<(), StoreError> {
        let events = self.events.take();
        events.into_iter().try_for_each(|event| self.change.announce(Some(&self.owner), event))
    }
}

impl store::Entry for AnnouncedEntry<'_> {
    fn credential(&self) -> Option<Result<&Credential, &DocumentError>> {
        self.entry.credential()
    }

    fn ledger(&self) -> Option<&Ledger> {
        self.entry.ledger()
    }

    fn commit(self, credential: &Credential, ledger: &Ledger) -> Result<(), StoreError> {
        self.announce()?;
        self.entry.commit(credential, ledger)
    }

    fn commit_all(batch: Vec<(Self, Credential, Ledger)>) -> Result<(), StoreError> {
        batch.iter().try_for_each(|(entry, ..)| entry.announce())?;
        let entries = batch.into_iter().map(|(entry, credential, ledger)| (entry.entry, credential, ledger));
        Entry::commit_all(entries.collect())
    }

    fn reset(&self) -> Result<Option<Reset>, StoreError> {
        self.entry.reset()
    }

    fn keep_reset(&self, reset: &Reset) -> Result<(), StoreError> {
        self.announce()?;
        self.entry.keep_reset(reset)
    }

    fn forget_reset(&self) -> Result<bool, StoreError> {
        self.announce()?;
        self.entry.forget_reset()
    }

    fn note(&mut self, ledger: &Ledger) -> Result<(), StoreError> {
        self.announce()?;
        self.entry.note(ledger)
    }

    fn record(self, ledger: &Ledger) -> Result<(), StoreError> {
        self.announce()?;
        self.entry.record(ledger)
    }

    fn withdraw(self) -> Result<(), StoreError> {
        self.announce()?;
        self.entry.withdraw()
    }
}
