//! Finds what `prune` can remove: enrolments without their account, by the account database, and stale files.

use crate::command_error::CommandError;
use crate::context::Context;
use crate::output;
use nix::unistd::User as Passwd;
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use totp_core::enrolment::ExpectedEnrolment;
use totp_core::store::{Hold, Maintenance, Resets, Store, StoreError, Users};
use totp_core::time::Seconds;
use totp_core::user::User;
use totp_host::machine;
use totp_host::store::TimestampRecords;

/// A temporary file that has not changed for this long belongs to a killed program.
const STALE: Seconds = Seconds(86400);
/// If more accounts than this and more than one in `OF_ALL` are gone at once, the account database is suspected.
const FEW: usize = 3;
const OF_ALL: usize = 4;

/// An enrolment, or a part of one, whose account is gone or that cannot be read.
#[derive(Serialize)]
pub(super) struct StaleEnrolment {
    #[serde(serialize_with = "as_text")]
    pub(super) user: User,
    /// The uid in the enrolment.
    pub(super) uid: Option<u32>,
    #[serde(flatten)]
    pub(super) why: PruneReason,
    /// What may be removed: the enrolment that was found.
    #[serde(skip)]
    pub(super) permitted: ExpectedEnrolment,
}

/// Why it is listed.
#[derive(Serialize, Clone)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub(super) enum PruneReason {
    /// The account is gone.
    Gone,
    /// The account is gone, and the enrolment cannot be read.
    #[serde(rename = "gone_broken")]
    GoneUnreadable { problem: String },
    /// The account was created again with another uid.
    OtherUid { now: u32 },
    /// There was no account of this name when it was enrolled, and there is none now.
    Unknown,
    /// A ledger without an enrolment.
    StrayLedger,
    /// It cannot be read or has unsafe permissions, or it is corrupt and its account exists.
    #[serde(rename = "broken")]
    Unreadable { problem: String },
}

impl PruneReason {
    /// The value of `reason=` in the log.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Gone | Self::GoneUnreadable { .. } => "gone",
            Self::OtherUid { .. } => "other_uid",
            Self::Unknown => "unknown",
            Self::StrayLedger => "stray_ledger",
            Self::Unreadable { .. } => "broken",
        }
    }
}

impl fmt::Display for PruneReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the account is gone"),
            Self::GoneUnreadable { problem } => write!(f, "the account is gone ({problem})"),
            Self::OtherUid { now } => write!(f, "the name belongs to another account now, with uid {now}"),
            Self::Unknown => f.write_str("there was no such account when it was enrolled, and there is none now (--unknown removes it)"),
            Self::StrayLedger => f.write_str("a ledger without an enrolment"),
            Self::Unreadable { problem } => f.write_str(problem),
        }
    }
}

impl StaleEnrolment {
    /// Whether `prune` removes it.
    pub(super) fn is_removed(&self, unknown: bool) -> bool {
        match self.why {
            PruneReason::Gone
            | PruneReason::GoneUnreadable { .. }
            | PruneReason::OtherUid { .. }
            | PruneReason::StrayLedger => true,
            PruneReason::Unknown => unknown,
            PruneReason::Unreadable { .. } => false,
        }
    }
}

/// Everything that was found, sorted by name.
pub(super) struct Prunable {
    pub(super) enrolments: Vec<StaleEnrolment>,
    pub(super) files: Vec<PathBuf>,
    enrolled: usize,
    /// An enrolled account was found in a remote source, so that source answers.
    remote_answers: bool,
}

impl Prunable {
    pub(super) fn of(context: &Context) -> Result<Self, CommandError> {
        let local: BTreeSet<String> = local_names().into_iter().collect();
        let mut found =
            Self { enrolments: Vec::new(), files: Vec::new(), enrolled: 0, remote_answers: false };
        let users = context.store.users()?;
        for user in &users {
            let known = lookup(user.as_str())?;
            found.enrolled = found.enrolled.saturating_add(1);
            if known != AccountLookup::Nobody && !local.contains(user.as_str()) {
                found.remote_answers = true;
            }
            found.enrolments.extend(enrolled(&context.store, user, known));
        }
        let users: BTreeSet<User> = users.into_iter().collect();
        let mut waiting = BTreeSet::new();
        for user in context.store.resets()?.into_iter().flatten() {
            let user = user?;
            if !users.contains(&user) {
                found.enrolments.extend(reset(&context.store, &user)?);
                waiting.insert(user);
            }
        }
        for user in context.store.known()? {
            let user = user?;
            // A ledger with a pending reset is needed: without it the account would not be protected.
            if !users.contains(&user) && !waiting.contains(&user) {
                found.enrolments.extend(unenrolled(&context.store, &user)?);
            }
        }
        found.enrolments.sort_by(|one, other| one.user.cmp(&other.user));
        let stale = context.store.stale_drafts(STALE, machine::now()?.realtime)?;
        found.files = stale.into_iter().map(PathBuf::from).collect();
        found.files.extend(TimestampRecords::new(&context.config.paths.runtime).expired(is_alive)?);
        Ok(found)
    }

