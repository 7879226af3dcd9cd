//! Freshness (`[fresh]`, `fresh=`): finds the timestamp record of a code that was accepted in this login session, and leaves one.

use crate::attempt::Attempt;
use crate::caller_guard::CallerGuard;
use crate::session;
use totp_core::id::Id;
use totp_core::policy::timestamp_record::{Ancestor, Asker, Caller, SessionOrigin, TimestampRecord};
use totp_core::store::Held;
use totp_core::time::{Now, Seconds};
use totp_core::user::Account;
use totp_host::accounts::{self, Who};
use totp_host::{clock, store};

/// Why the next login asks for a code again, for the argument `debug`.
const NOT_LEFT: &str = "no timestamp record: it is left at a terminal, or in sshd's own session of a connection, where root and the account have every process";

/// How long ago a code was accepted in this login session. `None`: none was, or it cannot be found out.
pub(crate) fn since_code(
    attempt: &Attempt<'_>,
    held: &impl Held,
    caller: &CallerOfSession,
    now: Now,
) -> Option<Seconds> {
    let (boot, ancestors) = (session::boot()?, &caller.ancestors);
    let credential = held.credential().owner().id;
    let caller = caller.as_caller();
    let uid = caller.uid;
    let asker = Asker { caller, credential, boot: &boot, now: now.boottime };
    let records = store::timestamp_records(&attempt.config.paths);
    let ages =
        ancestors.iter().filter_map(|ancestor| records.of(uid, ancestor.process).ok().flatten()?.age(&asker));
    ages.min()
}

/// Tells all logins of this machine to leave timestamp records: where people log in, the argument `fresh=` of this line is not
/// known. With the caller guard: a directory that is made but does not belong to root yet would be refused by every login.
pub(crate) fn ask_for_records(attempt: &mut Attempt<'_>) {
    if let Err(error) = store::timestamp_records(&attempt.config.paths).ask_for_timestamps() {
        attempt.debug(&format!("no timestamps: {error}"));
    }
}

/// Leaves a record of an accepted code for the commands of this login session. Without one they ask for a code.
pub(crate) fn leave(attempt: &mut Attempt<'_>, account: &Account, credential: Id) {
    let records = store::timestamp_records(&attempt.config.paths);
    // Most machines have no use for records, and then nothing is read for one. A line with `fresh=` has asked for them.
    if !attempt.config.asks_for_freshness && !records.are_wanted() {
        return;
    }
    let Some(record) = record(attempt, account, credential) else { return attempt.debug(NOT_LEFT) };
    // The first record since the boot makes the directory, and one that does not belong to root yet would be refused.
    let caller_guard = CallerGuard::new();
    let put = records.put(&record, session::is_alive);
    if let Err(error) = caller_guard.restore() {
        attempt.audit.error(account.user.as_str(), error);
    }
    if let Err(error) = put {
        attempt.debug(&format!("no timestamp: {error}"));
    }
}

fn record(attempt: &Attempt<'_>, account: &Account, credential: Id) -> Option<TimestampRecord> {
    let caller = CallerOfSession::of(attempt, account)?;
    let caller = caller.as_caller();
    let (uid, boot, leader) = (caller.uid, session::boot()?, caller.leader()?);
    Some(TimestampRecord { uid, credential, boot, leader, at: clock::now().ok()?.boottime })
}

/// What decides whether a record is left, or counts.
///
/// It is found out before the caller guard, which changes the real uid that is among what is read, and before the ledger is
/// held: the look-up of the requester may wait for a directory service.
pub(crate) struct CallerOfSession {
    uid: u32,
    origin: SessionOrigin,
    requester: Option<u32>,
    ancestors: Vec<Ancestor>,
}

impl CallerOfSession {
    /// `None`: it cannot be found out, so no record is left and none counts.
    pub(crate) fn of(attempt: &Attempt<'_>, account: &Account) -> Option<Self> {
        let requester = match attempt.request.requester.as_deref() {
            None => None,
            Some(name) if name == account.user.as_str() => account.uid,
            Some(name) => match accounts::canonical(name).ok()? {
                Who::Account(requester) => Some(requester.uid?),
                Who::Impossible(_) => return None,
            },
        };
        let origin = attempt.request.origin();
        Some(Self { uid: account.uid?, origin, requester, ancestors: session::ancestors()? })
    }

    fn as_caller(&self) -> Caller<'_> {
        let Self { uid, origin, requester, ref ancestors } = *self;
        Caller { uid, origin, requester, ancestors }
    }
}
