//! `enroll --batch`: enrols one account or a list without prompting, and prints what the owner needs.
//!
//! The enrolment is pending until its first correct code, at a login or with `enroll --confirm`. Logins need a code from the
//! start, so a password alone never suffices.

use super::authenticator_options::AuthenticatorOptions;
use super::enroll_mode::{EnrollMode, NewEnrolment, authorise_enrolment, store_enrolment};
use super::qr_file::{self, ImageFormat, QrFile};
use crate::cli::Enroll;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::output::{self, Format};
use crate::terminal::SignalsBlocked;
use otpauth::{Card, Drawing};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use totp_core::account_recovery::Authorised;
use totp_core::audit_event::Name;
use totp_core::credential::Label;
use totp_core::enrolment::ExpectedEnrolment;
use totp_core::factor::Factor;
use totp_core::recovery::grouped;
use totp_core::store::notices::Origin;
use totp_core::store::{Engine, Users};
use totp_core::user::Account;
use zeroize::Zeroizing;

/// The most names in a list; all are looked up before the first account is enrolled.
const MOST_NAMES: usize = 100_000;

/// An account to enrol, checked and authorised.
struct Applicant {
    account: Account,
    mode: EnrollMode,
    expected: ExpectedEnrolment,
    authorised: Authorised,
    qr_files: Vec<(ImageFormat, PathBuf)>,
}

/// The secrets of one new enrolment; printed once.
#[derive(Serialize)]
struct EnrolledDocument<'a> {
    user: &'a str,
    pending: bool,
    label: &'a str,
    issuer: &'a str,
    r#type: &'static str,
    algorithm: &'a str,
    digits: u8,
    /// Seconds; `null` for a counter token.
    period: Option<u64>,
    /// Of the first code of a counter token; `null` for other kinds.
    counter: Option<u64>,
    uri: &'a str,
    manual_key: &'a str,
    /// Half block characters, light on dark; each line ends with a newline.
    qr: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pictures: Vec<String>,
    recovery_codes: Vec<&'a str>,
}

pub(super) fn run(context: &Context, options: &Enroll) -> Result<(), CommandError> {
    if (options.add || options.replace) && !options.yes {
        return Err(CommandError::usage("--batch never prompts; add --yes to change an existing enrolment"));
    }
    let authenticator = AuthenticatorOptions::of(options)?;
    let list = list(options);
    if list.is_some() && options.token_file.is_some() {
        return Err(CommandError::usage("--token-file works for one account, not for a list"));
    }
    let names = match list {
        Some(list) => names(list)?,
        None => vec![(None, options.user.clone().unwrap_or_else(|| context.operator.name.clone()))],
    };
    context.keyring()?;
    context.store.prepare()?;
    // Every account is checked before the first one is enrolled.
    let mut accounts = BTreeSet::new();
    let mut applicants = Vec::with_capacity(names.len());
    for (line, name) in names {
        let locate = |error: CommandError| match list {
            Some(list) => {
                error.explained(|problem| format!("{problem}; no account was enrolled")).at(list, line)
            }
            None => error,
        };
        let applicant =
            Applicant::of(context, options, &authenticator.label, &name, list.is_some()).map_err(locate)?;
        if !accounts.insert(applicant.account.user.clone()) {
            return Err(locate(CommandError::refused("the account is in the list twice")));
        }
        applicants.push(applicant);
    }
    let (mut enrolled, all) = (0usize, applicants.len());
    context.check_room(all, Origin::Command, "enrol them in parts")?;
    let _signals_blocked = SignalsBlocked::begin();
    for applicant in &applicants {
        applicant.enrol(context, &authenticator).map_err(|error| {
            let user = &applicant.account.user;
            error.explained(|problem| match list {
                Some(_) => {
                    format!("{user}: {problem}; accounts enrolled before this: {enrolled} of {all}")
                }
                None => problem.to_owned(),
            })
        })?;
        enrolled = enrolled.saturating_add(1);
    }
    Ok(())
}

/// The file of `--list`; also `-` in place of a user name, which cannot be one.
fn list(options: &Enroll) -> Option<&Path> {
    options.list.as_deref().or_else(|| options.user.as_deref().filter(|user| *user == "-").map(Path::new))
}

