//! The TOML format of a reset document: reading it, with an error for each wrong field, and writing it.

use super::reset::Reset;
use super::reset_step::{MOST_APPROVALS, Person, ResetReason, ResetRules, ResetStep};
use super::reset_token::ResetToken;
use crate::document::{self, DocumentError, ParseError, Table};
use crate::enrolment::ExpectedEnrolment;
use crate::random::Id;
use crate::time::Seconds;
use crate::user::Account;
use crate::user::User;
use serde::Serialize;
use std::path::Path;

/// The version that is written. Version 1 has `[ticket]` where version 2 has `[token]`.
const VERSION: u32 = 2;
const OLDEST_VERSION: u32 = 1;

/// Advice that follows an error about a reset document.
const WHAT_TO_DO: &str = "remove it with \"totp-enroll reset cancel USER\" or, if USER is not enrolled, with \"totp-enroll disable USER\"";

/// The document as it is written.
#[derive(Serialize)]
struct WrittenReset {
    version: u32,
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    /// The id of the enrolment that it withdraws, or [`UNREADABLE`], or [`NOTHING`].
    of: String,
    /// In seconds, like all times of the document.
    cooldown: u64,
    approvals: u32,
    expires: u64,
    reason: ResetReason,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    called_off: bool,
    requested: ResetStep,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    approved: Vec<ResetStep>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<ResetStep>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<ResetToken>,
}

const UNREADABLE: &str = "unreadable";
const NOTHING: &str = "nothing";

impl Reset {
    /// Reads the document. `file` is only named in errors.
    ///
    /// # Errors
    /// [`DocumentError`] with the line where there is one; also where the document is another user's.
    pub fn parse(file: &Path, bytes: &[u8], user: &User) -> Result<Self, DocumentError> {
        document::read(file, bytes, WHAT_TO_DO, |table| read(table, user))
    }

    /// The text of the document. `file` is only named in errors.
    ///
    /// # Errors
    /// [`DocumentError`] if a value cannot be written as TOML, which no reset contains.
    pub fn to_document(&self, file: &Path) -> Result<String, DocumentError> {
        let Self { account, of, rules, request, reason, approvals, completed, token, called_off } =
            self.clone();
        let written = WrittenReset {
            version: VERSION,
            user: account.user.as_str().to_owned(),
            uid: account.uid,
            of: match of {
                ExpectedEnrolment::Enrolment(id) => id.to_hex(),
                ExpectedEnrolment::Unreadable => UNREADABLE.to_owned(),
                ExpectedEnrolment::Nothing => NOTHING.to_owned(),
            },
            cooldown: rules.cooldown.0,
            approvals: rules.approvals,
            expires: rules.expires.0,
            reason,
            requested: request,
            called_off,
            approved: approvals,
            completed,
            token,
        };
        toml::to_string(&written).map_err(|error| DocumentError::new(file, error.to_string()))
    }
}

fn read(table: &mut Table<'_>, user: &User) -> Result<Reset, ParseError> {
    let version = table.version(OLDEST_VERSION..=VERSION)?;
    if table.required::<&str>("user")? != user.as_str() {
        return Err(table.wrong("is another user's reset: it was copied or renamed"));
    }
    let account = Account { user: user.clone(), uid: table.optional("uid")? };
    let of = match table.required("of")? {
        UNREADABLE => ExpectedEnrolment::Unreadable,
        NOTHING => ExpectedEnrolment::Nothing,
        id => ExpectedEnrolment::Enrolment(
            Id::from_hex(id).ok_or_else(|| table.wrong("of names no enrolment"))?,
        ),
    };
    let rules = ResetRules {
        cooldown: Seconds(table.required("cooldown")?),
        approvals: table.required("approvals")?,
        expires: Seconds(table.required("expires")?),
        ..ResetRules::DEFAULT
    };
    let reason =
        ResetReason::stored(table.required("reason")?).map_err(|error| table.wrong(error.to_string()))?;
    let request = table.section("requested", read_step)?;
    let request = request.ok_or_else(|| table.wrong("missing field `requested`"))?;
    let approvals = table.sections("approved", read_step)?;
    if rules.approvals > MOST_APPROVALS || approvals.len() > MOST_APPROVALS as usize {
        return Err(table.wrong(format!("there are more approvals than {MOST_APPROVALS}")));
    }
    let called_off = table.optional("called_off")?.unwrap_or(false);
    let completed = table.section("completed", read_step)?;
    let token =
        table.section(if version == OLDEST_VERSION { "ticket" } else { "token" }, ResetToken::read)?;
    Ok(Reset { account, of, rules, request, reason, approvals, completed, token, called_off })
}

fn read_step(table: &mut Table<'_>) -> Result<ResetStep, ParseError> {
    let by = table.section("by", |by| Ok(Person { uid: by.required("uid")?, name: by.required("name")? }))?;
    Ok(ResetStep { by: by.ok_or_else(|| table.wrong("missing field `by`"))?, at: table.required("at")? })
}
