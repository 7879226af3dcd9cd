//! The keys of the config, as the reader names them itself when it meets one that it does not know: there is no second list.

use super::Config;
use std::path::Path;

/// A key, by its section and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConfigKey {
    /// Empty: it stands above all sections.
    pub(crate) section: String,
    pub(crate) name: String,
}

impl ConfigKey {
    pub(crate) fn new(section: &str, name: &str) -> Self {
        Self { section: section.to_owned(), name: name.to_owned() }
    }

    /// `section.name`, as errors and the log write it.
    pub(crate) fn path(&self) -> String {
        if self.section.is_empty() { self.name.clone() } else { format!("{}.{}", self.section, self.name) }
    }

    /// The document that sets it, and nothing else.
    pub(crate) fn set_to(&self, value: &str) -> String {
        let section = if self.section.is_empty() { String::new() } else { format!("[{}]\n", self.section) };
        format!("{section}{} = {value}\n", self.name)
    }
}

pub(crate) fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("/c.toml"), text.as_bytes(), None).map_err(|error| error.to_string())
}

/// Every key that is read for the whole machine, sorted.
pub(crate) fn keys() -> Vec<ConfigKey> {
    let mut keys = Vec::new();
    for name in names("").unwrap() {
        match names(&format!("[{name}]\n")) {
            Some(inner) => keys.extend(inner.iter().map(|inner| ConfigKey::new(&name, inner))),
            // Sections of names that the administrator chose repeat the others.
            None if names(&format!("[{name}.any]\n")).is_some() => assert_eq!(name, "service"),
            None => keys.push(ConfigKey::new("", &name)),
        }
    }
    keys.sort();
    keys
}

/// The sections and keys above all sections that can be set for one service.
pub(crate) fn of_a_service() -> Vec<String> {
    names("[service.any]\n").unwrap()
}

/// What the reader asks for in a section; `None`: it is none.
fn names(section: &str) -> Option<Vec<String>> {
    let error = parse(&format!("{section}zzz = 1\n")).unwrap_err();
    let (_, known) = error.split_once("unknown field `zzz`, expected one of ")?;
    // Behind them stands what to do about it.
    let known = known.split(';').next()?;
    Some(known.split(", ").map(|name| name.trim_matches('`').to_owned()).collect())
}

/// Left out it means something that no value says.
pub(crate) fn without_default(key: &ConfigKey) -> bool {
    // A last day; a mail program that is taken where it is there.
    ["require.enroll_by", "notify.command"].contains(&key.path().as_str())
}

#[test]
fn the_reader_names_its_keys() {
    let keys: Vec<String> = keys().iter().map(ConfigKey::path).collect();
    for key in ["quiet", "limit.attempts", "fresh.for", "reset.token_for"] {
        assert!(keys.iter().any(|known| known == key), "{key} is not in {keys:?}");
    }
    assert!(!of_a_service().iter().any(|name| name == "reset"));
}