    /// Refuses if the accounts may be missing only because the account database does not answer completely.
    pub(super) fn check_database(&self, unknown: bool) -> Result<(), CommandError> {
        // A database that was restored from elsewhere, or in part, shows other uids: they count as well.
        let is_gone = |enrolment: &&StaleEnrolment| match enrolment.why {
            PruneReason::Gone | PruneReason::GoneUnreadable { .. } | PruneReason::OtherUid { .. } => true,
            PruneReason::Unknown | PruneReason::StrayLedger | PruneReason::Unreadable { .. } => false,
        };
        let gone = self.enrolments.iter().filter(is_gone).count();
        // Accounts that it did not know at enrolment may exist now, if it answered.
        let unsure =
            self.enrolments.iter().filter(|one| unknown && matches!(one.why, PruneReason::Unknown)).count();
        let missing = gone.saturating_add(unsure);
        if missing == 0 {
            return Ok(());
        }
        let renumbered = self
            .enrolments
            .iter()
            .filter(|enrolment| matches!(enrolment.why, PruneReason::OtherUid { .. }))
            .count();
        let state = match renumbered {
            0 => "not found".to_owned(),
            _ => format!("not found, or known with another uid ({renumbered})"),
        };
        let remote = remote_sources();
        if !remote.is_empty() && !self.remote_answers {
            let remote = remote.join(", ");
            return Err(CommandError::refused(format!(
                "{} {state}, and no enrolled user was found in {remote} (nsswitch.conf), which may be down; \
                 nothing was removed; if it is up, use --trust-database",
                output::count_with(missing, "account", ("is", "are"))
            )));
        }
        if gone > FEW && gone.saturating_mul(OF_ALL) > self.enrolled {
            return Err(CommandError::refused(format!(
                "{gone} of {} accounts are {state}, so the account database may be incomplete; nothing was removed; check the list \
                 with \"prune --dry-run --trust-database\", then use --trust-database",
                self.enrolled
            )));
        }
        Ok(())
    }

    pub(super) fn remove_files(&self, context: &Context) -> Result<(), CommandError> {
        let timestamps = TimestampRecords::new(&context.config.paths.runtime);
        for file in &self.files {
            if file.starts_with(&context.config.paths.runtime) {
                timestamps.remove(file)?;
            } else {
                context.store.remove_stale_draft(&file.display().to_string())?;
            }
        }
        Ok(())
    }
}

/// An enrolment whose account is gone, or that cannot be read.
fn enrolled(store: &impl Users, user: &User, known: AccountLookup) -> Option<StaleEnrolment> {
    let finding = |uid, permitted, why| Some(StaleEnrolment { user: user.clone(), uid, why, permitted });
    let credential = match store.credential(user) {
        Ok(Some(credential)) => credential,
        // It was removed after the names were listed.
        Ok(None) => return None,
        Err(error @ StoreError::Corrupt { .. }) if known == AccountLookup::Nobody => {
            return finding(
                None,
                ExpectedEnrolment::Unreadable,
                PruneReason::GoneUnreadable { problem: error.to_string() },
            );
        }
        Err(error) => {
            return finding(
                None,
                ExpectedEnrolment::Unreadable,
                PruneReason::Unreadable { problem: error.to_string() },
            );
        }
    };
    let (uid, permitted) = (credential.owner().uid, ExpectedEnrolment::Enrolment(credential.owner().id));
    match (uid, known) {
        (Some(_), AccountLookup::Nobody) => finding(uid, permitted, PruneReason::Gone),
        (Some(enrolled), AccountLookup::Uid(now)) if enrolled != now => {
            finding(uid, permitted, PruneReason::OtherUid { now })
        }
        (None, AccountLookup::Nobody) => finding(uid, permitted, PruneReason::Unknown),
        (Some(_) | None, AccountLookup::Uid(_)) => None,
    }
}