/// The names in the list, one per line; blank lines and lines that begin with `#` are ignored.
fn names(list: &Path) -> Result<Vec<(Option<usize>, String)>, CommandError> {
    let read_error =
        |error: std::io::Error| CommandError::refused(format!("cannot be read: {error}")).at(list, None);
    let lines: Box<dyn BufRead> = if list == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(list).map_err(read_error)?))
    };
    let mut names = Vec::new();
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line.map_err(read_error)?;
        // Windows writes a byte order mark in front of the first line.
        let name = line.trim_start_matches('\u{feff}').trim();
        if !name.is_empty() && !name.starts_with('#') {
            names.push((Some(number), name.to_owned()));
        }
        if names.len() > MOST_NAMES {
            return Err(CommandError::refused(format!("has more than {MOST_NAMES} names")).at(list, None));
        }
    }
    if names.is_empty() {
        return Err(CommandError::refused("contains no account name").at(list, None));
    }
    Ok(names)
}

impl Applicant {
    fn of(
        context: &Context,
        options: &Enroll,
        label: &Label,
        name: &str,
        is_of_list: bool,
    ) -> Result<Self, CommandError> {
        let account = context.account(Some(name))?;
        let expected = context.store.expected(&account.user)?;
        let mode = EnrollMode::permitted(context, options, &account, label)?;
        let authorised = authorise_enrolment(context, None, options, (&account, mode))?;
        let wanted = [(ImageFormat::Png, &options.qr_png), (ImageFormat::Svg, &options.qr_svg)];
        let mut qr_files = Vec::new();
        for (kind, target) in wanted {
            let Some(target) = target else { continue };
            // With a list it is a directory with one file per user.
            let file = if is_of_list {
                target.join(format!("{}.{}", account.user.component(), kind.extension()))
            } else {
                target.clone()
            };
            qr_file::check_path(&file)?;
            qr_files.push((kind, file));
        }
        Ok(Self { account, mode, expected, authorised, qr_files })
    }

    fn enrol(&self, context: &Context, authenticator: &AuthenticatorOptions) -> Result<(), CommandError> {
        let Self { account, mode, expected, authorised, qr_files } = self;
        let factor = authenticator.factor;
        let draft = authenticator.draft()?;
        let card = Card::of(&draft, &authenticator.issuer, account);
        let qr = card.qr().map_err(|error| CommandError::refused(error.to_string()))?;
        // Before the enrolment: if a file cannot be written, the account is not enrolled and the files are removed.
        let written = qr_files
            .iter()
            .map(|(kind, file)| QrFile::write(*kind, &qr, file))
            .collect::<Result<Vec<QrFile>, CommandError>>()?;
        let event = context
            .event(Name::Enrolled, account)
            .field("authenticator", authenticator.label.as_str())
            .field("type", factor.kind().as_str())
            .field("way", mode.as_str())
            .field("state", "pending");
        let new = NewEnrolment { account, confirmed: draft.pending(), mode: *mode, authorised, event };
        let codes = store_enrolment(context, new, *expected)?;
        written.into_iter().for_each(QrFile::keep);
        let (uri, key, drawn) = (
            output::secret_text(card.uri()),
            output::secret_text(&card.key_in_fours()),
            output::secret_text(&qr.text(Drawing::Inverted)),
        );
        let codes: Vec<Zeroizing<String>> =
            codes.iter().map(|code| output::secret_text(&grouped(code))).collect();
        let document = EnrolledDocument {
            user: account.user.as_str(),
            pending: true,
            label: authenticator.label.as_str(),
            issuer: authenticator.issuer.as_str(),
            r#type: factor.kind().as_str(),
            algorithm: factor.algorithm().as_str(),
            digits: factor.digits(),
            period: factor.period(),
            counter: match factor {
                Factor::Totp(_) => None,
                Factor::Hotp(_) => Some(authenticator.begins_at),
            },
            uri: &uri,
            manual_key: &key,
            qr: &drawn,
            pictures: qr_files.iter().map(|(_, file)| file.display().to_string()).collect(),
            recovery_codes: codes.iter().map(|code| code.as_str()).collect(),
        };
        document.print(context.format).map_err(|error| {
            error.explained(|problem| {
                format!(
                    "{problem}; {} is enrolled, but its secret was not shown; run the command again with --replace --yes",
                    account.user
                )
            })
        })
    }
}

impl EnrolledDocument<'_> {
    fn print(&self, format: Format) -> Result<(), CommandError> {
        if format == Format::Json {
            return output::document(self);
        }
        output::secret_line(&format!("account: {}", self.user))?;
        output::secret_line(&format!("issuer: {}", self.issuer))?;
        output::secret_line(&format!("uri: {}", self.uri))?;
        output::secret_line(&format!("manual key: {}", self.manual_key))?;
        self.qr.lines().try_for_each(output::secret_line)?;
        for code in &self.recovery_codes {
            output::secret_line(&format!("recovery code: {code}"))?;
        }
        output::secret_line(
            "pending: logins need a code from now on, and the first correct code confirms the enrolment",
        )
    }
}
