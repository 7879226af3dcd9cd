//! What is known of a request before anybody is asked: as much of it as the policy depends on.

use crate::arguments::FirstPass;
use crate::call::{self, Attempt, PATIENCE};
use crate::caller_guard::CallerGuard;
use crate::outcome::LoginError;
use crate::session;
use totp_core::account::Account;
use totp_core::device::Mode;
use totp_core::policy::{Decision, Exemption, PolicyInput};
use totp_core::remembered::{self, Recognised};
use totp_core::store::{Held, Hold, Resets, Store};
use totp_core::time::{Now, Seconds};
use totp_core::timestamp_record::{Ancestor, Asker, Caller};
use totp_host::accounts::{self, Who};
use totp_host::clock;
use totp_store::timestamp_records::TimestampRecords;

/// What is required of the account; a remembered device's use is recorded.
pub(crate) enum Required {
    /// As the policy decided.
    Decided(Decision),
    /// Nothing of this remembered device.
    Remembered(Exemption),
}

impl Attempt<'_> {
    /// Finds out what the policy depends on, and lets it decide.
    pub(crate) fn required(
        &mut self,
        store: &call::Store,
        account: &Account,
    ) -> Result<Required, LoginError> {
        let now = clock::now()?;
        let mut input = PolicyInput {
            known: account.uid.is_some(),
            groups: self.groups(account),
            address: self.request.address(),
            security_key: self.request.by_security_key(),
            introduced: self.is_introduced(),
            may_converse: !self.is_silent && self.arguments.first_pass != FirstPass::Use,
            enrolled: None,
            reset: false,
            since_code: None,
            remembered: false,
            now: now.realtime,
        };
        // Whom a rule exempts does not depend on their enrolment, whole or broken.
        let decided = self.policy.decide(&input);
        if !input.known || !self.policy.depends_on_enrolment() || matches!(decided, Decision::Exempt(_)) {
            return Ok(Required::Decided(decided));
        }
        let looks_for_stamps = self.policy.fresh > Seconds(0);
        // Before the shield, which changes the real uid.
        let ancestors = if looks_for_stamps { session::ancestors() } else { None };
        let caller_guard = CallerGuard::raise();
        if looks_for_stamps {
            self.ask_for_timestamps();
        }
        let required = self.looked_up(store, account, &mut input, ancestors.as_deref());
        caller_guard.lower()?;
        required
    }

    fn looked_up(
        &mut self,
        store: &call::Store,
        account: &Account,
        input: &mut PolicyInput,
        ancestors: Option<&[Ancestor]>,
    ) -> Result<Required, LoginError> {
        let held = match store.hold(&account.user, PATIENCE)? {
            Hold::Held(held) => held,
            Hold::NotEnrolled => {
                input.enrolled = Some(false);
                let reset = store.reset(&account.user)?;
                input.reset = reset.is_some_and(|reset| !reset.is_anothers(account));
                self.waits_for_token = input.reset;
                return Ok(Required::Decided(self.policy.decide(input)));
            }
            // Nothing is known of the enrolment then, and the code is asked for.
            Hold::Busy => return Ok(Required::Decided(self.policy.decide(input))),
        };
        input.enrolled = Some(true);
        self.notice = held.ledger().notice();
        let now = clock::now()?;
        input.since_code = ancestors.and_then(|ancestors| self.since_code(&held, account, ancestors, now));
        let recognised = self.recognise(&held, account, now)?;
        input.remembered = recognised.is_some();
        match (self.policy.decide(input), recognised) {
            (Decision::Recognised, Some(recognised)) => {
                match remembered::admit(held, &recognised, now)? {
                    Some(exemption) => Ok(Required::Remembered(exemption)),
                    // Another process was quicker: as if the device were not known.
                    None => {
                        input.remembered = false;
                        Ok(Required::Decided(self.policy.decide(input)))
                    }
                }
            }
            (decision, _) => Ok(Required::Decided(decision)),
        }
    }

    /// A look-up that fails is told to the log once, and exempts nobody.
    fn groups(&mut self, account: &Account) -> Result<Vec<String>, String> {
        if account.uid.is_none() || self.policy.named_groups().next().is_none() {
            return Ok(Vec::new());
        }
        accounts::groups_of(account.user.as_str(), self.policy.named_groups()).map_err(|error| {
            self.audit.trouble(account.user.as_str(), &error);
            error.to_string()
        })
    }

    /// The argument `fresh=` of this line is unknown where people log in: anyone who lets them in there is told that someone looks
    /// at their timestamps. Behind the shield: a directory that is made but not yet root's own would serve nobody.
    fn ask_for_timestamps(&mut self) {
        if let Err(error) = TimestampRecords::new(&self.config.paths.runtime).ask_for_timestamps() {
            self.debug(&format!("no timestamps: {error}"));
        }
    }

    /// How long ago a code was accepted in this login session. What cannot be found out is "not at all".
    fn since_code(
        &self,
        held: &impl Held,
        account: &Account,
        ancestors: &[Ancestor],
        now: Now,
    ) -> Option<Seconds> {
        let (caller, boot) = (self.caller(account, ancestors)?, session::boot()?);
        let credential = held.credential().owner().id;
        let uid = caller.uid;
        let asker = Asker { caller, credential, boot: &boot, now: now.boottime };
        let timestamps = TimestampRecords::new(&self.config.paths.runtime);
        let ages = ancestors
            .iter()
            .filter_map(|ancestor| timestamps.of(uid, ancestor.process).ok().flatten()?.age(&asker));
        ages.min()
    }

    /// What decides whether a record of an accepted code is left, or counts. `None`: it cannot be told, and neither is so.
    pub(crate) fn caller<'a>(&self, account: &Account, ancestors: &'a [Ancestor]) -> Option<Caller<'a>> {
        let requester = match self.request.requester.as_deref() {
            None => None,
            Some(name) if name == account.user.as_str() => account.uid,
            Some(name) => match accounts::canonical(name).ok()? {
                Who::Account(requester) => Some(requester.uid?),
                Who::Impossible(_) => return None,
            },
        };
        Some(Caller { uid: account.uid?, origin: self.request.origin(), requester, ancestors })
    }

    fn recognise(
        &self,
        held: &impl Held,
        account: &Account,
        now: Now,
    ) -> Result<Option<Recognised>, LoginError> {
        let remember = &self.policy.remember;
        let traits = self.request.traits();
        if remember.mode == Mode::Off || held.ledger().devices().is_empty() || !remember.can_tell(&traits) {
            return Ok(None);
        }
        let keyring = self.keyring()?;
        remembered::recognise(held, account, &traits, remember, now, &keyring)
            .map_err(|trouble| self.judging(trouble, account))
    }
}
