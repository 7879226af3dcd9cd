//! Finds the secret files of google-authenticator-libpam: one that is named, those in a directory, or those in all home directories.

use crate::account::{self, Unknown};
use crate::cli::GoogleAuthenticator;
use crate::command_error::CommandError;
use crate::context::Context;
use crate::homes::home_owner::{self, HomeFile, home_owners};
use crate::homes::reader;
use crate::output;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The program's default file in a home directory.
const FILE: HomeFile = HomeFile::GoogleAuthenticator;

/// A secret file and its user.
pub(super) struct FoundFile {
    pub(super) user: String,
    pub(super) file: PathBuf,
    pub(super) text: Result<Zeroizing<Vec<u8>>, String>,
    /// Warnings about owner and mode of the file.
    pub(super) notes: Vec<String>,
}

/// The files that the options name.
pub(super) fn found_files(
    context: &Context,
    options: &GoogleAuthenticator,
) -> Result<Vec<FoundFile>, CommandError> {
    match (&options.file, &options.user) {
        (Some(file), Some(user)) if file.is_dir() => Err(CommandError::usage(format!(
            "is a directory, whose files name their users; leave out --user, or name the file of {user}"
        ))
        .at(file, None)),
        (Some(file), Some(user)) => Ok(vec![named_file(file, user)?]),
        (Some(file), None) if file.is_dir() => in_directory(file),
        (Some(file), None) => {
            Err(CommandError::usage("is one file; add --user with the account that it belongs to")
                .at(file, None))
        }
        (None, _) => in_homes(context),
    }
}

fn named_file(file: &Path, user: &str) -> Result<FoundFile, CommandError> {
    let read = if file == Path::new("-") {
        let text = home_owner::read(std::io::stdin().lock());
        text.map(|text| (text, Vec::new())).map_err(|error| format!("cannot be read: {error}"))
    } else {
        home_owner::named(file, uid_of(user))
    };
    let (text, notes) = read.map_err(|problem| CommandError::refused(problem).at(file, None))?;
    Ok(FoundFile { user: user.to_owned(), file: file.to_owned(), text: Ok(text), notes })
}

/// Every file of a directory; each has the name of its user, as with `secret=/some/where/${USER}`.
fn in_directory(directory: &Path) -> Result<Vec<FoundFile>, CommandError> {
    let read_error = |error: std::io::Error| {
        CommandError::refused(format!("cannot be listed: {error}")).at(directory, None)
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(read_error)? {
        let file = entry.map_err(read_error)?.path();
        let user = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = home_owner::in_directory(&file, uid_of(&user));
        found.push(FoundFile { user, file, text, notes: Vec::new() });
    }
    if found.is_empty() {
        let problem = "is an empty directory; name the one that has a file for each user";
        return Err(CommandError::refused(problem).at(directory, None));
    }
    found.sort_by(|one, other| one.user.cmp(&other.user));
    Ok(found)
}

fn in_homes(context: &Context) -> Result<Vec<FoundFile>, CommandError> {
    let home_owners = home_owners()?;
    let bar = output::progress_bar(context.format, "searching", home_owners.len());
    let mut found = Vec::new();
    for home_owner in home_owners {
        let text = reader::read(&home_owner, FILE).transpose();
        bar.inc(1);
        let Some(text) = text else { continue };
        found.push(FoundFile { file: home_owner.file(FILE), user: home_owner.name, text, notes: Vec::new() });
    }
    bar.finish_and_clear();
    Ok(found)
}

fn uid_of(user: &str) -> Option<u32> {
    account::canonical(user, Unknown::Allowed).ok().and_then(|account| account.uid)
}
