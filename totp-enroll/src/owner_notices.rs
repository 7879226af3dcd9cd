//! Leaves notices in the spool: before a change, so that it is refused where nobody could be told of it, or after an event. No
//! command sends them, except `notify`: an operator could stop or starve a mail program that is started here.

use crate::command_error::CommandError;
use crate::context::{Context, Store};
use crate::notify::mail_program;
use crate::output;
use totp_core::audit_event::{Event, Name};
use totp_core::config::Command;
use totp_core::notice::Notice;
use totp_core::store::notices::{Begun, NoticeSpool, Origin, Topic};
use totp_core::store::{Engine, StoreError};
use totp_core::user::Account;
use totp_host::machine::{self, OsEntropy};

/// How many mails one operator causes in a day by repeating one step at one account.
const MOST_OF_A_DAY: usize = 8;
/// The same for refused steps, which need no permission and have no end.
const MOST_REFUSALS_OF_A_DAY: usize = 1;

/// The notice of a change that is being made.
pub(crate) type BegunNotice = <<Store as Engine>::Notices as NoticeSpool>::Begun;

impl Context {
    /// Writes an event that has happened to the audit log, and leaves a notice for the owner if the event is one of those. A change
    /// is announced before it is made instead ([`crate::change`]).
    pub(crate) fn audit(&self, event: &Event) {
        self.log(event);
        self.leave_notice(event);
    }

    /// Leaves the notice of a change that is about to be made; `None`: nobody is told of it, because mail is switched off, say.
    ///
    /// # Errors
    /// If it cannot be kept. A change of one's own needs none.
    pub(crate) fn begin_notice(
        &self,
        owner: Option<&Account>,
        event: &Event,
    ) -> Result<Option<BegunNotice>, StoreError> {
        let is_own = owner.is_some_and(|owner| self.operator.is(owner) && !self.operator.is_root());
        match self.begun_notice(owner, event, is_own) {
            Err(error) if is_own => {
                self.report_lost(event.name(), &error.into());
                Ok(None)
            }
            begun => begun,
        }
    }

