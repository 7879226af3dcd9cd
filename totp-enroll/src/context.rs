//! What every command works with: config, store, keyring and operator; and the audit log.

use crate::account::{self, Operator, Unknown};
use crate::cli::Cli;
use crate::command_error::CommandError;
use crate::output::Format;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use totp_core::audit_event::{self, Event, Name};
use totp_core::config::Config;
use totp_core::enrolment;
use totp_core::keyring::Keyring;
use totp_core::login::{self, Rules};
use totp_core::lost_lines::{NewCount, Pace};
use totp_core::random::Secret;
use totp_core::store::{Entries, Hold, KeyringLocks, Maintenance, Store as _, Tokens, Users};
use totp_core::user::{Account, User};
use totp_host::audit_log::{AuditLog, Delivery};
use totp_host::config_and_keyring;
use totp_host::config_and_keyring::KeyringReader;
use totp_host::machine::{self, OsEntropy};

/// How long a command waits for a login of the same user.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
/// How long a command waits for another one that holds the keyring's lock; that one may be waiting for the disk.
const PATIENCE_FOR_THE_KEYRING: Duration = Duration::from_secs(30);

/// How long a full syslog socket may delay the command.
const PATIENCE_FOR_SYSLOG: Duration = Duration::from_secs(1);

/// The store engine; totp-host chooses it.
pub(crate) type Store = totp_host::store::LocalStore;
/// A locked entry of the store, enrolled or not.
pub(crate) type Entry = <Store as Entries>::Entry;

/// The inventory of tokens, held.
pub(crate) type Inventory = <Store as Tokens>::Inventory;

/// The settings and handles of one run of the command.
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) format: Format,
    pub(crate) operator: Operator,
    keyring: Arc<KeyringReader>,
    pub(crate) store: Store,
    /// What the log did not take.
    unsent: RefCell<Vec<Event>>,
}

impl Context {
    /// Reads the config and identifies the operator.
    ///
    /// # Errors
    /// Without root, which owns the files; with a bad config; where sudo does not name one operator.
    pub(crate) fn open(cli: &Cli) -> Result<Self, CommandError> {
        if !nix::unistd::geteuid().is_root() {
            return Err(CommandError::not_permitted(
                "only root can read enrolments; run the command again with sudo",
            ));
        }
        let config = config_and_keyring::read_config(cli.config.as_deref(), None)?;
        let keyring = KeyringReader::new(&config.paths);
        let store = totp_host::store::open(&config.paths, keyring.clone());
        let (format, operator) = (Format::of(cli.json), Operator::present()?);
        Ok(Self { config, format, operator, keyring, store, unsent: RefCell::default() })
    }

    /// The account of `user`, or the operator's own; it must exist.
    pub(crate) fn account(&self, user: Option<&str>) -> Result<Account, CommandError> {
        account::canonical(user.unwrap_or(&self.operator.name), Unknown::Refused)
    }

    /// The account of `user`, or the operator's own; it may have been deleted.
    pub(crate) fn any_account(&self, user: Option<&str>) -> Result<Account, CommandError> {
        account::canonical(user.unwrap_or(&self.operator.name), Unknown::Allowed)
    }

    /// The keyring as it is now.
    pub(crate) fn keyring(&self) -> Result<Arc<Keyring>, CommandError> {
        Ok(self.keyring.reread()?)
    }

    /// The text of the keyring in use, and its path.
    pub(crate) fn keyring_text(&self) -> Result<(PathBuf, Secret), CommandError> {
        Ok(config_and_keyring::read_keyring_text(&self.config.paths)?)
    }

    /// Locks the enrolment of `account`; `None`: not enrolled.
    pub(crate) fn hold(
        &self,
        account: &Account,
    ) -> Result<Option<<Store as totp_core::store::Store>::Held>, CommandError> {
        match self.store.hold(&account.user, PATIENCE)? {
            Hold::Held(held) => Ok(Some(held)),
            Hold::NotEnrolled => Ok(None),
            Hold::Busy => Err(busy(account)),
        }
    }

    /// Locks the entry of `account` for a change.
    pub(crate) fn entry(&self, account: &Account) -> Result<Entry, CommandError> {
        self.store.entry(&account.user, PATIENCE)?.ok_or_else(|| busy(account))
    }

    /// Locks the entry for a command that discards the ledger, so that a corrupt one is accepted.
    pub(crate) fn entry_to_withdraw(&self, account: &Account) -> Result<Entry, CommandError> {
        self.store.entry_to_withdraw(&account.user, PATIENCE)?.ok_or_else(|| busy(account))
    }

    /// Whether there is an enrolment, intact or corrupt.
    pub(crate) fn is_enrolled(&self, account: &Account) -> bool {
        match self.store.hold(&account.user, PATIENCE) {
            Ok(Hold::NotEnrolled) => false,
            Ok(Hold::Held(_) | Hold::Busy) => true,
            // A restored state refuses every hold, also that of an account that is not enrolled.
            Err(_) if self.store.is_restored().unwrap_or(false) => {
                !matches!(self.store.credential(&account.user), Ok(None))
            }
            Err(_) => true,
        }
    }

