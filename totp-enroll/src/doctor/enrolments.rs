//! Checks every enrolment: it can be read, belongs to the account that has the name now, and its keys are in the keyring.

use super::counter_tokens::CounterTokens;
use super::finding::{Finding, described, some_of};
use super::guessing;
use super::shared_secrets::SharedSecrets;
use super::token_holders::TokenHolders;
use crate::account::{self, Unknown};
use crate::context;
use crate::output;
use nix::unistd::User as Passwd;
use std::time::Duration;
use totp_core::config::Config;
use totp_core::credential::Credential;
use totp_core::enrolment::recovery_left;
use totp_core::keyring::{Keyring, OpenError};
use totp_core::ledger::Ledger;
use totp_core::store::{Document, Held, Hold, Maintenance, Store, StoreError, Users};
use totp_core::user::User;
use totp_host::config_and_keyring::KeyringFiles;
use totp_host::machine;

/// How long to wait for a login that holds the ledger.
const PATIENCE: Duration = Duration::from_secs(1);
/// How far in the future the last login may be, in seconds: a small correction of the clock is no finding.
const AHEAD: u64 = 120;

/// The enrolled users whose names could be read, sorted.
pub(super) struct EnrolledUsers {
    pub(super) names: Vec<String>,
}

pub(super) fn examine(
    config: &Config,
    token_holders: TokenHolders,
    secrets: SharedSecrets,
    findings: &mut Vec<Finding>,
) -> EnrolledUsers {
    let store = context::store(config);
    let mut check = EnrolmentCheck {
        config,
        keyring: keyring(config),
        store: &store,
        // Each hold would be refused for that reason, which doctor/files.rs reports once.
        is_restored: store.is_restored().unwrap_or(false),
        few: Vec::new(),
        without: Vec::new(),
        stricter: Vec::new(),
        counter_tokens: CounterTokens::default(),
        token_holders,
        secrets,
        findings,
    };
    let mut names = Vec::new();
    // doctor/files.rs reports a store that cannot be opened.
    for user in store.enrolled().into_iter().flatten() {
        match user {
            Ok(user) => {
                check.user(&user);
                names.push(user.as_str().to_owned());
            }
            Err(error) => check.stray(&error),
        }
    }
    for user in store.known().into_iter().flatten() {
        match user {
            Ok(user) => check.ledger_without_credential(&user),
            Err(error) => check.stray(&error),
        }
    }
    check.few_recovery_codes();
    check.no_recovery_codes();
    check.stricter_risk();
    check.counter_tokens.report(check.findings);
    check.token_holders.report(check.findings);
    check.secrets.report(check.findings);
    names.sort();
    EnrolledUsers { names }
}

fn keyring(config: &Config) -> Option<Keyring> {
    let files = KeyringFiles::of(&config.paths);
    let (file, text) = files.read().ok().flatten()?;
    Keyring::parse(file, text.expose()).ok()
}

struct EnrolmentCheck<'a> {
    config: &'a Config,
    keyring: Option<Keyring>,
    store: &'a context::Store,
    /// The state was restored from a backup, so no ledger can be held.
    is_restored: bool,
    /// Users with few recovery codes left.
    few: Vec<String>,
    /// Users with none.
    without: Vec<String>,
    /// Users judged under a smaller yearly risk than that of the config.
    stricter: Vec<String>,
    counter_tokens: CounterTokens,
    token_holders: TokenHolders,
    secrets: SharedSecrets,
    findings: &'a mut Vec<Finding>,
}

