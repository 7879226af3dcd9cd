//! What follows a decision that stands: the timestamp of an accepted code, a word to the person, a device to remember.

use crate::call::{Attempt, CallHost, PATIENCE, ask};
use crate::caller_guard::CallerGuard;
use crate::outcome::Outcome;
use crate::{messages, session};
use pam::constants::{PAM_ERROR_MSG, PAM_PROMPT_ECHO_ON, PAM_TEXT_INFO, PamMessageStyle};
use pam::conv::Conv;
use pam::module::PamHandle;
use totp_core::account::Account;
use totp_core::device::{DeviceId, Mode};
use totp_core::id::Id;
use totp_core::login::{Method, Verified};
use totp_core::remembered::{self, Connection};
use totp_core::reset::Notice;
use totp_core::timestamp_record::TimestampRecord;
use totp_host::accounts::{self, Who};
use totp_host::clock;
use totp_store::timestamp_records::TimestampRecords;

/// Why a code is asked for again in a moment, for the argument `debug`.
const NOT_LEFT: &str = "no timestamp record: it is left at a terminal, or in sshd's own session of a connection, where root and the account have every process";

impl Attempt<'_> {
    /// Says and keeps what follows from the outcome. Nothing here changes it.
    pub(crate) fn part(&mut self, pamh: &PamHandle, outcome: &Outcome) {
        let stands = match outcome {
            Outcome::Accepted(verified) => verified.since_last().reset,
            Outcome::Exempted(_) => self.notice,
            Outcome::Enrolled(_)
            | Outcome::EnrolmentAborted(_)
            | Outcome::NotEnrolled(_)
            | Outcome::Refused(_)
            | Outcome::Ignored(_)
            | Outcome::LoginError(_)
            | Outcome::Misplaced { .. } => None,
        };
        if let Some(notice) = stands {
            self.warn(pamh, notice);
        }
        match outcome {
            Outcome::Accepted(verified) => self.welcome(pamh, verified),
            Outcome::Enrolled(enrolled) => {
                self.timestamp(enrolled.credential());
                self.say(pamh, PAM_TEXT_INFO, messages::ENROLLED);
            }
            Outcome::EnrolmentAborted(why) => {
                if let Some(text) = messages::enrolment_aborted(*why) {
                    self.say(pamh, PAM_ERROR_MSG, &text);
                }
            }
            Outcome::NotEnrolled(unenrolled) => {
                if let Some(days_left) = unenrolled.days_left() {
                    self.say(pamh, PAM_TEXT_INFO, &messages::reminder(days_left));
                }
            }
            Outcome::Refused(refusal) if self.is_introduced() => {
                if let Some(why) = messages::refusal(refusal) {
                    self.say(pamh, PAM_ERROR_MSG, &why);
                }
            }
            Outcome::Refused(_)
            | Outcome::Exempted(_)
            | Outcome::Ignored(_)
            | Outcome::LoginError(_)
            | Outcome::Misplaced { .. } => {}
        }
    }

    /// Tells the owner of the enrolment that someone asked to reset it, as long as that stands.
    fn warn(&self, pamh: &PamHandle, notice: Notice) {
        // A code that came with a password is judged before it: nobody knows yet whose it was.
        if self.arguments.forward_pass && !self.is_introduced() {
            return;
        }
        if let Ok(now) = clock::now()
            && notice.until > now.realtime
        {
            let by = accounts::name_of(notice.by);
            self.say(pamh, PAM_TEXT_INFO, &messages::reset_requested(&by, notice.at, now.realtime));
        }
    }

    fn welcome(&mut self, pamh: &PamHandle, verified: &Verified) {
        let Some(Who::Account(account)) = self.who.clone() else { return };
        // A code that came with a password is judged before it: nobody knows yet whose it was.
        if self.arguments.forward_pass && !self.is_introduced() {
            return;
        }
        self.timestamp(verified.credential());
        if let Some(text) =
            clock::now().ok().and_then(|now| messages::welcome(verified, &self.config, now.realtime))
        {
            self.say(pamh, PAM_TEXT_INFO, &text);
        }
        self.remember(pamh, &account, verified);
    }

    /// Leaves a timestamp for the commands of this login session that are spared a code by it. Without one they ask.
    fn timestamp(&mut self, credential: Id) {
        let Some(Who::Account(account)) = &self.who else { return };
        let timestamps = TimestampRecords::new(&self.config.paths.runtime);
        // On most machines nobody looks at one, and then nothing is read for it either. A line with `fresh=` has invited them.
        if !self.config.asks_for_freshness && !timestamps.are_wanted() {
            return;
        }
        let timestamp = || {
            let ancestors = session::ancestors()?;
            let caller = self.caller(account, &ancestors)?;
            let (uid, boot, leader) = (caller.uid, session::boot()?, caller.leader()?);
            Some(TimestampRecord { uid, credential, boot, leader, at: clock::now().ok()?.boottime })
        };
        let Some(timestamp) = timestamp() else { return self.debug(NOT_LEFT) };
        // The first since the boot makes the directory, and one that is not yet root's own would serve nobody.
        let caller_guard = CallerGuard::raise();
        let put = timestamps.put(&timestamp, session::is_alive);
        if let Err(error) = caller_guard.lower() {
            let user = account.user.to_string();
            self.audit.trouble(&user, error);
        }
        if let Err(error) = put {
            self.debug(&format!("no timestamp: {error}"));
        }
    }

    fn remember(&mut self, pamh: &PamHandle, account: &Account, verified: &Verified) {
        let remember = self.policy.remember;
        // Anyone who needed a recovery code may sit at anybody's device.
        if !remember.can_tell(&self.request.traits()) || !matches!(verified.method(), Method::Code { .. }) {
            return;
        }
        let is_wanted = match remember.mode {
            Mode::Off => false,
            Mode::Always => true,
            Mode::Ask if self.is_silent => false,
            Mode::Ask => ask(pamh, PAM_PROMPT_ECHO_ON, &messages::remember_question(remember.length))
                .is_some_and(|answer| messages::is_yes(answer.as_bytes())),
        };
        if !is_wanted {
            return;
        }
        // The ledger is held meanwhile, and the notice is left.
        let caller_guard = CallerGuard::raise();
        let remembered = self.remembered(account, verified);
        if let Ok(Some(device)) = remembered {
            let event = self.audit.device_remembered(device, remember.length, account.user.as_str());
            self.notify(&event);
        }
        if let Err(error) = caller_guard.lower() {
            return self.audit.trouble(account.user.as_str(), error);
        }
        match remembered {
            Ok(Some(device)) => self.say(pamh, PAM_TEXT_INFO, &messages::remembered(device, remember.length)),
            Ok(None) => self.debug("the device was not remembered"),
            Err(problem) => self.audit.trouble(account.user.as_str(), problem),
        }
    }

    fn remembered(&self, account: &Account, verified: &Verified) -> Result<Option<DeviceId>, String> {
        let store = self.store();
        let connection = Connection {
            user: &account.user,
            traits: self.request.traits(),
            remember: &self.policy.remember,
            patience: PATIENCE,
        };
        let mut host = CallHost { call: self, account, keyring: None };
        remembered::remember(&store, verified, &connection, &mut host)
            .map_err(|login_error| login_error.to_string())
    }

    /// One line to the person, unless nothing is to be said. What the application makes of it changes nothing.
    pub(crate) fn say(&self, pamh: &PamHandle, style: PamMessageStyle, text: &str) {
        if self.is_silent || self.config.quiet {
            return;
        }
        if let Ok(Some(conversation)) = pamh.get_item::<Conv<'_>>() {
            drop(conversation.send(style, text));
        }
    }
}
