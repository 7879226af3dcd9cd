//! Checks the sudo rules for this command: one with a wildcard allows more options than it seems to (sudoers(5), "Wildcards").

use super::finding::Finding;
use std::fs;
use std::path::{Path, PathBuf};

const SUDOERS: &str = "/etc/sudoers";
const DIRECTORY: &str = "/etc/sudoers.d";
const COMMAND: &str = "/totp-enroll";

pub(super) fn examine(findings: &mut Vec<Finding>) {
    for file in files() {
        let Ok(text) = fs::read(&file) else { continue };
        for (line, rule) in rules(&String::from_utf8_lossy(&text)) {
            findings.extend(finding(&file, line, &rule));
        }
    }
}

/// The files that sudo reads; it skips names with a dot or a tilde at the end (sudoers(5), @includedir).
fn files() -> Vec<PathBuf> {
    let is_read = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.contains('.') && !name.ends_with('~')
    };
    let listed = fs::read_dir(DIRECTORY).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = listed.filter(is_read).collect();
    files.sort();
    files.insert(0, PathBuf::from(SUDOERS));
    files
}

/// The commands of a file that are this one, with the numbers of their lines. What is denied (`!`) is left out.
fn rules(text: &str) -> Vec<(usize, String)> {
    let mut rules = Vec::new();
    let mut logical = String::new();
    let mut begins = 1_usize;
    for (number, line) in (1_usize..).zip(text.lines()) {
        if logical.is_empty() {
            begins = number;
        }
        if let Some(continued) = line.strip_suffix('\\') {
            logical.push_str(continued);
            continue;
        }
        logical.push_str(line);
        let rule = std::mem::take(&mut logical);
        if rule.trim_start().starts_with('#') {
            continue;
        }
        rules.extend(commands(&rule).into_iter().map(|command| (begins, command)));
    }
    rules
}

fn commands(rule: &str) -> Vec<String> {
    let ends_with_the_command = |text: &str| text.ends_with(COMMAND);
    let mut commands = Vec::new();
    let mut rest = rule;
    while let Some((before, behind)) = rest.split_once(COMMAND) {
        let path = before.rsplit([' ', '\t', '=', ',', ':', ')']).next().unwrap_or_default();
        let end = end_of_command(behind);
        let (arguments, after) = behind.split_at_checked(end).unwrap_or((behind, ""));
        let is_its_name = behind.is_empty() || behind.starts_with([' ', '\t', ',']);
        let command = format!("{path}{COMMAND}");
        if is_its_name && !path.starts_with('!') && ends_with_the_command(&command) {
            commands.push(format!("{command}{}", arguments.trim_end()));
        }
        rest = after;
    }
    commands
}

/// Where the next command of the rule begins: a regular expression may contain commas, in brackets or escaped.
fn end_of_command(arguments: &str) -> usize {
    if arguments.trim_start().starts_with('^') {
        let ends = |(at, _): &(usize, &str)| {
            arguments.get(at.saturating_add(1)..).is_some_and(|rest| {
                let rest = rest.trim_start();
                rest.is_empty() || rest.starts_with(',')
            })
        };
        return arguments
            .match_indices('$')
            .find(ends)
            .map_or(arguments.len(), |(at, _)| at.saturating_add(1));
    }
    let mut is_escaped = false;
    for (at, char) in arguments.char_indices() {
        if char == ',' && !is_escaped {
            return at;
        }
        is_escaped = char == '\\' && !is_escaped;
    }
    arguments.len()
}

fn finding(file: &Path, line: usize, rule: &str) -> Option<Finding> {
    let arguments = rule.split_once(COMMAND).map_or("", |(_, arguments)| arguments.trim());
    let place = format!("line {line} of {}: `{rule}`", file.display());
    let is_open = match arguments.starts_with('^') {
        true => !arguments.ends_with('$') || [".*", ".+"].iter().any(|any| arguments.contains(any)),
        false => arguments.contains(['*', '?', '[']),
    };
    is_open.then(|| {
        Finding::warning("sudo_rule_with_wildcard", place)
            .why("a wildcard matches several words as well, so the rule allows every option of that command")
            .fix("write out the words, or use a regular expression from ^ to $ without `.*`: docs/locked-out.md, \"The sudo rules of operators\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<usize> {
        let rules = rules(text).into_iter();
        rules.filter_map(|(line, rule)| finding(Path::new("f"), line, &rule).map(|_| line)).collect()
    }

    #[test]
    fn a_rule_with_a_wildcard_is_found() {
        for rule in [
            "%helpdesk ALL = /usr/bin/totp-enroll reset *",
            "%helpdesk ALL=(root) NOPASSWD:/usr/bin/totp-enroll reset request [a-z]* --reason x",
            "Cmnd_Alias RESET = /usr/bin/totp-enroll reset list, /usr/bin/totp-enroll status *",
            "%firstlevel ALL = /usr/bin/totp-enroll unlock *, !/usr/bin/totp-enroll unlock *--budget*",
            "a ALL = /usr/bin/totp-enroll ^reset .*$",
            "a ALL = /usr/bin/totp-enroll ^reset (approve|cancel) [a-z]",
            "a ALL = /usr/bin/totp-enroll reset \\\n  cancel *",
        ] {
            assert_eq!(found(rule), [1], "{rule}");
        }
    }

    #[test]
    fn a_rule_without_one_is_not() {
        for rule in [
            "%helpdesk ALL = /usr/bin/totp-enroll ^reset (approve|complete) [a-z_][a-z0-9_.-]*$, /usr/bin/totp-enroll ^reset request [a-z_][a-z0-9_.-]* --reason[ =][[:alnum:] .,]+$, /usr/bin/totp-enroll reset list",
            "ALL ALL = (root) /usr/bin/totp-enroll ^reset cancel$",
            "%firstlevel ALL = /usr/bin/totp-enroll ^unlock [a-z_][a-z0-9_.-]*$",
            "%admin ALL = /usr/bin/totp-enroll",
            "bob ALL = ALL, !/usr/bin/totp-enroll reset *",
            "# bob ALL = /usr/bin/totp-enroll reset *",
            "bob ALL = /usr/bin/totp-enrollment *",
            "bob ALL = /usr/bin/systemctl restart *, /usr/bin/totp-enroll reset list",
        ] {
            assert_eq!(found(rule), [0_usize; 0], "{rule}");
        }
    }
}
