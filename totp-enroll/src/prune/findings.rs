//! What there is to prune.

use super::database::{Known, local_names, lookup, remote_sources};
use crate::clock;
use crate::context::Context;
use crate::failure::Failure;
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use totp_core::expected_enrolment::ExpectedEnrolment;
use totp_core::store::{Hold, Resets, StaleDrafts, Store, StoreError, Users};
use totp_core::time::Seconds;
use totp_core::user::User;
use totp_store::timestamp_records::TimestampRecords;

/// A draft that nobody has written to for so long was left by a program that was killed.
const LEFT: Seconds = Seconds(86400);
/// So few people may be gone at once without a second look, or one in four of all.
const FEW: usize = 3;
const OF_ALL: usize = 4;

/// Anyone who has an enrolment, or what is left of one, and should not.
#[derive(Serialize)]
pub(super) struct Leaver {
    #[serde(serialize_with = "as_text")]
    pub(super) user: User,
    /// The uid that was enrolled.
    pub(super) uid: Option<u32>,
    #[serde(flatten)]
    pub(super) why: Why,
    /// What was in place when this was found out.
    #[serde(skip)]
    pub(super) permitted: ExpectedEnrolment,
}

/// Why it is a finding.
#[derive(Serialize, Clone)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub(super) enum Why {
    /// The account is gone.
    Gone,
    /// The account is gone, and the enrolment cannot be read.
    GoneBroken { problem: String },
    /// The account was made again with another uid.
    OtherUid { now: u32 },
    /// The system did not know the name when it was enrolled, and does not now.
    Unknown,
    /// A ledger in which nobody is enrolled.
    StrayLedger,
    /// It cannot be trusted or read; or it holds nonsense, and the account is there.
    Broken { problem: String },
}

impl Why {
    /// The word in the log.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Gone | Self::GoneBroken { .. } => "gone",
            Self::OtherUid { .. } => "other_uid",
            Self::Unknown => "unknown",
            Self::StrayLedger => "stray_ledger",
            Self::Broken { .. } => "broken",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the account is gone"),
            Self::GoneBroken { problem } => write!(f, "the account is gone ({problem})"),
            Self::OtherUid { now } => write!(f, "the account is another one now, with uid {now}"),
            Self::Unknown => f.write_str("the system never knew the name (--unknown removes it)"),
            Self::StrayLedger => f.write_str("a ledger in which nobody is enrolled"),
            Self::Broken { problem } => f.write_str(problem),
        }
    }
}

impl Leaver {
    /// Whether it is to be removed.
    pub(super) fn goes(&self, unknown: bool) -> bool {
        match self.why {
            Why::Gone | Why::GoneBroken { .. } | Why::OtherUid { .. } | Why::StrayLedger => true,
            Why::Unknown => unknown,
            Why::Broken { .. } => false,
        }
    }
}

/// Everything that was found, in the order of names.
pub(super) struct Findings {
    pub(super) leavers: Vec<Leaver>,
    pub(super) files: Vec<PathBuf>,
    enrolled: usize,
    /// An account that is enrolled is known by another source than /etc/passwd.
    remote_answers: bool,
}

impl Findings {
    pub(super) fn of(context: &Context) -> Result<Self, Failure> {
        let local: BTreeSet<String> = local_names().into_iter().collect();
        let mut found = Self { leavers: Vec::new(), files: Vec::new(), enrolled: 0, remote_answers: false };
        let users = context.store.users()?;
        for user in &users {
            let known = lookup(user.as_str())?;
            found.enrolled = found.enrolled.saturating_add(1);
            if known != Known::Nobody && !local.contains(user.as_str()) {
                found.remote_answers = true;
            }
            found.leavers.extend(enrolled(&context.store, user, known));
        }
        let users: BTreeSet<User> = users.into_iter().collect();
        let mut waiting = BTreeSet::new();
        for user in context.store.resets()?.into_iter().flatten() {
            let user = user?;
            if !users.contains(&user) {
                found.leavers.extend(reset(&context.store, &user)?);
                waiting.insert(user);
            }
        }
        for user in context.store.known()? {
            let user = user?;
            // What a reset waits with is no stray, and without it there would be no bar.
            if !users.contains(&user) && !waiting.contains(&user) {
                found.leavers.extend(unenrolled(&context.store, &user)?);
            }
        }
        found.leavers.sort_by(|one, other| one.user.cmp(&other.user));
        let stale = context.store.stale_drafts(LEFT, clock::now()?.realtime)?;
        found.files = stale.into_iter().map(PathBuf::from).collect();
        found.files.extend(TimestampRecords::new(&context.config.paths.runtime).expired(is_alive)?);
        Ok(found)
    }

