//! `--map FILE`: which account a name in an imported file belongs to, where a list was made for names such as `anna@site.example`.

use crate::account::{self, Unknown};
use crate::command_error::CommandError;
use seed_files::Text;
use std::collections::BTreeMap;
use std::path::Path;
use totp_core::user::Account;

/// The accounts of names; empty without `--map`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NameMap(BTreeMap<String, String>);

/// How an import can be told the account of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// `--user` for one, `--map` for a list.
    UserOrMap,
    /// Only `--map`.
    Map,
    /// The name was given on the command line, or is that of a file.
    Given,
}

impl NameMap {
    /// Reads the file of the option: a name as the imported file has it, blanks, and the account.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is not of this form or has the name of an earlier line.
    pub(super) fn read(file: Option<&Path>) -> Result<Self, CommandError> {
        let Some(file) = file else { return Ok(Self::default()) };
        let bytes = std::fs::read(file)
            .map_err(|error| CommandError::refused(format!("cannot be read: {error}")).at(file, None))?;
        let text = Text::decode(&bytes)
            .map_err(|error| CommandError::refused(error.problem.to_string()).at(file, Some(error.line)))?;
        Self::parse(text.as_str())
            .map_err(|(line, problem)| CommandError::refused(problem).at(file, Some(line)))
    }

    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut accounts = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((name, account)) = line.rsplit_once(char::is_whitespace) else {
                let problem =
                    "has no account; write a name as the imported file has it, a blank, and the account";
                return Err((number, problem.to_owned()));
            };
            if accounts.insert(name.trim_end().to_owned(), account.to_owned()).is_some() {
                return Err((
                    number,
                    "repeats the name of an earlier line; keep only one of them".to_owned(),
                ));
            }
        }
        Ok(Self(accounts))
    }

    /// The account that a file names.
    ///
    /// # Errors
    /// There is no such account, and how to name the right one.
    pub(super) fn account(&self, name: &str, unknown: Unknown, naming: Naming) -> Result<Account, String> {
        let account = self.0.get(name).map_or(name, String::as_str);
        account::canonical(account, unknown).map_err(|error| match unknown {
            Unknown::Refused => format!("{}; {}", error.problem, advice(account, naming)),
            Unknown::Allowed => error.problem,
        })
    }
}

/// What to do about a name that is no account. `--allow-unknown` would enrol a name with an @ under which nobody logs in.
fn advice(name: &str, naming: Naming) -> String {
    let before_at = name.split_once('@').map(|(before, _)| before);
    let is_account = |name: &&str| account::canonical(name, Unknown::Refused).is_ok();
    let known = before_at.filter(is_account);
    let how = match (naming, known) {
        (Naming::UserOrMap, Some(known)) => format!("--user {known}, or for a list of URIs with --map FILE"),
        (Naming::UserOrMap, None) => "--user ACCOUNT, or for a list of URIs with --map FILE".to_owned(),
        (Naming::Map, _) => "--map FILE".to_owned(),
        (Naming::Given, Some(known)) => format!("--user {known}"),
        (Naming::Given, None) => return "to import it anyway, use --allow-unknown".to_owned(),
    };
    match (before_at, known) {
        (Some(_), Some(known)) => {
            format!("the part before the @ is an account: if {known} is meant, say so with {how}")
        }
        (Some(_), None) => format!("if another account is meant, name it with {how}"),
        (None, _) => {
            format!("name the account with {how}; for an account that is yet to be made, use --allow-unknown")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_has_a_name_and_an_account_in_each_line() {
        let map = NameMap::parse("# people\n\nanna@site.example  anna\n Anna Svensson\tanna2 \r\n");
        let expected = [("anna@site.example", "anna"), ("Anna Svensson", "anna2")];
        let expected = expected.map(|(name, account)| (name.to_owned(), account.to_owned()));
        assert_eq!(map, Ok(NameMap(expected.into())));
        assert!(NameMap::parse("a b\nanna\n").unwrap_err().1.starts_with("has no account"));
        assert_eq!(NameMap::parse("a b\n\na c\n").unwrap_err().0, 3);
    }

    #[test]
    fn the_advice_names_an_account_and_no_name_that_nobody_logs_in_with() {
        let map = NameMap(BTreeMap::from([("anna@site.example".to_owned(), "daemon".to_owned())]));
        let account = |name: &str, naming| map.account(name, Unknown::Refused, naming);
        assert_eq!(account("anna@site.example", Naming::Map).unwrap().user.as_str(), "daemon");
        let at = account("daemon@site.example", Naming::UserOrMap).unwrap_err();
        assert!(at.contains("if daemon is meant, say so with --user daemon, or for a list"), "{at}");
        assert!(!at.contains("--allow-unknown"), "{at}");
        let at = account("no-such-one@site.example", Naming::UserOrMap).unwrap_err();
        assert!(at.contains("name it with --user ACCOUNT") && !at.contains("--allow-unknown"), "{at}");
        let oath = account("daemon@site.example", Naming::Map).unwrap_err();
        assert!(oath.contains("with --map FILE") && !oath.contains("--user"), "{oath}");
        let given = account("daemon@site.example", Naming::Given).unwrap_err();
        assert!(given.ends_with("with --user daemon"), "{given}");
        let plain = account("no-such-one", Naming::UserOrMap).unwrap_err();
        assert!(plain.contains("--user ACCOUNT") && plain.contains("--allow-unknown"), "{plain}");
    }
}
