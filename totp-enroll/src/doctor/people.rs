//! Every enrolment: whole, of the account that has the name now, and sealed with keys that are there.

use super::finding::Finding;
use crate::account::{self, Unknown};
use crate::{clock, context};
use nix::unistd::User as Passwd;
use std::time::Duration;
use totp_core::config::Config;
use totp_core::credential::Credential;
use totp_core::enrolment::recovery_left;
use totp_core::keyring::{Keyring, OpenError};
use totp_core::ledger::Ledger;
use totp_core::store::{Document, Held, Hold, Store, StoreError, Users};
use totp_core::user::User;
use totp_store::keyring_files::KeyringFiles;

/// A ledger that someone logs in with meanwhile is looked at when they are through.
const PATIENCE: Duration = Duration::from_secs(1);
/// How far the last login may lie ahead: the clock of that moment may have been corrected a little.
const AHEAD: u64 = 120;
/// So many names are told of those who are only counted.
const NAMED: usize = 5;

/// Who is enrolled, as far as that can be told.
pub(super) struct People {
    pub(super) enrolled: Vec<String>,
}

pub(super) fn examine(config: &Config, findings: &mut Vec<Finding>) -> People {
    let store = context::store(config);
    let mut room = Room { config, keyring: keyring(config), store: &store, few: Vec::new(), findings };
    let mut enrolled = Vec::new();
    // A store that cannot be opened is told of elsewhere.
    for user in store.enrolled().into_iter().flatten() {
        match user {
            Ok(user) => {
                room.person(&user);
                enrolled.push(user.as_str().to_owned());
            }
            Err(error) => room.stray(&error),
        }
    }
    for user in store.known().into_iter().flatten() {
        match user {
            Ok(user) => room.orphan(&user),
            Err(error) => room.stray(&error),
        }
    }
    room.few_codes();
    enrolled.sort();
    People { enrolled }
}

fn keyring(config: &Config) -> Option<Keyring> {
    let files = KeyringFiles::of(&config.paths);
    let (file, text) = files.read().ok().flatten()?;
    Keyring::parse(file, text.expose()).ok()
}

struct Room<'a> {
    config: &'a Config,
    keyring: Option<Keyring>,
    store: &'a context::Store,
    /// Who has few recovery codes left.
    few: Vec<String>,
    findings: &'a mut Vec<Finding>,
}

impl Room<'_> {
    fn person(&mut self, user: &User) {
        let credential = match self.store.credential(user) {
            Ok(Some(credential)) => credential,
            // Withdrawn since the names were read.
            Ok(None) => return,
            Err(error) => return self.broken("credential_unreadable", user, &error),
        };
        self.account(user, &credential);
        self.seals(user, &credential);
        match self.store.hold(user, PATIENCE) {
            Ok(Hold::Held(held)) => self.ledger(user, held.credential(), held.ledger()),
            Ok(Hold::NotEnrolled | Hold::Busy) => {}
            Err(error) => self.broken("ledger_unreadable", user, &error),
        }
    }

    fn account(&mut self, user: &User, credential: &Credential) {
        let Ok(found) = Passwd::from_name(user.as_str()) else { return };
        let Some(enrolled_as) = credential.owner().uid else { return };
        let fix = "if the account is gone for good, \"totp-enroll disable\" withdraws the enrolment; if it is the same person, \"totp-enroll enroll --replace\"";
        match found {
            None => self.findings.push(
                Finding::warning("account_gone", format!("{user} is enrolled, and the system knows no such account", user = user.as_str()))
                    .why("an account of that name that is made one day does not inherit it, as long as it has another uid")
                    .fix(fix),
            ),
            Some(account) if account.uid.as_raw() != enrolled_as => self.findings.push(
                Finding::serious(
                    "account_other_uid",
                    format!("{} is enrolled as uid {enrolled_as}, and the account has uid {}", user.as_str(), account.uid),
                )
                .why("an account made again under an old name inherits nothing: its logins are refused")
                .fix(fix),
            ),
            Some(_) => {}
        }
    }

    fn seals(&mut self, user: &User, credential: &Credential) {
        // Without a keyring nothing opens, which is told once.
        let Some(keyring) = &self.keyring else { return };
        let opens =
            credential.check_seals(keyring).or_else(|error| self.check_again(user).unwrap_or(Err(error)));
        if let Err(error) = opens {
            let file = self.store.name_of(Document::Credential, user);
            self.findings.push(
                Finding::serious("seal_broken", format!("{file}: {error}"))
                    .why(format!("{} is refused, whatever the code", user.as_str()))
                    .fix("restore the keyring, or the credential, from a backup of the same day; or \"totp-enroll enroll --replace\""),
            );
        }
    }

    /// The keys may have been rotated since the keyring was read, or the credential. While the user is held that cannot happen.
    fn check_again(&self, user: &User) -> Option<Result<(), OpenError>> {
        let Ok(Hold::Held(held)) = self.store.hold(user, PATIENCE) else { return None };
        Some(held.credential().check_seals(&keyring(self.config)?))
    }

    fn ledger(&mut self, user: &User, credential: &Credential, ledger: &Ledger) {
        if credential.recovery_codes() > 0 && recovery_left(credential, ledger) < self.config.warn_below {
            self.few.push(user.as_str().to_owned());
        }
        let Ok(now) = clock::now() else { return };
        if let Some(last) = ledger.last_login().filter(|last| last.at > now.realtime.saturating_add(AHEAD)) {
            self.findings.push(
                Finding::serious(
                    "clock_back",
                    format!(
                        "the last login of {} was at {}, which is to come",
                        user.as_str(),
                        clock::date(last.at)
                    ),
                )
                .why(
                    "this machine's clock was set back, or ran ahead then: codes are refused until that time",
                )
                .fix(format!(
                    "set the clock right; if it had run ahead, \"totp-enroll unlock {}\"",
                    user.as_str()
                )),
            );
        }
    }

    /// A ledger whose credential is missing; one that says that nobody is enrolled needs none.
    fn orphan(&mut self, user: &User) {
        if !matches!(self.store.credential(user), Ok(None)) {
            return;
        }
        if let Err(error) = self.store.hold(user, PATIENCE) {
            self.broken("credential_missing", user, &error);
        }
    }

    fn broken(&mut self, name: &'static str, user: &User, error: &StoreError) {
        let line = error.line().map_or_else(String::new, |line| format!(" line {line}"));
        let what = format!("{}{line}: {}", error.about(), error.problem());
        self.findings.push(
            Finding::serious(name, what)
                .why(format!("{} is refused, whatever the code", user.as_str()))
                .fix("as it says; or restore credentials and ledgers from one backup"),
        );
    }

    fn stray(&mut self, error: &StoreError) {
        self.findings.push(
            Finding::warning("stray_file", format!("{}: {}", error.about(), error.problem()))
                .why("nobody logs in by it, and \"totp-enroll list\" stops at it")
                .fix("move it away"),
        );
    }

    fn few_codes(&mut self) {
        let count = self.few.len();
        if count == 0 {
            return;
        }
        let mut names = self.few.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        if count > NAMED {
            names.push_str(", ...");
        }
        self.findings.push(
            Finding::info(
                "few_recovery_codes",
                format!("{count} have fewer than {} recovery codes left: {names}", self.config.warn_below),
            )
            .why("who has none and loses the phone needs an administrator")
            .fix("ask them to run \"totp-enroll recovery-codes\""),
        );
    }
}

/// Whether the system knows the account.
pub(super) fn exists(name: &str) -> bool {
    account::canonical(name, Unknown::Refused).is_ok()
}