impl EnrolmentCheck<'_> {
    fn user(&mut self, user: &User) {
        let credential = match self.store.credential(user) {
            Ok(Some(credential)) => credential,
            // The enrolment was removed after the names were listed.
            Ok(None) => return,
            Err(error) => return self.unreadable("credential_unreadable", user, &error),
        };
        self.account(user, &credential);
        self.seals(user, &credential);
        if let Some(keyring) = &self.keyring {
            self.token_holders.note(self.store, keyring, user, &credential);
            self.secrets.note_user(user, &credential, keyring);
        }
        if self.is_restored {
            return;
        }
        match self.store.hold(user, PATIENCE) {
            Ok(Hold::Held(held)) => self.ledger(user, held.credential(), held.ledger()),
            Ok(Hold::NotEnrolled | Hold::Busy) => {}
            Err(error) => self.unreadable("ledger_unreadable", user, &error),
        }
    }

    fn account(&mut self, user: &User, credential: &Credential) {
        let Ok(found) = Passwd::from_name(user.as_str()) else { return };
        let Some(enrolled_as) = credential.owner().uid else { return };
        let fix = "if the account is gone for good, remove the enrolment with \"totp-enroll disable\"; if it belongs to the same person, enrol it again with \"totp-enroll enroll --replace\"";
        match found {
            None => self.findings.push(
                Finding::warning("account_gone", format!("{user} is enrolled, but there is no such account", user = user.as_str()))
                    .why("a new account with this name and the same uid would inherit the enrolment; one with another uid would be refused")
                    .fix(fix),
            ),
            Some(account) if account.uid.as_raw() != enrolled_as => self.findings.push(
                Finding::serious(
                    "account_other_uid",
                    format!("{} is enrolled with uid {enrolled_as}, but the account has uid {}", user.as_str(), account.uid),
                )
                .why("the enrolment belongs to another account of this name: logins of the present account are refused")
                .fix(fix),
            ),
            Some(_) => {}
        }
    }

    fn seals(&mut self, user: &User, credential: &Credential) {
        // doctor/files.rs reports a missing keyring.
        let Some(keyring) = &self.keyring else { return };
        let opens =
            credential.check_seals(keyring).or_else(|error| self.check_again(user).unwrap_or(Err(error)));
        if let Err(error) = opens {
            let file = self.store.name_of(Document::Credential, user);
            self.findings.push(
                Finding::serious("seal_broken", format!("{file}: {error}"))
                    .why(format!("every login of {} is refused, even with the right code", user.as_str()))
                    .fix("restore the keyring and the credential from backups of the same day, or enrol the user again with \"totp-enroll enroll --replace\""),
            );
        }
    }

    /// Checks with a keyring and credential read under the user's lock: a rotation may have run between the first two reads.
    fn check_again(&self, user: &User) -> Option<Result<(), OpenError>> {
        let Ok(Hold::Held(held)) = self.store.hold(user, PATIENCE) else { return None };
        Some(held.credential().check_seals(&keyring(self.config)?))
    }

    fn ledger(&mut self, user: &User, credential: &Credential, ledger: &Ledger) {
        let left = recovery_left(credential, ledger);
        if left < self.config.warn_below {
            let some_or_none = if left > 0 { &mut self.few } else { &mut self.without };
            some_or_none.push(user.as_str().to_owned());
        }
        self.counter_tokens.note(self.config, user.as_str(), (credential, ledger));
        let Ok(now) = machine::now() else { return };
        guessing::budget(user.as_str(), ledger, &self.config.risk, now.realtime, self.findings);
        if ledger.guesses().is_stricter_than(&self.config.risk) {
            self.stricter.push(user.as_str().to_owned());
        }
        if let Some(last) = ledger.last_login().filter(|last| last.at > now.realtime.saturating_add(AHEAD)) {
            self.findings.push(
                Finding::serious(
                    "clock_back",
                    format!(
                        "the last login of {} is recorded at {}, which is in the future",
                        user.as_str(),
                        output::date(last.at)
                    ),
                )
                .why("the clock was set back, or was fast at that login: codes are refused until that time")
                .fix(format!(
                    "correct the clock; if it was fast then and is right now, run \"totp-enroll unlock {}\"",
                    user.as_str()
                )),
            );
        }
    }

    /// A ledger whose credential is missing, unless the ledger says that nobody is enrolled.
    fn ledger_without_credential(&mut self, user: &User) {
        if self.is_restored || !matches!(self.store.credential(user), Ok(None)) {
            return;
        }
        if let Err(error) = self.store.hold(user, PATIENCE) {
            self.unreadable("credential_missing", user, &error);
        }
    }

    fn unreadable(&mut self, name: &'static str, user: &User, error: &StoreError) {
        self.findings.push(
            Finding::serious(name, described(error))
                .why(format!("every login of {} is refused, even with the right code", user.as_str()))
                .fix("do what the message says, or restore credentials and ledgers from the same backup"),
        );
    }

    fn stray(&mut self, error: &StoreError) {
        self.findings.push(
            Finding::warning("stray_file", format!("{}: {}", error.about(), error.problem()))
                .why("it is not an enrolment, and \"totp-enroll list\" stops at it")
                .fix("move it to another directory"),
        );
    }

    fn few_recovery_codes(&mut self) {
        let count = self.few.len();
        if count == 0 {
            return;
        }
        let names = some_of(&self.few);
        self.findings.push(
            Finding::info(
                "few_recovery_codes",
                format!(
                    "{} fewer than {} left: {names}",
                    output::count_with(count, "user", ("has", "have")),
                    output::count(self.config.warn_below, "recovery code")
                ),
            )
            .why("a user who has none and loses the phone or the token needs an administrator")
            .fix("ask them to run \"totp-enroll recovery-codes\""),
        );
    }

    fn no_recovery_codes(&mut self) {
        let count = self.without.len();
        if count == 0 {
            return;
        }
        let names = some_of(&self.without);
        self.findings.push(
            Finding::warning(
                "no_recovery_codes",
                format!("{} no recovery code: {names}", output::count_with(count, "user", ("has", "have"))),
            )
            .why("a user who loses the phone or the token needs an administrator, and so does one whose account is locked")
            .fix("ask them to run \"totp-enroll recovery-codes\"; \"totp-enroll list\" shows who has none. If that is intended, set warn_below = 0 in [recovery]"),
        );
    }

    fn stricter_risk(&mut self) {
        let count = self.stricter.len();
        if count == 0 {
            return;
        }
        let names = some_of(&self.stricter);
        self.findings.push(
            Finding::warning(
                "yearly_risk_kept",
                format!(
                    "{} judged under a smaller yearly_risk than the config has: {names}",
                    output::count_with(count, "user", ("is", "are"))
                ),
            )
            .why("a smaller yearly_risk was in force at one of their logins, and the smallest one stays in force")
            .fix("if that was a mistake, run \"totp-enroll unlock --budget USER\" for each of them; \"totp-enroll --json list\" lists the risk of each"),
        );
    }
}

/// Whether there is such an account.
pub(super) fn exists(name: &str) -> bool {
    account::canonical(name, Unknown::Refused).is_ok()
}
