//! What every command works with: the config, the store, the keyring, who asks, and the log.

use crate::account::{self, Operator, Unknown};
use crate::cli::Cli;
use crate::failure::Failure;
use crate::notify::spool;
use crate::output::Format;
use crate::{audit, clock};
use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;
use totp_core::audit_event::{Event, Name};
use totp_core::config::Config;
use totp_core::enrolment;
use totp_core::keyring::Keyring;
use totp_core::login::Rules;
use totp_core::secret::Secret;
use totp_core::store::{Entries, Hold, KeyringLocks, Store as _};
use totp_core::user::Account;
use totp_host::entropy::OsEntropy;
use totp_host::settings;

/// How long the command waits for a login of the same user.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);
/// How long it waits for another command that changes the keyring, which waits for the disk.
const PATIENCE_FOR_THE_KEYRING: Duration = Duration::from_secs(30);

/// The engine that the config names; the only place in the command that knows which.
pub(crate) type Store = totp_store::FilesStore;
/// A user's enrolment, there or not, held.
pub(crate) type Entry = <Store as Entries>::Entry;

/// An open command.
pub(crate) struct Context {
    pub(crate) config: Config,
    pub(crate) format: Format,
    pub(crate) operator: Operator,
    pub(crate) store: Store,
    /// Something waits to be told that did not before.
    pub(crate) left_a_notice: Cell<bool>,
}

impl Context {
    /// Opens the command for root; the files are root's.
    pub(crate) fn open(cli: &Cli) -> Result<Self, Failure> {
        if !nix::unistd::geteuid().is_root() {
            return Err(Failure::not_permitted("only root can read the enrolments; run it again with sudo"));
        }
        let config = settings::read_config(cli.config.as_deref(), None)?;
        let store = store(&config);
        let (format, operator) = (Format::of(cli.json), Operator::present()?);
        Ok(Self { config, format, operator, store, left_a_notice: Cell::new(false) })
    }

    /// The account of `user`, or the operator's own.
    pub(crate) fn account(&self, user: Option<&str>) -> Result<Account, Failure> {
        account::canonical(user.unwrap_or(&self.operator.name), Unknown::Refused)
    }

    /// The account of `user`, or the operator's own; also one that the system no longer knows.
    pub(crate) fn any_account(&self, user: Option<&str>) -> Result<Account, Failure> {
        account::canonical(user.unwrap_or(&self.operator.name), Unknown::Allowed)
    }

    pub(crate) fn keyring(&self) -> Result<Keyring, Failure> {
        Ok(settings::read_keyring(&self.config.paths)?)
    }

    /// The keyring in force as it is written, and where.
    pub(crate) fn keyring_text(&self) -> Result<(PathBuf, Secret), Failure> {
        Ok(settings::read_keyring_text(&self.config.paths)?)
    }

    /// The enrolment of `account`, held; `None`: not enrolled.
    pub(crate) fn hold(
        &self,
        account: &Account,
    ) -> Result<Option<<Store as totp_core::store::Store>::Held>, Failure> {
        match self.store.hold(&account.user, PATIENCE)? {
            Hold::Held(held) => Ok(Some(held)),
            Hold::NotEnrolled => Ok(None),
            Hold::Busy => Err(busy(account)),
        }
    }

    /// The place of `account` in the store, held, to be changed.
    pub(crate) fn entry(&self, account: &Account) -> Result<Entry, Failure> {
        self.store.entry(&account.user, PATIENCE)?.ok_or_else(|| busy(account))
    }

    /// The same for a command that throws the ledger away, whatever it says.
    pub(crate) fn entry_to_withdraw(&self, account: &Account) -> Result<Entry, Failure> {
        self.store.entry_to_withdraw(&account.user, PATIENCE)?.ok_or_else(|| busy(account))
    }

    /// Whether there is an enrolment, sound or broken.
    pub(crate) fn is_enrolled(&self, account: &Account) -> bool {
        !matches!(self.store.hold(&account.user, PATIENCE), Ok(Hold::NotEnrolled))
    }

    /// The lock to change the keyring, while nobody seals with it.
    pub(crate) fn lock_to_change_keys(&self) -> Result<<Store as KeyringLocks>::Lock, Failure> {
        let problem = "someone is being enrolled right now; nothing was changed; run this again";
        self.store.lock_to_change_keys(PATIENCE_FOR_THE_KEYRING)?.ok_or_else(|| Failure::refused(problem))
    }

    /// Runs a change to an enrolment with what the rules need from outside. What is sealed in it is in place before another
    /// key can become the active one.
    pub(crate) fn change<T>(
        &self,
        act: impl FnOnce(&mut enrolment::ChangeInputs<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let problem = "someone changes the keyring right now; nothing was changed; run this again";
        let _lock =
            self.store.lock_to_seal(PATIENCE_FOR_THE_KEYRING)?.ok_or_else(|| Failure::refused(problem))?;
        let (keyring, now) = (self.keyring()?, clock::now()?);
        let mut context = enrolment::ChangeInputs {
            keyring: &keyring,
            entropy: &mut OsEntropy,
            created: clock::created(now)?,
            now,
        };
        act(&mut context)
    }

    pub(crate) fn rules(&self) -> Rules {
        Rules::from(&self.config)
    }

    /// An event about `account`, by anyone who asks.
    pub(crate) fn event(&self, name: Name, account: &Account) -> Event {
        Event::new(name)
            .field("user", &account.user)
            .field("by", &self.operator.name)
            .maybe("loginuid", self.operator.login())
    }

    /// Writes it to the log, and tells its user if that is one of the things that people are told.
    pub(crate) fn audit(&self, event: &Event) {
        self.log(event);
        if spool::add(&self.config, &self.store, event) {
            self.left_a_notice.set(true);
        }
    }

    /// Writes it to the log alone.
    pub(crate) fn log(&self, event: &Event) {
        audit::write(&self.config.paths.syslog, event);
    }
}

/// The store of this machine; nothing is opened yet.
pub(crate) fn store(config: &Config) -> Store {
    totp_store::open(&config.paths)
}

pub(crate) fn busy(account: &Account) -> Failure {
    Failure::refused(format!("another process uses the enrolment of {} right now; try again", account.user))
}
