//! `enroll --batch`: one user or a list, by a script. Nobody shows a code; the first right one at a login, or of
//! `enroll --confirm`, says that the enrolment has reached its owner. It is asked for from the start all the same: anyone who has
//! the password and no code gets in no sooner than with any other enrolment.

use super::picture::{self, Kind, Picture};
use super::terms::Terms;
use super::way::{Way, authorised, place, way};
use crate::cli::Enroll;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::reset_token;
use crate::signals::Undisturbed;
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
use totp_core::recovery::grouped;
use totp_core::secret::Secret;
use totp_core::store::{Engine, Users};
use totp_core::user::Account;
use zeroize::Zeroizing;

/// Names that a list may have; each is looked up before anybody is enrolled.
const MOST_NAMES: usize = 100_000;

/// Someone who is to be enrolled, and what may be replaced for it.
struct Applicant {
    account: Account,
    way: Way,
    permitted: ExpectedEnrolment,
    authorised: Authorised,
    pictures: Vec<(Kind, PathBuf)>,
}

/// What was made for one user; the one place where it is shown.
#[derive(Serialize)]
struct Document<'a> {
    user: &'a str,
    pending: bool,
    label: &'a str,
    issuer: &'a str,
    algorithm: &'a str,
    digits: u8,
    period: u64,
    uri: &'a str,
    manual_key: &'a str,
    /// Half blocks, light on dark; lines end with a newline.
    qr: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pictures: Vec<String>,
    recovery_codes: Vec<&'a str>,
}

pub(super) fn run(context: &Context, options: &Enroll) -> Result<(), Failure> {
    if (options.add || options.replace) && !options.yes {
        return Err(Failure::usage("--batch asks nothing: add --yes to change an enrolment that is there"));
    }
    let terms = Terms::of(options)?;
    let list = list(options);
    if list.is_some() && options.token_file.is_some() {
        return Err(Failure::usage("a token is one account's: enrol that one by itself"));
    }
    let names = match list {
        Some(list) => names(list)?,
        None => vec![(None, options.user.clone().unwrap_or_else(|| context.operator.name.clone()))],
    };
    context.keyring()?;
    context.store.prepare()?;
    // Everybody is looked at before anybody is enrolled.
    let mut accounts = BTreeSet::new();
    let mut applicants = Vec::with_capacity(names.len());
    for (line, name) in names {
        let place = |failure: Failure| match list {
            Some(list) => {
                failure.explained(|problem| format!("{problem}; nobody was enrolled")).at(list, line)
            }
            None => failure,
        };
        let applicant =
            Applicant::of(context, options, &terms.label, &name, list.is_some()).map_err(place)?;
        if !accounts.insert(applicant.account.user.clone()) {
            return Err(place(Failure::refused("the user is in the list twice")));
        }
        applicants.push(applicant);
    }
    let (mut enrolled, all) = (0usize, applicants.len());
    let _undisturbed = Undisturbed::begin();
    for applicant in &applicants {
        applicant.enrol(context, &terms).map_err(|failure| {
            let user = &applicant.account.user;
            failure.explained(|problem| match list {
                Some(_) => format!("{user}: {problem}; {enrolled} of {all} were enrolled before"),
                None => problem.to_owned(),
            })
        })?;
        enrolled = enrolled.saturating_add(1);
    }
    Ok(())
}

/// `-` is nobody's name.
fn list(options: &Enroll) -> Option<&Path> {
    options.list.as_deref().or_else(|| options.user.as_deref().filter(|user| *user == "-").map(Path::new))
}

