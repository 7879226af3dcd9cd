//! The document of a token: read and written.

use super::document_mac::{ReadText, with_mac};
use super::{Holder, LONGEST_DESCRIPTION, Serial, Token, VERSION, WrongCodes};
use crate::credential::read_secret_seal;
use crate::document::{self, Base64, DocumentError, ParseError, Table};
use crate::factor::{Factor, WrittenFactor};
use crate::store::{LedgerKeys, StoreError};
use crate::time::Created;
use crate::user::User;
use serde::Serialize;
use std::path::Path;

/// Advice that follows an error about the document. An import assigns a token again to a person who is enrolled with it; of any other,
/// nothing shows whether it was revoked, or which of its codes were used. An old backup would say what is not true any more.
const WHAT_TO_DO: &str = "remove it, import the token again, and revoke it unless it is assigned then; restore it only from a backup made after its last assignment";

impl Token {
    /// Reads the document. `file` is only named in errors. Its MAC is verified when the token is used or written: without the keyring it
    /// can still be listed.
    ///
    /// # Errors
    /// [`DocumentError`] with the line where there is one; also where the document is another token's.
    pub fn parse(file: &Path, bytes: &[u8], serial: &Serial) -> Result<Self, DocumentError> {
        document::read(file, bytes, WHAT_TO_DO, |table| {
            let mut token = read(table, serial)?;
            let Base64(mac) = table.required("mac")?;
            let text = ReadText::of(bytes, mac, &token.sealed.key);
            token.read = Some(text.ok_or_else(|| table.wrong("`mac` has to be the last line"))?);
            Ok(token)
        })
    }

    /// The text of the document, with its MAC under the key that seals the secret. `file` is only named in errors. A document that was
    /// modified is never written anew, with a right MAC.
    ///
    /// # Errors
    /// [`StoreError`] if there is no keyring, if it lacks the key, or if what was read was modified.
    pub fn to_document(&self, file: &Path, keys: &dyn LedgerKeys) -> Result<String, StoreError> {
        let wrong = |problem: String| StoreError::from(DocumentError::new(file, problem));
        let key = |id: &str| {
            let missing =
                || wrong(format!("key \"{id}\" is not in the keyring: restore the keyring from a backup"));
            keys.ledger_key(id)?.ok_or_else(missing)
        };
        if let Some(read) = &self.read
            && !read.is_under(&key(read.key())?)
        {
            return Err(wrong(format!("was modified by something other than this program; {WHAT_TO_DO}")));
        }
        let body = self.body().map_err(|error| wrong(error.to_string()))?;
        Ok(with_mac(body, &key(&self.sealed.key)?))
    }

    fn body(&self) -> Result<String, toml::ser::Error> {
        let (used_up_to, out_of_step) = self.factor.written_position(self.position);
        let written = WrittenToken {
            version: VERSION,
            serial: self.serial.as_str(),
            maker: self.maker.as_deref(),
            model: self.model.as_deref(),
            factor: self.factor.written(),
            used_up_to,
            out_of_step: out_of_step.then_some(true),
            imported_at: self.imported_at,
            valid_from: self.valid_from,
            expires: self.expires,
            assigned_to: self.holder.as_ref().map(|holder| holder.user.as_str()),
            assigned_at: self.holder.as_ref().map(|holder| holder.since),
            enrolled: self.holder.as_ref().map(|holder| holder.is_enrolled),
            revoked_at: self.revoked_at,
            was_assigned: self.was_assigned.then_some(true),
            wrong_codes: self.wrong.as_ref().map(|wrong| wrong.count),
            last_wrong_code: self.wrong.as_ref().map(|wrong| wrong.last),
            key: &self.sealed.key,
            nonce: Base64::text(&self.sealed.nonce),
            ciphertext: Base64::text(&self.sealed.ciphertext),
        };
        toml::to_string(&written)
    }
}

fn read(table: &mut Table<'_>, serial: &Serial) -> Result<Token, ParseError> {
    table.version(VERSION..=VERSION)?;
    if table.required::<Serial>("serial")? != *serial {
        return Err(table.wrong("is another token's document: it was copied or renamed"));
    }
    let (maker, model) = (read_description(table, "maker")?, read_description(table, "model")?);
    let factor = Factor::read(table)?;
    let out_of_step = table.optional("out_of_step")?.unwrap_or(false);
    let position = factor.read_position(table.required("used_up_to")?, out_of_step);
    let position = position.map_err(|problem| table.wrong(problem))?;
    let holder = read_holder(table)?;
    let revoked_at = table.optional("revoked_at")?;
    let was_assigned = table.optional("was_assigned")?.unwrap_or(holder.is_some());
    let wrong = match (table.optional("wrong_codes")?, table.optional("last_wrong_code")?) {
        (None, None) => None,
        (Some(count), Some(last)) => Some(WrongCodes { count, last }),
        (Some(_), None) | (None, Some(_)) => {
            return Err(table.wrong("needs both of `wrong_codes` and `last_wrong_code`, or none"));
        }
    };
    Ok(Token {
        serial: serial.clone(),
        maker,
        model,
        factor,
        imported_at: table.required("imported_at")?,
        valid_from: table.optional("valid_from")?,
        expires: table.optional("expires")?,
        position,
        holder,
        revoked_at,
        was_assigned,
        wrong,
        sealed: read_secret_seal(table)?,
        read: None,
    })
}

fn read_holder(table: &mut Table<'_>) -> Result<Option<Holder>, ParseError> {
    let user: Option<&str> = table.optional("assigned_to")?;
    let (since, enrolled) = (table.optional::<Created>("assigned_at")?, table.optional("enrolled")?);
    match (user, since, enrolled) {
        (None, None, None) => Ok(None),
        (Some(user), Some(since), Some(is_enrolled)) => {
            let user = User::parse(user).map_err(|error| table.wrong(error.to_string()))?;
            Ok(Some(Holder { user, since, is_enrolled }))
        }
        (Some(_) | None, Some(_) | None, Some(_) | None) => {
            Err(table.wrong("needs all of `assigned_to`, `assigned_at` and `enrolled`, or none"))
        }
    }
}

fn read_description(table: &mut Table<'_>, name: &'static str) -> Result<Option<String>, ParseError> {
    let text: Option<String> = table.optional(name)?;
    let is_good = |text: &String| {
        !text.is_empty() && text.chars().count() <= LONGEST_DESCRIPTION && !text.chars().any(char::is_control)
    };
    if text.as_ref().is_some_and(|text| !is_good(text)) {
        return Err(table.wrong(format!("`{name}` must be 1 to {LONGEST_DESCRIPTION} printable characters")));
    }
    Ok(text)
}

/// The document as it is written.
#[derive(Serialize)]
struct WrittenToken<'a> {
    version: u32,
    serial: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    maker: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(flatten)]
    factor: WrittenFactor,
    used_up_to: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_of_step: Option<bool>,
    imported_at: Created,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_from: Option<Created>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Created>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned_to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned_at: Option<Created>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enrolled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Created>,
    #[serde(skip_serializing_if = "Option::is_none")]
    was_assigned: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrong_codes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_wrong_code: Option<Created>,
    key: &'a str,
    nonce: String,
    ciphertext: String,
}