    /// Refuses to believe that people are gone where it may be the database that is.
    pub(super) fn check_database(&self, unknown: bool) -> Result<(), Failure> {
        // Another uid is what a database says that was restored from elsewhere, or half of it: it counts as much.
        let is_gone = |leaver: &&Leaver| match leaver.why {
            Why::Gone | Why::GoneBroken { .. } | Why::OtherUid { .. } => true,
            Why::Unknown | Why::StrayLedger | Why::Broken { .. } => false,
        };
        let gone = self.leavers.iter().filter(is_gone).count();
        // Whom it did not know when they were enrolled it may know today, when it answers.
        let unsure = self.leavers.iter().filter(|one| unknown && matches!(one.why, Why::Unknown)).count();
        let missing = gone.saturating_add(unsure);
        if missing == 0 {
            return Ok(());
        }
        let renumbered =
            self.leavers.iter().filter(|leaver| matches!(leaver.why, Why::OtherUid { .. })).count();
        let how = match renumbered {
            0 => "are not found".to_owned(),
            _ => format!("are not found, or have another uid ({renumbered})"),
        };
        let remote = remote_sources();
        if !remote.is_empty() && !self.remote_answers {
            let remote = remote.join(", ");
            return Err(Failure::refused(format!(
                "{missing} accounts {how}, and nobody who is enrolled is known by {remote} (nsswitch.conf), which may be \
                 down; nothing was removed; --trust-database takes its word"
            )));
        }
        if gone > FEW && gone.saturating_mul(OF_ALL) > self.enrolled {
            return Err(Failure::refused(format!(
                "{gone} of {} accounts {how}: is the account database whole? nothing was removed; look with \
                 \"prune --dry-run --trust-database\", and --trust-database takes its word",
                self.enrolled
            )));
        }
        Ok(())
    }

    pub(super) fn remove_files(&self, context: &Context) -> Result<(), Failure> {
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

/// What is wrong with an enrolment, if its account left.
fn enrolled(store: &impl Users, user: &User, known: Known) -> Option<Leaver> {
    let finding = |uid, permitted, why| Some(Leaver { user: user.clone(), uid, why, permitted });
    let credential = match store.credential(user) {
        Ok(Some(credential)) => credential,
        // Withdrawn since the names were read.
        Ok(None) => return None,
        Err(error @ StoreError::Corrupt { .. }) if known == Known::Nobody => {
            return finding(
                None,
                ExpectedEnrolment::Unreadable,
                Why::GoneBroken { problem: error.to_string() },
            );
        }
        Err(error) => {
            return finding(None, ExpectedEnrolment::Unreadable, Why::Broken { problem: error.to_string() });
        }
    };
    let (uid, permitted) = (credential.owner().uid, ExpectedEnrolment::Enrolment(credential.owner().id));
    match (uid, known) {
        (Some(_), Known::Nobody) => finding(uid, permitted, Why::Gone),
        (Some(enrolled), Known::Uid(now)) if enrolled != now => {
            finding(uid, permitted, Why::OtherUid { now })
        }
        (None, Known::Nobody) => finding(uid, permitted, Why::Unknown),
        (Some(_) | None, Known::Uid(_)) => None,
    }
}

/// A reset that nobody will complete, or whose token nobody will use, where nobody is enrolled.
fn reset(store: &impl Resets, user: &User) -> Result<Option<Leaver>, Failure> {
    let known = lookup(user.as_str())?;
    let finding =
        |uid, why| Ok(Some(Leaver { user: user.clone(), uid, why, permitted: ExpectedEnrolment::Nothing }));
    let uid = match store.reset(user) {
        Ok(Some(reset)) => reset.account().uid,
        // Ended since the names were read.
        Ok(None) => return Ok(None),
        Err(error @ StoreError::Corrupt { .. }) if known == Known::Nobody => {
            return finding(None, Why::GoneBroken { problem: error.to_string() });
        }
        Err(error) => return finding(None, Why::Broken { problem: error.to_string() }),
    };
    match (uid, known) {
        (Some(_), Known::Nobody) => finding(uid, Why::Gone),
        (Some(then), Known::Uid(now)) if then != now => finding(uid, Why::OtherUid { now }),
        (None, Known::Nobody) => finding(uid, Why::Unknown),
        (Some(_) | None, Known::Uid(_)) => Ok(None),
    }
}

/// A ledger without a credential. One that belonged to a credential says that this was lost: with it the account would be open
/// where nobody need be enrolled, so it stays for as long as the account does.
fn unenrolled(store: &impl Store, user: &User) -> Result<Option<Leaver>, Failure> {
    let finding =
        |why| Some(Leaver { user: user.clone(), uid: None, why, permitted: ExpectedEnrolment::Nothing });
    Ok(match store.hold(user, crate::context::PATIENCE) {
        Ok(Hold::NotEnrolled) => finding(Why::StrayLedger),
        // Enrolled since the names were read, or about to be.
        Ok(Hold::Held(_) | Hold::Busy) => None,
        Err(error) => {
            let problem = error.to_string();
            match lookup(user.as_str())? {
                Known::Nobody => finding(Why::GoneBroken { problem }),
                Known::Uid(_) => finding(Why::Broken { problem }),
            }
        }
    })
}

fn as_text<S: Serializer>(user: &User, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(user.as_str())
}

/// Where `/proc` cannot be asked nobody is gone.
fn is_alive(pid: u32) -> bool {
    !matches!(PathBuf::from(format!("/proc/{pid}")).try_exists(), Ok(false))
}
