//! Findings that the administrator wants (`[doctor] accepted`): they are shown as accepted, and do not count.

use super::finding::Finding;
use super::finding_names::{NAMES, nearest};
use crate::output;
use std::path::Path;
use totp_core::config::{Config, DEFAULT_FILE};
use totp_host::documents::{Access, read_document};

/// Marks what the config accepts, and adds a finding about each entry that accepts nothing. `requested`: the services that were asked
/// about; an entry about another one is not judged.
pub(super) fn mark(named: Option<&Path>, config: &Config, requested: &[String], findings: &mut Vec<Finding>) {
    if config.accepted_findings.is_empty() {
        return;
    }
    let file = named.unwrap_or(Path::new(DEFAULT_FILE));
    let text = read_document(file, Access::RootWrites).ok().flatten();
    let text = text.map(|text| String::from_utf8_lossy(text.expose()).into_owned()).unwrap_or_default();
    let mut about_entries = Vec::new();
    for entry in &config.accepted_findings {
        let found = Entry::parse(entry).map(|entry| (entry.mark(findings), entry));
        let place = || output::location(file.display(), line_of(&text, entry));
        let shown = entry.escape_debug();
        about_entries.extend(match found {
            Err(why) => Some(
                Finding::serious("accepted_unknown", format!("{}: \"{shown}\" in [doctor] accepted {why}", place()))
                    .why("it accepts nothing: the finding that was meant still counts")
                    .fix("correct the entry: \"ID:SERVICE\", with the two words as doctor prints them, or \"ID\" for a finding about no service"),
            ),
            Ok((true, _)) => None,
            Ok((false, entry)) if entry.is_about_another(requested) => None,
            Ok((false, _)) => Some(
                Finding::info("accepted_unused", format!("{}: \"{shown}\" in [doctor] accepted matches no finding", place()))
                    .why("it would hide the finding if it came back")
                    .fix("remove the entry"),
            ),
        });
    }
    findings.extend(about_entries);
}

/// `ID:SERVICE`, or `ID`.
struct Entry<'a> {
    name: &'a str,
    service: Option<&'a str>,
}

impl<'a> Entry<'a> {
    /// The error says what is wrong with it, to be read behind it.
    fn parse(entry: &'a str) -> Result<Self, String> {
        let (name, service) = match entry.split_once(':') {
            Some((name, service)) => (name, Some(service)),
            None => (entry, None),
        };
        if NAMES.contains(&name) {
            return Ok(Self { name, service });
        }
        Err(match nearest(name) {
            Some(meant) => format!("is no finding of doctor; is {meant} meant?"),
            None => "is no finding of doctor".to_owned(),
        })
    }

    /// Whether there was something to mark.
    fn mark(&self, findings: &mut [Finding]) -> bool {
        let mut has_marked = false;
        for finding in findings {
            if finding.name == self.name && finding.service.as_deref() == self.service {
                finding.accepted = true;
                has_marked = true;
            }
        }
        has_marked
    }

    /// Only some services were examined, and this is not about one of them.
    fn is_about_another(&self, requested: &[String]) -> bool {
        !requested.is_empty()
            && self.service.is_none_or(|service| !requested.iter().any(|name| name == service))
    }
}

/// The line in which the entry stands, from one.
fn line_of(text: &str, entry: &str) -> Option<usize> {
    let stands_in =
        |line: &str| ['"', '\''].iter().any(|quote| line.contains(&format!("{quote}{entry}{quote}")));
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    text.lines().position(|line| !is_comment(line) && stands_in(line)).map(|at| at.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_marks_the_finding_of_its_service_alone() {
        let mut findings = vec![
            Finding::serious("sshd_skips_pam", "a").at("sshd"),
            Finding::warning("one_factor", "b").at("sshd"),
            Finding::warning("one_factor", "b").at("sudo"),
            Finding::info("no_time_service", "c"),
        ];
        for (entry, marks) in [
            ("one_factor:sudo", true),
            ("no_time_service", true),
            ("one_factor", false),
            ("sshd_skips_pam:sudo", false),
        ] {
            assert_eq!(Entry::parse(entry).unwrap().mark(&mut findings), marks, "{entry}");
        }
        let marked: Vec<bool> = findings.iter().map(|finding| finding.accepted).collect();
        assert_eq!(marked, [false, false, true, true]);
    }

    #[test]
    fn a_misspelt_entry_names_what_is_meant() {
        let why = |entry| Entry::parse(entry).err().unwrap();
        assert!(why("sshd_skip_pam:sshd").contains("is sshd_skips_pam meant?"));
        assert!(!why("wat:sshd").contains("meant"));
        assert!(why("").contains("no finding"));
    }

    #[test]
    fn the_line_of_an_entry_is_that_of_the_key() {
        let text = "# accepted = [\"a:b\"]\n[doctor]\naccepted = [\n  'a:b', # the backup\n]\n";
        assert_eq!(line_of(text, "a:b"), Some(4));
        assert_eq!(line_of(text, "a:c"), None);
    }
}