/// A reset of a user who is not enrolled and whose account is gone.
fn reset(store: &impl Resets, user: &User) -> Result<Option<StaleEnrolment>, CommandError> {
    let known = lookup(user.as_str())?;
    let finding = |uid, why| {
        Ok(Some(StaleEnrolment { user: user.clone(), uid, why, permitted: ExpectedEnrolment::Nothing }))
    };
    let uid = match store.reset(user) {
        Ok(Some(reset)) => reset.account().uid,
        // It ended after the names were listed.
        Ok(None) => return Ok(None),
        Err(error @ StoreError::Corrupt { .. }) if known == AccountLookup::Nobody => {
            return finding(None, PruneReason::GoneUnreadable { problem: error.to_string() });
        }
        Err(error) => return finding(None, PruneReason::Unreadable { problem: error.to_string() }),
    };
    match (uid, known) {
        (Some(_), AccountLookup::Nobody) => finding(uid, PruneReason::Gone),
        (Some(then), AccountLookup::Uid(now)) if then != now => finding(uid, PruneReason::OtherUid { now }),
        (None, AccountLookup::Nobody) => finding(uid, PruneReason::Unknown),
        (Some(_) | None, AccountLookup::Uid(_)) => Ok(None),
    }
}

/// A ledger without a credential. If the ledger says that there was one, the credential was lost; the ledger then stays as long as the
/// account exists, because it keeps the account from counting as not enrolled.
fn unenrolled(store: &impl Store, user: &User) -> Result<Option<StaleEnrolment>, CommandError> {
    let finding = |why| {
        Some(StaleEnrolment { user: user.clone(), uid: None, why, permitted: ExpectedEnrolment::Nothing })
    };
    Ok(match store.hold(user, crate::context::PATIENCE) {
        Ok(Hold::NotEnrolled) => finding(PruneReason::StrayLedger),
        // Enrolled after the names were listed, or about to be.
        Ok(Hold::Held(_) | Hold::Busy) => None,
        Err(error) => {
            let problem = error.to_string();
            match lookup(user.as_str())? {
                AccountLookup::Nobody => finding(PruneReason::GoneUnreadable { problem }),
                AccountLookup::Uid(_) => finding(PruneReason::Unreadable { problem }),
            }
        }
    })
}

fn as_text<S: Serializer>(user: &User, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(user.as_str())
}

/// Whether the process exists; true if `/proc` cannot be read.
fn is_alive(pid: u32) -> bool {
    !matches!(PathBuf::from(format!("/proc/{pid}")).try_exists(), Ok(false))
}

/// What the account database says of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountLookup {
    /// There is no such account.
    Nobody,
    /// The account has this uid.
    Uid(u32),
}

/// Looks up a name. Every error refuses, also those that usually mean an unknown name: if the last source in nsswitch.conf is down,
/// errno is that of its failed connection, usually ENOENT (no socket).
pub(super) fn lookup(name: &str) -> Result<AccountLookup, CommandError> {
    match Passwd::from_name(name) {
        Ok(None) => Ok(AccountLookup::Nobody),
        Ok(Some(account)) => Ok(AccountLookup::Uid(account.uid.as_raw())),
        Err(error) => Err(CommandError::refused(format!(
            "the account database does not answer ({}); nothing was removed: try again when it does",
            error.desc()
        ))),
    }
}

/// The remote sources of accounts that nsswitch.conf(5) names.
fn remote_sources() -> Vec<String> {
    let text = fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default();
    remote_in(&text)
}

fn remote_in(text: &str) -> Vec<String> {
    // The C library also accepts a blank before the colon, or instead of it.
    let of_accounts = |line: &str| {
        let rest = line.trim_start().strip_prefix("passwd")?;
        rest.starts_with([':', ' ', '\t']).then(|| rest.trim_start_matches([':', ' ', '\t']).to_owned())
    };
    let line = text.lines().find_map(of_accounts).unwrap_or_default();
    let line = line.split('#').next().unwrap_or_default();
    let words = line.split_whitespace().filter(|word| !word.starts_with('[') && !word.ends_with(']'));
    // systemd's accounts are those of services on this machine.
    words.filter(|word| !matches!(*word, "files" | "compat" | "systemd")).map(str::to_owned).collect()
}

/// The names in /etc/passwd.
fn local_names() -> Vec<String> {
    let text = fs::read_to_string("/etc/passwd").unwrap_or_default();
    text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_sources_are_distinguished_from_local_ones() {
        for (text, remote) in [
            ("", &[][..]),
            ("passwd: files systemd\n", &[]),
            ("group: ldap\npasswd:         files\n", &[]),
            ("# passwd: ldap\npasswd: compat # sss\n", &[]),
            ("passwd: files sss\n", &["sss"]),
            ("passwd: sss [NOTFOUND=continue] files ldap", &["sss", "ldap"]),
            ("passwd : files sss\n", &["sss"]),
            (" passwd\tfiles sss\n", &["sss"]),
            ("passwd_compat: nis\npasswd: compat\n", &[]),
        ] {
            assert_eq!(remote_in(text), remote, "{text}");
        }
    }
}