/// One a line; blank lines and those that begin with `#` name nobody.
fn names(list: &Path) -> Result<Vec<(Option<usize>, String)>, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::refused(format!("cannot be read: {error}")).at(list, None);
    let lines: Box<dyn BufRead> = if list == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(list).map_err(unreadable)?))
    };
    let mut names = Vec::new();
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line.map_err(unreadable)?;
        let name = line.trim();
        if !name.is_empty() && !name.starts_with('#') {
            names.push((Some(number), name.to_owned()));
        }
        if names.len() > MOST_NAMES {
            return Err(Failure::refused(format!("has more than {MOST_NAMES} names")).at(list, None));
        }
    }
    if names.is_empty() {
        return Err(Failure::refused("names nobody").at(list, None));
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
    ) -> Result<Self, Failure> {
        let account = context.account(Some(name))?;
        let permitted = context.store.expected(&account.user)?;
        let way = way(context, options, &account, label)?;
        let authorised = authorised(context, None, options, (&account, way))?;
        let wanted = [(Kind::Png, &options.qr_png), (Kind::Svg, &options.qr_svg)];
        let mut pictures = Vec::new();
        for (kind, target) in wanted {
            let Some(target) = target else { continue };
            // Of a list it is a directory, and each user has a file in it.
            let file = if is_of_list {
                target.join(format!("{}.{}", account.user.component(), kind.extension()))
            } else {
                target.clone()
            };
            picture::check_place(&file)?;
            pictures.push((kind, file));
        }
        Ok(Self { account, way, permitted, authorised, pictures })
    }

    fn enrol(&self, context: &Context, terms: &Terms) -> Result<(), Failure> {
        let Self { account, way, permitted, authorised, pictures } = self;
        let draft = terms.draft()?;
        let card = Card::of(&draft, &terms.issuer, account);
        let qr = card.qr().map_err(|error| Failure::refused(error.to_string()))?;
        // Before the enrolment: a picture that cannot be written leaves nobody enrolled, and one of nobody can be removed.
        let written = pictures
            .iter()
            .map(|(kind, file)| Picture::write(*kind, &qr, file))
            .collect::<Result<Vec<Picture>, Failure>>()?;
        let codes = place(context, account, draft.pending(), *way, (*permitted, authorised))?;
        written.into_iter().for_each(Picture::keep);
        reset_token::tell(context, account, authorised);
        let event = context.event(Name::Enrolled, account).field("authenticator", terms.label.as_str());
        context.audit(&event.field("way", way.as_str()).field("state", "pending"));
        let (uri, key, drawn) =
            (text(card.uri()), text(&card.key_in_fours()), text(&qr.text(Drawing::Inverted)));
        let codes: Vec<Zeroizing<String>> = codes.iter().map(|code| text(&grouped(code))).collect();
        let document = Document {
            user: account.user.as_str(),
            pending: true,
            label: terms.label.as_str(),
            issuer: terms.issuer.as_str(),
            algorithm: terms.parameters.algorithm().as_str(),
            digits: terms.parameters.digits(),
            period: terms.parameters.period(),
            uri: &uri,
            manual_key: &key,
            qr: &drawn,
            pictures: pictures.iter().map(|(_, file)| file.display().to_string()).collect(),
            recovery_codes: codes.iter().map(|code| code.as_str()).collect(),
        };
        document.show(context.format).map_err(|failure| {
            failure.explained(|problem| {
                format!(
                    "{problem}; {} is enrolled, and what was made was not shown: run it again with --replace --yes",
                    account.user
                )
            })
        })
    }
}

impl Document<'_> {
    fn show(&self, format: Format) -> Result<(), Failure> {
        if format == Format::Json {
            return output::document(self);
        }
        output::whole(&format!("account: {}", self.user))?;
        output::whole(&format!("issuer: {}", self.issuer))?;
        output::whole(&format!("uri: {}", self.uri))?;
        output::whole(&format!("manual key: {}", self.manual_key))?;
        self.qr.lines().try_for_each(output::whole)?;
        for code in &self.recovery_codes {
            output::whole(&format!("recovery code: {code}"))?;
        }
        output::whole("pending: a code is asked for from now on, and the first right one confirms it")
    }
}

fn text(secret: &Secret) -> Zeroizing<String> {
    Zeroizing::new(String::from_utf8_lossy(secret.expose()).into_owned())
}