    fn begun_notice(
        &self,
        owner: Option<&Account>,
        event: &Event,
        is_own: bool,
    ) -> Result<Option<BegunNotice>, StoreError> {
        if mail_program::command(&self.config).is_none() {
            return Ok(None);
        }
        let now = machine::now().map_err(|error| self.not_kept(&error.to_string()))?.realtime;
        let Some(notice) = Notice::of(event, None, now) else { return Ok(None) };
        let origin = origin_of(event.name());
        let refused = |error: StoreError| match error {
            StoreError::System { about, problem } => StoreError::System {
                about,
                problem: format!("{problem}; no one could be notified of this change, so it was not made"),
            },
            error @ (StoreError::Busy { .. }
            | StoreError::Unreachable { .. }
            | StoreError::Conflict
            | StoreError::OutcomeUnknown { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Unsafe { .. }) => error,
        };
        let spool = self.store.notices();
        let recent = spool.recent(Topic::of(&notice), notice.at).map_err(refused)?;
        if recent >= most_of_a_day(event.name()) {
            // Root in person could do anything. What helps the owner is not refused, and they were told often enough.
            if is_own || self.operator.is_root() || origin == Origin::Relief {
                return Ok(None);
            }
            let problem = format!(
                "you made this change of this account {recent} times within a day; nothing was changed; wait, or ask another operator"
            );
            return Err(self.not_kept(&problem));
        }
        let uid = owner.and_then(|owner| owner.uid);
        spool.begin(&notice, uid, origin, &mut OsEntropy).map(Some).map_err(refused)
    }

    fn not_kept(&self, problem: &str) -> StoreError {
        StoreError::System { about: self.store.notices().name(), problem: problem.to_owned() }
    }

    /// The change was made: its notice may be sent.
    pub(crate) fn finish_notice(&self, notice: Option<BegunNotice>, event: &Event) {
        let Some(notice) = notice else {
            if mail_program::command(&self.config).is_none()
                && let Some(notice) = Notice::of(event, None, 0)
            {
                self.report_no_mail(event.name(), notice.user());
            }
            return;
        };
        match notice.finish() {
            Ok(true) => {}
            // This command was stopped for long: the notice said that the change may have been made.
            Ok(false) => self.leave_notice(event),
            Err(error) => self.report_lost(event.name(), &error.into()),
        }
    }

    /// Leaves the notice of an event that has happened. A failure is only reported.
    pub(crate) fn leave_notice(&self, event: &Event) {
        if let Err(error) = self.put_notice(event) {
            self.report_lost(event.name(), &error);
        }
    }

    fn put_notice(&self, event: &Event) -> Result<(), CommandError> {
        let Some(notice) = self.wanted_notice(event)? else { return Ok(()) };
        let spool = self.store.notices();
        if spool.recent(Topic::of(&notice), notice.at)? >= most_of_a_day(event.name()) {
            return Ok(());
        }
        Ok(spool.put(&notice, self.uid_of(&notice), origin_of(event.name()), &mut OsEntropy)?)
    }

    /// Leaves a notice for one person of an import.
    pub(crate) fn leave_import_notice(&self, event: &Event, account: &Account) {
        let put = || -> Result<(), CommandError> {
            let Some(notice) = self.wanted_notice(event)? else { return Ok(()) };
            Ok(self.store.notices().put(&notice, account.uid, Origin::Bulk, &mut OsEntropy)?)
        };
        if let Err(error) = put() {
            self.report_lost(event.name(), &error);
        }
    }

    /// Refuses what would leave more notices than the spool has room for; before anything is changed.
    pub(crate) fn check_room(
        &self,
        notices: usize,
        origin: Origin,
        what_to_do: &str,
    ) -> Result<(), CommandError> {
        if notices <= 1 || mail_program::command(&self.config).is_none() {
            return Ok(());
        }
        let room = self.store.notices().room(origin)?;
        if notices <= room {
            return Ok(());
        }
        Err(CommandError::refused(format!(
            "{notices} people would be notified by mail, but there is room for {}; nothing was changed; {what_to_do}",
            output::count(room, "more notice")
        )))
    }

    fn uid_of(&self, notice: &Notice) -> Option<u32> {
        let account = self.any_account(Some(notice.user())).ok();
        account.and_then(|account| account.uid)
    }

    /// The notice of an event; `None`: nobody is told of such events, or there is no mail.
    fn wanted_notice(&self, event: &Event) -> Result<Option<Notice>, CommandError> {
        let Some(notice) = Notice::of(event, None, machine::now()?.realtime) else { return Ok(None) };
        if mail_program::command(&self.config).is_some() {
            return Ok(Some(notice));
        }
        self.report_no_mail(event.name(), notice.user());
        Ok(None)
    }

    fn report_lost(&self, about: Name, CommandError { problem, file, .. }: &CommandError) {
        output::remark(&format!("no notice of this change can be sent: {problem}"));
        self.log(
            &Event::new(Name::NotifyFailed)
                .field("about", about.as_str())
                .maybe("file", file.as_ref().map(|file| file.display()))
                .field("problem", problem),
        );
    }

    /// Reports that no mail will be sent. The mail gives the owner of an account the time to object to a reset, so the operator of a reset is
    /// warned. A missing mail program is logged each time, unless notices are turned off.
    fn report_no_mail(&self, about: Name, user: &str) {
        let is_off = self.config.notify.command == Command::Off;
        if !is_off {
            let event = Event::new(Name::NotifyFailed)
                .field("user", user)
                .field("about", about.as_str())
                .field("problem", "no mail program");
            self.log(&event);
        }
        let is_step = matches!(
            about,
            Name::ResetRequested | Name::ResetApproved | Name::ResetCancelled | Name::ResetCompleted
        );
        if is_step {
            let why = if is_off {
                "notices are turned off in the config ([notify] command)"
            } else {
                "there is no mail program; name one in the config ([notify] command), or install a mail system"
            };
            output::remark(&format!("the owner of the account gets no mail about this: {why}"));
        }
    }
}

fn origin_of(name: Name) -> Origin {
    if matches!(name, Name::Unlocked | Name::ResetCancelled | Name::DeviceRevoked) {
        Origin::Relief
    } else {
        Origin::Command
    }
}

/// A used recovery code or token is told each time: it is gone, so nobody repeats that without end. An import of many is told to the
/// administrators, and is no change of one account.
fn most_of_a_day(name: Name) -> usize {
    if matches!(name, Name::ResetRefused) {
        MOST_REFUSALS_OF_A_DAY
    } else if matches!(name, Name::RecoveryUsed | Name::TokenUsed | Name::Imported) {
        usize::MAX
    } else {
        MOST_OF_A_DAY
    }
}