    /// Holds the inventory of tokens. A command that needs an entry as well holds the inventory first.
    pub(crate) fn hold_tokens(&self) -> Result<Inventory, CommandError> {
        self.store.hold_tokens(PATIENCE)?.ok_or_else(tokens_busy)
    }

    /// Takes the lock for a command that replaces the keyring or its keys; no other such command runs meanwhile.
    pub(crate) fn lock_to_rotate(&self) -> Result<<Store as KeyringLocks>::Lock, CommandError> {
        let problem =
            "another command is changing the keys; nothing was changed; try again when it has finished";
        self.store.lock_to_rotate()?.ok_or_else(|| CommandError::refused(problem))
    }

    /// Takes the lock to change the keyring; no enrolment is sealed meanwhile.
    pub(crate) fn lock_to_change_keys(&self) -> Result<<Store as KeyringLocks>::Lock, CommandError> {
        let problem = "another command is enrolling an account; nothing was changed; try again";
        self.store
            .lock_to_change_keys(PATIENCE_FOR_THE_KEYRING)?
            .ok_or_else(|| CommandError::refused(problem))
    }

    /// Changes an enrolment under the keyring's lock: what is sealed is stored before another key can become active.
    pub(crate) fn change<T>(
        &self,
        act: impl FnOnce(&mut enrolment::ChangeInputs<'_>) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let problem = "another command is changing the keyring; nothing was changed; try again";
        let _lock = self
            .store
            .lock_to_seal(PATIENCE_FOR_THE_KEYRING)?
            .ok_or_else(|| CommandError::refused(problem))?;
        let (keyring, now) = (self.keyring()?, machine::now()?);
        let mut inputs = enrolment::ChangeInputs {
            keyring: &keyring,
            entropy: &mut OsEntropy,
            created: machine::created(now)?,
            now,
        };
        act(&mut inputs)
    }

    pub(crate) fn rules(&self) -> Rules {
        Rules::from(&self.config)
    }

    /// An audit event about `account`, by the operator.
    pub(crate) fn event(&self, name: Name, account: &Account) -> Event {
        Event::new(name)
            .field("user", &account.user)
            .field("by", &self.operator.name)
            .maybe("loginuid", self.operator.login())
    }

    /// An audit event about the keyring in `file`, by the operator.
    pub(crate) fn keyring_event(&self, name: Name, file: &Path) -> Event {
        Event::new(name).field("by", &self.operator.name).field("file", file.display())
    }

    /// Writes an event to the audit log, without a notice; without a syslog daemon it is lost.
    pub(crate) fn log(&self, event: &Event) {
        if self.send(event) == Delivery::Lost {
            self.unsent.borrow_mut().push(event.clone());
        }
    }

    /// Writes the events of a list while entries are held: after the first one that the log does not take, the rest waits for the
    /// end of the command, so that a log that does not read delays the logins of these accounts once, not once for each line.
    pub(crate) fn log_all(&self, events: impl IntoIterator<Item = Event>) {
        let mut delivery = Delivery::Sent;
        for event in events {
            if delivery == Delivery::Sent {
                delivery = self.send(&event);
            }
            if delivery == Delivery::Lost {
                self.unsent.borrow_mut().push(event);
            }
        }
    }

    fn send(&self, event: &Event) -> Delivery {
        AuditLog::connect(&self.config.paths.syslog, "totp-enroll", PATIENCE_FOR_SYSLOG)
            .write(event.name().severity(), event)
    }

    /// Tries once more to send what the log did not take, until it fails again; the rest is counted in the ledgers of the accounts
    /// that it is about. For the end of a command, which holds no ledger any more.
    pub(crate) fn send_again(&self) {
        let mut lost = 0u32;
        for event in self.unsent.take() {
            if lost == 0 && self.send(&event) == Delivery::Sent {
                continue;
            }
            lost = lost.saturating_add(1);
            // The command is done: what cannot be counted changes nothing.
            let _ = self.count_lost_line(&event);
        }
    }

    fn count_lost_line(&self, event: &Event) -> Result<(), CommandError> {
        let line = event.to_string();
        let fields = audit_event::fields(&line).unwrap_or_default();
        let user = fields.iter().find(|(key, _)| *key == "user").and_then(|(_, user)| User::parse(user).ok());
        let Some(user) = user else { return Ok(()) };
        let new = NewCount { lost: 1, told: 0, pace: Pace::Each };
        login::count_lines(&self.store, &user, PATIENCE, new, machine::now()?.realtime)?;
        Ok(())
    }
}

/// The store that the config describes; nothing is opened yet.
pub(crate) fn store(config: &Config) -> Store {
    totp_host::store::open(&config.paths, KeyringReader::new(&config.paths))
}

fn tokens_busy() -> CommandError {
    CommandError::refused("another command is changing the tokens; nothing was changed; try again")
}

pub(crate) fn busy(account: &Account) -> CommandError {
    CommandError::refused(format!(
        "another login or command is using the enrolment of {}; try again",
        account.user
    ))
}
